"""Sample columns of a VCF as bytes, by lookup tables in a compiled loop (cyvcf2's writer is far slower)."""

import numpy as np
from numba import njit

TAB, NEWLINE, COLON, COMMA, DOT = (np.uint8(ord(char)) for char in "\t\n:,.")
PIPE, SLASH, ZERO = (np.uint8(ord(char)) for char in "|/0")
GT, DS, HDS, GP = range(4)
FIELDS = ("GT", "DS", "HDS", "GP")
WIDEST = 48  # bytes of the longest sample column, its tab included
SPARE = 8  # bytes that are written past the end of a text


def decimal_table(largest: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Shortest decimal text of n thousandths ('0', '0.25', '1.999') as little-endian uint64 words, and its lengths."""
    texts = []
    for n in range(largest + 1):
        three_decimals = f"{n / 1000:.3f}"
        shortest = three_decimals.rstrip("0").rstrip(".")
        texts.append(shortest.encode())
    words = [int.from_bytes(text, "little") for text in texts]
    lengths = [len(text) for text in texts]
    return np.array(words, dtype=np.uint64), np.array(lengths, dtype=np.uint64)


@njit(cache=True, nogil=True)
def _put(out, at, word, length):
    """Write the 8 bytes of `word` and move on by `length`: one store, where a loop over `length` would be guessed."""
    for i in range(8):  # indices are unsigned throughout: for signed ones numba adds a test of each
        out[at + np.uint64(i)] = np.uint8(word >> np.uint64(8 * i))
    return at + length


@njit(cache=True, nogil=True)
def _put_sample(out, at, x, y, g2, fields, words, lengths):
    one = np.uint64(1)
    g1 = x + y - 2 * g2
    g0 = 1000 - g1 - g2
    out[at] = TAB
    at += one
    for rank in range(fields.shape[0]):
        if rank:
            out[at] = COLON
            at += one
        field = fields[rank]
        if field == GT:
            best, h1, h2 = g0, 0, 0
            if y - g2 > best:
                best, h1, h2 = y - g2, 0, 1
            if x - g2 > best:
                best, h1, h2 = x - g2, 1, 0
            if g2 > best:
                h1, h2 = 1, 1
            out[at] = ZERO + h1
            out[at + one] = PIPE
            out[at + np.uint64(2)] = ZERO + h2
            at += np.uint64(3)
        elif field == DS:
            dosage = x + y
            at = _put(out, at, words[dosage], lengths[dosage])
        elif field == HDS:
            at = _put(out, at, words[x], lengths[x])
            out[at] = COMMA
            at = _put(out, at + one, words[y], lengths[y])
        else:
            at = _put(out, at, words[g0], lengths[g0])
            out[at] = COMMA
            at = _put(out, at + one, words[g1], lengths[g1])
            out[at] = COMMA
            at = _put(out, at + one, words[g2], lengths[g2])
    return at


@njit(cache=True, nogil=True)
def format_imputed(out, prefixes, starts, a, b, both, fields, words, lengths):
    """Write records to `out` [bytes] uint8 and return how many bytes they take.

    `prefixes` [bytes] holds the fixed columns of the records, that of record i at starts[i]:starts[i + 1]; `a`, `b`,
    `both` [S, N] int16 as in Quantised; `fields` [F] of GT, DS, HDS, GP in the order to print. `out` must have room
    for WIDEST bytes a sample and SPARE at the end. Most genotypes are certain: their text is made once.
    """
    certain = np.zeros((2, 2, WIDEST + SPARE), np.uint8)
    certain_length = np.zeros((2, 2), np.uint64)
    for h1 in range(2):
        for h2 in range(2):
            text = certain[h1, h2]
            both_are_alt = 1000 * h1 * h2
            size = _put_sample(text, np.uint64(0), 1000 * h1, 1000 * h2, both_are_alt, fields, words, lengths)
            certain_length[h1, h2] = size
    certain_words = certain.view(np.uint64)
    at = np.uint64(0)
    for site in range(a.shape[0]):
        for i in range(starts[site], starts[site + 1]):
            out[at] = prefixes[i]
            at += np.uint64(1)
        for sample in range(a.shape[1]):
            x = np.int64(a[site, sample])
            y = np.int64(b[site, sample])
            g2 = np.int64(both[site, sample])
            if (x == 0 or x == 1000) and (y == 0 or y == 1000):
                first, second = x // 1000, y // 1000
                text_words = certain_words[first, second]
                length = certain_length[first, second]
                for w in range((length + np.uint64(7)) // np.uint64(8)):
                    _put(out, at + np.uint64(8) * w, text_words[w], np.uint64(8))
                at += length
            else:
                at = _put_sample(out, at, x, y, g2, fields, words, lengths)
        out[at] = NEWLINE
        at += np.uint64(1)
    return np.int64(at)


@njit(cache=True, nogil=True)
def _put_haploid(out, at, x, fields, words, lengths):
    """Write a sample of one allele, which is ALT with `x` thousandths."""
    one = np.uint64(1)
    out[at] = TAB
    at += one
    for rank in range(fields.shape[0]):
        if rank:
            out[at] = COLON
            at += one
        if fields[rank] == GT:
            out[at] = ZERO + (x > 500)
            at += one
        elif fields[rank] == GP:
            g0 = 1000 - x
            at = _put(out, at, words[g0], lengths[g0])
            out[at] = COMMA
            at = _put(out, at + one, words[x], lengths[x])
        else:
            at = _put(out, at, words[x], lengths[x])
    return at


@njit(cache=True, nogil=True)
def format_imputed_by_ploidy(out, prefixes, starts, a, b, both, fields, words, lengths, ploidy):
    """`format_imputed` of samples whose `ploidy` [N] is 2, 1 (only `a` counts) or 0 (all fields are missing)."""
    one = np.uint64(1)
    at = np.uint64(0)
    for site in range(a.shape[0]):
        for i in range(starts[site], starts[site + 1]):
            out[at] = prefixes[i]
            at += one
        for sample in range(a.shape[1]):
            x = np.int64(a[site, sample])
            if ploidy[sample] == 2:
                y = np.int64(b[site, sample])
                g2 = np.int64(both[site, sample])
                at = _put_sample(out, at, x, y, g2, fields, words, lengths)
            elif ploidy[sample] == 1:
                at = _put_haploid(out, at, x, fields, words, lengths)
            else:
                out[at] = TAB
                for _ in range(fields.shape[0]):
                    out[at + one] = DOT
                    out[at + np.uint64(2)] = COLON
                    at += np.uint64(2)
        out[at] = NEWLINE
        at += one
    return np.int64(at)


@njit(cache=True, nogil=True)
def format_genotypes(out, prefixes, starts, alleles, phased):
    """Write GT-only records to `out` and return the bytes taken; phased [M, N] bool.

    alleles [M, N, 2] int8: -1 is missing ('./.'), a second allele -2 makes a genotype of one allele ('0', '1' or '.').
    """
    at = 0
    for site in range(alleles.shape[0]):
        for i in range(starts[site], starts[site + 1]):
            out[at] = prefixes[i]
            at += 1
        for sample in range(alleles.shape[1]):
            first = alleles[site, sample, 0]
            second = alleles[site, sample, 1]
            out[at] = TAB
            if second == -2:
                out[at + 1] = DOT if first < 0 else ZERO + first
                at += 2
                continue
            if first < 0 or second < 0:
                out[at + 1] = DOT
                out[at + 3] = DOT
            else:
                out[at + 1] = ZERO + first
                out[at + 3] = ZERO + second
            out[at + 2] = PIPE if phased[site, sample] else SLASH
            at += 4
        out[at] = NEWLINE
        at += 1
    return at
