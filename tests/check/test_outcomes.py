"""Each kind of input has its right outcome, by `check` and by `impute`: the cases of `outcome_cases`."""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ragimpute
from check_cases import Vcf, pair, phased_at_random
from outcome_cases import CASES, MAPS, Case
from outcome_changes import N_SITES, Files, with_map
from outcomes import ROWS, rows_with_too_few
from ragimpute.check.findings import Finding
from ragimpute.check.records_left_out import UNMATCHED
from ragimpute.errors import InputError
from ragimpute.imputation.impute import impute
from ragimpute.imputation.result import ImputationResult
from ragimpute.imputation.site_choice import UNTYPED_CHROMOSOME
from ragimpute.models.pretrained import DEFAULT
from ragimpute.tables import counts_by_reason

NOT_OF_CHECK = ("keep_samples", "max_missing", "set_ids")  # options of `impute` alone, which `check` does not judge
# reasons of records that could be used, of which `check` says otherwise how many there are
OTHERWISE = (*UNMATCHED, UNTYPED_CHROMOSOME)
OPTIONS = {"threads": 1, "n_phasings": 1, "model": DEFAULT}


@pytest.fixture(autouse=True)
def no_beagle(monkeypatch):
    monkeypatch.setattr("ragimpute.imputation.inputs.phase_repeatedly", phased_at_random)


def written(folder: Path, case: Case) -> Files:
    panel, targets = pair()
    case.spoil(panel, targets)
    files = {"reference": folder / "p.vcf", "targets": folder / "t.vcf"}
    files["reference"].write_text(case.panel_text(panel.text()))
    files["targets"].write_text(case.text(targets.text()))
    return files | case.files(folder, files)


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> np.ndarray:
    """The dosages of the sound pair."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ragimpute.imputation.inputs.phase_repeatedly", phased_at_random)
        files = written(tmp_path_factory.mktemp("sound"), Case("the sound pair"))
        return impute(**files, **OPTIONS).dosages


def findings_of(arguments: dict) -> list[Finding]:
    """The findings of `check`; an error may also be raised."""
    try:
        return ragimpute.check(**arguments)
    except InputError as error:
        return [Finding("error", "", "raised", str(error))]


def unusable_by_check(findings: list[Finding]) -> dict[str, int]:
    """Reason -> how many records of both files cannot be used, as `check` says."""
    found: Counter[str] = Counter()
    for finding in findings:
        if finding.code == "unusable-records":
            found.update(finding.numbers["reasons"])
        if finding.level == "warning" and finding.code in ("missing", "phase"):
            reason = "missing" if finding.code == "missing" else "unphased"
            found[reason] += finding.numbers["records"]
    return dict(found)


EVERY = [(row, case) for row, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(("row", "case"), EVERY, ids=[f"{row}: {case.input}" for row, case in EVERY])
def test_each_kind_of_input_has_its_outcome(row, case: Case, tmp_path, caplog, sound, outcome):
    arguments: dict = written(tmp_path, case) | case.options
    of_check = {name: value for name, value in arguments.items() if name not in NOT_OF_CHECK}
    is_judged = of_check == arguments
    findings = findings_of(of_check)
    errors = [str(finding) for finding in findings if finding.level == "error"]
    result = None
    with caplog.at_level(logging.INFO, logger="ragimpute"):
        caplog.clear()
        try:
            result = impute(**arguments, **OPTIONS, out=tmp_path / "o.vcf.gz")
            said = caplog.text
        except InputError as error:
            said = str(error)
    assert [word for word in case.words if word not in said] == [], said
    assert [word for word in case.absent if word in said] == [], said
    assert (1 if result is None else 0) == case.code, said
    assert bool(errors) == bool(case.code) or not is_judged, errors
    text = said if result is None else _succeeded(case, result, sound)
    if result is not None and is_judged:
        listed = counts_by_reason(result.dropped)
        assert unusable_by_check(findings) == {reason: n for reason, n in listed.items() if reason not in OTHERWISE}
    if case.by_frequency:
        _by_frequency(case, result, arguments["reference"])
    outcome(row, case.input, "impute", case.code, text)
    if is_judged:
        outcome(row, case.input, "check", case.code, errors[0] if errors else "no error")


def _succeeded(case: Case, result: ImputationResult, sound: np.ndarray) -> str:
    """What a run has made of a case, which must be right."""
    facts = result.summary
    if case.typed >= 0:
        assert facts["typed_sites"] == case.typed
    if case.as_sound:
        np.testing.assert_array_equal(result.dosages, sound)
    dropped = counts_by_reason(result.dropped)
    assert dropped == case.dropped or not case.dropped
    recoded = counts_by_reason(result.recoded)
    assert recoded == case.recoded or not case.recoded
    listed = [f"{n} records dropped: {reason}" for reason, n in dropped.items()]
    listed += [f"{n} records: {reason}" for reason, n in recoded.items()]
    same = ", as from the sound files" if case.as_sound else ""
    listed += [f"said: {word}" for word in case.words]
    return "; ".join([f"{facts['typed_sites']} typed and {facts['imputed_sites']} imputed sites{same}", *listed])


def _by_frequency(case: Case, result: ImputationResult | None, reference: Path) -> None:
    """The samples' dosages at untyped sites are those of the frequencies, counted in the lines of the panel."""
    assert result is not None
    lines = [line.split("\t") for line in reference.read_text().splitlines() if line[0] != "#"]
    dosages = np.array([2 * "".join(line[9:]).count("1") / (2 * len(line[9:])) for line in lines])
    untyped = ~result.typed
    for sample in case.by_frequency:
        np.testing.assert_allclose(result.dosages[untyped, sample], dosages[untyped], atol=0.0011)


