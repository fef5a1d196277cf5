"""What `explain` keeps, so that a further site needs neither reading nor phasing: matched panels and phasings."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ragimpute import __version__, artefacts
from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.imputation import back_ends
from ragimpute.imputation.inputs import ImputationInputs, PreparedImputation
from ragimpute.imputation.pieces import file_state
from ragimpute.imputation.regions import Regions
from ragimpute.models import pretrained
from ragimpute.output_places import require_folder
from ragimpute.panel.ploidy import ChosenRecords
from ragimpute.panel.store import Panel
from ragimpute.targets.several_phasings import load_phasings, save_phasings

KEY = "explain.json"  # of the folder: what the rest was made from
FILES = ("reference", "targets", "genetic_map", "exclude_samples", "sex")  # fields of ImputationInputs
OTHERS = (*FILES, "model", "threads", "memory_mb", "device")  # that are no options, or change no phasing


class ExplanationCache:
    """A folder of one panel and targets, with a pair of files for each stretch that was asked for."""

    def __init__(self, folder: Path, inputs: ImputationInputs) -> None:
        """Raises InputError when the folder holds what was made from other files or options."""
        self._folder, self._inputs = folder, inputs
        require_folder("--cache", folder)
        if folder.exists() and not folder.is_dir():
            raise InputError(f"--cache {folder}: it is a file; name a new folder")
        folder.mkdir(exist_ok=True)
        key = _key(inputs)
        path = folder / KEY
        if not path.exists():
            if any(folder.iterdir()):
                raise InputError(f"--cache {folder}: the folder holds other files; name a new one")
            with atomic_path(path) as temporary:
                temporary.write_text(json.dumps(key, indent=1, sort_keys=True), encoding="utf-8")
            return
        found = json.loads(path.read_text(encoding="utf-8"))
        differing = sorted(name for name in {*found, *key} if found.get(name) != key.get(name))
        if differing:
            listed = ", ".join(differing)
            raise InputError(f"--cache {folder}: made from other files or options ({listed}); name a new folder")

    def load(self, chosen: ChosenRecords | None) -> PreparedImputation | None:
        """What imputing the stretch `chosen` needs; None where it was not kept."""
        panel_path, phasings_path = self._paths(chosen)
        if not phasings_path.exists():
            return None
        inputs = self._inputs
        panel = Panel.load(panel_path)
        arrays = artefacts.load(phasings_path, "phasings").arrays
        typed = np.zeros(len(panel.sites), dtype=bool)
        typed[arrays["index"]] = True
        names: Sequence[str] = artefacts.decode_strings(arrays["samples"])
        phasings = load_phasings(phasings_path, names, typed)
        model = inputs.model or pretrained.choose_weights(panel.sites.extents(), panel.n_haplotypes)
        imputer = back_ends.load_back_end(model, inputs.device, inputs.threads)
        wanted = Regions.parse(inputs.regions).slices(panel.sites, inputs.reference)
        return PreparedImputation(panel, phasings, imputer, model, pd.DataFrame(), wanted)

    def save(self, chosen: ChosenRecords | None, ready: PreparedImputation) -> None:
        """Keep what the stretch needs; the phasings last, as they say that all is there."""
        panel_path, phasings_path = self._paths(chosen)
        ready.panel.save(panel_path)
        save_phasings(phasings_path, None, ready.phasings)

    def _paths(self, chosen: ChosenRecords | None) -> tuple[Path, Path]:
        region = None if chosen is None else chosen.region
        name = "all" if region is None else f"{region.chrom}.{region.start}"
        return self._folder / f"{name}.panel.safetensors", self._folder / f"{name}.phasings.safetensors"


def _key(inputs: ImputationInputs) -> dict[str, Any]:
    """All that decides on the panel and the phasings."""
    options = asdict(replace(inputs, reference=Path(), targets=Path(), genetic_map=None))
    key: dict[str, Any] = {name: value for name, value in options.items() if name not in OTHERS}
    key["version"] = __version__
    for name in FILES:
        path = getattr(inputs, name)
        key[name] = None if path is None else file_state(path)
    return json.loads(json.dumps(key, default=str))
