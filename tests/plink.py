"""PLINK 2 for tests, and the example cut to a corner of itself."""

import subprocess
from pathlib import Path

from tiny_study import ROOT

EXAMPLE = ROOT / "resources" / "example"
CORNER = "20:1000000-1150000"


def plink2(*words: str | Path) -> None:
    """Run PLINK 2 silently; an error of it fails the test."""
    done = subprocess.run(["plink2", *map(str, words)], text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


def as_bed(vcf: Path, *options: str) -> Path:
    """The VCF as .bed, .bim and .fam beside it; A1 is the minor allele, as PLINK 1 has it."""
    stem = vcf.with_name(vcf.name.removesuffix(".vcf.gz"))
    plink2("--vcf", vcf, "--maj-ref", "force", "--make-bed", "--out", stem, *options)
    return stem.with_suffix(".bed")


def as_pgen(vcf: Path, *options: str) -> Path:
    """The VCF as .pgen, .pvar and .psam beside it."""
    stem = vcf.with_name(vcf.name.removesuffix(".vcf.gz"))
    plink2("--vcf", vcf, "--make-pgen", *options, "--out", stem)
    return stem.with_suffix(".pgen")


def corner_of_example(folder: Path) -> dict[str, Path]:
    """The example's reference, targets and truth at CORNER, in `folder`, and its map: arguments of `impute`."""
    files = {}
    for name in ("reference", "targets", "truth"):
        files[name] = folder / f"{name}.vcf.gz"
        whole = EXAMPLE / f"{name}.vcf.gz"
        subprocess.run(["bcftools", "view", "-r", CORNER, "-o", files[name], whole], check=True)
        subprocess.run(["tabix", "-f", files[name]], check=True)
    return {**files, "genetic_map": EXAMPLE / "genetic_map.plink.map"}
