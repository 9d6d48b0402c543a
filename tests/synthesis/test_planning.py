"""The planned error is what triangulation then has; and moving a camera to where it helps is proposed."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mocap3d.errors import CalibrationError
from mocap3d.geometry.triangulate import triangulate
from mocap3d.session.rig import RigTable, VolumeTable, read_rig
from mocap3d.synthesis.planning.plan import PlanOptions, plan_rig
from mocap3d.synthesis.planning.visibility import placed_walker, visible

RIGS = Path(__file__).parents[2] / "rigs"
FEW = PlanOptions(step_m=1.5, turns=2, phases=1, suggest=False)


@pytest.fixture(scope="module")
def rig():
    return read_rig(RIGS / "lab4.toml")


def test_the_error_is_that_of_points_really_triangulated(rig):
    """The oracle: noisy pixels of what is visible, triangulated by the reference. Measured 1.7 % apart, by sampling."""
    plan = plan_rig(rig, FEW)
    placed, x, y = placed_walker(rig.volume, step_m=1.5, n_turns=2, n_phases=1)
    assert plan.map.error_mm.shape == (len(y), len(x))
    torch.manual_seed(0)
    cameras = [table.camera() for table in rig.cameras]
    seen = torch.stack([visible(camera, placed) for camera in cameras]).flatten(1)
    p = placed.p_in_world.reshape(-1, 3)
    squares = []
    for _ in range(4):
        uv_px = torch.stack([camera.project(p) for camera in cameras])
        uv_px = torch.where(seen[..., None], uv_px + 4.0 * torch.randn_like(uv_px), torch.nan)
        found, _cov = triangulate(uv_px, torch.full(uv_px.shape[:2], 4.0, dtype=torch.float64), cameras)
        squares.append((found - p).square().sum(-1).reshape(placed.p_in_world.shape[:3]))
    by_place = torch.stack(squares).nanmean((0, 2, 3))
    really_mm = 1000 * float(by_place.nanmean().sqrt())
    assert plan.error_mm == pytest.approx(really_mm, rel=0.06)
    assert plan.seen == pytest.approx(float((seen.sum(0) >= 2).double().mean()))


def test_error_grows_with_the_detectors(rig):
    """In proportion, as the covariance does."""
    double = plan_rig(rig, replace(FEW, sigma_px=8.0))
    assert double.error_mm == pytest.approx(2 * plan_rig(rig, FEW).error_mm)


def test_symmetric_rigs_have_symmetric_maps():
    """Eight cameras round the middle: a turn of the walker by half a circle is a turn of the map."""
    found = plan_rig(read_rig(RIGS / "lab8.toml"), replace(FEW, turns=4)).map.error_mm
    torch.testing.assert_close(found, found.flip(0, 1), rtol=0.05, atol=0)


def test_a_body_hides_its_own_far_side(rig):
    placed, *_ = placed_walker(VolumeTable((-0.1, -0.1, 0.0), (0.1, 0.1, 2.0)), step_m=0.2, n_turns=1, n_phases=1)
    camera = replace(rig.cameras[0], position_m=(0.0, -4.0, 1.2), look_at_m=(0.0, 0.0, 0.9)).camera()
    share = visible(camera, placed).double().mean((0, 1))
    by_name = dict(zip(placed.names, share.tolist(), strict=True))
    sides = [sum(by_name[f"{side}{name}"] for name in ("Shoulder", "Elbow", "Wrist")) for side in "LR"]
    assert min(sides) < max(sides)


def test_two_cameras_at_one_place_are_told_apart(rig):
    """Both in a corner see no depth: one of them is sent elsewhere, and the error falls by far."""
    first = rig.cameras[0]
    twin = replace(first, name="twin", position_m=(first.position_m[0] - 0.2, *first.position_m[1:]))
    plan = plan_rig(RigTable((first, twin), rig.volume), replace(FEW, suggest=True))
    best = plan.suggestions[0]
    assert best.camera.name in (first.name, "twin")
    assert best.after_mm < best.before_mm / 4


def test_places_that_nobody_sees_are_unknown(rig):
    away = VolumeTable((40.0, 40.0, 0.0), (41.5, 41.5, 2.0))
    cameras = tuple(replace(c, look_at_m=(c.position_m[0], c.position_m[1] - 5, 1.0)) for c in rig.cameras)
    plan = plan_rig(RigTable(cameras, away), FEW)
    assert plan.map.error_mm.isnan().all()
    assert plan.seen == 0


def test_one_camera_is_refused(rig):
    with pytest.raises(CalibrationError, match=r"has 1 camera\. Needed: two"):
        plan_rig(RigTable(rig.cameras[:1], rig.volume), FEW)


@pytest.mark.parametrize("options", [{"sigma_px": 0.0}, {"step_m": -1.0}, {"turns": 0}, {"phases": 0}])
def test_options_that_are_no_numbers_to_plan_with_are_refused(options):
    with pytest.raises(ValueError, match=r"needed a number above 0"):
        PlanOptions(**options)
