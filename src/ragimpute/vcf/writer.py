"""Writing VCF.gz and BCF: imputed results and typed genotypes, with an index, atomic and byte for byte repeatable."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain

import numpy as np

from ragimpute.artefacts import atomic_path
from ragimpute.panel.store import Sites
from ragimpute.vcf import bgzf, format_kernel
from ragimpute.vcf.final_file import check_request, final_file, longest_position
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.quantise import UNIT, Quantised, haplotype_sums, quantise, r2_of_sums
from ragimpute.vcf.source import contig_id

Chunk = Callable[[], bytes | memoryview]  # makes the text of some records
SOURCE = "ragimpute"  # what files name as their source, unless more is known
CHUNK_BYTES = 1 << 22  # of text at a time, as a bound: records are formatted and compressed in parallel
HEADER_LINES = {
    "GT": '##FORMAT=<ID=GT,Number=1,Type=String,Description="Phased genotype, the most probable of four pairs">',
    "DS": '##FORMAT=<ID=DS,Number=A,Type=Float,Description="Dosage of the alternate allele, the sum of HDS">',
    "HDS": '##FORMAT=<ID=HDS,Number=.,Type=Float,Description="Alternate allele dosage of each haplotype">',
    "GP": '##FORMAT=<ID=GP,Number=G,Type=Float,Description="Genotype probabilities 0, 1, 2">',
}
INFO_LINES = (
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Estimated alternate allele frequency, the mean of HDS">',
    '##INFO=<ID=R2,Number=1,Type=Float,Description="Estimated imputation accuracy (squared correlation)">',
    '##INFO=<ID=ER2,Number=1,Type=Float,Description="Leave-one-out squared correlation at a typed site">',
    '##INFO=<ID=AN,Number=1,Type=Integer,Description="Haplotypes of the samples in this file">',
    '##INFO=<ID=HDSSUM,Number=1,Type=Float,Description="Sum of HDS; AF is HDSSUM / AN">',
    '##INFO=<ID=HDSSQ,Number=1,Type=Float,Description="Sum of the squares of HDS; R2 follows from it, HDSSUM and AN">',
    '##INFO=<ID=TYPED,Number=0,Type=Flag,Description="The site was genotyped in the targets">',
    '##INFO=<ID=IMPUTED,Number=0,Type=Flag,Description="The site was imputed">',
)


def write_imputed(
    path: str | os.PathLike,
    sites: Sites,
    contigs: Sequence[str],
    imputed: Imputed,
    source: str = SOURCE,
    *,
    fields: Sequence[str] = format_kernel.FIELDS,
    threads: int = 1,
) -> None:
    """Write one record per site, in order, as VCF.gz (or BCF when `path` ends in .bcf) with an index.

    Everything is printed from integer thousandths, so that DS = sum of HDS = GP1 + 2 GP2 and the GP sum to 1 exactly.
    `fields` chooses among GT, DS, HDS and GP. INFO/AF and, unless the method has its own, INFO/R2 (Minimac's
    estimator) are those of the printed HDS; INFO/ER2 stands where it is defined.

    Raises InputError for an unknown field, ValueError for shapes that differ.
    """
    write_parts(path, sites, contigs, imputed.samples, [imputed], source, fields=fields, threads=threads)


def write_parts(
    path: str | os.PathLike,
    sites: Sites,
    contigs: Sequence[str],
    samples: Sequence[str],
    parts: Iterable[Imputed],
    source: str = SOURCE,
    *,
    fields: Sequence[str] = format_kernel.FIELDS,
    threads: int = 1,
) -> None:
    """`write_imputed` for `parts` that cover consecutive sites, taken one by one, so that all need not be in memory."""
    check_request(path, fields)
    chroms = sites.chromosomes()
    header = imputed_header(chroms, contigs, samples, source, fields)
    chunks = _imputed_chunks(sites, samples, parts, fields)
    with final_file(path, longest_position(sites, contigs)) as plain, ThreadPoolExecutor(max(1, threads)) as pool:
        texts = chain([lambda: header], chunks)
        bgzf.write_bgzf(plain, texts, pool, ahead=2 * threads)


def write_piece(
    path: str | os.PathLike,
    sites: Sites,
    samples: Sequence[str],
    parts: Iterable[Imputed],
    *,
    fields: Sequence[str] = format_kernel.FIELDS,
    threads: int = 1,
    min_r2: float | None = None,
) -> np.ndarray:
    """The records that `write_parts` would write of these sites, without header and end, for `join_pieces`.

    Without `fields` they have no genotypes. Imputed sites whose printed R2 is below `min_r2` are left out. Returns R2
    [S] float64 of all the sites, before it is rounded.
    """
    r2 = np.empty(len(sites))
    chunks = _imputed_chunks(sites, samples, parts, fields, min_r2, r2)
    with atomic_path(path) as temporary, ThreadPoolExecutor(max(1, threads)) as pool:
        bgzf.write_blocks(temporary, chunks, pool, ahead=2 * threads)
    return r2


def join_pieces(
    path: str | os.PathLike,
    longest: int,
    header: bytes,
    pieces: Iterable[str | os.PathLike],
    index: str | None = None,
) -> None:
    """Write the VCF.gz or BCF, with index, that has `header` and the records of `pieces` in their order.

    `longest`: the largest coordinate that the index must address. `index`: csi or tbi; None: tbi where it can be.
    """
    with final_file(path, longest, index) as plain:
        bgzf.join_blocks(plain, header, pieces)


def imputed_header(
    chroms: Sequence[str],
    contigs: Sequence[str],
    samples: Sequence[str],
    source: str,
    fields: Sequence[str],
    about: Sequence[str] = (),
) -> bytes:
    """The header of a file of imputed genotypes on the chromosomes `chroms`; without `fields` it has no samples.

    `about` are lines about the run.
    """
    format_lines = [HEADER_LINES[field] for field in _ordered(fields)]
    lines = [*about, *INFO_LINES, *format_lines]
    return _header(chroms, contigs, source, lines, samples if format_lines else None)


def _ordered(fields: Sequence[str]) -> list[str]:
    """The FORMAT fields as they are written: GT must come first."""
    return sorted(fields, key=format_kernel.FIELDS.index)


def _imputed_chunks(
    sites: Sites,
    samples: Sequence[str],
    parts: Iterable[Imputed],
    fields: Sequence[str],
    min_r2: float | None = None,
    r2_of_sites: np.ndarray | None = None,
) -> Iterator[Chunk]:
    """What makes the text of the records of all parts, some records each.

    `fields`, `min_r2`: as for `write_piece`. What is made of some records puts their R2 into `r2_of_sites` [S] float64.
    """
    ordered = _ordered(fields)
    codes = np.array([format_kernel.FIELDS.index(field) for field in ordered])
    format_keys = ":".join(ordered)
    words, lengths = format_kernel.decimal_table()
    record_room = len(samples) * format_kernel.WIDEST + 1

    def chunk(part: Imputed, place: int, start: int, stop: int) -> memoryview:
        """Records of the sites start .. stop - 1 of `part`, whose first site is number `place` of `sites`."""
        numbers = quantise(part.hds[start:stop], part.both[start:stop])
        infos, r2 = _info_columns(part, numbers, start, stop)
        if r2_of_sites is not None:
            r2_of_sites[place + start : place + stop] = r2
        here = sites.take(slice(place + start, place + stop))
        if min_r2 is not None:
            rows = [row for row, info in enumerate(infos) if _is_written(info, min_r2)]
            infos = [infos[row] for row in rows]
            here, numbers = here.take(np.array(rows, dtype=np.int64)), numbers.at(rows)
        tails = [f"{info}\t{format_keys}" if ordered else f"{info}\n" for info in infos]
        n_records = len(infos)
        prefixes, starts = _prefixes(here, 0, n_records, "PASS", tails)
        if not ordered:
            return prefixes.data
        room = len(prefixes) + n_records * record_room + format_kernel.SPARE
        out = np.empty(room, dtype=np.uint8)
        arguments = out, prefixes, starts, numbers.a, numbers.b, numbers.both, codes, words, lengths
        if part.ploidy is None:
            size = format_kernel.format_imputed(*arguments)
        else:
            size = format_kernel.format_imputed_by_ploidy(*arguments, part.ploidy)
        return out[:size].data

    place = 0
    for part in parts:
        n_sites = len(part.typed)
        n_samples = len(samples)
        if part.hds.shape != (n_sites, n_samples, 2) or part.both.shape != (n_sites, n_samples):
            raise ValueError(f"imputed arrays do not have {n_sites} sites x {n_samples} samples")
        for start, stop in _steps(n_sites, n_samples):
            yield partial(chunk, part, place, start, stop)
        place += n_sites
    if place != len(sites):
        raise ValueError(f"the imputed arrays have {place} of {len(sites)} sites")


def _is_written(info: str, min_r2: float) -> bool:
    """Whether a record with this INFO is of a typed site, or has the R2: the printed one, as for other programs."""
    entries = dict(entry.partition("=")[::2] for entry in info.split(";"))
    return "TYPED" in entries or float(entries["R2"]) >= min_r2


def _info_columns(part: Imputed, numbers: Quantised, start: int, stop: int) -> tuple[list[str], np.ndarray]:
    """INFO of the sites start .. stop - 1 of `part`, of which `numbers` are the printed thousandths; and R2 there."""
    number, total, squares = haplotype_sums(numbers.a, numbers.b, part.ploidy)
    frequency = total / (number * UNIT)
    if part.r2 is None:
        r2 = r2_of_sums(number, total, squares)
    else:
        own_estimates = part.r2[start:stop]
        r2 = np.nan_to_num(own_estimates)
    er2 = np.full(stop - start, np.nan) if part.er2 is None else part.er2[start:stop]
    typed = part.typed[start:stop]
    sums = [sums_text(number, *of_site) for of_site in zip(total.tolist(), squares.tolist(), strict=True)]
    columns = []
    for af, estimate, left_out, summed, is_typed in zip(
        frequency.tolist(), r2.tolist(), er2.tolist(), sums, typed.tolist(), strict=True
    ):
        info = f"AF={decimal(af, 6)};R2={decimal(estimate, 4)};"
        if not math.isnan(left_out):
            info += f"ER2={decimal(left_out, 4)};"
        info += f"{summed};"
        info += "TYPED" if is_typed else "IMPUTED"
        columns.append(info)
    return columns, r2


def sums_text(number: int, total: int, squares: int) -> str:
    """INFO of the sums of a site (`quantise.haplotype_sums`), exact: files of other samples can be added."""
    return f"AN={number};HDSSUM={decimal(total / UNIT, 3)};HDSSQ={decimal(squares / UNIT**2, 6)}"


def write_genotypes(
    path: str | os.PathLike,
    sites: Sites,
    contigs: Sequence[str],
    samples: Sequence[str],
    alleles: np.ndarray,
    phased: np.ndarray | bool,
    *,
    source: str = SOURCE,
    threads: int = 1,
) -> None:
    """Write GT of `samples` at M `sites`: phased [M, N] or one bool, alleles [M, N, 2] in {-2, -1, 0, 1}.

    -1 is missing; -2 as the second allele: the sample has one.
    """
    n_sites = len(sites)
    n_samples = len(samples)
    if alleles.shape != (n_sites, n_samples, 2):
        expected = f"{n_sites} sites x {n_samples} samples x 2"
        raise ValueError(f"alleles {alleles.shape} are not {expected}")
    is_phased = np.asarray(phased, dtype=bool)
    whole = np.broadcast_to(is_phased, alleles.shape[:2])

    def genotypes(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        return alleles[start:stop], whole[start:stop]

    write_genotypes_of(path, sites, contigs, samples, genotypes, source=source, threads=threads)


def write_genotypes_of(
    path: str | os.PathLike,
    sites: Sites,
    contigs: Sequence[str],
    samples: Sequence[str],
    genotypes: Callable[[int, int], tuple[np.ndarray, np.ndarray]],
    *,
    source: str = "ragimpute",
    threads: int = 1,
) -> None:
    """`write_genotypes` of what `genotypes` gives of the sites start .. stop - 1: alleles and phase.

    With one thread it is called by one thread at a time, in order.
    """
    record_room = 4 * len(samples) + 1

    def chunk(start: int, stop: int) -> memoryview:
        n_records = stop - start
        tails = [".\tGT"] * n_records
        prefixes, starts = _prefixes(sites, start, stop, ".", tails)
        room = len(prefixes) + n_records * record_room
        out = np.empty(room, dtype=np.uint8)
        alleles, phased = genotypes(start, stop)
        some_alleles = np.ascontiguousarray(alleles, dtype=np.int8)
        some_phased = np.ascontiguousarray(phased)
        size = format_kernel.format_genotypes(out, prefixes, starts, some_alleles, some_phased)
        return out[:size].data

    chroms = sites.chromosomes()
    gt_line = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">'
    header = _header(chroms, contigs, source, [gt_line], samples)
    steps = _steps(len(sites), len(samples))
    chunks: Iterator[Chunk] = (partial(chunk, start, stop) for start, stop in steps)
    with final_file(path, longest_position(sites, contigs)) as plain, ThreadPoolExecutor(max(1, threads)) as pool:
        texts = chain([lambda: header], chunks)
        bgzf.write_bgzf(plain, texts, pool, ahead=2 * threads)


def sites_at_a_time(n_samples: int) -> int:
    """How many records are formatted and compressed together; blocks of a BGZF file end with them."""
    widest_record = n_samples * format_kernel.WIDEST + 64
    return max(1, CHUNK_BYTES // widest_record)


def _steps(n_sites: int, n_samples: int) -> Iterator[tuple[int, int]]:
    """Where each chunk of records starts and stops."""
    step = sites_at_a_time(n_samples)
    for start in range(0, n_sites, step):
        stop = min(start + step, n_sites)
        yield start, stop


def _header(
    chroms: Sequence[str], contigs: Sequence[str], source: str, fields: Sequence[str], samples: Sequence[str] | None
) -> bytes:
    """`samples` None: a file of sites without genotypes."""
    lines = ["##fileformat=VCFv4.3", '##FILTER=<ID=PASS,Description="All filters passed">', f"##source={source}"]
    named = {contig_id(line) for line in contigs}
    lines += contigs
    for chrom in chroms:
        if chrom not in named:
            lines.append(f"##contig=<ID={chrom}>")
    lines += fields
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    if samples is not None:
        columns += ["FORMAT", *samples]
    lines.append("\t".join(columns))
    text = "\n".join(lines)
    return f"{text}\n".encode()


def _prefixes(sites: Sites, start: int, stop: int, verdict: str, tails: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The fixed columns of records start..stop as one byte array, and where each starts [stop - start + 1]."""
    columns = [getattr(sites, name)[start:stop].tolist() for name in ("chrom", "pos", "id", "ref", "alt")]
    texts = []
    for chrom, pos, name, ref, alt, tail in zip(*columns, tails, strict=True):
        text = f"{chrom}\t{pos}\t{name}\t{ref}\t{alt}\t.\t{verdict}\t{tail}"
        texts.append(text.encode())
    lengths = [len(text) for text in texts]
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    joined = np.frombuffer(b"".join(texts), dtype=np.uint8)
    return joined, starts


def printed_r2(value: float) -> float:
    """R2 as INFO has it, by which sites are left out."""
    return float(decimal(value, 4))


def decimal(value: float, places: int) -> str:
    """Shortest text of a value rounded to `places` decimals."""
    all_places = f"{value:.{places}f}"
    text = all_places.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
