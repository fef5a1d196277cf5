"""The step `read-panel`: a phased VCF becomes the panel file that all later steps read."""

from functools import partial
from pathlib import Path

from ragimpute.panel.from_vcf import write_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.tables import write_table


def prepare_panel(
    reference: Path,
    genetic_map: Path | None,
    out: Path,
    dropped: Path,
    *,
    region: str | None = None,
    describe: bool = False,
    threads: int = 1,
) -> None:
    """Read the panel of a VCF or BCF and write it to `out`, and the records that were not kept to `dropped`, a TSV.

    The panel is never in memory as a whole. Without a map, None, 1 cM per Mb is assumed. With `describe` the panel has
    the ages of its alleles too, which `impute` otherwise computes anew. Raises InputError as `read_panel` and
    `GeneticMap.read` do.
    """
    ages_of = None
    if describe:
        from ragimpute.retrieval.allele_ages import allele_ages  # brings numba

        ages_of = partial(allele_ages, threads=threads)
    points = GeneticMap.from_option(genetic_map)
    not_kept = write_panel(reference, region, points, out, ages_of)
    write_table(not_kept, dropped)
