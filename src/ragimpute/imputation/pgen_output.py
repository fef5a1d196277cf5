"""Imputed genotypes as PLINK 2's .pgen, .pvar and .psam: phased dosages by plink2, else unphased ones by pgenlib."""

import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ragimpute.errors import InputError
from ragimpute.external import run_program
from ragimpute.tables import write_table
from ragimpute.vcf.format_kernel import FIELDS
from ragimpute.vcf.source import records

logger = logging.getLogger(__name__)

SUFFIX = ".pgen"
NEEDED_FIELDS = ("GT", "HDS")
FILES = (".pvar", ".psam", ".pgen")  # in the order in which they appear: the genotypes last
PSAM_COLUMNS = "psam-cols=fid,sex"  # else plink2 leaves FID out where it is 0 throughout
LEAST_MEMORY_MB = 640  # of plink2
MISSING = -9.0
STEM = "imputed"


def fields_for(path: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    """The FORMAT fields of the VCF that becomes `path`; `fields` themselves where it stays a VCF or BCF.

    Raises InputError where fields were chosen for a .pgen.
    """
    if not path.endswith(SUFFIX):
        return fields
    if fields != FIELDS:
        listed = ",".join(fields)
        raise InputError(f"--format {listed}: a .pgen holds dosages and no such fields; leave the option out")
    return NEEDED_FIELDS


@dataclass(frozen=True)
class PgenWriting:
    """How a VCF becomes a .pgen."""

    psam: pd.DataFrame  # the samples, of `result_files.psam_table`
    build: str | None  # 37 or 38, where the file has X and its pseudoautosomal regions are known
    folder: Path  # for temporary files
    threads: int
    memory_mb: int


def write_pgen(vcf: Path, out: Path, how: PgenWriting) -> None:
    """Write OUT.pgen, .pvar and .psam of the VCF.gz `vcf`, which has GT and HDS.

    Raises InputError when the VCF has no site or plink2 fails.
    """
    first = next(records(vcf, samples=[]), None)
    if first is None:
        raise InputError(f"{out}: there is no imputed site, and a .pgen must have one; name the output .vcf.gz")
    folder = how.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_table(how.psam, folder / "samples.psam")
    if shutil.which("plink2") is None:
        logger.warning(
            "plink2 is not installed: %s has dosages without phase; with plink2 (of Debian or bioconda) it has both",
            out,
        )
        _by_pgenlib(vcf, folder, len(how.psam))
    else:
        _by_plink2(vcf, first.CHROM, how)
    for suffix in FILES:
        os.replace(folder / f"{STEM}{suffix}", out.with_suffix(suffix))
    shutil.rmtree(folder)


def _by_plink2(vcf: Path, chrom: str, how: PgenWriting) -> None:
    """`chrom`: the first chromosome of `vcf`, by which names of chromosomes have a prefix or not."""
    names = "chrM" if chrom.startswith("chr") else "MT"  # as plink2 calls this choice
    memory_mb = max(how.memory_mb, LEAST_MEMORY_MB)
    words = ["--vcf", os.path.relpath(vcf, how.folder), "dosage=HDS", "--psam", "samples.psam", "--allow-extra-chr"]
    words += ["--output-chr", names, "--make-pgen", PSAM_COLUMNS, "--out", STEM]
    words += ["--threads", str(how.threads), "--memory", str(memory_mb)]
    if how.build is not None:
        words += ["--split-par", f"b{how.build}"]
    run_program("plink2", words, how.folder)


def _by_pgenlib(vcf: Path, folder: Path, n_samples: int) -> None:
    """Dosages, hard calls where they are within .1 of one, no phase."""
    import pgenlib
    import pysam.bcftools

    pvar = folder / f"{STEM}.pvar"
    pysam.bcftools.view("--no-version", "--drop-genotypes", "-Ov", "-o", str(pvar), str(vcf), catch_stdout=False)
    shutil.copyfile(folder / "samples.psam", folder / f"{STEM}.psam")
    n_sites = int(str(pysam.bcftools.index("--nrecords", str(vcf))))
    genotypes = os.fsencode(folder / f"{STEM}.pgen")
    with pgenlib.PgenWriter(
        genotypes, n_samples, variant_ct=n_sites, nonref_flags=False, dosage_present=True
    ) as writer:
        for record in records(vcf):
            writer.append_dosages(_dosages(record))


def _dosages(record) -> np.ndarray:
    """Dosages [N] float32 in [0, 2], of haploid samples too, as PLINK has them; MISSING where there is none."""
    each = record.format("HDS")
    if each is None:  # a record that the panel lacks, of --keep-unmatched
        alleles = record.genotype.array()[:, :2]
        each = np.where(alleles < 0, np.nan, alleles)
    first = each[:, 0]
    second = first if each.shape[1] == 1 else np.where(np.isnan(each[:, 1]), first, each[:, 1])
    dosages = np.nan_to_num(first + second, nan=MISSING)
    return np.ascontiguousarray(dosages, dtype=np.float32)
