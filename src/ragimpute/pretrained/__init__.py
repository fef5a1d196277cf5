"""The pretrained weights that come with the package; docs/model_card.md says what they were trained on."""

from pathlib import Path

FOLDER = Path(__file__).parent
DEFAULT = FOLDER / "copy_rag.safetensors"
