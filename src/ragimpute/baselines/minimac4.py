"""Imputation by Minimac4 (Das et al. 2016, Nature Genetics 48, 1284)."""

import tempfile
from pathlib import Path

from ragimpute.baselines.assembly import TEMPORARY_FILES, by_chromosome, read_tool_output
from ragimpute.external import naming_files, run_program
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.panel.store import Panel
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.phasing import write_inputs
from ragimpute.vcf.imputed import Imputed


def run_minimac4(
    reference: Panel, targets: TargetGenotypes, genetic_map: GeneticMap | None, *, threads: int = 1
) -> Imputed:
    """Impute with Minimac4, one run per chromosome.

    HDS and GP are its own, `r2` its R2. Without a map (None) it runs on its defaults. Raises InputError when Minimac4
    is missing, fails or leaves out a site.
    """
    has_map = genetic_map is not None and not genetic_map.is_uniform
    given_map = genetic_map if has_map else None

    def on_chromosome(local: Panel, typed: TargetGenotypes) -> Imputed:
        with tempfile.TemporaryDirectory(prefix="ragimpute-minimac4-") as name, naming_files(TEMPORARY_FILES):
            folder = Path(name)
            write_inputs(folder, local, typed)
            run_program("minimac4", ["--compress-reference", "reference.vcf.gz"], folder, stdout="reference.msav")
            arguments = ["reference.msav", "targets.vcf.gz", "--output", "imputed.vcf.gz", "--output-format", "vcf.gz"]
            arguments += ["--format", "GT,HDS,DS,GP", "--threads", str(threads)]
            if given_map is not None:
                chrom = str(local.sites.chrom[0])
                given_map.write_minimac(folder / "map.txt", [chrom])
                arguments += ["--map", "map.txt"]
            run_program("minimac4", arguments, folder)
            output = folder / "imputed.vcf.gz"
            return read_tool_output(output, local.sites, typed, "HDS", None, "R2")

    return by_chromosome(reference, targets, on_chromosome)
