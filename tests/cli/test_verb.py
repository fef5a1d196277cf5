"""What every command says of its options before it reads a file: repeated ones, and places to write to."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from ragimpute.cli import VERBS, ragimpute
from ragimpute.cli.verb import Verb
from ragimpute.errors import InputError
from two_chromosomes import World


def run(*arguments: str | Path):
    return CliRunner().invoke(ragimpute, [str(argument) for argument in arguments])


def test_each_command_is_a_verb():
    commands = [ragimpute.get_command(None, name) for name in VERBS]
    assert [command.name for command in commands if not isinstance(command, Verb)] == []


@pytest.mark.parametrize(
    ("verb", "option", "others"),
    [
        ("impute", "--targets", ["--reference", "r", "--out", "o.vcf.gz"]),
        ("impute", "--out", ["--reference", "r", "--targets", "t"]),
        ("impute", "--map", ["--reference", "r", "--targets", "t", "--out", "o.vcf.gz"]),
        ("check", "--targets", ["--reference", "r"]),
        ("explain", "--sample", ["--reference", "r", "--targets", "t", "--site", "20:1"]),
        ("read-panel", "--reference", ["--out", "o", "--dropped", "d"]),
        ("score", "--truth", ["--imputed", "i"]),
    ],
)
def test_an_option_of_one_value_given_twice_is_an_unusable_command_line(
    tmp_path, monkeypatch, verb, option, others, outcome
):
    monkeypatch.chdir(tmp_path)
    for name in "abrtid":
        Path(name).write_text("")
    done = run(verb, option, "a", *others, f"{option}=b")
    assert done.exit_code == 2
    assert f"{option} is given 2 times, and takes one value" in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted("abrtid")
    outcome("an option twice", f"{option} twice", verb, 2, done.output.splitlines()[-1])


def test_flags_and_options_of_many_values_may_be_repeated(tmp_path):
    done = run("config", "--configfile", tmp_path / "a.yaml", "--configfile", tmp_path / "b.yaml")
    assert "given 2 times" not in done.output  # the files are missing, and that is what it says
    assert "a.yaml" in done.output


def same(path: Path) -> Path:
    return path


def symbolic(path: Path) -> Path:
    link = path.with_name(f"link.{path.name}")
    link.symlink_to(path)
    return link


def hard(path: Path) -> Path:
    link = path.with_name(f"hard.{path.name}")
    os.link(path, link)
    return link


def with_dots(path: Path) -> Path:
    return path.parent / ".." / path.parent.name / path.name


@pytest.fixture
def files(world: World, tmp_path: Path) -> dict[str, Path]:
    """Inputs of `impute` in a folder of their own, and what they hold."""
    made = {}
    for name in ("reference.vcf.gz", "phased.vcf.gz"):
        made[name] = tmp_path / name
        made[name].write_bytes((world.folder / name).read_bytes())
    for name in ("a.map", "sexes.txt", "left.txt", "model.vcf.gz"):
        made[name] = tmp_path / name
        made[name].write_text("20 . 0 1\n")
    return made


@pytest.mark.parametrize("link", [same, symbolic, hard, with_dots])
@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--reference", "reference.vcf.gz"),
        ("--targets", "phased.vcf.gz"),
        ("--map", "a.map"),
        ("--model", "model.vcf.gz"),
        ("--sex", "sexes.txt"),
        ("--exclude-samples", "left.txt"),
    ],
)
def test_impute_never_writes_over_what_it_reads(files, tmp_path, option, name, link, outcome):
    if name.endswith((".map", ".txt")):
        renamed = files[name].rename(tmp_path / f"{name}.vcf.gz")
        files[name] = renamed
    given = {"--reference": files["reference.vcf.gz"], "--targets": files["phased.vcf.gz"]}
    given |= {option: files[name], "--out": link(files[name])}
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = run("impute", *[text for pair in given.items() for text in pair])
    assert isinstance(done.exception, InputError)
    assert f"it is the same file as {option} {files[name]}" in str(done.exception)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    outcome("output over input", f"--out is {option}, {link.__name__}", "impute", 1, str(done.exception))


@pytest.mark.parametrize(
    ("verb", "arguments", "words"),
    [
        (
            "impute",
            ["--out", "o.vcf.gz", "--sex", "o.dropped.tsv"],
            "the table of dropped records o.dropped.tsv: ",
        ),
        ("impute", ["--out", "o.bcf", "--exclude-samples", "o.recoded.tsv"], "the table of recoded records"),
        ("impute", ["--out", "o.vcf.gz", "--sex", "o.psam"], "the table of the samples' sex"),
        ("check", ["--map", "m.tsv", "--out", "m.tsv"], "--out m.tsv: it is the same file as --map m.tsv"),
        ("check", ["--map", "m.findings.tsv", "--out", "m"], "it is the same file as --map m.findings.tsv"),
        ("check", ["--map", "m.swapped.tsv", "--out", "m"], "the list of swapped records m.swapped.tsv: it is"),
        ("check", ["--sex", "m.unusable.ids", "--out", "m"], "it is the same file as --sex m.unusable.ids"),
        ("impute", ["--out", "."], "no file can be written there"),
        ("read-panel", ["--out", "r.vcf", "--dropped", "d"], "it is the same file as --reference r.vcf"),
        ("read-panel", ["--out", "x", "--dropped", "x"], "--out is to be written there too"),
        ("score", ["--imputed", "r.vcf", "--truth", "t.vcf", "--out", "t.vcf"], "the same file as --truth t.vcf"),
        ("impute", ["--out", "absent/o.vcf.gz"], "there is no folder"),
        ("impute", ["--out", "absent/o.{chrom}.vcf.gz"], "there is no folder"),
        ("check", ["--out", "absent/check.tsv"], "there is no folder"),
        ("check", ["--out", "absent/prefix"], "there is no folder"),
        ("read-panel", ["--out", "absent/p", "--dropped", "d"], "there is no folder"),
        ("explain", ["--sample", "s", "--site", "20:5", "--out", "absent/e.tsv"], "there is no folder"),
        ("score", ["--imputed", "r.vcf", "--truth", "t.vcf", "--out", "absent/s.tsv"], "there is no folder"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_said_first(tmp_path, monkeypatch, verb, arguments, words, outcome):
    monkeypatch.chdir(tmp_path)
    of_inputs = ("r.vcf", "t.vcf", "m", "m.tsv", "m.findings.tsv", "m.swapped.tsv", "m.unusable.ids")
    for name in (*of_inputs, "o.dropped.tsv", "o.recoded.tsv", "o.psam"):
        Path(name).write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n")
    inputs = ["--reference", "r.vcf"]
    if verb != "read-panel":
        inputs += ["--targets", "t.vcf"]
    before = sorted(tmp_path.rglob("*"))
    done = run(verb, *([] if verb == "score" else inputs), *arguments)
    assert isinstance(done.exception, InputError), done.output
    assert words in str(done.exception)
    assert sorted(tmp_path.rglob("*")) == before
    row = "--out in a folder that does not exist" if words == "there is no folder" else "output over input"
    outcome(row, " ".join(arguments), verb, 1, str(done.exception))
