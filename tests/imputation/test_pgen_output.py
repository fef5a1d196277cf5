"""`--out X.pgen`: what PLINK 2 reads there is what the VCF says."""

import logging
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from plink import as_bed, corner_of_example, plink2
from ragimpute.errors import InputError
from ragimpute.imputation.impute import impute
from ragimpute.models.pretrained import DEFAULT
from tiny_study import ROOT
from two_chromosomes import query
from x_chromosome import PAR1_END, TARGET, x_world

EXACT = {"model": DEFAULT, "device": "cpu", "threads": 1}
MAKE_PGEN = ("--make-pgen", "psam-cols=fid,sex")
STEP = 2**-14  # of PLINK's dosages
PRINTED = 5e-6  # half of the last digit that plink2 exports
SITES = "%CHROM\t%POS\t%ID\t%REF\t%ALT\t%INFO/R2\n"


def exported(pgen: Path, dosage: str = "HDS-force") -> Path:
    """The .pgen as a VCF of plink2."""
    plink2("--pfile", pgen.with_suffix(""), "--export", "vcf", f"vcf-dosage={dosage}", "--out", pgen.with_suffix(""))
    return pgen.with_suffix(".vcf")


def numbers(vcf: Path, field: str, *options: str) -> np.ndarray:
    """The field's values, [sites, samples, values]; those that a sample lacks are NaN."""
    rows = [[cell.split(",") for cell in row[:-1]] for row in query(vcf, f"[%{field}\t]\n", *options)]
    width = max(len(cell) for row in rows for cell in row)
    return np.array([[[float(x) for x in cell] + [np.nan] * (width - len(cell)) for cell in row] for row in rows])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The example's corner, its targets as .bed: imputed to a VCF and to a .pgen."""
    files = corner_of_example(tmp_path_factory.mktemp("example"))
    del files["truth"]
    files["targets"] = as_bed(files["targets"])
    fam = files["targets"].with_suffix(".fam")
    lines = fam.read_text().splitlines()
    of_family = [line.replace("0\t", f"F{i // 3}\t", 1) for i, line in enumerate(lines)]
    fam.write_text("\n".join(line.replace("0\t-9", f"{1 + i % 2}\t-9") for i, line in enumerate(of_family)) + "\n")
    outs = tuple(files["targets"].with_name(f"imputed{suffix}") for suffix in (".vcf.gz", ".pgen"))
    for out in outs:
        impute(**files, out=out, n_phasings=1, **EXACT)
    assert not out.with_name("imputed.parts").exists()
    return outs


def test_a_bed_becomes_a_pgen_with_the_phased_dosages_of_the_vcf(made: tuple[Path, Path]) -> None:
    vcf, pgen = made
    back = exported(pgen)
    assert query(back, SITES) == query(vcf, SITES)
    np.testing.assert_allclose(numbers(back, "HDS"), numbers(vcf, "HDS"), atol=STEP + PRINTED, rtol=0)
    np.testing.assert_allclose(numbers(back, "DS"), numbers(vcf, "DS"), atol=STEP + PRINTED, rtol=0)
    psam = [line.split("\t") for line in pgen.with_suffix(".psam").read_text().splitlines()]
    assert psam[0] == ["#FID", "IID", "SEX"]
    assert [row[0] for row in psam[1:5]] == ["F0", "F0", "F0", "F1"]
    assert [row[2] for row in psam[1:5]] == ["1", "2", "1", "2"]


def test_regenie_reads_the_header(world, tmp_path) -> None:
    """Its reader (Geno.cpp and pgenlibr.cpp of regenie 4.1) refuses a .psam without FID, and flags of unsure REF."""
    out = tmp_path / "out.pgen"
    call = {"reference": world.folder / "reference.vcf.gz", "targets": world.folder / "phased.vcf.gz"}
    impute(**call, out=out, region="20:5000000-9000000", **EXACT)
    assert out.with_suffix(".psam").read_text().startswith("#FID\tIID\tSEX\n0\t")
    assert out.read_bytes()[11] & 0xC0 != 0xC0


def test_without_plink2_dosages_have_no_phase_and_a_line_says_so(made, world, tmp_path, monkeypatch, caplog) -> None:
    call = {"reference": world.folder / "reference.vcf.gz", "targets": world.folder / "phased.vcf.gz", **EXACT}
    vcf, pgen = tmp_path / "plain.vcf.gz", tmp_path / "out.pgen"
    impute(**call, out=vcf)
    with monkeypatch.context() as changed, caplog.at_level(logging.WARNING):
        changed.setenv("PATH", str(tmp_path))
        impute(**call, out=pgen)
    assert "plink2 is not installed" in caplog.text
    assert "without phase" in caplog.text
    back = exported(pgen, "DS-force")
    assert query(back, SITES) == query(vcf, SITES)
    np.testing.assert_allclose(numbers(back, "DS"), numbers(vcf, "DS"), atol=STEP + PRINTED, rtol=0)
    assert set(os.listdir(tmp_path)) == {"plain.vcf.gz", "plain.vcf.gz.tbi"} | {
        f"out.{end}" for end in ("pgen", "pvar", "psam", "vcf", "log")
    }


