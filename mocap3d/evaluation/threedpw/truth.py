"""What a prediction is held against: joints, rotations and, with the SMPL files, vertices; in the camera."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.evaluation.threedpw.read import Z_UP_FROM_Y_UP, Track
from mocap3d.skeletons.smpl_mesh import SmplMeshes

SMPL_OF_LSP = (8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12, 15)
"""Right ankle ... left wrist, neck, head: the SMPL joints nearest to the 14 of LSP."""
JointSource = Literal["h36m", "smpl"]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """One track."""

    joint_in_cam: Float[Tensor, "n 24 3"]
    lsp_in_cam: Float[Tensor, "n 14 3"]
    pelvis_in_cam: Float[Tensor, "n 3"]
    """Of the 14 joints' own regressor, or SMPL's pelvis."""
    vertex_in_cam: Float[Tensor, "n v 3"] | None
    joints: JointSource
    """h36m: regressed from the mesh with J_regressor_h36m, as published numbers are; smpl: SMPL's own joints, where
    there are no SMPL files, which is not comparable to them."""


def truth_of(track: Track, mesh: SmplMeshes | None = None) -> Truth:
    """From the gendered mesh where SMPL's files are at hand, else from the joints in the file."""
    pose = track.camera.cam_from_world[:, None]
    if mesh is None:
        joint_in_cam = track.joint_in_cam
        return Truth(joint_in_cam, joint_in_cam[:, SMPL_OF_LSP], joint_in_cam[:, 0], None, "smpl")
    posed = mesh(track.gender, track.betas, track.pose, track.trans_m)
    vertex_in_cam, joint_in_cam = (pose.apply(points @ Z_UP_FROM_Y_UP.mT) for points in posed)
    regressed = mesh.regressed(vertex_in_cam)
    return Truth(joint_in_cam, regressed[:, 1:], regressed[:, 0], vertex_in_cam, "h36m")


def lsp_of(joint_in_cam: Float[Tensor, "n j 3"]) -> Float[Tensor, "n 14 3"]:
    """14 joints of a prediction that has 14 or 24."""
    return joint_in_cam if joint_in_cam.shape[1] == len(SMPL_OF_LSP) else joint_in_cam[:, SMPL_OF_LSP]


def no_prediction(n: int, j: int) -> Float[Tensor, "n j 3"]:
    """NaN throughout."""
    return torch.full((n, j, 3), torch.nan, dtype=torch.float64)
