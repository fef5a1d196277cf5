"""Targets that list only the variants of their samples, told by `check` and by what `impute` reads."""

import pytest

from check_cases import pair
from ragimpute.check.all_checks import check_inputs
from ragimpute.imputation.messages import warn_of_variants_only
from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.targets.variants_only import ABSENT_SITES


def carried(row) -> bool:
    return any("1" in genotype for genotype in row[4:])


def of_samples(targets, number):
    targets.samples = targets.samples[:number]
    targets.each(lambda row: row[: 4 + number])


def variants_of_one(panel, targets):
    of_samples(targets, 1)
    targets.rows = [row for row in targets.rows if carried(row)]


def variants_of_few(panel, targets):
    """A panel of rarer alleles: of three samples, all carry REF at most sites."""
    panel.each(lambda row: [*row[:4], *("0|1" if i < 3 else "0|0" for i in range(len(row[4:])))])
    of_samples(targets, 3)
    targets.each(lambda row: [*row[:4], "0/1", "0/0", "0/0"])


def merged_calls(panel, targets):
    """Of all twelve samples, merged: what a caller left out is missing."""
    targets.each(lambda row: [*row[:4], *("./." if genotype == "0/0" else genotype for genotype in row[4:])])


CASES = {
    "sound": (lambda panel, targets: None, False),
    "one sample": (lambda panel, targets: of_samples(targets, 1), False),
    "three samples": (lambda panel, targets: of_samples(targets, 3), False),
    "variants of one": (variants_of_one, True),
    "variants of few": (variants_of_few, True),
    "merged calls": (merged_calls, True),
}


@pytest.mark.parametrize("name", list(CASES))
def test_sites_that_are_absent_because_all_carry_ref_are_told(name, tmp_path, caplog):
    spoil, expected = CASES[name]
    panel, targets = pair()
    spoil(panel, targets)
    paths = tmp_path / "p.vcf", tmp_path / "t.vcf"
    for path, vcf in zip(paths, (panel, targets), strict=True):
        path.write_text(vcf.text())
    codes = [finding.code for finding in check_inputs(*paths)]
    assert ("variants-only" in codes) == expected
    read, _ = read_panel(paths[0], None, GeneticMap({}))
    warn_of_variants_only(paths[1], read, read_genotypes(paths[1], read.sites))
    assert (ABSENT_SITES in caplog.text) == expected
