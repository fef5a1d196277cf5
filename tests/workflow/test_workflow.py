"""The workflow end to end on the tiny study, run once in a copy of the checkout whose files tests may edit."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tiny_study import ROOT, Study, assert_equal_files

RULES = [path for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")) if path.name != "common.smk"]
SUMMARY_COLUMNS = {
    *("panel", "mask", "method", "architecture", "loss", "weights", "selected", "n_seeds", "r2_overall", "r2_rare"),
    *("r2_common", "r2_variant_rare", "f1_overall", "f1_rare", "f1_common", "r2_overall_sd", "r2_rare_sd"),
    *("r2_common_sd", "r2_variant_rare_sd", "f1_overall_sd", "f1_rare_sd", "f1_common_sd"),
    *("epochs_to_best", "loss_sd", "f1_gap"),
}
METRICS_COLUMNS = [
    *("panel", "mask", "method", "architecture", "loss", "weights", "seed", "population", "stratum", "metric"),
    *("value", "ci_low", "ci_high", "n_sites", "n_genotypes"),
]
TRAINED = ["bert_rag.recon_switch", "bert_rag.no_recon", "copy_rag.cross_entropy"]
BASELINES = ["beagle", "minimac4", "li_stephens", "frequency"]
RUNS = [f"{method}/seed1" for method in TRAINED] + [f"{method}/seed0" for method in BASELINES]

pytestmark = pytest.mark.xdist_group("workflow")


@pytest.mark.slow
def test_the_files_of_the_contract_are_there(tiny: Study) -> None:
    for run in RUNS:
        vcf = tiny.results / "imputed" / "tiny_omni" / f"{run}.vcf.gz"
        assert vcf.is_file(), vcf
        assert vcf.with_name(vcf.name + ".tbi").is_file(), vcf
    metrics = pd.read_csv(tiny.results / "metrics.tsv", sep="\t", keep_default_na=False)
    assert list(metrics.columns[: len(METRICS_COLUMNS)]) == METRICS_COLUMNS
    assert set(metrics["method"]) == {*TRAINED, *BASELINES}
    assert {"overall", "rare", "common", "mac_1"} <= set(metrics["stratum"])
    assert len(pd.read_csv(tiny.results / "comparisons.tsv", sep="\t")) > 0
    report = (tiny.results / "report.html").read_text()
    assert all(method in report for method in (*TRAINED, *BASELINES))
    figures = list((tiny.results / "figures").glob("*.svg"))
    assert figures
    assert all("<svg" in figure.read_text() for figure in figures)


@pytest.mark.slow
def test_the_summary_has_a_full_row_for_each_method(tiny: Study) -> None:
    summary = pd.read_csv(tiny.results / "summary.tsv", sep="\t")
    assert set(summary.columns) >= SUMMARY_COLUMNS
    assert sorted(summary["method"]) == sorted([*TRAINED, *BASELINES])
    counts = ["n_seeds", *(name for name in summary.columns if re.fullmatch(r"(r2|f1)_(?!gap)\w+(?<!_sd)", name))]
    assert not summary[counts].isna().any().any(), summary[counts]
    networks = summary[summary["method"].isin(TRAINED)]
    assert not networks[["f1_gap", "epochs_to_best", "loss_sd"]].isna().any().any()
    chosen = summary[summary["selected"].astype(str).str.lower().isin(["true", "1", "yes"])]
    assert len(chosen) == 1
    assert chosen["method"].iloc[0] in TRAINED


@pytest.mark.slow
def test_bcftools_reads_every_vcf_without_a_warning(tiny: Study) -> None:
    vcfs = sorted(tiny.results.rglob("*.vcf.gz"))
    assert len(vcfs) == len(RUNS) + 3  # targets, phased, validation
    for vcf in vcfs:
        done = subprocess.run(
            ["bcftools", "view", str(vcf)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), vcf


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do_from_any_directory(tiny: Study) -> None:
    assert "Nothing to be done" in tiny.snakemake("--dry-run").stdout
    relative = os.path.relpath(tiny.checkout / "tests" / "studies" / "tiny.yaml", tiny.folder)
    assert "Nothing to be done" in tiny.snakemake("--dry-run", cwd=tiny.folder, config=relative).stdout


@pytest.mark.slow
def test_large_features_are_gone_and_checkpoints_too(tiny: Study) -> None:
    assert not list(tiny.results.glob("segments/**/*.safetensors"))
    assert not list(tiny.results.rglob("*.checkpoint*"))


@pytest.mark.slow
def test_each_rule_leaves_its_log_and_benchmark(tiny: Study) -> None:
    for kind in ("logs", "benchmarks"):
        found = {
            path.relative_to(tiny.results / kind).parts[0].split(".")[0] for path in (tiny.results / kind).rglob("*.*")
        }
        assert {"read_panel", "phase", "retrieve", "train", "predict", "baseline", "evaluate", "report"} <= found


A_STATEMENT = "\nassert True\n"  # runs when a module is imported, and so counts with whatever is used of the module

# what is edited -> a module, a pattern, and what each match of it becomes
WITHOUT_EFFECT = {
    "a help text": ("cli/training.py", 'help="', 'help="Now: '),
    "a help text of a shared option": ("cli/options.py", 'help="', 'help="Now: '),
    "an option of another verb": (
        "cli/training.py",
        r'^@verb\("training-set"\)$',
        r'\g<0>\n@click.option("--x")',
    ),
    "a message": ("models/__init__.py", r'raise InputError\(f"', r"\g<0>Now: "),
    "a docstring": ("models/__init__.py", '^    """', r"\g<0>Now: "),
    "a comment": ("training/losses.py", r"\Z", "# now\n"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", list(WITHOUT_EFFECT))
def test_an_edit_that_changes_no_result_leaves_nothing_to_do(tiny: Study, what: str) -> None:
    name, pattern, new = WITHOUT_EFFECT[what]
    path = tiny.checkout / "src" / "ragimpute" / name
    text, count = re.subn(pattern, new, path.read_text(), flags=re.MULTILINE)
    assert count, f"{name} has no {pattern!r}"
    with tiny.edited(path, text):
        assert tiny.would_run() == Counter()


@pytest.mark.slow
def test_editing_plotting_code_redraws_figures_and_does_not_train(tiny: Study) -> None:
    figures = tiny.checkout / "src" / "ragimpute" / "reporting" / "plot.py"
    with tiny.edited(figures, figures.read_text() + A_STATEMENT):
        jobs = tiny.would_run()
    assert jobs == Counter(plot=1, report=1)


@pytest.mark.slow
def test_editing_one_architecture_trains_that_one_again(tiny: Study) -> None:
    network = tiny.checkout / "src" / "ragimpute" / "models" / "copy_rag" / "network.py"
    with tiny.edited(network, network.read_text() + A_STATEMENT):
        done = tiny.snakemake("--dry-run").stdout
    assert set(re.findall(r"output: results/models/tiny_omni/(\w+)\.", done)) == {"copy_rag"}


@pytest.mark.slow
def test_replacing_pretrained_weights_runs_the_rows_that_use_them_again(tiny: Study, tmp_path: Path) -> None:
    content = yaml.safe_load((tiny.checkout / "tests" / "studies" / "tiny.yaml").read_text())
    row = {"mask": "tiny_omni", "architecture": "copy_rag", "loss": "cross_entropy"}
    content["study"] = [{**row, "weights": weights} for weights in ("scratch", "pretrained", "fine_tuned")]
    config = tiny.checkout / "tests" / "studies" / "weights.yaml"
    config.write_text(yaml.safe_dump(content))
    study = Study(tiny.checkout, tmp_path / "run")
    shutil.copytree(tiny.folder, study.folder)
    methods = [f"copy_rag.cross_entropy{suffix}" for suffix in ("", ".pretrained", ".fine_tuned")]
    vcfs = [f"results/imputed/tiny_omni/{method}/seed1.vcf.gz" for method in methods]
    done = study.snakemake(*vcfs, config=str(config))
    assert done.returncode == 0, done.stdout[-4000:]
    assert "Nothing to be done" in study.snakemake("--dry-run", *vcfs, config=str(config)).stdout

    folder = tiny.checkout / "src" / "ragimpute" / "models" / "pretrained"
    other = (folder / "copy_rag_large_panels.safetensors").read_bytes()
    with study.edited(folder / "copy_rag_without_chr20.safetensors", other):
        done = study.snakemake("--dry-run", *vcfs, config=str(config))
    again = re.findall(r"output: results/models/tiny_omni/([\w.]+)/seed1.safetensors", done.stdout)
    assert sorted(again) == sorted(methods[1:])
    again = re.findall(r"output: results/imputed/tiny_omni/([\w.]+)/seed1.vcf.gz,", done.stdout)
    assert sorted(again) == sorted(methods[1:])


@pytest.mark.slow
def test_changing_one_loss_trains_that_loss_alone(tiny: Study) -> None:
    study = tiny.checkout / "tests" / "studies" / "tiny.yaml"
    with tiny.edited(study, study.read_text() + "losses: {no_recon: {hap: 0.31, genotype: 0.4, gamma: 5}}\n"):
        done = tiny.snakemake("--dry-run").stdout
    assert re.findall(r"output: results/models/tiny_omni/([\w.]+)/seed1.safetensors", done) == ["bert_rag.no_recon"]
    assert re.findall(r"output: results/imputed/tiny_omni/([\w.]+)/seed\d.vcf.gz,", done) == ["bert_rag.no_recon"]


@pytest.mark.slow
def test_kept_neighbours_serve_all_losses_and_dropped_vcfs_leave_the_scores(tiny: Study, tmp_path: Path) -> None:
    content = yaml.safe_load((tiny.checkout / "tests" / "studies" / "tiny.yaml").read_text())
    content |= {"keep": {"segments": True, "imputed": False}, "baselines": [], "seeds": [1, 2]}
    content["study"] = [entry for entry in content["study"] if entry["architecture"] == "bert_rag"]
    config = tiny.checkout / "tests" / "studies" / "kept.yaml"
    config.write_text(yaml.safe_dump(content))
    study = Study(tiny.checkout, tmp_path)
    done = study.snakemake(config=str(config))
    assert done.returncode == 0, done.stdout[-4000:]
    segments = sorted(path.name for path in (study.results / "segments" / "tiny_omni" / "bert_rag").glob("*"))
    assert segments == ["train.safetensors", "validation.safetensors"]
    assert not list((study.results / "imputed").rglob("*.vcf.gz*"))
    measured = pd.read_csv(study.results / "loss_study.tsv", sep="\t")
    assert set(measured["loss"]) == {"recon_switch", "no_recon"}
    r2 = measured[measured["measure"] == "r2_overall"].set_index("loss").loc["recon_switch"]
    assert r2["difference_low"] < r2["difference"] < r2["difference_high"]
    assert len(pd.read_csv(study.results / "claims.tsv", sep="\t")) > 30

    content["losses"] = {"recon_switch": {"hap": 0.21, "genotype": 0.3, "recon": 0.15, "gamma": 5}}
    config.write_text(yaml.safe_dump(content))
    done = study.snakemake("--dry-run", config=str(config))
    jobs = Counter(re.findall(r"^(?:local)?rule (\w+):$", done.stdout, re.MULTILINE))
    assert (jobs["train"], jobs["predict"], jobs["evaluate"], jobs["retrieve"]) == (2, 2, 2, 0)


@pytest.mark.slow
def test_snakemakes_own_report_works(tiny: Study, tmp_path: Path) -> None:
    done = tiny.snakemake("--report", str(tmp_path / "report.html"))
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "report.html").stat().st_size > 100_000


