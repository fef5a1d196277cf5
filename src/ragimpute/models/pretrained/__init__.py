"""The pretrained weights that come with the package; docs/model_card.md says what they were trained on.

No result is ever reported on a panel that its weights were trained on: beside the default weights lie others, each
trained without one of the real panels, and `choose` takes those where a user's panel covers the same stretch. Large
panels, where samples copy from candidates, get weights of their own that have seen no real panel.
"""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragimpute.panel.store import Sites

logger = logging.getLogger(__name__)

ARCHITECTURE, SIZE, LOSS = "copy_rag", "small", "cross_entropy"
FOLDER = Path(__file__).parent
DEFAULT = FOLDER / "copy_rag.safetensors"
LARGE = FOLDER / "copy_rag_large_panels.safetensors"
KIND = "model"
TEMPERATURE = "temperature"  # key of a model's metadata, where it holds one


def choose_weights(sites: "Sites", n_haplotypes: int) -> Path:
    """The weights for samples that copy from `n_haplotypes` at `sites`.

    LARGE for many haplotypes, else the default, or others where these have seen the panel's stretch.
    """
    from ragimpute.retrieval.candidates import EXACT  # here: the configuration is read where numba may be missing

    if n_haplotypes > EXACT:
        return LARGE
    seen = _overlaps(DEFAULT, sites)
    if not seen:
        return DEFAULT
    for path in sorted(FOLDER.glob("copy_rag_without_*.safetensors")):
        if not _overlaps(path, sites):
            logger.info("the pretrained weights have seen %s: %s is used instead", ", ".join(seen), path.name)
            return path
    logger.warning("all pretrained weights have seen some of %s: accuracy there is too good", ", ".join(seen))
    return DEFAULT


def _overlaps(path: Path, sites: "Sites") -> list[str]:
    """Names of the real panels behind the weights at `path` that share a stretch with `sites`, in any build."""
    from ragimpute import artefacts  # here: the configuration is read where numpy may be missing

    names = []
    for region in json.loads(artefacts.load(path, KIND).metadata["real_regions"]):
        here = sites.pos[[chrom.removeprefix("chr") == region["chrom"] for chrom in sites.chrom.tolist()]]
        if ((here >= region["first"]) & (here <= region["last"])).any():
            names.append(region["name"])
    return names
