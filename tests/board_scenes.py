"""Boards before cameras with known truth, made once per test run; and the way from them to a calibration."""

from dataclasses import replace
from functools import cache

import torch

from mocap3d.calibration.bundle import BundleOptions, BundleResult, bundle_adjust
from mocap3d.calibration.extrinsics import Poses, first_poses
from mocap3d.calibration.intrinsics import LensEstimate, calibrate_lens
from mocap3d.calibration.lens_kinds import LensKind
from mocap3d.geometry import Lens
from mocap3d.geometry.rigid import Rigid, rotvec_from_rotation
from mocap3d.session.records import CalibratedRig
from mocap3d.synthesis.boards import BoardScene, BoardSceneOptions, board_points, make_board_scene, ordinary_rig

DEFAULT = BundleOptions()


@cache
def board_scene(*, n_views: int = 4, n_instants: int = 60, seed: int = 0, **options: float) -> BoardScene:
    """A board carried before a ring of cameras; treat it as read-only."""
    rig = ordinary_rig(n_views, seed=seed)
    return make_board_scene(rig, board_points(), BoardSceneOptions(n_instants=n_instants, seed=seed, **options))


def rough_lenses(rig: CalibratedRig, *, kind: LensKind = LensKind.BROWN5) -> dict[str, LensEstimate]:
    """Lenses as one might guess them: 1 % off in focal length, 5 px in the principal point, without distortion."""
    lenses = {}
    for n, (view, camera) in enumerate(rig.cameras.items()):
        f_px, c_px = camera.lens.f_px * (1.01 if n % 2 else 0.99), camera.lens.c_px + 5
        lens = Lens.brown(f_px, c_px, torch.zeros(5, dtype=torch.float64))
        lenses[view] = LensEstimate(view, lens, kind, camera.size_px)
    return lenses


def true_lenses(rig: CalibratedRig) -> dict[str, LensEstimate]:
    """The lenses as they are."""
    return {view: LensEstimate(view, camera.lens, LensKind.BROWN5, camera.size_px)
            for view, camera in rig.cameras.items()}  # fmt: skip


def true_poses(scene: BoardScene) -> Poses:
    """The poses as they are, in the first camera's frame."""
    first_from_world = next(iter(scene.rig.cameras.values())).cam_from_world
    cam_from_first = {view: camera.cam_from_world @ first_from_world.inverse()
                      for view, camera in scene.rig.cameras.items()}  # fmt: skip
    return Poses(cam_from_first, (first_from_world @ scene.world_from_target,), (tuple(scene.rig.cameras),), {})


def calibrated(scene: BoardScene, options: BundleOptions = DEFAULT) -> BundleResult:
    """From rough lenses to the adjusted rig."""
    lenses = rough_lenses(scene.rig)
    return bundle_adjust([scene.observations], lenses, first_poses([scene.observations], lenses), options)


def errors(result: BundleResult, truth: CalibratedRig) -> dict[str, float]:
    """Estimate minus truth of every parameter of ``result.names``, the world being the first camera's frame."""
    first_from_world = next(iter(truth.cameras.values())).cam_from_world
    off = {}
    for view, camera in truth.cameras.items():
        found, cam_from_first = result.rig.cameras[view], camera.cam_from_world @ first_from_world.inverse()
        turn = rotvec_from_rotation(found.cam_from_world.rotation @ cam_from_first.rotation.mT)
        shift = found.centre_in_world - cam_from_first.inverse().translation
        lens = torch.cat([found.lens.f_px - camera.lens.f_px, found.lens.c_px - camera.lens.c_px,
                          found.lens.distortion - camera.lens.distortion])  # fmt: skip
        names = ("turn_x", "turn_y", "turn_z", "x", "y", "z", *LensKind.BROWN12.names)
        for name, value in zip(names, torch.cat([turn, shift, lens]).tolist(), strict=True):
            off[f"{view}.{name}"] = value
    return {name: off[name] for name in result.names}


def without(scene: BoardScene, views: tuple[str, ...], instants: slice) -> BoardScene:
    """The scene with some views blind at some instants."""
    uv_px = scene.observations.uv_px.clone()
    for view in views:
        uv_px[scene.observations.views.index(view), instants] = torch.nan
    return replace(scene, observations=replace(scene.observations, uv_px=uv_px))


def identity(n: int) -> Rigid:
    """The same place, n times."""
    return Rigid.identity(n)


def tried_lenses(scene: BoardScene) -> dict[str, LensEstimate]:
    """Lenses whose model is still open, as ``calibrate_lens`` gives them."""
    return {view: calibrate_lens(scene.observations, view) for view in scene.rig.cameras}
