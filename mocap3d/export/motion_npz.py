"""Skeletons in motion and their angles as one NumPy archive: everything that both records hold, and no pickle in it."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mocap3d.errors import FormatError
from mocap3d.export.axes import WORLD
from mocap3d.export.description import program_version
from mocap3d.export.npz import savez_for
from mocap3d.session.files import write_atomically
from mocap3d.session.records import JointAngles, Motion
from mocap3d.skeletons.kinematics import Dof, Joint, JointKind, KinematicTree, Placement, ScaledSkeleton, Span

_KIND = "mocap3d motion 1"
_MOTION = (
    "t_s", "root_in_world", "root_cov_m2", "parent_from_joint", "rotation_cov_rad2", "span_cov_rad2",
    "joint_in_world", "joint_cov_m2", "provenance",
)  # fmt: skip
_PERSON = ("length_m", "length_sigma_m", "offset_m", "offset_sigma_m")
_ANGLES = ("angle_rad", "sigma_rad", "provenance")


@dataclass(frozen=True, slots=True)
class SavedMotion:
    """What such a file holds."""

    motion: Motion
    angles: JointAngles | None


def write_motion_npz(motion: Motion, angles: JointAngles | None, path: Path) -> None:
    """Arrays under the names of the records' fields; the tree is JSON. Refuses people that do not share one tree."""
    trees = [skeleton.tree for skeleton in motion.skeletons]
    if any(tree != trees[0] for tree in trees):
        raise FormatError(f"{path}: its people have different kinematic trees. Fit all of them with one.")
    arrays: dict[str, Any] = {name: getattr(motion, name).numpy() for name in _MOTION}
    for n, skeleton in enumerate(motion.skeletons):
        arrays |= {f"person{n}_{name}": getattr(skeleton, name).numpy() for name in _PERSON}
    described = {
        "kind": _KIND,
        "about_axes": WORLD.description,
        "about_units": "metres, seconds, radians",
        "about_program": f"mocap3d {program_version()}",
        "tree": json.dumps(_tree_fields(trees[0])) if trees else "",
        "keypoints": json.dumps([skeleton.keypoints for skeleton in motion.skeletons]),
    }
    arrays |= {name: np.array(text) for name, text in described.items()}
    arrays["people"] = np.array(motion.people, dtype=np.str_)
    arrays["height_m"] = np.array([skeleton.height_m for skeleton in motion.skeletons])
    arrays["rate"] = np.array([motion.rate.numerator, motion.rate.denominator])
    if angles is not None:
        arrays |= {f"angles_{name}": getattr(angles, name).numpy() for name in _ANGLES}
        arrays["angles_names"] = np.array(angles.names, dtype=np.str_)
        arrays["angles_observable"] = np.array(json.dumps(angles.observable))
    with write_atomically(path) as file:
        savez_for(motion.provenance)(file, **arrays)


def read_motion_npz(path: Path) -> SavedMotion:
    """What :func:`write_motion_npz` was given; refuses any other file."""
    try:
        with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
            stored = {name: archive[name] for name in archive.files if not name.startswith("about_")}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path}: not a readable npz ({error}). Reconstruct the session again.") from error
    if str(stored.get("kind")) != _KIND:
        found = stored.get("kind", "no 'kind'")
        raise FormatError(f"{path}: found {found}, needed '{_KIND}'. Read it with the version that wrote it.")
    people, rate = tuple(map(str, stored["people"])), Fraction(*map(int, stored["rate"]))
    tensors = {name: torch.from_numpy(stored[name]) for name in _MOTION}
    motion = Motion(skeletons=_skeletons(stored), people=people, rate=rate, **tensors)
    if "angles_names" not in stored:
        return SavedMotion(motion, None)
    of_angles: dict[str, Any] = {name: torch.from_numpy(stored[f"angles_{name}"]) for name in _ANGLES}
    observable = tuple(map(tuple, json.loads(str(stored["angles_observable"]))))
    names = tuple(map(str, stored["angles_names"]))
    return SavedMotion(motion, JointAngles(people, names, motion.t_s, rate, observable=observable, **of_angles))


def _skeletons(stored: Mapping[str, Any]) -> tuple[ScaledSkeleton, ...]:
    heights, keypoints = stored["height_m"].tolist(), json.loads(str(stored["keypoints"]))
    if not heights:
        return ()
    tree = _tree(json.loads(str(stored["tree"])))
    return tuple(
        ScaledSkeleton(
            tree=tree,
            height_m=height,
            keypoints=tuple(names),
            **{name: torch.from_numpy(stored[f"person{n}_{name}"]) for name in _PERSON},
        )
        for n, (height, names) in enumerate(zip(heights, keypoints, strict=True))
    )


def _tree_fields(tree: KinematicTree) -> dict[str, Any]:
    return {
        "name": tree.name,
        "source": tree.source,
        "joints": [{**asdict(joint), "kind": joint.kind.value} for joint in tree.joints],
        "spans": [asdict(span) for span in tree.spans],
        "keypoints": {
            of: {name: asdict(place) for name, place in places.items()} for of, places in tree.keypoints.items()
        },
    }


def _tree(stored: Mapping[str, Any]) -> KinematicTree:
    joints = [
        Joint(
            **{
                **_tuples(row),
                "kind": JointKind(row["kind"]),
                "dofs": tuple(Dof(**_tuples(dof)) for dof in row["dofs"]),
            }
        )
        for row in stored["joints"]
    ]
    keypoints = {
        of: {name: Placement(**_tuples(place)) for name, place in places.items()}
        for of, places in stored["keypoints"].items()
    }
    spans = tuple(Span(**row) for row in stored["spans"])
    return KinematicTree(stored["name"], tuple(joints), spans, keypoints, stored["source"])


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON's lists back to tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
