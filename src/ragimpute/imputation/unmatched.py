"""Typed records at positions that the panel lacks, on request put into the imputed file as they are.

bcftools, which comes inside pysam, does the work: nothing of these records passes through Python.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.folder_beside import folder_beside
from ragimpute.targets.alleles import NOT_IN_REFERENCE
from ragimpute.vcf.renamed import Renaming
from ragimpute.vcf.source import chromosomes_with_records


@dataclass(frozen=True)
class Source:
    """Where the records come from."""

    targets: Sequence[Path]
    samples: Sequence[str] | None  # those of the imputed file; None: all of the targets
    filters: str | None  # values of FILTER, with commas, of which a record must have one; None: any


def can_be_kept(dropped: pd.DataFrame, chroms: Sequence[str]) -> pd.Series:
    """Which dropped records are biallelic ones of the targets, on `chroms`, at positions that the panel lacks."""
    of_targets = dropped["file"] == "targets"
    is_lacking = of_targets & (dropped["reason"] == NOT_IN_REFERENCE) & dropped["chrom"].isin(chroms)
    found: pd.Series = is_lacking & ~dropped["alt"].astype(str).str.contains(",")
    return found


def write_with(out: Path, source: Source, records: pd.DataFrame, write_imputed: Callable[[Path], None]) -> None:
    """Write `out`, with index: what `write_imputed` writes to the path it is given, and `records` of targets between.

    records: chrom and pos, at which the imputed file has nothing. They keep all but INFO and FORMAT other than GT, so
    that they have neither TYPED nor IMPUTED. An index of the other kind beside an earlier file is removed: htslib may
    prefer it, and it is of other bytes.
    """
    import pysam.bcftools as bcftools

    out.parent.mkdir(parents=True, exist_ok=True)
    with folder_beside(out) as folder, ExitStack() as stack:
        imputed = folder / out.name
        write_imputed(imputed)
        places = records[["chrom", "pos"]].drop_duplicates()
        extras = []
        for number, targets in enumerate(source.targets):
            of_file = folder / str(number)
            of_file.mkdir()
            extras.append(_extra_records(targets, source, places, of_file))
        csi = folder / f"{out.name}.csi"
        kind = "csi" if csi.exists() else "tbi"
        index = stack.enter_context(atomic_path(f"{out}.{kind}"))  # before the file, as in `vcf.writer`
        final = stack.enter_context(atomic_path(out))
        with _naming(source.targets[0]):
            bcftools.concat(
                "--allow-overlaps",
                "--no-version",
                "-o",
                str(final),
                str(imputed),
                *map(str, extras),
                catch_stdout=False,
            )
            bcftools.index(f"--{kind}", "-o", str(index), str(final), catch_stdout=False)
    [other] = {"csi", "tbi"} - {kind}
    Path(f"{out}.{other}").unlink(missing_ok=True)


def _extra_records(targets: Path, source: Source, places: pd.DataFrame, folder: Path) -> Path:
    """A VCF.gz, with index, in `folder`, of the biallelic records of `targets` at `places`, chrom and pos."""
    import pysam.bcftools as bcftools

    def run(command: Callable, *arguments: str | Path) -> None:
        with _naming(targets):
            command(*map(str, arguments), catch_stdout=False)

    positions = folder / "positions.tsv"
    names = folder / "names.txt"
    found = folder / "found.vcf.gz"
    bare = folder / "bare.vcf.gz"
    extra = folder / "extra.vcf.gz"
    renaming = Renaming(places["chrom"])
    here = {name: renaming.name_of(name) for name in chromosomes_with_records(targets)}
    differing = {name: other for name, other in here.items() if name != other}
    names_here = {other: name for name, other in here.items()}
    lines = [f"{names_here.get(place.chrom, place.chrom)}\t{place.pos}\n" for place in places.itertuples()]
    positions.write_text("".join(lines))
    names.write_text("".join(f"{name} {other}\n" for name, other in differing.items()))
    rename: list[str | Path] = ["--rename-chrs", names] if differing else []
    chosen: list[str | Path] = ["-e", 'ALT~"<"']
    if source.samples is not None:
        kept = folder / "samples.txt"
        kept.write_text("".join(f"{name}\n" for name in source.samples))
        chosen += ["-S", kept]
    if source.filters is not None:
        chosen += ["-f", source.filters]
    run(bcftools.view, "--no-version", *chosen, "-T", positions, "-m2", "-M2", "-o", found, targets)
    run(bcftools.annotate, "--no-version", *rename, "-x", "INFO,^FORMAT/GT", "-o", bare, found)
    run(bcftools.sort, "-T", folder / "sorting", "-o", extra, bare)
    run(bcftools.index, "--csi", extra)
    return extra


@contextmanager
def _naming(targets: Path) -> Iterator[None]:
    """Errors of bcftools as InputError that names the file."""
    import pysam

    try:
        yield
    except pysam.SamtoolsError as error:
        reason = str(error).strip()
        raise InputError(
            f"{targets}: bcftools cannot take over its records that the panel lacks ({reason}); does its header "
            "lack ##contig lines or the one of FORMAT GT?"
        ) from None
