"""Pairs of files that are both changed at random: no traceback, no disagreement, no silent loss, no other genotype.

The records are counted after each run by a plain reader (`accounting`, called by conftest.py), which also reads the
typed genotypes again: where a record of the targets has the alleles of the panel as they stand, the output has them.
"""

from collections import Counter
from pathlib import Path

import pytest

import ragimpute
from accounting import lines_of, plain
from check_cases import phased_at_random
from fuzz_pairs import Pair, mutated_pair
from ragimpute.errors import InputError
from ragimpute.imputation.impute import impute
from ragimpute.models.pretrained import DEFAULT

N_SEEDS = 24
Key = tuple[str, str, str, str]


def genotypes(path: Path, flag: str = "") -> dict[Key, list[list[str]]]:
    """Record -> the alleles of each sample, sorted; of records alone at their position, with `flag` in INFO."""
    _, *lines = lines_of(path)
    rows = [line.rstrip("\r").split("\t") for line in lines]
    counts = Counter((plain(row[0]), row[1]) for row in rows)
    found = {}
    for row in rows:
        is_flagged = not flag or flag in row[7].split(";")
        if is_flagged and counts[plain(row[0]), row[1]] == 1 and row[8].split(":")[0] == "GT":
            texts = [gt.split(":")[0].lstrip("|/").replace("|", "/") for gt in row[9:]]
            found[plain(row[0]), row[1], row[3].upper(), row[4].upper()] = [sorted(gt.split("/")) for gt in texts]
    return found


def assert_typed_genotypes_are_kept(made: Pair, out: Path) -> int:
    """How many genotypes were compared."""
    ours, imputed = genotypes(made.targets), genotypes(out, "TYPED")
    compared = 0
    for key in ours.keys() & imputed.keys():
        for given, kept in zip(ours[key], imputed[key], strict=True):
            if given in (["0", "0"], ["0", "1"], ["1", "1"]):
                assert kept == given, key
                compared += 1
    return compared


def outcome_of(made: Pair, folder: Path) -> int:
    """Check and impute a pair. Returns how many typed genotypes the output keeps; -1 where the pair is refused."""
    arguments = {"reference": made.reference, "targets": made.targets, **made.options}
    one_region = made.options.get("region")
    if isinstance(one_region, list):
        errors = None  # `check` takes one region
    else:
        try:
            errors = [str(one) for one in ragimpute.check(**arguments, threads=1) if one.level == "error"]
        except InputError as error:
            errors = [str(error)]
    out = folder / "o.vcf.gz"
    said = ""
    try:
        impute(**arguments, threads=1, n_phasings=1, model=DEFAULT, out=out)
    except InputError as error:
        said = str(error)
        assert "\n" not in said
        assert not out.exists()
    assert errors is None or bool(errors) == bool(said), (errors, said)
    return -1 if said else assert_typed_genotypes_are_kept(made, out)


@pytest.mark.parametrize("seeds", [range(N_SEEDS), pytest.param(range(1000, 1400), marks=pytest.mark.long)], ids=str)
def test_pairs_that_are_changed_are_read_alike_or_refused(tmp_path, monkeypatch, seeds):
    monkeypatch.setattr("ragimpute.imputation.inputs.phase_repeatedly", phased_at_random)
    compared = []
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        made = mutated_pair(seed, folder)
        try:
            compared.append(outcome_of(made, folder))
        except Exception as error:
            raise AssertionError(f"seed {seed}, {made.changes}, {made.options}: {error!r}") from error
    n_refused = compared.count(-1)
    assert 0 < n_refused < len(compared)  # changes that break everything, or nothing, would test nothing
    assert sum(number for number in compared if number > 0) > 100 * (len(compared) - n_refused)
