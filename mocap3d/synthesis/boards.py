"""Boards, wands and points of the scene before cameras whose truth is known: what a calibration must find again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens, LensModel
from mocap3d.geometry.rigid import Rigid, rotation_from_rotvec
from mocap3d.session.records import CalibratedRig, TargetObservations
from mocap3d.synthesis.ring import ring_rig

RATE_HZ = 10.0
"""Instants per second."""


@dataclass(frozen=True)
class BoardSceneOptions:
    """How often which target is shown to which cameras, and how well its corners are found."""

    n_instants: int = 200
    sigma_px: float = 0.3
    """Standard deviation per axis of a corner."""
    missing: float = 0.03
    """Fraction of the corners in sight that are not found."""
    outliers: float = 0.0
    """Fraction of the corners that are found some 15 px beside."""
    max_tilt_deg: float = 65.0
    """A printed side that is turned away further than this is not seen; 180 for a target that is seen from anywhere."""
    min_corners: int = 6
    """A view that has fewer corners of a board in its picture finds none."""
    reach_m: tuple[float, float, float] = (1.1, 1.1, 0.5)
    """How far the target is carried from the middle of the volume, along each axis."""
    middle_m: tuple[float, float, float] = (0.0, 0.0, 1.0)
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class BoardScene:
    """The truth and what is seen of it."""

    rig: CalibratedRig
    world_from_target: Rigid
    """One pose per instant."""
    observations: TargetObservations


def board_points(n_columns: int = 6, n_rows: int = 4, square_m: float = 0.08) -> Float[Tensor, "k 3"]:
    """Inner corners of a chessboard, row by row, in the plane z = 0."""
    y, x = torch.meshgrid(torch.arange(n_rows), torch.arange(n_columns), indexing="ij")
    return square_m * torch.stack([x, y, torch.zeros_like(x)], -1).reshape(-1, 3).double()


def wand_points(*places_m: float) -> Float[Tensor, "k 3"]:
    """Markers of a straight wand."""
    along = torch.tensor(places_m, dtype=torch.float64)
    return torch.stack([along, torch.zeros_like(along), torch.zeros_like(along)], -1)


def ordinary_rig(n_views: int = 8, *, seed: int = 0, half_m: float = 3.0) -> CalibratedRig:
    """A ring of cameras as labs have them: no two alike, none quite level, principal points beside the middle."""
    rng = np.random.default_rng((seed, 11))
    ring = ring_rig(n_views, half_m=half_m).calibrated()
    return replace(ring, cameras={view: _individual(camera, rng) for view, camera in ring.cameras.items()})


def _individual(camera: Camera, rng: np.random.Generator) -> Camera:
    f_px = rng.uniform(980, 1120) * torch.tensor([1.0, 1 + rng.normal(0, 0.001)], dtype=torch.float64)
    c_px = camera.lens.c_px + torch.from_numpy(rng.normal(0, 8, 2))
    k1, k2, k3 = rng.uniform(-0.16, -0.08), rng.uniform(0.03, 0.07), rng.uniform(-0.015, -0.005)
    p1, p2 = rng.normal(0, 4e-4, 2)
    lens = Lens.brown(f_px, c_px, torch.tensor([k1, k2, p1, p2, k3], dtype=torch.float64))
    turn = rotation_from_rotvec(torch.from_numpy(rng.normal(0, 0.03, 3)))
    rotation = turn @ camera.cam_from_world.rotation
    centre = camera.centre_in_world + torch.from_numpy(rng.normal(0, 0.1, 3))
    return Camera(lens, Rigid(rotation, -rotation @ centre), camera.size_px)


def make_board_scene(
    rig: CalibratedRig, p_in_target: Float[Tensor, "k 3"], options: BoardSceneOptions = BoardSceneOptions()
) -> BoardScene:
    """A target carried through the volume, always turning, so that every camera sees it now and then."""
    world_from_target = carried(options, p_in_target.mean(0))
    return shown(rig, p_in_target, world_from_target, options)


def shown(
    rig: CalibratedRig,
    p_in_target: Float[Tensor, "k 3"],
    world_from_target: Rigid,
    options: BoardSceneOptions = BoardSceneOptions(),
    *,
    name: str = "board",
) -> BoardScene:
    """A target at given poses (t). It is printed on the side that looks along its -z."""
    views, n = tuple(rig.cameras), len(world_from_target.translation)
    uv_px = [_seen(rig.cameras[view], p_in_target, world_from_target, options, (options.seed, 44, v))
             for v, view in enumerate(views)]  # fmt: skip
    uv_px = torch.stack(uv_px)
    found = uv_px.isfinite().all(-1)
    frames = torch.arange(n).expand(len(views), n)
    observations = TargetObservations(
        name=name,
        p_in_target=p_in_target,
        views=views,
        size_px={view: rig.cameras[view].size_px for view in views},
        t_s=torch.arange(n, dtype=torch.float64) / RATE_HZ,
        frame=torch.where(found.any(-1), frames, -1),
        uv_px=uv_px,
        sigma_px=torch.where(found, options.sigma_px, torch.nan).double(),
    )
    return BoardScene(rig, world_from_target, observations)


def carried(options: BoardSceneOptions, middle_in_target: Float[Tensor, "3"], *, delay_s: float = 0.0) -> Rigid:
    """World_from_target (t) of a target swung through the volume on incommensurable curves; all of it ``delay_s``
    later."""
    rng = np.random.default_rng((options.seed, 45))
    share = np.linspace(0, 1, options.n_instants) + delay_s * RATE_HZ / max(options.n_instants - 1, 1)
    turns = 2 * np.pi * (share[:, None] * [3, 2.3, 5, 6.5, 9, 7] + rng.random(6))
    place = np.array(options.middle_m) + np.array(options.reach_m) * np.sin(turns[:, :3])
    upright = rotation_from_rotvec(torch.tensor([np.pi / 2, 0.0, 0.0], dtype=torch.float64))
    yaw, pitch, roll = turns[:, 3], 0.6 * np.sin(turns[:, 4]), 0.5 * np.sin(turns[:, 5])
    rotation = _about(2, yaw) @ _about(1, pitch) @ _about(0, roll) @ upright
    return Rigid(rotation, torch.from_numpy(place) - rotation @ middle_in_target)


def _about(axis: int, angle_rad: np.ndarray) -> Float[Tensor, "t 3 3"]:
    rotvec = torch.zeros(len(angle_rad), 3, dtype=torch.float64)
    rotvec[:, axis] = torch.from_numpy(angle_rad)
    return rotation_from_rotvec(rotvec)


def _seen(
    camera: Camera,
    p_in_target: Float[Tensor, "k 3"],
    world_from_target: Rigid,
    options: BoardSceneOptions,
    seed: Sequence[int],
) -> Float[Tensor, "t k 2"]:
    """The corners one camera finds, NaN where it finds none; what is drawn does not depend on what is in sight."""
    rng = np.random.default_rng(tuple(seed))
    p_in_world = world_from_target[:, None].apply(p_in_target)
    clean_px = camera.project(p_in_world)
    noise_px = torch.from_numpy(rng.normal(0, options.sigma_px, clean_px.shape))
    dropped = torch.from_numpy(rng.random(clean_px.shape[:2]) < options.missing)
    astray = torch.from_numpy(rng.random(clean_px.shape[:2]) < options.outliers)
    far_px = torch.from_numpy(rng.normal(0, 15, clean_px.shape))
    found = camera.contains(clean_px) & _faces(camera, p_in_world, world_from_target, options)
    needed = min(options.min_corners, len(p_in_target))
    found = found & (found.sum(1, keepdim=True) >= needed) & ~dropped
    uv_px = clean_px + noise_px + torch.where(astray[..., None], far_px, 0.0)
    return torch.where(found[..., None], uv_px, torch.nan)


def _faces(
    camera: Camera, p_in_world: Float[Tensor, "t k 3"], world_from_target: Rigid, options: BoardSceneOptions
) -> Bool[Tensor, "t 1"]:
    """Whether the printed side can be seen."""
    towards = p_in_world.mean(1) - camera.centre_in_world
    cosine = (towards * world_from_target.rotation[:, :, 2]).sum(-1) / towards.norm(dim=-1)
    return (cosine >= np.cos(np.deg2rad(options.max_tilt_deg)))[:, None]


def with_model(camera: Camera, model: LensModel, distortion: Float[Tensor, " n"]) -> Camera:
    """The same camera with another lens in it."""
    f_px, c_px = camera.lens.f_px, camera.lens.c_px
    make = {LensModel.BROWN: Lens.brown, LensModel.KANNALA_BRANDT: Lens.kannala_brandt}
    lens = make[model](f_px, c_px, distortion) if model in make else Lens.pinhole(f_px, c_px)
    return replace(camera, lens=lens)
