"""How the kernels are compiled: once per machine (cached on disk), releasing the GIL so that windows run in threads.

The cache of a kernel is renewed when its own file changes, not when this file or an inlined function's does: after such
a change delete ``solve/__pycache__``.
"""

from collections.abc import Callable
from typing import Any

import numba

# Not "nnan" and "ninf": tests for missing values must survive the optimiser.
_FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel at its first call; reassociation and contraction are allowed, NaN is honoured."""
    return numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")(function)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A small function that kernels call in their innermost loop."""
    return numba.njit(nogil=True, fastmath=_FAST, error_model="numpy")(function)
