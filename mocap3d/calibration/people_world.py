"""How large a world of people is, and where its floor: by a height, a distance, feet, or the calibration at hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from mocap3d.calibration.bundle import BundleResult
from mocap3d.calibration.world import level, moved, on_floor_points
from mocap3d.errors import CalibrationError
from mocap3d.geometry.align import similarity_align
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import ViewId
from mocap3d.skeletons.skeleton import Skeleton

USUAL_HEIGHT_M, USUAL_SIGMA = 1.70, 0.06
"""Of somebody of whom nothing is known; relative."""
BIAS_SIGMA = 0.02
"""By how much a detector's idea of the joints makes all limbs too long or too short; our judgement."""
ANKLE_M, SOLE_M = 0.08, 0.02
"""Height over the floor of a standing foot's ankle, and of its heel and toes, as detectors see them."""
MIN_FEET = 20


@dataclass(frozen=True, slots=True)
class Size:
    """How large the world is to be made, and by what."""

    factor: float
    sigma: float
    """Relative."""
    source: str


def size_by_height(skeleton: Skeleton, log_length: Float[np.ndarray, "p l"], heights_m: Sequence[float | None]) -> Size:
    """By people's limbs, whose share of the body's height is known; a height of None is not."""
    known = [height for height in heights_m if height is not None]
    mean, sigma = np.array(skeleton.length_ratio), np.array(skeleton.length_ratio_sigma)
    use = np.isfinite(mean)
    if not use.any():
        raise CalibrationError(
            f"the keypoint set {skeleton.name} has no limb of known proportion, so a height says nothing of its size. "
            "Give the distance between two cameras instead."
        )
    logs, weights = [], []
    for person, height in enumerate(heights_m):
        if known and height is None:
            continue
        logs.append(np.log(mean[use] * (height or USUAL_HEIGHT_M)) - log_length[person][use])
        weights.append((mean[use] / sigma[use]) ** 2)
    off, weight = np.concatenate(logs), np.concatenate(weights)
    # The median: limbs that are seldom seen come out anyhow.
    order = np.argsort(off)
    half = np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)
    factor = float(np.exp(off[order][min(half, len(off) - 1)]))
    relative = float(np.hypot(BIAS_SIGMA, 1.25 / np.sqrt(weight.sum())))
    if known:
        stated = ", ".join(f"{height:.2f} m" for height in known)
        return Size(factor, relative, f"a body height of {stated}, to {100 * relative:.0f} %")
    relative = float(np.hypot(relative, USUAL_SIGMA))
    return Size(factor, relative, f"people of {USUAL_HEIGHT_M:.2f} m, a guess: give a height or a distance")


def size_by_distance(result: BundleResult, views: Sequence[ViewId], metres: float) -> Size:
    """By the measured distance between two cameras."""
    cameras = result.rig.cameras
    apart = float((cameras[views[0]].centre_in_world - cameras[views[1]].centre_in_world).norm())
    if apart <= 0:
        raise CalibrationError(f"{views[0]} and {views[1]} stand in one place: their distance sets no scale.")
    return Size(metres / apart, 0.0, f"{metres:g} m from {views[0]} to {views[1]}")


def onto(
    result: BundleResult, points: Float[np.ndarray, "n k 3"], points_before: Float[np.ndarray, "n k 3"]
) -> tuple[BundleResult, Rigid, float]:
    """The world in which people are where the calibration at hand saw them; and the motion and scale to there.

    What most points agree on: a camera that moved took some with it.
    """
    both = np.isfinite(points).all(-1) & np.isfinite(points_before).all(-1)
    if both.sum() < 3:
        raise CalibrationError(
            "the calibration at hand and the new one have no point in common. Calibrate without the old one."
        )
    p, q = torch.from_numpy(points[both]), torch.from_numpy(points_before[both])
    weights = torch.ones_like(p[:, 0])
    scale, new_from_world = torch.tensor(1.0), Rigid.identity()
    for _ in range(20):
        scale, new_from_world = similarity_align(p, q, weights)
        off = (new_from_world.apply(scale * p) - q).norm(dim=-1)
        weights = 1 / (1 + (off / off.median().clamp(min=1e-9)) ** 2)
    return moved(result, new_from_world, scale=float(scale)), new_from_world, float(scale)


