"""Site tables: what is written is read, and the rows of another panel are refused."""

from dataclasses import replace

import numpy as np
import pytest

from ragimpute.errors import InputError
from ragimpute.panel.site_tables import read_site_table, write_site_table


@pytest.fixture
def table(tiny_panel, tmp_path):
    path = tmp_path / "table.tsv"
    write_site_table(path, tiny_panel.sites, {"count": np.arange(60), "other": np.full(60, 7)})
    return path


def test_what_is_written_is_read(table, tiny_panel):
    found = read_site_table(table, tiny_panel.sites, {"count": int})
    assert list(found.columns) == ["chrom", "pos", "ref", "alt", "count", "other"]
    np.testing.assert_array_equal(found["count"], np.arange(60))
    assert table.read_text().splitlines()[1] == f"20\t{tiny_panel.sites.pos[0]}\tA\tG\t0\t7"


@pytest.mark.parametrize("column", ["chrom", "pos", "ref", "alt"])
def test_sites_of_another_panel_are_refused(table, tiny_panel, column):
    changed = getattr(tiny_panel.sites, column).copy()
    changed[-1] = changed[-1] + 1 if column == "pos" else "T"
    with pytest.raises(InputError, match=r"table.tsv: its rows are not the panel's 60 sites"):
        read_site_table(table, replace(tiny_panel.sites, **{column: changed}), {"count": int})
    with pytest.raises(InputError, match="not the panel's 59 sites"):
        read_site_table(table, tiny_panel.sites.take(slice(0, 59)), {"count": int})


def test_missing_columns_and_values_of_another_type_are_named(table, tiny_panel):
    with pytest.raises(InputError, match="column 'absent' is missing"):
        read_site_table(table, tiny_panel.sites, {"absent": int})
    table.write_text(table.read_text().replace("\t3\t7\n", "\tthree\t7\n"))
    with pytest.raises(InputError, match="line 5: count is 'three', expected a number"):
        read_site_table(table, tiny_panel.sites, {"count": int})
