"""What goes wrong when boards are filmed, done to scenes whose truth is known: each fault alone, all else as it was."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid, rotation_from_rotvec
from mocap3d.session.records import CalibratedRig, TargetObservations, ViewId
from mocap3d.session.rig import CameraTable, LensTable, RigTable
from mocap3d.synthesis.boards import BoardScene, BoardSceneOptions, LensModel, carried, shown

Board = Float[Tensor, "k 3"]


def late(scene: BoardScene, options: BoardSceneOptions, view: ViewId, delay_s: float) -> BoardScene:
    """One view's pictures were taken later than its clock says."""
    points = scene.observations.p_in_target
    ahead = shown(scene.rig, points, carried(options, points.mean(0), delay_s=delay_s), options)
    return _with_view(scene, ahead, view)


def moved(scene: BoardScene, options: BoardSceneOptions, view: ViewId, turn_rad: float, *, after: float) -> BoardScene:
    """One camera is knocked aside when a share ``after`` of the recording is over."""
    camera = scene.rig.cameras[view]
    turn = rotation_from_rotvec(torch.tensor([0.3, 1.0, 0.2], dtype=torch.float64) * turn_rad)
    knocked = replace(camera, cam_from_world=Rigid(turn, torch.zeros(3, dtype=torch.float64)) @ camera.cam_from_world)
    other = shown(_with_camera(scene.rig, view, knocked), scene.observations.p_in_target, scene.world_from_target,
                  options)  # fmt: skip
    return _with_view(scene, other, view, first=round(after * len(scene.observations.t_s)))


def bent(scene: BoardScene, options: BoardSceneOptions, sag_m: float) -> BoardScene:
    """The board bulges like a part of a cylinder, by ``sag_m`` in its middle, and is believed to be flat."""
    points = scene.observations.p_in_target
    along = (points[:, 0] - points[:, 0].mean()) / (points[:, 0].max() - points[:, 0].min()) * 2
    bulged = points + torch.stack([torch.zeros_like(along), torch.zeros_like(along), sag_m * (1 - along**2)], 1)
    seen = shown(scene.rig, bulged, scene.world_from_target, options)
    return replace(scene, observations=replace(seen.observations, p_in_target=points))


def mirrored(scene: BoardScene, view: ViewId) -> BoardScene:
    """One view's video is turned left to right; the finder counts the corners from what is left for it."""
    seen, row = scene.observations, scene.observations.views.index(view)
    points = seen.p_in_target
    twin = points * torch.tensor([-1.0, 1, 1], dtype=torch.float64)
    twin[:, 0] += points[:, 0].min() + points[:, 0].max()
    order = torch.linalg.norm(twin[:, None] - points, dim=-1).argmin(1)
    uv_px, sigma_px = seen.uv_px.clone(), seen.sigma_px.clone()
    uv_px[row], sigma_px[row] = uv_px[row][:, order], sigma_px[row][:, order]
    uv_px[row, ..., 0] = seen.size_px[view][0] - 1 - uv_px[row, ..., 0]
    return replace(scene, observations=replace(seen, uv_px=uv_px, sigma_px=sigma_px))


def apart(scene: BoardScene, group: Sequence[ViewId]) -> BoardScene:
    """No view of the group sees the board when the others do."""
    seen = scene.observations
    uv_px, half = seen.uv_px.clone(), len(seen.t_s) // 2
    for row, view in enumerate(seen.views):
        uv_px[row, slice(half, None) if view in group else slice(half)] = torch.nan
    return replace(scene, observations=replace(seen, uv_px=uv_px))


def swapped(seen: TargetObservations, a: ViewId, b: ViewId) -> TargetObservations:
    """The recordings of two views under each other's names."""
    order = [seen.views.index({a: b, b: a}.get(view, view)) for view in seen.views]
    return replace(seen, uv_px=seen.uv_px[order], sigma_px=seen.sigma_px[order], frame=seen.frame[order])


