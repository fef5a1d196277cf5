"""A panel and targets of X across the end of PAR1 of GRCh37, of Y and of MT, in files."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mosaic import mosaic_panel
from ragimpute.panel.sex_chromosomes import BUILDS
from ragimpute.panel.store import Panel
from ragimpute.vcf.writer import write_genotypes
from two_chromosomes import stretched

TARGETS = 6
EVERY = 4  # one site in four is typed
PAR1_END = BUILDS["37"].par1_end
CONTIG = f"##contig=<ID=X,length={BUILDS['37'].x_length}>"
MISSING, ONE_ALLELE = -1, -2


@dataclasses.dataclass(frozen=True)
class XWorld:
    """The two stretches; samples with odd numbers are men, the last ones are the targets."""

    folder: Path
    par: Panel  # all diploid
    beyond: Panel  # all diploid: of men only the first haplotype is there
    options: dict

    @property
    def men(self) -> np.ndarray:
        """[N] bool."""
        return np.arange(len(self.par.samples)) % 2 == 1

    @property
    def names(self) -> tuple[str, ...]:
        """Of the targets."""
        return self.par.samples[-TARGETS:]

    def alleles(self, panel: Panel, men_diploid: bool = False) -> np.ndarray:
        """Alleles [S, N, 2] int8 of all samples beyond PAR, of men one, or the same twice."""
        pairs = panel.alleles[:].reshape(len(panel.sites), -1, 2).astype(np.int8)
        if panel is self.beyond:
            pairs[:, self.men, 1] = pairs[:, self.men, 0] if men_diploid else ONE_ALLELE
        return pairs

    def write(
        self,
        name: str,
        parts: Sequence[tuple[Panel, np.ndarray]],
        chosen: slice,
        typed_only: bool = False,
        phased: bool = True,
        contig: str = CONTIG,
    ) -> Path:
        """A VCF of the samples `chosen` at the sites of `parts`, panels and alleles of all samples."""
        path = self.folder / name
        rows = [np.arange(len(panel.sites)) % EVERY == 1 if typed_only else slice(None) for panel, _ in parts]
        sites = [panel.sites.take(row) for (panel, _), row in zip(parts, rows, strict=True)]
        joined = dataclasses.replace(
            sites[0],
            **{
                field: np.concatenate([getattr(one, field) for one in sites])
                for field in ("chrom", "pos", "id", "ref", "alt", "cm")
            },
        )
        alleles = np.concatenate([pairs[row] for (_, pairs), row in zip(parts, rows, strict=True)])[:, chosen]
        write_genotypes(path, joined, (contig,), self.par.samples[chosen], alleles, phased)
        return path

    def sexes(self, name: str = "sexes.tsv") -> Path:
        """A table of the sex of all samples."""
        path = self.folder / name
        codes = ["M" if is_man else "F" for is_man in self.men]
        rows = [f"{sample}\t{code}\n" for sample, code in zip(self.par.samples, codes, strict=True)]
        path.write_text("sample\tsex\n" + "".join(rows))
        return path


REFERENCE, TARGET = slice(None, -TARGETS), slice(-TARGETS, None)


def x_world(folder: Path, options: dict) -> XWorld:
    """46 samples at 200 sites of PAR1 and 700 beyond it; panel.vcf.gz and targets.vcf.gz, men haploid beyond."""
    par = stretched(mosaic_panel(46, 200, 8, seed=5), "X", 1.6)
    beyond = stretched(mosaic_panel(46, 700, 8, seed=6), "X", 14)
    moved = dataclasses.replace(beyond.sites, pos=beyond.sites.pos + 2_000_000)
    beyond = dataclasses.replace(beyond, sites=moved)
    world = XWorld(folder, par, beyond, options)
    both = [(par, world.alleles(par)), (beyond, world.alleles(beyond))]
    world.write("panel.vcf.gz", both, REFERENCE)
    world.write("targets.vcf.gz", both, TARGET, typed_only=True)
    return world
