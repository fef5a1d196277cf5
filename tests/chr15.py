"""The panel of chr15 beside the checkout (docs/arrays.md), cut into a reference and targets with their truth."""

import subprocess
from pathlib import Path

import pytest

from tiny_study import ROOT

DATA = ROOT.parent / "shared" / "data" / "kgp3_chr15"
PANEL = DATA / "kgp3_chr15_66.19-66.55Mb.b37.vcf.gz"
MAP = DATA / "plink.chr15.b37.map"
ARRAY = DATA / "array_global-screening-array-v.3.chr15.b37.txt"


def split_chr15(folder: Path) -> None:
    """Every fifth sample as a target: reference, targets at GSA's sites without phase, and truth, all .vcf.gz.

    Skips the test where the panel is not there.
    """
    if not PANEL.exists():
        pytest.skip(f"{PANEL} is not there")
    names = subprocess.run(["bcftools", "query", "-l", PANEL], capture_output=True, text=True).stdout.split()
    targets, sites = folder / "targets.txt", folder / "sites.txt"
    targets.write_text("\n".join(names[::5]) + "\n")
    rows = [line.split()[:2] for line in ARRAY.read_text().splitlines()]
    sites.write_text("".join(f"{chrom}\t{pos}\n" for chrom, pos in rows))
    reference, truth, typed = (folder / f"{name}.vcf.gz" for name in ("reference", "truth", "targets"))
    for command in (
        f"bcftools view -Oz -o {reference} -S ^{targets} {PANEL}",
        f"bcftools view -Oz -o {truth} -S {targets} {PANEL}",
        f"bcftools view -T {sites} -m2 -M2 -v snps {truth} | bcftools +setGT -Oz -o {typed} -- -t a -n u",
    ):
        subprocess.run(command, shell=True, check=True, capture_output=True)
