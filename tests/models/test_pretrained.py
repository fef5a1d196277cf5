"""Which of the pretrained weights a panel gets."""

import json
from pathlib import Path

import numpy as np
import pytest

from ragimpute import artefacts
from ragimpute.models import architecture, pretrained
from ragimpute.panel.folds import SampleRole
from ragimpute.panel.store import Panel, Sites
from ragimpute.retrieval import candidates
from ragimpute.training.model_file import load_pretrained

EXACT = candidates.EXACT


def site_at(chrom: str, position: int) -> Sites:
    names = [np.array([value]) for value in (chrom, ".", "A", "C")]
    return Sites(names[0], np.array([position]), names[1], names[2], names[3], np.array([1.0]))


@pytest.mark.parametrize(
    ("chrom", "position", "n_haplotypes", "chosen"),
    [
        ("1", 2_000_000, 600, "copy_rag.safetensors"),
        ("20", 40_000_000, EXACT, "copy_rag.safetensors"),
        ("chr20", 2_000_000, EXACT, "copy_rag_without_chr20.safetensors"),  # 1-4 Mb was trained on
        ("15", 66_300_000, 600, "copy_rag_without_chr15.safetensors"),
        ("20", 2_000_000, EXACT + 2, "copy_rag_large_panels.safetensors"),
    ],
)
def test_no_panel_gets_weights_that_have_seen_it(chrom: str, position: int, n_haplotypes: int, chosen: str) -> None:
    path = pretrained.choose_weights(site_at(chrom, position), n_haplotypes)
    assert path.name == chosen
    for region in json.loads(artefacts.load(Path(path), pretrained.KIND).metadata["real_regions"]):
        seen = region["chrom"] == chrom.removeprefix("chr") and region["first"] <= position <= region["last"]
        assert not seen, region


def test_weights_of_large_panels_have_seen_no_real_panel() -> None:
    assert json.loads(artefacts.load(pretrained.LARGE, pretrained.KIND).metadata["real_regions"]) == []


def test_a_study_has_the_weights_of_its_reference_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A panel that is large with its held-out samples and not without them."""
    monkeypatch.setattr(candidates, "EXACT", 6)
    samples = [SampleRole(f"P{i}", "reference" if i < 3 else "target", "") for i in range(4)]
    panel = Panel(site_at("1", 2_000_000), tuple(sample.sample for sample in samples), np.zeros((1, 8), np.uint8), ())
    loaded = load_pretrained(architecture("copy_rag").build("small", 1), panel, samples)
    assert loaded == artefacts.file_digest(pretrained.DEFAULT)
