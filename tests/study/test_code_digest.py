"""Which definitions a verb runs: too few would keep stale results, too many would retrain for a change of colour."""

import re
import shutil
from pathlib import Path

import pytest

from ragimpute.cli import VERBS
from ragimpute.study.code_digest import ROOT, digest, of_other_architectures, reached
from ragimpute.study.definitions import parse_module


def modules(verb: str, architecture: str | None = None) -> set[str]:
    """The modules of which `verb` reaches something."""
    without = of_other_architectures(architecture) if architecture else ()
    return {name.partition(":")[0].removeprefix("ragimpute.") for name in reached(verb, VERBS[verb], without)}


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_reaches_its_own_function_and_no_other_verb(verb: str) -> None:
    found = reached(verb, VERBS[verb])
    commands = [name for name in found if name.startswith("ragimpute.cli.") and name.endswith("_command")]
    own = f"ragimpute.cli.{VERBS[verb]}:{verb.replace('-', '_')}_command"
    assert own in commands
    assert commands == [own] or verb == "diagnose-loss", "diagnose-loss calls other verbs"


def test_training_reaches_losses_and_no_reporting_or_evaluation_tables() -> None:
    found = modules("train", "copy_rag")
    assert {"training.losses", "training.loop", "models.copy_rag.network"} <= found
    assert not [name for name in found if name.startswith(("reporting", "evaluation")) or name == "vcf.writer"]


def test_training_one_architecture_does_not_reach_the_other() -> None:
    assert "models.bert_rag.network" not in modules("train", "copy_rag")
    assert "models.copy_rag.network" not in modules("train", "bert_rag")


def test_plotting_reaches_figures_and_no_networks() -> None:
    found = modules("plot")
    assert [name for name in found if name.startswith("reporting.")]
    assert not [name for name in found if name.startswith(("models.", "training."))]


def test_other_verbs_of_the_same_module_do_not_count() -> None:
    assert "training.losses" not in modules("retrieve", "copy_rag")
    assert not [name for name in modules("collect") if name.startswith("reporting")]


def test_each_verb_has_a_digest_of_its_own() -> None:
    digests = {digest(verb, VERBS[verb]) for verb in VERBS}
    assert len(digests) == len(VERBS)
    assert digest("train", VERBS["train"], of_other_architectures("copy_rag")) not in digests


def test_a_verb_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        reached("fly", "study")
    with pytest.raises(FileNotFoundError, match=r"ragimpute\.cli\.sky"):
        reached("fly", "sky")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package's modules."""
    return Path(
        shutil.copytree(ROOT, tmp_path / "ragimpute", ignore=shutil.ignore_patterns("*.safetensors", "__pycache__"))
    )


def edited(package: Path, name: str, pattern: str, new: str) -> str:
    """The digest of `train` after each match of `pattern` in one file of the copy has become `new`."""
    path = package / name
    text, count = re.subn(pattern, new, path.read_text(), flags=re.MULTILINE)
    assert count, f"{name} has no {pattern!r}"
    path.write_text(text)
    digest.cache_clear()
    return train_digest(package)


def train_digest(package: Path) -> str:
    return digest("train", "training", of_other_architectures("copy_rag", package), package)


WITHOUT_EFFECT = {
    "help texts of options": ("cli/training.py", 'help="', 'help="Now: '),
    "help texts of shared options": ("cli/options.py", 'help="', 'help="Now: '),
    "the docstring of the verb": ("cli/training.py", '"""Train', '"""Now: train'),
    "an option of another verb": (
        "cli/training.py",
        r'^@verb\("training-set"\)$',
        r'\g<0>\n@click.option("--x")',
    ),
    "messages of errors": ("models/__init__.py", r'raise InputError\(f"', r"\g<0>Now: "),
    "log lines": ("models/pretrained/__init__.py", r'logger\.(info|warning)\(\s*"', r"\g<0>Now: "),
    "docstrings": ("models/__init__.py", '^    """', r"\g<0>Now: "),
    "a comment": ("training/losses.py", r"\Z", "# now\n"),
    "an annotation of a function": ("models/__init__.py", "name: str", "name"),
    "a function that nothing calls": ("training/losses.py", r"\Z", "\n\ndef idle():\n    return 1\n"),
}

WITH_EFFECT = {
    "a loss's arithmetic": ("training/losses.py", r"masked_mean\(-", "masked_mean("),
    "a constant that a reached function uses": (
        "models/pretrained/__init__.py",
        "^TEMPERATURE = .*",
        "TEMPERATURE = 't'",
    ),
    "a default of the verb": ("cli/training.py", 'default="scratch"', 'default="pretrained"'),
    "a default of a shared option": ("cli/options.py", r"type=click.IntRange\(0\), default=1", "default=2"),
    "a branch": ("models/__init__.py", 'if name == "copy_rag":', 'if name != "bert_rag":'),
    "a statement at import": ("training/losses.py", r"\Z", "\nEXTRA_TERMS['x'] = None\n"),
}


