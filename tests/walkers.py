"""People who walk before cameras of known truth, made once per test run; and cameras that were touched."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import torch

from mocap3d.geometry.align import rigid_align
from mocap3d.geometry.rigid import Rigid, rotation_from_rotvec
from mocap3d.session.records import CalibratedRig
from mocap3d.synthesis.scene import Scene, SceneOptions, make_scene


@cache
def walker(n_views: int = 4, n_people: int = 1, seed: int = 0) -> Scene:
    """Somebody walking in a ring of cameras; treat it as read-only."""
    return make_scene(SceneOptions(n_views=n_views, n_people=n_people, duration_s=10.0, rate=Fraction(15), seed=seed))


def touched(rig: CalibratedRig, view: str, *, turn_deg: float, move_m: float, seed: int = 0) -> CalibratedRig:
    """The rig as it would be believed had ``view`` been turned and moved after its calibration."""
    rng = np.random.default_rng(seed)
    axis, way = (torch.from_numpy(v / np.linalg.norm(v)) for v in rng.normal(size=(2, 3)))
    camera = rig.cameras[view]
    rotation = rotation_from_rotvec(float(np.radians(turn_deg)) * axis) @ camera.cam_from_world.rotation
    centre = camera.centre_in_world + move_m * way
    moved = replace(camera, cam_from_world=Rigid(rotation, -rotation @ centre))
    return replace(rig, cameras={**rig.cameras, view: moved})


def apart(found: CalibratedRig, truth: CalibratedRig) -> tuple[float, float]:
    """The largest error of a place (m) and of a turn (deg), the rigs laid on one another."""
    p = torch.stack([camera.centre_in_world for camera in found.cameras.values()])
    q = torch.stack([truth.cameras[view].centre_in_world for view in found.cameras])
    truth_from_found = rigid_align(p, q)
    turns = [
        camera.cam_from_world.rotation @ truth_from_found.rotation.mT @ truth.cameras[view].cam_from_world.rotation.mT
        for view, camera in found.cameras.items()
    ]
    turn_deg = max(float(((turn.trace() - 1) / 2).clamp(-1, 1).acos().rad2deg()) for turn in turns)
    return float((truth_from_found.apply(p) - q).norm(dim=-1).max()), turn_deg
