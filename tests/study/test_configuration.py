"""The effective configuration: what replaces what, where paths resolve from, and what errors say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ragimpute.study import configuration, configuration_page
from ragimpute.study.configuration import ConfigError, load_configuration

ROOT = Path(__file__).parents[2]
SECTIONS = """
panels:
  mine: {reference: data/ref.vcf.gz, targets: {holdout: 0.2}, genetic_map: ../map.txt}
masks:
  some: {panel: mine, sites: {fraction: 0.1}}
study:
  - {mask: some, architecture: copy_rag, loss: cross_entropy}
seeds: [3, 4]
baselines: [frequency]
"""


def write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def problems(folder: Path, text: str, check_files: bool = False) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_configuration(ROOT, [write(folder, text)], check_files=check_files)
    return caught.value.problems


def test_five_sections_replace_losses_add_and_the_rest_is_laid_over(tmp_path: Path) -> None:
    extra = "losses: {mine: {hap: 1, genotype: 2}}\ntraining: {copy_rag: {epochs: 2}}\n"
    effective = load_configuration(ROOT, [write(tmp_path, SECTIONS + extra)], check_files=False)
    assert list(effective["panels"]) == ["mine"]
    assert list(effective["masks"]) == ["some"]
    assert [entry["loss"] for entry in effective["study"]] == ["cross_entropy"]
    assert effective["seeds"] == [3, 4]
    assert effective["baselines"] == ["frequency"]
    assert effective["losses"]["mine"]["gamma"] == 0
    assert effective["losses"]["recon_switch"]["after_switch"] == {"hap": 3, "genotype": 4, "recon": 0}
    assert effective["training"]["copy_rag"]["epochs"] == 2
    assert effective["training"]["copy_rag"]["size"] == "small"
    assert effective["training"]["bert_rag"]["epochs"] is None


def test_paths_resolve_from_the_file_that_names_them_in_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "study", SECTIONS)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    here = load_configuration(ROOT, [path.relative_to(tmp_path)], check_files=False)
    monkeypatch.chdir(tmp_path / "elsewhere")
    there = load_configuration(ROOT, [Path("../study/mine.yaml")], check_files=False)
    assert here == there == load_configuration(ROOT, [path], check_files=False)
    panel = here["panels"]["mine"]
    assert panel["reference"] == str(tmp_path / "study" / "data" / "ref.vcf.gz")
    assert panel["genetic_map"] == str(tmp_path / "map.txt")


def test_hold_out_lists_and_site_lists_are_paths_and_targets_is_a_word(tmp_path: Path) -> None:
    text = SECTIONS.replace("{holdout: 0.2}", "{holdout: samples.txt}").replace("{fraction: 0.1}", "sites.bed")
    effective = load_configuration(ROOT, [write(tmp_path, text)], check_files=False)
    assert effective["panels"]["mine"]["targets"] == {"holdout": str(tmp_path / "samples.txt")}
    assert effective["masks"]["some"]["sites"] == str(tmp_path / "sites.bed")
    assert load_configuration(ROOT)["masks"]["omni"]["sites"] == "targets"


def test_overrides_come_last_and_replace_too(tmp_path: Path) -> None:
    overrides = {"seeds": ["7", "8"], "device": "cpu", "training": {"copy_rag": {"epochs": "3", "amp": "false"}}}
    effective = load_configuration(ROOT, [write(tmp_path, SECTIONS)], overrides, check_files=False)
    assert effective["seeds"] == [7, 8]
    assert effective["device"] == "cpu"
    assert effective["training"]["copy_rag"]["epochs"] == 3
    assert effective["training"]["copy_rag"]["amp"] is False


def test_all_misspelt_keys_and_values_are_reported_at_once_with_the_right_ones(tmp_path: Path) -> None:
    text = SECTIONS.replace("reference", "referense").replace("copy_rag", "copyrag").replace("fraction", "fractoin")
    found = "\n".join(problems(tmp_path, text + "trainning: {}\n"))
    for where, right in (
        ("panels.mine.referense", "reference"),
        ("study[1].architecture", "copy_rag"),
        ("masks.some.sites.fractoin", "fraction"),
        ("trainning", "training"),
    ):
        assert re.search(rf"{re.escape(where)}: .*did you mean '{right}'", found), found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("panel: mine", "panel: mime", "masks.some.panel: no panel 'mime'; did you mean 'mine'?"),
        ("mask: some", "mask: sone", "study[1].mask: no mask 'sone'; did you mean 'some'?"),
        ("loss: cross_entropy", "loss: cross", "study[1].loss: no loss 'cross'; did you mean 'cross_entropy'?"),
        (
            "copy_rag, loss: cross_entropy",
            "bert_rag, loss: cross_entropy, weights: pretrained",
            "no pretrained weights of",
        ),
        ("cross_entropy}", "no_recon, weights: pretrained}", "were trained with the loss cross_entropy"),
        ("cross_entropy}", "cross_entropy, learning_rate: 0.1}", "study[1].learning_rate: needs `name`"),
        ("cross_entropy}", "cross_entropy, name: fast}", "study[1].name: without `learning_rate`"),
        (
            "cross_entropy}",
            "cross_entropy, learning_rate: 0.1, name: no_recon}",
            "study[1].name: 'no_recon' is the name of a loss",
        ),
        ("cross_entropy}", "cross_entropy, learning_rate: 0.1, name: 2fast}", "study[1].name: '2fast' is not allowed"),
        (
            "cross_entropy}",
            "cross_entropy, weights: pretrained, learning_rate: 0.1, name: fast}",
            "study[1].learning_rate: pretrained weights are taken as they are",
        ),
        ("cross_entropy}", "cross_entropy, seeds: []}", "study[1].seeds: [] should be non-empty"),
        (
            "cross_entropy}",
            "cross_entropy, calibrated: true}",
            "study[1].calibrated: unknown key; did you mean 'calibrate'",
        ),
        ("{fraction: 0.1}", "targets", "leaves nothing to score"),
        ("holdout: 0.2", "holdout: 1.2", "panels.mine.targets.holdout: 1.2"),
        ("  some:", "  2some:", "'2some' is not allowed"),
        ("[3, 4]", "[3, 3]", "seeds: [3, 3] has non-unique elements"),
        ("[3, 4]", "[3.0, 4]", "seeds[1]: 3.0 is not of type 'integer'"),
        ("[frequency]", "[frequency]\nlosses: {new: {hap: 0, genotype: 0}}", "losses.new: hap or genotype must be"),
        (
            "[frequency]",
            "[frequency]\nlosses: {new: {hap: 1, genotype: 0, switch_threshold: 1}}",
            "losses.new: switch_threshold and after_switch need each other",
        ),
        (
            "[frequency]",
            "[frequency]\nlosses: {new: {hap: 1, genotype: -1}}",
            "losses.new.genotype: -1 must be a number of at least 0",
        ),
        (
            "[frequency]",
            "[frequency]\nlosses: {new: {hap: 1, genotype: 0, recon_target: befor}}",
            "losses.new.recon_target: unknown value 'befor'; did you mean 'before'?",
        ),
        (
            "[frequency]",
            "[frequency]\nlosses: {new: {hap: 1, genotype: 0, temperature: 0}}",
            "losses.new.temperature: 0 must be a number above 0",
        ),
        (
            "[frequency]",
            "[frequency]\nlosses: {new: {hap: 1, genotype: 0, terms: {contrastiv: 1}}}",
            "losses.new.terms.contrastiv: no such term in extra_terms.py; did you mean 'contrastive'?",
        ),
        ("  mine:", "  no:", "quote it"),
        ("seeds: [3, 4]", "seeds: [3, 4]\nseeds: [5]", "key 'seeds' is given twice"),
    ],
)
def test_problems_are_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in SECTIONS
    found = problems(tmp_path, SECTIONS.replace(old, new))
    assert any(expected in problem for problem in found), found


def test_a_mask_without_sites_is_one_problem(tmp_path: Path) -> None:
    assert "sites: {fraction: 0.1}" in SECTIONS
    for wrong, found in (("", "masks.some.sites: missing"), ("site: {fraction: 0.1}", "masks.some.site: unknown key")):
        said = problems(tmp_path, SECTIONS.replace("sites: {fraction: 0.1}", wrong))
        assert any(problem.startswith(found) for problem in said)
        assert not any("None" in problem for problem in said), said


def test_a_missing_file_is_named_with_its_key(tmp_path: Path) -> None:
    found = problems(tmp_path, SECTIONS, check_files=True)
    assert len(found) == 2
    assert found[0].startswith(f"panels.mine.reference: no such file {tmp_path / 'data' / 'ref.vcf.gz'}")
    assert found[1].startswith("panels.mine.genetic_map: no such file")


def test_a_study_that_does_nothing_is_an_error(tmp_path: Path) -> None:
    text = re.sub(r"study:\n.*\n", "study: []\n", SECTIONS).replace("[frequency]", "[]")
    assert any("nothing to run" in problem for problem in problems(tmp_path, text))


def schema_paths(node: dict, schema: dict, path: str = "") -> dict[str, dict]:
    """Each key of the schema by its path, names chosen by users left out of it."""
    node = configuration.dereference(node, schema)
    children = dict(node.get("properties", {}))
    for branch in node.get("anyOf", []):
        children |= branch.get("properties", {})
    paths = {}
    for key, child in children.items():
        paths[f"{path}.{key}".lstrip(".")] = configuration.dereference(child, schema)
        paths |= schema_paths(child, schema, f"{path}.{key}")
    for inner in ("additionalProperties", "items"):
        if isinstance(node.get(inner), dict):
            paths |= schema_paths(node[inner], schema, path)
    return paths


def test_default_config_and_schema_do_not_drift() -> None:
    schema = configuration.load_schema(ROOT)
    text = (ROOT / "config.yaml").read_text()
    paths = schema_paths(schema, schema)
    # keys of the alternatives that the example does not use stand in comments
    absent = [path for path in paths if not re.search(rf"\b{path.rsplit('.', 1)[-1]}:", text)]
    assert not absent, absent
    undescribed = [path for path, node in paths.items() if not node.get("description")]
    assert not undescribed, undescribed
    given = yaml.safe_load(text)
    for section in ("training", "evaluation", "data_seed", "device"):
        node = configuration.dereference(schema["properties"][section], schema)
        default = {} if node["default"] == {} else node["default"]
        assert configuration.fill_defaults(default, node, schema) == given[section], section


def test_every_key_of_the_default_config_is_commented_or_explained_once() -> None:
    lines = (ROOT / "config.yaml").read_text().splitlines()
    for section in yaml.safe_load("\n".join(lines)):
        index = next(i for i, line in enumerate(lines) if line.startswith(f"{section}:"))
        near = lines[index - 1 : index + 3]
        assert any("#" in line for line in near), section


def test_the_configuration_page_is_up_to_date() -> None:
    assert configuration_page.PAGE.read_text() == configuration_page.page(configuration.load_schema(ROOT)), (
        "run: .venv/bin/python -m ragimpute.study.configuration_page"
    )


SNAKEMAKE_ALONE = """
import sys
for name in ("numpy", "pandas", "numba", "torch", "scipy", "rich", "safetensors"):
    sys.modules[name] = None  # to import it is an error
