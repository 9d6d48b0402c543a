"""Where points are by given cameras, and how far from there each view saw them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from mocap3d.calibration.people_problem import N_OF_VIEW, Moved, Problem
from mocap3d.calibration.people_sightings import Sightings
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig, ViewId
from mocap3d.session.views import listed
from mocap3d.solve import rays

GATE = 6.0
"""Views further off than this many sigmas have no say in where a point is."""


def triangulated(
    sightings: Sightings, cameras: Sequence[Camera], *, noise: float = 1.0, gate: float = GATE
) -> Float[np.ndarray, "n k 3"]:
    """Every point on its own, by the views that agree; NaN where no two do."""
    v, n, k = sightings.sigma_px.shape
    obs = np.zeros((n, v, 5, k))
    poses = np.empty((1, v, 12))
    for number, camera in enumerate(cameras):
        direction = camera.lens.direction(torch.from_numpy(sightings.uv_px[number])).numpy()
        forward = sightings.seen[number] & (direction[..., 2] > 0.05)
        ray = direction[..., :2] / np.where(forward, direction[..., 2], 1.0)[..., None]
        sigma = noise * np.where(forward, sightings.sigma_px[number], 1.0) / float(camera.lens.f_px.mean())
        weight = np.where(forward, 1 / sigma**2, 0.0)
        obs[:, number, :2] = np.where(forward[..., None], ray, 0.0).transpose(0, 2, 1)
        obs[:, number, 2], obs[:, number, 4] = weight, weight
        poses[0, number, :9] = camera.cam_from_world.rotation.reshape(9).numpy()
        poses[0, number, 9:] = camera.cam_from_world.translation.numpy()
    points, info, inliers = np.empty((n, 3, k)), np.empty((n, 6, k)), np.empty((n, k), np.int8)
    rays.triangulate(poses, obs, gate * gate, points, info, inliers)
    return np.ascontiguousarray(points.transpose(0, 2, 1))


def start_of(sightings: Sightings, cameras: Sequence[Camera], points: Float[np.ndarray, "n k 3"]) -> Moved:
    """An estimate to start an adjustment from."""
    return Moved(
        np.stack([camera.cam_from_world.rotation.numpy() for camera in cameras]),
        np.stack([camera.centre_in_world.numpy() for camera in cameras]),
        np.zeros(len(cameras)),
        np.zeros((len(cameras), 2)),
        points,
        log_lengths(sightings, points),
    )


def log_lengths(sightings: Sightings, points: Float[np.ndarray, "n k 3"]) -> Float[np.ndarray, "p l"]:
    """Of every person's limbs, the median over time; of a limb that was never seen, something."""
    n_people = int(sightings.person.max(initial=-1)) + 1
    out = np.full((n_people, len(sightings.limbs)), np.nan)
    for number, (i, j) in enumerate(sightings.limbs):
        length = np.linalg.norm(points[:, i] - points[:, j], axis=-1)
        for person in range(n_people):
            own = length[(sightings.person == person) & np.isfinite(length)]
            if len(own):
                out[person, number] = np.log(max(float(np.median(own)), 1e-6))
    return np.where(np.isfinite(out), out, np.log(0.2))


def off_px(sightings: Sightings, cameras: Sequence[Camera], *, noise: float = 1.0) -> Float[np.ndarray, "v n k"]:
    """Distance of every sighting from where its point reprojects, the points being fitted and the cameras not.

    Only of points that two views or more saw; inf where no two views agree on a point, so that a bad calibration
    gains nothing by giving points up.
    """
    scattered = sightings.scattered()
    points = triangulated(scattered, cameras, noise=noise)
    known = np.isfinite(points).all(-1)
    free = np.zeros((len(cameras), N_OF_VIEW), bool)
    start = start_of(scattered, cameras, points)
    lenses = [camera.lens for camera in cameras]
    problem = Problem(scattered, lenses, free, np.full(free.shape, np.inf), start, noise=noise)
    found = problem.minimum(start, max_steps=15, tolerance=1e-6).x
    flat = np.where(scattered.seen & ~known, np.inf, problem.residuals_px(found))
    out = np.full(sightings.sigma_px.shape, np.nan)
    out[:, sightings.shared] = flat[:, :, 0]
    return out


def medians_px(sightings: Sightings, off: Float[np.ndarray, "v n k"]) -> dict[ViewId, float]:
    """Of every view; NaN where it shares no point."""
    known = [row[~np.isnan(row)] for row in off]
    return {view: float(np.median(row)) if len(row) else float("nan")
            for view, row in zip(sightings.views, known, strict=True)}  # fmt: skip


def median_px(off: Float[np.ndarray, "v n k"]) -> float:
    """Over all views."""
    known = off[~np.isnan(off)]
    return float(np.median(known)) if len(known) else float("nan")


def cameras_of(rig: CalibratedRig, views: Sequence[ViewId]) -> list[Camera]:
    """The cameras of some views; refused where one is missing or moves."""
    if missing := [view for view in views if view not in rig.cameras]:
        raise CalibrationError(
            f"no calibration for {listed(missing)}; calibrated are {listed(rig.cameras)}. Name keypoints or videos as "
            "the cameras are named."
        )
    if moving := [view for view in views if rig.cameras[view].is_moving]:
        raise CalibrationError(
            f"{listed(moving)} moves by calibration: a camera that has a pose per frame can be neither checked nor "
            "refined. Leave its view out."
        )
    return [rig.cameras[view] for view in views]


def moved_cameras(x: Moved, cameras: Mapping[ViewId, Camera]) -> dict[ViewId, Camera]:
    """The cameras as an estimate has them."""
    out = {}
    for v, (view, camera) in enumerate(cameras.items()):
        rotation, centre = torch.from_numpy(x.rotation[v].copy()), torch.from_numpy(x.centre[v].copy())
        lens = replace(
            camera.lens,
            f_px=camera.lens.f_px * float(np.exp(x.log_zoom[v])),
            c_px=camera.lens.c_px + torch.from_numpy(x.shift_px[v].copy()),
        )
        out[view] = replace(camera, lens=lens, cam_from_world=Rigid(rotation, -(rotation @ centre)))
    return out