def refocused(rig: CalibratedRig, view: ViewId, ratio: float) -> CalibratedRig:
    """One camera's focal length is another."""
    camera = rig.cameras[view]
    return _with_camera(rig, view, replace(camera, lens=replace(camera.lens, f_px=camera.lens.f_px * ratio)))


def side_by_side(n_views: int = 3) -> CalibratedRig:
    """Cameras in a row that all look the same way: what one does not see of a board's tilt, none does."""
    lens = LensTable(LensModel.BROWN, (-0.1, 0.04, 2e-4, -3e-4, -0.01))
    tables = [
        CameraTable(f"cam{n + 1:02d}", (0.5 * n - 0.25 * (n_views - 1), -3.0, 1.0), (1920, 1080),
                    look_at_m=(0.5 * n - 0.25 * (n_views - 1), 0.0, 1.0), focal_px=1050.0 + 12 * n, lens=lens)
        for n in range(n_views)
    ]  # fmt: skip
    return RigTable(tuple(tables)).calibrated()


def held(points: Board, *, n_instants: int, depth_m: tuple[float, float], tilt_rad: float, seed: int = 0) -> Rigid:
    """World_from_target (t) of a board before :func:`side_by_side`: how far away, and how much it is tilted at most."""
    rng = np.random.default_rng((seed, 46))
    depth = rng.uniform(*depth_m, n_instants)
    place = np.stack(
        [rng.uniform(-0.22, 0.22, n_instants) * depth, depth - 3, 1 + rng.uniform(-0.13, 0.13, n_instants) * depth], 1
    )
    way = rng.uniform(0, 2 * np.pi, n_instants)
    lean = tilt_rad * np.sqrt(rng.random(n_instants))
    tilt = rotation_from_rotvec(torch.from_numpy(np.stack([lean * np.cos(way), lean * np.sin(way), 0 * way], 1)))
    roll = rotation_from_rotvec(torch.from_numpy(np.stack([0 * way, 0 * way, rng.uniform(-0.4, 0.4, n_instants)], 1)))
    # Printed on the side that looks along -z: towards the cameras, which look along the world's y.
    facing = rotation_from_rotvec(torch.tensor([-np.pi / 2, 0.0, 0.0], dtype=torch.float64))
    rotation = facing @ tilt @ roll
    return Rigid(rotation, torch.from_numpy(place) - rotation @ points.mean(0))


def one_by_one(rig: CalibratedRig, points: Board, *, n_instants: int = 20) -> TargetObservations:
    """The board close to each camera in turn, for its lens; no two see it at once."""
    first = side_by_side(1).cameras["cam01"].cam_from_world
    poses = [
        camera.cam_from_world.inverse()
        @ first
        @ held(points, n_instants=n_instants, depth_m=(0.8, 2.5), tilt_rad=0.8, seed=100 + n)
        for n, camera in enumerate(rig.cameras.values())
    ]
    together = Rigid(torch.cat([pose.rotation for pose in poses]), torch.cat([pose.translation for pose in poses]))
    seen = shown(rig, points, together).observations
    uv_px = torch.full_like(seen.uv_px, torch.nan)
    for row in range(len(poses)):
        mine = slice(row * n_instants, (row + 1) * n_instants)
        uv_px[row, mine] = seen.uv_px[row, mine]
    return replace(seen, uv_px=uv_px)


def _with_camera(rig: CalibratedRig, view: ViewId, camera: Camera) -> CalibratedRig:
    return replace(rig, cameras={**rig.cameras, view: camera})


def _with_view(scene: BoardScene, other: BoardScene, view: ViewId, *, first: int = 0) -> BoardScene:
    """One view's corners from another scene, from an instant on."""
    seen, row = scene.observations, scene.observations.views.index(view)
    uv_px, sigma_px = seen.uv_px.clone(), seen.sigma_px.clone()
    uv_px[row, first:] = other.observations.uv_px[row, first:]
    sigma_px[row, first:] = other.observations.sigma_px[row, first:]
    return replace(scene, observations=replace(seen, uv_px=uv_px, sigma_px=sigma_px))
