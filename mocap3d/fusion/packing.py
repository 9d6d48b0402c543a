"""Records to the plain arrays of the kernels in ``solve``, and back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mocap3d.geometry.camera import Camera
from mocap3d.geometry.distortion import sensor_tilt
from mocap3d.geometry.lens import LensModel
from mocap3d.session.records import CalibratedRig, Tracks2D, ViewId
from mocap3d.solve import views

CHUNK = 512
"""Instants handled at once: memory stays bounded however long the recording is."""
N_SCALES = 65
"""Resolution of a noise table over the score."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedRig:
    """Cameras as arrays: lenses (v LENS_SIZE), poses (t' v 12), t' = 1 where no camera moves."""

    lenses: np.ndarray
    poses: np.ndarray

    def poses_of(self, times: slice) -> np.ndarray:
        """The poses of a stretch of instants, numbered from its start."""
        return self.poses if len(self.poses) == 1 else np.ascontiguousarray(self.poses[times])


def pack_rig(rig: CalibratedRig, views_wanted: Sequence[ViewId], n_times: int) -> PackedRig:
    """The cameras of ``views_wanted``, in that order; a moving camera makes all poses per instant."""
    cameras = [rig.cameras[view] for view in views_wanted]
    n_poses = n_times if any(camera.is_moving for camera in cameras) else 1
    poses = np.empty((n_poses, len(cameras), 12))
    for v, camera in enumerate(cameras):
        poses[:, v, :9] = camera.cam_from_world.rotation.reshape(-1, 9).numpy()
        poses[:, v, 9:] = camera.cam_from_world.translation.numpy()
    return PackedRig(np.stack([_pack_lens(camera) for camera in cameras]), poses)


def _pack_lens(camera: Camera) -> np.ndarray:
    lens = camera.lens
    kind = {LensModel.PINHOLE: views.PINHOLE, LensModel.BROWN: views.BROWN}.get(lens.model, views.KANNALA_BRANDT)
    row = np.zeros(views.LENS_SIZE)
    row[0:2], row[2:4] = lens.f_px.numpy(), lens.c_px.numpy()
    row[4], row[5] = kind, float(lens.max_radius) ** 2
    coefficients = lens.distortion[:12].numpy()
    row[6 : 6 + len(coefficients)] = coefficients
    if len(lens.distortion) > 12:
        row[18:27] = torch.linalg.inv(sensor_tilt(lens.distortion[12:])).flatten().numpy()
    return row


def unit_scales(tracks: Tracks2D) -> np.ndarray:
    """The noise table (v k s) that believes the stated covariances."""
    return np.ones((len(tracks.views), len(tracks.skeleton.keypoints), N_SCALES))


def nearest_scale(score: np.ndarray) -> np.ndarray:
    """Where in a noise table a score (0 to 1) has its factor; an unknown one as 0."""
    return np.rint((N_SCALES - 1) * np.clip(np.nan_to_num(score), 0, 1)).astype(np.int64)


def pack_tracks(
    tracks: Tracks2D, person: int, times: slice, rig: PackedRig, scale2: np.ndarray, alternative: int = 0
) -> np.ndarray:
    """One person's observations over a stretch of instants, as the kernels want them: (t v 5 k)."""
    uv = tracks.uv_px.numpy()[:, times, person, :, alternative]
    cov = tracks.cov_px2.numpy()[:, times, person, :, alternative]
    log_weight = tracks.log_weight.numpy()[:, times, person, :, alternative]
    obs = views.empty_observations(uv.shape[1], uv.shape[0], uv.shape[2])
    views.pack(rig.lenses, uv, cov, log_weight, scale2, obs)
    return obs


def chunks(n_times: int, size: int = CHUNK) -> Iterator[slice]:
    """Stretches of instants that cover a recording."""
    return (slice(start, min(start + size, n_times)) for start in range(0, n_times, size))


SYMMETRIC = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""Where the kernels' six entries xx xy xz yy yz zz stand in a 3x3 matrix."""


def full_matrices(six: np.ndarray) -> np.ndarray:
    """(t 6 k) symmetric entries to (t k 3 3)."""
    order = [0, 1, 2, 1, 3, 4, 2, 4, 5]
    return np.ascontiguousarray(six[:, order].transpose(0, 2, 1)).reshape(six.shape[0], six.shape[2], 3, 3)
