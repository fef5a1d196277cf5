"""The files of PLINK 1 (.bed, .bim, .fam) and PLINK 2 (.pgen, .pvar, .psam): which is which, samples and variants."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragimpute.errors import InputError
from ragimpute.panel.sexes import CODES, FAM_COLUMNS, Sex
from ragimpute.panel.text_column import TextBuilder, TextColumn

MAGIC = b"\x6c\x1b"  # the first bytes of a .bed and of a .pgen
BED_BY_SAMPLE, BED_BY_VARIANT = 0, 1  # the third byte of a .bed; that of a .pgen is larger
BED_HEADER = 3  # bytes
GENOTYPES_PER_BYTE = 4  # of a .bed
TABLES = {".bim": ".bed", ".fam": ".bed", ".pvar": ".pgen", ".zst": ".pgen", ".psam": ".pgen"}
UNKNOWN_FAMILY = "0"


@dataclass(frozen=True)
class Fileset:
    """The three files of one data set."""

    genotypes: Path  # .bed or .pgen
    variants: Path  # .bim, .pvar or .pvar.zst
    samples: Path  # .fam or .psam
    is_bed: bool

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return self.genotypes, self.variants, self.samples


@dataclass(frozen=True)
class Variants:
    """M variants, in the order of their file."""

    chrom: np.ndarray  # [M] object (str): PLINK's code
    pos: np.ndarray  # [M] int64
    id: TextColumn
    ref: TextColumn  # A2 of a .bim; "." where it is not known
    alt: TextColumn  # A1 of a .bim; "." where nobody carries it; several with commas
    allele_offsets: np.ndarray  # [M + 1] uint64, as pgenlib has them


def is_plink(path: str | os.PathLike) -> bool:
    """Whether a file is a .bed or a .pgen, by its first bytes; False where it is none or cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def find_fileset(path: str | os.PathLike) -> Fileset | None:
    """The files that belong to the .bed or .pgen at `path`; None where it is neither.

    Raises InputError for a file that lies beside one of them, an old .bed and files that are not there.
    """
    genotypes = Path(path)
    if not is_plink(genotypes):
        other = genotypes.name.removesuffix(".zst")
        main = TABLES.get(genotypes.suffix)
        if main is not None and (candidate := genotypes.with_name(other).with_suffix(main)).exists():
            raise InputError(f"{path}: one of PLINK's files beside the genotypes: name {candidate} instead")
        return None
    with genotypes.open("rb") as file:
        kind = file.read(BED_HEADER)[len(MAGIC) :]
    if kind == bytes([BED_BY_SAMPLE]):
        raise InputError(f"{path}: a .bed in the order of samples, of an old PLINK; write it again (plink --make-bed)")
    is_bed = kind == bytes([BED_BY_VARIANT])
    variants = _beside(genotypes, (".bim",) if is_bed else (".pvar", ".pvar.zst", ".bim"))
    samples = _beside(genotypes, (".fam",) if is_bed else (".psam", ".fam"))
    return Fileset(genotypes, variants, samples, is_bed)


def _beside(genotypes: Path, suffixes: Sequence[str]) -> Path:
    """The first file of the same name and one of `suffixes` that is there."""
    for suffix in suffixes:
        path = genotypes.with_suffix(suffix)
        if path.is_file():
            return path
    wanted = genotypes.with_suffix(suffixes[0])
    raise InputError(f"{genotypes}: {wanted.name} is not beside it; PLINK's three files must have one name")


def read_samples(fileset: Fileset) -> tuple[tuple[str, ...], dict[str, Sex]]:
    """The samples' names, IID or, where an IID occurs twice, FID_IID; and the sex of those whose sex is known.

    Raises InputError with file and line for another layout, and for a sample that occurs twice by FID and IID.
    """
    rows = _sample_rows(fileset.samples)
    names = _names(fileset.samples, rows)
    sexes: dict[str, Sex] = {}
    for name, (_, _, code) in zip(names, rows, strict=True):
        known = CODES.get(code.lower())
        if known is not None:
            sexes[name] = known
    return names, sexes


def read_families(fileset: Fileset) -> dict[str, str]:
    """FID by the names of `read_samples`, UNKNOWN_FAMILY where there is none. Raises InputError as that does."""
    rows = _sample_rows(fileset.samples)
    names = _names(fileset.samples, rows)
    return {name: family for name, (family, _, _) in zip(names, rows, strict=True)}


