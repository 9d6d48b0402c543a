"""Rotations, movement, thresholds, doubt and intervals against scipy and loops written from the definitions."""

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.spatial.transform import Rotation

from mocap3d.evaluation.metrics.bootstrap import mean_interval
from mocap3d.evaluation.metrics.consistency import bone_spread_mm, held_out_px
from mocap3d.evaluation.metrics.doubt import check_doubt, nees
from mocap3d.evaluation.metrics.movement import (
    acceleration_error_m_s2,
    acceleration_error_mm_frame2,
    foot_skate_mm_s,
    jitter_m_s3,
)
from mocap3d.evaluation.metrics.rotations import angle_rmse_deg, geodesic_deg, mpjae_deg
from mocap3d.evaluation.metrics.thresholds import auc_integral, auc_mean, distances_px, pck, pck3d, pckh, pcp
from mocap3d.synthesis.walk import Gait, walking_person
from tests.scene import small_scene

RNG = np.random.default_rng(6)
TIGHT = 1e-9


def rotations(*shape: int, seed: int = 0) -> Rotation:
    return Rotation.random(int(np.prod(shape)), rng=np.random.default_rng(seed))


def test_angles_are_scipys_also_near_none_and_near_half_a_turn():
    a = rotations(60)
    small = Rotation.from_rotvec(np.geomspace(1e-9, np.pi, 60)[:, None] * [0.6, 0.0, 0.8])
    ours = geodesic_deg(torch.from_numpy(a.as_matrix()), torch.from_numpy((a * small).as_matrix()))
    assert ours.numpy() == pytest.approx(np.degrees(np.geomspace(1e-9, np.pi, 60)), abs=1e-7)
    assert ours.numpy() == pytest.approx(np.degrees((a.inv() * (a * small)).magnitude()), abs=1e-7)


def test_mpjae_turns_the_prediction_by_the_alignment():
    p, q, turn = (rotations(5, 9, seed=s) for s in (1, 2, 3))
    first = torch.from_numpy(turn.as_matrix()[:5])
    found, true = (torch.from_numpy(x.as_matrix().reshape(5, 9, 3, 3)) for x in (p, q))
    ours = mpjae_deg(found, true, first)
    loop = [
        np.mean([np.degrees((q[9 * n + s].inv() * turn[n] * p[9 * n + s]).magnitude()) for s in range(9)])
        for n in range(5)
    ]
    assert ours.numpy() == pytest.approx(loop, abs=TIGHT)


def test_joint_angles_differ_the_short_way_round():
    p = torch.tensor([[3.1, 0.1], [-3.1, 0.3]], dtype=torch.float64)
    q = torch.tensor([[-3.1, 0.2], [3.1, torch.nan]], dtype=torch.float64)
    assert angle_rmse_deg(p, q).numpy() == pytest.approx(np.degrees([2 * np.pi - 6.2, 0.1]), abs=TIGHT)


def test_acceleration_error_is_the_loop_and_invisible_frames_take_three():
    p, q = (torch.from_numpy(RNG.normal(size=(12, 5, 3))) for _ in range(2))
    visible = torch.ones(12, dtype=torch.bool)
    visible[4] = False
    loop = []
    for t in range(1, 11):
        if {t - 1, t, t + 1}.isdisjoint({4}):
            a, b = (x[t - 1] - 2 * x[t] + x[t + 1] for x in (p, q))
            loop.append(1000 * np.mean([np.linalg.norm(a[j] - b[j]) for j in range(5)]))
    assert acceleration_error_mm_frame2(p, q, visible).numpy() == pytest.approx(loop, abs=TIGHT)
    inner = np.array(loop)[1:-1] / 1000 * 900
    assert acceleration_error_m_s2(p, q, 30.0, visible).numpy() == pytest.approx(inner, abs=TIGHT)


def test_jitter_of_a_cubic_is_its_third_derivative():
    t = torch.arange(20, dtype=torch.float64) / 50
    p = torch.stack([t**3, 2 * t**2, t], -1)[:, None]
    assert jitter_m_s3(p, 50.0).numpy() == pytest.approx(6.0, abs=1e-6)


def test_only_feet_on_the_floor_skate():
    t = torch.arange(50, dtype=torch.float64) / 50
    sliding = torch.stack([0.2 * t, 0 * t, 0 * t + 0.01], -1)
    lifted = torch.stack([5 * t, 0 * t, 0.2 + 0 * t], -1)
    feet = torch.stack([sliding, lifted], 1)
    assert float(foot_skate_mm_s(feet, 50.0, floor_m=0.0)) == pytest.approx(200.0, abs=1e-6)
    assert foot_skate_mm_s(feet[:, 1:], 50.0, floor_m=0.0).isnan()


def test_toes_that_swing_close_to_the_floor_do_not_skate():
    """A walker whose feet stand still. Measured 3 mm/s, and 0.2 m/s more where the feet slide so."""
    walker = walking_person(180, rate_hz=60.0, height_m=1.75, gait=Gait(cadence_hz=1.9), seed=0)
    feet = torch.from_numpy(np.stack([walker[side + end] for side in "LR" for end in ("Heel", "BigToe", "Ankle")], 1))
    assert float(foot_skate_mm_s(feet, 60.0)) < 10
    sliding = feet + torch.arange(180)[:, None, None] / 60 * torch.tensor([0.0, 0.2, 0.0])
    assert float(foot_skate_mm_s(sliding, 60.0)) == pytest.approx(200, abs=15)