@pytest.mark.slow
def test_a_failed_rule_says_which_log_to_read_and_shows_it(tiny: Study, tmp_path: Path) -> None:
    samples = tmp_path / "samples.tsv"
    samples.write_text("sample\tpopulation\tpopulation\nnobody\n")
    content = yaml.safe_load((tiny.checkout / "tests" / "studies" / "tiny.yaml").read_text())
    panel = content["panels"]["tiny"]
    for key in ("reference", "genetic_map"):
        panel[key] = str((tiny.checkout / "tests" / "studies" / panel[key]).resolve())
    content["masks"]["tiny_omni"]["sites"] = {"fraction": 0.1}
    panel["samples"] = str(samples)
    config = tmp_path / "bad.yaml"
    config.write_text(yaml.safe_dump(content))
    folder = tmp_path / "run"
    folder.mkdir()
    done = Study(tiny.checkout, folder).snakemake("results/panels/tiny/roles.tsv", config=str(config))
    assert done.returncode == 1
    assert "log: results/logs/assign_roles/tiny.log (check log file(s) for error details)" in done.stdout
    shown = done.stdout.split("Logfile results/logs/assign_roles/tiny.log", 1)[1]
    assert "ragimpute: error: " in shown
    assert str(samples) in shown


@pytest.mark.long
def test_two_runs_are_equal_byte_for_byte(tiny: Study, tmp_path: Path) -> None:
    again = Study(tiny.checkout, tmp_path)
    done = again.snakemake()
    assert done.returncode == 0, done.stdout[-4000:]
    assert_equal_files(tiny, again)


