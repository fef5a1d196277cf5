"""Which modules a verb runs: too few would keep stale results, too many would retrain for a change of colour."""

from pathlib import Path

import pytest

from ragimpute.cli import VERBS
from ragimpute.study.code_digest import digest, modules_of, of_other_architectures


def names(verb: str, architecture: str | None = None) -> set[str]:
    without = of_other_architectures(architecture) if architecture else ()
    paths = modules_of(verb, VERBS[verb], without)
    return {"/".join(Path(path).parts[Path(path).parts.index("src") + 2 :]) for path in paths}


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_names_existing_modules_and_its_own(verb: str) -> None:
    paths = modules_of(verb, VERBS[verb])
    assert all(Path(path).is_file() for path in paths)
    assert f"cli/{VERBS[verb]}.py" in names(verb)


def test_training_depends_on_losses_and_not_on_reporting_or_evaluation_tables() -> None:
    found = names("train", "copy_rag")
    assert {"training/losses.py", "training/loop.py", "models/copy_rag/network.py"} <= found
    assert not [name for name in found if name.startswith("reporting/") or name == "vcf/writer.py"]


def test_training_one_architecture_does_not_depend_on_the_other() -> None:
    assert "models/bert_rag/network.py" not in names("train", "copy_rag")
    assert "models/copy_rag/network.py" not in names("train", "bert_rag")


def test_plotting_depends_on_figures_and_not_on_networks() -> None:
    found = names("plot")
    assert [name for name in found if name.startswith("reporting/")]
    assert not [name for name in found if name.startswith(("models/", "training/"))]


def test_other_verbs_of_the_same_module_do_not_count() -> None:
    assert "training/losses.py" not in names("retrieve", "copy_rag")
    assert not [name for name in names("collect") if name.startswith("reporting/")]


def test_the_digest_is_of_what_the_verb_runs() -> None:
    digests = {digest(verb, VERBS[verb]) for verb in ("train", "plot", "mask")}
    assert len(digests) == 3
    without = of_other_architectures("copy_rag")
    assert digest("train", VERBS["train"], without) not in digests


def test_a_verb_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        modules_of("fly", "study")