def test_pck_counts_the_unpredicted_as_wrong_and_the_unlabelled_not_at_all():
    true = torch.from_numpy(RNG.uniform(0, 100, (30, 6, 2)))
    found = true + torch.from_numpy(RNG.normal(0, 5, (30, 6, 2)))
    size = torch.from_numpy(RNG.uniform(20, 60, 30))
    true[0, 0] = torch.nan
    found[1, 1] = torch.nan
    right = total = 0
    for n in range(30):
        for j in range(6):
            if torch.isfinite(true[n, j]).all():
                total += 1
                right += bool(torch.isfinite(found[n, j]).all() and (found[n, j] - true[n, j]).norm() <= 0.2 * size[n])
    assert float(pck(distances_px(found, true), 0.2, size)) == pytest.approx(right / total, abs=TIGHT)
    assert float(pckh(found, true, size, 0.2)) == pytest.approx(right / total, abs=TIGHT)
    assert pck(torch.full((2, 2), torch.nan), 1.0).isnan()


def test_both_areas_under_the_curve():
    d = torch.from_numpy(RNG.uniform(0, 300, (40, 12)))
    at = np.arange(200)
    share = [(d.numpy() <= x).mean(1).mean() for x in at]
    assert float(auc_integral(d)) == pytest.approx(trapezoid(share, at / 199), abs=TIGHT)
    thresholds = torch.arange(0, 151, 5, dtype=torch.float64)
    assert float(auc_mean(d, thresholds)) == pytest.approx(
        np.mean([(d <= x).double().mean() for x in range(0, 151, 5)]), abs=TIGHT
    )
    assert float(pck3d(d)) == pytest.approx((d.numpy() <= 150).mean(), abs=TIGHT)


@pytest.mark.parametrize("strict", [True, False])
def test_pcp_is_the_loop(strict):
    p, q = (torch.from_numpy(RNG.normal(size=(25, 4, 3))) for _ in range(2))
    p = q + 0.4 * p
    p[0, 1] = torch.nan
    limbs = [(0, 1), (2, 3)]
    for (a, b), ours in zip(limbs, pcp(p, q, limbs, strict=strict), strict=True):
        right = 0
        for n in range(25):
            ends = [float((p[n, e] - q[n, e]).norm()) for e in (a, b)]
            half = 0.5 * float((q[n, a] - q[n, b]).norm())
            right += all(end <= half for end in ends) if strict else sum(ends) / 2 <= half
        assert float(ours) == pytest.approx(right / 25, abs=TIGHT)


def test_true_covariances_pass_and_halved_sigmas_do_not():
    """Of 20,000 draws: NEES within 2 % of 1, coverage within 1 %."""
    factor = RNG.normal(size=(3, 3))
    error = torch.from_numpy(RNG.normal(size=(20_000, 3)) @ factor.T)
    cov = torch.from_numpy(factor @ factor.T).expand(20_000, 3, 3)
    check = check_doubt(error, cov)
    assert check.nees == pytest.approx(1.0, abs=0.02)
    assert check.median == pytest.approx(1.0, abs=0.03)
    assert all(abs(level - share) < 0.01 for level, share in check.coverage.items())
    assert check_doubt(error, cov / 4).nees == pytest.approx(4.0, abs=0.08)
    by_inverse = np.einsum("ni,ij,nj->n", error[:50].numpy(), np.linalg.inv(factor @ factor.T), error[:50].numpy())
    assert nees(error[:50], cov[:50]).numpy() == pytest.approx(by_inverse, rel=1e-9)
    assert nees(torch.full((1, 3), torch.nan), cov[:1].float()).isnan().all()


def test_intervals_cover_what_they_say():
    """Of 200 data sets of 40 groups with mean 5, 95 % intervals hold it in 90 to 99 %."""
    group = np.repeat(np.arange(40), 5)
    held = 0
    for n in range(200):
        rng = np.random.default_rng(n)
        values = 5 + np.repeat(rng.normal(0, 2, 40), 5) + rng.normal(0, 1, 200)
        interval = mean_interval(values, group, draws=300)
        assert interval.mean == pytest.approx(values.mean())
        held += interval.low <= 5 <= interval.high
    assert 180 <= held <= 198


def test_an_interval_needs_groups_and_values():
    assert np.isnan(mean_interval(np.array([1.0, np.nan]), np.array([0, 0])).low)
    assert mean_interval(np.full(3, np.nan)).n == 0
    assert str(mean_interval(np.full(3, 2.0), np.zeros(3, int))) == "2.0"


def test_held_out_views_and_bones_of_an_exact_scene_are_exact():
    scene = small_scene()
    camera = next(iter(scene.rig.cameras.values()))
    p = scene.p_in_world[:, 0]
    assert held_out_px(camera, p, camera.project(p) + torch.tensor([3.0, 4.0])).numpy() == pytest.approx(5.0, abs=TIGHT)
    spread = bone_spread_mm(p, [(0, 1), (5, 7)])
    lengths = [np.linalg.norm(p[:, a] - p[:, b], axis=-1) for a, b in ((0, 1), (5, 7))]
    assert spread.numpy() == pytest.approx([1000 * length.std() for length in lengths], abs=TIGHT)
