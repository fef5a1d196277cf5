"""Roles: leaks refused, families together, folds seeded."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragimpute.errors import InputError
from ragimpute.panel.role_assignment import assign_roles
from ragimpute.panel.roles import read_roles, read_samples, reference_samples, target_samples, write_roles


def rng(seed=3):
    return np.random.default_rng(seed)


def families(panel, size):
    """A samples table in which `size` neighbouring samples are one family."""
    names = list(panel.samples)
    return pd.DataFrame({"population": "GBR", "family": [f"F{i // size}" for i in range(len(names))]}, index=names)


def test_targets_of_another_file_and_a_seeded_validation_fold(tiny_panel, tmp_path):
    roles = assign_roles(tiny_panel, rng(), targets=["T1", "T2"], validation_fraction=0.25)
    assert target_samples(roles) == ["T1", "T2"]
    assert reference_samples(roles) == list(tiny_panel.samples)
    assert len(reference_samples(roles, "validation")) == 6
    assert roles.equals(assign_roles(tiny_panel, rng(), targets=["T1", "T2"], validation_fraction=0.25))
    assert not roles.equals(assign_roles(tiny_panel, rng(4), targets=["T1", "T2"], validation_fraction=0.25))
    write_roles(roles, tmp_path / "roles.tsv")
    assert read_roles(tmp_path / "roles.tsv").equals(roles)


def test_at_least_two_samples_validate(tiny_panel):
    roles = assign_roles(tiny_panel, rng(), targets=["T"], validation_fraction=0.001)
    assert len(reference_samples(roles, "validation")) == 2


def test_a_target_in_the_panel_is_a_leak(tiny_panel):
    with pytest.raises(InputError, match=r"1 targets are also in the reference panel.*P003"):
        assign_roles(tiny_panel, rng(), targets=["T1", "P003"])
    table = pd.DataFrame({"population": "NA", "family": "F"}, index=["T1", "P003"])
    with pytest.raises(InputError, match="families have members among both"):
        assign_roles(tiny_panel, rng(), targets=["T1"], samples=table)


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 4), holdout=st.floats(0.1, 0.4), seed=st.integers(0, 99))
def test_families_are_never_split(tiny_panel, size, holdout, seed):
    table = families(tiny_panel, size)
    roles = assign_roles(tiny_panel, rng(seed), holdout=holdout, samples=table)
    assert sorted(roles["sample"]) == sorted(tiny_panel.samples)
    assert (roles.groupby("family")["fold"].nunique() == 1).all()
    assert set(roles["fold"]) == {"train", "validation", "targets"}
    assert set(roles["population"]) == {"GBR"}


def test_a_family_that_trains_alone_is_refused(tiny_panel):
    table = families(tiny_panel, 1)
    table.iloc[4:, table.columns.get_loc("family")] = "the others"
    with pytest.raises(InputError, match="all samples left to train on are of one family"):
        assign_roles(tiny_panel, rng(), targets=["T1"], samples=table, validation_fraction=4 / 24)


def test_a_listed_holdout_takes_exactly_those_samples(tiny_panel):
    roles = assign_roles(tiny_panel, rng(), holdout=["P005", "P002"])
    assert target_samples(roles) == ["P002", "P005"]
    assert not set(reference_samples(roles)) & {"P002", "P005"}
    with pytest.raises(InputError, match="not in the panel: X9"):
        assign_roles(tiny_panel, rng(), holdout=["P005", "X9"])
    with pytest.raises(InputError, match="splits families: F0"):
        assign_roles(tiny_panel, rng(), holdout=["P000"], samples=families(tiny_panel, 2))


@pytest.mark.parametrize(
    "options", [{"holdout": 1.5}, {"holdout": 0.99}, {}, {"targets": ["T"], "validation_fraction": 0.99}]
)
def test_splits_that_leave_nobody_are_refused(tiny_panel, options):
    with pytest.raises(InputError):
        assign_roles(tiny_panel, rng(), **options)


@pytest.mark.parametrize(
    "text",
    [
        "a\tGBR\tF1\nb\tFIN\t0\n",
        "sample\tpopulation\tfamily\na\tGBR\tF1\nb\tFIN\t0\n",
        "family iid pop\nF1 a GBR\n0 b FIN\n",
    ],
)
def test_the_samples_table_is_read_with_or_without_header(tmp_path, text):
    path = tmp_path / "samples.tsv"
    path.write_text(text)
    table = read_samples(path)
    assert table.loc["a"].to_dict() == {"population": "GBR", "family": "F1"}
    assert table.loc["b"].to_dict() == {"population": "FIN", "family": "NA"}


def test_errors_of_the_samples_table_name_the_line(tmp_path):
    path = tmp_path / "samples.tsv"
    path.write_text("a\tGBR\na\tFIN\n")
    with pytest.raises(InputError, match=r":2: sample 'a' occurs twice"):
        read_samples(path)
    path.write_text("a\tGBR\nb\n")
    with pytest.raises(InputError, match=r":2: expected"):
        read_samples(path)
