"""The time that `check` tells in advance, in words."""

from pathlib import Path

import pytest

from ragimpute.check.forecast import work_finding
from ragimpute.imputation.expected_work import StretchSize
from ragimpute.imputation.inputs import ImputationInputs


def said(threads: int, targets: int, unphased: bool) -> str:
    one = StretchSize("20", 600, 20_000, 20_000, 600, 60.0, targets, 4 if unphased else 1, unphased, False, False)
    inputs = ImputationInputs(reference=Path("p.vcf"), targets=Path("t.vcf"), threads=threads)
    return work_finding("t.vcf", [one], inputs).message


@pytest.mark.parametrize(
    ("threads", "unphased", "words"),
    [
        (1, True, "with 1 thread (Beagle has 2), "),
        (1, False, "with 1 thread, "),
        (2, True, "with 2 threads, "),
    ],
)
def test_threads_are_told_and_that_beagle_has_two(threads: int, unphased: bool, words: str) -> None:
    assert words in said(threads, 1, unphased)


@pytest.mark.parametrize(("targets", "unit"), [(10, " s of CPU time"), (10_000, " min of"), (1_000_000, " h of")])
def test_a_long_time_is_told_in_minutes_or_hours(targets: int, unit: str) -> None:
    assert unit in said(2, targets, unphased=False)
