"""Allele counts: right, and blind to targets."""

import allel
import numpy as np

from ragimpute.panel.allele_counts import COUNTS, count_alleles
from ragimpute.panel.role_assignment import assign_roles
from ragimpute.panel.roles import reference_samples, target_samples
from ragimpute.panel.site_tables import read_site_table
from ragimpute.panel.store import Panel
from ragimpute.tables import write_table


def test_counts_are_those_of_the_reference_and_train_samples(tiny_panel, tmp_path):
    roles = assign_roles(tiny_panel, np.random.default_rng(1), holdout=0.25)
    table = count_alleles(tiny_panel, roles)
    for prefix, fold in (("", None), ("train_", "train")):
        samples = tiny_panel.of_samples(reference_samples(roles, fold))
        counted = allel.HaplotypeArray(samples.alleles[:].view(np.int8)).count_alleles(max_allele=1)  # the oracle
        np.testing.assert_array_equal(table[f"{prefix}ac"], counted[:, 1])
        np.testing.assert_array_equal(table[f"{prefix}an"], counted.sum(axis=1))
    assert table["an"].iloc[0] > table["train_an"].iloc[0] > 0
    write_table(table, tmp_path / "f.tsv")
    assert read_site_table(tmp_path / "f.tsv", tiny_panel.sites, COUNTS).equals(table)


def test_frequencies_never_see_targets(tiny_panel):
    roles = assign_roles(tiny_panel, np.random.default_rng(1), holdout=0.25)
    changed = tiny_panel.alleles[:].copy()
    for name in target_samples(roles):
        sample = tiny_panel.samples.index(name)
        changed[:, 2 * sample : 2 * sample + 2] ^= 1
    other = Panel(tiny_panel.sites, tiny_panel.samples, changed, tiny_panel.contigs)
    assert count_alleles(other, roles).equals(count_alleles(tiny_panel, roles))
