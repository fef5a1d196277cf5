"""The input check: every defect of a small pair of files is found, named and graded, and the readers agree with it."""

import gzip
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from click.testing import CliRunner

from check_cases import CASES, N_TARGETS, READABLE, Vcf, duplicate, pair, rename, swap, with_genotypes
from ragimpute.check.all_checks import check_inputs
from ragimpute.check.findings import Finding
from ragimpute.cli import ragimpute
from ragimpute.errors import InputError
from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.vcf.source import Region

EXAMPLE = Path(__file__).parents[2] / "resources" / "example"


@dataclass
class Files:
    """The files of a case and what the check says of them."""

    panel: Path
    targets: Path

    def found(self, **options) -> list[str]:
        short = {str(self.panel): "p", str(self.targets): "t"}
        findings = check_inputs(self.panel, self.targets, **options)
        return [f"{finding.level} {finding.code} {short.get(finding.file, '-')}" for finding in findings]

    def read(self):
        """What imputation reads."""
        panel, _ = read_panel(self.panel, None, GeneticMap({}))
        return panel, read_genotypes(self.targets, panel.sites)


@pytest.fixture
def write(tmp_path):
    def written(panel: Vcf | bytes, targets: Vcf | bytes, suffix: str = ".vcf") -> Files:
        files = Files(tmp_path / f"p{suffix}", tmp_path / f"t{suffix}")
        for path, content in ((files.panel, panel), (files.targets, targets)):
            path.write_bytes(content if isinstance(content, bytes) else content.text().encode())
        return files

    return written


@pytest.mark.parametrize("name", list(CASES))
def test_what_is_wrong_is_found_and_the_readers_agree(name, write):
    spoil, expected, code = CASES[name]
    panel, targets = pair()
    spoil(panel, targets)
    files = write(panel, targets)
    found = files.found()
    assert set(expected) <= set(found)
    errors = [line.split()[1] for line in found if line.startswith("error")]
    assert bool(errors) == bool(code)
    if set(errors) - READABLE:
        with pytest.raises(InputError, match=re.escape(str(files.panel.parent))):
            files.read()
    else:
        assert len(files.read()[1].index) > 0


RECODED = {  # and how many of the records are
    "swapped alleles": 1 / 4,
    "other strand": 1 / 4,
    "other strand and swapped": 1 / 4,
    "all alleles swapped": 1,
    "merged multiallelic targets": 1 / 4,
    "gVCF targets": 0,
}


@pytest.mark.parametrize("name", list(RECODED))
def test_recoded_genotypes_are_those_of_the_sound_file(name, write):
    _, sound = write(*pair()).read()
    panel, targets = pair()
    CASES[name][0](panel, targets)
    _, found = write(panel, targets).read()
    np.testing.assert_array_equal(found.index, sound.index)
    np.testing.assert_array_equal(found.alleles, sound.alleles)
    assert len(found.recoded) == RECODED[name] * len(sound.index)


AS_MANY = ["sound", "swapped alleles", "monomorphic record", "all records monomorphic", "merged multiallelic targets"]


@pytest.mark.parametrize("name", [*AS_MANY, "gVCF targets", "hom-ref records of a gVCF"])
def test_the_check_counts_the_records_that_imputation_uses(name, write):
    panel, targets = pair()
    CASES[name][0](panel, targets)
    files = write(panel, targets)
    message = next(f.message for f in check_inputs(files.panel, files.targets) if f.code == "overlap")
    used = len(files.read()[1].index)
    assert used == len(targets.rows)
    assert message.startswith(f"{used} of the {used} usable records")


def cut(content: bytes) -> bytes:
    return gzip.compress(content)[:-30]


