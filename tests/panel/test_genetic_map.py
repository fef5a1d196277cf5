"""Genetic maps: three layouts, interpolation, and errors with file and line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragimpute.errors import InputError
from ragimpute.panel.genetic_map import GeneticMap

LAYOUTS = {
    "plink": "20 . 0.0 1000\n20 . 1.0 2000\n20 . 4.0 3000\n",
    "shapeit": "pos\tchr\tcM\n1000\t20\t0.0\n2000\t20\t1.0\n3000\t20\t4.0\n",
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
        ("20 1000 1\n", r":1: unknown genetic map layout"),
        ("", "unknown genetic map layout"),
        ("pos chr cM\n", "no map points"),
        ("20 . 0 1000\n", "one map point only"),
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


def test_the_chr_prefix_is_explained(tmp_path):
    path = tmp_path / "map"
    path.write_text(LAYOUTS["plink"])
    with pytest.raises(InputError, match="with or without 'chr'"):
        GeneticMap.read(path).centimorgans("chr20", [1])
    with pytest.raises(InputError, match="no map for chromosome '21'"):
        GeneticMap.read(path).centimorgans("21", [1])


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
