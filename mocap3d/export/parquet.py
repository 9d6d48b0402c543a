"""All people as tidy Parquet tables: a row per instant, person and keypoint, joint or angle."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from mocap3d.export.axes import WORLD
from mocap3d.export.description import PROVENANCE_WORDS, describe, describe_units, program_version, rate_words
from mocap3d.session.files import write_atomically
from mocap3d.session.records import JointAngles, Motion, Points3D

_WORDS = pa.dictionary(pa.int32(), pa.string())
_UPPER = (("xx", 0, 0), ("xy", 0, 1), ("xz", 0, 2), ("yy", 1, 1), ("yz", 1, 2), ("zz", 2, 2))
_ROWS_PER_GROUP = 131_072


def write_parquet(points: Points3D, path: Path) -> None:
    """Position and covariance (m, m2, world), ``sigma`` along the worst axis, provenance and views; missing is null.

    The schema's metadata states axes, units, rate and program. Written row group by row group: memory stays small.
    """
    schema = _schema(points)
    _write(path, schema, points.provenance, lambda part: _table(points, part, schema))


def write_joints_parquet(motion: Motion, path: Path) -> None:
    """The joints of fitted skeletons in the same columns as keypoints, but for the views."""
    described = {**describe_units(WORLD), "rate": rate_words(motion.rate)}
    fields = [field for field in _fields("joint") if field[0] != "n_views"]
    schema = pa.schema(fields, metadata=described)
    names = motion.skeletons[0].tree.names if motion.skeletons else ()
    cov_m2, p_in_world = motion.joint_cov_m2, motion.joint_in_world

    def table(part: slice) -> pa.Table:
        keys = _keys(motion.t_s, motion.provenance[part], part, motion.people, names)
        values = [*_places(p_in_world[part], cov_m2[part]), _origins(motion.provenance[part])]
        return pa.Table.from_arrays([*keys, *values], schema=schema)

    _write(path, schema, motion.provenance, table)


def write_angles_parquet(angles: JointAngles, path: Path) -> None:
    """A row per instant, person and angle: ``deg``, ``sigma_deg``, provenance; missing is null."""
    numbers = [("deg", pa.float64()), ("sigma_deg", pa.float64())]
    keys = [("frame", pa.int32()), ("t_s", pa.float64()), ("person", _WORDS), ("angle", _WORDS)]
    described = {
        "units": "degrees, seconds",
        "rate": rate_words(angles.rate),
        "program": f"mocap3d {program_version()}",
    }
    schema = pa.schema([*keys, *numbers, ("provenance", _WORDS)], metadata=described)

    def table(part: slice) -> pa.Table:
        index = _keys(angles.t_s, angles.provenance[part], part, angles.people, angles.names)
        values = [
            pa.array(torch.rad2deg(value[part]).flatten().numpy(), from_pandas=True)
            for value in (angles.angle_rad, angles.sigma_rad)
        ]
        return pa.Table.from_arrays([*index, *values, _origins(angles.provenance[part])], schema=schema)

    _write(path, schema, angles.provenance, table)


def _write(path: Path, schema: pa.Schema, of_shape: Tensor, table: Callable[[slice], pa.Table]) -> None:
    instants_per_group = max(1, _ROWS_PER_GROUP // max(1, of_shape[:1].numel()))
    with write_atomically(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for start in range(0, len(of_shape), instants_per_group):
            writer.write_table(table(slice(start, start + instants_per_group)))


def _schema(points: Points3D) -> pa.Schema:
    return pa.schema(_fields("keypoint"), metadata=describe(points, WORLD))


def _fields(name: str) -> list[tuple[str, pa.DataType]]:
    numbers = ["x", "y", "z", *(f"cov_{name}" for name, _, _ in _UPPER), "sigma"]
    return [
        ("frame", pa.int32()),
        ("t_s", pa.float64()),
        ("person", _WORDS),
        (name, _WORDS),
        *((number, pa.float64()) for number in numbers),
        ("provenance", _WORDS),
        ("n_views", pa.int8()),
    ]


def _table(points: Points3D, part: slice, schema: pa.Schema) -> pa.Table:
    columns = [
        *_keys(points.t_s, points.provenance[part], part, points.people, points.skeleton.keypoints),
        *_places(points.p_in_world[part], points.cov_m2[part]),
        _origins(points.provenance[part]),
        pa.array(points.n_views[part].flatten().numpy()),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _keys(
    t_s: Tensor, of_shape: Tensor, part: slice, people: tuple[str, ...], names: tuple[str, ...]
) -> list[pa.Array | pa.DictionaryArray]:
    """Frame, time, person and name of every row."""
    frame, person, name = (index.ravel() for index in np.indices(tuple(of_shape.shape), dtype=np.int32, sparse=False))
    frame = frame + part.start
    return [pa.array(frame + 1), pa.array(t_s.numpy()[frame]), _words(person, people), _words(name, names)]


def _places(p_in_world: Tensor, cov_m2: Tensor) -> list[pa.Array]:
    numbers = [*p_in_world.unbind(-1), *(cov_m2[..., i, j] for _, i, j in _UPPER), _worst_sigma(cov_m2)]
    return [pa.array(number.flatten().numpy(), from_pandas=True) for number in numbers]  # NaN becomes null


def _origins(provenance: Tensor) -> pa.DictionaryArray:
    return _words(provenance.flatten().numpy().astype(np.int32), tuple(PROVENANCE_WORDS.values()))


def _words(index: np.ndarray, words: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(index), pa.array(words, pa.string()))


def _worst_sigma(cov_m2: Tensor) -> Tensor:
    """One standard deviation along the longest axis of each ellipsoid; NaN where the covariance is."""
    known = cov_m2.isfinite().all(-1).all(-1)
    sigma_m = cov_m2.new_full(known.shape, torch.nan)
    sigma_m[known] = torch.linalg.eigvalsh(cov_m2[known])[..., -1].clamp(min=0).sqrt()
    return sigma_m
