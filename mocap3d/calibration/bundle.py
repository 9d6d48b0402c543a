"""All cameras and all targets at once: the joint minimum of the reprojection error, and how well everything is known.

Targets are rigid: one pose per target and instant. Lenses are free where the corners determine them, and held by the
priors of ``lens_kinds`` where not. The loss is Huber's, the corners' noise is measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.calibration.adjustment import Adjusted, adjust, held_parameters, parameter_names, unknowns_of
from mocap3d.calibration.corners import Corners, corners_of, rigid_of, rows_of
from mocap3d.calibration.extrinsics import Poses
from mocap3d.calibration.intrinsics import LensEstimate
from mocap3d.calibration.lens_kinds import packed, unpacked
from mocap3d.calibration.rigidity import rigidity
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig, TargetObservations, ViewId
from mocap3d.solve.bundle import Problem, State


@dataclass(frozen=True)
class BundleOptions:
    """What is adjusted, and how."""

    refine_lenses: bool = True
    """Adjust the lenses, too; without, they stay as given."""
    bend_px: float = 0.8
    """A corner further off than this pulls no harder (Huber's loss). From 0.5 to 3 px, real webcams' held-out errors
    differ by 2 %."""
    fixed_lenses: tuple[ViewId, ...] = ()
    """Views whose lens is not adjusted."""
    anchor: str | None = None
    """Name of a target that was seen at one instant only and whose frame is the world; without, the world is the first
    view's camera frame."""
    use_priors: bool = True
    """Hold what the corners do not tell near its usual value; without, lenses can run away."""
    tolerance: float = 1e-9
    """Relative fall of the cost at which the adjustment ends."""


@dataclass(frozen=True, slots=True)
class BundleResult:
    """The cameras and targets, with their doubt."""

    rig: CalibratedRig
    lenses: Mapping[ViewId, LensEstimate]
    """The adjusted lenses; their covariances, held parameters and errors are those of the adjustment."""
    names: tuple[str, ...]
    """``cam01.fx``; turn_x, turn_y, turn_z (rad, about the camera's own centre, in its frame), x, y, z (m, of its
    centre in the world), then the lens's parameters."""
    cov: Float[Tensor, "p p"]
    """Of ``names``, in the world as it is: relative to the first camera, whose pose has no doubt, or to the anchor."""
    world_from_target: tuple[Rigid, ...]
    """Of every set of observations, (t); NaN where the target was not seen."""
    residual_px: tuple[Float[Tensor, "_v _t _k"], ...]
    """Distance between seen and reprojected corner, for every set."""
    rms_px: float
    median_px: float
    noise: float
    """How many times larger the corners' errors are than their stated sigmas."""
    rigidity_m: float
    """Root mean square by which distances between corners, triangulated one by one, miss the target's own; NaN where
    no two views share corners."""
    scale: float
    """Mean ratio of those distances: 1.01 means that the target comes out 1 % too large."""
    converged: bool

    def sigma(self, name: str) -> float:
        """Standard deviation of a parameter; 0 for what the choice of the world fixes."""
        return float(self.cov.diagonal()[self.names.index(name)].sqrt()) if name in self.names else 0.0


def bundle_adjust(
    observations: Sequence[TargetObservations],
    lenses: Mapping[ViewId, LensEstimate],
    poses: Poses,
    options: BundleOptions = BundleOptions(),
) -> BundleResult:
    """The joint minimum, from the lenses and poses that the steps before have found."""
    poses.check_connected()
    corners = corners_of(observations, list(lenses))
    state, known = start_of(corners, lenses, poses)
    corners = corners.of_targets(known)
    kinds = [lenses[view].kind for view in corners.views]
    anchored = _anchor(corners, options.anchor)
    state = _in_anchor(state, anchored)
    free_lens = np.array([[options.refine_lenses and view not in options.fixed_lenses] * 18 for view in corners.views])
    unknowns = unknowns_of(
        kinds,
        state.lenses,
        [corners.size_px[view] for view in corners.views],
        free_poses=np.arange(len(kinds)) >= (0 if options.anchor else 1),
        free_lens=free_lens,
        held_targets=np.arange(corners.n_targets) == anchored,
    )
    if not options.use_priors:
        unknowns = replace(unknowns, lens_information=np.zeros_like(unknowns.lens_information))
    problem = Problem(corners.observed(kinds), unknowns, options.bend_px)
    return _result(corners, lenses, adjust(problem, state, tolerance=options.tolerance))


def start_of(
    corners: Corners, lenses: Mapping[ViewId, LensEstimate], poses: Poses
) -> tuple[State, Bool[np.ndarray, " f"]]:
    """The state to start from, and which targets have a pose in it."""
    rows = [rows_of(world_from_target) for world_from_target in poses.world_from_target]
    targets = np.stack([rows[s][t] for s, t in zip(corners.target_set, corners.target_instant, strict=True)])
    known = np.asarray(np.isfinite(targets).all(1))
    if not known.any():
        raise CalibrationError(
            "no target could be placed before the cameras. Check the target's definition (rows, columns, square size), "
            "and that the recordings are synchronised."
        )
    cameras = np.concatenate([rows_of(_batched(poses.cam_from_world[view])) for view in corners.views])
    packed_lenses = np.stack([packed(lenses[view].lens) for view in corners.views])
    return State(packed_lenses, cameras, targets[known]), known


def _batched(motion: Rigid) -> Rigid:
    return Rigid(motion.rotation[None], motion.translation[None])


def _anchor(corners: Corners, name: str | None) -> int:
    """The number of the target that is the world, or -1."""
    if name is None:
        return -1
    of_name = [n for n, s in enumerate(corners.target_set) if corners.sets[s].name == name]
    if len(of_name) != 1:
        raise CalibrationError(
            f"'{name}' is to be the world, but it was placed at {len(of_name)} instants. Needed: a target that lies "
            "still and is seen at one instant (scene points, or the board on the floor)."
        )
    return of_name[0]


def _in_anchor(state: State, anchored: int) -> State:
    """The same estimate in the frame of the anchor."""
    if anchored < 0:
        return state
    world_from_target = rigid_of(state.poses)
    target1_from_world = world_from_target[anchored].inverse()
    cameras = rigid_of(state.cameras) @ target1_from_world.inverse()
    return State(state.lenses, rows_of(cameras), rows_of(target1_from_world @ world_from_target))


def _result(corners: Corners, lenses: Mapping[ViewId, LensEstimate], adjusted: Adjusted) -> BundleResult:
    kinds = [lenses[view].kind for view in corners.views]
    estimates = _lens_estimates(corners, lenses, adjusted)
    motions = rigid_of(adjusted.state.cameras)
    cameras = {view: Camera(estimates[view].lens, motions[c], corners.size_px[view])
               for c, view in enumerate(corners.views)}  # fmt: skip
    distance_px = np.linalg.norm(adjusted.residual_px, axis=1)
    rigidity_m, scale = rigidity(corners, list(cameras.values()))
    return BundleResult(
        rig=CalibratedRig(cameras),
        lenses=estimates,
        names=parameter_names(corners.views, kinds, adjusted.problem.unknowns),
        cov=torch.from_numpy(adjusted.cov),
        world_from_target=corners.poses_per_set(adjusted.state.poses),
        residual_px=corners.per_set(distance_px),
        rms_px=adjusted.rms_px,
        median_px=float(np.median(distance_px)),
        noise=adjusted.noise,
        rigidity_m=rigidity_m,
        scale=scale,
        converged=adjusted.converged,
    )


def _lens_estimates(
    corners: Corners, lenses: Mapping[ViewId, LensEstimate], adjusted: Adjusted
) -> dict[ViewId, LensEstimate]:
    """What the adjustment says of every lens."""
    kinds, unknowns = [lenses[view].kind for view in corners.views], adjusted.problem.unknowns
    held, found = held_parameters(corners, kinds, adjusted), {}
    for c, (view, kind) in enumerate(zip(corners.views, kinds, strict=True)):
        free, place = unknowns.lens_columns(c)
        own, mine = unknowns.offset[c] + place, corners.view_of == c
        found[view] = LensEstimate(
            view=view,
            lens=unpacked(kind, adjusted.state.lenses[c]),
            kind=kind,
            size_px=corners.size_px[view],
            names=tuple(kind.names[j] for j in free),
            cov=torch.from_numpy(adjusted.cov[np.ix_(own, own)]),
            held=held[view],
            n_pictures=len(np.unique(corners.target_of[mine])),
            rms_px=float(np.sqrt((adjusted.residual_px[mine] ** 2).sum(1).mean())),
            scores_px=lenses[view].scores_px,
            verdict=lenses[view].verdict,
        )
    return found
