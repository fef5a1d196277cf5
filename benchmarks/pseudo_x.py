"""X made of the example, to measure men and women beside Beagle: `python benchmarks/pseudo_x.py --out DIR`.

chr20:1-4 Mb of the 300 reference samples is written as it is, and as X beyond its first pseudoautosomal region, where
every second sample is a man and has his first haplotype alone. A quarter of the samples is held out; typed are the
sites of the example's targets. Then, in DIR: snakemake --cores 2 -s CHECKOUT/Snakefile --configfile study.yaml;
see the rows of its metrics.tsv of chrom X, populations men and women.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.ploidy import ABSENT
from ragimpute.panel.sex_chromosomes import BUILDS
from ragimpute.panel.store import Panel
from ragimpute.targets.site_list import parse_sites
from ragimpute.vcf.writer import write_genotypes

EXAMPLE = Path(__file__).parents[1] / "resources" / "example"
SHIFT = 3_000_000  # bases: past the end of the first pseudoautosomal region of GRCh37
STUDY = """\
panels:
  example:
    reference: panel.chr{chrom}.vcf.gz
    genetic_map: map.chr{chrom}.map
    targets: {holdout: 0.25}
    samples: samples.tsv
masks:
  omni: {panel: example, sites: typed.txt}
study:
  - {mask: omni, architecture: copy_rag, loss: cross_entropy, weights: pretrained}
baselines: [beagle, minimac4]
"""


def write_x(panel: Panel, men: np.ndarray, path: Path) -> None:
    """Write `panel`, of one chromosome, as X; men [N] bool have their first haplotype alone."""
    n_sites = len(panel.sites)
    chrom = np.full(n_sites, "X")
    sites = replace(panel.sites, chrom=chrom, pos=panel.sites.pos + SHIFT)
    pairs = panel.allele_pairs()
    pairs[:, men, 1] = ABSENT
    contig = f"##contig=<ID=X,length={BUILDS['37'].x_length}>"
    write_genotypes(path, sites, (contig,), panel.samples, pairs, True)


def main() -> None:
    """Write the files of the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    genetic_map = GeneticMap.read(EXAMPLE / "genetic_map.plink.map")
    panel, _ = read_panel(EXAMPLE / "reference.vcf.gz", None, genetic_map)
    men = np.arange(len(panel.samples)) % 2 == 1
    write_genotypes(
        folder / "panel.chr20.vcf.gz", panel.sites, panel.contigs, panel.samples, panel.allele_pairs(), True
    )
    write_x(panel, men, folder / "panel.chrX.vcf.gz")
    genetic_map.write_plink(folder / "map.chr20.map", ["20"])
    bases, cms = genetic_map.points["20"]
    GeneticMap({"X": (bases + SHIFT, cms)}).write_plink(folder / "map.chrX.map", ["X"])
    listed = parse_sites(str(EXAMPLE / "targets.vcf.gz"))
    positions = panel.sites.pos[listed.covers(panel.sites)]
    lines = [f"20 {pos}\nX {pos + SHIFT}\n" for pos in np.unique(positions)]
    (folder / "typed.txt").write_text("".join(lines))
    rows = [f"{name}\t{'men' if is_man else 'women'}\n" for name, is_man in zip(panel.samples, men, strict=True)]
    (folder / "samples.tsv").write_text("sample\tpopulation\n" + "".join(rows))
    (folder / "study.yaml").write_text(STUDY)


if __name__ == "__main__":
    main()
