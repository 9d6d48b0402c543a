"""One person as CSV, one row per instant: keypoints, and where they were fitted joints and angles, each with its doubt.

Lines that start with ``#`` state axes, units and rate; ``pandas.read_csv(path, comment="#")`` skips them.
"""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mocap3d.export.axes import WORLD
from mocap3d.export.description import PROVENANCE_WORDS, describe, person_index
from mocap3d.session.files import write_text_atomically
from mocap3d.session.records import JointAngles, Motion, Points3D, Provenance
from mocap3d.skeletons.centre_of_mass import joint_weights

_PLACE = ("x", "y", "z", "sigma_x", "sigma_y", "sigma_z", "provenance")
_ANGLE = ("deg", "sigma_deg", "provenance")
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class _Part:
    """Columns that repeat for every keypoint, joint or angle."""

    names: tuple[str, ...]
    columns: tuple[str, ...]
    format: str
    """Of one of them."""
    tensors: tuple[Tensor, ...]
    """(t n) or (t n c) each; all columns in their order but the words."""
    provenance: Tensor
    counts: Tensor | None = None
    """Views, in a last column."""

    def cells(self, rows: slice) -> np.ndarray:
        """(rows, all columns) as objects."""
        numbers = [tensor[rows].reshape(len(tensor[rows]), len(self.names), -1) for tensor in self.tensors]
        found = [torch.cat(numbers, dim=-1).numpy().astype(object)]
        found.append(np.array(list(PROVENANCE_WORDS.values()), dtype=object)[self.provenance[rows].numpy()][..., None])
        if self.counts is not None:
            found.append(self.counts[rows].numpy().astype(object)[..., None])
        cells = np.concatenate(found, axis=-1)
        return cells.reshape(len(cells), -1)


def write_csv(
    points: Points3D, person: str, path: Path, *, motion: Motion | None = None, angles: JointAngles | None = None
) -> None:
    """Columns ``frame, t_s`` and, per keypoint, position and one sigma (m, world), provenance and views.

    Then the same of the joints of ``motion`` (``joint_knee_r_x``) and of the body's centre of mass, and ``angles`` in
    degrees (``knee_angle_r_deg``).
    Missing numbers are empty cells. Refuses an unknown person.
    """
    parts = [_keypoints(points, person_index(points.people, person))]
    if motion is not None and person in motion.people:
        parts += [_joints(motion, motion.people.index(person)), _mass(motion, motion.people.index(person))]
    if angles is not None and person in angles.people:
        parts.append(_angles(angles, angles.people.index(person)))
    with write_text_atomically(path) as file:
        for key, value in {**describe(points, WORLD), "angles": "degrees", "person": person}.items():
            file.write(f"# {key}: {' '.join(value.split())}\n")
        file.write(_column_names(parts))
        for block in _blocks(points, parts):
            file.write(block)


def _keypoints(points: Points3D, who: int) -> _Part:
    sigma_m = points.cov_m2[:, who].diagonal(dim1=-2, dim2=-1).sqrt()
    tensors = (points.p_in_world[:, who], sigma_m)
    columns, row = (*_PLACE, "n_views"), ",%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%s,%d"
    return _Part(points.skeleton.keypoints, columns, row, tensors, points.provenance[:, who], points.n_views[:, who])


def _joints(motion: Motion, who: int) -> _Part:
    names = tuple(f"joint_{name}" for name in motion.skeletons[who].tree.names)
    sigma_m = motion.joint_cov_m2[:, who].diagonal(dim1=-2, dim2=-1).sqrt()
    tensors = (motion.joint_in_world[:, who], sigma_m)
    return _Part(names, _PLACE, ",%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%s", tensors, motion.provenance[:, who])


def _mass(motion: Motion, who: int) -> _Part:
    """The centre of mass; its sigma is the most that those of the joints allow: as if all were off the same way."""
    tree, joint_in_world = motion.skeletons[who].tree, motion.joint_in_world[:, who]
    weights = torch.from_numpy(joint_weights(tree, joint_in_world.isfinite().all(-1).numpy()))
    joint_sigma_m = motion.joint_cov_m2[:, who].diagonal(dim1=-2, dim2=-1).sqrt()
    centre, sigma_m = ((weights[..., None] * value.nan_to_num()).sum(1) for value in (joint_in_world, joint_sigma_m))
    provenance = motion.provenance[:, who, tree.index("pelvis")].clone()
    provenance[centre.isnan().any(-1)] = Provenance.MISSING
    tensors = (centre[:, None], sigma_m[:, None])
    return _Part(("centre_of_mass",), _PLACE, ",%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%s", tensors, provenance[:, None])


def _angles(angles: JointAngles, who: int) -> _Part:
    tensors = tuple(math.degrees(1.0) * values[:, who] for values in (angles.angle_rad, angles.sigma_rad))
    return _Part(angles.names, _ANGLE, ",%.4f,%.4f,%s", tensors, angles.provenance[:, who])


def _column_names(parts: Sequence[_Part]) -> str:
    line = io.StringIO()
    named = (f"{name}_{column}" for part in parts for name in part.names for column in part.columns)
    csv.writer(line, lineterminator="\n").writerow(["frame", "t_s", *named])
    return line.getvalue()


def _blocks(points: Points3D, parts: Sequence[_Part]) -> Iterator[str]:
    # A format of the whole row: 60,000 rows of 26 keypoints take 5 s, cell by cell three times as long.
    row = "%d,%.8f" + "".join(part.format * len(part.names) for part in parts) + "\n"
    for start in range(0, len(points.t_s), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        cells = np.concatenate([part.cells(rows) for part in parts], axis=1).tolist()
        instants = enumerate(zip(points.t_s[rows].tolist(), cells, strict=True), start + 1)
        yield "".join(row % (frame, t_s, *values) for frame, (t_s, values) in instants).replace("nan", "")
