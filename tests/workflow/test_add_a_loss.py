"""docs/add_a_loss.md does what it says: its function and its entries are taken from the page and trained."""

import __future__

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from ragimpute.errors import InputError
from ragimpute.study import configuration
from ragimpute.training import extra_terms
from ragimpute.training.extra_terms import EXTRA_TERMS
from ragimpute.training.loss_settings import LossSpec
from training_data import small_trainer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "add_a_loss.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def recipe(tmp_path):
    """The page's term, registered, and a configuration file with its entries."""
    (code,) = blocks("python")
    weights, term = (yaml.safe_load(block) for block in blocks("yaml"))
    entries = weights | {"losses": weights["losses"] | term["losses"]}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(entries))
    # as if the code were in extra_terms.py, which does not evaluate annotations
    compiled = compile(code, "add_a_loss.md", "exec", flags=__future__.annotations.compiler_flag)
    exec(compiled, vars(extra_terms).copy())
    yield configuration.load_configuration(ROOT, [path])
    del EXTRA_TERMS["confidence"]


def test_the_recipe_trains_a_new_loss(recipe, tiny_panel, tiny_typed):
    quiet = recipe["losses"]["quiet"]
    trained = small_trainer(tiny_panel, tiny_typed, quiet).run()
    plain = small_trainer(tiny_panel, tiny_typed, {**quiet, "terms": {}}).run()
    rows = {(step, metric): value for step, _, metric, value in trained.history.rows}
    expected = 0.3 * (rows[1, "loss_hap1"] + rows[1, "loss_hap2"]) + 0.4 * rows[1, "loss_genotype"]
    assert rows[1, "loss"] == pytest.approx(expected + 0.001 * rows[1, "loss_confidence"], rel=1e-5)
    assert rows[1, "loss_confidence"] > 0
    assert any(not np.array_equal(trained.weights[name], plain.weights[name]) for name in plain.weights)
    # the page's other promise: the same start and batches
    hashes = [[row for row in run.history.rows if row[2].endswith("_hash")] for run in (trained, plain)]
    assert hashes[0] == hashes[1]


def test_the_recipe_with_weights_alone_is_in_the_study(recipe):
    assert [entry["loss"] for entry in recipe["study"]] == ["mild_recon"]
    spec = LossSpec.from_config(recipe["losses"]["mild_recon"])
    assert (spec.weights.recon, spec.gamma, spec.extra) == (0.02, 2.5, {})


def test_a_term_that_is_not_there_is_named():
    with pytest.raises(
        InputError, match=r"losses.mine.terms.confidense: no such term in extra_terms.py; known are contrastive"
    ):
        LossSpec.from_config({"hap": 1, "genotype": 1, "terms": {"confidense": 1.0}}, "mine")
