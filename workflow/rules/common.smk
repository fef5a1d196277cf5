# What the rules share: the effective configuration, names, and small functions for inputs and options.
import json
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# not workflow.basedir: that of the main Snakefile, when this one is used as a module
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from ragimpute.models.pretrained import FOLDER as PRETRAINED_FOLDER
from ragimpute.study.chromosomes import (
    autosomes,
    chromosome_of,
    file_of,
    is_split,
    parts,
)
from ragimpute.study.code_digest import digest, of_other_architectures
from ragimpute.study.configuration import ConfigError, load_configuration
from ragimpute.reporting import FIGURES
from ragimpute.study.runs import runs, truth_file
from ragimpute.training.gpu import has_gpu

# A workflow that uses this one as a module hands its configuration over; otherwise the files are read from here again.
# Snakemake documents the merged `config` only. It does not say which files and which --config it was merged from (and it
# merges mappings that must replace each other), nor that this is a module. So three attributes that it does not document
# are used, here and nowhere else: modifier.skip_configfile, overwrite_configfiles and config_settings.
IS_MODULE = workflow.modifier.skip_configfile
try:
    CONFIG = load_configuration(
        ROOT,
        [] if IS_MODULE else workflow.overwrite_configfiles,
        config if IS_MODULE else workflow.config_settings.config,
        check_files=not IS_MODULE,
    )
except ConfigError as error:
    raise WorkflowError(str(error)) from None

RUNS = {run.path: run for run in runs(CONFIG)}
TRAINED = {path: run for path, run in RUNS.items() if run.trained}
TRAININGS = {run.model: run for run in TRAINED.values()}
MASKS = list(dict.fromkeys(run.mask for run in RUNS.values()))
PANELS = list(dict.fromkeys(CONFIG["masks"][mask]["panel"] for mask in MASKS))
PANEL_PARTS = [
    (panel, part) for panel in PANELS for part in parts(CONFIG["panels"][panel])
]
MASK_PARTS = [
    (mask, part)
    for mask in MASKS
    for part in parts(CONFIG["panels"][CONFIG["masks"][mask]["panel"]])
]
SPLIT_MASKS = list(dict.fromkeys(mask for mask, part in MASK_PARTS if part))
FOLDS = [
    "train",
    *(f"random{i + 1}" for i in range(CONFIG["training"]["random_masks"])),
]
# What neighbours are filed under: kept ones serve all losses and seeds. Temporary ones are each run's own: were they
# shared, making them again for one changed loss would make them look new to all others, which would train again.
# (ancient() does not help: it is not honoured for a file that is gone.)
RETRIEVAL = (
    "{mask}/{architecture}"
    if CONFIG["keep"]["segments"]
    else "{mask}/{architecture}.{loss}{weights}/seed{seed}"
)

# In every rule's shell, `ragimpute VERB` is this checkout's package: in the interpreter that runs Snakemake, or in the
# rule's conda environment. -P keeps the working directory off the import path. `on_gpus N ragimpute VERB` is N
# processes that share the work, one for each GPU; one process for N of 0 or 1.
USES_CONDA = "conda" in {
    str(method) for method in workflow.deployment_settings.deployment_method
}
PYTHON = "python" if USES_CONDA else shlex.quote(sys.executable)
SOURCE = shlex.quote(str(ROOT / "src"))
shell.prefix(
    "set -euo pipefail; "
    f'ragimpute() {{{{ PYTHONPATH={SOURCE} {PYTHON} -P -m ragimpute "$@"; }}}}; '
    'on_gpus() {{ local n=$1; shift; if (( n < 2 )); then "$@"; else '
    f"PYTHONPATH={SOURCE} PYTHONSAFEPATH=1 {PYTHON} -m torch.distributed.run --standalone "
    '--nproc-per-node "$n" --module "$@"; fi; }}; '
)


# Inputs
def panel_settings(wildcards):
    """The entry of the panel that the wildcards name, directly or through their mask."""
    name = getattr(wildcards, "panel", None) or CONFIG["masks"][wildcards.mask]["panel"]
    return CONFIG["panels"][name]


def panel_of_mask(wildcards):
    """The name of the panel of the mask that the wildcards name."""
    return CONFIG["masks"][wildcards.mask]["panel"]


def panel_file(name):
    """Input function: a file of a chromosome's panel, or of the whole one, for a rule that knows its mask."""
    return (
        lambda wildcards: f"results/panels/{panel_of_mask(wildcards)}{wildcards.part}/{name}"
    )


def roles_file(wildcards):
    """The samples' roles, one table for all chromosomes."""
    return f"results/panels/{panel_of_mask(wildcards)}/roles.tsv"


def part_files(wildcards, folder, name, chosen):
    """The file `name` of each of the parts `chosen` under results/panels or results/masks, of a rule that knows its mask."""
    entry = panel_of_mask(wildcards) if folder == "panels" else wildcards.mask
    return [f"results/{folder}/{entry}{part}/{name}" for part in chosen]


