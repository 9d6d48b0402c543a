"""Pickles of data sets, read without running anything in them.

A pickle can name any function and call it. Here it may name only what rebuilds numpy arrays, sparse matrices and plain
containers; what Python 2 wrote is understood.
"""

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

from mocap3d.errors import FormatError

_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
    ("scipy.sparse.csc", "csc_matrix"),
    ("scipy.sparse._csc", "csc_matrix"),
}
_BUILTINS = {
    "bytes",
    "set",
    "frozenset",
    "list",
    "dict",
    "tuple",
    "bytearray",
    "complex",
    "range",
    "slice",
    "int",
    "float",
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Refuses everything that is not on the list."""
        builtin = module in ("builtins", "__builtin__") and name in _BUILTINS
        if not builtin and (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it calls {module}.{name}, which data does not need")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_pickle(path: Path) -> Any:
    """What a pickle of numpy arrays and plain containers holds; FormatError for any other, before it does anything."""
    return unpickled(path.read_bytes(), path)


def unpickled(content: bytes, path: Path) -> Any:
    """The same of a pickle that lies inside a file; ``path`` is for the message."""
    try:
        return _Restricted(BytesIO(content), encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise FormatError(
            f"{path}: refused ({error}). Needed: a pickle of arrays and plain lists. Get the file from its source."
        ) from error
    except (EOFError, ValueError, TypeError, AttributeError, ImportError, IndexError, KeyError, UnicodeError) as error:
        raise FormatError(
            f"{path}: not readable as a pickle ({error!r}). Get the file from its source again."
        ) from error
