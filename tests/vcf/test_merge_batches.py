"""Imputed batches merged are the file of one run with all samples."""

import gzip
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ragimpute.cli import ragimpute
from ragimpute.errors import InputError
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.merge_batches import _sums_in_info, merge_batches
from ragimpute.vcf.writer import sums_text, write_imputed
from two_chromosomes import query

SAMPLES = 12


@pytest.fixture
def dosages(tiny_panel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """HDS [S, N, 2], the probability of two ALT alleles [S, N], and which sites are typed [S]."""
    generator = np.random.default_rng(1)
    hds = generator.beta(0.2, 0.6, (len(tiny_panel.sites), SAMPLES, 2)).astype(np.float32)
    hds[0] = 0
    return hds, hds.prod(axis=2), np.arange(len(hds)) % 5 == 2


def write(path: Path, tiny_panel, dosages, chosen: slice, ploidy: np.ndarray | None = None) -> Path:
    hds, both, typed = dosages
    of_chosen = None if ploidy is None else ploidy[chosen]
    samples = tiny_panel.samples[:SAMPLES][chosen]
    imputed = Imputed(samples, hds[:, chosen], both[:, chosen], typed, ploidy=of_chosen)
    write_imputed(path, tiny_panel.sites, tiny_panel.contigs, imputed)
    return path


@pytest.mark.parametrize("suffix", [".vcf.gz", ".bcf"])
@pytest.mark.parametrize("cuts", [[6], [1, 5, 9]])
@pytest.mark.parametrize("haploid", [False, True])
def test_batches_merged_are_one_run(tmp_path, tiny_panel, dosages, suffix, cuts, haploid, outcome):
    ploidy = np.where(np.arange(SAMPLES) % 3 == 0, 1, 2).astype(np.int8) if haploid else None
    whole = write(tmp_path / f"whole{suffix}", tiny_panel, dosages, slice(None), ploidy)
    edges = [0, *cuts, SAMPLES]
    batches = [
        write(tmp_path / f"b{start}{suffix}", tiny_panel, dosages, slice(start, stop), ploidy)
        for start, stop in pairwise(edges)
    ]
    arguments = ["merge-batches", *[text for path in batches for text in ("--batch", str(path))]]
    out = tmp_path / f"merged{suffix}"
    done = CliRunner().invoke(ragimpute, [*arguments, "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    info = " ".join(f"%INFO/{name}" for name in ("AF", "R2", "AN", "HDSSUM", "HDSSQ", "TYPED"))
    pattern = f"%CHROM %POS %ID %REF %ALT {info}[ %SAMPLE %GT %DS %HDS %GP]\n"
    assert query(out, pattern) == query(whole, pattern)
    of_input = f"{len(batches)} batches, {suffix}, {'some samples haploid' if haploid else 'diploid'}"
    outcome("batches merged", of_input, "merge-batches", 0, "all records are those of one run with all samples")


def test_the_sums_in_info_are_those_of_the_printed_dosages(tmp_path, tiny_panel, dosages):
    path = write(tmp_path / "whole.vcf.gz", tiny_panel, dosages, slice(None))
    lines = [line for line in gzip.decompress(path.read_bytes()).decode().splitlines() if line[0] != "#"]
    assert len(lines) == len(tiny_panel.sites)
    for line in lines:
        columns = line.split("\t")
        info = dict(word.split("=") for word in columns[7].split(";") if "=" in word)
        af, r2, number, total, squares = (float(info[name]) for name in ("AF", "R2", "AN", "HDSSUM", "HDSSQ"))
        hds = np.array([float(value) for text in columns[9:] for value in text.split(":")[2].split(",")])
        assert number == len(hds) == 2 * SAMPLES
        assert total == pytest.approx(hds.sum(), abs=1e-9)
        assert squares == pytest.approx((hds**2).sum(), abs=1e-9)
        assert af == pytest.approx(total / number, abs=1e-6)
        p = total / number
        expected = (squares / number - p**2) / (p * (1 - p)) if 0 < p < 1 else 0
        assert r2 == pytest.approx(expected, abs=1e-4)


def test_sums_of_many_haplotypes_are_exact():
    """1,000,000 haplotypes: 12 digits of the sum of squares."""
    text = sums_text(10**6, 654_321_987, 543_219_876_543)
    words = dict(word.split("=") for word in text.split(";"))
    assert words == {"AN": "1000000", "HDSSUM": "654321.987", "HDSSQ": "543219.876543"}
    assert _sums_in_info(words) == (10**6, 654_321_987, 543_219_876_543)


def test_records_of_the_targets_alone_are_passed_through(tmp_path, tiny_panel, dosages):
    """As `impute --keep-unmatched` writes them, without INFO."""
    batches = []
    for name, chosen in (("a", slice(0, 6)), ("b", slice(6, 12))):
        text = gzip.decompress(write(tmp_path / f"{name}.vcf.gz", tiny_panel, dosages, chosen).read_bytes()).decode()
        *lines, last = text.splitlines()
        columns = last.split("\t")
        columns[1], columns[7], columns[8], columns[9:] = str(int(columns[1]) + 1), ".", "GT", ["0|1"] * 6
        batches.append(tmp_path / f"{name}.vcf")
        batches[-1].write_text("\n".join([*lines, last, "\t".join(columns)]) + "\n")
    out = tmp_path / "o.vcf.gz"
    merge_batches(batches, out)
    assert query(out, "%INFO[ %GT]\n")[-1] == [". " + " ".join(["0|1"] * 12)]


def test_files_without_samples_are_refused(tmp_path, tiny_panel, dosages):
    whole = write(tmp_path / "whole.vcf.gz", tiny_panel, dosages, slice(None))
    sites = tmp_path / "sites.vcf"
    subprocess.run(["bcftools", "view", "-G", "-o", sites, whole], check=True)
    with pytest.raises(InputError, match=r"sites\.vcf: it has no samples; impute this batch without --sites-only"):
        merge_batches([whole, sites], tmp_path / "o.vcf.gz")


def test_what_cannot_be_merged_is_named(tmp_path, tiny_panel, dosages, outcome):
    first = write(tmp_path / "a.vcf.gz", tiny_panel, dosages, slice(0, 6))
    second = write(tmp_path / "b.vcf.gz", tiny_panel, dosages, slice(6, 12))
    out = tmp_path / "o.vcf.gz"
    with pytest.raises(InputError, match=r"a\.vcf\.gz: sample P000 is in .*a\.vcf\.gz too"):
        merge_batches([first, first], out)
    with pytest.raises(InputError, match="is the same file as --batch"):
        merge_batches([first, second], first)
    changes = {
        "fewer records": ["bcftools", "view", "-H"],
        "no INFO AN": ["bcftools", "annotate", "-x", "INFO/AN"],
        "another FORMAT": ["bcftools", "annotate", "-x", "FORMAT/GP"],
        "AF is not HDSSUM / AN": ["bcftools", "view", "-s", "P006,P007"],
    }
    for words, command in changes.items():
        spoilt = tmp_path / "spoilt.vcf"
        if words == "fewer records":
            text = subprocess.run(["bcftools", "view", second], capture_output=True, text=True, check=True).stdout
            spoilt.write_text("".join(text.splitlines(keepends=True)[:-2]))
        else:
            subprocess.run([*command, "-o", spoilt, second], check=True)
        with pytest.raises(InputError, match=words) as caught:
            merge_batches([first, spoilt], out)
        outcome("batches merged", f"a batch with {words}", "merge-batches", 1, str(caught.value))
        assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".", "o."))) == []
