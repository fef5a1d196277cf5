"""FILTER of both files: said with counts, and applied as bcftools does."""

import subprocess

import pytest

from check_cases import pair
from ragimpute.check.all_checks import check_inputs
from ragimpute.panel.from_vcf import read_records_of_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.ploidy import ChosenRecords
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.vcf.filter_counts import parse_filters

VALUES = ("PASS", ".", "LOWQ", "LOWQ;ODD", "ODD")
DECLARED = "".join(f'##FILTER=<ID={name},Description="{name}">\n' for name in ("LOWQ", "ODD"))


def with_filters(path, vcf):
    """Write a case's file whose records have the VALUES in turn."""
    lines = vcf.text().splitlines(keepends=True)
    records = [i for i, line in enumerate(lines) if not line.startswith("#")]
    for number, place in enumerate(records):
        columns = lines[place].split("\t")
        columns[6] = VALUES[number % len(VALUES)]
        lines[place] = "\t".join(columns)
    path.write_text(lines[0] + DECLARED + "".join(lines[1:]))
    return path


@pytest.fixture
def files(tmp_path):
    panel, targets = pair()
    return with_filters(tmp_path / "p.vcf", panel), with_filters(tmp_path / "t.vcf", targets)


@pytest.mark.parametrize("listed", ["PASS,.", "PASS", ".", "ODD", "LOWQ,PASS"])
def test_the_records_of_both_files_are_those_of_bcftools(files, listed):
    chosen = ChosenRecords(filters=parse_filters(listed))
    panel, dropped = read_records_of_panel(files[0], chosen, GeneticMap({}))
    whole, _ = read_records_of_panel(files[0], ChosenRecords(), GeneticMap({}))
    targets = read_genotypes(files[1], whole.sites, chosen=chosen)
    found = [panel.sites.pos.tolist(), whole.sites.pos[targets.index].tolist()]
    for path, positions, left_out in zip(files, found, (dropped, targets.dropped), strict=True):
        view = ["bcftools", "view", "-H", "-f", listed, path]
        done = subprocess.run(view, capture_output=True, check=True, text=True)
        assert positions == [int(line.split("\t")[1]) for line in done.stdout.splitlines()]
        assert len(positions) + len(left_out) == sum(not x.startswith("#") for x in path.read_text().splitlines())
        assert all(reason.startswith("FILTER ") for reason in left_out["reason"])


def test_what_has_not_passed_is_said_with_counts(files, caplog):
    whole, dropped = read_records_of_panel(files[0], ChosenRecords(), GeneticMap({}))
    read_genotypes(files[1], whole.sites)
    assert dropped.empty
    counts = "records that have not passed by their FILTER are used: 90 (30 LOWQ, 30 LOWQ;ODD, 30 ODD)"
    assert f"p.vcf: {counts}" in caplog.text
    assert f"t.vcf: {counts.replace('90', '60').replace('30', '20')}" in caplog.text
    findings = [f.message for f in check_inputs(*files) if f.code == "filter"]
    assert len(findings) == 2
    assert findings[0].startswith(counts)
    assert not [f for f in check_inputs(*files, apply_filters="PASS,.") if f.code == "filter"]
