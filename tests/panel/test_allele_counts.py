"""Allele counts: right, and blind to targets."""

import numpy as np

from ragimpute.panel.allele_counts import count_alleles, read_frequencies, write_frequencies
from ragimpute.panel.roles import assign_roles, reference_samples, target_samples
from ragimpute.panel.store import Panel


def test_counts_are_those_of_the_reference_and_train_samples(tiny_panel, tmp_path):
    roles = assign_roles(tiny_panel, np.random.default_rng(1), holdout=0.25)
    table = count_alleles(tiny_panel, roles)
    everyone = tiny_panel.of_samples(reference_samples(roles)).alleles
    train = tiny_panel.of_samples(reference_samples(roles, "train")).alleles
    np.testing.assert_array_equal(table["ac"], everyone.sum(axis=1))
    np.testing.assert_array_equal(table["train_ac"], train.sum(axis=1))
    assert set(table["an"]) == {everyone.shape[1]}
    assert set(table["train_an"]) == {train.shape[1]}
    write_frequencies(table, tmp_path / "f.tsv")
    assert read_frequencies(tmp_path / "f.tsv", tiny_panel.sites).equals(table)


def test_frequencies_never_see_targets(tiny_panel):
    roles = assign_roles(tiny_panel, np.random.default_rng(1), holdout=0.25)
    changed = tiny_panel.alleles[:].copy()
    for name in target_samples(roles):
        sample = tiny_panel.samples.index(name)
        changed[:, 2 * sample : 2 * sample + 2] ^= 1
    other = Panel(tiny_panel.sites, tiny_panel.samples, changed, tiny_panel.contigs)
    assert count_alleles(other, roles).equals(count_alleles(tiny_panel, roles))
