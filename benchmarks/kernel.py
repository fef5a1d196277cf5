"""The retrieval kernel: Li-Stephens state updates per second on one core, against what the core can do at most.

An update is one reference haplotype, typed site, rate and direction. It takes at least one multiply-add, one load and
one store: the limit is a triad, a = s * b + c, on arrays of the size of the kernel's own table.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numba import njit

from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.retrieval import li_stephens, neighbours
from ragimpute.targets.genotypes import read_genotypes

EXAMPLE = Path(__file__).parents[1] / "resources/example"
QUERIES = 64
K = 32
ROUNDS = 5


@njit(fastmath=True)
def triad(a, b, c, scale, times):
    for _ in range(times):
        for row in range(len(a)):
            for h in range(a.shape[1]):
                a[row, h] = scale * b[row, h] + c[row, h]
        a, b = b, a


def core_seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def main() -> None:
    genetic_map = GeneticMap.read(EXAMPLE / "genetic_map.plink.map")
    panel, _ = read_panel(EXAMPLE / "reference.vcf.gz", None, genetic_map)
    typed = read_genotypes(EXAMPLE / "targets.vcf.gz", panel.sites).index
    reference, cm = panel.alleles[typed], panel.sites.cm[typed]
    queries = reference[:, :QUERIES].astype(np.int8)  # reference samples, each without the own sample
    own = np.arange(QUERIES)[:, None] // 2 * 2 + np.arange(2)
    n_typed, n_hap = reference.shape
    n_rates = len(neighbours.RATES)
    rows = li_stephens.segment_length(n_typed) * n_rates
    a, b, c = np.random.default_rng(0).random((3, rows, n_hap), dtype=np.float32)
    times = 1000
    triad(a, b, c, np.float32(0.5), 1)
    neighbours.find_neighbours(reference, cm, queries[:, :2], own[:2], K)  # compiles
    retrieval, limit = [], []
    for _ in range(ROUNDS):  # in turn, as other work on the machine slows both
        retrieval.append(core_seconds(lambda: neighbours.find_neighbours(reference, cm, queries, own, K)))
        limit.append(core_seconds(lambda: triad(a, b, c, np.float32(0.5), times)))
    updates = 2 * n_rates * reference.size * QUERIES / min(retrieval)
    most = a.size * times / min(limit)
    print(
        f"{n_typed:,} typed sites, {n_hap} reference haplotypes, {n_rates} rates, {QUERIES} queries, best of {ROUNDS}"
    )
    print(f"retrieve()  {updates / 1e9:6.2f}e9 state updates per second per core, selection and features included")
    print(f"            {1e3 * min(retrieval) / QUERIES:6.2f} ms of one core for a query haplotype")
    print(f"triad       {most / 1e9:6.2f}e9 float32 per second per core")
    print(f"ratio       {updates / most:6.3f}")


if __name__ == "__main__":
    main()
