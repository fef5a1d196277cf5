"""Which of the pretrained weights a panel gets."""

import json
import logging
from pathlib import Path

import pytest

from ragimpute import artefacts
from ragimpute.models import pretrained
from ragimpute.retrieval.candidates import EXACT


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
    path = pretrained.choose_weights({chrom: (position, position)}, n_haplotypes)
    assert path.name == chosen
    for region in json.loads(artefacts.load(Path(path), pretrained.KIND).metadata["real_regions"]):
        seen = region["chrom"] == chrom.removeprefix("chr") and region["first"] <= position <= region["last"]
        assert not seen, region


@pytest.mark.parametrize(
    ("extents", "chosen"),
    [
        ({"19": (1, 59_000_000), "20": (1, 63_000_000)}, "copy_rag_without_chr20.safetensors"),
        ({"chr15": (1, 102_000_000), "chr16": (1, 90_000_000)}, "copy_rag_without_chr15.safetensors"),
        ({"20": (4_000_000, 63_000_000)}, "copy_rag.safetensors"),  # begins behind what was trained on
        ({"15": (1, 102_000_000), "20": (1, 63_000_000)}, "copy_rag.safetensors"),  # all have seen some of it
    ],
)
def test_weights_of_several_chromosomes_have_seen_none_of_them_where_there_are_such(
    extents: dict[str, tuple[int, int]], chosen: str
) -> None:
    assert pretrained.choose_weights(extents, 600).name == chosen


@pytest.mark.parametrize(
    ("chroms", "words"),
    [
        (
            ["20"],
            "at chr20, which may be among yours; so that a measured accuracy holds, copy_rag_without_chr20",
        ),
        (["15", "20"], "samples at chr20 and chr15 or a part of it, which may be among yours"),
        (["1"], ""),
    ],
)
def test_the_log_says_why_other_weights_are_used(
    chroms: list[str], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="ragimpute"):
        pretrained.choose_weights(dict.fromkeys(chroms, (1, 100_000_000)), 600)
    assert words in caplog.text
    assert bool(words) == bool(caplog.text)


def test_weights_of_large_panels_have_seen_no_real_panel() -> None:
    assert json.loads(artefacts.load(pretrained.LARGE, pretrained.KIND).metadata["real_regions"]) == []
