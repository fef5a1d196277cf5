"""X in a study: men are haploid from the panel to the result of every method; records of PAR are listed."""

from pathlib import Path

import cyvcf2
import numpy as np
import pandas as pd
import pytest

from ragimpute.baselines.impute_baseline import BaselineOptions, impute_baseline
from ragimpute.imputation.predict import predict_targets
from ragimpute.models.pretrained import DEFAULT
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.preparation import prepare_panel
from ragimpute.panel.roles import write_roles
from ragimpute.panel.store import Panel
from ragimpute.tables import read_table
from ragimpute.targets.alleles import AllelePolicy
from ragimpute.targets.mask import make_mask
from ragimpute.targets.phasing import phase_targets, write_phased
from ragimpute.targets.several_phasings import save_phasings
from ragimpute.targets.site_list import parse_sites
from x_chromosome import EVERY, REFERENCE, TARGET, TARGETS, XWorld, x_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> XWorld:
    """A panel of all samples, of which the last ones are held out, at the steps up to phasing."""
    folder = tmp_path_factory.mktemp("x")
    made = x_world(folder, {})
    both = [(made.par, made.alleles(made.par)), (made.beyond, made.alleles(made.beyond))]
    reference = made.write("all.vcf.gz", both, slice(None))
    prepare_panel(reference, None, folder / "panel", folder / "dropped.tsv")
    roles = pd.DataFrame({"sample": made.par.samples, "role": "reference", "fold": "train"})
    roles.loc[roles.index[TARGET], ["role", "fold"]] = ["target", "targets"]
    roles[["population", "family"]] = "NA"
    write_roles(roles, folder / "roles.tsv")
    panel = Panel.load(folder / "panel")
    typed = folder / "typed.txt"
    positions = panel.sites.pos[np.arange(len(panel.sites)) % EVERY == 1]
    typed.write_text("".join(f"X {pos}\n" for pos in positions))
    mask = make_mask(panel, roles, reference, parse_sites(str(typed)), AllelePolicy())
    mask.write(panel, folder / "typed.tsv", folder / "targets.vcf.gz", None, None)
    phased = phase_targets(panel, roles, folder / "targets.vcf.gz", GeneticMap({}))
    write_phased(folder / "phased.vcf.gz", panel, phased[0])
    save_phasings(folder / "phasings", None, phased)
    return made


def genotypes(path: Path) -> list[str]:
    """The genotypes of the first record as text."""
    record = next(iter(cyvcf2.VCF(str(path))))
    return [field.split(":")[0] for field in str(record).strip().split("\t")[9:]]


def test_records_of_par_are_listed_and_men_are_haploid_beyond(world: XWorld) -> None:
    panel = Panel.load(world.folder / "panel")
    listed = read_table(world.folder / "dropped.tsv", {"reason": str})
    assert len(listed) == len(world.par.sites)
    assert set(listed["reason"]) == {"pseudoautosomal"}
    assert len(panel.sites) == len(world.beyond.sites)
    assert panel.ploidy is not None
    assert np.array_equal(panel.ploidy == 1, world.men)


@pytest.mark.parametrize(("name", "separator"), [("targets.vcf.gz", "/"), ("phased.vcf.gz", "|")])
def test_typed_genotypes_of_men_have_one_allele(world: XWorld, name: str, separator: str) -> None:
    found = genotypes(world.folder / name)
    assert [len(genotype) for genotype in found] == [1 if man else 3 for man in world.men[TARGET]]
    assert {genotype[1] for genotype in found if len(genotype) > 1} == {separator}


@pytest.mark.parametrize("method", ["beagle", "minimac4", "li_stephens", "frequency", "network"])
def test_every_method_gives_men_one_haplotype(world: XWorld, method: str) -> None:
    folder = world.folder
    out = folder / f"{method}.vcf.gz"
    files = [folder / name for name in ("panel", "roles.tsv", "typed.tsv", "phasings")]
    if method == "network":
        predict_targets(*files, DEFAULT, out)
    else:
        impute_baseline(method, *files, out, BaselineOptions(genetic_map=GeneticMap({}), parameters={}))
    assert [len(genotype) for genotype in genotypes(out)] == [1 if man else 3 for man in world.men[TARGET]]
    dosages = np.array([record.format("DS")[:, 0] for record in cyvcf2.VCF(str(out))])
    men = world.men[TARGET]
    assert dosages[:, men].max() <= 1
    true = world.beyond.alleles[:, -2 * TARGETS :].reshape(len(dosages), TARGETS, 2).astype(float)
    true[:, men, 1] = 0
    untyped = np.arange(len(dosages)) % EVERY != 1
    n_alleles = np.where(men, 1, 2)
    reference = Panel.load(folder / "panel").of_samples(world.par.samples[REFERENCE])
    by_frequency = reference.allele_frequency[:, None] * n_alleles
    error, most = (np.abs(found - true.sum(axis=2))[untyped].mean() for found in (dosages, by_frequency))
    assert error == pytest.approx(most, abs=1e-3) if method == "frequency" else error < 0.95 * most


def test_reference_samples_are_those_of_the_panel(world: XWorld) -> None:
    assert Panel.load(world.folder / "panel").samples[REFERENCE] == world.par.samples[REFERENCE]
