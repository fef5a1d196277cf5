# What the rules share: the effective configuration, names, and how a command is run.
import importlib.util
import json
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# not workflow.basedir: that of the main Snakefile, when this one is used as a module
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
if (ROOT / "src").is_dir():  # a checkout; a wheel's package is on the path already
    sys.path.insert(0, str(ROOT / "src"))

from ragimpute.extras import missing
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
from ragimpute.study.workflow_files import PACKAGE, source_folder
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

USES_CONDA = "conda" in {
    str(method) for method in workflow.deployment_settings.deployment_method
}
RUNS = {run.path: run for run in runs(CONFIG)}
TRAINED = {path: run for path, run in RUNS.items() if run.trained}
TRAININGS = {run.model: run for run in TRAINED.values()}
if (
    any(run.needs_torch for run in TRAINED.values())
    and not USES_CONDA
    and importlib.util.find_spec("torch") is None
):
    raise WorkflowError(f"the study trains networks: {missing('torch')}")
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
PYTHON = "python" if USES_CONDA else shlex.quote(sys.executable)
SOURCE = shlex.quote(str(source_folder(Path(".snakemake", "ragimpute").absolute())))
shell.prefix(
    "set -euo pipefail; "
    f'ragimpute() {{{{ PYTHONPATH={SOURCE} {PYTHON} -P -m ragimpute "$@"; }}}}; '
    'on_gpus() {{ local n=$1; shift; if (( n < 2 )); then "$@"; else '
    f"PYTHONPATH={SOURCE} PYTHONSAFEPATH=1 {PYTHON} -m torch.distributed.run --standalone "
    '--nproc-per-node "$n" --module "$@"; fi; }}; '
)
