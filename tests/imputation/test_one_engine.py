"""The workflow's rules and `ragimpute impute` write the same records, missing genotypes among them."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ragimpute import artefacts
from ragimpute.cli import ragimpute
from ragimpute.models.pretrained import DEFAULT
from ragimpute.targets import several_phasings
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.writer import write_genotypes
from two_chromosomes import TARGETS, query

ALL_MISS = 20  # of the typed sites: no sample has a genotype there
MISSING = ((3, 1), (30, 4), (380, 0))  # typed site and sample; the last one is on the second chromosome


def call(*arguments: object) -> None:
    done = CliRunner().invoke(ragimpute, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def incomplete(world):
    """Phased targets on two chromosomes, some of whose genotypes are missing; all of them at one site."""
    alleles = world.truth[world.typed].astype(np.int8)
    for site, sample in MISSING:
        alleles[site, sample] = -1
    alleles[ALL_MISS] = -1
    names, sites = world.panel.samples[-TARGETS:], world.panel.sites.take(world.typed)
    write_genotypes(world.folder / "incomplete.vcf.gz", sites, world.panel.contigs, names, alleles, True)
    return world.folder / "incomplete.vcf.gz"


def imputed_by_rules(world, targets: Path, folder: Path) -> Path:
    """The VCF that the verbs of the workflow's rules write of `targets`, and in `folder` what they made on the way."""
    panel, roles, typed = folder / "panel", folder / "roles.tsv", folder / "typed.tsv"
    call("read-panel", "--reference", world.folder / "reference.vcf.gz", "--out", panel, "--dropped", folder / "d.tsv")
    call("assign-roles", "--panel", panel, "--targets", targets, "--out", roles)
    shared = ("--panel", panel, "--roles", roles)
    masked = folder / "targets.vcf.gz"
    call(
        *("mask", *shared, "--sites", "targets", "--targets", targets, "--out", typed, "--typed-genotypes", masked),
        *("--dropped", folder / "dropped.tsv"),
    )
    several = ("--phasings", folder / "phasings")
    call("phase", *shared, "--typed-genotypes", masked, "--out", folder / "phased.vcf.gz", *several)
    (folder / "phased.vcf.gz").unlink()  # for users: predict reads the phasings alone
    out = folder / "imputed.vcf.gz"
    call("predict", *shared, "--typed", typed, *several, "--model", DEFAULT, "--device", "cpu", "--out", out)
    return out


@pytest.fixture(scope="module")
def by_rules(world, incomplete, tmp_path_factory):
    """The folder of what the workflow's rules make of the incomplete targets."""
    folder = tmp_path_factory.mktemp("rules")
    imputed_by_rules(world, incomplete, folder)
    return folder


def test_the_rule_and_the_command_write_the_same_records(world, incomplete, by_rules):
    whole = world.impute("incomplete_imputed.vcf.gz", targets=incomplete.name)
    assert query(by_rules / "imputed.vcf.gz", "%LINE") == query(whole, "%LINE")
    assert {row[0] for row in query(whole, "%CHROM\n")} == {"20", "21"}


def test_they_write_the_same_records_of_unphased_targets_on_several_chromosomes(world, tmp_path):
    """Phased by Beagle, four times, as the typed sites are sparse, and averaged; one genotype is missing."""
    whole = world.impute("by_command.vcf.gz", targets="unphased.vcf.gz")
    by_rules = imputed_by_rules(world, world.folder / "unphased.vcf.gz", tmp_path)
    assert len(artefacts.load(tmp_path / "phasings", several_phasings.KIND).arrays["alleles"]) == 4
    for chrom in ("20", "21"):
        records = query(by_rules, "%LINE", "-t", chrom)
        assert records == query(whole, "%LINE", "-t", chrom)
        assert len(records) == (world.panel.sites.chrom == chrom).sum()


def test_missing_genotypes_are_imputed_and_a_site_without_any_is_not_typed(world, by_rules):
    found = read_imputed(by_rules / "imputed.vcf.gz", world.panel.sites)
    sites = np.flatnonzero(world.typed)
    typed = [row[0] == "1" for row in query(by_rules / "imputed.vcf.gz", "%INFO/TYPED\n")]
    assert not typed[sites[ALL_MISS]]
    assert sum(typed) == len(sites) - 1
    ds = np.asarray(found.ds)
    certain = [float(ds[sites[site], sample]) in (0.0, 1.0, 2.0) for site, sample in MISSING]
    assert not all(certain), "left-out dosages, not what phasing filled in"
    assert "all genotypes missing" in (by_rules / "dropped.tsv").read_text()
