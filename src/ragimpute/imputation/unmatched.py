"""Typed records at positions that the panel lacks, on request put into the imputed file as they are.

bcftools, which comes inside pysam, does the work: nothing of these records passes through Python.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from ragimpute.artefacts import atomic_path
from ragimpute.disk_space import temporary_folder
from ragimpute.errors import InputError
from ragimpute.vcf.renamed import Renaming
from ragimpute.vcf.source import chromosomes_with_records


def write_with(
    out: Path,
    targets: Path,
    records: pd.DataFrame,
    write_imputed: Callable[[Path], None],
    samples: Sequence[str] | None = None,
) -> None:
    """Write `out`, with index: what `write_imputed` writes to the path it is given, and `records` of `targets` between.

    records: chrom and pos, at which the imputed file has nothing. They keep all but INFO and FORMAT other than GT, so
    that they have neither TYPED nor IMPUTED. samples: those of the imputed file; None: all of `targets`.
    """
    import pysam
    import pysam.bcftools as bcftools

    def run(command: Callable, *arguments: str | Path) -> None:
        try:
            command(*map(str, arguments), catch_stdout=False)
        except pysam.SamtoolsError as error:
            reason = str(error).strip()
            raise InputError(
                f"{targets}: bcftools cannot take over its records that the panel lacks ({reason}); does its header "
                "lack ##contig lines or the one of FORMAT GT?"
            ) from None

    out.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(f".{out.name}.", out.parent) as folder, ExitStack() as stack:
        imputed = folder / out.name
        positions = folder / "positions.tsv"
        names = folder / "names.txt"
        found = folder / "found.vcf.gz"
        bare = folder / "bare.vcf.gz"
        extra = folder / "extra.vcf.gz"
        write_imputed(imputed)
        places = records[["chrom", "pos"]].drop_duplicates()
        renaming = Renaming(places["chrom"])
        here = {name: renaming.name_of(name) for name in chromosomes_with_records(targets)}
        differing = {name: other for name, other in here.items() if name != other}
        names_here = {other: name for name, other in here.items()}
        lines = [f"{names_here.get(place.chrom, place.chrom)}\t{place.pos}\n" for place in places.itertuples()]
        positions.write_text("".join(lines))
        names.write_text("".join(f"{name} {other}\n" for name, other in differing.items()))
        rename: list[str | Path] = ["--rename-chrs", names] if differing else []
        chosen: list[str | Path] = []
        if samples is not None:
            kept = folder / "samples.txt"
            kept.write_text("".join(f"{name}\n" for name in samples))
            chosen = ["-S", kept]
        run(bcftools.view, "--no-version", *chosen, "-T", positions, "-m2", "-M2", "-o", found, targets)
        run(bcftools.annotate, "--no-version", *rename, "-x", "INFO,^FORMAT/GT", "-o", bare, found)
        run(bcftools.sort, "-T", folder / "sorting", "-o", extra, bare)
        run(bcftools.index, "--csi", extra)
        csi = folder / f"{out.name}.csi"
        kind = "csi" if csi.exists() else "tbi"
        index = stack.enter_context(atomic_path(f"{out}.{kind}"))  # before the file, as in `vcf.writer`
        final = stack.enter_context(atomic_path(out))
        run(bcftools.concat, "--allow-overlaps", "--no-version", "-o", final, imputed, extra)
        run(bcftools.index, f"--{kind}", "-o", index, final)
