"""The verbs from VCF to baseline, by hand, on a hold-out of a small panel."""

import gzip
import json
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ragimpute.cli import ragimpute
from ragimpute.errors import InputError
from ragimpute.panel.store import Panel
from ragimpute.targets import several_phasings
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.vcf.imputed_reader import read_imputed
from ragimpute.vcf.writer import write_genotypes


def run(*arguments):
    result = CliRunner().invoke(ragimpute, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def folder(tiny_panel, tmp_path_factory):
    """A panel VCF of 24 samples, read, split, masked and counted."""
    path = tmp_path_factory.mktemp("verbs")
    alleles = tiny_panel.alleles[:].reshape(60, 24, 2)
    write_genotypes(path / "panel.vcf.gz", tiny_panel.sites, tiny_panel.contigs, tiny_panel.samples, alleles, True)
    panel = ["--panel", path / "panel.safetensors"]
    roles = [*panel, "--roles", path / "roles.tsv"]
    run("read-panel", "--reference", path / "panel.vcf.gz", "--out", panel[1], "--dropped", path / "dropped.tsv")
    run("assign-roles", *panel, "--holdout", "0.25", "--seed", 2, "--out", path / "roles.tsv")
    run(
        *("mask", *roles, "--sites", "0.3", "--targets", path / "panel.vcf.gz", "--random-masks", 2, "--seed", 3),
        *("--out", path / "typed.tsv", "--typed-genotypes", path / "targets.vcf.gz"),
    )
    run("frequencies", *roles, "--out", path / "frequencies.tsv")
    return path


def test_only_typed_genotypes_of_targets_leave_the_mask(folder):
    panel = Panel.load(folder / "panel.safetensors")
    typed = pd.read_csv(folder / "typed.tsv", sep="\t")
    roles = pd.read_csv(folder / "roles.tsv", sep="\t")
    targets = read_genotypes(folder / "targets.vcf.gz", panel.sites)
    assert list(targets.samples) == roles.loc[roles["role"] == "target", "sample"].tolist()
    np.testing.assert_array_equal(targets.index, np.flatnonzero(typed["typed"]))
    assert (typed[["typed", "random1", "random2"]].sum() == len(targets.index)).all()
    assert not targets.phased.any()  # erased for a hold-out
    lines = subprocess.run(
        ["bcftools", "view", "-H", folder / "targets.vcf.gz"], capture_output=True, check=True
    ).stdout
    assert len(lines.splitlines()) == len(targets.index)


def test_phase_and_baselines_from_the_command_line(folder):
    common = ["--panel", folder / "panel.safetensors", "--roles", folder / "roles.tsv"]
    phased = ["--out", folder / "phased.vcf.gz", "--phasings", folder / "phasings", "--n-phasings", 1]
    run("phase", *common, "--typed-genotypes", folder / "targets.vcf.gz", *phased)
    inputs = [*common, "--typed", folder / "typed.tsv", "--phasings", folder / "phasings"]
    (folder / "tuned.json").write_text(json.dumps({"parameters": {"ne": 150000, "err": 0.01, "cluster": 0.0005}}))
    panel = Panel.load(folder / "panel.safetensors")
    results = {}
    for name in ("beagle", "beagle_tuned", "frequency"):
        options = ["--parameters", folder / "tuned.json"] if name == "beagle_tuned" else []
        run("baseline", name, *inputs, *options, "--out", folder / f"{name}.vcf.gz")
        results[name] = read_imputed(folder / f"{name}.vcf.gz", panel.sites)
    assert not np.array_equal(results["beagle"].ds, results["beagle_tuned"].ds)
    counts = pd.read_csv(folder / "frequencies.tsv", sep="\t")
    hidden = ~results["frequency"].typed
    expected = (counts["ac"] / counts["an"]).to_numpy()[hidden]
    np.testing.assert_allclose(results["frequency"].hds[hidden][:, 0, 0], expected, atol=5.1e-4)


def test_baselines_are_the_mean_over_phasings(folder, tmp_path):
    """What is imputed from either phasing, by hand averaged, is what both give; beagle_once knows the first only."""
    panel = Panel.load(folder / "panel.safetensors")
    common = ["--panel", folder / "panel.safetensors", "--roles", folder / "roles.tsv"]
    vcf = tmp_path / "phased.vcf.gz"
    run("phase", *common, "--typed-genotypes", folder / "targets.vcf.gz", "--out", vcf)
    first = read_genotypes(vcf, panel.sites)
    alleles = first.alleles.copy()
    alleles[len(alleles) // 2 :] = alleles[len(alleles) // 2 :, :, ::-1]
    second = replace(first, alleles=alleles)
    one, other, several = tmp_path / "one", tmp_path / "other", tmp_path / "several"
    for path, phasings in ((one, [first]), (other, [second]), (several, [first, second])):
        several_phasings.save_phasings(path, vcf, phasings)

    def imputed(name, phasings):
        out = tmp_path / "out.vcf.gz"
        run("baseline", name, *common, "--typed", folder / "typed.tsv", "--phasings", phasings, "--out", out)
        return read_imputed(out, panel.sites).ds, out.read_bytes()

    for name in ("beagle", "minimac4", "li_stephens", "copy_nearest"):
        (ds_one, _), (ds_other, _) = imputed(name, one), imputed(name, other)
        assert np.abs(ds_one - ds_other).max() > 0.1
        np.testing.assert_allclose(imputed(name, several)[0], (ds_one + ds_other) / 2, atol=2.1e-3)
    assert imputed("beagle_once", several)[1] == imputed("beagle", one)[1]
    assert imputed("frequency", several)[1] == imputed("frequency", one)[1]


def test_validation_samples_are_phased_as_targets_are(folder, tmp_path, monkeypatch):
    panel, roles = Panel.load(folder / "panel.safetensors"), pd.read_csv(folder / "roles.tsv", sep="\t")
    common = ["--panel", folder / "panel.safetensors", "--roles", folder / "roles.tsv"]
    names = roles.loc[roles["fold"] == "validation", "sample"].tolist()
    erased, again, kept = (tmp_path / f"{name}.vcf.gz" for name in ("erased", "again", "kept"))
    for out in (erased, again):
        run("phase-validation", *common, "--typed-genotypes", folder / "targets.vcf.gz", "--out", out)
    assert erased.read_bytes() == again.read_bytes()
    assert erased.with_name("erased.vcf.gz.tbi").exists()
    typed = read_genotypes(folder / "targets.vcf.gz", panel.sites)
    true_phase = panel.of_samples(names).alleles[typed.index].reshape(len(typed.index), -1, 2)
    found = read_genotypes(erased, panel.sites, names)
    assert found.complete
    np.testing.assert_array_equal(found.index, typed.index)
    np.testing.assert_array_equal(found.alleles.sum(axis=2), true_phase.sum(axis=2))
    assert not np.array_equal(found.alleles, true_phase)

    run("phase", *common, "--typed-genotypes", folder / "targets.vcf.gz", "--out", tmp_path / "phased.vcf.gz")
    tuned = tmp_path / "tuned.json"
    monkeypatch.setattr("ragimpute.baselines.tuning.GRID", {"ne": (50_000,), "err": (0.01,), "cluster": (0.0005,)})
    run("tune-beagle", *common, "--typed", folder / "typed.tsv", "--validation", erased, "--out", tuned)
    assert json.loads(tuned.read_text())["n_samples"] == len(names)

    monkeypatch.setenv("PATH", "")  # no Beagle needed
    run("phase-validation", *common, "--typed-genotypes", tmp_path / "phased.vcf.gz", "--out", kept)
    np.testing.assert_array_equal(read_genotypes(kept, panel.sites, names).alleles, true_phase)


def test_a_wrong_mask_is_noticed(folder, tmp_path):
    common = ["--panel", folder / "panel.safetensors", "--roles", folder / "roles.tsv"]
    typed = pd.read_csv(folder / "typed.tsv", sep="\t")
    typed["typed"] = typed["random1"]
    typed.to_csv(folder / "other.tsv", sep="\t", index=False)
    arguments = ["baseline", "frequency", *common, "--typed", folder / "other.tsv", "--out", folder / "x.vcf.gz"]
    found = read_genotypes(folder / "targets.vcf.gz", Panel.load(folder / "panel.safetensors").sites)
    several_phasings.save_phasings(tmp_path / "phasings", folder / "targets.vcf.gz", [found])
    arguments += ["--phasings", tmp_path / "phasings"]
    with pytest.raises(InputError, match="not those that"):
        run(*arguments)


def test_a_mask_that_leaves_nothing_to_score_is_refused_before_any_training(folder, tmp_path):
    out = ["--out", tmp_path / "typed.tsv", "--typed-genotypes", tmp_path / "targets.vcf.gz"]
    common = ["mask", "--panel", folder / "panel.safetensors", "--roles", folder / "roles.tsv", "--scored", *out]
    run(*common, "--sites", "0.3", "--targets", folder / "panel.vcf.gz")
    (tmp_path / "targets.vcf.gz").unlink()
    with pytest.raises(InputError, match=r"targets.vcf.gz: nothing to score: .* the \d+ typed ones"):
        run(*common, "--sites", "targets", "--targets", folder / "targets.vcf.gz")
    assert not (tmp_path / "targets.vcf.gz").exists()


def test_allele_policies_of_the_mask(folder, tmp_path):
    """REF and ALT of one panel site swapped in the targets: recoded and listed, or dropped and listed."""
    text = gzip.decompress((folder / "panel.vcf.gz").read_bytes()).decode()
    line = next(line for line in text.splitlines() if "\tsite7\t" in line)
    columns = line.split("\t")
    columns[3], columns[4] = columns[4], columns[3]
    columns[9:] = [genotype.translate(str.maketrans("01", "10")) for genotype in columns[9:]]
    (tmp_path / "swapped.vcf").write_text(text.replace(line, "\t".join(columns)))
    common = ["mask", "--panel", folder / "panel.safetensors", "--roles", folder / "roles.tsv", "--sites", "targets"]
    read = {}
    for name, file, policy in (
        ("sound", folder / "panel.vcf.gz", []),
        ("fixed", tmp_path / "swapped.vcf", []),
        ("dropped", tmp_path / "swapped.vcf", ["--swapped", "drop"]),
    ):
        out = [tmp_path / f"{name}.{suffix}" for suffix in ("typed.tsv", "vcf.gz", "dropped.tsv", "recoded.tsv")]
        names = ("--out", "--typed-genotypes", "--dropped", "--recoded")
        run(*common, "--targets", file, *policy, *(word for pair in zip(names, out, strict=True) for word in pair))
        lists = [pd.read_csv(path, sep="\t")["id"].tolist() for path in out[2:]]
        read[name] = (read_genotypes(out[1], Panel.load(folder / "panel.safetensors").sites), lists)
    np.testing.assert_array_equal(read["fixed"][0].alleles, read["sound"][0].alleles)
    assert len(read["dropped"][0].index) == len(read["sound"][0].index) - 1
    assert [lists for _, lists in read.values()] == [[[], []], [[], ["site7"]], [["site7"], []]]
