"""A genome in one command: a file for each chromosome, pieces that are gone on from."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ragimpute import __version__
from ragimpute.cli import ragimpute
from ragimpute.errors import InputError
from ragimpute.imputation import genome, stretch_run
from ragimpute.imputation.impute import impute
from ragimpute.imputation.inputs import ImputationInputs
from ragimpute.imputation.pieces import parts_folder
from ragimpute.imputation.work_size import WorkSize
from ragimpute.models.pretrained import DEFAULT
from ragimpute.vcf.writer import write_genotypes
from two_chromosomes import TARGETS, World, query

EXACT = {"model": DEFAULT, "device": "cpu", "threads": 1}


def write_alleles(path: Path, world: World, rows: np.ndarray, columns: slice, names: tuple[str, ...]) -> None:
    """Phased genotypes of some sites and samples of the world's panel."""
    alleles = world.panel.alleles[rows][:, columns].reshape(len(rows), -1, 2).astype(np.int8)
    write_genotypes(path, world.panel.sites.take(rows), world.panel.contigs, names, alleles, True)


@pytest.fixture(scope="module")
def files(world) -> dict[str, str]:
    """The panel as one file for each chromosome, the phased targets as one file of both."""
    names = world.panel.samples[:-TARGETS]
    for chrom in ("20", "21"):
        rows = np.flatnonzero(world.panel.sites.chrom == chrom)
        write_alleles(world.folder / f"panel.chr{chrom}.vcf.gz", world, rows, slice(None, -2 * TARGETS), names)
    folder = world.folder
    return {"reference": f"{folder}/panel.chr{{chrom}}.vcf.gz", "targets": f"{folder}/phased.vcf.gz"}


@pytest.fixture(scope="module")
def both(world, files) -> Path:
    """Both chromosomes in one file."""
    path = world.folder / "both.vcf.gz"
    impute(**files, out=path, **EXACT)
    return path


FORMAT = "%CHROM\t%POS\t%REF\t%ALT[\t%GT:%DS:%HDS:%GP]\n"


def test_one_file_of_all_chromosomes_is_that_of_one_reference_file(world, both, plain) -> None:
    assert query(both, "%LINE") == query(plain, "%LINE")
    assert not parts_folder(str(both)).exists()


def test_a_chromosome_alone_is_the_same(world, files, both) -> None:
    for chrom in ("20", "21"):
        path = world.folder / f"alone.{chrom}.vcf.gz"
        impute(**files, chromosomes=chrom, out=path, **EXACT)
        assert query(path, "%LINE") == query(both, "%LINE", "-r", chrom)


def test_targets_without_an_index_give_the_same(world, files, both) -> None:
    plain = world.folder / "plain.vcf"
    subprocess.run(["bcftools", "view", "--no-version", "-o", plain, files["targets"]], check=True)
    path = world.folder / "of_plain.vcf.gz"
    impute(reference=files["reference"], targets=plain, out=path, **EXACT)
    assert query(path, "%LINE") == query(both, "%LINE")
    without_contigs = world.folder / "without.vcf"
    kept = [line for line in plain.read_text().splitlines(True) if not line.startswith("##contig")]
    without_contigs.write_text("".join(kept))
    impute(reference=files["reference"], targets=without_contigs, out=path, **EXACT)
    assert query(path, "%LINE") == query(both, "%LINE")


def test_a_file_for_each_chromosome(world, files, both) -> None:
    out = f"{world.folder}/each.chr{{chrom}}.vcf.gz"
    result = impute(**files, out=out, **EXACT)
    rows = [query(Path(out.replace("{chrom}", chrom)), "%LINE") for chrom in ("20", "21")]
    assert rows[0] + rows[1] == query(both, "%LINE")
    assert result.dosages.shape == (len(world.typed), TARGETS)
    assert result.sites["chrom"].tolist() == world.panel.sites.chrom.tolist()


