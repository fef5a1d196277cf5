"""Synthetic results for the tests of the evaluation and the report."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ragimpute.evaluation.evaluation_inputs import MethodResult
from ragimpute.evaluation.sample_statistics import Genotypes
from ragimpute.evaluation.strata import ReferenceCounts


def rounded(values: np.ndarray) -> np.ndarray:
    """Three decimals, as a VCF holds them."""
    return np.round(values, 3).astype(np.float32)


def synthetic(
    n_sites: int = 400, n_samples: int = 30, noise: float = 0.3, seed: int = 3, missing: float = 0.0, ties: bool = False
) -> tuple[Genotypes, ReferenceCounts]:
    """Truth drawn from the reference's frequencies in Hardy-Weinberg proportions, and noisy dosages of it."""
    generator = np.random.default_rng(seed)
    n_haplotypes = 1201 if not ties else 1200  # odd: no site has two equally frequent alleles
    ac = np.concatenate([np.arange(8), generator.integers(0, n_haplotypes + 1, size=n_sites - 8)])
    small = generator.random(n_sites) < 0.5
    ac = np.where(small, np.minimum(ac, generator.integers(0, 60, size=n_sites)), ac)
    frequency = ac / n_haplotypes
    haplotypes = generator.random((n_sites, n_samples, 2)) < frequency[:, None, None]
    hds = rounded(np.clip(haplotypes * (1 - noise) + noise * generator.random(haplotypes.shape), 0, 1))
    truth = haplotypes.sum(axis=2).astype(np.int8)
    truth[generator.random(truth.shape) < missing] = -1
    counts = ReferenceCounts(ac.astype(np.int64), np.full(n_sites, n_haplotypes, dtype=np.int64))
    return Genotypes(hds.sum(axis=2), hds, None, truth), counts


def truth_as_result(truth: np.ndarray) -> Genotypes:
    """A method that knows the answer."""
    ds = np.maximum(truth, 0).astype(np.float32)
    gp = (np.maximum(truth, 0)[:, :, None] == np.arange(3)).astype(np.float32)
    return Genotypes(ds, np.repeat(ds[:, :, None] / 2, 2, axis=2), gp, truth)


def result_of(
    genotypes: Genotypes | None,
    counts: ReferenceCounts,
    info_r2: np.ndarray,
    samples: Sequence[str],
    populations: Sequence[str] | None = None,
    er2: np.ndarray | None = None,
) -> MethodResult:
    """A result at untyped sites, beside as many typed sites of the same counts; er2 [S], by default none is known."""
    of_typed = np.full(len(info_r2), np.nan) if er2 is None else er2
    typed = np.arange(2 * len(info_r2)) % 2 == 1
    labels = ["NA"] * len(samples) if populations is None else populations
    return MethodResult(typed, genotypes, counts, info_r2, counts, of_typed, tuple(samples), tuple(labels))


def part_of(found: MethodResult, rows: slice) -> MethodResult:
    """A result of `result_of` at some of its sites."""
    genotypes = None if found.genotypes is None else found.genotypes.take(rows)
    counts = found.counts.take(rows)
    typed = np.arange(2 * len(counts.ac)) % 2 == 1
    parts = {"is_typed": typed, "genotypes": genotypes, "counts": counts, "info_r2": found.info_r2[rows]}
    return replace(found, **parts, typed_counts=counts, er2=found.er2[rows])