def on_feet(result: BundleResult, skeleton: Skeleton, points: Float[np.ndarray, "n k 3"]) -> tuple[BundleResult, str]:
    """The world whose floor is where feet touched it; where hardly any were seen, upright as the bodies are."""
    up = body_up(skeleton, points)
    feet, above_m = _feet(skeleton)
    lowest = _lowest(points[:, feet], up) if feet else np.zeros((0, 3))
    if len(lowest) < MIN_FEET:
        up_in_cam = {view: camera.cam_from_world.rotation @ torch.from_numpy(up)
                     for view, camera in result.rig.cameras.items()}  # fmt: skip
        return level(result, up_in_cam), (
            f"upright as the bodies are: feet were seen {len(lowest)} times, needed are {MIN_FEET}. Its origin is that "
            "of the first camera"
        )
    placed = on_floor_points(result, torch.from_numpy(lowest))
    shift = torch.tensor([0.0, 0.0, above_m], dtype=torch.float64)
    placed = moved(placed, Rigid(torch.eye(3, dtype=torch.float64), shift))
    world_from_old = _between(result, placed)
    upright = float((world_from_old.rotation @ torch.from_numpy(up))[2])
    if upright < 0.5:
        raise CalibrationError(
            "by their feet, people stand askew or head down: the solution is turned over or a mirror image. Check that "
            "no video is mirrored, and that left and right of the keypoints are those of the people."
        )
    return placed, "its floor where feet touched it, its origin below the middle of the cameras"


def body_up(skeleton: Skeleton, points: Float[np.ndarray, "n k 3"]) -> Float[np.ndarray, "3"]:
    """The direction from hips to shoulders (or from the lower to the upper keypoints), as bodies mostly have it."""
    low = [k for k, name in enumerate(skeleton.keypoints) if "Hip" in name]
    high = [k for k, name in enumerate(skeleton.keypoints) if "Shoulder" in name or name == "Neck"]
    with np.errstate(all="ignore"):
        along = _mean(points[:, high]) - _mean(points[:, low])
    length = np.linalg.norm(along, axis=1, keepdims=True)
    known = np.isfinite(length[:, 0]) & (length[:, 0] > 0)
    if not known.any():
        raise CalibrationError(
            f"no body shows hips and shoulders ({skeleton.name}), so nothing says which way is up. Keep the world of a "
            "calibration at hand, or let people be seen whole."
        )
    up = np.median(along[known] / length[known], axis=0)
    return up / np.linalg.norm(up)


def _mean(points: Float[np.ndarray, "n k 3"]) -> Float[np.ndarray, "n 3"]:
    known = np.isfinite(points).all(-1, keepdims=True)
    count = known.sum(1)
    return np.where(count > 0, np.where(known, points, 0.0).sum(1) / np.maximum(count, 1), np.nan)


def _feet(skeleton: Skeleton) -> tuple[list[int], float]:
    """Keypoints at the soles, or else the ankles; and how high over the floor they stand."""
    soles = [
        k for k, name in enumerate(skeleton.keypoints) if any(part in name for part in ("Toe", "Heel", "FootIndex"))
    ]
    if soles:
        return soles, SOLE_M
    return [k for k, name in enumerate(skeleton.keypoints) if "Ankle" in name], ANKLE_M


def _lowest(feet: Float[np.ndarray, "n f 3"], up: Float[np.ndarray, "3"]) -> Float[np.ndarray, "m 3"]:
    """Of every body, the lowest point of its feet; without the highest half of these, which may be jumps or errors."""
    height = np.where(np.isfinite(feet).all(-1), feet @ up, np.inf)
    known = np.isfinite(height).any(1)
    return feet[known, height[known].argmin(1)]


def _between(result: BundleResult, placed: BundleResult) -> Rigid:
    """Placed_from_result; rotations only are used."""
    view = next(iter(result.rig.cameras))
    return placed.rig.cameras[view].cam_from_world.inverse() @ result.rig.cameras[view].cam_from_world
