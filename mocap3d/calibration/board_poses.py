"""Where a target stands before one camera, from one picture: both answers, where a flat target has two.

A flat target seen from afar looks the same when it is tilted the other way. Which of the two it is, another view
decides. Source: Collins and Bartoli, "Infinitesimal plane-based pose estimation" (2014).
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, Int

from mocap3d.calibration.corners import AT_CAMERA, Corners
from mocap3d.calibration.lens_kinds import LensKind, packed
from mocap3d.geometry.lens import Lens
from mocap3d.solve.bundle import Problem, State, Unknowns
from mocap3d.solve.targets import N_CAMERA

MIN_CORNERS = 4
FLAT = 1e-6
"""Targets thinner than this share of their length are flat."""
NARROW = 0.02
"""Corners within a strip narrower than this share of its length fix no pose."""
BEND_PX = 5.0
"""A corner further off than this pulls no harder: one wrong corner must not turn a board."""


@dataclass(frozen=True, slots=True)
class BoardPoses:
    """n sightings of a target in a view, each with two poses (cam_from_target as rows of 12), the likelier first."""

    view_of: Int[np.ndarray, " n"]
    target_of: Int[np.ndarray, " n"]
    poses: Float[np.ndarray, "n 2 12"]
    rms_px: Float[np.ndarray, "n 2"]
    """inf where there is no second pose."""


def board_poses(corners: Corners, lenses: dict[str, tuple[LensKind, Lens]]) -> BoardPoses:
    """The poses of every target before every view that sees enough of it; a target on a line has none."""
    kinds = [lenses[view][0] for view in corners.views]
    p_in_target = corners.p_in_target
    ray = corners.rays([lenses[view][1] for view in corners.views])
    run_start = np.flatnonzero(np.diff(corners.target_of, prepend=-1) | np.diff(corners.view_of, prepend=-1))
    runs = np.split(np.arange(len(corners.view_of)), run_start[1:])
    sightings, guesses = [], []
    for run in runs:
        usable = run[np.isfinite(ray[run]).all(1)]
        if fixes_a_pose(p_in_target[usable]):
            sightings.append(run)
            guesses.append(_guesses(p_in_target[usable], ray[usable]))
    if not sightings:
        return BoardPoses(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 2, 12)), np.zeros((0, 2)))
    first = np.array([run[0] for run in sightings])
    poses, rms_px = _refined(corners, kinds, [packed(lenses[v][1]) for v in corners.views], sightings, guesses)
    return BoardPoses(corners.view_of[first], corners.target_of[first], poses, rms_px)


def fixes_a_pose(p_in_target: Float[np.ndarray, "n 3"]) -> bool:
    """Whether points are enough, and not all (nearly) on one line."""
    if len(p_in_target) < MIN_CORNERS:
        return False
    spread = np.linalg.svd(p_in_target - p_in_target.mean(0), compute_uv=False)
    return bool(spread[1] > NARROW * spread[0])


def _guesses(p_in_target: Float[np.ndarray, "n 3"], ray: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "2 12"]:
    """OpenCV's poses from rays; the second is NaN where there is none."""
    out = np.full((2, 12), np.nan)
    centred = p_in_target - p_in_target.mean(0)
    spread = np.linalg.svd(centred, compute_uv=False)
    method = cv2.SOLVEPNP_IPPE if spread[2] < FLAT * spread[0] else cv2.SOLVEPNP_SQPNP
    try:
        _, rotvecs, translations, _ = cv2.solvePnPGeneric(p_in_target, ray[:, None], np.eye(3), None, flags=method)
    except cv2.error:
        return out
    for n, (rotvec, translation) in enumerate(zip(rotvecs[:2], translations[:2], strict=True)):
        out[n, :9], out[n, 9:] = cv2.Rodrigues(rotvec)[0].ravel(), translation.ravel()
    return out


def _refined(
    corners: Corners,
    kinds: list[LensKind],
    lenses: list[np.ndarray],
    sightings: list[np.ndarray],
    guesses: list[np.ndarray],
) -> tuple[Float[np.ndarray, "n 2 12"], Float[np.ndarray, "n 2"]]:
    """Every guess brought to its own minimum through the full lens, every sighting being a target of its own."""
    n = len(sightings)
    all_corners = np.concatenate(sightings)
    lone = replace(
        corners,
        target_set=corners.target_set[corners.target_of[[run[0] for run in sightings]]],
        target_instant=np.arange(n),
        view_of=corners.view_of[all_corners],
        target_of=np.repeat(np.arange(n), [len(run) for run in sightings]),
        point_of=corners.point_of[all_corners],
        uv_px=corners.uv_px[all_corners],
        sigma_px=corners.sigma_px[all_corners],
    )
    at_camera = np.tile(AT_CAMERA, (len(kinds), 1))
    nothing = Unknowns(np.zeros((len(kinds), N_CAMERA), bool), np.array(lenses), np.zeros((len(kinds), 18, 18)),
                       np.zeros(n, bool))  # fmt: skip
    problem = Problem(lone.observed(kinds), nothing, BEND_PX)
    weight = np.bincount(lone.target_of, problem.observed.weight, n)
    poses, rms_px = np.empty((n, 2, 12)), np.empty((n, 2))
    for which in range(2):
        start = np.array([guess[which] for guess in guesses])
        refined, costs = problem.with_poses_refined(State(np.array(lenses), at_camera, start))
        rms_px[:, which] = np.sqrt(np.where(np.isfinite(costs), costs, np.inf) / weight)
        poses[:, which] = refined.poses
    order = np.argsort(rms_px, axis=1, kind="stable")
    return np.take_along_axis(poses, order[..., None], 1), np.take_along_axis(rms_px, order, 1)
