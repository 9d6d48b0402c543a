"""What one view saw of a person, as the fit of a jointed body wants it: by instant and marker, with a sigma each."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from mocap3d.fusion.one_view.human import human
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig, Tracks2D

MODEL_M = {"Nose": 0.015, "LEye": 0.012, "REye": 0.012, "LEar": 0.015, "REar": 0.015, "Head": 0.02, "Neck": 0.02,
           "Hip": 0.02, "LHip": 0.015, "RHip": 0.015, "LShoulder": 0.012, "RShoulder": 0.012}  # fmt: skip
"""How far a keypoint may be from where this body has it: our judgement; others 1 cm."""
OTHERS_M = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """n instants of one person in one view; m markers of the jointed body."""

    camera: Camera
    """One pose per instant."""
    uv_px: Float[np.ndarray, "n m 2"]
    """NaN = not seen."""
    sigma_px: Float[np.ndarray, "n m"]
    model_m: Float[np.ndarray, " m"]

    def at(self, instants: Int[np.ndarray, " i"]) -> "Evidence":
        """Some instants only, in any order, repeated or not."""
        camera = self.camera.at(torch.from_numpy(instants))
        return Evidence(camera, self.uv_px[instants], self.sigma_px[instants], self.model_m)

    def seen(self) -> Float[np.ndarray, "n m"]:
        """1 where a marker was seen."""
        return (np.isfinite(self.uv_px).all(-1) & np.isfinite(self.sigma_px)).astype(float)


def evidence_of(tracks: Tracks2D, rig: CalibratedRig, view: int, person: int) -> Evidence:
    """The likeliest place of every keypoint that the jointed body has a marker for."""
    names = human().markers
    uv_px = np.full((len(tracks.t_s), len(names), 2), np.nan)
    sigma_px = np.full(uv_px.shape[:2], np.nan)
    for marker, name in enumerate(names):
        if name in tracks.skeleton.keypoints:
            k = tracks.skeleton.index(name)
            uv_px[:, marker] = tracks.uv_px[view, :, person, k, 0].numpy()
            trace = tracks.cov_px2[view, :, person, k, 0].diagonal(dim1=-2, dim2=-1).sum(-1)
            sigma_px[:, marker] = (trace / 2).sqrt().numpy()
    model_m = np.array([MODEL_M.get(name, OTHERS_M) for name in names])
    return Evidence(_per_instant(rig.cameras[tracks.views[view]], len(uv_px)), uv_px, sigma_px, model_m)


def _per_instant(camera: Camera, n: int) -> Camera:
    if camera.is_moving:
        return camera
    pose = camera.cam_from_world
    return replace(camera, cam_from_world=Rigid(pose.rotation.expand(n, 3, 3), pose.translation.expand(n, 3)))
