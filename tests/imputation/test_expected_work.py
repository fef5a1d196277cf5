"""The time and memory that `check` expects of `impute`, beside what runs have taken (docs/scaling.md)."""

import dataclasses
import json
import resource
import subprocess
import sys

import pytest

from ragimpute.imputation.compile_ahead import compile_ahead
from ragimpute.imputation.expected_work import START, StretchSize, expected_work
from tiny_study import ROOT


def size(haplotypes, sites, typed, targets, cm, *, phasings=1, unphased=False, prepared=True) -> StretchSize:
    return StretchSize(
        name="20",
        reference_haplotypes=haplotypes,
        sites=sites,
        imputed_sites=sites,
        typed_sites=typed,
        length_cm=cm,
        targets=targets,
        phasings=phasings,
        unphased=unphased,
        prepared=prepared,
        described=prepared,
    )


# CPU seconds and MB of whole runs, those of Beagle in them
MEASURED = {
    "10 Mb, 50 targets": ([size(5008, 102_288, 2253, 50, 12)], 6.6, 603),
    "10 Mb, 500 targets": ([size(5008, 102_288, 2253, 500, 12)], 31.7, 664),
    "10 Mb, 2,000 targets": ([size(5008, 102_288, 2253, 2000, 12)], 119, 711),
    "chr20, 50 targets": ([size(5008, 647_506, 14_115, 50, 108)], 32, 1180),
    "chr20, 1,000 targets": ([size(5008, 647_506, 14_115, 1000, 108)], 331, 1280),
    "chr20, 50 unphased": ([size(5008, 647_506, 14_115, 50, 108, phasings=4, unphased=True)], 154, 1630),
    "600 haplotypes": ([size(600, 4424, 1257, 50, 2.4)], 2.7, 294),
    "2,400 haplotypes": ([size(2400, 7189, 1257, 50, 2.4)], 4.0, 317),
    "10,000 haplotypes": ([size(10_000, 10_596, 1257, 50, 2.4)], 4.4, 441),
    "50,000 haplotypes": ([size(50_000, 15_081, 1257, 50, 2.4)], 6.9, 1229),
    "22 chromosomes": (
        [size(1200, 19_411, 665, 100, 3.6, phasings=4, unphased=True, prepared=False)] * 22, 262, 571
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MEASURED)
def test_time_and_memory_are_within_a_factor_of_two_of_runs(name):
    stretches, cpu, memory = MEASURED[name]
    work = expected_work(stretches, threads=2, memory_mb=4000)
    assert cpu / 2 <= work.cpu_seconds <= 2 * cpu, (name, work)
    assert memory / 2 <= work.memory_mb <= 2 * memory, (name, work)


def test_a_region_a_prepared_panel_and_phased_targets_take_less():
    whole = size(4000, 100_000, 2000, 100, 20, phasings=4, unphased=True, prepared=False)
    work = expected_work([whole], 2, 4000)
    for less in (
        dataclasses.replace(whole, imputed_sites=10_000),
        dataclasses.replace(whole, prepared=True, described=True),
        dataclasses.replace(whole, phasings=1, unphased=False),
        dataclasses.replace(whole, targets=50),
    ):
        assert expected_work([less], 2, 4000).cpu_seconds < work.cpu_seconds


def test_stretches_are_imputed_in_turn():
    one = size(1200, 20_000, 600, 100, 4)
    alone, together = expected_work([one], 1, 4000), expected_work([one] * 3, 1, 4000)
    assert together.memory_mb == alone.memory_mb
    assert together.cpu_seconds - START == pytest.approx(3 * (alone.cpu_seconds - START))
    assert alone.seconds == alone.cpu_seconds  # of one thread
    assert expected_work([one], 2, 4000).seconds < alone.seconds


def test_beagle_keeps_its_limit_of_memory():
    large = size(200_000, 50_000, 20_000, 100, 30, unphased=True)
    low, high = (expected_work([large], 2, memory_mb).memory_mb for memory_mb in (1000, 8000))
    assert low < high


@pytest.mark.long
def test_a_run_on_the_example_takes_what_is_expected(tmp_path):
    """Whole processes, Beagle's among them; the first run compiles what is not compiled yet."""
    folder = ROOT / "resources/example"
    files = ["--reference", folder / "reference.vcf.gz", "--targets", folder / "targets.vcf.gz"]
    files += ["--map", folder / "genetic_map.plink.map"]
    asked = subprocess.run(
        [sys.executable, "-m", "ragimpute", "check", *files, "--json"], capture_output=True, check=True, text=True
    )
    [numbers] = [one["numbers"] for one in json.loads(asked.stdout) if one["code"] == "expected-work"]
    compile_ahead()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = ["--out", tmp_path / "imputed.vcf.gz"]
    subprocess.run([sys.executable, "-m", "ragimpute", "impute", *files, *out], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert numbers["cpu_seconds"] / 2 <= cpu <= 2 * numbers["cpu_seconds"]
    assert numbers["memory_mb"] / 2 <= after.ru_maxrss / 1000 <= 2 * numbers["memory_mb"]
