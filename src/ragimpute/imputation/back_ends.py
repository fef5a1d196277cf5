"""A trained network, ready to impute a fold: on a CPU copy_rag's fused kernel, else the network itself in torch."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ragimpute import artefacts
from ragimpute.errors import InputError
from ragimpute.models import pretrained
from ragimpute.models.contract import Segments, SiteDescription
from ragimpute.models.copy_rag import site_inputs
from ragimpute.nouns import with_noun
from ragimpute.panel.folds import Fold
from ragimpute.retrieval.fold_neighbours import FoldNeighbours
from ragimpute.training.gpu import has_gpu
from ragimpute.vcf.imputed import Imputed

if TYPE_CHECKING:
    import torch


class BackEnd(Protocol):
    """What `load` returns."""

    @property
    def of_many_panels(self) -> bool:
        """Whether the weights were trained on other panels, so that the map's scale has to be found."""
        ...

    def describe(self) -> str:
        """One line for the log: what computes, and where."""
        ...

    def needed(self, fold: Fold, core: slice) -> slice:
        """Which of the fold's sites have to be imputed together, so that those of `core` are imputed."""
        ...

    def retrieve(self, fold: Fold, sites: slice) -> FoldNeighbours:
        """The neighbours of the fold's samples at the typed sites among its `sites`, with their features."""
        ...

    def describe_sites(self, fold: Fold, sites: slice) -> SiteDescription:
        """What the fold's reference says of each of its `sites`."""
        ...

    def site_tables(self, fold: Fold, described: SiteDescription) -> Any:
        """What `impute` computes of the fold's sites, the same for all samples; None: nothing."""
        ...

    def impute(self, fold: Fold, segments: Segments, tables: Any = None) -> Imputed:
        """The fold's samples at all sites. `tables`: those of `site_tables`, of any samples at the same sites."""
        ...


@dataclass(frozen=True)
class KernelBackEnd:
    """copy_rag on a CPU, without torch."""

    weights: Mapping[str, np.ndarray]
    size: str
    threads: int
    temperature: float = 1.0  # of the genotype logits
    of_many_panels: bool = False

    def describe(self) -> str:
        return f"computing on cpu ({with_noun(self.threads, 'thread')})"

    def needed(self, fold: Fold, core: slice) -> slice:
        """From the typed site before the core to the one after it: an untyped site reads nothing but these."""
        typed_sites = fold.typed_sites
        n_before = int(np.searchsorted(typed_sites, core.start, side="right"))
        n_up_to_last = int(np.searchsorted(typed_sites, core.stop - 1))
        start = typed_sites[n_before - 1] if n_before else core.start
        stop = typed_sites[n_up_to_last] + 1 if n_up_to_last < len(typed_sites) else core.stop
        return slice(int(start), int(stop))

    def retrieve(self, fold: Fold, sites: slice) -> FoldNeighbours:
        return site_inputs.neighbour_features(self.size, fold, self.threads, sites)

    def describe_sites(self, fold: Fold, sites: slice) -> SiteDescription:
        return site_inputs.describe_sites(fold, self.threads, sites)

    def site_tables(self, fold: Fold, described: SiteDescription) -> Any:
        from ragimpute.models.copy_rag import inference

        return inference.site_tables(self.weights, fold, described, self.threads)

    def impute(self, fold: Fold, segments: Segments, tables: Any = None) -> Imputed:
        from ragimpute.models.copy_rag import inference

        return inference.kernel_dosages(self.weights, fold, segments, self.threads, self.temperature, tables)

    def attention(self, fold: Fold, segments: Segments, site: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which haplotypes the fold's haplotypes copy at one untyped site: see `copy_rag.inference.attention`."""
        from ragimpute.models.copy_rag import inference

        return inference.attention(self.weights, fold, segments, site)


@dataclass(frozen=True)
class TorchBackEnd:
    """Any architecture, on any device."""

    architecture: Any  # a ragimpute.models.contract.Architecture
    size: str
    model: Any  # a torch.nn.Module
    device: "torch.device"
    threads: int
    temperature: float = 1.0  # of the genotype logits
    of_many_panels: bool = False

    def describe(self) -> str:
        from ragimpute.training.device import describe

        return describe(self.device)

    def needed(self, fold: Fold, core: slice) -> slice:
        """All: a network may read other sites, near and far."""
        return slice(0, len(fold.typed))

    def retrieve(self, fold: Fold, sites: slice) -> FoldNeighbours:
        assert sites == slice(0, len(fold.typed))
        return self.architecture.retrieve(self.size, fold, self.threads)

    def describe_sites(self, fold: Fold, sites: slice) -> SiteDescription:
        return self.architecture.describe_sites(fold, self.threads).between(sites)

    def site_tables(self, fold: Fold, described: SiteDescription) -> None:
        return None

    def impute(self, fold: Fold, segments: Segments, tables: Any = None) -> Imputed:
        from ragimpute.imputation.network_dosages import network_dosages

        data = self.architecture.fold_data(self.size, fold, segments)
        return network_dosages(self.model, data, fold, self.device, temperature=self.temperature)


def load_back_end(
    path: Path, device: str, threads: int, calibrated: bool = False, weights: Path | None = None
) -> BackEnd:
    """The network at `path` on `device` (auto, cpu or cuda); `calibrated`, at the temperature that the file holds.

    `weights`: a file whose weights replace those at `path`.
    Raises InputError when the file is not a model that fits this version, holds no temperature and one is asked for, or
    cuda is asked for and absent.
    """
    asked_for = artefacts.load(path, pretrained.KIND)
    temperature = _temperature(path, asked_for.metadata) if calibrated else 1.0
    path = weights or path
    artefact = artefacts.load(path, pretrained.KIND)
    size = artefact.metadata.get("size", "")
    of_many_panels = pretrained.REAL_REGIONS in artefact.metadata
    no_gpu = device == "cpu" or (device == "auto" and not (has_gpu() and importlib.util.find_spec("torch")))
    if no_gpu and artefact.metadata.get("architecture") == site_inputs.NAME and size in site_inputs.SIZES:
        site_inputs.check_weights(path, artefact.arrays, size)
        return KernelBackEnd(artefact.arrays, size, threads, temperature, of_many_panels)
    from ragimpute.models import architecture
    from ragimpute.training.device import choose_device
    from ragimpute.training.model_file import load_model

    model, metadata = load_model(path)
    found = architecture(metadata["architecture"])
    chosen = choose_device(device, threads)
    return TorchBackEnd(found, metadata["size"], model, chosen, threads, temperature, of_many_panels)


def _temperature(path: Path, metadata: Mapping[str, str]) -> float:
    """The temperature in a model's metadata."""
    if pretrained.TEMPERATURE not in metadata:
        raise InputError(
            f"{path}: holds no temperature to calibrate with: it is one of the pretrained files, or was trained by an "
            "earlier version, or without a scored validation genotype; leave --calibrate out, or take a model that "
            "`ragimpute train` writes (with --weights pretrained it fits a temperature to those weights)"
        )
    return float(metadata[pretrained.TEMPERATURE])
