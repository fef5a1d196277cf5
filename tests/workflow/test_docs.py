"""The pages and the README keep their word: their commands run, their links lead somewhere, the site builds.

Commands run in a small copy of the checkout, in the order of their pages: the example is cut to a corner of itself, and
the files that pages name as the reader's own are there. COMMANDS says what becomes of each; it must know every one.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import yaml

from plink import as_bed
from ragimpute.artefacts import file_digest
from ragimpute.models.pretrained import FOLDER
from tiny_study import ROOT, copy_checkout

PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
CORNER = "20:1000000-1150000"
BUDGET = {"epochs": 1, "steps_per_epoch": 2, "batch_samples": 4, "evaluation_windows": 1}

AS_IT_IS = r"\g<0>"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Elsewhere:
    """Why a command is not run here, and where it is: a file of the repository and a text in it."""

    why: str
    file: str
    text: str


# a whole command, as a regular expression -> what is run: the command itself, a template of another one, or Elsewhere
COMMANDS: dict[str, str | Elsewhere] = {
    r"\.venv/bin/ragimpute \w.*": AS_IT_IS,
    r"ragimpute \w.*": AS_IT_IS,
    r"eval \"\$\(_RAGIMPUTE_COMPLETE=bash_source ragimpute\)\"": r"\g<0>; complete -p ragimpute",
    r"\.venv/bin/snakemake --cores 2 --configfile mine\.yaml": AS_IT_IS,
    r"bcftools .*": AS_IT_IS,
    r"(awk|plink2) .*": AS_IT_IS,
    # the set-up is the one that runs the tests; the study is the reader's small one, as the example's takes 20 minutes
    r"make report CONFIG=\w+\.yaml( OUT=\w+)?": r"\g<0> --old-file=setup",
    r"make report": r"\g<0> --old-file=setup CONFIG=mine.yaml",
    r"make (bench|slurm)": r"\g<0> --old-file=setup --dry-run",  # minutes, and a cluster
    r"\.venv/bin/snakemake --workflow-profile profiles/slurm": r"\g<0> --dry-run --configfile mine.yaml",
    r"snakemake --cores 8 --use-conda": Elsewhere(
        "needs conda and its channels",
        "tests/workflow/test_conda.py",
        "def test_the_study_in_conda_environments_has_the_plain_runs",
    ),
    r"\.venv/bin/python pretraining/pretrain\.py .*": Elsewhere(
        "needs msprime and half an hour", "pretraining/pretrain.py", '"--real",'
    ),
    r"pip install \.": Elsewhere("takes minutes", "tests/workflow/test_wheel.py", "def plain(place"),
    r"pip wheel .*": Elsewhere("takes minutes", "tests/built_wheel.py", '"pip", "wheel", "--no-deps"'),
    r"(apt-get|conda) install .*": Elsewhere("needs root, or conda", "tests/workflow/test_image.py", '"minimac4"'),
    r"export RAGIMPUTE_BEAGLE_JAR=.*": Elsewhere("has a path", "tests/test_external.py", "setenv(BEAGLE_JAR"),
    r"rattler-build build .*": Elsewhere("takes minutes", "tests/workflow/test_conda.py", "(recipe).run_build"),
    r"(docker|apptainer) .*": Elsewhere("no engine", "tests/workflow/test_image.py", "steps_of_dockerfile(DOCK"),
    r"make (setup|test)": Elsewhere("they are what runs these tests", ".ci/run", "make test"),
}


def commands(page: str) -> list[str]:
    """The commands of a page's sh and bash blocks, without comments, optional parts and line ends."""
    lines = "".join(blocks(page, "(?:sh|bash)")).replace("\\\n", " ").splitlines()
    words = [" ".join(re.sub(r"(^|\s)#.*|\[--[^]]*\]", "", line).split()) for line in lines]
    return [command for command in words if command]


