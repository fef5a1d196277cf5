"""The check of several chromosomes, each with its own files."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import ragimpute
from check_cases import Vcf, pair, phased_at_random, swap
from ragimpute.imputation.impute import impute
from ragimpute.models.pretrained import DEFAULT

CHROMOSOMES = ("20", "21", "22")


@pytest.fixture(autouse=True)
def no_beagle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragimpute.imputation.inputs.phase_repeatedly", phased_at_random)
    monkeypatch.setattr("ragimpute.check.left_out_window.phase_repeatedly", phased_at_random)


def genome(folder: Path, spoil: Callable[[str, Vcf], object], typed: Sequence[str] = CHROMOSOMES) -> dict[str, Path]:
    """The same records on each chromosome; `spoil` changes the targets of one, only some are `typed`."""
    for chrom in CHROMOSOMES:
        panel, targets = pair()
        for vcf in (panel, targets):
            vcf.contig, vcf.length = chrom, 80_000_000
            vcf.each(lambda row, chrom=chrom: [chrom, *row[1:]])
        spoil(chrom, targets)
        (folder / f"p.chr{chrom}.vcf").write_text(panel.text())
        if chrom in typed:
            (folder / f"t.chr{chrom}.vcf").write_text(targets.text())
    name = "t.chr{chrom}.vcf" if len(typed) > 1 else f"t.chr{typed[0]}.vcf"
    return {"reference": folder / "p.chr{chrom}.vcf", "targets": folder / name}


def test_equal_counts_of_chromosomes_of_one_file_are_all_told(tmp_path: Path) -> None:
    files = genome(tmp_path, lambda _, targets: targets.each(swap, 10))
    texts = [(tmp_path / f"t.chr{chrom}.vcf").read_text() for chrom in CHROMOSOMES]
    contigs = "".join(f"##contig=<ID={chrom}>\n" for chrom in CHROMOSOMES[1:])
    rows = [line for text in texts[1:] for line in text.splitlines() if not line.startswith("#")]
    joined = texts[0].replace("##FORMAT", f"{contigs}##FORMAT", 1) + "\n".join(rows) + "\n"
    targets = tmp_path / "t.vcf"
    targets.write_text(joined)
    findings = ragimpute.check(reference=files["reference"], targets=targets)
    swapped = [finding.message for finding in findings if finding.code == "recoded"]
    assert [text.split(":")[0] for text in swapped] == list(CHROMOSOMES)
    assert all("10 alleles swapped" in text for text in swapped)


def test_other_samples_on_a_chromosome_are_a_warning(tmp_path: Path) -> None:
    def rename(chrom: str, targets: Vcf) -> None:
        if chrom == "21":
            targets.samples = [f"B{name}" for name in targets.samples]

    files = genome(tmp_path, rename)
    findings = ragimpute.check(**files)
    assert not [str(finding) for finding in findings if finding.level == "error"]
    [found] = [finding for finding in findings if finding.code == "other-samples"]
    assert found.level == "warning"
    assert "--out with {chrom}" in found.message
    impute(**files, out=tmp_path / "o.chr{chrom}.vcf.gz", threads=1, n_phasings=1, model=DEFAULT)


def test_the_accuracy_is_told_where_one_chromosome_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragimpute.check.forecast.MOST_STRETCHES", 1)  # of three files
    files = genome(tmp_path, lambda *_: None, typed=["20"])
    [found] = [one for one in ragimpute.check(**files, expected_accuracy=True) if one.code == "expected-accuracy"]
    assert "expected r2 at untyped sites" in found.message


def test_left_out_samples_of_several_chromosomes_are_counted_once(tmp_path: Path) -> None:
    files = genome(tmp_path, lambda *_: None)
    [found] = [one for one in ragimpute.check(**files, expected_accuracy=True) if one.code == "expected-accuracy"]
    assert 20 <= found.numbers["left_out_samples"] <= 30  # of the panel's 30
