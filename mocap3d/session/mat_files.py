"""MATLAB's .mat files, of version 5 and of 7.3 (HDF5), as plain arrays."""

from pathlib import Path
from typing import Any

import numpy as np

from mocap3d.errors import FormatError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_mat(path: Path) -> dict[str, Any]:
    """Variables by name; structs become objects with attributes, cells object arrays (version 5 only).

    Arrays of 7.3 files come with their axes in MATLAB's order.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not path.is_file():
        raise FormatError(f"{path}: there is no such file. Needed: a .mat file.")
    if _is_hdf5(path):
        return _read_hdf5(path)
    try:
        return loadmat(str(path), squeeze_me=True, struct_as_record=False)
    except (ValueError, TypeError, OSError, NotImplementedError, MatReadError) as error:
        raise FormatError(f"{path}: not readable as a .mat file ({error}). Get it from its source again.") from error


def _is_hdf5(path: Path) -> bool:
    """MATLAB puts 512 bytes before the signature, other programs none."""
    with path.open("rb") as file:
        head = file.read(520)
    return _SIGNATURE in (head[:8], head[512:520])


def _read_hdf5(path: Path) -> dict[str, Any]:
    import h5py

    try:
        with h5py.File(path) as file:
            return {
                name: np.asarray(item).T
                for name, item in file.items()
                if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf"
            }
    except OSError as error:
        raise FormatError(f"{path}: not readable as a .mat file ({error}). Get it from its source again.") from error