def treatment(command: str) -> str | Elsewhere:
    """What COMMANDS says of `command`."""
    for pattern, how in COMMANDS.items():
        if found := re.fullmatch(pattern, command):
            return how if isinstance(how, Elsewhere) else found.expand(how)
    pytest.fail(f"no entry of COMMANDS for {command!r}")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copy of the checkout in which the commands run."""
    folder = tmp_path_factory.mktemp("docs") / "ragimpute"
    copy_checkout(folder)
    shutil.copy2(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / "pretraining", folder / "pretraining")
    (folder / ".venv").symlink_to(sys.prefix)
    example = folder / "resources" / "example"
    for name in ("reference", "targets", "truth"):
        whole, corner = example / f"{name}.vcf.gz", folder / f"{name}.vcf.gz"
        subprocess.run(["bcftools", "view", "--regions", CORNER, "--output", corner, whole], check=True)
        corner.replace(whole)
        subprocess.run(["tabix", "--force", whole], check=True)
    # the reader's own files, under the names that the pages give them
    for name in ("panel.vcf.gz", "panel.chr20.vcf.gz"):
        shutil.copy2(example / "reference.vcf.gz", folder / name)
    shutil.copy2(example / "targets.vcf.gz", folder / "array.vcf.gz")
    for name in ("chr20.map", "map.chr20.txt"):
        shutil.copy2(example / "genetic_map.plink.map", folder / name)
    (folder / "names.txt").write_text("chr20 20\n")
    as_bed(folder / "array.vcf.gz")
    weights = ["variant allele weight", "20:1001135:G:A A 0.5", "20:1001760:T:C C -0.25", "20:1002042:C:A A 1"]
    (folder / "weights.txt").write_text("\n".join(weights) + "\n")
    write_studies(folder)
    follow_the_recipes(folder)
    return folder


def write_studies(folder: Path) -> None:
    """The studies that pages show, of a few steps. The tutorial's has the pretrained row and the baselines for both."""
    (tutorial,) = yaml_of("docs/tutorial.md")
    (mine, _genome), (_, loss), (_, network) = map(
        yaml_of, ("README.md", "docs/add_a_loss.md", "docs/add_an_architecture.md")
    )
    trained = [entry for entry in mine["study"] if entry["weights"] != "pretrained"]
    mine |= {**loss, "study": trained + network["study"], "baselines": []}
    small = {"training": dict.fromkeys(("copy_rag", "vote_rag"), BUDGET), "evaluation": {"bootstraps": 10}}
    for name, study in (("mine", mine), ("tutorial", tutorial)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(study | small))


def follow_the_recipes(folder: Path) -> None:
    """Make the edits of the code that the pages on a new loss and a new architecture ask for."""
    package, schema = folder / "src" / "ragimpute", folder / "workflow" / "schemas" / "config.schema.yaml"
    (term,) = blocks("docs/add_a_loss.md", "python")
    network, architecture, registration = blocks("docs/add_an_architecture.md", "python")
    settings = blocks("docs/add_an_architecture.md", "yaml")[0]
    terms = package / "training" / "extra_terms.py"
    terms.write_text(f"{terms.read_text()}\n\n{term}")
    vote_rag = package / "models" / "vote_rag"
    vote_rag.mkdir()
    for name, text in (("__init__.py", ""), ("network.py", network), ("architecture.py", architecture)):
        (vote_rag / name).write_text(text)
    insert(package / "models" / "__init__.py", ")\n\n\ndef architecture(", before=', "vote_rag"')
    insert(package / "models" / "__init__.py", '    raise InputError(f"unknown architecture', before=registration)
    insert(schema, "copy_rag]", before="vote_rag, ")
    insert(schema, "      copy_rag:\n", before=settings)


def insert(path: Path, place: str, before: str) -> None:
    text = path.read_text()
    assert text.count(place) == 1, f"{path} has not one {place!r}"
    path.write_text(text.replace(place, before + place))


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in `language`."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def yaml_of(page: str) -> list[dict]:
    return [yaml.safe_load(text) for text in blocks(page, "yaml")]


@cache
def run(checkout: Path, command: str) -> subprocess.CompletedProcess:
    """Run `command` in the copy, both streams in stdout; pages that say the same share one run."""
    path = os.pathsep.join([str(checkout / ".venv" / "bin"), os.environ["PATH"]])
    # a reader's shell is not below `make test`, whose variables would have an inner make announce its directories
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=checkout,
        env={**environment, "PATH": path, "PYTHONPATH": str(checkout / "src")},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.mark.slow
