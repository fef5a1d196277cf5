"""Genetic maps: their layouts, interpolation, and errors with file and line."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragimpute.errors import InputError
from ragimpute.panel.genetic_map import GeneticMap

LAYOUTS = {
    "plink": "20 . 0.0 1000\n20 . 1.0 2000\n20 . 4.0 3000\n",
    "shapeit": "pos\tchr\tcM\n1000\t20\t0.0\n2000\t20\t1.0\n3000\t20\t4.0\n",
    "minimac": "#chrom\tpos\tcm\n20\t1000\t0\n20\t2000\t1\n20\t3000\t4\n",
    "chrom pos cM": "chr position cM\n20 1000 0\n20 2000 1\n20 3000 4\n",
    "chrom pos cM, no header": "20 1000 0\n20 2000 1\n20 3000 4\n",
    "shapeit, no header": "1000 20 0\n2000 20 1\n3000 20 4\n",
    "impute2": "position COMBINED_rate(cM/Mb) Genetic_Map(cM)\n1000 1000 0\n2000 3000 1\n3000 0 4\n",
    "eagle": "chr position COMBINED_rate(cM/Mb) Genetic_Map(cM)\n20 1000 1000 0\n20 2000 3000 1\n20 3000 0 4\n",
    "decode": "# deCODE\n# cM: of the end\nChr\tBegin\tEnd\tcMperMb\tcM\nchr20\t1\t1000\t0\t0\n"
    "chr20\t1000\t2000\t1000\t1\nchr20\t2000\t3000\t3000\t4\n",
    "plink with a header": "chr id cM bp\n20 a 0 1000\n20 b 1 2000\n20 c 4 3000\n",
    "a comment that names columns": "# pos in bp and cM of HapMap\n20 1000 0\n20 2000 1\n20 3000 4\n",
    "comments first": "# from the lab\n\n# GRCh37\n20 . 0.0 1000\n20 . 1.0 2000\n20 . 4.0 3000\n",
    "commas": "chrom,pos,cM\n20,1000,0\n20,2000,1\n20,3000,4\n",
    "positions twice": "20 . 0 1000\n20 . 0 1000\n20 . 0.5 2000\n20 . 1.0 2000\n20 . 4.0 3000\n",
    "one point elsewhere": "MT . 0 5\n20 . 0.0 1000\n20 . 1.0 2000\n20 . 4.0 3000\n",
    "quoted names": '"chrom" "pos" "cM"\n20 1000 0\n20 2000 1\n20 3000 4\n',
    "hapmap": "Chromosome\tPosition(bp)\tRate(cM/Mb)\tMap(cM)\n20\t1000\t1000\t0\n20\t2000\t3000\t1\n20\t3000\t0\t4\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_gives_the_same_positions(tmp_path, layout):
    path = tmp_path / "map"
    path.write_text(LAYOUTS[layout])
    genetic_map = GeneticMap.read(path)
    # inside by interpolation, outside at the mean rate of 4 cM in 2000 bases
    np.testing.assert_allclose(
        genetic_map.centimorgans("20", [500, 1000, 1500, 2500, 3000, 4000]), [-1, 0, 0.5, 2.5, 4, 6]
    )
    genetic_map.write_plink(tmp_path / "again.map", ["20"])
    again = GeneticMap.read(tmp_path / "again.map")
    np.testing.assert_allclose(again.centimorgans("20", [1234]), genetic_map.centimorgans("20", [1234]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("20 . 0 1000\n20 . 1 900\n", r":2: position 900 does not follow"),
        ("20 . 1 1000\n20 . 0.5 2000\n", r":2: cM falls"),
        ("20 . 0 1000\n20 . x 2000\n", r":2: position or cM is not a number"),
        ("20 . 0 1000\n20 . 1\n", r":2: 3 columns where 4"),
        ("1000 1.5 0\n2000 1.5 1\n", r":1: unknown genetic map layout '1000 1.5 0', 3 columns; expected PLINK"),
        ("20 1000 1 2 3\n", r":1: unknown genetic map layout '20 1000 1 2 3', 5 columns"),
        ("chr start rate\n20 1000 1\n", r":1: unknown genetic map layout 'chr start rate', 3 columns"),
        ("", "unknown genetic map layout"),
        ("pos chr cM\n", "no map points"),
    ],
)
def test_errors_name_the_line(tmp_path, text, message):
    path = tmp_path / "map"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        GeneticMap.read(path)


def test_a_flat_chromosome_is_an_error_where_it_is_used(tmp_path):
    path = tmp_path / "map"
    path.write_text("20 . 0 1000\n20 . 1 2000\nY . 0 1000\nY . 0 2000\n")
    genetic_map = GeneticMap.read(path)
    assert genetic_map.centimorgans("20", [1500]) == [0.5]
    with pytest.raises(InputError, match="chromosome Y has 0 cM throughout"):
        genetic_map.centimorgans("Y", [1500])


def test_the_map_of_located_sites_is_the_map_that_located_them(tiny_panel):
    points = {"20": (np.array([9e5, 1.01e6, 2e6]), np.array([1.0, 2.0, 5.0]))}
    located = GeneticMap(points).locate(tiny_panel.sites)
    again = GeneticMap.of_sites(located)
    assert not again.is_uniform
    np.testing.assert_allclose(again.centimorgans("20", located.pos), located.cm)
    assert GeneticMap.of_sites(GeneticMap({}).locate(tiny_panel.sites)).is_uniform


@pytest.mark.parametrize(
    ("of_map", "of_panel"),
    [("20", "chr20"), ("chr20", "20"), ("23", "X"), ("X", "chrX"), ("MT", "chrM"), ("chr1", "NC_000001.10")],
)
def test_a_chromosome_may_be_called_otherwise(tmp_path, of_map, of_panel):
    path = tmp_path / "map"
    path.write_text(f"{of_map} . 0 1000\n{of_map} . 1 2000\n")
    assert GeneticMap.read(path).centimorgans(of_panel, [1500]) == [0.5]


def test_a_chromosome_that_the_map_lacks_or_has_one_point_of_is_an_error_where_it_is_used(tmp_path):
    path = tmp_path / "map"
    path.write_text(LAYOUTS["one point elsewhere"])
    with pytest.raises(InputError, match="no map for chromosome '21'; it has MT, 20"):
        GeneticMap.read(path).centimorgans("21", [1])
    with pytest.raises(InputError, match="chromosome MT has one map point only"):
        GeneticMap.read(path).centimorgans("MT", [1])


def test_a_map_without_chromosomes_is_of_one_only(tmp_path, tiny_panel):
    path = tmp_path / "map"
    path.write_text(LAYOUTS["impute2"])
    sites = tiny_panel.sites
    genetic_map = GeneticMap.read(path)
    assert len(genetic_map.locate(sites)) == len(sites)
    two = dataclasses.replace(sites, chrom=np.where(np.arange(len(sites)) < 30, "20", "21"))
    with pytest.raises(InputError, match="the map names no chromosome, and the panel has several"):
        genetic_map.locate(two)


def test_uniform_is_one_centimorgan_per_megabase_and_says_so(caplog):
    with caplog.at_level("INFO"):
        np.testing.assert_allclose(GeneticMap.uniform().centimorgans("any", [2_500_000]), [2.5])
    assert "1 cM per Mb" in caplog.text


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 5)), min_size=2, max_size=20).filter(
        lambda steps: sum(cm for _, cm in steps[1:]) > 1e-6
    ),
    st.lists(st.integers(1, 10**8)),
)
def test_genetic_positions_never_decrease(steps, pos):
    bases, cms = np.cumsum([step[0] for step in steps]), np.cumsum([step[1] for step in steps])
    genetic_map = GeneticMap({"1": (bases.astype(float), cms)})
    assert (np.diff(genetic_map.centimorgans("1", sorted(pos))) >= -1e-9).all()
