"""`import ragimpute`: what it exports, what it costs, and docs/python.md, whose blocks run here in order."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ragimpute
from ragimpute.errors import InputError
from ragimpute.models.pretrained import DEFAULT
from ragimpute.vcf.imputed_reader import read_imputed
from tiny_study import ROOT
from two_chromosomes import TARGETS, query

CORNER, N_CORNER = "20:1000000-1200000", 20  # of the example: its stretch, and targets
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def files(world, targets: str = "phased.vcf.gz") -> dict[str, Path]:
    return {"reference": world.folder / "reference.vcf.gz", "targets": world.folder / targets}


@pytest.fixture(scope="module")
def in_memory(world):
    return ragimpute.impute(**files(world), model=DEFAULT, device="cpu")


def test_the_import_alone_imports_nothing_heavy():
    code = "import sys, ragimpute; print([m for m in ('numba', 'torch', 'pandas', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_all_names_are_there_even_after_their_modules_were_imported():
    """`check` is a package of this name, too."""
    from ragimpute.check import all_checks

    assert {"impute", "check", "explain", "read_panel", "score"} <= set(ragimpute.__all__) == set(dir(ragimpute))
    assert all(callable(getattr(ragimpute, name)) for name in ragimpute.__all__ if name != "__version__")
    assert callable(all_checks.check_inputs)
    with pytest.raises(AttributeError, match="no attribute 'imputed'"):
        ragimpute.imputed  # noqa: B018


@pytest.mark.parametrize(
    ("function", "word", "hint"),
    [("impute", "regoin", "'region'"), ("explain", "n_phasing", "'n_phasings'"), ("check", "target", "'targets'")],
)
def test_a_misspelt_option_is_a_type_error_that_names_the_right_one(function, word, hint):
    with pytest.raises(TypeError, match=rf"{function}\(\) has no option '{word}'; did you mean {hint}"):
        getattr(ragimpute, function)(reference="a", targets="b", **{word: 1})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, "choose from auto, cpu, cuda"),
        ({"threads": 0}, "threads 0"),
        ({"keep_unmatched": True}, "out="),
    ],
)
def test_an_unusable_option_is_an_error_before_the_work(world, options, message):
    with pytest.raises(InputError, match=message):
        ragimpute.impute(**files(world), **options)


def test_arrays_are_those_of_the_command_s_file(world, plain, in_memory):
    expected = read_imputed(plain, world.panel.sites)
    assert in_memory.samples == world.panel.samples[-TARGETS:]
    assert in_memory.dosages.dtype == in_memory.haplotype_dosages.dtype == np.float32
    np.testing.assert_allclose(in_memory.dosages, expected.ds, atol=1e-6)
    np.testing.assert_allclose(in_memory.haplotype_dosages, expected.hds, atol=1e-6)
    np.testing.assert_array_equal(in_memory.typed, world.typed)
    sites = in_memory.sites
    assert sites["pos"].tolist() == world.panel.sites.pos.tolist()
    info = np.array([[float(x) for x in row] for row in query(plain, "%INFO/AF\t%INFO/R2\n")])
    np.testing.assert_allclose(sites[["AF", "R2"]], info, atol=6e-5)
    np.testing.assert_allclose(sites["ER2"], expected.er2, atol=6e-5)
    assert in_memory.summary["imputed_sites"] == (~world.typed).sum()


def test_with_a_file_arrays_are_read_when_they_are_asked_for(world, plain, in_memory, tmp_path):
    out = tmp_path / "out.vcf.gz"
    result = ragimpute.impute(**files(world), model=DEFAULT, device="cpu", out=str(out))
    assert query(out, "%LINE") == query(plain, "%LINE")
    np.testing.assert_allclose(result.haplotype_dosages, in_memory.haplotype_dosages, atol=1e-6)
    assert result.sites[["AF", "R2"]].to_numpy() == pytest.approx(in_memory.sites[["AF", "R2"]].to_numpy(), abs=6e-5)
    later = ragimpute.impute(**files(world), model=DEFAULT, device="cpu", out=out, format="GT,DS", region="21")
    with pytest.raises(InputError, match=r"out\.vcf\.gz: written without FORMAT/HDS"):
        later.haplotype_dosages  # noqa: B018
    assert later.dosages.shape == ((world.panel.sites.chrom == "21").sum(), TARGETS)
    for path in tmp_path.glob("new/*"):
        path.unlink()
    assert later.typed.any(), "what was read once is kept"


def test_explain_and_read_panel(world, in_memory):
    row = int(np.flatnonzero(~world.typed)[100])
    chrom, pos, *_ = world.panel.sites.keys()[row]
    table = ragimpute.explain(**files(world), sample=in_memory.samples[0], site=f"{chrom}:{pos}", model=DEFAULT)
    np.testing.assert_allclose(table.attrs["dosages"], in_memory.haplotype_dosages[row, 0], atol=1.1e-3)
    np.testing.assert_allclose(table.groupby("haplotype")["weight"].sum(), 1, atol=1e-4)
    panel = ragimpute.read_panel(world.folder / "reference.vcf.gz", region="21")
    on_21 = world.panel.sites.chrom == "21"
    np.testing.assert_array_equal(panel.alleles, world.panel.alleles[on_21, : -2 * TARGETS])


def test_there_is_one_word_about_an_absent_map(world, caplog):
    caplog.set_level("INFO", logger="ragimpute")
    ragimpute.impute(**files(world), model=DEFAULT, device="cpu", region="21:5000000-6000000")
    said = [record.getMessage() for record in caplog.records if "1 cM per Mb" in record.getMessage()]
    assert said == ["no genetic map: 1 cM per Mb is assumed everywhere"]


def test_no_message_names_a_temporary_file(world, caplog, tmp_path, monkeypatch):
    """Neither what is logged of phasing, nor what Beagle says when it fails."""
    caplog.set_level("INFO", logger="ragimpute")
    given = files(world, "unphased.vcf.gz")
    ragimpute.impute(**given, model=DEFAULT, device="cpu", n_phasings=1, region="21:5000000-6000000")
    assert "ragimpute-phase" not in caplog.text
    assert "phased.vcf.gz: " not in caplog.text.replace("unphased.vcf.gz: ", "")
    script = tmp_path / "beagle"
    script.write_text("#!/bin/sh\necho 'bad record in targets.vcf.gz or reference.vcf.gz' >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(InputError) as error:
        ragimpute.impute(**given, model=DEFAULT, device="cpu", n_phasings=1, region="21:5000000-6000000")
    assert f"bad record in {given['targets']} or {given['reference']}" in str(error.value)


@pytest.fixture
def corner(tmp_path, monkeypatch):
    """A working directory with a corner of the example, under the names that the page gives."""
    example, cut = ROOT / "resources" / "example", tmp_path / "resources" / "example"
    cut.mkdir(parents=True)
    listed = subprocess.run(["bcftools", "query", "-l", example / "targets.vcf.gz"], capture_output=True, text=True)
    samples = ",".join(listed.stdout.split()[:N_CORNER])
    for name, options in (("reference", []), ("targets", ["--samples", samples]), ("truth", ["--samples", samples])):
        file = f"{name}.vcf.gz"
        view = ["bcftools", "view", "--regions", CORNER, *options, "--output", cut / file, example / file]
        subprocess.run(view, check=True)
    shutil.copy2(example / "genetic_map.plink.map", cut)
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_the_page_s_blocks_run_in_order(corner, capsys):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 6
    names: dict = {}
    for block in blocks:
        exec(block, names)
    said = capsys.readouterr().out
    assert re.search(r"\d+ of \d+ imputed sites have an R2 above 0\.3", said)
    assert len(names["result"].samples) == names["result"].dosages.shape[1] == N_CORNER
    np.testing.assert_allclose(names["written"].dosages, names["result"].dosages, atol=1e-6)
    np.testing.assert_allclose(names["table"].groupby("haplotype")["weight"].sum(), 1, atol=1e-4)
    assert names["panel"].alleles.shape == (len(names["result"].sites), 600)
    assert names["r2"].loc["common", "value"] > 0.9
    shown = [f"`{name}`" for name in ("samples", "sites", "dosages", "haplotype_dosages", "typed")]
    assert all(name in PAGE for name in shown)