@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(page: str, checkout: Path) -> None:
    for command in commands(page):
        how = treatment(command)
        if isinstance(how, Elsewhere):
            assert how.text in (ROOT / how.file).read_text(), f"{command}: {how.why}, and {how.file} has it no more"
            continue
        done = run(checkout, how)
        assert done.returncode == 0, f"{how}\n{done.stdout[-4000:]}"
        if not command.startswith("plink2"):  # it writes backspaces into a pipe, too
            assert not CONTROL.search(done.stdout), f"{how}: control characters where there is no terminal"


@pytest.mark.slow
@pytest.mark.xdist_group("docs")
def test_what_the_page_on_analyses_makes_is_read_without_a_warning(checkout: Path) -> None:
    said = "".join(run(checkout, command).stdout for command in commands("docs/analyses.md"))
    assert [line for line in said.splitlines() if line.startswith("Warning")] == []
    assert (checkout / "score.sscore.vars").read_text().split() == [
        *("20:1001135:G:A", "20:1001760:T:C", "20:1002042:C:A")
    ]
    opened = run(checkout, "bcftools view --header-only chr20.vcf.gz").stdout
    assert "[W::" not in opened
    assert "ID=DS" in opened


@pytest.mark.slow
@pytest.mark.xdist_group("docs")
def test_make_report_ends_with_the_summary_and_the_place_of_the_report(checkout: Path) -> None:
    said = run(checkout, treatment("make report CONFIG=tutorial.yaml")).stdout
    table = said[said.rindex("panel example, mask omni\n") :]
    methods = ["beagle", "copy_rag.cross_entropy.pretrained", "frequency"]
    assert sorted(re.findall(r"^[\w.]+(?=(?: \*)? +\d)", table, re.MULTILINE)) == methods
    assert table.endswith(f"\nReport: {checkout}/results/report.html\n")


@pytest.mark.parametrize(("words", "place"), [([], "."), (["OUT=a part"], "a part")])
def test_out_says_where_the_results_of_make_report_lie(words: list[str], place: str) -> None:
    make = ["make", "--no-print-directory", "--dry-run", "--old-file=setup", "report", "CONFIG=mine.yaml", *words]
    study, table, _ = subprocess.run(make, cwd=ROOT, text=True, capture_output=True, check=True).stdout.splitlines()
    assert study.split("--configfile")[1] == ' "mine.yaml" ' + (f'--directory "{place}"' if words else "")
    assert table.endswith(f' "{place}/results/summary.tsv"')


def test_each_treatment_is_of_a_command() -> None:
    found = [command for page in PAGES for command in commands(page)]
    unused = [pattern for pattern in COMMANDS if not any(re.fullmatch(pattern, command) for command in found)]
    assert unused == []


def texts() -> list[str]:
    """Every text in src/, `…` for each part that is filled in when the program runs."""

    def text(node: ast.AST) -> str:
        if isinstance(node, ast.JoinedStr):
            return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""

    nodes = (node for path in (ROOT / "src").rglob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    return [" ".join(text(node).split()) for node in nodes]


def test_each_message_of_the_troubleshooting_page_is_one_that_can_appear() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `(.+?)` \|", page, re.MULTILINE)
    assert len(messages) > 30
    patterns = {message: re.compile(".*".join(map(re.escape, message.split("…")))) for message in messages}
    known = texts()
    assert [message for message, pattern in patterns.items() if not any(map(pattern.search, known))] == []


def test_the_site_builds_without_a_warning_and_takes_nothing_from_the_network(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout  # a missing page, file or anchor of a link is one
    pages = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")]
    assert len(pages) >= len(PAGES)
    loaded = r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>"
    assert [found for page in pages for found in re.findall(loaded, page)] == []


def test_the_links_of_the_readme_lead_to_files() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(targets) > 5
    assert [target for target in targets if not target.startswith("https:") and not (ROOT / target).exists()] == []


def test_the_model_card_names_the_weights_by_their_digests() -> None:
    named = dict(
        re.findall(r"`([0-9a-f]{64})` (\S+?)(?=<br>| \|)", (ROOT / "docs/model_card.md").read_text(encoding="utf-8"))
    )
    assert {digest: path.name for path in FOLDER.glob("*.safetensors") for digest in [file_digest(path)]} == named
