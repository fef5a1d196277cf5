"""Writing VCF.gz and BCF: imputed results and typed genotypes, with an index, atomic and byte for byte repeatable."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.panel.store import Sites
from ragimpute.vcf import bgzf, format_kernel
from ragimpute.vcf.imputed import Imputed
from ragimpute.vcf.quantise import UNIT, Quantised, each_haplotype, minimac_r2, quantise
from ragimpute.vcf.source import contig_id, contig_lengths

Chunk = Callable[[], bytes | memoryview]  # makes the text of some records
TBI_LIMIT = 2**29  # bases that a .tbi index can address; longer contigs take a .csi
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
    '##INFO=<ID=TYPED,Number=0,Type=Flag,Description="The site was genotyped in the targets">',
    '##INFO=<ID=IMPUTED,Number=0,Type=Flag,Description="The site was imputed">',
)


def write_imputed(
    path: str | os.PathLike,
    sites: Sites,
    contigs: Sequence[str],
    imputed: Imputed,
    source: str = "ragimpute",
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
    source: str = "ragimpute",
    *,
    fields: Sequence[str] = format_kernel.FIELDS,
    threads: int = 1,
) -> None:
    """`write_imputed` for `parts` that cover consecutive sites, taken one by one, so that all need not be in memory."""
    check_request(path, fields)
    chroms = list(dict.fromkeys(sites.chrom.tolist()))
    header = imputed_header(chroms, contigs, samples, source, fields)
    chunks = _imputed_chunks(sites, samples, parts, fields)
    with _final_file(path, longest_position(sites, contigs)) as plain, ThreadPoolExecutor(max(1, threads)) as pool:
        bgzf.write_bgzf(plain, chain([lambda: header], chunks), pool, ahead=2 * threads)


def write_piece(
    path: str | os.PathLike,
    sites: Sites,
    samples: Sequence[str],
    parts: Iterable[Imputed],
    *,
    fields: Sequence[str] = format_kernel.FIELDS,
    threads: int = 1,
) -> None:
    """The records that `write_parts` would write of these sites, without header and end, for `join_pieces`."""
    with atomic_path(path) as temporary, ThreadPoolExecutor(max(1, threads)) as pool:
        bgzf.write_blocks(temporary, _imputed_chunks(sites, samples, parts, fields), pool, ahead=2 * threads)


def join_pieces(path: str | os.PathLike, longest: int, header: bytes, pieces: Iterable[str | os.PathLike]) -> None:
    """Write the VCF.gz or BCF, with index, that has `header` and the records of `pieces` in their order.

    `longest`: the largest coordinate that the index must address.
    """
    with _final_file(path, longest) as plain:
        bgzf.join_blocks(plain, header, pieces)


def imputed_header(
    chroms: Sequence[str], contigs: Sequence[str], samples: Sequence[str], source: str, fields: Sequence[str]
) -> bytes:
    """The header of a file of imputed genotypes on the chromosomes `chroms`."""
    lines = [*INFO_LINES, *(HEADER_LINES[field] for field in _ordered(fields))]
    return _header(chroms, contigs, source, lines, samples)


def _ordered(fields: Sequence[str]) -> list[str]:
    """The FORMAT fields as they are written: GT must come first."""
    return sorted(fields, key=format_kernel.FIELDS.index)


def _imputed_chunks(
    sites: Sites, samples: Sequence[str], parts: Iterable[Imputed], fields: Sequence[str]
) -> Iterator[Chunk]:
    """What makes the text of the records of all parts, some records each."""
    ordered = _ordered(fields)
    codes = np.array([format_kernel.FIELDS.index(field) for field in ordered])
    format_keys = ":".join(ordered)
    words, lengths = format_kernel.decimal_table()

    def chunk(part: Imputed, place: int, start: int, stop: int) -> memoryview:
        """Records of the sites start .. stop - 1 of `part`, whose first site is number `place` of `sites`."""
        numbers = quantise(part.hds[start:stop], part.both[start:stop])
        tails = [f"{info}\t{format_keys}" for info in _info_columns(part, numbers, start, stop)]
        prefixes, starts = _prefixes(sites, place + start, place + stop, "PASS", tails)
        record_room = len(samples) * format_kernel.WIDEST + 1
        room = len(prefixes) + (stop - start) * record_room + format_kernel.SPARE
        out = np.empty(room, dtype=np.uint8)
        arguments = out, prefixes, starts, numbers.a, numbers.b, numbers.both, codes, words, lengths
        if part.ploidy is None:
            size = format_kernel.format_imputed(*arguments)
        else:
            size = format_kernel.format_imputed_by_ploidy(*arguments, part.ploidy)
        return out[:size].data

    place = 0
    for part in parts:
        shape = (len(part.typed), len(samples))
        if part.hds.shape != (*shape, 2) or part.both.shape != shape:
            raise ValueError(f"imputed arrays do not have {shape[0]} sites x {shape[1]} samples")
        for start, stop in _steps(*shape):
            yield partial(chunk, part, place, start, stop)
        place += shape[0]
    if place != len(sites):
        raise ValueError(f"the imputed arrays have {place} of {len(sites)} sites")


def _info_columns(part: Imputed, numbers: Quantised, start: int, stop: int) -> list[str]:
    """INFO of the sites start .. stop - 1 of `part`, of which `numbers` are the printed thousandths."""
    frequency = _frequency(numbers, part.ploidy)
    r2 = minimac_r2(numbers.a, numbers.b, part.ploidy) if part.r2 is None else np.nan_to_num(part.r2[start:stop])
    er2 = np.full(stop - start, np.nan) if part.er2 is None else part.er2[start:stop]
    typed = part.typed[start:stop]
    columns = []
    for af, estimate, left_out, is_typed in zip(
        frequency.tolist(), r2.tolist(), er2.tolist(), typed.tolist(), strict=True
    ):
        info = f"AF={_decimal(af, 6)};R2={_decimal(estimate, 4)};"
        if not math.isnan(left_out):
            info += f"ER2={_decimal(left_out, 4)};"
        columns.append(info + ("TYPED" if is_typed else "IMPUTED"))
    return columns


def _frequency(numbers: Quantised, ploidy: np.ndarray | None) -> np.ndarray:
    """The mean of the printed HDS at each site: [S] float64."""
    if ploidy is not None:
        return each_haplotype(numbers.a, numbers.b, ploidy).mean(axis=1, dtype=np.float64) / UNIT
    first = numbers.a.mean(axis=1, dtype=np.float64)
    second = numbers.b.mean(axis=1, dtype=np.float64)
    return (first + second) / (2 * UNIT)


def check_request(path: str | os.PathLike, fields: Sequence[str]) -> None:
    """Raise InputError when no VCF.gz or BCF can be written to `path` or a FORMAT field is unknown: before the work."""
    unknown = [field for field in fields if field not in format_kernel.FIELDS]
    if unknown or not fields:
        raise InputError(f"FORMAT fields {','.join(fields)!r}: choose from {','.join(format_kernel.FIELDS)}")
    if len(set(fields)) < len(fields):
        raise InputError(f"FORMAT fields {','.join(fields)!r}: each may be named once")
    folder = next(parent for parent in Path(path).absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK) or Path(path).is_dir():
        raise InputError(f"{os.fspath(path)}: no file can be written there; choose another place")
    if not os.fspath(path).endswith((".vcf.gz", ".bcf")):
        raise InputError(f"{os.fspath(path)}: the output must be named .vcf.gz or .bcf")


def write_genotypes(
    path: str | os.PathLike,
    sites: Sites,
    contigs: Sequence[str],
    samples: Sequence[str],
    alleles: np.ndarray,
    phased: np.ndarray | bool,
    *,
    source: str = "ragimpute",
    threads: int = 1,
) -> None:
    """Write GT of `samples` at M `sites`: phased [M, N] or one bool, alleles [M, N, 2] in {-2, -1, 0, 1}.

    -1 is missing; -2 as the second allele: the sample has one.
    """
    if alleles.shape != (len(sites), len(samples), 2):
        raise ValueError(f"alleles {alleles.shape} are not {len(sites)} sites x {len(samples)} samples x 2")
    whole = np.broadcast_to(np.asarray(phased, dtype=bool), alleles.shape[:2])

    def chunk(start: int, stop: int) -> memoryview:
        tails = [".\tGT"] * (stop - start)
        prefixes, starts = _prefixes(sites, start, stop, ".", tails)
        record_room = 4 * len(samples) + 1
        out = np.empty(len(prefixes) + (stop - start) * record_room, dtype=np.uint8)
        some_alleles = np.ascontiguousarray(alleles[start:stop], dtype=np.int8)
        some_phased = np.ascontiguousarray(whole[start:stop])
        size = format_kernel.format_genotypes(out, prefixes, starts, some_alleles, some_phased)
        return out[:size].data

    chroms = list(dict.fromkeys(sites.chrom.tolist()))
    gt_line = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">'
    header = _header(chroms, contigs, source, [gt_line], samples)
    chunks = (partial(chunk, start, stop) for start, stop in _steps(len(sites), len(samples)))
    with _final_file(path, longest_position(sites, contigs)) as plain, ThreadPoolExecutor(max(1, threads)) as pool:
        bgzf.write_bgzf(plain, chain([lambda: header], chunks), pool, ahead=2 * threads)


def sites_at_a_time(n_samples: int) -> int:
    """How many records are formatted and compressed together; blocks of a BGZF file end with them."""
    return max(1, CHUNK_BYTES // (n_samples * format_kernel.WIDEST + 64))


def _steps(n_sites: int, n_samples: int) -> Iterator[tuple[int, int]]:
    """Where each chunk of records starts and stops."""
    step = sites_at_a_time(n_samples)
    for start in range(0, n_sites, step):
        yield start, min(start + step, n_sites)


@contextmanager
def _final_file(path: str | os.PathLike, longest: int) -> Iterator[Path]:
    """Yield where a VCF.gz is to be written; index it, or make a BCF of it, and rename file and index at the end."""
    import pysam

    name = os.fspath(path)
    check_request(path, ("GT",))
    is_bcf = name.endswith(".bcf")
    suffix = ".csi" if is_bcf or longest > TBI_LIMIT else ".tbi"
    with ExitStack() as stack:
        # renamed in the reverse order: after a kill in between, an old index is older than the file, and says so
        index = stack.enter_context(atomic_path(name + suffix))
        final = stack.enter_context(atomic_path(name))
        plain = final.with_suffix(".vcf.gz") if is_bcf else final
        yield plain
        if is_bcf:
            _convert_to_bcf(plain, final, index)
        else:
            csi = suffix == ".csi"
            pysam.tabix_index(str(final), preset="vcf", force=True, keep_original=True, csi=csi, index=str(index))
    for other in {".tbi", ".csi"} - {suffix}:  # an index of an earlier run would belong to other bytes
        Path(name + other).unlink(missing_ok=True)


def _convert_to_bcf(plain: Path, final: Path, index: Path) -> None:
    import pysam.bcftools

    pysam.bcftools.view("--no-version", "-Ob", "-o", str(final), str(plain), catch_stdout=False)
    plain.unlink()
    pysam.bcftools.index("-f", "-o", str(index), str(final), catch_stdout=False)


def _header(
    chroms: Sequence[str], contigs: Sequence[str], source: str, fields: Sequence[str], samples: Sequence[str]
) -> bytes:
    lines = ["##fileformat=VCFv4.3", '##FILTER=<ID=PASS,Description="All filters passed">', f"##source={source}"]
    named = {contig_id(line) for line in contigs}
    lines += contigs
    for chrom in chroms:
        if chrom not in named:
            lines.append(f"##contig=<ID={chrom}>")
    lines += fields
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]))
    return ("\n".join(lines) + "\n").encode()


def longest_position(sites: Sites, contigs: Sequence[str]) -> int:
    """The largest coordinate that the index must address."""
    known = contig_lengths(contigs)
    lengths = [known[chrom] for chrom in dict.fromkeys(sites.chrom.tolist()) if chrom in known]
    ends = sites.pos + np.array([len(ref) for ref in sites.ref.tolist()], dtype=np.int64) - 1
    return max([*lengths, int(ends.max(initial=0))])


def _prefixes(sites: Sites, start: int, stop: int, verdict: str, tails: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The fixed columns of records start..stop as one byte array, and where each starts [stop - start + 1]."""
    columns = [getattr(sites, name)[start:stop].tolist() for name in ("chrom", "pos", "id", "ref", "alt")]
    texts = []
    for chrom, pos, name, ref, alt, tail in zip(*columns, tails, strict=True):
        text = f"{chrom}\t{pos}\t{name}\t{ref}\t{alt}\t.\t{verdict}\t{tail}"
        texts.append(text.encode())
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=starts[1:])
    return np.frombuffer(b"".join(texts), dtype=np.uint8), starts


def _decimal(value: float, places: int) -> str:
    """Shortest text of a value rounded to `places` decimals."""
    text = f"{value:.{places}f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
