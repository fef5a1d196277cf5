"""Properties that hold for any input: what is written is read back, and what the evaluator may not depend on."""

import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evaluation_data import truth_as_result
from ragimpute.evaluation import metrics
from ragimpute.evaluation.sample_statistics import Genotypes, sample_statistics
from ragimpute.evaluation.strata import STRATA, ReferenceCounts
from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Sites
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.quantise import quantise
from ragimpute.vcf.writer import write_genotypes, write_imputed

FILES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
COMPLEMENT = str.maketrans("ACGT", "TGCA")
unit = st.floats(0, 1, width=32)


@st.composite
def site_tables(draw, snvs: bool = False) -> Sites:
    """One to twelve distinct sites on up to two chromosomes, several at one position among them; SNVs or indels too."""
    bases = st.sampled_from("ACGT")
    allele = bases if snvs else st.text("ACGT", min_size=1, max_size=4)
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from(["20", "chr9"]), st.integers(1, 2**29 + 9), allele, allele).filter(
                lambda key: key[2] != key[3] and not (snvs and key[2].translate(COMPLEMENT) == key[3])
            ),
            min_size=1,
            max_size=12,
            unique_by=(lambda key: key[:2]) if snvs else (lambda key: key),
        )
    )
    chrom, pos, ref, alt = zip(*sorted(keys), strict=True)
    ids = draw(st.lists(st.sampled_from([".", "rs1", "a;b", "20:7:A:C"]), min_size=len(keys), max_size=len(keys)))
    columns = [np.array(column) for column in (chrom, np.array(pos, dtype=np.int64), ids, ref, alt)]
    return Sites(*columns, np.array(pos) / 1e6)


samples = st.lists(st.text("ABCxyz0189_.-", min_size=1, max_size=8), min_size=1, max_size=4, unique=True)


@FILES
@given(sites=site_tables(), names=samples, data=st.data(), kind=st.sampled_from(["x.vcf.gz", "x.bcf"]))
def test_a_panel_is_read_as_it_was_written(tmp_path, sites, names, data, kind):
    alleles = data.draw(hnp.arrays(np.int8, (len(sites), len(names), 2), elements=st.integers(0, 1)))
    write_genotypes(tmp_path / kind, sites, (), names, alleles, True)
    panel, dropped = read_panel(tmp_path / kind, None, GeneticMap({}))
    assert panel.sites.keys() == sites.keys()
    assert panel.sites.id.tolist() == sites.id.tolist()
    assert panel.samples == tuple(names)
    np.testing.assert_array_equal(panel.alleles, alleles.reshape(len(sites), -1))
    assert dropped.empty


@FILES
@given(sites=site_tables(), names=samples, data=st.data(), kind=st.sampled_from(["x.vcf.gz", "x.bcf"]))
def test_imputed_files_are_read_as_they_were_written(tmp_path, sites, names, data, kind):
    shape = (len(sites), len(names))
    hds = data.draw(hnp.arrays(np.float32, (*shape, 2), elements=unit))
    both = data.draw(hnp.arrays(np.float32, shape, elements=unit))
    typed = data.draw(hnp.arrays(bool, shape[:1]))
    write_imputed(tmp_path / kind, sites, (), Imputed(tuple(names), hds, both, typed))
    back = read_imputed(tmp_path / kind, sites)
    printed = quantise(hds, both)
    assert back.samples == tuple(names)
    np.testing.assert_array_equal(np.round(back.hds * 1000), np.stack([printed.a, printed.b], axis=2))
    np.testing.assert_array_equal(np.round(back.gp_both * 1000), printed.both)
    np.testing.assert_array_equal(back.typed, typed)


@FILES
@given(sites=site_tables(snvs=True), names=samples, data=st.data())
def test_swapped_and_flipped_targets_are_read_as_the_sound_ones(tmp_path, sites, names, data):
    """The VCF's text is changed by hand: alleles exchanged, with 0 and 1, or complemented, or both, or neither."""
    alleles = data.draw(hnp.arrays(np.int8, (len(sites), len(names), 2), elements=st.integers(-1, 1)))
    write_genotypes(tmp_path / "x.vcf.gz", sites, (), names, alleles, False)
    sound = read_genotypes(tmp_path / "x.vcf.gz", sites)
    header, records = [], []
    for line in gzip.decompress((tmp_path / "x.vcf.gz").read_bytes()).decode().splitlines():
        (header if line.startswith("#") else records).append(line)
    changes = data.draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=len(records), max_size=len(records)))
    changed = []
    for line, (swap, flip) in zip(records, changes, strict=True):
        columns = line.split("\t")
        if swap:
            columns[3], columns[4] = columns[4], columns[3]
            columns[9:] = [genotype.translate(str.maketrans("01", "10")) for genotype in columns[9:]]
        if flip:
            columns[3], columns[4] = columns[3].translate(COMPLEMENT), columns[4].translate(COMPLEMENT)
        changed.append("\t".join(columns))
    (tmp_path / "y.vcf").write_text("\n".join([*header, *changed]) + "\n")
    found = read_genotypes(tmp_path / "y.vcf", sites)
    np.testing.assert_array_equal(found.index, sound.index)
    np.testing.assert_array_equal(found.alleles, sound.alleles)
    assert len(found.recoded) == sum(swap or flip for swap, flip in changes)


