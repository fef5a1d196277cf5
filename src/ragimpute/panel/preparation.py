"""The step `read-panel`: a phased VCF becomes the panel file that all later steps read."""

from functools import partial
from pathlib import Path

from ragimpute.panel.dropped_records import unused_records
from ragimpute.panel.from_vcf import write_records_of_panel
from ragimpute.panel.gaps import MOST_MISSING
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.ploidy import ChosenRecords, PloidyRule
from ragimpute.panel.sex_chromosomes import find_build, kind_of, stretches_of_x
from ragimpute.tables import write_table
from ragimpute.vcf.filter_counts import parse_filters
from ragimpute.vcf.source import Region, chromosomes_with_records, contig_id, contig_lengths, read_header


def prepare_panel(
    reference: Path,
    genetic_map: Path | None,
    out: Path,
    dropped: Path,
    *,
    region: str | None = None,
    describe: bool = False,
    threads: int = 1,
    most_missing: float = MOST_MISSING,
    apply_filters: str | None = None,
) -> None:
    """Read the panel of a VCF or BCF and write it to `out`, and the records that were not kept to `dropped`, a TSV.

    The panel is never in memory as a whole. Without a map, None, 1 cM per Mb is assumed. With `describe` the panel has
    the ages of its alleles too, which `impute` otherwise computes anew. Of a file of X whose build is known, without
    `region`, the part beyond the pseudoautosomal regions is read, where men may be haploid; records of these regions
    are listed among those that were not kept. `most_missing`: the share of missing genotypes up to which a record is
    filled in; `apply_filters`: values of FILTER, with commas, of which a record must have one.
    Raises InputError as `read_panel` and `GeneticMap.read` do.
    """
    ages_of = None
    if describe:
        from ragimpute.retrieval.allele_ages import allele_ages  # brings numba

        ages_of = partial(allele_ages, threads=threads)
    located = GeneticMap.from_option(genetic_map)
    filters = parse_filters(apply_filters)
    beyond = None if region is not None else x_beyond_pars(reference)
    if beyond is None:
        within = None if region is None else Region.parse(region)
        chosen = ChosenRecords(within, most_missing=most_missing, filters=filters)
        not_kept = write_records_of_panel(reference, chosen, located, out, ages_of)
    else:
        chosen = ChosenRecords(beyond, rule=PloidyRule("X", {}), most_missing=most_missing, filters=filters)
        passed_over = unused_records(
            reference, "pseudoautosomal", holds=lambda chrom, pos: not beyond.holds(chrom, pos)
        )
        not_kept = write_records_of_panel(reference, chosen, located, out, ages_of, passed_over)
    write_table(not_kept, dropped)


def x_beyond_pars(path: Path) -> Region | None:
    """X beyond its pseudoautosomal regions, where a VCF or BCF is of X alone and its header tells the build."""
    header = read_header(path)
    named = [contig_id(line) for line in header.contigs]
    if named and not any(kind_of(name) == "X" for name in named):
        return None
    chroms = chromosomes_with_records(path)
    if len(chroms) != 1 or kind_of(chroms[0]) != "X":
        return None
    build = find_build(chroms[0], [contig_lengths(header.contigs)], None)
    return None if build is None else stretches_of_x(chroms[0], build)[""]
