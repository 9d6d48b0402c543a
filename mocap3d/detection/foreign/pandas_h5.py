"""A table of numbers that pandas wrote to HDF5, read without pandas or PyTables.

Both layouts of ``DataFrame.to_hdf`` are read: ``format="table"`` and ``"fixed"``. Column labels of the former are
pickles; they are read by an unpickler that knows strings, numbers, lists and tuples and nothing else, so no code runs.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float, Int

from mocap3d.errors import DetectionError

Columns = list[tuple[str, ...]]


class _PlainUnpickler(pickle.Unpickler):
    """Refuses every class and function: what is left cannot run anything."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        raise pickle.UnpicklingError(f"refused to load {module_name}.{global_name}")


def read_frame(file: Path) -> tuple[Columns, Int[np.ndarray, " n"], Float[np.ndarray, "n c"]]:
    """Column labels (one tuple per column), row index, and values of the only table in the file."""
    try:
        with h5py.File(file) as h5:
            groups = [g for g in h5.values() if isinstance(g, h5py.Group) and "pandas_type" in g.attrs]
            if len(groups) != 1:
                raise DetectionError(
                    f"{file} holds {len(groups)} pandas tables; needed is one. Is it DeepLabCut's output?"
                )
            return _read_table(groups[0]) if "table" in groups[0] else _read_fixed(groups[0])
    except (OSError, KeyError, ValueError, IndexError, TypeError, pickle.UnpicklingError) as error:
        raise DetectionError(
            f"{file} is no table of numbers as pandas writes it to HDF5 ({error}). Export it as CSV from DeepLabCut, "
            "and put that there instead."
        ) from None


def _read_table(group: Any) -> tuple[Columns, Int[np.ndarray, " n"], Float[np.ndarray, "n c"]]:
    rows = group["table"][:]
    attributes = group["table"].attrs
    blocks = sorted(name for name in rows.dtype.names if name.startswith("values_block_"))
    columns = [tuple(map(str, label)) for block in blocks for label in _unpickled(attributes[f"{block}_kind"])]
    values = np.concatenate([rows[block].reshape(len(rows), -1) for block in blocks], axis=1)
    return columns, rows["index"].astype(np.int64), values.astype(np.float64)


def _read_fixed(group: Any) -> tuple[Columns, Int[np.ndarray, " n"], Float[np.ndarray, "n c"]]:
    columns: Columns = []
    values = []
    for block in range(int(group.attrs["nblocks"])):
        levels = []
        for level in range(int(group.attrs[f"block{block}_items_nlevels"])):
            names = group[f"block{block}_items_level{level}"].asstr()[:]
            levels.append(names[group[f"block{block}_items_label{level}"][:]])
        columns += list(zip(*levels, strict=True))
        values.append(group[f"block{block}_values"][:])
    return columns, group["axis1"][:].astype(np.int64), np.concatenate(values, axis=1).astype(np.float64)


def _unpickled(attribute: Any) -> Any:
    return _PlainUnpickler(io.BytesIO(bytes(attribute))).load()
