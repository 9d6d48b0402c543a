"""The 3D scene of the report as numbers: cameras, people, doubt and provenance, made small enough for one page."""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.geometry.camera import Camera
from mocap3d.session.records import CalibratedRig, Points3D, Provenance
from mocap3d.viz.bodies import drawn_limbs, front, keypoint_radius_m, limb_radius_m, limb_side, skull
from mocap3d.viz.packing import packed, packed_bits

MOST_NUMBERS = 4_500_000
"""Coordinates on the page, 12 MB as text: ten minutes of one person at 60 Hz whole, of more people every n-th frame."""
MOST_DOUBTS = 400_000
"""Numbers of the covariances: doubt changes slowly, and is shown at fewer instants."""
_JITTER_M2 = 1e-12


def scene_data(points: Points3D, rig: CalibratedRig) -> dict[str, Any]:
    """Plain tables for the page; instants that are left out are interpolated there."""
    n_instants, n_people, n_keypoints = points.provenance.shape
    stride = max(1, math.ceil(n_instants * n_people * n_keypoints * 3 / MOST_NUMBERS))
    doubt_stride = stride * max(1, math.ceil(n_instants * n_people * n_keypoints * 6 / stride / MOST_DOUBTS))
    skeleton, limbs = points.skeleton, drawn_limbs(points.skeleton)
    return {
        "rate": float(points.rate),
        "start_s": float(points.t_s[0]) if n_instants else 0.0,
        "frames": n_instants,
        "stride": stride,
        "doubtStride": doubt_stride,
        "people": list(points.people),
        "keypoints": list(skeleton.keypoints),
        "keypointRadius": [keypoint_radius_m(name) for name in skeleton.keypoints],
        "limbs": [list(limb) for limb in limbs],
        "limbSide": [limb_side(skeleton, limb) for limb in limbs],
        "limbRadius": [limb_radius_m(skeleton, limb) for limb in limbs],
        "skull": skull(skeleton),
        "positions": packed(points.p_in_world[::stride].numpy()),
        "filled": packed_bits((points.provenance[::stride] == int(Provenance.FILLED)).numpy()),
        "spread": packed(spread_of(points.cov_m2[::doubt_stride])),
        "front": front(points, 0).tolist() if n_people else [1.0, 0.0, 0.0],
        "cameras": [_camera(name, camera) for name, camera in rig.cameras.items()],
    }


def spread_of(cov_m2: Float[Tensor, "t p k 3 3"]) -> Float[np.ndarray, "t p k 6"]:
    """The lower triangle L (xx yx yy zx zy zz) of each covariance L L'; L makes the 1-sigma ellipsoid of a unit ball.

    NaN where there is no covariance.
    """
    known = cov_m2.isfinite().all(-1).all(-1)
    eye = torch.eye(3, dtype=cov_m2.dtype)
    safe = torch.where(known[..., None, None], cov_m2, eye) + _JITTER_M2 * eye
    factor, failed = torch.linalg.cholesky_ex(safe)
    rows, columns = torch.tril_indices(3, 3)
    return factor[..., rows, columns].masked_fill(~(known & (failed == 0))[..., None], torch.nan).numpy()


def _camera(name: str, camera: Camera) -> dict[str, Any]:
    """Where a camera stands (of a moving one: at its first frame) and the rays through the corners of its picture."""
    camera = camera.at(torch.tensor([0])) if camera.is_moving else camera
    world_from_cam = camera.cam_from_world.inverse()
    rotation = world_from_cam.rotation.reshape(-1, 3, 3)[0]
    return {
        "name": name,
        "centre": world_from_cam.translation.reshape(-1, 3)[0].tolist(),
        "corners": (_corner_rays(camera) @ rotation.mT).tolist(),
    }


def _corner_rays(camera: Camera) -> Float[Tensor, "4 3"]:
    """Rays through the picture's corners at depth 1; a lens without rays there is drawn as a pinhole of 80 degrees."""
    width, height = camera.size_px
    corners = torch.tensor([[0, 0], [width, 0], [width, height], [0, height]], dtype=torch.float64)
    ray_in_cam = camera.lens.unproject(corners)
    half = math.tan(math.radians(40))
    wide = (corners / corners.new_tensor([width, width]) - corners.new_tensor([0.5, height / width / 2])) * 2 * half
    is_plain = ray_in_cam.isfinite().all() and bool(ray_in_cam.norm(dim=-1).max() < 2)
    return ray_in_cam if is_plain else torch.cat([wide, torch.ones_like(wide[:, :1])], -1)
