"""All people as one tidy Parquet table: a row per instant, person and keypoint, with the whole covariance."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from mocap3d.export.axes import WORLD
from mocap3d.export.description import PROVENANCE_WORDS, describe
from mocap3d.session.files import write_atomically
from mocap3d.session.records import Points3D

_WORDS = pa.dictionary(pa.int32(), pa.string())
_UPPER = (("xx", 0, 0), ("xy", 0, 1), ("xz", 0, 2), ("yy", 1, 1), ("yz", 1, 2), ("zz", 2, 2))
_ROWS_PER_GROUP = 131_072


def write_parquet(points: Points3D, path: Path) -> None:
    """Position and covariance (m, m2, world), ``sigma`` along the worst axis, provenance and views; missing is null.

    The schema's metadata states axes, units, rate and program. Written row group by row group: memory stays small.
    """
    schema = _schema(points)
    rows_per_instant = max(1, len(points.people) * len(points.skeleton.keypoints))
    instants_per_group = max(1, _ROWS_PER_GROUP // rows_per_instant)
    with write_atomically(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for start in range(0, len(points.t_s), instants_per_group):
            writer.write_table(_table(points, slice(start, start + instants_per_group), schema))


def _schema(points: Points3D) -> pa.Schema:
    numbers = ["x", "y", "z", *(f"cov_{name}" for name, _, _ in _UPPER), "sigma"]
    return pa.schema(
        [
            ("frame", pa.int32()),
            ("t_s", pa.float64()),
            ("person", _WORDS),
            ("keypoint", _WORDS),
            *((name, pa.float64()) for name in numbers),
            ("provenance", _WORDS),
            ("n_views", pa.int8()),
        ],
        metadata=describe(points, WORLD),
    )


def _table(points: Points3D, part: slice, schema: pa.Schema) -> pa.Table:
    shape = points.provenance[part].shape
    frame, person, keypoint = (index.ravel() for index in np.indices(tuple(shape), dtype=np.int32, sparse=False))
    frame += part.start
    cov_m2 = points.cov_m2[part]
    numbers = [*points.p_in_world[part].unbind(-1), *(cov_m2[..., i, j] for _, i, j in _UPPER), _worst_sigma(cov_m2)]
    columns = [
        pa.array(frame + 1),
        pa.array(points.t_s.numpy()[frame]),
        _words(person, points.people),
        _words(keypoint, points.skeleton.keypoints),
        *(pa.array(number.flatten().numpy(), from_pandas=True) for number in numbers),  # NaN becomes null
        _words(points.provenance[part].flatten().numpy().astype(np.int32), tuple(PROVENANCE_WORDS.values())),
        pa.array(points.n_views[part].flatten().numpy()),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _words(index: np.ndarray, words: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(index), pa.array(words, pa.string()))


def _worst_sigma(cov_m2: Tensor) -> Tensor:
    """One standard deviation along the longest axis of each ellipsoid; NaN where the covariance is."""
    known = cov_m2.isfinite().all(-1).all(-1)
    sigma_m = cov_m2.new_full(known.shape, torch.nan)
    sigma_m[known] = torch.linalg.eigvalsh(cov_m2[known])[..., -1].clamp(min=0).sqrt()
    return sigma_m
