"""The pretrained weights that come with the package; docs/model_card.md says what they were trained on.

No result is ever reported on a panel that its weights were trained on: beside the default weights lie others, each
trained without one of the real panels, and `choose_weights` takes those where a user's panel covers the same stretch.
Large panels, where samples copy from candidates, get weights of their own that have seen no real panel.

One rule holds everywhere: the weights are chosen for the chromosomes that they are used on, together. `ragimpute
impute` and rows `pretrained` of a study use them on one chromosome at a time, rows `fine_tuned` on the whole panel.
"""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragimpute.panel.store import Extents

logger = logging.getLogger(__name__)

ARCHITECTURE, SIZE, LOSS = "copy_rag", "small", "cross_entropy"
FOLDER = Path(__file__).parent
DEFAULT = FOLDER / "copy_rag.safetensors"
LARGE = FOLDER / "copy_rag_large_panels.safetensors"
KIND = "model"
REAL_REGIONS = "real_regions"  # key of the metadata of pretrained weights alone
TEMPERATURE = "temperature"  # key of a model's metadata, where it holds one


def choose_weights(extents: "Extents", n_haplotypes: int) -> Path:
    """The weights for samples that copy from `n_haplotypes`, between the first and last positions `extents`.

    LARGE for many haplotypes, else the default, or others where these have seen a part of the extents.
    """
    from ragimpute.retrieval.candidates import EXACT  # here: the configuration is read where numba may be missing

    if n_haplotypes > EXACT:
        return LARGE
    seen = _overlaps(DEFAULT, extents)
    if not seen:
        return DEFAULT
    for path in sorted(FOLDER.glob("copy_rag_without_*.safetensors")):
        if not _overlaps(path, extents):
            logger.info(
                "the default weights were trained on public samples at %s, which may be among yours; so that a "
                "measured accuracy holds, %s is used instead (impute --model FILE takes other weights)",
                ", ".join(seen),
                path.name,
            )
            return path
    logger.warning(
        "all pretrained weights were trained on public samples at %s or a part of it, which may be among yours: "
        "an accuracy that is measured there is too good",
        " and ".join(seen),
    )
    return DEFAULT


def _overlaps(path: Path, extents: "Extents") -> list[str]:
    """Names of the real panels behind the weights at `path` that lie, in part, within `extents`, in any build."""
    from ragimpute import artefacts  # here: the configuration is read where numpy may be missing

    by_name = {chrom.removeprefix("chr"): extent for chrom, extent in extents.items()}
    names = []
    for region in json.loads(artefacts.load(path, KIND).metadata[REAL_REGIONS]):
        first, last = by_name.get(region["chrom"], (0, 0))
        if first <= region["last"] and last >= region["first"]:
            names.append(region["name"])
    return names