@pytest.mark.parametrize("what", list(WITHOUT_EFFECT))
def test_what_changes_no_result_leaves_the_digest_of_train(package: Path, what: str) -> None:
    before = train_digest(package)
    assert edited(package, *WITHOUT_EFFECT[what]) == before


@pytest.mark.parametrize("what", list(WITH_EFFECT))
def test_what_may_change_a_result_changes_the_digest_of_train(package: Path, what: str) -> None:
    before = train_digest(package)
    assert edited(package, *WITH_EFFECT[what]) != before


SMALL = {
    "__init__.py": "",
    "cli/__init__.py": "",
    "cli/stage.py": (
        "import click\n"
        "from ragimpute import toolbox\n"
        "@click.command()\n"
        "def go_command():\n"
        "    from ragimpute.toolbox import Child\n"
        "    return Child().run(toolbox.FACTOR)\n"
    ),
    "toolbox.py": (
        "from ragimpute import registry\n"
        "from ragimpute.base import Parent\n"
        "FACTOR, UNUSED = 2, 3\n"
        "ALONE = 4\n"
        "class Child(Parent):\n"
        "    def run(self, factor):\n"
        "        return getattr(self, 'compute')(factor) + registry.total()\n"
        "def beside():\n"
        "    return 1\n"
    ),
    "base.py": "class Parent:\n    def compute(self, factor):\n        return 10 * factor\n",
    "registry.py": (
        "TERMS = {}\n"
        "def register(term):\n"
        "    TERMS[term.__name__] = term\n"
        "    return term\n"
        "@register\n"
        "def first():\n"
        "    return 1\n"
        "TERMS['second'] = lambda: 5\n"
        "def total():\n"
        "    return sum(term() for term in TERMS.values())\n"
    ),
    "plugins.py": "def load(name):\n    return 7\n",
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A package of a few modules, whose verb `go` is in cli/stage.py."""
    root = tmp_path / "ragimpute"
    for name, text in SMALL.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("base.py", "10 * factor", "11 * factor"),
        ("toolbox.py", "FACTOR, UNUSED = 2", "FACTOR, UNUSED = 5"),
        ("registry.py", "    return 1", "    return 2"),
        ("registry.py", "lambda: 5", "lambda: 6"),
    ],
    ids=["a method of a base class", "a constant", "a function that its decorator registers", "a statement at import"],
)
def test_the_digest_follows_names(small: Path, name: str, old: str, new: str) -> None:
    assert digest_after(small, name, old, new) != digest_before(small)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("toolbox.py", "    return 1", "    return 2"),
        ("toolbox.py", "ALONE = 4", "ALONE = 5"),
        ("plugins.py", "7", "8"),
    ],
    ids=["a function beside those used", "a constant beside those used", "a module that is not imported"],
)
def test_the_digest_leaves_out_what_is_not_reached(small: Path, name: str, old: str, new: str) -> None:
    assert digest_after(small, name, old, new) == digest_before(small)


def test_a_module_that_is_used_as_a_value_counts_whole(small: Path) -> None:
    write(small, "toolbox.py", SMALL["toolbox.py"].replace("registry.total()", "getattr(registry, 'to' + 'tal')()"))
    found = reached("go", "stage", root=small)
    assert {"ragimpute.registry:total", "ragimpute.registry:first"} <= found.keys()


def test_an_import_of_a_name_that_is_computed_makes_the_whole_package_count(small: Path) -> None:
    assert "ragimpute.plugins:load" not in reached("go", "stage", root=small)
    text = SMALL["toolbox.py"].replace("registry.total()", "importlib.import_module(f'ragimpute.{factor}').load(1)")
    write(small, "toolbox.py", f"import importlib\n{text}")
    assert "ragimpute.plugins:load" in reached("go", "stage", root=small)


def test_what_a_module_registers_when_it_is_imported_counts_though_nothing_names_it(small: Path) -> None:
    registered = "from ragimpute.registry import register\n@register\ndef third():\n    return 9\n"
    write(small, "plugins.py", registered)
    assert "ragimpute.plugins:at import 0" not in reached("go", "stage", root=small)
    write(small, "toolbox.py", f"import ragimpute.plugins\n{SMALL['toolbox.py']}")
    assert "ragimpute.plugins:at import 0" in reached("go", "stage", root=small)


def test_relative_imports_are_followed() -> None:
    module = parse_module("from .near import a\nfrom ..far import b as c\nfrom . import d\n", "ragimpute.x.")
    assert module.imports == {"a": ("ragimpute.x.near", "a"), "c": ("ragimpute.far", "b"), "d": ("ragimpute.x", "d")}


def write(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text)
    digest.cache_clear()


def digest_before(root: Path) -> str:
    """The digest of `go` of the package as SMALL gives it."""
    for name, text in SMALL.items():
        write(root, name, text)
    return digest("go", "stage", root=root)


def digest_after(root: Path, name: str, old: str, new: str) -> str:
    text = SMALL[name]
    assert text.count(old) == 1
    write(root, name, text.replace(old, new))
    return digest("go", "stage", root=root)
