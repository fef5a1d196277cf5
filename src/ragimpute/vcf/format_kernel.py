"""Sample columns of a VCF as bytes, by lookup tables in a compiled loop (cyvcf2's writer is far slower)."""

import numpy as np
from numba import njit

TAB, NEWLINE, COLON, COMMA, DOT = (np.uint8(ord(char)) for char in "\t\n:,.")
PIPE, SLASH, ZERO = (np.uint8(ord(char)) for char in "|/0")
GT, DS, HDS, GP = range(4)
FIELDS = ("GT", "DS", "HDS", "GP")
WIDEST = 48  # bytes of the longest sample column, its tab included


def decimal_table(largest: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Shortest decimal text [largest + 1, 5] uint8 of n thousandths ('0', '0.25', '1.999'), and its lengths."""
    texts = [f"{n / 1000:.3f}".rstrip("0").rstrip(".") for n in range(largest + 1)]
    table = np.zeros((largest + 1, 5), dtype=np.uint8)
    for row, text in enumerate(texts):
        table[row, : len(text)] = np.frombuffer(text.encode(), dtype=np.uint8)
    return table, np.array([len(text) for text in texts], dtype=np.int64)


@njit(cache=True, nogil=True)
def _put(out, at, text, length):
    for i in range(length):
        out[at + i] = text[i]
    return at + length


@njit(cache=True, nogil=True)
def format_imputed(out, prefixes, starts, a, b, both, fields, table, lengths):
    """Write records to `out` [bytes] uint8 and return how many bytes they take.

    `prefixes` [bytes] holds the fixed columns of the records, that of record i at starts[i]:starts[i + 1]; `a`, `b`,
    `both` [S, N] int16 as in Quantised; `fields` [F] of GT, DS, HDS, GP in the order to print.
    """
    at = 0
    for site in range(a.shape[0]):
        for i in range(starts[site], starts[site + 1]):
            out[at] = prefixes[i]
            at += 1
        for person in range(a.shape[1]):
            x, y, g2 = np.int64(a[site, person]), np.int64(b[site, person]), np.int64(both[site, person])
            g1 = x + y - 2 * g2
            g0 = 1000 - g1 - g2
            out[at] = TAB
            at += 1
            for rank in range(fields.shape[0]):
                if rank:
                    out[at] = COLON
                    at += 1
                field = fields[rank]
                if field == GT:
                    best, h1, h2 = g0, 0, 0
                    if y - g2 > best:
                        best, h1, h2 = y - g2, 0, 1
                    if x - g2 > best:
                        best, h1, h2 = x - g2, 1, 0
                    if g2 > best:
                        h1, h2 = 1, 1
                    out[at], out[at + 1], out[at + 2] = ZERO + h1, PIPE, ZERO + h2
                    at += 3
                elif field == DS:
                    at = _put(out, at, table[x + y], lengths[x + y])
                elif field == HDS:
                    at = _put(out, at, table[x], lengths[x])
                    out[at] = COMMA
                    at = _put(out, at + 1, table[y], lengths[y])
                else:
                    at = _put(out, at, table[g0], lengths[g0])
                    out[at] = COMMA
                    at = _put(out, at + 1, table[g1], lengths[g1])
                    out[at] = COMMA
                    at = _put(out, at + 1, table[g2], lengths[g2])
        out[at] = NEWLINE
        at += 1
    return at


@njit(cache=True, nogil=True)
def format_genotypes(out, prefixes, starts, alleles, phased):
    """Write GT-only records to `out` and return the bytes taken; alleles [M, N, 2] int8 (-1: './.'), phased [M, N]."""
    at = 0
    for site in range(alleles.shape[0]):
        for i in range(starts[site], starts[site + 1]):
            out[at] = prefixes[i]
            at += 1
        for person in range(alleles.shape[1]):
            first, second = alleles[site, person, 0], alleles[site, person, 1]
            out[at] = TAB
            if first < 0 or second < 0:
                out[at + 1], out[at + 3] = DOT, DOT
            else:
                out[at + 1], out[at + 3] = ZERO + first, ZERO + second
            out[at + 2] = PIPE if phased[site, person] else SLASH
            at += 4
        out[at] = NEWLINE
        at += 1
    return at
