"""One judgement: `check` finds an error exactly where `impute` fails, over the pairs of files of the test suite."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import ragimpute
from check_cases import CASES, in_panel, in_targets, on_x, pair, phased_at_random, with_genotypes
from ragimpute.check.findings import Finding
from ragimpute.cli import ragimpute as command
from ragimpute.errors import InputError
from ragimpute.imputation.impute import impute
from ragimpute.models.pretrained import DEFAULT
from tiny_study import ROOT
from two_chromosomes import World
from x_chromosome import REFERENCE, TARGET, XWorld, x_world

ARTEFACT = ROOT / "build" / "tests" / "verdicts.tsv"  # what check and impute made of each pair
OPTIONS = {"threads": 1, "n_phasings": 1, "model": DEFAULT}


@pytest.fixture(autouse=True)
def no_beagle(monkeypatch):
    monkeypatch.setattr("ragimpute.imputation.inputs.phase_repeatedly", phased_at_random)
    monkeypatch.setattr("ragimpute.check.left_out_window.phase_repeatedly", phased_at_random)


@pytest.fixture(scope="module")
def verdicts():
    """Collects a row for each pair, and writes the table at the end."""
    rows: list[dict[str, str]] = []
    yield rows
    ARTEFACT.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(ARTEFACT, sep="\t", index=False)


def verdict(name: str, files: dict, out: Path, rows: list) -> tuple[list[Finding], str]:
    """What `check` finds and what `impute` says, '' where it succeeds; they must agree."""
    findings = ragimpute.check(**files)
    errors = [str(finding) for finding in findings if finding.level == "error"]
    try:
        impute(**files, **OPTIONS, out=out)
        failure = ""
    except InputError as error:
        failure = str(error)
    rows.append({"case": name, "check": errors[0] if errors else "0", "impute": failure or "0"})
    assert bool(errors) == bool(failure), (errors, failure)
    return findings, failure


def written(folder: Path, spoil: Callable) -> dict[str, Path]:
    panel, targets = pair()
    spoil(panel, targets)
    files = {"reference": folder / "p.vcf", "targets": folder / "t.vcf"}
    files["reference"].write_text(panel.text())
    files["targets"].write_text(targets.text())
    return files


X_IN_TARGETS = (lambda p, t: t.rows.append(["X", "5000000", "A", "C", *["1"] * len(t.samples)]), 0)
MORE = {
    "X in the targets and not in the panel": X_IN_TARGETS,
    "all genotypes missing": (in_targets(with_genotypes("./.")), 1),
    "all genotypes missing but at other sites": (
        lambda p, t: [t.each(with_genotypes("./.")), t.rows.append(["20", "9", "A", "C", *["0/1"] * len(t.samples)])],
        1,
    ),
    "99.8 % of the panel unphased": (
        in_panel(lambda row: row if row[1] == "1000700" else [*row[:4], "0/1", *row[5:]]),
        1,
    ),
    "95 % of the panel incomplete": (
        in_panel(lambda row: row if (int(row[1]) - 1_000_000) // 700 % 20 == 0 else with_genotypes(".|.", 2)(row)),
        1,
    ),
    "half of the panel unphased": (in_panel(lambda row: [*row[:4], "0/1", *row[5:]], 2), 1),
    "an X of unknown build with haploid men in the panel": (
        lambda p, t: [on_x(True)(p, t), setattr(p, "length", 5), p.each(with_genotypes("1", 3), 1)],
        1,
    ),
}
ALL = {**{name: (spoil, code) for name, (spoil, _, code) in CASES.items()}, **MORE}


@pytest.mark.parametrize("name", list(ALL))
def test_check_fails_exactly_where_impute_fails(name, tmp_path, verdicts):
    spoil, _ = ALL[name]
    files = written(tmp_path, spoil)
    _, failure = verdict(name, files, tmp_path / "o.vcf.gz", verdicts)
    if name in MORE:
        assert bool(failure) == bool(MORE[name][1])


@pytest.mark.parametrize(
    ("region", "fails"),
    [
        ("20:1030000-1040000", False),
        ("20:1000000-1000600", False),  # one untyped site; those beside it are read too
        ("20:5000000-6000000", True),
        ("20:1000001-1000002", True),
        ("21", True),
        ("20", False),
    ],
)
def test_a_region_is_judged_with_what_lies_around_it(region, fails, tmp_path, verdicts):
    files = written(tmp_path, lambda p, t: None)
    _, failure = verdict(f"region {region}", {**files, "region": region}, tmp_path / "o.vcf.gz", verdicts)
    assert bool(failure) == fails


@pytest.mark.parametrize(
    ("points", "fails"),
    [
        ("20 . 0 900000\n20 . 1 2000000\n", False),
        ("20 . 0 1050000\n20 . 1 2000000\n", False),
        ("20 . 0 61000000\n20 . 1 62000000\n", True),
        ("21 . 0 900000\n21 . 1 2000000\n", True),
        ("hello\n", True),
    ],
)
def test_maps_are_judged_alike(points, fails, tmp_path, verdicts):
    files = written(tmp_path, lambda p, t: None)
    (tmp_path / "m").write_text(points)
    _, failure = verdict(f"map {points!r}", {**files, "genetic_map": tmp_path / "m"}, tmp_path / "o.vcf.gz", verdicts)
    assert bool(failure) == fails


@pytest.mark.parametrize("name", ["panel.safetensors", "panel.prepared"])
def test_a_prepared_panel_is_judged_as_its_vcf(name, world: World, tmp_path, verdicts):
    vcf, prepared = world.folder / "reference.vcf.gz", tmp_path / name
    arguments = ["read-panel", "--reference", vcf, "--out", prepared, "--dropped", tmp_path / "d.tsv"]
    done = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    targets = world.folder / "phased.vcf.gz"
    of_prepared, _ = verdict(name, {"reference": prepared, "targets": targets}, tmp_path / "o.vcf.gz", verdicts)
    of_vcf = ragimpute.check(reference=vcf, targets=targets)
    assert [(f.level, f.code, f.message) for f in of_prepared] == [(f.level, f.code, f.message) for f in of_vcf]


@pytest.fixture(scope="module")
def x(tmp_path_factory) -> XWorld:
    return x_world(tmp_path_factory.mktemp("x"), {})


X_FILES = {
    "men haploid": ({}, {}, False),
    "men diploid": ({"men_diploid": True}, {}, False),
    "no length of X": ({"contig": "##contig=<ID=X>"}, {}, True),
    "no length of X, with the build": ({"contig": "##contig=<ID=X>"}, {"build": "37"}, False),
    "the other build": ({}, {"build": "38"}, True),
    "PAR1 alone": ({}, {"region": "X:60001-2699520"}, False),
}


@pytest.mark.parametrize("name", list(X_FILES))
def test_x_is_judged_alike(name, x: XWorld, tmp_path, verdicts):
    change, options, fails = X_FILES[name]
    is_diploid = change.get("men_diploid", False)
    both = [(panel, x.alleles(panel, is_diploid)) for panel in (x.par, x.beyond)]
    contig = {"contig": change["contig"]} if "contig" in change else {}
    files = {
        "reference": x.write(f"{name}.p.vcf.gz", both, REFERENCE, **contig),
        "targets": x.write(f"{name}.t.vcf.gz", both, TARGET, typed_only=True, **contig),
    }
    _, failure = verdict(f"X, {name}", {**files, **options}, tmp_path / "o.vcf.gz", verdicts)
    assert bool(failure) == fails


def test_several_references_and_chrom_are_taken_as_impute_takes_them(world: World, tmp_path, verdicts):
    panel = world.panel.of_samples(world.panel.samples[:40])
    names = {}
    for chrom in ("20", "21"):
        names[chrom] = tmp_path / f"p.chr{chrom}.safetensors"
        panel.take(panel.sites.chrom == chrom).save(names[chrom])
    targets = world.folder / "phased.vcf.gz"
    for reference in ([names["21"], names["20"]], tmp_path / "p.chr{chrom}.safetensors"):
        files = {"reference": reference, "targets": targets}
        findings, failure = verdict("two chromosomes", files, tmp_path / "o.vcf.gz", verdicts)
        assert failure == ""
        overlaps = [finding.message for finding in findings if finding.code == "overlap"]
        assert sorted(text.split(" of the ")[0] for text in overlaps) == ["20: 375", "21: 125"]
    done = CliRunner().invoke(
        command, ["check", "--reference", f"{tmp_path}/p.chr{{chrom}}.safetensors", "--targets", str(targets)]
    )
    assert done.exit_code == 0, done.output


def test_beagle_that_is_needed_and_missing_is_an_error_of_both(world: World, tmp_path, monkeypatch, verdicts):
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "")
    for name, fails in (("phased.vcf.gz", False), ("unphased.vcf.gz", True)):
        files = {"reference": world.folder / "reference.vcf.gz", "targets": world.folder / name}
        _, failure = verdict(f"no Beagle, {name}", files, tmp_path / "o.vcf.gz", verdicts)
        assert ("beagle is not installed" in failure) == fails


def test_a_vcf_of_version_3_is_said(tmp_path, verdicts, caplog):
    files = written(tmp_path, lambda p, t: None)
    text = files["targets"].read_text()
    files["targets"].write_text(text.replace("VCFv4.2", "VCFv3.3"))
    with caplog.at_level(logging.WARNING, logger="ragimpute"):
        findings, failure = verdict("VCFv3.3", files, tmp_path / "o.vcf.gz", verdicts)
    assert failure == ""
    words = "it is VCFv3.3, whose insertions and deletions are coded otherwise"
    assert [finding for finding in findings if words in finding.message and finding.level == "warning"]
    assert words in caplog.text
    assert f"zcat -f {files['targets']} | vcf-convert -v 4.2" in caplog.text


def test_targets_as_dense_as_sequencing_are_said(tmp_path, verdicts):
    panel, targets = pair(n_sites=1600)
    files = {"reference": tmp_path / "p.vcf", "targets": tmp_path / "t.vcf"}
    files["reference"].write_text(panel.text())
    files["targets"].write_text(targets.text())
    findings, _ = verdict("dense", files, tmp_path / "o.vcf.gz", verdicts)
    [message] = [finding.message for finding in findings if finding.code == "density"]
    assert "1066 of the panel's 1600 sites are typed (67%), as by sequencing" in message
    few = written(tmp_path, lambda p, t: None)
    assert [finding for finding in ragimpute.check(**few) if finding.code == "density"] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("swapped alleles", "recoded to the reference's alleles"),
        ("missing sample", "1 sample lacks over 10% of their genotypes: T0 100%"),
        ("missing sites", "sites lack over 10% of the genotypes"),
        ("genotypes recoded but not the alleles", "allele frequencies correlate"),
        ("other alleles", "are both files of the same genome build?"),
        ("half of the panel unphased", "records can be used (50.0%)"),
    ],
)
def test_impute_prints_the_warnings_of_check(name, words, tmp_path, caplog):
    files: dict = {**written(tmp_path, ALL[name][0]), "max_lost_sites": 1}
    warnings = [str(finding) for finding in ragimpute.check(**files) if finding.level == "warning"]
    assert [text for text in warnings if words in text]
    with caplog.at_level(logging.WARNING, logger="ragimpute"):
        impute(**files, **OPTIONS, out=tmp_path / "o.vcf.gz")
    said = [f"warning: {record.getMessage()}" for record in caplog.records]
    assert [text for text in said if words in text] == [text for text in warnings if words in text]


def test_check_tells_time_memory_and_on_demand_the_accuracy(tmp_path):
    files = written(tmp_path, lambda panel, targets: None)
    arguments = ["check", "--reference", str(files["reference"]), "--targets", str(files["targets"]), "--json"]
    plain = CliRunner().invoke(command, arguments)
    asked = CliRunner().invoke(command, [*arguments, "--expected-accuracy", "--threads", "1"])
    assert plain.exit_code == asked.exit_code == 0, asked.output
    codes = {one["code"]: one["numbers"] for one in json.loads(plain.stdout)}
    assert {"cpu_seconds", "seconds", "memory_mb", "machine", "threads"} == codes["expected-work"].keys()
    assert "expected-accuracy" not in codes
    [numbers] = [one["numbers"] for one in json.loads(asked.stdout) if one["code"] == "expected-accuracy"]
    assert 20 <= numbers["left_out_samples"] <= 30  # of the panel's 30
    by_stratum = {row["stratum"]: row for row in numbers["strata"]}
    assert {"sites", "r2", "r2_low", "r2_high", "r2_of_panel"} < by_stratum["overall"].keys()
    assert 0 <= by_stratum["common"]["r2"] <= 1
    as_text = CliRunner().invoke(command, [*arguments[:-1], "--expected-accuracy", "--quiet"])
    assert "expected r2 at untyped sites" in as_text.output
    assert "of the panel's samples" in as_text.output


def test_nothing_is_forecast_where_imputation_would_fail(tmp_path):
    files = written(tmp_path, in_targets(with_genotypes("./.")))
    findings = ragimpute.check(**files, expected_accuracy=True)
    assert not [finding for finding in findings if finding.code.startswith("expected")]
