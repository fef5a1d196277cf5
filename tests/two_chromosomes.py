"""A panel of two chromosomes in files, for the commands that go from VCF to VCF."""

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from mosaic import mosaic_panel
from ragimpute.cli import ragimpute
from ragimpute.models.pretrained import DEFAULT
from ragimpute.panel.store import Panel, Sites
from ragimpute.vcf.writer import write_genotypes

TARGETS = 6
FIRST = 1500  # sites of the first chromosome
EVERY = 4  # one site in four is typed


def stretched(panel: Panel, chrom: str, cm: float) -> Panel:
    """The panel on chromosome `chrom`, its sites spread over `cm` Mb, and so as many cM where no map is given."""
    sites = panel.sites
    pos = 1_000_000 + np.round((sites.pos - sites.pos[0]) / np.ptp(sites.pos) * cm * 1e6).astype(np.int64)
    moved = dataclasses.replace(sites, chrom=np.full(len(pos), chrom), pos=pos, cm=pos / 1e6)
    return dataclasses.replace(panel, sites=moved, contigs=(f"##contig=<ID={chrom},length=80000000>",))


def joined(*panels: Panel) -> Panel:
    """Panels of the same samples, one after the other."""
    sites = Sites(*(np.concatenate([getattr(p.sites, name) for p in panels]) for name in Sites.__dataclass_fields__))
    contigs = tuple(line for panel in panels for line in panel.contigs)
    return Panel(sites, panels[0].samples, np.concatenate([p.alleles for p in panels]), contigs)


@dataclasses.dataclass(frozen=True)
class World:
    """The files of one panel, its samples' true alleles, and which sites are typed."""

    folder: Path
    panel: Panel  # with the targets, the last of its samples
    typed: np.ndarray

    @property
    def truth(self) -> np.ndarray:
        """Alleles [S, N, 2] of the targets."""
        return self.panel.alleles[:, -2 * TARGETS :].reshape(len(self.typed), TARGETS, 2)

    def impute(self, out: str, *options: str, targets: str = "phased.vcf.gz", reference: str = "reference.vcf.gz"):
        """The result's path and what was logged; refuses a non-zero exit code."""
        path = self.folder / out
        arguments = ["impute", "--reference", str(self.folder / reference), "--targets", str(self.folder / targets)]
        arguments += ["--out", str(path), "--model", str(DEFAULT), "--device", "cpu"]
        done = CliRunner().invoke(ragimpute, [*arguments, *options], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return path


def written(folder: Path) -> World:
    """The panel's first 40 samples and the others, the targets, as VCFs in `folder`."""
    first = stretched(mosaic_panel(46, FIRST, 8, seed=3), "20", 30)
    second = stretched(mosaic_panel(46, 500, 8, seed=4), "21", 10)
    panel = joined(first, second)
    typed = np.arange(len(panel.sites)) % EVERY == 1
    reference = panel.of_samples(panel.samples[:-TARGETS])
    alleles = reference.alleles[:].reshape(len(typed), -1, 2).astype(np.int8)
    write_genotypes(folder / "reference.vcf.gz", panel.sites, panel.contigs, reference.samples, alleles, True)
    world = World(folder, panel, typed)
    names, sites, seen = panel.samples[-TARGETS:], panel.sites.take(typed), world.truth[typed].astype(np.int8)
    write_genotypes(folder / "phased.vcf.gz", sites, panel.contigs, names, seen, True)
    missing = np.sort(seen, axis=2)
    missing[5, 2] = -1
    write_genotypes(folder / "unphased.vcf.gz", sites, panel.contigs, names, missing, False)
    return world


def query(path: Path, pattern: str, *options: str) -> list[list[str]]:
    done = subprocess.run(["bcftools", "query", *options, "-f", pattern, path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split("\t") for line in done.stdout.splitlines()]
