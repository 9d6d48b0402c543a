"""Covariances made true: simulated networks whose every error has a known sigma."""

import json

import pytest
import torch

from mocap3d.detection.doubt import coverage, fit_calibration
from mocap3d.detection.heatmaps import Calibration, Modes, gaussian_maps, modes, widening
from mocap3d.errors import DetectionError

SIZE_PX = (192, 256)


def random_points(n, k=26, *, margin_px=20.0, seed=0):
    """Anywhere but near the border, which cuts peaks off."""
    generator = torch.Generator().manual_seed(seed)
    room = torch.tensor([SIZE_PX[0] - 1 - 2 * margin_px, SIZE_PX[1] - 1 - 2 * margin_px])
    return torch.rand(n, k, 2, generator=generator) * room + margin_px


def logits_of(*maps, background=1e-7):
    """Logits whose softmax is the sum of the maps over a faint background."""
    return torch.log(sum(maps) + background)


def simulated(n, seed, *, outliers=0.0):
    """Modes of a network that blurs what it knows, its confidences, the truth, and the sigma of every error.

    It knows each of 4 keypoints to within a sigma of 1 to 8 px; a mode is as wide as that and the blur of 6 px it was
    taught. Of keypoint 1 it believes half the true sigma. Its confidence falls with sigma.
    """
    generator = torch.Generator().manual_seed(seed)
    truth = random_points(n, 4, seed=seed)
    believed = 1 + 7 * torch.rand(n, 4, generator=generator)
    sigma = believed * torch.tensor([1.0, 2.0, 1.0, 1.0])
    error = sigma[..., None] * torch.randn(n, 4, 2, generator=generator)
    gross = torch.rand(n, 4, generator=generator) < outliers
    error = torch.where(gross[..., None], 40 * torch.randn(n, 4, 2, generator=generator), error)
    cov = (36.0 + believed.square())[..., None, None, None] * torch.eye(2)
    return Modes((truth + error)[:, :, None], cov, torch.zeros(n, 4, 1)), torch.exp(-believed / 8), truth, sigma


@pytest.mark.parametrize("outliers", [0.0, 0.08])
def test_calibrated_sigmas_are_true(outliers):
    """On people that were not fitted to; normal errors give 0.949."""
    found, confidence, truth, _ = simulated(3000, 0, outliers=outliers)
    calibration = fit_calibration(found, confidence, truth)
    found, confidence, truth, sigma = simulated(3000, 1, outliers=outliers)
    calibrated = calibration.apply(found, confidence)
    checked = coverage(calibrated, truth)
    assert checked.variance.sub(0.949).abs().max() < 0.1
    expected_tail = 0.011 + outliers
    assert checked.tail_share.sub(expected_tail).abs().max() < 0.035
    stated = calibrated.cov_px2[:, :, 0, 0, 0].sqrt()
    assert ((stated / sigma).median(0).values - 1).abs().max() < 0.15


def test_uncalibrated_sigmas_are_not():
    """They contain the blur. Measured: 0.35; and right by chance for the keypoint that is underestimated."""
    found, _, truth, _ = simulated(3000, 0)
    assert (coverage(found, truth).variance[[0, 2, 3]] < 0.5).all()


def test_widths_of_maps_become_sigmas():
    """From maps to modes to sigmas: three kinds of pictures, in which the network knows to within 2, 5 and 8 px."""
    kinds = []
    for sigma_px in (2.0, 5.0, 8.0):
        truth = random_points(200, 2, margin_px=50.0, seed=int(sigma_px))
        error = sigma_px * torch.randn(truth.shape, generator=torch.Generator().manual_seed(int(sigma_px)))
        wide = (36 + sigma_px**2) ** 0.5 / 4
        found = modes(logits_of(gaussian_maps(truth + error, SIZE_PX, sigma_cells=wide)), m=1)
        kinds.append((found, torch.full((200, 2), 0.5), truth))
    whole = Modes(*(torch.cat([getattr(found, name) for found, _, _ in kinds]) for name in Modes.__slots__))
    calibration = fit_calibration(whole, torch.cat([c for _, c, _ in kinds]), torch.cat([t for _, _, t in kinds]))
    for sigma_px, (found, confidence, _) in zip((2.0, 5.0, 8.0), kinds, strict=True):
        stated = calibration.apply(found, confidence).cov_px2[:, :, 0, 0, 0].sqrt()
        assert stated.median().item() == pytest.approx(sigma_px, rel=0.25)


