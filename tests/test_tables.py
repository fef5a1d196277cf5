import pandas as pd
import pytest

from ragimpute import tables
from ragimpute.errors import InputError
from ragimpute.evaluation import result_tables


def rows() -> pd.DataFrame:
    row = dict.fromkeys(result_tables.METRIC_COLUMNS, "x") | {"seed": 1, "n_sites": 2, "n_genotypes": 6}
    row |= {"architecture": "NA", "value": 1 / 3, "ci_low": float("nan"), "ci_high": 0.5}
    return pd.DataFrame([row | {"stratum": name} for name in ("mac_11_20", "mac_2", "overall")])


def test_write_sorts_strata_in_their_own_order_and_rounds(tmp_path):
    result_tables.write_result_table(rows(), result_tables.METRIC_COLUMNS, tmp_path / "m.tsv")
    lines = (tmp_path / "m.tsv").read_text().splitlines()
    assert lines[0].split("\t") == list(result_tables.METRIC_COLUMNS)
    assert [line.split("\t")[8] for line in lines[1:]] == ["overall", "mac_2", "mac_11_20"]
    assert lines[1].split("\t")[10:] == ["0.333333", "NA", "0.5", "2", "6", "x"]


def test_reading_gives_the_same_table_back(tmp_path):
    result_tables.write_result_table(rows(), result_tables.METRIC_COLUMNS, tmp_path / "m.tsv")
    again = tables.read_table(tmp_path / "m.tsv", result_tables.METRIC_COLUMNS)
    assert set(again.architecture) == {"NA"}  # the name of "none", not a missing value
    assert again.ci_low.isna().all()
    result_tables.write_result_table(again, result_tables.METRIC_COLUMNS, tmp_path / "n.tsv")
    assert (tmp_path / "m.tsv").read_bytes() == (tmp_path / "n.tsv").read_bytes()


def test_errors_name_file_line_and_column(tmp_path):
    path = tmp_path / "h.tsv"
    path.write_text("seed\tstep\tepoch\tmetric\tvalue\n1\t1\t1\tloss\t0.5\n1\tone\t1\tloss\t0.5\n")
    with pytest.raises(InputError, match=r"h\.tsv: line 3: step is 'one'"):
        tables.read_table(path, result_tables.HISTORY_COLUMNS)
    path.write_text("seed\tstep\n")
    with pytest.raises(InputError, match="'epoch' is missing"):
        tables.read_table(path, result_tables.HISTORY_COLUMNS)
    with pytest.raises(InputError, match="no such file"):
        tables.read_table(tmp_path / "absent.tsv", result_tables.HISTORY_COLUMNS)
