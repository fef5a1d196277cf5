"""evaluate, collect and summarise from files, checked against the VCFs read independently."""

import gzip
import json
import re
from pathlib import Path

import cyvcf2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import f1_score

from ragimpute import tables
from ragimpute.cli import ragimpute
from ragimpute.errors import InputError
from ragimpute.evaluation import result_tables
from ragimpute.panel.roles import write_roles
from ragimpute.panel.store import Panel
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.writer import write_genotypes, write_imputed

SAMPLES = tuple(f"T{i}" for i in range(12))


@pytest.fixture(scope="module")
def study(tmp_path_factory, tiny_panel: Panel, tiny_typed: np.ndarray) -> Path:
    """Targets whose alleles are those of the panel's first samples, and two methods of different quality."""
    folder, sites = tmp_path_factory.mktemp("study"), tiny_panel.sites
    tiny_panel.save(folder / "panel.safetensors")
    alleles = tiny_panel.alleles[:, :24].reshape(len(sites), 12, 2).astype(np.int8)
    truth = alleles.copy()
    truth[8, 2] = -1
    write_genotypes(folder / "truth.vcf.gz", sites, tiny_panel.contigs, SAMPLES, truth, True)
    for name, noise in (("good", 0.2), ("bad", 0.6)):
        generator = np.random.default_rng(1)
        hds = (alleles * (1 - noise) + noise * generator.random(alleles.shape)).astype(np.float32)
        imputed = Imputed(SAMPLES, hds, hds[:, :, 0] * hds[:, :, 1], tiny_typed)
        write_imputed(folder / f"{name}.vcf.gz", sites, tiny_panel.contigs, imputed)
    place = pd.DataFrame({name: getattr(sites, name) for name in ("chrom", "pos", "ref", "alt")})
    place.assign(typed=tiny_typed.astype(int)).to_csv(folder / "typed.tsv", sep="\t", index=False)
    targets = pd.DataFrame({"sample": SAMPLES, "role": "target", "fold": "targets", "population": ["A", "B"] * 6})
    reference = pd.DataFrame({"sample": tiny_panel.samples, "role": "reference", "fold": "train", "population": "NA"})
    write_roles(pd.concat([reference, targets]).assign(family="NA"), folder / "roles.tsv")
    return folder


