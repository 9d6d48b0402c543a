"""Quality against scenes whose faults are known, and warnings that name the culprit."""

import math
from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest
import torch

from mocap3d.evaluation.quality import assess
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig, NoiseModel, Points3D, Provenance, Tracks2D
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.synthesis.activity import lively_person

HALPE = load_skeleton("halpe26")
SIGMA_PX = 3.0
N_INSTANTS = 400
VIEWS = ("cam1", "cam2", "cam3", "cam4")


def ring_of_cameras(n: int) -> CalibratedRig:
    """Cameras 5 m from the middle, 1.5 m high, looking at it; OpenCV axes."""
    cameras = {}
    for i, view in enumerate(VIEWS[:n]):
        angle = torch.tensor(2 * math.pi * i / n + 0.3, dtype=torch.float64)
        outward = torch.stack([angle.cos(), angle.sin(), angle.new_zeros(())])
        down = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)
        rotation = torch.stack([torch.linalg.cross(down, -outward), down, -outward])
        centre_in_world = 5 * outward - 1.5 * down
        f_px, c_px = torch.tensor([[1000.0, 1000.0], [960.0, 540.0]], dtype=torch.float64)
        cameras[view] = Camera(Lens.pinhole(f_px, c_px), Rigid(rotation, -rotation @ centre_in_world), (1920, 1080))
    return CalibratedRig(cameras)


@cache
def body(n_instants: int, seed: int) -> torch.Tensor:
    """(t k 3) of a lively person; cached, not to be changed in place."""
    by_name = lively_person(n_instants, seed=seed)
    return torch.stack([torch.from_numpy(by_name[name]) for name in HALPE.keypoints], 1)


def true_points(people: tuple[str, ...] = ("Ada",), n_instants: int = N_INSTANTS) -> Points3D:
    bodies = [body(n_instants, seed) for seed in range(len(people))]
    p_in_world = torch.stack(bodies, 1)
    shape = p_in_world.shape[:3]
    return Points3D(
        skeleton=HALPE,
        people=people,
        t_s=torch.arange(n_instants, dtype=torch.float64) / 60,
        rate=Fraction(60),
        p_in_world=p_in_world,
        cov_m2=(torch.eye(3, dtype=torch.float64) * torch.tensor([4e-6, 9e-6, 1e-6])).expand(*shape, 3, 3).clone(),
        n_views=torch.full(shape, 4, dtype=torch.int8),
        provenance=torch.full(shape, int(Provenance.MEASURED), dtype=torch.int8),
    )


def sightings(points: Points3D, rig: CalibratedRig, *, n_alternatives: int = 1) -> Tracks2D:
    """Every view sees every point with normal noise; further alternatives are missing."""
    generator = torch.Generator().manual_seed(1)
    uv_px = torch.stack([camera.project(points.p_in_world) for camera in rig.cameras.values()])
    uv_px = uv_px + SIGMA_PX * torch.randn(uv_px.shape, generator=generator, dtype=torch.float64)
    uv_px = torch.stack([uv_px] + [torch.full_like(uv_px, torch.nan)] * (n_alternatives - 1), -2)
    cov_px2 = (SIGMA_PX**2 * torch.eye(2, dtype=torch.float64)).expand(*uv_px.shape, 2).clone()
    return Tracks2D(
        views=tuple(rig.cameras),
        skeleton=HALPE,
        people=points.people,
        t_s=points.t_s,
        rate=points.rate,
        uv_px=uv_px,
        cov_px2=cov_px2,
        log_weight=torch.zeros(uv_px.shape[:-1], dtype=torch.float64),
    )


RIG = ring_of_cameras(4)


@pytest.fixture
def points() -> Points3D:
    return true_points()


@pytest.fixture
def tracks(points) -> Tracks2D:
    return sightings(points, RIG)


def only(warnings: tuple[str, ...], *words: str) -> str:
    """The single warning, which says all these words."""
    assert len(warnings) == 1, warnings
    for word in words:
        assert word in warnings[0]
    return warnings[0]


def test_a_sound_recording_has_true_numbers_and_no_warnings(points, tracks):
    quality = assess(points, tracks, RIG)
    rayleigh_median_px = SIGMA_PX * math.sqrt(2 * math.log(2))
    assert quality.reprojection_px.shape == (4, 26)
    assert quality.reprojection_px.mean().item() == pytest.approx(rayleigh_median_px, rel=0.02)
    assert quality.inlier_fraction.min() > 0.99
    torch.testing.assert_close(quality.sigma_mm, torch.full((26,), 3.0, dtype=torch.float64))
    assert quality.coverage.min() == 1
    assert quality.filled.max() == 0
    assert quality.views_per_point == 4
    assert quality.limb_spread_m.max() < 1e-9
    assert quality.limb_length_m[0, quality.limb_names.index("LHip-LKnee")].item() == pytest.approx(0.43)
    assert quality.warnings == ()


