"""The accounting of runs of every kind of file; conftest.py checks each of them by `accounting.check_run`."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import accounting
from check_cases import Vcf, insert, pair, phased_at_random, with_genotypes
from ragimpute.errors import InputError
from ragimpute.imputation import impute as module
from ragimpute.imputation.impute import impute
from ragimpute.models.pretrained import DEFAULT
from ragimpute.panel.dropped_records import dropped_of
from ragimpute.panel.preparation import prepare_panel
from two_chromosomes import query

OPTIONS = {"threads": 1, "n_phasings": 1, "model": DEFAULT}
FREE = "20", "1000001"  # a position that the panel lacks


@pytest.fixture(autouse=True)
def no_beagle(monkeypatch):
    monkeypatch.setattr("ragimpute.imputation.inputs.phase_repeatedly", phased_at_random)


def write(folder: Path, panel: Vcf, targets: Vcf, name: str = "") -> dict[str, Path]:
    files = {"reference": folder / f"{name}p.vcf", "targets": folder / f"{name}t.vcf"}
    files["reference"].write_text(panel.text())
    files["targets"].write_text(targets.text())
    return files


def spoilt() -> tuple[Vcf, Vcf]:
    """A pair with records that are not used, for several reasons."""
    panel, targets = pair()
    insert(panel, "A", "G,T")
    insert(panel, "A", "<DEL>")
    panel.each(with_genotypes(".|.", 3), 30, 4)
    targets.each(with_genotypes("./."), 25)
    targets.rows.append([*FREE, "A", "C", *["0/1"] * 12])
    targets.rows.append(["X", "5000000", "A", "C", *["0/1"] * 12])
    return panel, targets


def test_the_numbers_of_a_run_and_of_its_tables(tmp_path):
    result = impute(**write(tmp_path, *spoilt()), **OPTIONS, out=tmp_path / "o.vcf.gz")
    records = result.summary["records"]
    assert json.loads(json.dumps(records)) == records
    reasons = {"missing": 5, "symbolic": 1, "multiallelic": 1}
    assert records["reference"] == {"records": 152, "used": 145, "listed": reasons}
    of_targets = records["targets"]
    n_lost = of_targets["listed"]["not in the reference"] - 1
    assert of_targets["records"] == 101
    assert of_targets["elsewhere"] == {"X": 1}
    assert of_targets["listed"]["all genotypes missing"] in (3, 4)  # one may be where the panel's record is dropped
    assert of_targets["used"] == 101 - n_lost - 1 - of_targets["listed"]["all genotypes missing"]
    counted = result.dropped.groupby(["file", "reason"]).size().to_dict()
    assert counted == {(file, reason): n for file in records for reason, n in records[file]["listed"].items()}


def test_a_run_that_loses_a_record_is_told(tmp_path, monkeypatch):
    """The check of each run fails where a row of a table, a number of the summary or a written record is wrong."""
    requests = []
    genome = module.impute_genome
    monkeypatch.setattr(module, "impute_genome", lambda request, restart: requests.append(request) or genome(request))
    out = tmp_path / "o.vcf.gz"
    summary = impute(**write(tmp_path, *spoilt()), **OPTIONS, out=out).summary
    [request] = requests
    accounting.check_run(request, summary)
    table = tmp_path / "o.dropped.tsv"
    text = table.read_text()
    for lost in (1, -1):  # a record of the reference, and one of the targets
        lines = text.splitlines(keepends=True)
        del lines[lost]
        table.write_text("".join(lines))
        with pytest.raises(AssertionError):
            accounting.check_run(request, summary)
    table.write_text(text)
    for file in ("reference", "targets"):
        wrong = json.loads(json.dumps(summary["records"]))
        wrong[file]["used"] -= 1
        wrong[file]["records"] -= 1
        with pytest.raises(AssertionError):
            accounting.check_run(request, {**summary, "records": wrong})
    subprocess.run(["bcftools", "view", "-e", "POS=1000700", "-o", tmp_path / "less.vcf.gz", out], check=True)
    out.write_bytes((tmp_path / "less.vcf.gz").read_bytes())
    with pytest.raises(AssertionError):
        accounting.check_run(request, summary)


def test_a_prepared_panel_knows_what_it_was_made_without(tmp_path):
    files = write(tmp_path, *spoilt())
    prepared = tmp_path / "prepared"
    prepare_panel(files["reference"], None, prepared, tmp_path / "d.tsv")
    listed = pd.read_csv(tmp_path / "d.tsv", sep="\t", dtype={"chrom": str})
    pd.testing.assert_frame_equal(dropped_of(prepared), listed, check_dtype=False)
    found = {}
    for name, reference in (("vcf", files["reference"]), ("prepared", prepared)):
        of_one = files | {"reference": reference}
        result = impute(**of_one, **OPTIONS, out=tmp_path / f"{name}.vcf.gz")
        in_region = impute(**of_one, **OPTIONS, region="20:1000000-1010000", out=tmp_path / f"{name}.region.vcf.gz")
        found[name] = (result.summary["records"], in_region.summary["records"], result.dropped.values.tolist())
    assert found["vcf"] == found["prepared"]
    assert found["vcf"][1]["reference"]["records"] == 17


def test_records_of_a_chromosome_that_is_not_imputed_are_listed_of_both_files(tmp_path):
    panel, targets = pair()
    n_of_21 = 40
    for vcf, shift in ((panel, 0), (targets, 1)):
        vcf.rows += [["21", str(int(row[1]) + shift), *row[2:]] for row in vcf.rows[:n_of_21]]
    result = impute(**write(tmp_path, panel, targets), **OPTIONS, out=tmp_path / "o.vcf.gz")
    counted = result.dropped.groupby(["file", "reason"]).size().to_dict()
    assert counted == {
        ("reference", "no typed site on the chromosome"): n_of_21,
        ("targets", "not in the reference"): n_of_21,
    }


@pytest.mark.parametrize("spoil", ["positions", "genotypes"])
def test_targets_of_a_chromosome_file_that_cannot_be_used_are_listed(spoil, tmp_path):
    for chrom in ("20", "21"):
        panel, targets = pair()
        if chrom == "21" and spoil == "positions":
            targets.each(lambda row: [row[0], str(int(row[1]) + 1), *row[2:]])
        elif chrom == "21":
            targets.each(with_genotypes("./."))
        for vcf in (panel, targets):
            vcf.contig = chrom
            vcf.each(lambda row, chrom=chrom: [chrom, *row[1:]])
        write(tmp_path, panel, targets, f"c{chrom}.")
    files = {"reference": tmp_path / "c{chrom}.p.vcf", "targets": tmp_path / "c{chrom}.t.vcf"}
    records = impute(**files, **OPTIONS, out=tmp_path / "o.vcf.gz").summary["records"]
    assert records["reference"] == {"records": 300, "used": 150, "listed": {"no typed site on the chromosome": 150}}
    reason = "not in the reference" if spoil == "positions" else "all genotypes missing"
    assert records["targets"] == {"records": 200, "used": 100, "listed": {reason: 100}, "elsewhere": {}}


def test_x_of_unknown_build_is_listed_of_both_files(tmp_path):
    panel, targets = pair()
    for vcf in (panel, targets):
        vcf.rows += [["X", *row[1:4], *(gt[0] for gt in row[4:])] for row in vcf.rows[:30]]
    files = write(tmp_path, panel, targets)
    for path in files.values():
        path.write_text(path.read_text().replace("##contig", "##contig=<ID=X>\n##contig", 1))
    result = impute(**files, **OPTIONS, out=tmp_path / "o.vcf.gz")
    assert result.summary["not_imputed"].keys() == {"X"}
    words = "chromosome not imputed"
    assert result.summary["records"]["reference"]["listed"] == {words: 30}
    assert result.summary["records"]["targets"]["listed"] == {words: 30}


def test_files_of_each_chromosome_and_regions_of_two(tmp_path):
    for chrom in ("20", "21"):
        panel, targets = spoilt()
        for vcf in (panel, targets):
            vcf.each(lambda row, chrom=chrom: [chrom if row[0] == "20" else row[0], *row[1:]])
        write(tmp_path, panel, targets, f"c{chrom}.")
    files = {"reference": tmp_path / "c{chrom}.p.vcf", "targets": tmp_path / "c{chrom}.t.vcf"}
    whole = impute(**files, **OPTIONS, out=tmp_path / "o.vcf.gz").summary["records"]
    each = impute(**files, **OPTIONS, out=tmp_path / "o.{chrom}.vcf.gz").summary["records"]
    assert whole == each
    assert whole["reference"]["records"] == 304
    assert whole["targets"]["elsewhere"] == {"X": 2}
    regions = ["20:1000000-1020000", "21:1010000-1050000", "21:1040000-1060000"]
    part = impute(**files, **OPTIONS, region=regions, out=tmp_path / "r.vcf.gz").summary["records"]
    assert 0 < part["reference"]["records"] < 152
    assert part["targets"]["elsewhere"] == {}


def test_records_that_the_panel_lacks_are_kept_of_each_file_or_listed(tmp_path):
    """A record of several alleles, a symbolic one and one that has not passed are not kept, and stay in the table."""
    for chrom in ("20", "21"):
        panel, targets = pair()
        targets.rows[1:1] = [
            [*FREE, "A", "C", *["0/1"] * 12],
            [*FREE, "A", "<DEL>", *["0/1"] * 12],
            [FREE[0], "1000002", "A", "C,G", *["0/1"] * 12],
        ]
        for vcf in (panel, targets):
            vcf.contig = chrom
            vcf.each(lambda row, chrom=chrom: [chrom, *row[1:]])
        write(tmp_path, panel, targets, f"c{chrom}.")
    files = {"reference": tmp_path / "c{chrom}.p.vcf", "targets": tmp_path / "c{chrom}.t.vcf"}
    result = impute(**files, **OPTIONS, out=tmp_path / "o.vcf.gz", keep_unmatched=True)
    kept = query(tmp_path / "o.vcf.gz", "%CHROM %POS %ALT\n", "-i", "INFO/TYPED=0 && INFO/IMPUTED=0")
    assert kept == [[f"{chrom} 1000001 C"] for chrom in ("20", "21")]
    assert result.summary["records"]["targets"]["listed"] == {"symbolic": 2, "not in the reference": 2}
    assert result.summary["records"]["targets"]["used"] == 2 * 101


def test_variants_of_plink_without_a_position_are_listed(tmp_path):
    panel, targets = pair()
    files = write(tmp_path, panel, targets)
    make = ["plink2", "--vcf", files["targets"], "--make-bed", "--out", tmp_path / "t"]
    subprocess.run(make, check=True, capture_output=True)
    bim = tmp_path / "t.bim"
    lines = [line.split("\t") for line in bim.read_text().splitlines()]
    for fields in lines[:3]:
        fields[0], fields[3] = "0", "0"
    bim.write_text("".join("\t".join(fields) + "\n" for fields in lines))
    result = impute(reference=files["reference"], targets=tmp_path / "t.bed", **OPTIONS, out=tmp_path / "o.vcf.gz")
    records = result.summary["records"]["targets"]
    assert records["listed"]["no position"] == 3
    assert records["records"] == len(lines)


def test_an_allele_split_over_two_sites_counts_once(tmp_path):
    panel, targets = pair()
    row = panel.rows[1]
    other = next(base for base in "ACGT" if base not in row[2:4])
    panel.rows.insert(2, [*row[:3], other, *["0|0"] * 29, "1|0"])
    targets.rows[0] = [*row[:3], f"{row[3]},{other}", *targets.rows[0][4:]]
    result = impute(**write(tmp_path, panel, targets), **OPTIONS, out=tmp_path / "o.vcf.gz")
    assert result.summary["typed_sites"] == 101
    assert result.summary["records"]["targets"] == {"records": 100, "used": 100, "listed": {}, "elsewhere": {}}
    np.testing.assert_array_equal(result.typed[1:3], [True, True])


def parts_of_a_chromosome(folder: Path, names: list[str]) -> dict:
    """The pair, its panel in two parts, and another chromosome beside the second one."""
    panel, targets = pair()
    rows = panel.rows
    paths = [folder / name for name in names]
    for path, of_part in zip(paths, (rows[:80], rows[80:]), strict=True):
        path.parent.mkdir(exist_ok=True)
        panel.rows = [*of_part, *([["21", *row[1:]] for row in rows[:30]] if path is paths[-1] else [])]
        path.write_text(panel.text())
    targets.rows += [["21", *row[1:]] for row in targets.rows[:20]]
    targets.rows += [[*FREE, "A", "C", *["0/1"] * 12], ["22", "5", "A", "C", *["0/1"] * 12]]
    (folder / "t.vcf").write_text(targets.text())
    return {"reference": paths, "targets": folder / "t.vcf"}


@pytest.mark.parametrize("names", [["a.vcf", "b.vcf"], ["a/p.vcf", "b/p.vcf"]])
def test_parts_of_a_chromosome_in_several_references(names, tmp_path, outcome):
    files = parts_of_a_chromosome(tmp_path, names)
    result = impute(**files, **OPTIONS, out=tmp_path / "o.vcf.gz")
    assert result.summary["typed_sites"] == 120
    assert result.sites["pos"].is_monotonic_increasing or result.sites["chrom"].nunique() == 2
    records = result.summary["records"]
    assert records["reference"] == {"records": 180, "used": 180, "listed": {}}
    assert records["targets"] == {"records": 122, "used": 120, "listed": {"not in the reference": 2}, "elsewhere": {}}
    outcome("an option twice", f"--reference {names[0]} --reference {names[1]}", "impute", 0, "both are imputed")


def test_a_reference_given_twice_or_not_in_order_is_an_error(tmp_path, outcome):
    files = parts_of_a_chromosome(tmp_path, ["a.vcf", "b.vcf"])
    first, second = files["reference"]
    copy = tmp_path / "copy.vcf"
    copy.write_bytes(first.read_bytes())
    for references, words in (
        ([first, first], "given twice"),
        ([first, copy], "give the parts of a chromosome in their order"),
        ([second, first], "give the parts of a chromosome in their order"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            impute(**files | {"reference": references}, **OPTIONS, out=tmp_path / "o.vcf.gz")
        of_input = " ".join(f"--reference {path.name}" for path in references)
        outcome("an option twice", of_input, "impute", 1, str(caught.value))