def autosome_files(folder, name):
    """Input function: the file `name` of each chromosome that networks are trained on."""
    return lambda wildcards: part_files(
        wildcards, folder, name, autosomes(panel_settings(wildcards))
    )


def first_part_file(wildcards, folder, name):
    """The file `name` of the first autosome, or of the whole panel."""
    first = autosomes(panel_settings(wildcards))[:1]
    return part_files(wildcards, folder, name, first)


def first_autosome_panel(wildcards):
    """The panel whose samples get roles."""
    part = autosomes(panel_settings(wildcards))[0]
    return f"results/panels/{wildcards.panel}{part}/panel.safetensors"


def training_file(name):
    """Input function: a file of the mask's training set; without chromosomes, of the panel or of the mask itself."""

    def path(wildcards):
        if is_split(panel_settings(wildcards)):
            return f"results/masks/{wildcards.mask}/training/{name}"
        if name in ("panel.safetensors", "roles.tsv"):
            return f"results/panels/{panel_of_mask(wildcards)}/{name}"
        return f"results/masks/{wildcards.mask}/{name}"

    return path


def training_map(wildcards):
    """The genetic map of the mask's training set, or of the panel."""
    settings = panel_settings(wildcards)
    if is_split(settings):
        return f"results/masks/{wildcards.mask}/training/genetic_map.map"
    return settings["genetic_map"] or []


def panel_input(key):
    """Input function: the file that the panel's entry gives under `key`, or nothing."""

    def path(wildcards):
        name = panel_settings(wildcards)[key]
        return file_of(name, wildcards.part) if name else []

    return path


def targets_input(wildcards):
    """The VCF with the targets' genotypes; that of the reference when they are held out of it."""
    settings = panel_settings(wildcards)
    path = settings["reference"] if is_holdout(wildcards) else settings["targets"]
    return file_of(path, wildcards.part)


def is_holdout(wildcards):
    return isinstance(panel_settings(wildcards)["targets"], dict)


def holdout(wildcards):
    """The hold-out of the panel, a fraction or a file; None when the targets have a file of their own."""
    return (
        panel_settings(wildcards)["targets"]["holdout"]
        if is_holdout(wildcards)
        else None
    )


def roles_inputs(wildcards):
    """What decides the samples' roles: the targets' file or the list of held-out samples, if any; the samples' table."""
    held_out = holdout(wildcards)
    files = (
        {}
        if isinstance(held_out, float)
        else {"targets": held_out or targets_of_roles(wildcards)}
    )
    samples = panel_settings(wildcards)["samples"]
    return files | ({"samples": samples} if samples else {})


def targets_of_roles(wildcards):
    """The file whose samples get the role target: that of the first autosome where there are several."""
    settings = panel_settings(wildcards)
    return file_of(settings["targets"], autosomes(settings)[0])


def sites_input(wildcards):
    """The list of typed sites, when it is a file."""
    sites = CONFIG["masks"][wildcards.mask]["sites"]
    is_file = isinstance(sites, str) and sites != "targets"
    return file_of(sites, wildcards.part) if is_file else []


def truth_input(wildcards):
    """The VCF of the true genotypes, when there is one."""
    sites = CONFIG["masks"][wildcards.mask]["sites"]
    path = truth_file(panel_settings(wildcards), sites)
    return file_of(path, wildcards.part) if path else []


def results(pattern, chosen=RUNS):
    """The file of each run that `pattern` gives for its {run}."""
    return [pattern.format(run=path) for path in chosen]


def results_of_chromosomes(pattern):
    """The file of each chromosome of each run that `pattern` gives for {run} and {part}; none of panels of one file."""
    return [
        pattern.format(run=path, part=part)
        for path, run in RUNS.items()
        for mask, part in MASK_PARTS
        if part and mask == run.mask
    ]


def imputed_files():
    """All imputed VCFs."""
    return [
        f"results/imputed/{path}{part}.vcf.gz"
        for path, run in RUNS.items()
        for mask, part in MASK_PARTS
        if mask == run.mask
    ]


def pooled_files(suffix):
    """Input function: the file with this suffix of the evaluation of each chromosome of a run."""
    return lambda wildcards: [
        f"results/evaluation/{wildcards.mask}/{wildcards.method}/seed{wildcards.seed}{part}.{suffix}"
        for part in parts(panel_settings(wildcards))
    ]


# Options: lists of words, quoted one by one by {params.x:q}
def given(option, key):
    """Params function: `option` with the input `key`, or nothing when there is no such input."""
    return lambda wildcards, input: (
        [option, str(input.get(key))] if input.get(key) else []
    )


def code(verb, module):
    """Params function: a digest of what `ragimpute verb` runs of src/, so that an edit of it runs the rule again."""

    def digest_for(wildcards):
        architecture = getattr(wildcards, "architecture", None)
        return digest(
            verb, module, of_other_architectures(architecture) if architecture else ()
        )

    return digest_for