from pathlib import Path
from ragimpute.study.configuration import load_configuration
from ragimpute.study.runs import runs
from ragimpute.training.gpu import has_gpu
has_gpu()
print(len(list(runs(load_configuration(Path(sys.argv[1]))))))
"""


def test_config_needs_only_what_snakemake_brings() -> None:
    done = subprocess.run([sys.executable, "-c", SNAKEMAKE_ALONE, str(ROOT)], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


FAST = "copy_rag, loss: cross_entropy, learning_rate: 0.1, name: fast"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["copy_rag, loss: no_recon", "copy_rag, loss: no_recon"], ["study[2]: the same as study[1]"]),
        (["copy_rag, loss: no_recon", "copy_rag, loss: no_recon, calibrate: true"], []),
        (["copy_rag, loss: no_recon, calibrate: true", "copy_rag, loss: no_recon"], []),
        (
            ["copy_rag, loss: no_recon, seeds: [1]", "copy_rag, loss: no_recon, seeds: [2], calibrate: true"],
            ["study[2].seeds: study[1] is the same training with other seeds; give all in one row"],
        ),
        (["copy_rag, loss: cross_entropy", FAST], []),
        ([FAST, FAST.replace("copy", "bert"), f"{FAST}, weights: fine_tuned"], []),
        (
            [FAST, FAST.replace("0.1", "0.2")],
            ["study[2].name: 'fast' names study[1], which has another loss or learning_rate; choose another name"],
        ),
        (
            [FAST, FAST.replace("cross_entropy", "no_recon")],
            ["study[2].name: 'fast' names study[1], which has another loss or learning_rate; choose another name"],
        ),
    ],
)
def test_rows_of_a_study_beside_each_other(tmp_path: Path, rows: list[str], expected: list[str]) -> None:
    lines = "\n".join(f"  - {{mask: some, architecture: {row}}}" for row in rows)
    text = SECTIONS.replace("  - {mask: some, architecture: copy_rag, loss: cross_entropy}", lines)
    if expected:
        assert problems(tmp_path, text) == expected
    else:
        assert len(load_configuration(ROOT, [write(tmp_path, text)], check_files=False)["study"]) == len(rows)


@pytest.mark.parametrize("name", ["config/dev.yaml", "tests/studies/tiny.yaml"])
def test_the_other_configurations_are_sound(name: str) -> None:
    effective = load_configuration(ROOT, [ROOT / name])
    assert "example" not in effective["panels"]


def test_development_never_sees_the_targets() -> None:
    panel = load_configuration(ROOT, [ROOT / "config/dev.yaml"])["panels"]["dev"]
    assert len(Path(panel["targets"]["holdout"]).read_text().split()) == 50
    assert panel["truth"] is None
    assert "targets.vcf" not in panel["reference"]
