"""Rows of a study in the workflow: what is trained, with which options, and which results share a training."""

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tiny_study import ROOT, Study

ROWS = [
    {"loss": "cross_entropy", "calibrate": True},
    {"loss": "cross_entropy"},
    {"loss": "no_recon", "seeds": [2, 3]},
    {"loss": "no_recon", "seeds": [2], "learning_rate": 0.5, "name": "fast", "calibrate": True},
    {"loss": "cross_entropy", "weights": "pretrained", "calibrate": True},
]
TRAININGS = ["cross_entropy/seed1", "no_recon/seed2", "no_recon/seed3", "fast/seed2", "cross_entropy.pretrained/seed1"]
CALIBRATED = ["cross_entropy.calibrated/seed1", "fast.calibrated/seed2", "cross_entropy.pretrained.calibrated/seed1"]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a dry run of the tiny study with ROWS prints, shell commands included."""
    folder = tmp_path_factory.mktemp("rows")
    study = yaml.safe_load((ROOT / "tests" / "studies" / "tiny.yaml").read_text())
    panel, mask = study["panels"]["tiny"], study["masks"]["tiny_omni"]
    example = ROOT / "resources" / "example"
    panel |= {key: str(example / Path(panel[key]).name) for key in ("reference", "genetic_map")}
    mask["sites"] = str(example / Path(mask["sites"]).name)
    study["study"] = [{"mask": "tiny_omni", "architecture": "copy_rag", **row} for row in ROWS]
    (folder / "rows.yaml").write_text(yaml.safe_dump(study))
    words = ("--dry-run", "--printshellcmds")
    done = Study(ROOT, folder).snakemake(*words, cwd=folder, config=str(folder / "rows.yaml"))
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_each_training_runs_once_and_a_calibrated_result_shares_it(listed: str) -> None:
    jobs = Counter(re.findall(r"^(?:local)?rule (\w+):$", listed, re.MULTILINE))
    n_results = len(TRAININGS) + len(CALIBRATED)
    assert (jobs["train"], jobs["predict"]) == (len(TRAININGS), n_results)
    made = set(re.findall(r"--model results/models/tiny_omni/copy_rag\.(\S+)\.safetensors --calibrate", listed))
    assert made == {name.replace(".calibrated", "") for name in CALIBRATED}
    vcfs = set(re.findall(r"--out results/imputed/tiny_omni/copy_rag\.(\S+)\.vcf\.gz", listed))
    assert vcfs == {*TRAININGS, *CALIBRATED}


def test_a_training_gets_its_loss_and_its_learning_rate(listed: str) -> None:
    commands = {
        re.search(r"--out results/models/tiny_omni/copy_rag\.(\S+)\.safetensors", line)[1]: line
        for line in listed.splitlines()
        if "ragimpute train " in line
    }
    assert set(commands) == set(TRAININGS)
    assert "--loss-name no_recon " in commands["fast/seed2"]
    assert '"learning_rate": 0.5' in commands["fast/seed2"]
    assert all("learning_rate" not in commands[name] for name in TRAININGS if name != "fast/seed2")


def test_a_history_is_read_once_under_the_raw_method(listed: str) -> None:
    for verb in ("summarise", "loss-study"):
        (command,) = [line for line in listed.splitlines() if f"ragimpute {verb} " in line]
        read = re.findall(
            r"--history tiny_omni copy_rag\.(\S+) results/models/tiny_omni/copy_rag\.(\S+)\.history", command
        )
        assert [path for _, path in read] == TRAININGS
        assert [method for method, _ in read] == [name.split("/")[0] for name in TRAININGS]
