"""The step `read-panel`: a phased VCF becomes the panel file that all later steps read."""

from dataclasses import replace
from pathlib import Path

from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel
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
) -> Panel:
    """Read the panel of a VCF or BCF and write it to `out`, and the records that were not kept to `dropped`, a TSV.

    Without a map, None, 1 cM per Mb is assumed. With `describe` the panel has the ages of its alleles too, which
    `impute` otherwise computes anew. Raises InputError as `read_panel` and `GeneticMap.read` do.
    """
    panel, not_kept = read_panel(reference, region, GeneticMap.from_option(genetic_map))
    write_table(not_kept, dropped)
    if describe:
        from ragimpute.retrieval.allele_ages import allele_ages  # brings numba

        panel = replace(panel, ages=allele_ages(panel, threads))
    panel.save(out)
    return panel
