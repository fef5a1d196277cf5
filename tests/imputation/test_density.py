"""How dense an array is, by which it is decided how many neighbours and phasings are worth their time."""

import numpy as np
import pandas as pd
import pytest

from mosaic import mosaic_panel
from ragimpute.errors import InputError
from ragimpute.imputation.engine import Engine
from ragimpute.imputation.inputs import ImputationInputs
from ragimpute.imputation.work_size import WorkSize
from ragimpute.targets.genotypes import TargetGenotypes
from ragimpute.targets.several_phasings import WHERE_SPARSE, phasings_worth_it
from two_chromosomes import joined, stretched


def test_each_chromosome_has_its_own_density() -> None:
    """400 typed sites within 1 cM of the one, 100 within 50 cM of the other: 400 and 2 per cM."""
    panel = joined(
        stretched(mosaic_panel(8, 400, 4, seed=1), "20", 1.0), stretched(mosaic_panel(8, 100, 4, seed=2), "21", 50.0)
    )
    index = np.arange(500)
    alleles = panel.alleles[:, :2].reshape(500, 1, 2).astype(np.int8)
    targets = TargetGenotypes(("x",), index, alleles, np.zeros((500, 1), dtype=bool), pd.DataFrame())
    engine = Engine(panel, [targets], None, WorkSize())
    densities = {str(panel.sites.chrom[window.first]): engine.density(window) for window, _ in engine.windows()}
    assert densities == pytest.approx({"20": 400.0, "21": 2.0})
    assert phasings_worth_it(panel.sites, targets) == {"20": 1, "21": WHERE_SPARSE}


def test_a_seed_below_zero_is_refused_before_the_work(tmp_path) -> None:
    with pytest.raises(InputError, match="seed -1: a number from 0 is needed"):
        ImputationInputs(reference=tmp_path, targets=tmp_path, seed=-1)