@pytest.mark.parametrize("with_plink2", [True, False])
def test_men_are_haploid_on_x(tmp_path, monkeypatch, with_plink2) -> None:
    """plink2 splits X at PAR1; pgenlib leaves that to the reader, of whose commands it is an option."""
    world = x_world(tmp_path, EXACT)
    call = {"reference": tmp_path / "panel.vcf.gz", "targets": tmp_path / "targets.vcf.gz", **EXACT}
    vcf, pgen = tmp_path / "imputed.vcf.gz", tmp_path / "out.pgen"
    impute(**call, out=vcf)
    with monkeypatch.context() as changed:
        if not with_plink2:
            changed.setenv("PATH", "/nowhere")
        impute(**call, out=pgen)
    if not with_plink2:
        plink2("--pfile", pgen.with_suffix(""), "--split-par", "b37", *MAKE_PGEN, "--out", tmp_path / "split")
        pgen = tmp_path / "split.pgen"
    codes = [line.split("\t")[0] for line in pgen.with_suffix(".pvar").read_text().splitlines() if line[0] != "#"]
    in_par = sum(row[0] != "" and int(row[0]) <= PAR1_END for row in query(vcf, "%POS\n"))
    assert codes == ["PAR1"] * in_par + ["X"] * (len(codes) - in_par)
    back = exported(pgen, "DS-force")
    found, expected = numbers(back, "DS")[..., 0], numbers(vcf, "DS")[..., 0]
    calls = np.array([row[:-1] for row in query(back, "[%GT\t]\n")])
    n_alleles = np.char.count(calls, "/") + np.char.count(calls, "|") + 1
    of_man = np.arange(len(codes))[:, None] >= in_par
    of_man = of_man & (world.men[TARGET])
    # plink2 writes a man's dosage near .5 as that of a heterozygote, of two alleles
    found = np.where(of_man & (n_alleles == 2), found / 2, found)
    assert (n_alleles[of_man] == 1).mean() > 0.95
    np.testing.assert_allclose(found, expected, atol=STEP + PRINTED, rtol=0)
    assert pgen.with_suffix(".psam").read_text() == (tmp_path / "imputed.psam").read_text()


def test_saige_gets_dosages_in_which_men_are_doubled(tmp_path) -> None:
    """The commands of docs/analyses.md, on X; there they are run on an autosome."""
    world = x_world(tmp_path, EXACT)
    call = {"reference": tmp_path / "panel.vcf.gz", "targets": tmp_path / "targets.vcf.gz", **EXACT}
    vcf, pgen = tmp_path / "plain.vcf.gz", tmp_path / "imputed.pgen"
    impute(**call, out=vcf)
    impute(**call, out=pgen)
    page = (ROOT / "docs" / "analyses.md").read_text()
    [block] = re.findall(r"^```sh\n(awk .*?)^```", page, re.DOTALL | re.MULTILINE)
    subprocess.run(block, shell=True, check=True, cwd=tmp_path, capture_output=True)
    found = numbers(tmp_path / "men_doubled.vcf.gz", "DS")[..., 0]
    expected = numbers(vcf, "DS")[..., 0]
    beyond = np.array([int(row[0]) > PAR1_END for row in query(vcf, "%POS\n")])
    expected[np.ix_(beyond, world.men[TARGET])] *= 2
    np.testing.assert_allclose(found, expected, atol=2 * STEP + PRINTED, rtol=0)


def test_chromosomes_keep_their_names(world, tmp_path) -> None:
    (tmp_path / "names").write_text("20 chr20\n21 chr21\n")
    for name in ("reference", "phased"):
        command = ["bcftools", "annotate", "--rename-chrs", tmp_path / "names", "-o", tmp_path / f"{name}.vcf.gz"]
        subprocess.run([*command, world.folder / f"{name}.vcf.gz"], check=True)
    out = tmp_path / "out.pgen"
    impute(reference=tmp_path / "reference.vcf.gz", targets=tmp_path / "phased.vcf.gz", out=out, **EXACT)
    lines = out.with_suffix(".pvar").read_text().splitlines()
    assert {line.split("\t")[0] for line in lines if line[0] != "#"} == {"chr20", "chr21"}


def test_fields_of_a_vcf_cannot_be_chosen_for_a_pgen(world, tmp_path) -> None:
    with pytest.raises(InputError, match=r"--format GT,DS: a \.pgen holds dosages"):
        world.impute("fields.pgen", "--format", "GT,DS")


def test_arrays_are_not_read_from_a_pgen(world, tmp_path) -> None:
    out = tmp_path / "out.pgen"
    call = {"reference": world.folder / "reference.vcf.gz", "targets": world.folder / "phased.vcf.gz"}
    result = impute(**call, out=out, region="20:5000000-9000000", **EXACT)
    assert result.summary["imputed_sites"] > 0
    with pytest.raises(InputError, match="read it with pgenlib"):
        _ = result.dosages
