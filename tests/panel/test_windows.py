"""The windows of a panel."""

import numpy as np
import pytest

from mosaic import mosaic_panel
from ragimpute.panel import windows as panel_windows
from ragimpute.panel.windows import Window, windows


def cm_of(panel, window: Window) -> np.ndarray:
    return panel.sites.cm[window.start : window.stop]


@pytest.fixture(scope="module")
def panel():
    return mosaic_panel(n_samples=16, n_sites=400)


def test_cores_are_all_sites_once_and_margins_lie_around_them(panel) -> None:
    length = float(np.ptp(panel.sites.cm))
    found = list(windows(panel, core_cm=length / 4.5, margin_cm=length / 20))
    assert len(found) == 5
    assert [site for window in found for site in range(window.first, window.last)] == list(range(400))
    for window in found:
        assert window.start <= window.first < window.last <= window.stop
        around = panel.sites.cm[[window.first, window.last - 1]]
        inside = (panel.sites.cm >= around[0] - length / 20) & (panel.sites.cm <= around[1] + length / 20)
        assert np.flatnonzero(inside).tolist() == list(range(window.start, window.stop))


def test_a_window_reaches_the_typed_sites_beside_its_core(panel) -> None:
    window = Window(90, 100, 200, 210)
    assert window.reaching(np.array([10, 150, 390])) == Window(10, 100, 200, 391)
    assert window.reaching(np.array([95, 100, 199, 205])) == window
    assert window.reaching(np.array([5])) == Window(5, 100, 200, 210)


def test_cores_are_shorter_where_a_panel_is_large(panel, monkeypatch) -> None:
    assert len(list(windows(panel, margin_cm=0.001))) == 1
    monkeypatch.setattr(panel_windows, "LEAST_CORE_CM", 0.01)
    monkeypatch.setattr(panel_windows, "WINDOW_BYTES", 400 * 4 // 3)
    found = list(windows(panel, margin_cm=0.001))
    assert len(found) > 2
    assert max((window.stop - window.start) * 4 for window in found) <= 1.5 * (400 * 4 // 3)
