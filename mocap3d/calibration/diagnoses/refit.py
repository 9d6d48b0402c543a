"""The cameras placed once more under a suspicion: by some of the instants, or by corners that were put right.

Not started at the adjusted rig: there the lenses have bent to hide what is wrong. A camera that moved comes out with
its principal point a tenth of the picture beside the middle, and hardly any error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mocap3d.calibration.adjustment import unknowns_of
from mocap3d.calibration.bundle import start_of
from mocap3d.calibration.corners import Corners, corners_of, rigid_of
from mocap3d.calibration.extrinsics import Poses
from mocap3d.calibration.intrinsics import LensEstimate
from mocap3d.calibration.lens_kinds import unpacked
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import TargetObservations, ViewId
from mocap3d.solve.bundle import Problem, State

BEND_PX = 2.0
TOLERANCE = 1e-6
MIN_CORNERS = 6
"""Of a target in all views: with fewer its place is anybody's guess."""


@dataclass(frozen=True, slots=True)
class Refit:
    """Cameras, the board's poses (t; NaN where it was not seen), and how far off every corner is."""

    cameras: dict[ViewId, Camera]
    world_from_target: Rigid
    off_px: Float[Tensor, "v t k 2"]
    """Seen minus expected, in the views and instants of the observations; NaN where no corner was seen."""

    @property
    def total_misfit_px(self) -> float:
        """Median distance in all views."""
        return float(self.off_px.norm(dim=-1).nanmedian())

    def misfit_px(self, row: int) -> float:
        """Median distance in one view."""
        distance = self.off_px[row].norm(dim=-1)
        return float(distance.nanmedian())


@dataclass(frozen=True, slots=True)
class Start:
    """Where every refit begins: first poses, and lenses that stay."""

    lenses: Mapping[ViewId, LensEstimate]
    poses: Poses

    @property
    def views(self) -> tuple[ViewId, ...]:
        return tuple(self.lenses)

    def at(self, fit: Refit) -> "Start":
        """The poses as they were found, the lenses to begin with as before."""
        cameras = {view: camera.cam_from_world for view, camera in fit.cameras.items()}
        return replace(self, poses=Poses(cameras, (fit.world_from_target,), (), {}))

    def with_lenses_of(self, fit: Refit) -> "Start":
        """The same poses to begin with, the lenses as they were found."""
        lenses = {view: replace(lens, lens=fit.cameras[view].lens) for view, lens in self.lenses.items()}
        return replace(self, lenses=lenses)


def refit(board: TargetObservations, start: Start, *, move: bool = True, with_lenses: bool = False) -> Refit | None:
    """Poses of the cameras (but for the first, unless they are to stay) and of the board; their lenses if so wished.

    ``board`` is the first target that ``start`` was made of, or what was made of it. None where nothing of it can be
    placed.
    """
    views = [view for view in board.views if view in start.lenses]
    try:
        corners = corners_of([board], views)
        poses = replace(start.poses, world_from_target=start.poses.world_from_target[:1])
        state, known = start_of(corners, start.lenses, poses)
    except CalibrationError:  # nothing seen
        return None
    corners, state = _placeable(corners.of_targets(known), state)
    if not corners.n_targets:
        return None
    kinds = [start.lenses[view].kind for view in views]
    unknowns = unknowns_of(
        kinds,
        state.lenses,
        [corners.size_px[view] for view in views],
        free_poses=np.array([move and n > 0 for n in range(len(views))]),
        free_lens=np.full((len(views), 18), with_lenses),
        held_targets=np.zeros(corners.n_targets, bool),
    )
    problem = Problem(corners.observed(kinds), unknowns, BEND_PX)
    state = problem.minimum(state, tolerance=TOLERANCE).x if move else problem.with_poses_refined(state)[0]
    motions = rigid_of(state.cameras)
    cameras = {view: Camera(unpacked(kinds[c], state.lenses[c]), motions[c], corners.size_px[view])
               for c, view in enumerate(views)}  # fmt: skip
    world_from_target = corners.poses_per_set(state.poses)[0]
    return Refit(cameras, world_from_target, _off_px(board, cameras, world_from_target))


def shared(board: TargetObservations, *, at_most: int) -> TargetObservations:
    """Only the instants at which two views see the board, evenly thinned out: others say nothing of the cameras."""
    together = (board.uv_px.isfinite().all(-1).sum(-1) >= 4).sum(0) >= 2
    chosen = together.nonzero()[:, 0]
    keep = torch.linspace(0, len(chosen) - 1, min(at_most, len(chosen))).round().long()
    return blanked(board, chosen[keep])


def blanked(board: TargetObservations, keep: Int[Tensor, " n"]) -> TargetObservations:
    """The same with nothing seen at other instants."""
    uv_px = torch.full_like(board.uv_px, torch.nan)
    uv_px[:, keep] = board.uv_px[:, keep]
    return replace(board, uv_px=uv_px)


def expected(board: TargetObservations, start: Start, fit: Refit, view: ViewId) -> Refit | None:
    """The same cameras, but the board placed by the other views alone: what tells a faulty view from good ones."""
    others = board.uv_px.clone()
    others[board.views.index(view)] = torch.nan
    placed = refit(replace(board, uv_px=others), start.at(fit), move=False)
    return placed and replace(placed, off_px=_off_px(board, placed.cameras, placed.world_from_target))


def p_in_world(board: TargetObservations, fit: Refit) -> Float[Tensor, "t k 3"]:
    """The board's points."""
    return fit.world_from_target[:, None].apply(board.p_in_target)


def _off_px(
    board: TargetObservations, cameras: Mapping[ViewId, Camera], world_from_target: Rigid
) -> Float[Tensor, "v t k 2"]:
    points, off_px = world_from_target[:, None].apply(board.p_in_target), torch.full_like(board.uv_px, torch.nan)
    for row, view in enumerate(board.views):
        if view in cameras:
            scale = cameras[view].size_px[0] / board.size_px[view][0]
            off_px[row] = (board.uv_px[row] + 0.5) * scale - 0.5 - cameras[view].project(points)
    return off_px


def _placeable(corners: Corners, state: State) -> tuple[Corners, State]:
    enough = np.bincount(corners.target_of, minlength=corners.n_targets) >= MIN_CORNERS
    return corners.of_targets(enough), replace(state, poses=state.poses[enough])


def fitted(
    design: Float[Tensor, "n p"], off: Float[Tensor, " n"], *, bend: float = BEND_PX, n_rounds: int = 10
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    """x with design x = off, by least squares with Huber's weights; and the standard deviation of each number."""
    a, b = np.ascontiguousarray(design.numpy()), off.numpy()
    x, weight, size = np.zeros(a.shape[1]), np.ones(len(b)), np.abs(b)
    inverse = np.zeros((a.shape[1],) * 2)
    for _ in range(n_rounds):
        weighted = a * weight[:, None]
        inverse = np.linalg.pinv(weighted.T @ a, hermitian=True)
        x = inverse @ (weighted.T @ b)
        size = np.abs(b - a @ x)
        weight = bend / np.maximum(size, bend)
    noise2 = float((weight * size**2).sum()) / max(len(b) - a.shape[1], 1)
    return x, np.sqrt(inverse.diagonal() * noise2)
