"""The map of docs/how_it_works.md names every module and real files, and the stages have one name everywhere."""

import ast
import re
from pathlib import Path

from ragimpute.cli import VERBS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "ragimpute"
PAGE = (ROOT / "docs" / "how_it_works.md").read_text(encoding="utf-8")
STAGES = (
    *("study", "check", "panel", "targets", "retrieval", "training", "imputation", "baselines", "evaluation"),
    "reporting",
)
# packages that are no stage: the libraries, and the commands
BESIDE = {"models", "vcf", "cli"}


def map_rows() -> list[tuple[str, str]]:
    """Concept and file of each row of the page's maps."""
    tables = re.findall(r"^\| concept \| file \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return re.findall(r"^\| (.+) \| `(.+)` \|$", "".join(tables), re.MULTILINE)


def place(name: str) -> Path:
    """The file or folder that a path of the map means: of the repository, or else of the package."""
    return ROOT / name if (ROOT / name).exists() else PACKAGE / name


def summary(module: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def test_each_module_is_on_the_map() -> None:
    mapped = {place(name) for _, name in map_rows()}
    modules = [path for path in sorted(PACKAGE.rglob("*.py")) if path.stat().st_size]
    missing = [path for path in modules if path not in mapped and not mapped.intersection(path.parents)]
    rows = [f"| {summary(path)} | `{path.relative_to(PACKAGE)}` |" for path in missing]
    assert rows == [], "not on the map of docs/how_it_works.md; rows to begin with:\n" + "\n".join(rows)


def test_each_path_on_the_map_is_there() -> None:
    gone = [f"{concept}: {name}" for concept, name in map_rows() if not place(name).exists()]
    assert gone == [], "on the map of docs/how_it_works.md, but not in the repository:\n" + "\n".join(gone)


def test_the_map_has_each_concept_once_and_a_file_for_each() -> None:
    rows = map_rows()
    concepts = [concept for concept, _ in rows if concept not in ("the commands' options", "the rules")]
    assert len(concepts) >= 40
    assert sorted(concepts) == sorted(set(concepts))
    files = [name for _, name in rows]
    assert sorted(files) == sorted(set(files))
    folders = [name for name in files if place(name).is_dir() and list(place(name).glob("*.py"))]
    assert folders == ["benchmarks/"], "a folder of modules is one concept only where no file of it is looked for"


def test_the_stages_have_one_name_as_package_commands_rules_and_section() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} - BESIDE
    commands = {path.stem for path in (PACKAGE / "cli").glob("*.py")} - {"__init__", "options", "output", "verb"}
    rules = {path.stem for path in (ROOT / "workflow" / "rules").glob("*.smk")} - {"common"}
    sections = [title.lower() for title in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)]
    assert packages == commands == rules == set(STAGES) == set(VERBS.values())
    assert [title for title in sections if title in STAGES] == list(STAGES)
    assert ", ".join(STAGES) in PAGE


def test_the_rules_of_a_stage_stand_in_its_section_and_run_its_verbs() -> None:
    for stage in STAGES:
        text = (ROOT / "workflow" / "rules" / f"{stage}.smk").read_text()
        rules = re.findall(r"^ *(?:use rule \w+ as|rule) (\w+)(?: with)?:$", text, re.MULTILINE)
        verbs = re.findall(r"\bragimpute ([a-z-]+) ", text)
        section = PAGE.split(f"\n## {stage.capitalize()}\n")[1].split("\n## ")[0]
        assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(rules), stage
        assert {VERBS[verb] for verb in verbs} == {stage}


def test_the_verbs_stand_in_the_order_of_the_stages() -> None:
    of_the_workflow = [stage for verb, stage in VERBS.items() if verb not in ("impute", "explain", "provenance")]
    order = [STAGES.index(stage) for stage in of_the_workflow]
    assert order == sorted(order)


def test_the_page_of_commands_lists_each_verb_at_its_stage() -> None:
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (`[^|]+`) \|$", page.partition("## ")[0], re.MULTILINE)
    assert [stage for stage, _ in rows] == list(STAGES)
    listed = {stage: re.findall(r"`([a-z-]+)`", verbs) for stage, verbs in rows}
    assert listed == {stage: [verb for verb, own in VERBS.items() if own == stage] for stage in STAGES}
