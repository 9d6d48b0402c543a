"""Whether a view's video is mirrored: it then agrees with the others only when it is turned left to right again.

Boards with markers are not found in mirrored pictures at all; that is noticed where they are looked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mocap3d.calibration.extrinsics import Poses, first_poses
from mocap3d.calibration.findings import Finding
from mocap3d.calibration.intrinsics import LensEstimate
from mocap3d.session.records import TargetObservations, ViewId
from mocap3d.session.views import listed

BEFORE, AFTER, MIN_SHARED = 0.4, 0.7, 5
"""Share of the shared instants at which two views agree, as filmed and mirrored; of so many at least."""


def mirrored(
    observations: Sequence[TargetObservations], lenses: Mapping[ViewId, LensEstimate], poses: Poses
) -> Finding | None:
    """A view that agrees with the others only when its picture is turned left to right."""
    board = observations[0]
    order = _mirror_image(board)
    if order is None:
        return None
    agreement = {view: _agreement(poses, view) for view in board.views}
    for view in sorted(agreement, key=lambda view: agreement[view]):
        if agreement[view] > BEFORE:
            return None
        turned = _turned(board, view, order)
        again = first_poses([turned], {each: lenses[each] for each in board.views if each in lenses})
        if _agreement(again, view) >= AFTER:
            names = listed([view] if len(board.views) > 2 else board.views)
            return Finding(
                "mirrored",
                f"the video of {names}{'' if len(board.views) > 2 else ' (one of the two)'} is mirrored: left and "
                f"right are exchanged. As filmed, the board's poses agree at {100 * agreement[view]:.0f} % of the "
                f"instants that it shares with others, mirrored at {100 * _agreement(again, view):.0f} %. Switch off "
                "mirroring (selfie mode, a horizontal flip) in the camera or its program, and film again; trials too.",
                (view,),
            )
    return None


def _agreement(poses: Poses, view: ViewId) -> float:
    """The largest share of instants at which some other view agrees with this one; 1 where too few are shared."""
    shares = [pair.n_agreeing / pair.n_instants for views, pair in poses.shared.items()
              if view in views and pair.n_instants >= MIN_SHARED]  # fmt: skip
    return max(shares, default=1.0)


def _mirror_image(board: TargetObservations) -> np.ndarray | None:
    """The order in which a flat target's points are taken for each other in a mirror; None where it has none."""
    points = board.p_in_target.numpy()
    if len(points) < 4 or np.ptp(points[:, 2]) > 0:
        return None
    seen = points * [-1, 1, 1] + [points[:, 0].min() + points[:, 0].max(), 0, 0]
    distance = np.linalg.norm(seen[:, None] - points, axis=-1)
    order = distance.argmin(1)
    return order if distance.min(1).max() < 1e-6 and len(set(order.tolist())) == len(points) else None


def _turned(board: TargetObservations, view: ViewId, order: np.ndarray) -> TargetObservations:
    """The same with one view's pictures turned left to right."""
    row, uv_px, sigma_px = board.views.index(view), board.uv_px.clone(), board.sigma_px.clone()
    uv_px[row] = uv_px[row][:, order]
    uv_px[row, ..., 0] = board.size_px[view][0] - 1 - uv_px[row, ..., 0]
    sigma_px[row] = sigma_px[row][:, order]
    return replace(board, uv_px=uv_px, sigma_px=sigma_px)
