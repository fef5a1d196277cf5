"""The leave-one-out r2 of typed sites; tests/retrieval/test_candidates.py has that of large panels."""

import numpy as np
import pytest

from ragimpute.imputation.left_out import correlation


def test_missing_alleles_count_for_nothing():
    observed = np.array([[0, 1, 1, 0, -1, -1]], dtype=np.int8)
    dosages = np.array([[0.1, 0.9, 0.6, 0.3, 0.9, 0.0]])
    r2 = correlation(dosages, observed, np.array([False, True]))
    assert np.isnan(r2[0])
    assert r2[1] == pytest.approx(np.corrcoef(dosages[0, :4], observed[0, :4])[0, 1] ** 2, abs=1e-6)