N_SITES, N_SAMPLES, N_HAPLOTYPES = 12, 5, 101
truths = hnp.arrays(np.int8, (N_SITES, N_SAMPLES), elements=st.integers(-1, 2))
dosages = hnp.arrays(np.float32, (N_SITES, N_SAMPLES, 2), elements=unit)
allele_counts = hnp.arrays(np.int64, N_SITES, elements=st.integers(0, N_HAPLOTYPES))


def sums(hds: np.ndarray, truth: np.ndarray, ac: np.ndarray) -> np.ndarray:
    """Statistics [strata, F] over all samples."""
    counts = ReferenceCounts(ac, np.full(len(ac), N_HAPLOTYPES))
    return sample_statistics(Genotypes(hds.sum(axis=2), hds, None, truth), counts).sums.sum(axis=0)


@settings(max_examples=200, deadline=None)
@given(dosages, truths, allele_counts)
def test_metrics_lie_in_their_ranges_and_r2_is_numpys(hds, truth, ac):
    total = sums(hds, truth, ac)
    for name in ("r2", "f1", "precision", "recall", "concordance", "nrd"):
        values = metrics.METRICS[name](total)
        assert ((values >= 0) & (values <= 1 + 1e-9) | np.isnan(values)).all(), name
    scored = (ac > 0) & (ac < N_HAPLOTYPES)
    minor_is_ref = ac > N_HAPLOTYPES / 2
    x = np.where(minor_is_ref[:, None], 2 - hds.sum(axis=2), hds.sum(axis=2))[scored]
    y = np.where(minor_is_ref[:, None], 2 - truth, truth)[scored]
    known = truth[scored] >= 0
    x, y = x[known].astype(float), y[known].astype(float)
    r2 = metrics.r2(total)[STRATA.index("overall")]
    if len(x) > 1 and x.std() > 1e-3 and y.std() > 0:
        assert r2 == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2, abs=1e-6)
    elif len(x) < 2 or y.std() == 0:
        assert np.isnan(r2)


@settings(max_examples=100, deadline=None)
@given(dosages, dosages, truths, allele_counts)
def test_what_is_imputed_where_the_truth_is_missing_is_no_matter(hds, other, truth, ac):
    changed = np.where((truth < 0)[:, :, None], other, hds)
    np.testing.assert_array_equal(sums(hds, truth, ac), sums(changed, truth, ac))


@settings(max_examples=100, deadline=None)
@given(dosages, truths, allele_counts)
def test_everybody_twice_changes_no_metric(hds, truth, ac):
    once, twice = sums(hds, truth, ac), sums(np.tile(hds, (1, 2, 1)), np.tile(truth, (1, 2)), ac)
    for name in ("r2", "f1", "concordance", "nrd", "iqs", "brier", "dosage_ratio"):
        np.testing.assert_allclose(metrics.METRICS[name](twice), metrics.METRICS[name](once), atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(dosages, truths, allele_counts)
def test_sites_monomorphic_in_the_reference_touch_no_other_stratum(hds, truth, ac):
    extra = sums(np.concatenate([hds, hds]), np.concatenate([truth, truth]), np.concatenate([ac, np.zeros_like(ac)]))
    rest = [i for i, name in enumerate(STRATA) if name != "mac_0"]
    np.testing.assert_array_equal(extra[rest], sums(hds, truth, ac)[rest])


@settings(max_examples=100, deadline=None)
@given(truths, allele_counts)
def test_the_truth_as_a_result_is_perfect_or_undefined(truth, ac):
    counts = ReferenceCounts(ac, np.full(N_SITES, N_HAPLOTYPES))
    total = sample_statistics(truth_as_result(truth), counts).sums.sum(axis=0)
    for name, best in (("r2", 1), ("f1", 1), ("concordance", 1), ("nrd", 0), ("brier", 0), ("dosage_ratio", 1)):
        values = metrics.METRICS[name](total)
        np.testing.assert_allclose(values[~np.isnan(values)], best, atol=1e-9)