@pytest.mark.parametrize(
    ("suffix", "spoil", "message"),
    [
        (".vcf.gz", cut, "damaged or truncated"),
        (".vcf.gz", lambda content: gzip.compress(content)[:400], "damaged or truncated"),
        (".vcf", lambda content: b"\xef\xbb\xbf" + content, "byte order mark"),
        (".vcf.gz", lambda content: gzip.compress(b"\xef\xbb\xbf" + content), "byte order mark"),
        (".vcf", lambda content: b"", "the file is empty"),
        (".vcf", lambda content: b"\n" + content, "not a VCF"),
        (".vcf", lambda content: content.replace(b"\t", b" "), "with tabs between them"),
        (".vcf", lambda content: b"sample,site\n1,2\n", "not a VCF"),
        (".vcf", lambda content: content.replace(b"#CHROM", b"CHROM"), "no #CHROM line"),
        (".vcf", lambda content: content.decode().encode("utf-16"), "not a VCF"),
        (".bcf", lambda content: b"BCF\2\2" + content, "."),
        (".vcf", lambda content: content + b"\n\n20\t", "line|unreadable"),
        (".vcf", lambda content: content.replace(b"T0", b"T\xff"), "UTF-8"),
    ],
)
def test_damaged_files_are_named(write, suffix, spoil, message):
    panel, targets = pair()
    spoilt = spoil(targets.text().encode())
    files = write(gzip.compress(panel.text().encode()) if suffix == ".vcf.gz" else panel, spoilt, suffix)
    if suffix == ".bcf":
        files.panel.write_text(panel.text())
    assert "error unreadable t" in files.found()
    with pytest.raises(InputError, match=message) as caught:
        files.read()
    assert str(files.targets) in str(caught.value)
    swapped = Files(files.targets, files.panel)
    assert "error unreadable p" in swapped.found()
    with pytest.raises(InputError, match=message):
        swapped.read()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.removesuffix("\n"),
        lambda text: text.replace("##contig=<ID=20,length=63025520>\n", ""),
        lambda text: text.replace("VCFv4.2", "VCFv4.3"),
    ],
    ids=["CRLF", "no newline at the end", "no contig line", "VCF 4.3"],
)
def test_other_ways_to_write_the_same_are_read_alike(write, change):
    panel, targets = pair()
    _, sound = write(panel, targets).read()
    files = write(panel, change(targets.text()).encode())
    assert not [line for line in files.found() if line.startswith("error")]
    _, read = files.read()
    assert read.samples == sound.samples
    np.testing.assert_array_equal(read.alleles, sound.alleles)


def test_a_record_whose_gt_is_not_first_is_left_out(write):
    """htslib would end the process over it when no sample has a value."""
    panel, targets = pair()
    lines = targets.text().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if line.startswith("20\t"))
    lines[at] = "\t".join([*lines[at].replace("\tGT\t", "\tDP:GT\t").split("\t")[:9], *["7"] * N_TARGETS]) + "\n"
    header = lines[2].replace("ID=GT", "ID=DP")
    files = write(panel, "".join([*lines[:2], header, *lines[2:]]).encode())
    assert "warning unusable-records t" in files.found()
    _, read = files.read()
    assert read.dropped["reason"].tolist() == ["no genotypes"]
    assert len(read.index) == len(targets.rows) - 1


def test_every_container_gives_the_same_findings(write, tmp_path):
    files = write(*pair())
    expected = files.found()
    packed = Files(tmp_path / "p.vcf.gz", tmp_path / "t.bcf")
    pysam.tabix_compress(str(files.panel), str(packed.panel))
    subprocess.run(["bcftools", "view", "-Ob", "-o", packed.targets, files.targets], check=True)
    assert packed.found() == expected
    pysam.tabix_index(str(packed.panel), preset="vcf", csi=True)
    subprocess.run(["bcftools", "index", packed.targets], check=True)
    assert packed.found() == expected


def test_all_problems_are_reported_at_once(write, tmp_path):
    panel, targets = pair()
    panel.rows.reverse()
    duplicate(panel)
    rename("21")(panel, targets)
    targets.each(with_genotypes("./.", 1))
    (tmp_path / "map").write_text("22 . 0.1 1000000\n22 . 0.2 2000000\n")
    expected = {"error unsorted p", "warning unusable-records p", "error chromosome-names t"}
    expected |= {"warning missing-samples t", "error map -"}
    assert expected <= set(write(panel, targets).found(genetic_map=tmp_path / "map"))