def option(name, value):
    """`name` and `value`, or nothing when there is no value."""
    return [] if value is None else [name, str(value)]


def unless_kept(kind, path):
    """`path`, temporary unless the configuration keeps files of this kind."""
    return path if CONFIG["keep"][kind] else temp(path)


def targets_option(wildcards):
    """Which samples are the targets: those of a file, or those held out."""
    held_out = holdout(wildcards)
    return (
        option("--targets", targets_of_roles(wildcards))
        + option("--max-targets", panel_settings(wildcards)["max_targets"])
        if held_out is None
        else option("--holdout", held_out)
    )


def region_option(wildcards):
    """The stretch of the panel's files that is read, when it is not all of them."""
    return option("--region", panel_settings(wildcards)["region"])


def allele_options(wildcards):
    """What becomes of targets' records whose alleles are not the reference's."""
    alleles = panel_settings(wildcards)["alleles"]
    return [word for key, value in alleles.items() for word in (f"--{key}", value)]


def sites_option(wildcards):
    """What the mask types: a file, `targets`, or a fraction."""
    sites = CONFIG["masks"][wildcards.mask]["sites"]
    return (
        file_of(sites, wildcards.part) if isinstance(sites, str) else sites["fraction"]
    )


def along_windows(wildcards):
    """Windows of a chromosome in the table of accuracy by position: about 60 over the genome, several on each."""
    n_parts = len(parts(panel_settings(wildcards)))
    return max(60 // n_parts, 4) if n_parts > 1 else 60


def names_options(wildcards):
    """The names under which a run's metrics are filed."""
    run = RUNS[f"{wildcards.mask}/{wildcards.method}/seed{wildcards.seed}"]
    names = {
        "--panel-name": CONFIG["masks"][run.mask]["panel"],
        "--mask-name": run.mask,
        "--method": run.method,
    }
    names |= {
        "--architecture": run.architecture,
        "--loss": run.loss,
        "--weights": run.weights,
        "--seed": run.seed,
    }
    return [str(word) for pair in names.items() for word in pair]


def repeated(option, key):
    """Params function: `option` before each file of the input `key`."""
    return lambda wildcards, input: [
        word for path in input[key] for word in (option, str(path))
    ]


def named(option, names, key):
    """Params function: `option`, the name, and the file, for each file of the input `key`."""
    return lambda wildcards, input: [
        word
        for name, path in zip(names, input[key])
        for word in (option, *name, str(path))
    ]


def histories():
    """The mask and the raw method of each training."""
    return [(run.mask, run.training) for run in TRAININGS.values()]


def compact(value):
    """JSON of `value` on one line, keys sorted, so that equal settings are equal text."""
    return json.dumps(value, sort_keys=True)


def training_run(wildcards):
    """A run of the training that the wildcards name."""
    return TRAININGS[
        "{mask}/{architecture}.{loss}{weights}/seed{seed}".format(**wildcards)
    ]


def loss_name(wildcards):
    """The loss of a training; in its path a row's `name` may stand for it."""
    return training_run(wildcards).loss


def loss_json(wildcards):
    return compact(CONFIG["losses"][loss_name(wildcards)])


def training_segments(wildcards):
    """The segments of all training folds; none where the pretrained weights are taken as they are."""
    if wildcards.weights == ".pretrained":
        return []
    folder = f"results/segments/{RETRIEVAL}".format(**wildcards)
    return [f"{folder}/{fold}.safetensors" for fold in FOLDS]


def pretrained_files(wildcards):
    """All files of pretrained weights, of which `train` chooses one by the panel; none where it starts from scratch."""
    return sorted(PRETRAINED_FOLDER.glob("*.safetensors")) if wildcards.weights else []


def weights_option(wildcards):
    """What training starts from."""
    return option("--weights", wildcards.weights.removeprefix(".") or None)


def training_json(wildcards):
    """The architecture's settings, with the row's own learning rate; those left to its size are not passed on."""
    settings = dict(CONFIG["training"][wildcards.architecture])
    rate = training_run(wildcards).learning_rate
    if rate is not None:
        settings["learning_rate"] = rate
    return compact({key: value for key, value in settings.items() if value is not None})


# Resources
def grow(amount):
    """Resource function: twice as much with each further attempt."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def grow_with_input(amount, for_each_mb):
    """`grow`, with `for_each_mb` more for each megabyte of the input files."""
    return lambda wildcards, input, attempt: int(
        amount + for_each_mb * input.size_mb
    ) * 2 ** (attempt - 1)


def gpus():
    """GPUs of a job that runs a network: 1 when the configuration asks for one or this machine has one."""
    return int(CONFIG["device"] == "cuda" or (CONFIG["device"] == "auto" and has_gpu()))