def evaluate(folder: Path, name: str, *extra: str, truth: bool = True) -> Path:
    out = folder / f"{name}{'' if truth else '.untold'}.tsv"
    arguments = ["evaluate", "--imputed", str(folder / f"{name}.vcf.gz"), "--panel", str(folder / "panel.safetensors")]
    arguments += [part for verb in ("roles", "typed") for part in (f"--{verb}", str(folder / f"{verb}.tsv"))]
    arguments += ["--panel-name", "tiny", "--mask-name", "fifth", "--method", name, "--seed", "0", "--bootstraps", "50"]
    arguments += ["--out", str(out), "--statistics", str(out.with_suffix(".safetensors"))]
    arguments += ["--along", str(out.with_suffix(".along"))]
    arguments += ["--truth", str(folder / "truth.vcf.gz")] if truth else []
    result = CliRunner().invoke(ragimpute, [*arguments, *extra], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return out


def dosages_and_truth(folder: Path, name: str, typed: np.ndarray, ac: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Straight from the VCFs, without the package: minor-allele dosages and counts of the scored genotypes."""
    ds = np.array([record.format("DS")[:, 0] for record in cyvcf2.VCF(str(folder / f"{name}.vcf.gz"))])
    genotypes = np.array([record.genotype.array()[:, :2] for record in cyvcf2.VCF(str(folder / "truth.vcf.gz"))])
    truth, known = genotypes.sum(axis=2), (genotypes >= 0).all(axis=2)
    flip = (ac > 24)[:, None]
    ds, truth = np.where(flip, 2 - ds, ds), np.where(flip, 2 - truth, truth)
    scored = known & (~typed & (ac > 0) & (ac < 48))[:, None]
    return ds[scored], truth[scored]


@pytest.mark.parametrize("name", ["good", "bad"])
def test_r2_and_f1_agree_with_an_independent_reading(study, tiny_panel, tiny_typed, name):
    table = tables.read_table(evaluate(study, name), result_tables.METRIC_COLUMNS)
    table = table[(table.population == "all") & (table.stratum == "overall")].set_index("metric")
    x, y = dosages_and_truth(study, name, tiny_typed, tiny_panel.alleles[:].sum(axis=1, dtype=int))
    call = np.rint(x)
    assert table.value["r2"] == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2, abs=1e-6)
    asked, told = (np.concatenate([v >= 1, v >= 2]) for v in (y, call))
    assert table.value["f1"] == pytest.approx(f1_score(asked, told), abs=1e-6)
    assert table.n_genotypes["r2"] == len(x)
    assert table.value["truth_minor_alleles"] == y.sum()
    assert table.value["missing_truth"] == 1


def test_the_same_command_gives_the_same_bytes(study):
    first = [evaluate(study, "good").read_bytes(), (study / "good.safetensors").read_bytes()]
    assert first == [evaluate(study, "good").read_bytes(), (study / "good.safetensors").read_bytes()]


def test_collect_and_summarise(study, tmp_path):
    files = [evaluate(study, "good", "--architecture", "copy_rag", "--loss", "focal", "--weights", "scratch")]
    files.append(evaluate(study, "bad"))
    arguments = ["collect", "--out", str(tmp_path / "metrics.tsv"), "--comparisons", str(tmp_path / "comparisons.tsv")]
    arguments += ["--along-out", str(tmp_path / "along.tsv")]
    for path in files:
        arguments += ["--evaluation", str(path), "--statistics", str(path.with_suffix(".safetensors"))]
        arguments += ["--along", str(path.with_suffix(".along"))]
    assert CliRunner().invoke(ragimpute, arguments, catch_exceptions=False).exit_code == 0
    (tmp_path / "h.tsv").write_text("seed\tstep\tepoch\tmetric\tvalue\n0\t1\t1\tval_r2\t0.5\n0\t1\t1\tval_f1\t0.5\n")
    arguments = ["summarise", "--metrics", str(tmp_path / "metrics.tsv"), "--out", str(tmp_path / "summary.tsv")]
    arguments += ["--history", "fifth", "good", str(tmp_path / "h.tsv")]
    result = CliRunner().invoke(ragimpute, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "good *" in result.output
    summary = tables.read_table(tmp_path / "summary.tsv", result_tables.SUMMARY_COLUMNS).set_index("method")
    assert summary.selected.to_dict() == {"good": True, "bad": False}
    assert summary.r2_overall["good"] > summary.r2_overall["bad"]
    quiet = CliRunner().invoke(ragimpute, [*arguments, "--quiet"], catch_exceptions=False)
    assert quiet.output == ""
    told = json.loads(CliRunner().invoke(ragimpute, [*arguments, "--json"], catch_exceptions=False).output)
    assert {row["method"]: row["selected"] for row in told} == summary.selected.to_dict()
    assert told[0]["r2_overall_sd"] is None  # one seed: not NaN, which is no JSON


def test_without_truth(study):
    table = tables.read_table(evaluate(study, "good", truth=False), result_tables.METRIC_COLUMNS)
    assert set(table.metric) == {"r2_info"}
    assert 0 < table.set_index("stratum").value["overall"] <= 1


def test_one_chromosome_pooled_is_the_whole_panel(study, tmp_path):
    whole = tables.read_table(evaluate(study, "good"), result_tables.METRIC_COLUMNS)
    alone = evaluate(study, "good", "--chrom", "20", "--windows", "3")
    assert set(tables.read_table(alone, result_tables.METRIC_COLUMNS)["chrom"]) == {"20"}
    windows = tables.read_table(alone.with_suffix(".along"), {"n_typed": int})
    assert len(windows) in (3, 4)
    arguments = ["pool-chromosomes", "--statistics", str(alone.with_suffix(".safetensors"))]
    arguments += ["--along", str(alone.with_suffix(".along")), "--out", str(tmp_path / "pooled.tsv")]
    arguments += ["--pooled", str(tmp_path / "pooled.safetensors"), "--along-out", str(tmp_path / "pooled.along")]
    assert CliRunner().invoke(ragimpute, arguments, catch_exceptions=False).exit_code == 0
    assert (tmp_path / "pooled.along").read_bytes() == alone.with_suffix(".along").read_bytes()
    pooled = tables.read_table(tmp_path / "pooled.tsv", result_tables.METRIC_COLUMNS)
    assert set(pooled["chrom"]) == {"all", "20"}
    of_all = pooled[pooled["chrom"] == "all"].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_all, whole)
    arguments = ["collect", "--evaluation", str(tmp_path / "pooled.tsv"), "--along", str(tmp_path / "pooled.along")]
    arguments += ["--statistics", str(tmp_path / "pooled.safetensors")]
    arguments += ["--statistics", str(alone.with_suffix(".safetensors"))]
    arguments += ["--out", str(tmp_path / "m.tsv"), "--comparisons", str(tmp_path / "c.tsv")]
    arguments += ["--along-out", str(tmp_path / "a.tsv")]
    assert CliRunner().invoke(ragimpute, arguments, catch_exceptions=False).exit_code == 0
    assert (tmp_path / "m.tsv").read_bytes() == (tmp_path / "pooled.tsv").read_bytes()


def test_a_chromosome_without_untyped_sites_has_nothing_to_score(study, tmp_path):
    for name in ("panel.safetensors", "roles.tsv", "good.vcf.gz", "good.vcf.gz.tbi", "truth.vcf.gz"):
        (tmp_path / name).write_bytes((study / name).read_bytes())
    rows = (study / "typed.tsv").read_text().splitlines()
    (tmp_path / "typed.tsv").write_text("\n".join([rows[0], *(f"{row[:-1]}1" for row in rows[1:])]) + "\n")
    with pytest.raises(InputError, match="every site is typed"):
        evaluate(tmp_path, "good")
    table = tables.read_table(evaluate(tmp_path, "good", "--chrom", "20"), result_tables.METRIC_COLUMNS)
    assert table.loc[table["metric"] == "r2", "value"].isna().all()


def test_tables_of_another_panel_are_refused(study, tmp_path, tiny_panel):
    for name in ("panel.safetensors", "roles.tsv", "typed.tsv", "good.vcf.gz", "good.vcf.gz.tbi", "truth.vcf.gz"):
        (tmp_path / name).write_bytes((study / name).read_bytes())
    rows = (study / "typed.tsv").read_text().splitlines(keepends=True)
    (tmp_path / "typed.tsv").write_text("".join(rows[:-1]))
    with pytest.raises(InputError, match=r"typed\.tsv: its rows are not the panel's"):
        evaluate(tmp_path, "good")


def scored(folder: Path, *options: str, imputed: str = "good.vcf.gz") -> pd.DataFrame:
    """What `ragimpute score` writes, by stratum and metric."""
    out = folder / "scores.tsv"
    files = ["--imputed", str(folder / imputed), "--truth", str(folder / "truth.vcf.gz")]
    result = CliRunner().invoke(ragimpute, ["score", *files, *options, "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return pd.read_csv(out, sep="\t").set_index(["stratum", "metric"])


@pytest.mark.parametrize("kind", ["prepared", "vcf"])
def test_score_gives_what_the_workflow_gives(study: Path, tiny_panel: Panel, kind: str) -> None:
    """The same file, truth and reference: the same values, whether the panel is prepared or a VCF."""
    reference = study / "panel.safetensors"
    if kind == "vcf":
        reference = study / "panel.vcf.gz"
        pairs = tiny_panel.allele_pairs()
        write_genotypes(reference, tiny_panel.sites, tiny_panel.contigs, tiny_panel.samples, pairs, True)
    found = scored(study, "--reference", str(reference), "--bootstraps", "50")
    metrics = tables.read_table(evaluate(study, "good"), result_tables.METRIC_COLUMNS)
    expected = metrics[metrics["population"] == "all"].set_index(["stratum", "metric"])
    assert set(found.index) <= set(expected.index)
    for column in ("value", "ci_low", "ci_high", "n_sites"):
        left, right = found[column].astype(float), expected.loc[found.index, column].astype(float)
        np.testing.assert_allclose(left, right, atol=1e-6, err_msg=column)


def test_score_without_a_reference_takes_the_strata_of_the_truth(study: Path) -> None:
    found = scored(study)
    whole = scored(study, "--reference", str(study / "panel.safetensors"))
    assert found.loc[("overall", "r2"), "value"] == pytest.approx(whole.loc[("overall", "r2"), "value"], abs=0.05)
    assert found.loc[("overall", "r2"), "n_sites"] < 60


def test_score_of_listed_sites_and_of_the_truth(study: Path, tiny_panel: Panel, tiny_typed: np.ndarray) -> None:
    """Sites that a list names are not scored; the truth as a result scores 1."""
    alleles = tiny_panel.alleles[:, :24].reshape(len(tiny_typed), 12, 2).astype(np.float32)
    perfect = Imputed(SAMPLES, alleles, alleles.prod(axis=2), np.zeros(len(tiny_typed), dtype=bool))
    write_imputed(study / "perfect.vcf.gz", tiny_panel.sites, tiny_panel.contigs, perfect)
    listed = study / "typed.txt"
    listed.write_text("".join(f"20 {pos}\n" for pos in tiny_panel.sites.pos[tiny_typed]))
    found = scored(study, "--typed", str(listed), imputed="perfect.vcf.gz")
    everything = scored(study, imputed="perfect.vcf.gz")
    assert found.loc[("overall", "r2"), "value"] == everything.loc[("overall", "f1"), "value"] == 1
    assert found.loc[("overall", "r2"), "n_sites"] < everything.loc[("overall", "r2"), "n_sites"]


def with_marks(study: Path, name: str, typed: str, imputed: str) -> str:
    """A copy of good.vcf.gz whose flags TYPED and IMPUTED are called otherwise; "": they are not there."""
    with gzip.open(study / "good.vcf.gz", "rt") as file:
        text = file.read()
    for old, new in (("TYPED", typed), ("IMPUTED", imputed)):
        text = re.sub(f"##INFO=<ID={old},", f"##INFO=<ID={new}," if new else "##unused=<ID=", text)
        text = re.sub(f";{old}(?=\t)", f";{new}" if new else "", text)
    (study / name).write_text(text)
    return name


def test_score_knows_typed_sites_by_the_marks_of_each_program(study: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Beagle and IMPUTE5 mark imputed sites (IMP), others typed ones; without marks all are scored, and it is said."""
    expected = scored(study)
    of_beagle = scored(study, imputed=with_marks(study, "beagle.vcf", "", "IMP"))
    pd.testing.assert_frame_equal(of_beagle, expected)
    of_minimac = scored(study, imputed=with_marks(study, "minimac.vcf", "TYPED", ""))
    pd.testing.assert_frame_equal(of_minimac, expected)
    assert "does not mark typed sites" not in caplog.text
    unmarked = scored(study, imputed=with_marks(study, "unmarked.vcf", "", ""))
    assert unmarked.loc[("overall", "r2"), "n_sites"] > expected.loc[("overall", "r2"), "n_sites"]
    assert "unmarked.vcf: it does not mark typed sites" in caplog.text


def test_score_of_two_files_and_their_paired_difference(study: Path, tmp_path: Path) -> None:
    """Each file's rows are those of a run of its own; the difference is that of comparisons.tsv."""
    reference = ("--reference", str(study / "panel.safetensors"), "--bootstraps", "50")
    plot = tmp_path / "r2.svg"
    both = scored(study, *reference, "--against", str(study / "bad.vcf.gz"), "--plot", str(plot)).reset_index()
    for file, imputed in (("imputed", "good.vcf.gz"), ("against", "bad.vcf.gz")):
        alone = scored(study, *reference, imputed=imputed)
        of_file = both[both["file"] == file].drop(columns="file").set_index(["stratum", "metric"])
        pd.testing.assert_frame_equal(of_file, alone)
    arguments = ["collect", "--out", str(tmp_path / "m.tsv"), "--comparisons", str(tmp_path / "c.tsv")]
    for path in [evaluate(study, "good"), evaluate(study, "bad")]:
        arguments += ["--evaluation", str(path), "--statistics", str(path.with_suffix(".safetensors"))]
        arguments += ["--along", str(path.with_suffix(".along"))]
    arguments += ["--along-out", str(tmp_path / "along.tsv")]
    CliRunner().invoke(ragimpute, arguments, catch_exceptions=False)
    compared = tables.read_table(tmp_path / "c.tsv", result_tables.COMPARISON_COLUMNS)
    is_shown = (compared["method_a"] == "good") & (compared["population"] == "all")
    expected = compared[is_shown].set_index(["stratum", "metric"])[["difference", "ci_low", "ci_high"]]
    difference = both[both["file"] == "difference"].set_index(["stratum", "metric"])
    assert set(difference.index) == set(expected.index)
    assert difference.loc[("overall", "r2"), "ci_low"] > 0
    found = difference.loc[expected.index, ["value", "ci_low", "ci_high"]]
    np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=2e-6)
    for name in ("good.vcf.gz", "bad.vcf.gz"):
        assert name in plot.read_text()


def test_two_files_are_compared_at_the_sites_of_both_that_neither_marks_as_typed(study: Path, tmp_path: Path) -> None:
    with gzip.open(study / "bad.vcf.gz", "rt") as file:
        lines = file.readlines()
    header = [line for line in lines if line.startswith("#")]
    records = lines[len(header) :]
    part = study / "part.vcf"
    untyped = [i for i, record in enumerate(records) if "TYPED" not in record]
    absent, marked = untyped[:10], untyped[10:25]
    for i in marked:
        records[i] = records[i].replace("IMPUTED", "TYPED")
    part.write_text("".join([*header, *(record for i, record in enumerate(records) if i not in absent)]))
    listed = tmp_path / "listed.txt"
    is_left_out = set(range(len(records))) - set(untyped[25:])
    listed.write_text("".join("\t".join(records[i].split("\t")[:2]) + "\n" for i in sorted(is_left_out)))
    both = scored(study, "--against", str(part)).reset_index()
    alone = scored(study, "--typed", str(listed)).reset_index()
    values = ["stratum", "metric", "value", "ci_low", "ci_high", "n_sites"]
    of_good = both[(both["file"] == "imputed") & (both["metric"] == "r2")][values].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_good, alone[alone["metric"] == "r2"][values].reset_index(drop=True))


def test_score_of_other_samples_is_an_error(study: Path, tiny_panel: Panel) -> None:
    other = study / "other.vcf.gz"
    pairs = tiny_panel.allele_pairs()
    write_genotypes(other, tiny_panel.sites, tiny_panel.contigs, tiny_panel.samples, pairs, True)
    arguments = ["score", "--imputed", str(study / "good.vcf.gz"), "--truth", str(other)]
    result = CliRunner().invoke(ragimpute, arguments)
    assert isinstance(result.exception, InputError)
    assert "no sample in common" in str(result.exception)