def test_duplicates_under_other_names_are_a_warning_or_an_error_as_asked(write):
    panel, targets = pair(n_sites=1600)
    targets.each(lambda row: [*row[:4], panel.rows[(int(row[1]) - 1_000_000) // 700][9], *row[5:]])
    files = write(panel, targets)
    assert "warning duplicate-samples t" in files.found()
    assert "error duplicate-samples t" in files.found(leak="error")
    message = next(f.message for f in check_inputs(files.panel, files.targets) if f.code == "duplicate-samples")
    assert "1 pair with" in message
    assert "T0 = R5" in message


def test_held_out_samples_are_not_compared_with_themselves(write):
    panel, _ = pair()
    files = write(panel, panel)
    codes = [line.split()[1] for line in Files(files.panel, files.panel).found(held_out=True, leak="error")]
    assert codes == ["reference", "map"]


@pytest.mark.parametrize(
    ("points", "level", "words"),
    [
        ("20 . 0 900000\n20 . 1 2000000\n", None, ""),
        ("20 . 0 1000300\n20 . 1 2000000\n", "warning", "covers 1000300-2000000"),
        ("20 . 0 61000000\n20 . 1 62000000\n", "error", "lie outside"),
        ("chr20 . 0 900000\nchr20 . 1 2000000\n", None, ""),
        ("Chr.20 . 0 900000\nChr.20 . 1 2000000\n", "error", "no map for chromosome '20'; it has Chr.20"),
        ("20 . 1 900000\n20 . 0 2000000\n", "error", "line 2: cM falls"),
        ("hello\n", "error", "unknown genetic map layout"),
        ("", "error", "unknown genetic map layout '', no line of points"),
    ],
)
def test_the_map_must_cover_the_panel(write, tmp_path, points, level, words):
    (tmp_path / "map").write_text(points)
    files = write(*pair())
    found = [f for f in check_inputs(files.panel, files.targets, tmp_path / "map") if f.code == "map"]
    assert [f.level for f in found] == ([level] if level else [])
    assert all(words in f.message for f in found)


def test_the_example_gives_no_warning():
    findings = check_inputs(
        EXAMPLE / "reference.vcf.gz", EXAMPLE / "targets.vcf.gz", EXAMPLE / "genetic_map.plink.map", leak="error"
    )
    assert {finding.level for finding in findings} == {"info"}


def run(*arguments):
    return CliRunner().invoke(ragimpute, ["check", *map(str, arguments)])


def test_exit_codes_and_forms_of_the_command(write, tmp_path):
    files = write(*pair())
    options = ["--reference", files.panel, "--targets", files.targets]
    clean = run(*options, "--out", tmp_path / "check.tsv")
    assert clean.exit_code == 0
    assert f"info: {files.targets}: " in clean.output
    table = pd.read_csv(tmp_path / "check.tsv", sep="\t")
    assert list(table.columns) == ["level", "file", "code", "message"]
    assert set(table["file"]) == {"p.vcf", "t.vcf", "genetic map"}
    assert str(tmp_path) not in (tmp_path / "check.tsv").read_text()
    quiet = run(*options, "--quiet")
    assert quiet.output == "".join(line for line in clean.output.splitlines(True) if not line.startswith("info: "))
    problems = run("--reference", files.panel, "--targets", files.panel, "--json", "--leak", "error")
    assert problems.exit_code == 1
    assert {"level": "error", "code": "same-names"}.items() <= json.loads(problems.stdout)[0].items()
    assert problems.stderr == "ragimpute: error: 1 error in the inputs, listed above with what to do\n"
    for wrong in (options[:2], [*options[:3], tmp_path / "absent.vcf"], [*options, "--map", tmp_path / "no.map"]):
        assert run(*wrong).exit_code == 2


@pytest.mark.parametrize("option", ["--sex", "--exclude-samples"])
def test_no_file_that_is_read_is_written_over(write, tmp_path, option):
    files = write(*pair())
    table = tmp_path / "people.tsv"
    table.write_text("T0\tM\n" if option == "--sex" else "T0\n")
    before = table.read_text()
    done = run("--reference", files.panel, "--targets", files.targets, option, table, "--out", table)
    assert done.exit_code == 1
    assert f"it is the same file as {option}" in str(done.exception)
    assert table.read_text() == before


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--held-out", "--expected-accuracy"], "--held-out checks the files of a study, and does not take --expected"),
        (["--leak", "error", "--build", "37"], "--leak error checks the files of a study, and does not take --build"),
        (["--held-out", "--out", "prefix"], "--out with a prefix"),
        (["--leak", "error", "--reference", "p.chr{chrom}.vcf"], "a further --reference"),
    ],
)
def test_options_without_an_effect_are_refused(write, options, named):
    files = write(*pair())
    done = run("--reference", files.panel, "--targets", files.targets, *options)
    assert done.exit_code == 2
    assert named in " ".join(done.stderr.split())


def test_the_command_that_mends_is_printed_and_is_of_the_reason(write, tmp_path):
    panel, targets = pair()
    targets.rows.insert(11, swap(targets.rows[10]))
    files = write(panel, targets)
    done = run("--reference", files.panel, "--targets", files.targets)
    assert f"\n  fix: bcftools norm --rm-dup any --output unique.vcf.gz {files.targets}\n" in done.stdout
    bed = tmp_path / "t.bed"
    bed.write_bytes(b"\x6c\x1b\x01")
    of_plink = Finding("warning", str(bed), "missing-sites", "..")
    assert of_plink.fix == ""
    absent = Finding("warning", str(files.targets), "chromosome-names", "..", {"chromosomes": ["21"]})
    assert absent.fix == ""


def test_a_region_limits_the_check(write):
    panel, targets = pair()
    targets.each(lambda row: [row[0], row[1], row[2], "<DEL>", *row[4:]], 1, 50)
    files = write(panel, targets)
    assert "warning unusable-records t" in files.found()
    assert "warning unusable-records t" not in files.found(region=Region("20", 1_000_000, 1_030_000))


def test_json_has_the_numbers_and_a_fix(write, tmp_path):
    panel, targets = pair()
    targets.each(with_genotypes("./.", 1))
    targets.rows[3] = with_genotypes("./.")(targets.rows[3])
    targets.rows[5] = [*targets.rows[5][:2], "A", "ACGT", *targets.rows[5][4:]]
    files = write(panel, targets)
    done = run("--reference", files.panel, "--targets", files.targets, "--json")
    found = {(one["code"], one["level"]): one for one in json.loads(done.stdout)}
    assert found["reference", "info"]["numbers"] == {
        "samples": 30,
        "usable_sites": 150,
        "by_chromosome": {"20": 150},
        "build": "37",
    }
    of_targets = found["targets", "info"]["numbers"]
    n_lacking = len(targets.rows)  # T0 has no genotype
    assert of_targets["sites_missing_over"] == {"0": n_lacking, "0.01": n_lacking, "0.05": n_lacking, "0.1": 1}
    assert of_targets["missing_by_sample"]["T0"] == 1
    assert of_targets["missing_by_sample"]["T1"] == pytest.approx(1 / len(targets.rows))
    assert of_targets["build"] == "37"
    overlap = found["overlap", "info"]["numbers"]
    assert overlap["by_chromosome"] == {"20": {"matched": 99, "records": 100}}
    assert overlap["reasons"] == {"alleles differ": 1}
    assert found["frequencies", "info"]["numbers"]["correlation"] > 0.8
    poor = found["missing-samples", "warning"]
    assert poor["numbers"] == {"missing_by_sample": {"T0": 1.0}}
    assert poor["fix"] == f"bcftools view --samples ^T0 --output called.vcf.gz {files.targets}"
    sparse = found["missing-sites", "warning"]
    assert list(sparse["numbers"]["missing_by_site"].values()) == [1.0]
    assert sparse["fix"] == f"bcftools view --exclude 'F_MISSING>0.1' --output called.vcf.gz {files.targets}"
    assert found["reference", "info"]["fix"] == ""


# what no command mends: the file is another one, or damaged, or an option of the user's choice
WITHOUT_COMMAND = {"unreadable", "no-samples", "no-records", "no-usable-site", "invalid-record", "map", "density"}
WITHOUT_NUMBERS = {"unsorted", "chromosome-names", "filter", "variants-only"}


@pytest.mark.parametrize("name", list(CASES))
def test_each_warning_has_numbers_and_a_command(name, write):
    spoil, _, _ = CASES[name]
    panel, targets = pair()
    spoil(panel, targets)
    files = write(panel, targets)
    for finding in check_inputs(files.panel, files.targets):
        if finding.level != "info" and finding.code not in WITHOUT_COMMAND:
            is_mended = finding.code != "unusable-records" or "multiallelic" in finding.numbers["reasons"]
            assert bool(finding.fix) == is_mended, finding
            assert finding.numbers or finding.code in WITHOUT_NUMBERS, finding
            json.dumps(finding.as_json())


def test_numbers_of_duplicates_names_and_phase(write):
    panel, targets = pair()
    duplicate(targets)
    targets.samples[0] = panel.samples[0]
    files = write(panel, targets)
    numbers = {finding.code: finding.numbers for finding in check_inputs(files.panel, files.targets)}
    assert numbers["same-names"] == {"samples": [panel.samples[0]]}
    place = ":".join(targets.rows[10][:2])
    assert numbers["duplicate-sites"] == {"records": 2, "sites": [place, place], "equal_alleles": True}
    assert numbers["phase"]["share"] == 1
    assert numbers["phase"]["unphased"] == numbers["phase"]["heterozygotes"] > 0
