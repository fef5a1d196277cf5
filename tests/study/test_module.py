"""The workflow as a module of another one: rules under another name, results under a prefix, its own configuration."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from tiny_study import ROOT

WORKFLOW = """
configfile: "study.yaml"

module ragimpute:
    snakefile: {snakefile!r}
    config: config
    prefix: "imputation"

use rule * from ragimpute as ragimpute_*

rule mine:
    default_target: True
    input: "imputation/results/summary.tsv"
    output: "mine.tsv"
    shell: "cp {{input:q}} {{output:q}}"
"""


def test_another_workflow_uses_this_one_as_a_module(tmp_path: Path) -> None:
    content = yaml.safe_load((ROOT / "tests" / "studies" / "tiny.yaml").read_text())
    panel = content["panels"]["tiny"]
    example = ROOT / "resources" / "example"
    panel |= {key: str(example / Path(panel[key]).name) for key in ("reference", "genetic_map")}
    content["masks"]["tiny_omni"]["sites"] = str(example / "targets.vcf.gz")
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(content))
    (tmp_path / "Snakefile").write_text(WORKFLOW.format(snakefile=str(ROOT / "Snakefile")))
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    panel_file = "imputation/results/panels/tiny/panel.safetensors"
    done = subprocess.run([*command, "--dry-run"], cwd=tmp_path, text=True, capture_output=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    rules = re.findall(r"^(?:local)?rule (\w+):$", said, re.MULTILINE)
    assert rules.count("ragimpute_train") == 3  # the tiny study's, not the example's
    assert rules.count("mine") == 1
    ran = subprocess.run([*command, panel_file], cwd=tmp_path, text=True, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / panel_file).stat().st_size > 0
