"""The acceleration prior as a filter: what it lets through, and what doubt it leaves.

For information h per instant and a second-difference weight w, the solution is the data filtered by
``G = m / (m + D2)`` with ``m = h / w`` and ``D2(omega) = (2 - 2 cos omega)^2`` (Whittaker smoothing; Eilers, 2003), and
its posterior variance is ``F(m) / w`` with ``F(m) = mean over omega of 1 / (m + D2)``.
"""

from functools import cache

import numpy as np

N_FREQUENCIES = 512
_LOG_M = np.linspace(-9, 6, 301)
"""log10 of the tabulated m: from hundreds of instants smoothed together to none."""


@cache
def frequencies() -> np.ndarray:
    """Angles per instant in (0, pi), denser towards 0 where a strong prior is decided; with :func:`weights`."""
    edges = np.linspace(0, 1, N_FREQUENCIES + 1) ** 3 * np.pi
    return (edges[1:] + edges[:-1]) / 2


@cache
def weights() -> np.ndarray:
    """Quadrature weights of :func:`frequencies`; they sum to 1."""
    return np.diff(np.linspace(0, 1, N_FREQUENCIES + 1) ** 3)


def second_difference_power(omega: np.ndarray) -> np.ndarray:
    """``D2``: squared gain of the second difference."""
    return (2 - 2 * np.cos(omega)) ** 2


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    power = second_difference_power(frequencies())
    value = [(weights() / (m + power)).sum() for m in 10**_LOG_M]
    return np.log(10**_LOG_M), np.log(value)


def doubt(m: np.ndarray) -> np.ndarray:
    """``F(m)``."""
    log_m, log_f = _table()
    return np.exp(np.interp(np.log(m), log_m, log_f))


def table() -> tuple[np.ndarray, np.ndarray]:
    """(log m, log F(m)), m rising, for kernels that need the inverse."""
    return _table()


@cache
def grid() -> np.ndarray:
    """Values of m at which :func:`noise_part` and :func:`prior_part` are given, rising."""
    return 10.0 ** np.linspace(-8, 5, 53)


@cache
def _kernel() -> np.ndarray:
    power = second_difference_power(frequencies())
    return weights() / (grid()[:, None] + power) ** 2


def noise_part(noise_power: np.ndarray) -> np.ndarray:
    """Variance times w over :func:`grid` that noise leaves; its power (... f) over :func:`frequencies`, white: 1."""
    return grid() * (noise_power @ _kernel().T)


def prior_part(motion_power: np.ndarray) -> np.ndarray:
    """Variance times w over :func:`grid` that smoothing takes off a motion.

    motion_power (... f): power of its acceleration over :func:`frequencies`, relative to the prior's.
    """
    return (motion_power * second_difference_power(frequencies())) @ _kernel().T


@cache
def rational(log10_low: int, log10_high: int) -> tuple[np.ndarray, np.ndarray]:
    """Few (shift, coefficient) with ``F(m) = sum coefficient / (m + shift)`` within 3 % for m in the given decades.

    With them F of a matrix costs one sparse inverse per shift instead of an eigendecomposition.
    """
    from scipy.optimize import nnls  # half a second, which commands that solve nothing need not wait

    m = 10.0 ** np.linspace(log10_low, log10_high, 80)
    # The greatest possible D2 is 16; below the range F goes on rising, so one node lies there.
    shifts = 10 ** np.linspace(log10_low - 0.6, np.log10(16), 3 + 2 * (log10_high - log10_low) // 3)
    target = doubt(m)
    coefficients, _ = nnls(1 / (m[:, None] + shifts) / target[:, None], np.ones(len(m)))
    used = coefficients > 0
    return shifts[used], coefficients[used]
