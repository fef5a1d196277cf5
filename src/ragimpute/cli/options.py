"""Options that several verbs share, and the start of logging."""

import logging
from importlib.util import find_spec
from pathlib import Path

import click

from ragimpute.errors import InputError
from ragimpute.extras import missing

FIGURES = (".svg", ".png")
DRAWS = "vl_convert"  # the module that draws figures
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
GENOTYPES = click.Path(exists=True, path_type=Path)  # a folder is refused later, by what it is
OUT = click.Path(dir_okay=False, path_type=Path)

panel_option = click.option("--panel", type=FILE, required=True, help="The panel from `ragimpute read-panel`.")
roles_option = click.option("--roles", type=FILE, required=True, help="The table from `ragimpute assign-roles`.")
typed_option = click.option(
    "--typed", "typed_path", type=FILE, required=True, help="The table from `ragimpute mask --out`."
)
architecture_option = click.option("--architecture", required=True, help="bert_rag or copy_rag.")
validation_option = click.option(
    "--validation",
    type=FILE,
    help="Genotypes of the validation samples, from `ragimpute phase-validation`. Default: in the panel's phase.",
)
phasings_option = click.option(
    "--phasings",
    "phasings_path",
    type=FILE,
    required=True,
    help="The targets' phased typed genotypes, from `ragimpute phase --phasings`.",
)
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where to compute."
)
MAP_HELP = "Genetic map: PLINK, SHAPEIT, HapMap, IMPUTE2 or deCODE layout. Default: 1 cM per Mb."
map_option = click.option("--map", "map_path", type=FILE, help=MAP_HELP)
n_phasings_option = click.option(
    "--n-phasings",
    type=click.IntRange(1),
    help="Average over so many phasings of unphased targets. Default: 4 below 300 typed sites per cM, else 1.",
)
seed_option = click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Random seed.")


def _region(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The region as it was given; click.BadParameter, exit code 2, when it is none."""
    from ragimpute.errors import InputError
    from ragimpute.vcf.source import Region

    try:
        if value is not None:
            Region.parse(value)
    except InputError as error:
        raise click.BadParameter(str(error)) from None
    return value


region_option = click.option(
    "--region", callback=_region, help="CHROM:START-END (1-based, inclusive); default: all that the files cover."
)


def _regions(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...] | None:
    """The regions as they were given, None without one; click.BadParameter as of `_region`."""
    for text in value:
        _region(ctx, param, text)
    return value or None


regions_option = click.option(
    "--region",
    "regions",
    multiple=True,
    callback=_regions,
    help="CHROM:START-END (1-based, inclusive); repeat it for several. Default: all that the files cover.",
)
threads_option = click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads to use.")
two_threads_option = click.option(
    "--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads to use."
)
memory_option = click.option(
    "--memory-mb", type=click.IntRange(200), default=4000, show_default=True, help="Memory limit of Java programs."
)


def allele_options(command):
    """Add --swapped, --flipped and --ambiguous, the fields of `ragimpute.targets.alleles.AllelePolicy`."""
    for option in (
        click.option(
            "--ambiguous",
            type=click.Choice(["keep", "frequency", "drop"]),
            default="keep",
            show_default=True,
            help="Target records of A/T and C/G sites: keep equal ones, judge by the reference's frequency, or drop.",
        ),
        click.option(
            "--flipped",
            type=click.Choice(["fix", "drop"]),
            default="fix",
            show_default=True,
            help="Target records on the other strand.",
        ),
        click.option(
            "--swapped",
            type=click.Choice(["fix", "drop"]),
            default="fix",
            show_default=True,
            help="Target records with REF and ALT swapped.",
        ),
    ):
        command = option(command)
    return command


PANEL_MISSING, MAX_LOST_SITES = 0.05, 0.1  # those of panel.gaps and targets.lost_sites, which bring numpy
panel_missing_option = click.option(
    "--panel-missing",
    type=click.FloatRange(0, 1),
    default=PANEL_MISSING,
    show_default=True,
    help="Fill in records of the panel with up to this share of missing genotypes; with more they are dropped.",
)
max_lost_sites_option = click.option(
    "--max-lost-sites",
    type=click.FloatRange(0, 1),
    default=MAX_LOST_SITES,
    show_default=True,
    help="Share of typed sites that may be lost because the panel's records are incomplete or unphased; 1 allows all.",
)


apply_filters_option = click.option(
    "--apply-filters",
    metavar="LIST",
    help="Use only records of both files with one of these values of FILTER, such as PASS,. (as bcftools does).",
)


def reading_options(command):
    """Add the options of `impute` that say how the records and samples of files are read."""
    for option in (
        click.option(
            "--drop-discordant",
            is_flag=True,
            help="Leave out typed sites whose genotypes look inverted (0 for 1). They are always listed.",
        ),
        click.option(
            "--set-ids",
            metavar="TEMPLATE",
            help="IDs to write, such as CHROM:POS:REF:ALT; +CHROM:.. only where the files have none.",
        ),
        apply_filters_option,
        max_lost_sites_option,
        panel_missing_option,
        click.option(
            "--max-missing",
            type=click.FloatRange(0, 1),
            help="Leave targets out that lack more than this share of their genotypes on a chromosome. Default: none.",
        ),
    ):
        command = option(command)
    return command


def plot_option(help_text: str):
    """Decorator: --plot, a figure, for which the extra that draws must be there."""
    return click.option("--plot", type=OUT, callback=_drawable, help=help_text)


def _drawable(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value is None:
        return None
    if value.suffix not in FIGURES:
        raise click.BadParameter(f"{value}: name it {' or '.join(FIGURES)}")
    if find_spec(DRAWS) is None:
        raise InputError(f"--plot: {missing(DRAWS)}")
    return value


def start_logging() -> None:
    """Send the package's progress to standard error as plain lines."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")


# the files of a genome, for impute and check
references_option = click.option(
    "--reference",
    "references",
    multiple=True,
    required=True,
    metavar="FILE",
    help="Phased panel: VCF, BCF, or the file of `read-panel`; repeat it, or let {chrom} stand for chromosomes' names.",
)
map_of_chromosomes_option = click.option("--map", "map_path", metavar="FILE", help=f"{MAP_HELP} {{chrom}} as above.")
chromosomes_option = click.option(
    "--chromosomes", metavar="LIST", help="With {chrom}: which, such as 1-22. Default: all that exist."
)
exclude_option = click.option(
    "--exclude-samples", type=FILE, help="Reference samples to leave out: one name on each line."
)
sex_option = click.option(
    "--sex", type=FILE, help="Samples and their sex, for X and Y: TSV (1 or M, 2 or F), .fam or .psam."
)
build_option = click.option(
    "--build", type=click.Choice(["37", "38"]), help="Of the genome, for X. Default: by contig X's length."
)
