"""The files of the tiny genome study (tests/studies/genome.yaml): two autosomes and X, and which samples and sites."""

from pathlib import Path

import numpy as np

from mosaic import mosaic_panel
from ragimpute.vcf.writer import write_genotypes
from two_chromosomes import stretched
from x_chromosome import EVERY, TARGET, x_world


def write_genome(folder: Path) -> None:
    """Panels of 46 samples on chromosomes 1, 2 and X; the last samples are held out, every fourth site is typed."""
    folder.mkdir(parents=True)
    typed = []
    for number, (chrom, n_sites, cm) in enumerate((("1", 600, 12.0), ("2", 400, 8.0))):
        panel = stretched(mosaic_panel(46, n_sites, 8, seed=20 + number), chrom, cm)
        pairs = panel.alleles[:].reshape(n_sites, -1, 2).astype(np.int8)
        path = folder / f"panel.chr{chrom}.vcf.gz"
        write_genotypes(path, panel.sites, panel.contigs, panel.samples, pairs, True)
        typed += [f"{chrom} {pos}\n" for pos in panel.sites.pos[1::EVERY]]
    world = x_world(folder, {})
    both = [(world.par, world.alleles(world.par)), (world.beyond, world.alleles(world.beyond))]
    world.write("panel.chrX.vcf.gz", both, slice(None))
    typed += [f"X {pos}\n" for pos in world.beyond.sites.pos[1::EVERY]]
    (folder / "typed.txt").write_text("".join(typed))
    held_out = world.par.samples[TARGET]
    (folder / "held_out.txt").write_text("".join(f"{name}\n" for name in held_out))
