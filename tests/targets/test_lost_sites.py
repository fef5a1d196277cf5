"""Typed sites that the panel's unusable records cost: said, and an error beyond a share, by `impute` and by `check`."""

import pytest

from check_cases import pair, with_genotypes
from ragimpute.check.all_checks import check_inputs
from ragimpute.errors import InputError
from ragimpute.imputation.impute import impute

MISSING, UNPHASED = with_genotypes(".|.", 3), with_genotypes("0/1", 1)  # of 30 samples


def written(folder, change, step):
    """A panel of which each `step`-th record is spoilt, all but the third of each three typed; the two paths."""
    panel, targets = pair()
    panel.each(change, step)
    paths = folder / "p.vcf", folder / "t.vcf"
    for path, vcf in zip(paths, (panel, targets), strict=True):
        path.write_text(vcf.text())
    return paths


def levels(paths, **options) -> list[str]:
    return [f.level for f in check_inputs(*paths, **options) if f.code == "lost-sites"]


@pytest.mark.parametrize(("change", "reason"), [(MISSING, "missing"), (UNPHASED, "unphased")])
def test_losing_more_than_a_tenth_is_an_error_that_names_the_options(tmp_path, change, reason):
    paths = written(tmp_path, change, 4)
    message = rf"p\.vcf: 25 of the 100 typed sites are lost.*\(25 {reason}\).*--panel-missing or --max-lost-sites"
    with pytest.raises(InputError, match=message):
        impute(reference=paths[0], targets=paths[1], out=tmp_path / "out.vcf.gz")
    assert not (tmp_path / "out.vcf.gz").exists()
    assert levels(paths) == ["error"]
    assert levels(paths, max_lost_sites=1) == ["warning"]
    filled = levels(paths, panel_missing=0.1)
    assert filled == ([] if reason == "missing" else ["error"])


def test_losing_less_is_said_by_check(tmp_path):
    assert levels(written(tmp_path, MISSING, 20)) == ["warning"]
    few = with_genotypes(".|.", 1)
    paths = written(tmp_path, few, 4)
    assert levels(paths) == []
    said = [f.message for f in check_inputs(*paths) if f.code == "filled"]
    assert said == ["missing genotypes are filled in: 38, in 38 records"]


def test_records_lost_for_their_alleles_do_not_count(tmp_path):
    paths = written(tmp_path, lambda row: [*row[:3], "<DEL>", *row[4:]], 4)
    assert levels(paths) == []
