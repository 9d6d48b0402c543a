"""3DPW's sequence files: ``sequenceFiles/{train,validation,test}/<sequence>.pkl``.

Layout of the 2018 release. In the files the world is Y up; here it is Z up, as everywhere in the program.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.errors import FormatError
from mocap3d.evaluation.pickles import read_pickle
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid, rotation_from_rotvec
from mocap3d.session.views import natural_key

SPLITS = ("train", "validation", "test")
RATE_HZ = 30.0
N_BETAS = 10
Z_UP_FROM_Y_UP = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
_NEEDED = (
    "poses",
    "trans",
    "jointPositions",
    "poses2d",
    "cam_poses",
    "campose_valid",
    "cam_intrinsics",
    "betas",
    "genders",
)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person of one sequence, over its n image frames."""

    sequence: str
    person: int
    gender: str
    """m or f."""
    betas: Float[Tensor, "10"]
    pose: Float[Tensor, "n 24 3"]
    """Rotation vectors; the root's from SMPL's rest pose into the Y-up world of the files."""
    trans_m: Float[Tensor, "n 3"]
    """As in the file, Y up."""
    joint_in_world: Float[Tensor, "n 24 3"]
    """Metres, Z up; as the file gives them."""
    poses2d_px: Float[Tensor, "n 18 2"]
    """OpenPose's, NaN where not seen."""
    score: Float[Tensor, "n 18"]
    camera: Camera
    """Moving, one pose per frame."""
    valid: Bool[Tensor, " n"]
    """Whether the camera's pose is known."""
    detected: Bool[Tensor, " n"]
    """Whether the file has 2D keypoints of the person: 3DPW has them where six were found."""

    @property
    def joint_in_cam(self) -> Float[Tensor, "n 24 3"]:
        """Metres, OpenCV's axes."""
        return self.camera.cam_from_world[:, None].apply(self.joint_in_world)

    @property
    def cam_from_segment(self) -> Float[Tensor, "n 24 3 3"]:
        """How every SMPL segment is turned away from SMPL's rest pose, in the camera."""
        local = rotation_from_rotvec(self.pose)
        turns = [Z_UP_FROM_Y_UP @ local[:, 0]]
        for joint in range(1, 24):
            turns.append(turns[SMPL_PARENTS[joint]] @ local[:, joint])
        return self.camera.cam_from_world.rotation[:, None] @ torch.stack(turns, 1)


def find_sequences(root: Path, splits: tuple[str, ...] = SPLITS) -> list[Path]:
    """The sequence files under a 3DPW folder, split by split, in natural order."""
    folder = root / "sequenceFiles" if (root / "sequenceFiles").is_dir() else root
    paths = [
        path
        for split in splits
        for path in sorted((folder / split).glob("*.pkl"), key=lambda path: natural_key(path.name))
    ]
    if not paths:
        raise FormatError(
            f"{root}: found no sequenceFiles/{{{','.join(splits)}}}/*.pkl. Needed: 3DPW's folder, unpacked; it comes "
            "from https://virtualhumans.mpi-inf.mpg.de/3DPW after registration."
        )
    return paths


def read_tracks(paths: list[Path]) -> Iterator[Track]:
    """Every person of every sequence."""
    for path in paths:
        yield from read_sequence(path)


def read_sequence(path: Path) -> list[Track]:
    """The people of one sequence; FormatError says what is missing or of a wrong shape."""
    content = read_pickle(path)
    if not isinstance(content, Mapping):
        raise FormatError(f"{path}: holds a {type(content).__name__}. Needed: a dictionary as 3DPW's files are.")
    content = dict(content)
    if "poses2D" in content:  # as the readme spells it
        content.setdefault("poses2d", content["poses2D"])
    if missing := [key for key in _NEEDED if key not in content]:
        raise FormatError(f"{path}: has no {', '.join(missing)}. Needed: a sequence file of 3DPW.")
    try:
        if not len(content["poses"]) or not len(content["cam_poses"]):
            raise FormatError(f"{path}: has no people or no frames. Get the file from its source again.")
        return [_track(path, content, person) for person in range(len(content["poses"]))]
    except (ValueError, IndexError, TypeError, RuntimeError) as error:
        raise FormatError(
            f"{path}: an array has an unexpected shape ({error}). Get the file from its source again."
        ) from error


def _track(path: Path, content: Mapping[str, Any], person: int) -> Track:
    def of_person(key: str, *shape: int) -> Tensor:
        return torch.from_numpy(np.asarray(content[key][person], np.float64).reshape(shape))

    n = len(content["cam_poses"])
    keypoints = of_person("poses2d", n, 3, 18)
    score = keypoints[:, 2].clamp(0, 1)
    uv_px = torch.where((score > 0)[..., None], keypoints[:, :2].mT, torch.nan)
    joints_y_up = of_person("jointPositions", n, 24, 3)
    return Track(
        sequence=path.stem,  # predictions and pictures are found by it
        person=person,
        gender=str(content["genders"][person])[:1].lower(),
        betas=torch.from_numpy(np.asarray(content["betas"][person], np.float64).ravel()[:N_BETAS].copy()),
        pose=of_person("poses", n, 24, 3),
        trans_m=of_person("trans", n, 3),
        joint_in_world=joints_y_up @ Z_UP_FROM_Y_UP.mT,
        poses2d_px=uv_px,
        score=score,
        camera=_camera(content, n),
        valid=of_person("campose_valid", n) != 0,
        detected=keypoints.abs().mean((1, 2)) != 0,
    )


def _camera(content: Mapping[str, Any], n: int) -> Camera:
    matrix = torch.from_numpy(np.asarray(content["cam_intrinsics"], np.float64).reshape(3, 3))
    pose = torch.from_numpy(np.asarray(content["cam_poses"], np.float64).reshape(n, 4, 4))
    cam_from_world = Rigid(pose[:, :3, :3] @ Z_UP_FROM_Y_UP.mT, pose[:, :3, 3].contiguous())
    size_px = (round(2 * float(matrix[0, 2])), round(2 * float(matrix[1, 2])))
    return Camera(Lens.pinhole(matrix.diagonal()[:2].clone(), matrix[:2, 2].clone()), cam_from_world, size_px)
