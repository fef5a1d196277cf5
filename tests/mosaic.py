"""A tiny panel of seeded mosaic haplotypes."""

import numpy as np

from ragimpute.panel.store import Panel, Sites


def mosaic_panel(n_samples: int = 24, n_sites: int = 60, n_founders: int = 6, seed: int = 7) -> Panel:
    """Haplotypes copied from a few founders with switches, so that neighbours tell about untyped sites."""
    generator = np.random.default_rng(seed)
    frequency = generator.beta(0.6, 1.2, size=n_sites).clip(0.05, 0.95)
    founders = (generator.random((n_founders, n_sites)) < frequency).astype(np.uint8)
    switches = generator.random((2 * n_samples, n_sites)) < 0.02
    source = generator.integers(n_founders, size=(2 * n_samples, n_sites))
    last = np.maximum.accumulate(np.where(switches, np.arange(n_sites), 0), axis=1)
    source = np.take_along_axis(source, last, axis=1)
    alleles = founders[source, np.arange(n_sites)].T
    alleles = alleles ^ (generator.random(alleles.shape) < 0.003)
    alleles[0, :] = 0
    alleles[0, 3] = 1  # a singleton: monomorphic once sample 1 is left out
    pos = 1_000_000 + np.cumsum(generator.integers(50, 2000, size=n_sites)).astype(np.int64)
    text = {base: np.array([base] * n_sites) for base in ("20", "A", "G")}
    ids = np.array([f"site{i}" for i in range(n_sites)])
    sites = Sites(text["20"], pos, ids, text["A"], text["G"], (pos - pos[0]) / 1e6)
    samples = tuple(f"P{i:03d}" for i in range(n_samples))
    return Panel(sites, samples, np.ascontiguousarray(alleles.astype(np.uint8)), ("##contig=<ID=20>",))
