"""The synthetic detector errs as its options say."""

from dataclasses import replace

import numpy as np
import pytest

from mocap3d.errors import Mocap3dError
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.synthesis.noise import NoiseOptions, seen_by_detector

SKELETON = load_skeleton("halpe26")
SHAPE = (1200, 2, 26)
QUIET = NoiseOptions(
    view_spread=0.0, keypoint_spread=0.0, dropouts=0.0, swaps=0.0, jumps=0.0, occluded_dropouts=0.0
)  # fmt: skip


def clean_px() -> np.ndarray:
    """Two people far from each other, every keypoint far from its mirror."""
    uv_px = np.zeros((*SHAPE, 2))
    uv_px[..., 0] = 400.0 + 900.0 * np.arange(2)[:, None] + 10.0 * np.arange(26)
    uv_px[..., 1] = 500.0 + 100.0 * (np.array([name[0] == "L" for name in SKELETON.keypoints]))
    return uv_px


def see(options: NoiseOptions, *, hidden: bool = False, seed: int = 0):
    occluded, inside = np.full(SHAPE, hidden), np.ones(SHAPE, bool)
    return seen_by_detector(clean_px(), occluded, inside, SKELETON, rate_hz=60.0, seed=(seed,), options=options)


def error_px(seen) -> np.ndarray:
    return np.linalg.norm(seen.uv_px - clean_px(), axis=-1)


@pytest.mark.parametrize(("options", "hidden", "rms"), [(QUIET, False, 3.0), (QUIET, True, 9.0)])
def test_sigma_is_the_rms_error_per_axis(options, hidden, rms):
    """Measured 2.99 and 8.97."""
    seen = see(options, hidden=hidden)
    assert np.sqrt((error_px(seen) ** 2).mean() / 2) == pytest.approx(rms, rel=0.05)
    assert not seen.outlier.any() or hidden


def test_tails_are_heavy_unless_asked_otherwise():
    """Excess kurtosis; measured above 3 with defaults, 0.0 for plain Gaussian noise."""
    plain = replace(QUIET, tail_dof=1e6, point_spread=0.0)
    for options, low, high in ((QUIET, 1.0, np.inf), (plain, -0.1, 0.1)):
        error = (see(options).uv_px - clean_px()).ravel()
        assert low < (error**4).mean() / (error**2).mean() ** 2 - 3 < high


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (1.0, np.exp(-1 / 9))])
def test_errors_last_as_long_as_asked(share, expected):
    """Correlation of neighbouring frames for errors that fade within 0.15 s, or not at all."""
    options = replace(QUIET, correlated_share=share, point_spread=0.0, tail_dof=1e6)
    error = see(options).uv_px - clean_px()
    found = (error[1:] * error[:-1]).mean() / (error**2).mean()
    assert found == pytest.approx(expected, abs=0.02)


def test_scores_know_half_of_the_error():
    seen = see(QUIET)
    assert -0.9 < np.corrcoef(seen.score.ravel(), error_px(seen).ravel())[0, 1] < -0.4


def test_dropouts_come_in_bursts():
    seen = see(replace(QUIET, dropouts=0.1, dropout_s=0.2))
    gone = np.isnan(seen.uv_px[..., 0])
    assert gone.mean() == pytest.approx(0.1, abs=0.015)
    lengths = gone.sum() / (gone[1:] & ~gone[:-1]).sum()
    assert lengths == pytest.approx(0.2 * 60, rel=0.15)
    assert ((seen.score == 0) == gone).all()


def test_swaps_take_whole_limbs_and_stay_confident():
    seen = see(replace(QUIET, swaps=0.05))
    swapped = np.abs(seen.uv_px[..., 1] - clean_px()[..., 1]) > 50
    leg = [SKELETON.index(f"L{part}") for part in ("Knee", "Ankle", "BigToe", "SmallToe", "Heel")]
    assert swapped[..., leg].any(-1).mean() == pytest.approx(2 * 0.05, abs=0.03)  # a leg's, and the body's
    assert (swapped[..., leg].all(-1) == swapped[..., leg].any(-1)).mean() > 0.99
    assert seen.score[swapped].mean() == pytest.approx(seen.score[~swapped].mean(), abs=0.03)
    assert (seen.outlier == swapped)[..., [SKELETON.index("LKnee"), SKELETON.index("RWrist")]].mean() > 0.99


def test_jumps_land_on_other_people_or_anywhere_and_are_mostly_doubted():
    seen = see(replace(QUIET, jumps=0.1, tail_dof=1e6))
    error = error_px(seen)
    far = error > 50
    assert far.mean() == pytest.approx(0.1, abs=0.015)
    assert (np.abs(error[far] - 900) < 40).mean() == pytest.approx(0.5, abs=0.08)
    assert seen.outlier[far].all()
    assert seen.score[far].mean() < 0.4
    assert (seen.score[far] > 0.5).mean() == pytest.approx(0.1, abs=0.03)


def test_views_and_keypoints_differ():
    options = replace(QUIET, view_spread=0.3, keypoint_spread=0.6)
    rms = [np.sqrt((error_px(see(options, seed=seed)) ** 2).mean((0, 1)) / 2) for seed in range(3)]
    assert np.std(np.log([view.mean() for view in rms])) > 0.05
    assert rms[0][SKELETON.index("LHip")] > 1.5 * rms[0][SKELETON.index("Nose")]


def test_without_any_error_scores_are_high():
    seen = see(replace(QUIET, sigma_px=0.0))
    assert (error_px(seen) == 0).all()
    assert seen.score.min() > 0.2


@pytest.mark.parametrize(
    "wrong",
    [
        {"swaps": 1.5}, {"tail_dof": 2.0}, {"sigma_px": -1.0}, {"swap_s": 0.0}, {"correlated_s": np.nan},
        {"point_spread": -0.1}, {"jump_px": (400.0, 75.0)},
    ],
)  # fmt: skip
def test_impossible_noise_is_refused(wrong):
    with pytest.raises(Mocap3dError, match="Needed"):
        NoiseOptions(**wrong)


def test_the_same_seed_errs_alike():
    first, again, other = see(NoiseOptions()), see(NoiseOptions()), see(NoiseOptions(), seed=1)
    assert np.array_equal(first.uv_px, again.uv_px, equal_nan=True)
    assert not np.array_equal(first.uv_px, other.uv_px, equal_nan=True)
