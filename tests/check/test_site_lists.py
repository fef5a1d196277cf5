"""The lists of `check --out PREFIX` are taken by bcftools and plink2 as they are."""

import subprocess
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from check_cases import pair, strand, swap, with_genotypes
from ragimpute.check.site_lists import KINDS
from ragimpute.cli import ragimpute

FLIPPED, SWAPPED, UNMATCHED, DISCORDANT, TWICE, SYMBOLIC = range(6)


def positions(rows: list[list[str]]) -> list[int]:
    return [int(row[1]) for row in rows]


@pytest.fixture
def spoilt(tmp_path: Path) -> dict[str, list[int]]:
    """p.vcf and t.vcf, records of which are spoilt in known ways; the positions of each kind."""
    panel, targets = pair()
    rows = targets.rows
    kinds = {"flipped": rows[0:4], "swapped": rows[2:6], "unmatched": rows[10:13], "discordant": rows[20:22]}
    found = {kind: positions(of_kind) for kind, of_kind in kinds.items()}
    rows[0:4] = [strand(row) for row in rows[0:4]]
    rows[2:6] = [swap(row) for row in rows[2:6]]
    rows[10:13] = [[row[0], str(int(row[1]) + 1), *row[2:]] for row in rows[10:13]]
    found["unmatched"] = positions(rows[10:13])
    far = {row[1]: sum(gt.count("1") for gt in row[4:]) / (2 * len(row[4:])) for row in panel.rows}
    rows[20:22] = [with_genotypes("1/1" if far[row[1]] < 0.5 else "0/0")(row) for row in rows[20:22]]
    rows[30:30] = [rows[30]]
    rows[40] = [*rows[40][:3], "<DEL>", *rows[40][4:]]
    found |= {"duplicate": [int(rows[30][1])], "unusable": [int(rows[40][1])]}
    (tmp_path / "p.vcf").write_text(panel.text())
    (tmp_path / "t.vcf").write_text(targets.text())
    return found


@pytest.mark.parametrize("form", ["prefix", "folder"])
def test_bcftools_and_plink_take_them(spoilt, tmp_path, form, outcome):
    out = tmp_path / "qc"
    if form == "folder":
        out.mkdir()
    arguments = ["check", "--reference", tmp_path / "p.vcf", "--targets", tmp_path / "t.vcf", "--out", out]
    done = CliRunner().invoke(ragimpute, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    prefix = out / "check" if form == "folder" else out
    assert Path(f"{prefix}.findings.tsv").exists()
    vcf = tmp_path / "t.vcf.gz"
    subprocess.run(["bcftools", "view", "-Oz", "-o", vcf, tmp_path / "t.vcf"], check=True)
    subprocess.run(["bcftools", "index", vcf], check=True)
    make = ["plink2", "--vcf", vcf, "--set-missing-var-ids", "@:#:$r:$a", "--make-pgen", "--out", tmp_path / "t"]
    subprocess.run(make, check=True, capture_output=True)
    for kind in KINDS:
        sites, ids = Path(f"{prefix}.{kind}.tsv"), Path(f"{prefix}.{kind}.ids")
        table = pd.read_csv(sites, sep="\t")
        assert sorted(set(table["pos"]) & set(spoilt[kind])) == sorted(spoilt[kind]), kind
        if kind != "discordant":  # by chance others may be
            assert sorted(table["pos"]) == sorted(spoilt[kind]), kind
        for option in ("-T", "-R"):
            query = ["bcftools", "query", option, sites, "-f", "%POS\\n", vcf]
            read = subprocess.run(query, capture_output=True, text=True)
            assert (read.returncode, read.stderr) == (0, "")
            assert {int(line) for line in read.stdout.split()} == set(table["pos"])
        outcome(
            "QC lists", f"{kind} records, --out is a {form}", "check", 0, f"{len(table)} in a table for bcftools -T"
        )
        if kind in ("duplicate", "unusable"):  # plink2 wants distinct IDs; symbolic alleles have long ones
            continue
        extract = ["plink2", "--pfile", tmp_path / "t", "--extract", ids, "--make-just-pvar", "--out", tmp_path / kind]
        subprocess.run(extract, check=True, capture_output=True)
        kept = [line for line in (tmp_path / f"{kind}.pvar").read_text().splitlines() if line[0] != "#"]
        assert {int(line.split("\t")[1]) for line in kept} == set(table["pos"])


def test_no_file_is_left_of_a_kind_that_does_not_occur(spoilt, tmp_path):
    arguments = ["check", "--reference", tmp_path / "p.vcf", "--targets", tmp_path / "p.vcf", "--out", tmp_path / "qc"]
    (tmp_path / "qc.flipped.tsv").write_text("of an earlier run\n")
    CliRunner().invoke(ragimpute, [str(argument) for argument in arguments], catch_exceptions=False)
    assert [path.name for path in sorted(tmp_path.glob("qc.*"))] == ["qc.findings.tsv"]


def test_the_table_gives_both_frequencies(spoilt, tmp_path):
    arguments = ["check", "--reference", tmp_path / "p.vcf", "--targets", tmp_path / "t.vcf", "--out", tmp_path / "qc"]
    CliRunner().invoke(ragimpute, [str(argument) for argument in arguments], catch_exceptions=False)
    table = pd.read_csv(tmp_path / "qc.discordant.tsv", sep="\t").set_index("pos")
    for pos in spoilt["discordant"]:
        row = table.loc[pos]
        expected = {}
        for name in ("t", "p"):
            [line] = [text for text in (tmp_path / f"{name}.vcf").read_text().splitlines() if f"\t{pos}\t" in text]
            genotypes = line.split("\t")[9:]
            expected[name] = sum(gt.count("1") for gt in genotypes) / (2 * len(genotypes))
        assert row["frequency"] == pytest.approx(expected["t"], abs=1e-4)
        assert row["panel_frequency"] == pytest.approx(expected["p"], abs=1e-4)
        assert row["reason"] == "frequencies differ by more than 0.3"
