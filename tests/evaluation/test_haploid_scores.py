"""Men on X beside women: a man has one allele, his dosage is in [0, 1], and the minor allele is one minus it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from evaluation_data import result_of
from mosaic import mosaic_panel
from ragimpute.errors import InputError
from ragimpute.evaluation import metrics
from ragimpute.evaluation.calibration import binned
from ragimpute.evaluation.evaluation_inputs import method_results, target_ploidy
from ragimpute.evaluation.evaluation_sums import BootstrapSettings
from ragimpute.evaluation.metric_rows import metric_table
from ragimpute.evaluation.result_tables import RunNames
from ragimpute.evaluation.sample_statistics import Genotypes, sample_statistics
from ragimpute.evaluation.scorer import score
from ragimpute.evaluation.strata import ReferenceCounts
from ragimpute.panel.allele_counts import count_alleles
from ragimpute.panel.store import Panel
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.writer import write_genotypes, write_imputed
from two_chromosomes import stretched

RUN = RunNames("x", "array", "beagle", "NA", "NA", "NA", 0)
NAN = np.nan
# a man and a woman at two sites; REF is the minor allele of the second
HDS = np.array([[[0.8, NAN], [0.9, 0.2]], [[0.7, NAN], [1.0, 0.6]]], dtype=np.float32)
DS = np.array([[0.8, 1.1], [0.7, 1.6]], dtype=np.float32)
TRUTH = np.array([[1, 1], [1, 2]], dtype=np.int8)
COUNTS = ReferenceCounts(np.array([3, 8]), np.array([10, 10]))
PLOIDY = np.array([1, 2], dtype=np.int8)


def gp(ds: np.ndarray, both: np.ndarray) -> np.ndarray:
    return np.stack([1 - ds + both, ds - 2 * both, both], axis=2)


GIVEN = gp(DS, np.array([[0, 0.15], [0, 0.6]], dtype=np.float32))


@pytest.mark.parametrize("probabilities", [GIVEN, None])
def test_a_man_and_a_woman_by_hand(probabilities):
    genotypes = Genotypes(DS, HDS, probabilities, TRUTH, PLOIDY)
    minor = genotypes.oriented(COUNTS.flipped)
    np.testing.assert_allclose(minor.ds, [[0.8, 1.1], [0.3, 0.4]], atol=1e-6)
    assert minor.truth.tolist() == [[1, 1], [0, 0]]
    if probabilities is not None:
        np.testing.assert_allclose(minor.gp[:, 0], [[0.2, 0.8, 0], [0.7, 0.3, 0]], atol=1e-6)
        np.testing.assert_allclose(minor.gp[1, 1], [0.6, 0.4, 0], atol=1e-6)
    man, woman = sample_statistics(genotypes, COUNTS).sums[:, 0]
    assert metrics.field(man, "x") == pytest.approx(1.1)
    assert metrics.field(man, "y") == 1
    assert [metrics.field(man, name) for name in ("n", "c11", "c00", "missing")] == [2, 1, 1, 0]
    assert metrics.field(man, "p_true") == pytest.approx(0.8 + 0.7)
    assert [metrics.field(man, f"p{g}") for g in range(3)] == pytest.approx([0.9, 1.1, 0])
    assert metrics.brier(man) == pytest.approx((2 * 0.2**2 + 2 * 0.3**2) / 2)
    x, y = [0.8, 1.1, 0.3, 0.4], [1, 1, 0, 0]
    assert metrics.r2(man + woman) == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2, abs=1e-6)


def test_calibration_counts_one_haplotype_of_a_man():
    statistics = sample_statistics(Genotypes(DS, HDS, None, TRUTH, PLOIDY), COUNTS)
    man, woman = statistics.calibration[:, 0].sum(axis=1)
    assert man == pytest.approx([2, 0.8 + 0.3, 1])
    # her heterozygote's allele is shared between .9 and .2; of 1 and .6, turned to 0 and .4, only .4 is uncertain
    assert woman == pytest.approx([3, 0.9 + 0.2 + 0.4, 1])
    np.testing.assert_array_equal(binned(statistics.dosages), statistics.calibration)


def test_swapping_ref_and_alt_is_no_matter_for_mixed_samples():
    generator = np.random.default_rng(1)
    ploidy = np.array([1, 2] * 6, dtype=np.int8)
    frequency = generator.random(80)
    alleles = generator.random((80, 12, 2)) < frequency[:, None, None]
    hds = (alleles * 0.7 + 0.3 * generator.random(alleles.shape)).round(3)
    hds[:, ploidy == 1, 1] = NAN
    truth = np.where(ploidy == 1, alleles[..., 0], alleles.sum(axis=2)).astype(np.int8)
    ac = generator.integers(1, 100, 80)
    counts = ReferenceCounts(ac, np.full(80, 101))
    swapped = ReferenceCounts(101 - ac, np.full(80, 101))
    names = [f"P{i:02d}" for i in range(12)]
    one = Genotypes(np.nansum(hds, axis=2), hds, None, truth, ploidy)
    other = one.oriented(np.ones(80, dtype=bool))
    tables = [
        metric_table(score(RUN, result_of(g, c, np.full(80, 0.5), names), BootstrapSettings(50, 1)))
        for g, c in ((one, counts), (other, swapped))
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1], rtol=0, atol=1e-5)


@pytest.fixture
def on_x(tmp_path):
    """A panel of X whose odd samples are men, the last four are targets, and their imputed genotypes."""
    diploid = stretched(mosaic_panel(24), "X", 2)
    ploidy = np.where(np.arange(24) % 2 == 1, 1, 2).astype(np.int8)
    pairs = diploid.alleles[:].reshape(60, 24, 2)
    kept = np.stack([np.ones(24, dtype=bool), ploidy == 2], axis=1).reshape(-1)
    panel = Panel(diploid.sites, diploid.samples, diploid.alleles[:][:, kept], diploid.contigs, ploidy=ploidy)
    targets, alleles = panel.samples[-4:], pairs[:, -4:].astype(np.int8)
    roles = pd.DataFrame({"sample": panel.samples, "role": "reference", "fold": "train", "population": "NA"})
    roles.loc[20:, ["role", "fold"]] = "target", "targets"
    place = pd.DataFrame({name: getattr(panel.sites, name) for name in ("chrom", "pos", "ref", "alt")})
    typed = np.arange(60) % 5 == 2
    place.assign(typed=typed.astype(int)).to_csv(tmp_path / "typed.tsv", sep="\t", index=False)
    hds = (alleles * 0.8 + 0.1).astype(np.float32)
    imputed = Imputed(targets, hds, hds.prod(axis=2), typed, ploidy=ploidy[-4:])
    write_imputed(tmp_path / "imputed.vcf.gz", panel.sites, panel.contigs, imputed)
    haploid, twice = alleles.copy(), alleles.copy()
    haploid[:, 1::2, 1] = -2
    twice[:, 1::2, 1] = twice[:, 1::2, 0]
    for name, written in (("haploid", haploid), ("twice", twice)):
        write_genotypes(tmp_path / f"{name}.vcf.gz", panel.sites, panel.contigs, targets, written, True)
    return tmp_path, panel, roles, alleles


@pytest.mark.parametrize("truth", ["haploid", "twice"])
def test_files_of_men_and_women(on_x, truth):
    folder, panel, roles, alleles = on_x
    paths = folder / "imputed.vcf.gz", folder / f"{truth}.vcf.gz"
    (found,) = method_results(*paths, panel, roles, folder / "typed.tsv")
    assert found.genotypes.ploidy.tolist() == [2, 1, 2, 1]
    untyped = ~found.is_typed
    expected = alleles.sum(axis=2)
    expected[:, 1::2] = alleles[:, 1::2, 0]
    np.testing.assert_array_equal(found.genotypes.truth, expected[untyped])
    np.testing.assert_allclose(found.genotypes.ds, expected[untyped] * 0.8 + [0.2, 0.1, 0.2, 0.1], atol=1e-6)
    np.testing.assert_allclose(found.genotypes.gp.sum(axis=2), 1, atol=1e-6)
    assert (found.genotypes.gp[:, 1::2, 2] == 0).all()
    assert (found.counts.an == 30).all()  # ten men and ten women
    counted = count_alleles(panel, roles)["ac"].to_numpy()
    assert np.array_equal(counted, panel.of_samples(panel.samples[:20]).alleles[:].sum(axis=1))
    table = metric_table(score(RUN, found, BootstrapSettings(20, 1))).query("stratum == 'overall'").set_index("metric")
    assert table.loc["concordance", "value"] == 1
    assert table.loc["f1", "value"] == 1
    assert table.loc["truth_minor_alleles", "value"] < expected.size


def test_the_ploidy_of_targets_outside_the_panel_is_that_of_the_imputed_file(on_x):
    folder, panel, _, _ = on_x
    found = read_imputed(folder / "imputed.vcf.gz", panel.sites)
    reference = panel.of_samples(panel.samples[:20])
    assert target_ploidy("x", reference, found).tolist() == [2, 1, 2, 1]
    women = panel.of_samples(panel.samples[0:20:2])
    all_diploid = dataclasses.replace(women, ploidy=None)
    assert target_ploidy("x", all_diploid, found).tolist() == [2, 1, 2, 1]


def test_a_man_imputed_as_diploid_is_refused(on_x):
    folder, panel, _, _ = on_x
    found = read_imputed(folder / "imputed.vcf.gz", panel.sites)
    diploid = dataclasses.replace(found, hds=np.nan_to_num(found.hds, nan=0.5))
    with pytest.raises(InputError, match=rf"sample {panel.samples[-3]} has not the number of alleles"):
        target_ploidy("x", panel, diploid)
    without_hds = dataclasses.replace(found, hds=None, ds=found.ds * 2)
    with pytest.raises(InputError, match="has not the number of alleles"):
        target_ploidy("x", panel, without_hds)


def test_women_on_y_are_not_scored(on_x):
    folder, panel, _, _ = on_x
    found = read_imputed(folder / "imputed.vcf.gz", panel.sites)
    missing = found.hds.copy()
    missing[:, 0::2] = NAN
    absent = dataclasses.replace(found, hds=missing, ds=np.nan_to_num(missing[..., 0], nan=NAN))
    men = panel.of_samples(panel.samples[1:20:2])
    ploidy = target_ploidy("y", men, absent)
    assert ploidy.tolist() == [0, 1, 0, 1]
    truth = np.zeros((60, 4), dtype=np.int8)
    truth[:, ploidy == 0] = -1
    genotypes = Genotypes(absent.ds, absent.hds, None, truth, ploidy)
    sums = sample_statistics(genotypes, ReferenceCounts(np.full(60, 2), np.full(60, 10))).sums
    assert metrics.field(sums, "n")[:, 0].tolist() == [0, 60, 0, 60]
    assert (metrics.field(sums, "missing") == 0).all()
    assert np.isfinite(sums).all()