def test_layouts_of_a_map_give_the_same_dosages(tmp_path):
    found = []
    for number, text in enumerate(MAPS.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        files = written(folder, Case("", files=with_map(text)))
        found.append(impute(**files, **OPTIONS).dosages)
    assert len(found[0]) == N_SITES
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def phased(panel: Vcf, targets: Vcf) -> None:
    targets.each(lambda row: [*row[:4], *(gt.replace("/", "|") for gt in row[4:])])


def some(first: int, stop: int) -> Callable[[Vcf, Vcf], None]:
    """Phased targets, of whom some are left."""

    def spoil(panel: Vcf, targets: Vcf) -> None:
        phased(panel, targets)
        targets.samples = targets.samples[first:stop]
        targets.each(lambda row: [*row[:4], *row[4 + first : 4 + stop]])

    return spoil


@pytest.mark.parametrize(("first", "stop"), [(0, 1), (3, 6), (6, 12)])
def test_phased_samples_alone_or_in_a_batch(first, stop, tmp_path, sound, outcome):
    result = impute(**written(tmp_path, Case("", some(first, stop))), **OPTIONS)
    np.testing.assert_array_equal(result.dosages, sound[:, first:stop])  # the order in a genotype is its phase there
    of_input = f"phased targets {first + 1} to {stop} of twelve"
    outcome("alone or in a batch", of_input, "impute", 0, "the dosages are those of the twelve together")


@pytest.mark.parametrize("n_samples", [1, 2, 12])
def test_that_a_batch_is_phased_together_is_said(n_samples, tmp_path, caplog, outcome):
    def spoil(panel: Vcf, targets: Vcf) -> None:
        targets.samples = targets.samples[:n_samples]
        targets.each(lambda row: row[: 4 + n_samples])

    with caplog.at_level(logging.INFO, logger="ragimpute"):
        impute(**written(tmp_path, Case("", spoil)), **OPTIONS)
    words = f"the {n_samples} targets are phased together: alone or in another batch a sample may be phased otherwise"
    assert (words in caplog.text) == (n_samples > 1)
    said = words if n_samples > 1 else "nothing is said"
    outcome("alone or in a batch", f"{n_samples} unphased targets", "impute", 0, said)


def test_the_rows_of_the_table_are_known_and_a_row_with_two_inputs_is_told():
    assert set(CASES) <= set(ROWS)
    two = [("maps", f"input {number}", "impute", "0", "imputed") for number in range(2)]
    assert rows_with_too_few(two)["maps"] == 2
    assert "maps" not in rows_with_too_few([*two, ("maps", "another", "impute", "0", "imputed")])
