"""Split multiallelic records: a haplotype's dosages sum to at most 1."""

import dataclasses

import numpy as np
import pytest

from mosaic import mosaic_panel
from ragimpute.imputation.impute import impute
from ragimpute.imputation.same_position import SamePosition, at_most_one
from ragimpute.models.pretrained import DEFAULT
from ragimpute.panel.store import Panel
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.quantise import quantise
from ragimpute.vcf.writer import write_genotypes


def split_panel(n_samples: int = 30) -> Panel:
    """Pairs of records at one position: of the first twenty pairs no haplotype carries both alleles."""
    panel = mosaic_panel(n_samples, 120, 6, seed=5)
    alleles = panel.alleles[:].copy()
    alleles[1:40:2] &= 1 - alleles[0:40:2]
    alleles[40:42, 0] = 1  # a haplotype with both
    pos = np.repeat(panel.sites.pos[::2], 2)
    alt = np.array(["G", "T"] * 60)
    sites = dataclasses.replace(panel.sites, pos=pos, alt=alt, cm=pos / 1e6)
    return Panel(sites, panel.samples, alleles, panel.contigs)


def test_groups_are_records_of_one_position_that_exclude_each_other():
    panel = split_panel()
    found = SamePosition.of(panel, 0, 120)
    assert found.groups(0, 120)[:20] == [slice(i, i + 2) for i in range(0, 40, 2)]
    assert slice(40, 42) not in found.groups(0, 120)
    assert found.around(3, 5) == (2, 6)
    assert found.around(2, 4) == (2, 4)


@pytest.mark.parametrize(
    ("dosages", "kept", "expected"),
    [
        ([0.8, 0.6], [], [0.571, 0.428]),
        ([0.3335, 0.3335, 0.333], [], [0.333, 0.333, 0.332]),  # 1.000, but printed .334 + .334 + .333
        ([0.5, 0.5], [], [0.5, 0.5]),
        ([1.0, 0.4], [0], [1.0, 0.0]),
        ([0.0, 0.4], [0], [0.0, 0.4]),
        ([1.0, 1.0, 0.2], [0, 1], [1.0, 1.0, 0.0]),  # what is typed is kept, be it possible or not
    ],
)
def test_dosages_are_scaled_where_they_are_above_one(dosages, kept, expected, outcome):
    hds = np.zeros((len(dosages), 1, 2), dtype=np.float32)
    hds[:, 0, 0] = dosages
    is_kept = np.isin(np.arange(len(dosages)), kept)[:, None]
    new_hds, new_both = at_most_one(hds, np.zeros((len(dosages), 1), np.float32), is_kept)
    printed = quantise(new_hds, new_both)
    np.testing.assert_allclose(new_hds[:, 0, 0], expected, atol=0.0011)
    if len(kept) < 2:
        assert printed.a.sum() <= 1000
    assert (new_hds[..., 1] == 0).all()
    of_input = f"dosages {dosages} at one position, of which {kept} are typed"
    outcome("split multiallelics", of_input, "impute", 0, f"printed as {(printed.a.ravel() / 1000).tolist()}")


def test_the_printed_dosages_of_split_records_sum_to_at_most_one(tmp_path):
    panel = split_panel()
    samples, targets = panel.samples[:-6], panel.samples[-6:]
    reference = panel.of_samples(samples)
    pairs = panel.alleles[:].reshape(120, -1, 2).astype(np.int8)
    typed = np.flatnonzero(np.arange(120) % 6 == 4)  # the first record of every third position
    seen = pairs[typed, -6:].copy()
    seen[3, 2] = -1
    write_genotypes(tmp_path / "p.vcf.gz", panel.sites, panel.contigs, samples, pairs[:, :-6], True)
    write_genotypes(tmp_path / "t.vcf.gz", panel.sites.take(typed), panel.contigs, targets, seen, True)
    files = {"reference": tmp_path / "p.vcf.gz", "targets": tmp_path / "t.vcf.gz", "out": tmp_path / "o.vcf.gz"}
    impute(**files, model=DEFAULT, device="cpu", n_phasings=1)
    found = read_imputed(tmp_path / "o.vcf.gz", panel.sites)
    assert found.hds is not None
    thousandths = np.rint(found.hds * 1000).astype(int)
    exclusive = SamePosition.of(reference, 0, 120).groups(0, 120)
    assert len(exclusive) >= 20
    assert all(thousandths[group].sum(axis=0).max() <= 1000 for group in exclusive)
    is_known = seen[..., 0] >= 0
    np.testing.assert_array_equal(found.hds[typed][is_known], seen[is_known])
