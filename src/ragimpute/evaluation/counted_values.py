"""Values of which each stands for as many equal ones as it was counted: their quantiles, and sums by value."""

import numpy as np


def counted_quantiles(values: np.ndarray, counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """What `numpy.quantile` gives at `shares` [Q] for values [V], increasing, of which each is there counts [V] times.

    [Q] float64, linear between neighbours; V must not be 0.
    """
    ends = np.cumsum(counts)
    total = ends[-1]
    place = (total - 1) * shares
    below = np.floor(place)
    part = place - below
    last = len(values) - 1
    at = np.searchsorted(ends, below, side="right")
    lower = values[at]
    following = np.searchsorted(ends, below + 1, side="right")
    next_at = np.minimum(following, last)
    upper = values[next_at]
    step = upper - lower
    # as numpy rounds
    rise = step * part
    fall = step * (1 - part)
    from_below = lower + rise
    from_above = upper - fall
    return np.where(part >= 0.5, from_above, from_below)


def sums_by_key(keys: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """The distinct keys [V], increasing, of keys [E], and of each column [E] its sum over the rows of each key [V]."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    is_first = np.ones(len(ordered), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(is_first)
    if not len(starts):
        return keys, *columns
    sums = [np.add.reduceat(column[order], starts) for column in columns]
    return ordered[starts], *sums