@pytest.mark.parametrize("stated", [0.1, 1.0, 10.0])
def test_acceptance_does_not_hang_on_the_detectors_stated_sigma(points, tracks, stated):
    quality = assess(points, replace(tracks, cov_px2=tracks.cov_px2 * stated**2), RIG)
    assert quality.inlier_fraction.min() > 0.99


def test_acceptance_follows_the_measured_noise_where_it_is_known(points, tracks):
    """The noise model states a fifth of the true sigma at score 0.5: exp(-(4 / 5)^2 / 2) of the points lie outside."""
    scale2 = torch.tensor([2.0, 1 / 25, 1.0], dtype=torch.float64).expand(4, 26, 3)
    noise = NoiseModel(scale2, 0.0, 0.0, 1.0)
    scored = replace(tracks, log_weight=torch.full_like(tracks.log_weight, math.log(0.5)))
    quality = assess(replace(points, noise=(noise,)), scored, RIG)
    assert quality.inlier_fraction.mean().item() == pytest.approx(1 - math.exp(-0.32), abs=0.01)


def test_outliers_count_as_such_and_leave_the_error_alone(points, tracks):
    knee = HALPE.index("LKnee")
    tracks.uv_px[1, : N_INSTANTS // 4, 0, knee] += 200
    quality = assess(points, tracks, RIG)
    assert quality.inlier_fraction[1, knee].item() == pytest.approx(0.75, abs=0.01)
    assert quality.reprojection_px[1, knee].item() == pytest.approx(3.53, abs=0.5)


def test_a_second_alternative_can_be_the_right_one(points):
    tracks = sightings(points, RIG, n_alternatives=2)
    tracks.uv_px[..., 1, :] = tracks.uv_px[..., 0, :]
    tracks.uv_px[2, :, :, :, 0] += 300
    assert assess(points, tracks, RIG).inlier_fraction.min() > 0.99


def test_moving_camera_is_taken_at_its_own_pose(points, tracks):
    still = RIG.cameras["cam1"]
    pose = still.cam_from_world
    poses = Rigid(pose.rotation.expand(N_INSTANTS, 3, 3), pose.translation.expand(N_INSTANTS, 3))
    moving = CalibratedRig({**RIG.cameras, "cam1": replace(still, cam_from_world=poses)})
    torch.testing.assert_close(
        assess(points, tracks, moving).reprojection_px, assess(points, tracks, RIG).reprojection_px
    )


def test_a_moved_camera_is_named(points, tracks):
    turned = Rigid.from_rotvec(torch.tensor([0.0, 0.02, 0.0], dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    camera = RIG.cameras["cam3"]
    moved = replace(camera, cam_from_world=turned @ camera.cam_from_world)
    warnings = assess(points, tracks, CalibratedRig({**RIG.cameras, "cam3": moved})).warnings
    assert "view 'cam3': reprojection error" in warnings[0]
    assert "Calibrate it again" in warnings[0]
    assert not any("cam1" in w or "cam2" in w or "cam4" in w for w in warnings)


def test_a_cropped_video_is_named_with_its_offset(points, tracks):
    tracks.uv_px[1] += torch.tensor([-4.0, 0.0], dtype=torch.float64)
    only(assess(points, tracks, RIG).warnings, "'cam2' (-4.", "cropped or resized", "--check")


def test_offsets_of_several_views_are_one_finding(points, tracks):
    tracks.uv_px[[1, 3]] += torch.tensor([[-4.0, 0.0], [4.0, 0.0]], dtype=torch.float64)[:, None, None, None, None]
    only(assess(points, tracks, RIG).warnings, "'cam2' (", "'cam4' (")


def test_a_view_that_follows_somebody_else_is_named(points, tracks):
    tracks.uv_px[3, 120:] += 400 * torch.randn(N_INSTANTS - 120, 1, 26, 1, 2, dtype=torch.float64)
    noise = NoiseModel(torch.ones(4, 26, 2, dtype=torch.float64), 0.0, 0.0, 1.0)
    only(assess(replace(points, noise=(noise,)), tracks, RIG).warnings, "view 'cam4': only 3", "who is who")


def test_a_blind_view_is_named(points, tracks):
    tracks.uv_px[0] = torch.nan
    quality = assess(points, tracks, RIG)
    assert quality.reprojection_px[0].isnan().all()
    only(quality.warnings, "view 'cam1' agrees with no 3D point")


def test_who_comes_late_and_leaves_early_is_not_missing_meanwhile(points, tracks):
    """But who is away in between is: two people may have been taken for one."""
    for away in (slice(0, 120), slice(260, 300), slice(350, None)):
        points.provenance[away] = int(Provenance.MISSING)
        points.p_in_world[away] = torch.nan
    quality = assess(points, tracks, RIG)
    assert quality.coverage.unique().item() == pytest.approx(190 / 230)


def test_missing_and_filled_keypoints_are_named(points, tracks):
    for keypoint, origin, instants in (("LWrist", Provenance.MISSING, 160), ("RHeel", Provenance.FILLED, 200)):
        points.provenance[:instants, 0, HALPE.index(keypoint)] = int(origin)
    points.p_in_world[:160, 0, HALPE.index("LWrist")] = torch.nan
    quality = assess(points, tracks, RIG)
    missing, filled = quality.warnings
    assert "person 'Ada': missing in many instants: LWrist (40%)" in missing
    assert "bridged by priors: RHeel (50%)" in filled
    assert quality.coverage[0, HALPE.index("LWrist")] == 0.6
    assert quality.filled[0, HALPE.index("RHeel")] == 0.5


def test_a_stretching_limb_is_named(points, tracks):
    wobble_m = 0.04 * torch.randn(N_INSTANTS, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    points.p_in_world[:, 0, HALPE.index("RWrist"), 2] += wobble_m
    warning = next(w for w in assess(points, tracks, RIG).warnings if "limb length changes" in w)
    assert "person 'Ada'" in warning
    assert "RElbow-RWrist" in warning
    assert "LElbow" not in warning


def test_a_keypoint_on_which_the_views_disagree_is_named(points, tracks):
    ear = HALPE.index("LEar")
    tracks.uv_px[..., ear, :, :] += 15 * torch.randn(4, N_INSTANTS, 1, 1, 2, dtype=torch.float64)
    only(assess(points, tracks, RIG).warnings, "rarely agree", "LEar (7", "rejected")


def test_a_keypoint_of_large_error_is_named_where_its_noise_was_measured(points, tracks):
    ear = HALPE.index("LEar")
    scale2 = torch.ones(4, 26, 2, dtype=torch.float64)
    scale2[:, ear] = 25
    tracks.uv_px[..., ear, :, :] += 15 * torch.randn(4, N_INSTANTS, 1, 1, 2, dtype=torch.float64)
    noisy = replace(points, noise=(NoiseModel(scale2, 0.0, 0.0, 1.0),))
    only(assess(noisy, tracks, RIG).warnings, "far above", "LEar (1")


def test_large_doubt_is_named(points, tracks):
    points.cov_m2[..., HALPE.index("Nose"), :, :] *= 900
    only(assess(points, tracks, RIG).warnings, "one sigma", "Nose (90 mm)")


def test_two_views_are_few(points):
    rig = ring_of_cameras(2)
    two = replace(points, n_views=torch.full_like(points.n_views, 2))
    only(assess(two, sightings(points, rig), rig).warnings, "2.0 views on average", "three views")


def test_millimetres_are_told_from_metres(points, tracks):
    giant = replace(points, p_in_world=1000 * points.p_in_world)
    assert any("tall" in w and "unit" in w for w in assess(giant, tracks, RIG).warnings)


def test_a_person_never_measured_is_named_once():
    points = true_points(("Ada", "Bo"))
    points.provenance[:, 1] = int(Provenance.MISSING)
    points.p_in_world[:, 1] = torch.nan
    points.cov_m2[:, 1] = torch.nan
    only(assess(points, sightings(true_points(("Ada", "Bo")), RIG), RIG).warnings, "'Bo' was never measured")


@pytest.mark.parametrize(("people", "n_instants"), [((), 5), (("Ada",), 0), (("Ada",), 1)])
def test_nobody_and_nothing_are_judged_without_a_crash(people, n_instants):
    points = replace(true_points(("Ada",), 5), people=people)
    fields = {name: getattr(points, name)[:n_instants, : len(people)] for name in ("p_in_world", "cov_m2", "n_views")}
    points = replace(
        points, **fields, provenance=points.provenance[:n_instants, : len(people)], t_s=points.t_s[:n_instants]
    )
    quality = assess(points, sightings(points, RIG), RIG)
    assert quality.reprojection_px.shape == (4, 26)


def test_long_recordings_are_sampled(points, tracks, monkeypatch):
    every = assess(points, tracks, RIG)
    monkeypatch.setattr("mocap3d.evaluation.quality._SAMPLE", 100)
    sampled = assess(points, tracks, RIG)
    assert not torch.equal(sampled.reprojection_px, every.reprojection_px)
    torch.testing.assert_close(sampled.reprojection_px.mean(), every.reprojection_px.mean(), rtol=0.03, atol=0)
    assert torch.equal(sampled.limb_length_m, every.limb_length_m)