def test_several_references_are_imputed_one_after_the_other(world, files, both) -> None:
    names = [files["reference"].replace("{chrom}", chrom) for chrom in ("20", "21")]
    path = world.folder / "several.vcf.gz"
    arguments = ["impute", "--targets", files["targets"], "--out", str(path), "--model", str(DEFAULT)]
    for name in names:
        arguments += ["--reference", name]
    done = CliRunner().invoke(ragimpute, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert query(path, "%LINE") == query(both, "%LINE")


def test_two_regions_joined_are_the_chromosome(world, files, both) -> None:
    sites = world.panel.sites
    end = int(sites.pos[(sites.chrom == "20").nonzero()[0][700]])
    found = []
    for number, region in enumerate((f"20:1-{end}", f"20:{end + 1}-80000000")):
        path = world.folder / f"region{number}.vcf.gz"
        impute(**files, chromosomes="20", region=region, out=path, **EXACT)
        found += query(path, FORMAT)
    assert found == query(both, FORMAT, "-r", "20")


def test_two_batches_of_samples_beside_each_other_are_the_whole(world, files, both) -> None:
    rows = np.flatnonzero(world.typed)
    columns = []
    for number, (start, stop) in enumerate(((0, 2), (2, TARGETS))):
        chosen = slice(2 * (start - TARGETS), 2 * (stop - TARGETS) or None)
        names = world.panel.samples[-TARGETS:][start:stop]
        targets = world.folder / f"batch{number}.vcf.gz"
        write_alleles(targets, world, rows, chosen, names)
        path = world.folder / f"batch{number}.imputed.vcf.gz"
        impute(reference=files["reference"], targets=targets, out=path, **EXACT)
        columns.append([row[4:] for row in query(path, FORMAT)])
    together = [first + second for first, second in zip(*columns, strict=True)]
    assert together == [row[4:] for row in query(both, FORMAT)]


def test_the_summary_has_a_row_for_each_chromosome(world, files, both) -> None:
    arguments = ["impute", "--reference", files["reference"], "--targets", files["targets"], "--model", str(DEFAULT)]
    done = CliRunner().invoke(ragimpute, [*arguments, "--out", str(world.folder / "s.vcf.gz"), "--json", "--quiet"])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert [row["chromosome"] for row in summary["chromosomes"]] == ["20", "21"]
    r2 = np.array([float(row[0]) for row in query(both, "%INFO/R2\n", "-i", "IMPUTED=1")])
    assert summary["mean_R2"] == pytest.approx(r2.mean(), abs=1e-4)
    assert summary["R2_above_0.3"] == pytest.approx((r2 >= 0.3).sum(), abs=2)
    assert summary["imputed_sites"] == len(r2) == sum(row["imputed_sites"] for row in summary["chromosomes"])


def test_a_chromosome_without_typed_sites_is_left_out_and_listed(world, files, both, caplog) -> None:
    targets = world.folder / "only20.vcf.gz"
    rows = np.flatnonzero(world.typed & (world.panel.sites.chrom == "20"))
    write_alleles(targets, world, rows, slice(-2 * TARGETS, None), world.panel.samples[-TARGETS:])
    path = world.folder / "only20.imputed.vcf.gz"
    result = impute(reference=files["reference"], targets=targets, out=path, **EXACT)
    assert "only20.vcf.gz: no chromosome in common" in caplog.text
    assert query(path, FORMAT) == query(both, FORMAT, "-r", "20")
    assert set(result.dropped["chrom"]) == {"21"}
    assert len(result.dropped) == (world.panel.sites.chrom == "21").sum()


def test_no_typed_site_anywhere_is_an_error(world, files, tmp_path) -> None:
    for name in ("22", "23"):
        rows = np.flatnonzero(world.panel.sites.chrom == "21")
        write_alleles(
            tmp_path / f"p.{name}.vcf.gz", world, rows, slice(None, -2 * TARGETS), world.panel.samples[:-TARGETS]
        )
    rows = np.flatnonzero(world.typed & (world.panel.sites.chrom == "20"))
    write_alleles(tmp_path / "t.vcf.gz", world, rows, slice(-2 * TARGETS, None), world.panel.samples[-TARGETS:])
    with pytest.raises(InputError, match=r"t\.vcf\.gz: no site of any chromosome is typed"):
        impute(reference=f"{tmp_path}/p.{{chrom}}.vcf.gz", targets=tmp_path / "t.vcf.gz", out=tmp_path / "o.vcf.gz")


class Stopped(Exception):
    """Stands for a run that is killed."""


def test_a_list_of_samples_decides_by_its_option(tmp_path) -> None:
    """Samples that are kept, and the same samples left out of the panel, are other requests."""
    listed = tmp_path / "list.txt"
    listed.write_text("A\n")

    def decides(**options: Path) -> dict:
        inputs = ImputationInputs(reference=tmp_path, targets=tmp_path, **options)
        return stretch_run.GenomeRequest([], inputs, "o.vcf.gz", ("GT",), False, WorkSize()).decides()

    assert decides(keep_samples=listed) != decides(exclude_samples=listed)
    assert decides(keep_samples=listed) == decides(keep_samples=listed)


def test_a_stopped_run_is_gone_on_from(world, files, both, monkeypatch) -> None:
    path = world.folder / "resumed.vcf.gz"
    written = stretch_run.write_piece
    made: list[str] = []

    def stop_after(most: int):
        def write(piece: Path, *arguments, **options) -> np.ndarray:
            if len(made) == most:
                raise Stopped
            r2 = written(piece, *arguments, **options)
            made.append(piece.name)
            return r2

        return write

    options = {**EXACT, "core_cm": 8.0}
    whole = world.folder / "whole.vcf.gz"
    impute(**files, out=whole, **options)
    for most in (1, 3, 5):
        monkeypatch.setattr(stretch_run, "write_piece", stop_after(most))
        with pytest.raises(Stopped):
            impute(**files, out=path, **options)
        assert not path.exists()
        assert parts_folder(str(path)).is_dir()
    with pytest.raises(InputError, match=r"resumed\.parts: .*\(options\); give --restart"):
        impute(**files, out=path, **options, seed=7)
    (parts_folder(str(path)) / ".half").write_text("what a run was writing when it was killed")
    monkeypatch.setattr(stretch_run, "write_piece", stop_after(1000))
    impute(**files, out=path, **options)
    assert path.read_bytes() == whole.read_bytes()
    assert len(made) == len(set(made)), "no piece was made twice"
    assert not parts_folder(str(path)).exists()


def test_restart_begins_anew(world, files, monkeypatch) -> None:
    path = world.folder / "anew.vcf.gz"
    monkeypatch.setattr(genome, "_join", lambda *arguments: (_ for _ in ()).throw(Stopped))
    with pytest.raises(Stopped):
        impute(**files, out=path, **EXACT)
    monkeypatch.undo()
    impute(**files, out=path, **EXACT, seed=9, restart=True)
    assert path.exists()


@pytest.mark.parametrize(("step", "is_kept"), [("_with_samples", False), ("_join", True)])
def test_an_error_leaves_only_pieces_that_took_long(world, files, monkeypatch, step: str, is_kept: bool) -> None:
    """A mistake in the inputs leaves nothing that the corrected command would refuse."""
    path = world.folder / f"mistake{step}.vcf.gz"
    monkeypatch.setattr(genome, step, lambda *arguments: (_ for _ in ()).throw(InputError("a mistake")))
    with pytest.raises(InputError, match="a mistake"):
        impute(**files, out=path, **EXACT)
    assert parts_folder(str(path)).exists() == is_kept
    monkeypatch.undo()
    impute(**files, out=path, **EXACT, restart=is_kept)
    assert path.exists()


def test_a_folder_that_is_not_ours_is_left_alone(world, files, tmp_path) -> None:
    (tmp_path / "x.parts").mkdir()
    (tmp_path / "x.parts" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match=r"x\.parts: is there and holds thesis\.txt"):
        impute(**files, out=tmp_path / "x.vcf.gz", **EXACT)
    assert (tmp_path / "x.parts" / "thesis.txt").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_nothing_in_the_temporary_folder(world, files, tmp_path, number, outcome) -> None:
    """Phasing is under way, in a temporary folder, when the signal comes."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "tmp").mkdir()
    beagle = tmp_path / "bin" / "beagle"
    beagle.write_text("#!/bin/sh\necho started > $STARTED\nexec sleep 60\n")
    beagle.chmod(0o755)
    started = tmp_path / "started"
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(tmp_path / "tmp"),
        "STARTED": str(started),
    }
    command = [sys.executable, "-m", "ragimpute", "impute", "--reference", files["reference"], "--chromosomes", "20"]
    command += ["--targets", str(world.folder / "unphased.vcf.gz"), "--out", str(tmp_path / "o.vcf.gz")]
    running = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not started.exists() and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.1)
    assert started.exists(), running.stderr.read() if running.stderr else ""
    assert list((tmp_path / "tmp").iterdir())
    running.send_signal(number)
    assert running.wait(30) == 128 + number
    assert list((tmp_path / "tmp").iterdir()) == []
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(beagle) not in listed
    name = signal.Signals(number).name
    outcome("a signal", f"{name} while Beagle runs", "impute", 128 + number, "Beagle is ended, nothing is left")


def test_the_header_names_what_decides_on_the_content(world, plain, tmp_path):
    lines = subprocess.run(["bcftools", "view", "-h", plain], capture_output=True, text=True, check=True).stdout
    said = dict(re.findall(r"##ragimpute=<ID=(\w+),(.*)>", lines))
    assert said["version"] == f'Value="{__version__}"'
    assert said["seed"] == 'Value="1"'
    for name, path in (("reference", "reference.vcf.gz"), ("targets", "phased.vcf.gz")):
        digest = hashlib.sha256((world.folder / path).read_bytes()).hexdigest()
        assert said[name] == f'File="{path}",SHA256="{digest}"'
    assert said["weights"].startswith(f'File="{DEFAULT.name}",SHA256="')
    assert not {"threads", "device", "memory_mb", "out"} & said.keys()
    other = world.impute("region.bcf", "--region", "21", "--seed", "3", "--threads", "1", "--n-phasings", "2")
    lines = subprocess.run(["bcftools", "view", "-h", other], capture_output=True, text=True, check=True).stdout
    said = dict(re.findall(r"##ragimpute=<ID=(\w+),Value=\"(.*)\">", lines))
    assert {"seed": "3", "region": "21", "n_phasings": "2"}.items() <= said.items()


def test_the_header_is_the_same_whatever_the_place_the_threads_and_the_folder(world, plain, tmp_path):
    copies = []
    for name in ("reference.vcf.gz", "phased.vcf.gz"):
        copy = tmp_path / name
        copy.write_bytes((world.folder / name).read_bytes())
        copies.append(copy)
    out = tmp_path / "other.vcf.gz"
    impute(reference=copies[0], targets=copies[1], out=out, threads=1, model=DEFAULT, device="cpu", memory_mb=900)
    assert out.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("kind", ["csi", "tbi"])
def test_the_index_that_is_asked_for(world, kind, tmp_path, outcome):
    path = world.impute(f"{kind}.vcf.gz", "--region", "21", "--index", kind)
    assert [other.suffix for other in sorted(path.parent.glob(f"{path.name}.*"))] == [f".{kind}"]
    assert query(path, "%POS\n", "-r", "21")
    outcome("index", f"--index {kind}", "impute", 0, f"a .{kind} alone, which bcftools reads")


def test_an_index_of_the_other_kind_is_made_anew_and_not_deleted(world, outcome):
    path = world.impute("twice.vcf.gz", "--region", "21")
    subprocess.run(["bcftools", "index", "--csi", path], check=True)
    world.impute("twice.vcf.gz", "--region", "20:1000000-3000000")
    for suffix in (".tbi", ".csi"):
        index = path.with_name(f"{path.name}{suffix}")
        by_index = f"{path}##idx##{index}"
        assert query(by_index, "%POS\n", "-r", "20") == query(path, "%POS\n")
    outcome("index", "an index of the other kind is there", "impute", 0, "it is made anew and not deleted")


def test_a_bcf_with_a_tbi_is_refused(world, outcome):
    with pytest.raises(InputError, match=r"the index of a BCF is a \.csi") as caught:
        world.impute("x.bcf", "--index", "tbi")
    outcome("index", "--index tbi of a BCF", "impute", 1, str(caught.value))
