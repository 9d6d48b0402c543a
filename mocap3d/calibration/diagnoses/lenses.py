"""What is wrong with the recordings that lenses are estimated from, by name, each with its remedy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float

from mocap3d.calibration.board_poses import board_poses
from mocap3d.calibration.bundle import bundle_adjust
from mocap3d.calibration.corners import corners_of, rigid_of
from mocap3d.calibration.extrinsics import Poses
from mocap3d.calibration.findings import Finding
from mocap3d.calibration.intrinsics import LensEstimate, LensOptions, calibrate_lens
from mocap3d.errors import CalibrationError
from mocap3d.session.records import TargetObservations, ViewId

FOCAL_DOUBT = 0.005
"""A focal length that is known worse than this asks for other pictures."""
FACING_DEG, SAME_DEPTH = 20.0, 1.3
"""Boards that are all tilted less, or whose distances all lie within this ratio, tell a focal length badly."""
FOCAL_APART, FOCAL_SIGMAS = 0.01, 4.0
"""Two estimates of one focal length differ if by more than this share, and so many sigmas."""


def poor_views(observations: Sequence[TargetObservations], lenses: Mapping[ViewId, LensEstimate]) -> Iterator[Finding]:
    """Views whose pictures do not tell the focal length, and why."""
    for view, lens in lenses.items():
        if "fx" not in lens.names:  # given
            continue
        if not {"fx", "fy"} & set(lens.held) and lens.sigma("fx") < FOCAL_DOUBT * float(lens.lens.f_px[0]):
            continue
        tilts_deg, distances_m = sightings(observations, lens)
        if not len(tilts_deg):
            continue
        if float(np.quantile(tilts_deg, 0.9)) < FACING_DEG:
            yield Finding(
                "too-few-tilts",
                f"view '{view}' sees the board always facing it: turned away by {np.quantile(tilts_deg, 0.9):.0f} "
                f"degrees at most, which does not tell the focal length{_held(lens)}. Tilt the board by 30 to 45 "
                "degrees to the left, right, up and down before this camera.",
                (view,),
            )
        if float(np.quantile(distances_m, 0.95) / np.quantile(distances_m, 0.05)) < SAME_DEPTH:
            yield Finding(
                "one-depth",
                f"view '{view}' sees the board always at the same distance ({np.median(distances_m):.2f} m), which "
                f"does not tell the focal length{_held(lens)}. Bring the board near (half of the picture) and far.",
                (view,),
            )


def _held(lens: LensEstimate) -> str:
    if {"fx", "fy"} & set(lens.held):
        return " (held near what is usual)"
    return f" (known to {100 * lens.sigma('fx') / float(lens.lens.f_px[0]):.1f} % only)"


def sightings(
    observations: Sequence[TargetObservations], lens: LensEstimate
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Of every picture of a board: how far (deg) it is turned out of the picture's plane, and its distance (m)."""
    sets = [each for each in observations if lens.view in each.views and len(each.p_in_target) > 3]
    if not sets:
        return np.zeros(0), np.zeros(0)
    corners = corners_of(sets, [lens.view])
    poses = board_poses(corners, {lens.view: (lens.kind, lens.lens)}).poses[:, 0]
    known = np.isfinite(poses).all(1)
    cam_from_target = rigid_of(poses[known])
    middle = cam_from_target.apply(torch.cat([each.p_in_target for each in sets]).mean(0))
    facing = cam_from_target.rotation[:, 2, 2].abs().clamp(max=1)
    return facing.arccos().rad2deg().numpy(), middle.norm(dim=-1).numpy()


def changed_lenses(
    together: TargetObservations | None,
    alone: TargetObservations | None,
    lenses: Mapping[ViewId, LensEstimate],
    poses: Poses,
) -> tuple[Finding, ...]:
    """Views whose lens is another in the recording of all views than in that of each alone: swapped, or refocused.

    ``together`` is the first target that ``poses`` were made of.
    """
    if together is None or alone is None:
        return ()
    only = replace(poses, world_from_target=poses.world_from_target[:1])
    adjusted = bundle_adjust([together], lenses, only).lenses
    pairs = {view: pair for view in lenses if (pair := _both(adjusted[view], alone)) is not None}
    changed = {view: pair for view, pair in pairs.items() if _apart(*pair)}
    found, explained = [], set()
    for a, b in combinations(changed, 2):
        if not _apart(changed[a][0], changed[b][1]) and not _apart(changed[b][0], changed[a][1]):
            explained |= {a, b}
            found.append(_swapped(a, b, changed))
    found += [_refocused(view, pair) for view, pair in changed.items() if view not in explained]
    return tuple(found)


Focal = tuple[float, float]
"""Focal length in pixels of the common size, and its sigma."""


def _both(together: LensEstimate, alone: TargetObservations) -> tuple[Focal, Focal] | None:
    """By the recording of all views, and by that of the view alone; None where one of them does not tell."""
    if together.view not in alone.views:
        return None
    try:
        estimate = calibrate_lens(alone, together.view, LensOptions(lens=together.kind))
    except CalibrationError:  # it shows no board
        return None
    if {"fx", "fy"} & {*estimate.held, *together.held}:
        return None
    scale = together.size_px[0] / estimate.size_px[0]
    return _focal(together, 1.0), _focal(estimate, scale)


def _focal(estimate: LensEstimate, scale: float) -> Focal:
    return scale * float(estimate.lens.f_px[0]), scale * estimate.sigma("fx")


def _apart(one: Focal, other: Focal) -> bool:
    off = abs(one[0] - other[0])
    return off > max(FOCAL_APART * one[0], FOCAL_SIGMAS * float(np.hypot(one[1], other[1])))


def _swapped(a: ViewId, b: ViewId, changed: Mapping[ViewId, tuple[Focal, Focal]]) -> Finding:
    (a_together, a_alone), (b_together, b_alone) = changed[a], changed[b]
    return Finding(
        "swapped-videos",
        f"the videos of '{a}' and '{b}' are swapped in one of the two folders: in extrinsics/ their focal lengths are "
        f"{a_together[0]:.0f} and {b_together[0]:.0f} px, in intrinsics/ {a_alone[0]:.0f} and {b_alone[0]:.0f} px. "
        "Look which camera filmed which, and rename the files; check those of the trials, too.",
        (a, b),
    )


def _refocused(view: ViewId, pair: tuple[Focal, Focal]) -> Finding:
    (together, _), (alone, _) = pair
    return Finding(
        "focus-changed",
        f"the lens of '{view}' is not the same in both recordings: its focal length is {together:.0f} px in "
        f"extrinsics/ and {alone:.0f} px in intrinsics/ ({100 * (together / alone - 1):+.1f} %). Zoom or focus was "
        "changed in between: fix both (switch autofocus off) and film the board close to this camera again.",
        (view,),
    )