def _sample_rows(path: Path) -> list[tuple[str, str, str]]:
    """FID, IID and sex of each sample in a .fam or .psam; "0" for a column that is not there."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable table of samples ({error})") from None
    columns = {"FID": 0, "IID": 1, "SEX": 4}
    n_needed = FAM_COLUMNS - 1
    rows: list[tuple[str, str, str]] = []
    for number, line in enumerate(lines, start=1):
        fields = line.split("\t") if "\t" in line else line.split()
        if line.startswith(("#FID", "#IID")):
            columns = {name.lstrip("#"): place for place, name in enumerate(fields)}
            n_needed = len(fields)
        elif fields and not line.startswith("#"):
            if len(fields) < n_needed or "IID" not in columns:
                raise InputError(f"{path}:{number}: {len(fields)} columns where {n_needed} are expected")
            family, name, sex = (fields[columns[key]] if key in columns else "0" for key in ("FID", "IID", "SEX"))
            rows.append((family, name, sex))
    return rows


def _names(path: Path, rows: Sequence[tuple[str, str, str]]) -> tuple[str, ...]:
    """The names of the samples whose FID, IID and sex are `rows`."""
    names = [name for _, name, _ in rows]
    if len(set(names)) < len(names):
        names = [name if family == UNKNOWN_FAMILY else f"{family}_{name}" for family, name, _ in rows]
    counts = Counter(names)
    repeated = next((name for name, count in counts.items() if count > 1), None)
    if repeated is not None:
        raise InputError(f"{path}: sample {repeated!r} occurs twice; give every sample their own FID and IID")
    return tuple(names)


def read_variants(fileset: Fileset) -> Variants:
    """The variants of a data set. Raises InputError when their file is unreadable."""
    import pgenlib

    path = fileset.variants
    try:
        reader = pgenlib.PvarReader(os.fsencode(path))
    except RuntimeError as error:
        raise InputError(f"{path}: not a readable table of PLINK's variants ({_said(error)})") from None
    ids, refs, alts = TextBuilder(), TextBuilder(), TextBuilder()
    chroms = []
    positions = []
    n_variants = reader.get_variant_ct()
    if not n_variants:
        raise InputError(f"{path}: no variants")
    for number in range(n_variants):
        alleles = [reader.get_allele_code(number, i).decode() for i in range(reader.get_allele_ct(number))]
        ref, *others = ["." if allele == "0" else allele for allele in alleles]
        alt = ",".join(others)
        chroms.append(reader.get_variant_chrom(number).decode())
        positions.append(reader.get_variant_pos(number))
        ids.add(reader.get_variant_id(number).decode())
        refs.add(ref)
        alts.add(alt)
    offsets = reader.get_allele_idx_offsets()
    columns = ids.column(), refs.column(), alts.column()
    return Variants(np.array(chroms, dtype=object), np.array(positions, dtype=np.int64), *columns, offsets)


class GenotypeReader:
    """The genotypes of a .bed or .pgen, some variants at a time."""

    def __init__(self, fileset: Fileset, n_samples: int, variants: Variants) -> None:
        """Raises InputError when the file is damaged, or of other samples or variants than those beside it."""
        import pgenlib

        path = fileset.genotypes
        n_variants = len(variants.pos)
        if fileset.is_bed:
            bytes_per_variant = -(-n_samples // GENOTYPES_PER_BYTE)
            expected = BED_HEADER + n_variants * bytes_per_variant
            found = path.stat().st_size
            if found != expected:
                raise InputError(
                    f"{path}: {found} bytes, but {n_samples} samples of {fileset.samples.name} and {n_variants} "
                    f"variants of {fileset.variants.name} take {expected}; "
                    "are the three of one data set, and is it whole?"
                )
        offsets = variants.allele_offsets
        is_multiallelic = int(offsets[-1]) > 2 * n_variants
        try:
            self._reader = pgenlib.PgenReader(
                os.fsencode(path),
                raw_sample_ct=n_samples,
                variant_ct=n_variants,
                allele_idx_offsets=offsets if is_multiallelic else None,
            )
        except RuntimeError as error:
            raise InputError(f"{path}: not readable beside {fileset.samples.name} ({_said(error)})") from None
        self._path = path
        self._n_samples = n_samples

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the variants `rows` [K]: alleles [K, N, 2] int8, -1 missing, and phase [K, N] bool."""
        shape = len(rows), 2 * self._n_samples
        alleles = np.empty(shape, dtype=np.int32)
        phased = np.empty((len(rows), self._n_samples), dtype=np.uint8)
        try:
            self._reader.read_alleles_and_phasepresent_list(rows.astype(np.uint32), alleles, phased)
        except RuntimeError as error:
            raise InputError(f"{self._path}: damaged ({_said(error)}); copy or create it again") from None
        pairs = alleles.reshape(len(rows), self._n_samples, 2)
        known = np.maximum(pairs, -1).astype(np.int8)
        return known, phased.astype(bool)


def _said(error: RuntimeError) -> str:
    """The message of pgenlib, on one line."""
    text = error.args[0]
    message = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return " ".join(message.split())
