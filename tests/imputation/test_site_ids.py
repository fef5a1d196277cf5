"""IDs of the output: the panel's, the targets', or by a template."""

import dataclasses

import numpy as np
import pytest

from mosaic import mosaic_panel
from ragimpute.errors import InputError
from ragimpute.imputation.impute import impute
from ragimpute.imputation.site_ids import check_template, with_ids_by_template
from ragimpute.models.pretrained import DEFAULT
from ragimpute.vcf.writer import write_genotypes
from two_chromosomes import query

N_TARGETS = 4


@pytest.fixture
def files(tmp_path):
    """A panel of which every other site has no ID, and targets with IDs whose alleles are swapped at one site."""
    panel = mosaic_panel(20)
    own = np.where(np.arange(60) % 2 == 0, ".", panel.sites.id)
    pairs = panel.alleles[:].reshape(60, -1, 2).astype(np.int8)
    sites = dataclasses.replace(panel.sites, id=own)
    names = panel.samples
    write_genotypes(tmp_path / "p.vcf.gz", sites, panel.contigs, names[:-N_TARGETS], pairs[:, :-N_TARGETS], True)
    typed = np.arange(60) % 3 == 0
    seen = pairs[typed, -N_TARGETS:]
    of_targets = panel.sites.take(np.flatnonzero(typed))
    rs = np.array([f"rs{number}" for number in range(20)], dtype=object)
    rs[4] = "."
    here = np.arange(20) == 6
    alt, ref = np.where(here, "A", "G"), np.where(here, "G", "A")
    seen = np.where(here[:, None, None], 1 - seen, seen)
    of_targets = dataclasses.replace(of_targets, id=rs, ref=ref, alt=alt)
    write_genotypes(tmp_path / "t.vcf.gz", of_targets, panel.contigs, names[-N_TARGETS:], seen, True)
    return {"reference": tmp_path / "p.vcf.gz", "targets": tmp_path / "t.vcf.gz"}


def ids(files, **options) -> list[str]:
    out = files["targets"].with_name("o.vcf.gz")
    impute(**files, out=out, model=DEFAULT, device="cpu", n_phasings=1, **options)
    return [row[0] for row in query(out, "%ID\n")]


def test_targets_ids_stand_where_the_panel_has_none(files, outcome):
    found = ids(files)
    for site, name in enumerate(found):
        number, is_typed = site // 3, site % 3 == 0
        of_panel = f"site{site}" if site % 2 else "."
        expected = f"rs{number}" if is_typed and of_panel == "." and number != 4 else of_panel
        assert name == expected
    assert "rs6" in found, "the swapped one"
    outcome("IDs", "panel '.', targets rs", "impute", 0, "the targets' ID, also where alleles are swapped")
    outcome("IDs", "panel with IDs, targets rs", "impute", 0, "the panel's ID")


def test_a_template_names_all_sites_or_those_without_an_id(files, outcome):
    every = ids(files, set_ids="chrCHROM_POS_REF_ALT")
    places = query(files["reference"], "%CHROM\t%POS\t%REF\t%ALT\n")
    assert every == ["chr" + "_".join(row) for row in places]
    outcome("IDs", "--set-ids chrCHROM_POS_REF_ALT", "impute", 0, "every site has the ID of the template")


def test_a_template_after_plus_keeps_what_is_there():
    sites = mosaic_panel().sites.take(np.arange(2))
    sites = dataclasses.replace(sites, id=np.array([".", "rs1"], dtype=object))
    assert with_ids_by_template(sites, "+CHROM:POS:REF:ALT").id.tolist() == [f"20:{sites.pos[0]}:A:G", "rs1"]
    assert with_ids_by_template(sites, "CHROM:POS").id.tolist() == [f"20:{pos}" for pos in sites.pos]


@pytest.mark.parametrize("template", ["@:#:$r:$a", "CHROM POS", "CHROM;POS", ""])
def test_a_template_that_makes_no_id_is_an_error(template, outcome):
    with pytest.raises(InputError, match="CHROM:POS:REF:ALT") as caught:
        check_template(template)
    outcome("IDs", f"--set-ids '{template}'", "impute", 1, str(caught.value))
