"""A prepared panel: written as it is read, opened without its alleles in memory."""

from functools import partial

import numpy as np
import pytest
from safetensors.numpy import load_file

from ragimpute import artefacts
from ragimpute.imputation.inputs import open_panel
from ragimpute.panel.from_vcf import read_panel, write_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.haplotypes import StoredHaplotypes
from ragimpute.panel.store import Panel
from ragimpute.retrieval.allele_ages import allele_ages
from ragimpute.vcf.writer import write_genotypes


@pytest.fixture
def vcf(tiny_panel, tmp_path):
    alleles = tiny_panel.alleles[:].reshape(len(tiny_panel.sites), -1, 2)
    path = tmp_path / "panel.vcf.gz"
    write_genotypes(path, tiny_panel.sites, tiny_panel.contigs, tiny_panel.samples, alleles, True)
    return path


def test_it_is_the_panel_that_is_read(vcf, tmp_path) -> None:
    panel, dropped = read_panel(vcf, None, GeneticMap({}))
    again = write_panel(vcf, None, GeneticMap({}), tmp_path / "p.safetensors", partial(allele_ages, threads=1))
    assert again.equals(dropped)
    prepared = Panel.load(tmp_path / "p.safetensors")
    assert isinstance(prepared.alleles, StoredHaplotypes)
    assert prepared.samples == panel.samples
    assert prepared.contigs == panel.contigs
    assert prepared.sites.keys() == panel.sites.keys()
    assert prepared.sites.id.tolist() == panel.sites.id.tolist()
    np.testing.assert_array_equal(prepared.sites.cm, panel.sites.cm)
    np.testing.assert_array_equal(prepared.alleles[:], panel.alleles[:])
    np.testing.assert_array_equal(prepared.ages, allele_ages(panel, 1))


def test_ages_are_kept_with_the_map_that_the_panel_was_made_with(vcf, tiny_panel, tmp_path) -> None:
    """Who gives --map to both commands must not wait for the ages a second time."""
    prepared = tmp_path / "p.safetensors"
    first = GeneticMap.through(tiny_panel.sites)
    write_panel(vcf, None, first, prepared, partial(allele_ages, threads=1))
    panel, _ = open_panel(prepared, first)
    np.testing.assert_array_equal(panel.ages, Panel.load(prepared).ages)
    twice_as_long = {chrom: (pos, 2 * cm) for chrom, (pos, cm) in first.points.items()}
    other, _ = open_panel(prepared, GeneticMap(twice_as_long))
    assert other.ages is None


def test_the_file_is_one_that_safetensors_reads(vcf, tmp_path) -> None:
    path = tmp_path / "p.safetensors"
    write_panel(vcf, None, GeneticMap({}), path)
    panel, _ = read_panel(vcf, None, GeneticMap({}))
    arrays = load_file(path)
    np.testing.assert_array_equal(arrays["alleles"], np.packbits(panel.alleles[:], axis=1))
    panel.save(tmp_path / "saved.safetensors")
    saved = artefacts.load(tmp_path / "saved.safetensors", "panel")
    assert saved.metadata == artefacts.load(path, "panel").metadata
    assert saved.arrays.keys() == arrays.keys()


def test_nothing_is_left_where_the_panel_cannot_be_read(tmp_path) -> None:
    bad = tmp_path / "bad.vcf"
    bad.write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\n")
    with pytest.raises(Exception, match="no usable site"):
        write_panel(bad, None, GeneticMap({}), tmp_path / "p.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.vcf"]
