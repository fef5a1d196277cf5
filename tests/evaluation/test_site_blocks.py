"""Scoring in blocks of sites: where they are cut, and the same tables as from all sites at once."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation_data import rounded
from mosaic import mosaic_panel
from ragimpute.errors import NoTypedSites
from ragimpute.evaluation import site_blocks
from ragimpute.evaluation.evaluate_method import EvaluationInputs, EvaluationOutputs, evaluate_method
from ragimpute.evaluation.evaluation_sums import BootstrapSettings
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.score_files import score
from ragimpute.evaluation.site_blocks import cut_into_blocks
from ragimpute.panel.roles import write_roles
from ragimpute.panel.store import Panel
from ragimpute.targets.alleles import AllelePolicy
from ragimpute.targets.mask import write_typed
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.writer import write_genotypes, write_imputed
from two_chromosomes import joined, stretched

RUN = RunNames("p", "m", "x", "NA", "NA", "NA", 0)
N_TARGETS = 6
SMALL = 7 * N_TARGETS  # genotypes in a block: seven sites


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Panel]:
    """A panel of two chromosomes of 60 sites, an imputed file and the truth, which lacks some sites and genotypes."""
    folder = tmp_path_factory.mktemp("blocks")
    panel = joined(stretched(mosaic_panel(seed=3), "20", 30), stretched(mosaic_panel(seed=4), "21", 10))
    typed = np.arange(120) % 5 == 2
    targets = panel.samples[-N_TARGETS:]
    alleles = panel.alleles[:].reshape(120, -1, 2)[:, -N_TARGETS:].astype(np.int8)
    noise = np.random.default_rng(1).random(alleles.shape)
    hds = rounded(np.where(typed[:, None, None], alleles, 0.6 * alleles + 0.4 * noise))
    imputed = Imputed(targets, hds, hds.prod(axis=2), typed)
    write_imputed(folder / "imputed.vcf.gz", panel.sites, panel.contigs, imputed)
    true = alleles.copy()
    true[::11, 1] = -1
    kept = np.arange(120) % 13 != 0
    write_genotypes(folder / "truth.vcf.gz", panel.sites.take(kept), panel.contigs, targets, true[kept], True)
    reference = {"sample": panel.samples, "role": "reference", "fold": "train", "population": "NA", "family": "NA"}
    roles = pd.DataFrame(reference)
    roles.loc[len(roles) - N_TARGETS :, ["role", "fold"]] = "target", "targets"
    write_roles(roles, folder / "roles.tsv")
    write_typed(folder / "typed.tsv", panel.sites, typed, np.zeros((120, 0), dtype=bool))
    panel.save(folder / "panel")
    return folder, panel


def evaluated(folder: Path, out: Path, truth: Path) -> list[str]:
    """The tables of `ragimpute evaluate`, as text."""
    inputs = EvaluationInputs(
        folder / "imputed.vcf.gz", truth, folder / "panel", folder / "roles.tsv", folder / "typed.tsv"
    )
    outputs = EvaluationOutputs(out / "metrics.tsv", out / "statistics", out / "along.tsv")
    evaluate_method(inputs, RUN, BootstrapSettings(50, 1), AllelePolicy(), outputs, windows=7)
    return [path.read_text() for path in (outputs.metrics, outputs.along)]


def test_blocks_hold_each_site_once_and_no_position_is_cut() -> None:
    panel = joined(stretched(mosaic_panel(seed=3), "20", 30), stretched(mosaic_panel(seed=4), "21", 10))
    panel.sites.pos[5:9] = panel.sites.pos[5]
    whole = cut_into_blocks(panel.sites, N_TARGETS)
    assert [(block.sites, block.region) for block in whole] == [(slice(0, 120), None)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site_blocks, "BLOCK_GENOTYPES", SMALL)
        blocks = cut_into_blocks(panel.sites, N_TARGETS)
    assert blocks[0].sites == slice(0, 9)
    assert [block.sites.start for block in blocks[1:]] == [block.sites.stop for block in blocks[:-1]]
    assert (blocks[0].sites.start, blocks[-1].sites.stop) == (0, 120)
    for one, other in pairwise(blocks):
        follows = other.region.start == one.region.end + 1
        assert follows if one.region.chrom == other.region.chrom else other.region.start == 1
    for block in blocks:
        here = panel.sites.take(block.sites)
        assert block.region.holds(here.chrom, here.pos).all()


@pytest.mark.parametrize("indexed", [True, False])
def test_evaluations_in_blocks_print_the_same_tables(files, tmp_path: Path, monkeypatch, indexed: bool) -> None:
    folder, _ = files
    truth = folder / "truth.vcf.gz"
    if not indexed:
        truth = tmp_path / "alone.vcf.gz"
        truth.write_bytes((folder / "truth.vcf.gz").read_bytes())
    whole = evaluated(folder, tmp_path, truth)
    read = []
    original = site_blocks.read_imputed
    monkeypatch.setattr(site_blocks, "BLOCK_GENOTYPES", SMALL)
    monkeypatch.setattr(site_blocks, "read_imputed", lambda *a, **b: read.append(len(a[1])) or original(*a, **b))
    assert evaluated(folder, tmp_path, truth) == whole
    assert max(read) == 7
    assert sum(read) == 120


@pytest.mark.parametrize("with_reference", [True, False])
def test_scores_in_blocks_are_the_same(files, monkeypatch, with_reference: bool) -> None:
    folder, panel = files
    reference = folder / "reference.safetensors" if with_reference else None
    if reference is not None:
        panel.of_samples(panel.samples[:-N_TARGETS]).save(reference)
    request = {"imputed": folder / "imputed.vcf.gz", "truth": folder / "truth.vcf.gz", "reference": reference}
    whole = score(**request, bootstraps=50)
    monkeypatch.setattr(site_blocks, "BLOCK_GENOTYPES", SMALL)
    pd.testing.assert_frame_equal(score(**request, bootstraps=50), whole, rtol=1e-12)


def test_a_truth_without_a_site_of_the_panel_is_refused_in_blocks_too(files, tmp_path: Path, monkeypatch) -> None:
    folder, panel = files
    elsewhere = panel.sites.take(slice(0, 1))
    elsewhere.pos[:] += 1
    alleles = np.zeros((1, N_TARGETS, 2), dtype=np.int8)
    truth = tmp_path / "truth.vcf.gz"
    write_genotypes(truth, elsewhere, panel.contigs, panel.samples[-N_TARGETS:], alleles, True)
    monkeypatch.setattr(site_blocks, "BLOCK_GENOTYPES", SMALL)
    with pytest.raises(NoTypedSites, match=r"truth.vcf.gz: no record matches .* \(1 not in the reference\)"):
        evaluated(folder, tmp_path, truth)