def write_study(folder, truth: bool = True, chromosomes: Sequence[str] = ()) -> None:
    """A small study's tables (metrics.tsv and the others) in `folder`, for plots and the report.

    The sites are cut into `chromosomes`; without them they are one panel on chromosome 20.
    """
    import pandas as pd

    from ragimpute import tables
    from ragimpute.evaluation import accuracy_by_position, result_tables, scorer, summary
    from ragimpute.evaluation.evaluation_sums import BootstrapSettings
    from ragimpute.evaluation.loss_study import judged_claims, loss_table, training_curves, trainings_table
    from ragimpute.evaluation.metric_rows import metric_table
    from ragimpute.evaluation.paired_comparisons import compare_methods
    from ragimpute.evaluation.pool_chromosomes import pool
    from ragimpute.panel.store import Sites
    from ragimpute.retrieval import painting

    samples, setting = [f"P{i:02d}" for i in range(40)], BootstrapSettings(100, 1)
    methods = [("beagle", "NA", "NA", 0.35), ("minimac4", "NA", "NA", 0.4), ("frequency", "NA", "NA", 0.9)]
    methods += [(f"copy_rag.{loss}", "copy_rag", loss, n) for loss, n in (("recon_switch", 0.33), ("no_recon", 0.3))]
    methods += [(f"bert_rag.{loss}", "bert_rag", loss, n) for loss, n in (("recon_switch", 0.6), ("no_recon", 0.55))]
    measured, evaluations, windows = [], [], []
    config = {"training": {name: {"size": "small"} for name in ("copy_rag", "bert_rag")}, "study": []}
    config["losses"] = {loss: {"gamma": 5} for loss in ("recon_switch", "no_recon")}
    pos = np.arange(1, 1001) * 1000
    text = np.full(len(pos), "A")
    parts = [str(part) for part in chromosomes] or ["20"]
    chrom = np.repeat(parts, -(-len(pos) // len(parts)))[: len(pos)]
    sites = Sites(chrom, pos, text, text, text, pos / 1e6)
    histories: dict[tuple[str, str], list] = {}
    for method, architecture, loss, noise in methods:
        genotypes, counts = synthetic(500, 40, noise=noise)
        weights = "NA" if architecture == "NA" else "scratch"
        run = result_tables.RunNames("example", "omni", method, architecture, loss, weights, int(architecture != "NA"))
        info = np.random.default_rng(2).random(500)
        whole = result_of(genotypes if truth else None, counts, info, samples, er2=info)
        windows.append(accuracy_by_position.accuracy_by_position(run, sites, whole))
        if chromosomes:
            each = []
            for name in parts:
                rows = np.flatnonzero(chrom[::2] == name)
                here = part_of(whole, slice(rows[0], rows[-1] + 1))
                each.append(scorer.score(run, here, setting, name))
            found = [pool(each), *each]
        else:
            found = [scorer.score(run, whole, setting)]
        evaluations += found
        measured += [metric_table(one) for one in found]
        if architecture != "NA":
            rows = []
            for step in range(1, 61):
                epoch = (step + 9) // 10
                rows += [
                    (1, step, epoch, "loss", 1 / step + noise),
                    (1, step, epoch, "loss_normalised", 1 / step + noise),
                ]
                rows += [(1, step, epoch, "switched", float(loss == "recon_switch" and step > 25 and step % 3 == 0))]
                rows += [(1, step, epoch, "grad_cosine", noise - step / 60), (1, step, epoch, "recon_ratio", 1 / step)]
                if step % 10 == 0:
                    quality = 1 - noise - 1 / step
                    rows += [(1, step, epoch, f"val_{name}", quality) for name in ("r2", "f1")]
                    rows += [(1, step, epoch, "train_f1", quality + 0.01)]
            histories[("omni", method)] = [pd.DataFrame(rows, columns=list(result_tables.HISTORY_COLUMNS))]
    table = tables.join_tables(measured, result_tables.METRIC_COLUMNS)
    result_tables.write_result_table(table, result_tables.METRIC_COLUMNS, folder / "metrics.tsv")
    result_tables.write_result_table(
        compare_methods(evaluations), result_tables.COMPARISON_COLUMNS, folder / "comparisons.tsv"
    )
    result_tables.write_result_table(
        summary.summary_table(table, histories), result_tables.SUMMARY_COLUMNS, folder / "summary.tsv"
    )
    result_tables.write_result_table(
        tables.join_tables(windows, accuracy_by_position.COLUMNS), accuracy_by_position.COLUMNS, folder / "along.tsv"
    )
    pieces = [("P00", 1 + i // 4, 1 + i % 4 * 150_000, f"R{i % 3}", 1 + i % 2, ("GBR", "FIN")[i % 2]) for i in range(8)]
    painted = pd.DataFrame(
        pieces, columns=["sample", "haplotype", "start", "neighbour", "neighbour_haplotype", "population"]
    )
    painted = painted.assign(mask="omni", chrom="20", end=painted["start"] + 150_000, cm=0.15, n_typed=30)
    result_tables.write_result_table(painted, painting.COLUMNS, folder / "painting.tsv")
    result_tables.write_result_table(
        training_curves.training_curves(histories), training_curves.COLUMNS, folder / "curves.tsv"
    )
    whole_genome = [one for one in evaluations if one.chrom == "all"]
    recalibrated = [
        replace(one, run=replace(one.run, method=f"{one.run.method}.calibrated"))
        for one in evaluations
        if one.run.architecture == "bert_rag" and one.chrom == "all"
    ]
    rows = trainings_table.training_rows([*whole_genome, *recalibrated], histories, config, "default")
    result_tables.write_result_table(rows, trainings_table.COLUMNS, folder / "trainings.tsv", trainings_table.DIGITS)
    settings = loss_table.group_trainings(tables.read_table(folder / "trainings.tsv", trainings_table.COLUMNS))
    result_tables.write_result_table(loss_table.loss_table(settings), loss_table.COLUMNS, folder / "loss_study.tsv")
    result_tables.write_result_table(judged_claims.judge_claims(settings), judged_claims.COLUMNS, folder / "claims.tsv")
