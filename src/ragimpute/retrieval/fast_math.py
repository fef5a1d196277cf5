"""Exponential and logarithm of float32 for numba loops: inlined, unlike libm's, so that a loop is vectorised."""

import numpy as np
from numba import njit

LOG2E = np.float32(1.4426950408889634)
LOG2 = np.float32(0.6931471805599453)
# 2^f on [0, 1): Chebyshev fit, relative error below 2e-7
EXP2 = np.array([1.0, 6.931471e-1, 2.402265e-1, 5.550357e-2, 9.617037e-3, 1.339887e-3, 1.546188e-4], np.float32)
SQRT_HALF_BITS = np.int32(0x3F3504F3)  # of float32(sqrt(1/2))


@njit(fastmath={"contract"}, cache=True, inline="always")
def exp(x):
    """exp(x) for float32 `x` up to 88; below -87 it stays at the smallest normal number."""
    y = max(x * LOG2E, np.float32(-126.0))
    whole = np.floor(y)
    f = y - whole
    power = np.int32(np.int32(np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)  # 2^whole
    poly = EXP2[5] + f * EXP2[6]
    poly = EXP2[4] + f * poly
    poly = EXP2[3] + f * poly
    poly = EXP2[2] + f * poly
    poly = EXP2[1] + f * poly
    return (EXP2[0] + f * poly) * power


@njit(fastmath={"contract"}, cache=True, inline="always")
def log(x):
    """Natural logarithm of a positive normal float32, to 1e-7.

    log(2^e m) = e log 2 + 2 artanh((m - 1) / (m + 1)), m in [sqrt(1/2), sqrt(2)); five terms of the series.
    """
    bits = np.float32(x).view(np.int32)
    exponent = np.int32(np.int32(bits - SQRT_HALF_BITS) >> np.int32(23))
    mantissa = np.int32(bits - np.int32(exponent << np.int32(23))).view(np.float32)
    s = (mantissa - np.float32(1.0)) / (mantissa + np.float32(1.0))
    z = s * s
    series = np.float32(1 / 7) + z * np.float32(1 / 9)
    series = np.float32(1.0) + z * (np.float32(1 / 3) + z * (np.float32(1 / 5) + z * series))
    return np.float32(exponent) * LOG2 + np.float32(2.0) * s * series