def test_a_sigma_says_which_point_is_the_better_one():
    """Not only on average: of the sharper and the wider half, each half's errors are as large as stated."""
    found, confidence, truth, _ = simulated(3000, 0)
    calibrated = fit_calibration(found, confidence, truth).apply(found, confidence)
    error2 = (calibrated.uv_px[:, :, 0] - truth).square().sum(-1) / 2
    stated2 = calibrated.cov_px2[:, :, 0].diagonal(dim1=-2, dim2=-1).mean(-1)
    sharp = stated2 < stated2.median(0).values
    for half in (sharp, ~sharp):
        assert error2[half].mean().sqrt() == pytest.approx(stated2[half].mean().sqrt().item(), rel=0.1)
    assert stated2[~sharp].mean() > 4 * stated2[sharp].mean()


def test_factor_never_rises_with_confidence():
    found, confidence, truth, _ = simulated(300, 0)
    noise = 0.1 * torch.randn(confidence.shape, generator=torch.Generator().manual_seed(0))
    calibration = fit_calibration(found, (confidence + noise).clamp(0, 1), truth)
    factor = calibration.factor_at(torch.linspace(0, 1, 101))
    assert (factor.diff() <= 1e-6).all()
    assert factor[0] > factor[-1]


def test_little_or_no_truth_gives_a_calibration_all_the_same():
    """Keypoints that were hardly seen take the numbers of all; of nothing, nothing changes but the form."""
    found, confidence, truth, _ = simulated(200, 0)
    some = truth.clone()
    some[:, 3] = torch.nan
    calibration = fit_calibration(found, confidence, some)
    assert all(map(torch.isfinite, torch.tensor(calibration.scale)))
    nothing = fit_calibration(found, confidence, torch.full_like(truth, torch.nan))
    assert nothing.apply(found, confidence).cov_px2.isfinite().all()


def test_missing_modes_stay_missing():
    calibration = Calibration(30.0, (1.0, 1.0), (2.0, 2.0), (0.2, 0.8), (1.5, 0.5), (0.0, 0.0))
    found = Modes(torch.full((1, 2, 1, 2), torch.nan), torch.full((1, 2, 1, 2, 2), torch.nan), torch.zeros(1, 2, 1))
    assert calibration.apply(found, torch.tensor([[0.5, torch.nan]])).cov_px2.isnan().all()


def test_calibration_is_its_formula():
    """Blur 30 off the variances 46 and 25, which leaves 16 and 0; floor 3; scale 2; factor 1 half way."""
    calibration = Calibration(30.0, (2.0,), (3.0,), (0.2, 0.8), (1.5, 0.5), (0.0,))
    cov = torch.diag(torch.tensor([46.0, 25.0]))[None, None, None]
    found = Modes(torch.zeros(1, 1, 1, 2), cov, torch.zeros(1, 1, 1))
    applied = calibration.apply(found, torch.tensor([[0.5]])).cov_px2[0, 0, 0]
    torch.testing.assert_close(applied, torch.diag(torch.tensor([4.0 * 25, 4.0 * 9])))
    assert calibration.factor_at(torch.tensor([0.0, 1.0])).tolist() == [1.5, 0.5]


def test_widening_is_the_positive_part():
    """Against an eigendecomposition."""
    generator = torch.Generator().manual_seed(0)
    root = 6 * torch.randn(200, 2, 2, generator=generator)
    cov = root @ root.mT
    values, vectors = torch.linalg.eigh(cov - 30 * torch.eye(2))
    expected = vectors @ torch.diag_embed(values.clamp(min=0)) @ vectors.mT
    torch.testing.assert_close(widening(cov, 30.0), expected, rtol=1e-4, atol=1e-3)


def test_calibration_survives_json():
    found, confidence, truth, _ = simulated(100, 0)
    calibration = fit_calibration(found, confidence, truth)
    assert Calibration.from_json(json.loads(json.dumps(calibration.as_json()))) == calibration


@pytest.mark.parametrize("card", [{}, {"blur_px2": "wide"}, {"scale": [1.0]}])
def test_a_card_without_calibration_is_refused(card):
    with pytest.raises(DetectionError, match="train the weights again"):
        Calibration.from_json(card)


def test_a_calibration_of_other_keypoints_is_refused():
    calibration = Calibration(30.0, (1.0,), (2.0,), (0.5,), (1.0,), (0.0,))
    found, confidence, _, _ = simulated(2, 0)
    with pytest.raises(DetectionError, match=r"1 keypoints, and the network gives 4"):
        calibration.apply(found, confidence)