def rule_blocks() -> dict[str, str]:
    """The text of each rule."""
    text = "\n".join(path.read_text() for path in RULES)
    parts = re.split(r"^rule (\w+):$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", list(rule_blocks()))
def test_each_rule_is_one_verb_with_all_that_a_cluster_needs(name: str) -> None:
    block = rule_blocks()[name]
    for key in ("log", "benchmark", "threads", "resources", "conda", "output", "shell"):
        assert re.search(rf"^    {key}:", block, re.MULTILINE), key
    assert "    input:" in block or name == "config", "what config writes stands in its parameters"
    for key in ("runtime", "mem_mb", "disk_mb"):
        assert f"{key}=" in block, key
    shell = block.split("shell:", 1)[1].split("\n\n")[0]
    assert shell.count("ragimpute ") == 1, shell
    unquoted = [field for field in re.findall(r"{([^}]*)}", shell) if not field.endswith(":q")]
    assert set(unquoted) <= {"threads", "resources.mem_mb"}, unquoted


def test_the_verb_that_trains_has_train_in_the_names_of_its_rules() -> None:
    training = [name for name, block in rule_blocks().items() if "ragimpute train " in block]
    assert training
    assert all("train" in name for name in training)


def test_the_linter_and_the_formatter_have_nothing_to_say() -> None:
    # without --directory: the linter takes paths in messages from the working directory
    done = subprocess.run([sys.executable, "-m", "snakemake", "--lint"], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    snakefmt = Path(sys.executable).with_name("snakefmt")
    done = subprocess.run([snakefmt, "--check", "Snakefile", "workflow"], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_configuration_ends_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("seed: [1]\n")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--configfile", str(tmp_path / "mine.yaml")],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert done.returncode != 0
    assert "seed: unknown key; did you mean 'seeds'?" in done.stdout + done.stderr


def test_the_workflows_tests_run_on_one_worker(request: pytest.FixtureRequest) -> None:
    """They share the tiny study and one SLURM cluster. pytest 9.2 loses pytest-xdist 3.8's groups without a word."""
    assert "PYTEST_XDIST_WORKER" not in os.environ or request.node.nodeid.endswith("@workflow")
