"""The verbs of retrieval run where torch cannot be imported: it would take most of their time."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ragimpute import artefacts
from ragimpute.panel.cohort import Cohort
from ragimpute.panel.roles import write_roles
from ragimpute.retrieval.segments_file import KIND
from ragimpute.targets.mask import write_typed
from ragimpute.vcf.writer import write_genotypes
from training_data import samples_of

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
    reference = tiny_panel.of_samples(tiny_panel.samples[:-2])
    reference.save(folder / "panel")
    rows = [(role.sample, role.role, role.fold, "NA", "NA") for role in samples_of(reference)]
    rows += [(name, "target", "targets", "NA", "NA") for name in tiny_panel.samples[-2:]]
    roles = pd.DataFrame(rows, columns=["sample", "role", "fold", "population", "family"])
    write_roles(roles, folder / "roles.tsv")
    write_typed(folder / "typed.tsv", reference.sites, tiny_typed, np.zeros((60, 0), dtype=bool))
    alleles = tiny_panel.alleles[tiny_typed][:, -4:].reshape(-1, 2, 2).astype(np.int8)
    sites = reference.sites.take(np.flatnonzero(tiny_typed))
    write_genotypes(folder / "phased.vcf.gz", sites, reference.contigs, tiny_panel.samples[-2:], alleles, True)
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
