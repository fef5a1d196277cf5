"""The verbs of retrieval run where torch cannot be imported: it would take most of their time."""

import subprocess
import sys

import pandas as pd
import pytest

from ragimpute import artefacts
from ragimpute.panel.cohort import Cohort
from ragimpute.retrieval.segments_file import KIND
from tiny_cohort import write_cohort

RUN = """
import sys
sys.modules["torch"] = None  # every import of it raises ModuleNotFoundError
from ragimpute.cli import ragimpute
for line in sys.stdin.read().splitlines():
    ragimpute.main(line.split("\\t"), standalone_mode=False)
"""


@pytest.fixture(scope="module")
def cohort(tiny_panel, tiny_typed, tmp_path_factory):
    """A panel of all samples but two, their roles, typed sites and the phased genotypes of these two."""
    folder = tmp_path_factory.mktemp("cohort")
    write_cohort(folder, tiny_panel, tiny_typed)
    return Cohort.load(folder / "panel", folder / "roles.tsv", folder / "typed.tsv")


def test_retrieve_and_paint_do_without_torch(cohort, tmp_path):
    paths = ["--panel", cohort.panel_path, "--roles", cohort.roles_path, "--typed", cohort.typed_path]
    lines = []
    for name in ("bert_rag", "copy_rag"):
        lines.append(["retrieve", *paths, "--architecture", name, "--fold", "train", "--out", tmp_path / name])
    phased = cohort.panel_path.with_name("phased.vcf.gz")
    lines.append(["paint", *paths, "--phased", phased, "--mask-name", "m", "--out", tmp_path / "painting.tsv"])
    text = "\n".join("\t".join(map(str, line)) for line in lines)
    done = subprocess.run([sys.executable, "-c", RUN], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    fold = cohort.fold("train")
    for name in ("bert_rag", "copy_rag"):
        segments = artefacts.load(tmp_path / name, KIND)
        assert segments.metadata["architecture"] == name
        assert segments.arrays["neighbours"].shape[:2] == (2 * fold.n_samples, len(fold.typed_sites))
    painting = pd.read_csv(tmp_path / "painting.tsv", sep="\t")
    assert set(painting["sample"]) == set(cohort.fold("targets", phased).samples)
