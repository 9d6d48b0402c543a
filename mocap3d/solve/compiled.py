"""Whether kernels are still to be compiled: half a minute that a user should be told of, once per machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def is_compiled(kernel: Callable[..., Any]) -> bool:
    """Whether numba's cache on disk holds the kernel, and is no older than its source."""
    stats = getattr(kernel, "stats", None)
    if stats is None:  # numba is switched off: nothing will be compiled
        return True
    code = getattr(kernel, "py_func").__code__  # noqa: B009, a dispatcher's attribute, unknown to type checkers
    source_s = Path(code.co_filename).stat().st_mtime
    index = Path(stats.cache_path).glob(f"*.{code.co_name}-{code.co_firstlineno}.*.nbi")
    return any(path.stat().st_mtime >= source_s for path in index)
