"""The dense solver against scipy's, and what a robust loss and a prior do."""

import numpy as np
import pytest
import scipy.optimize

from mocap3d.solve.least_squares import Residuals, least_squares

T = np.linspace(0, 3, 60)
TRUE = np.array([2.0, 0.7, 0.3])


def _decay(seen: np.ndarray, sigma: float = 1.0):
    """a exp(-b t) + c."""

    def residuals(x: np.ndarray) -> Residuals:
        curve = np.exp(-x[1] * T)
        jacobian = np.stack([curve, -x[0] * T * curve, np.ones_like(T)], -1)
        return Residuals((x[0] * curve + x[2] - seen)[:, None] / sigma, jacobian[:, None] / sigma)

    return residuals


def _seen(noise: float) -> np.ndarray:
    return TRUE[0] * np.exp(-TRUE[1] * T) + TRUE[2] + np.random.default_rng(0).normal(0, noise, len(T))


@pytest.mark.parametrize("bend", [np.inf, 0.02])
def test_the_minimum_is_scipy_s(bend):
    """Measured 1e-9 with Huber's loss, whose steps reweight."""
    residuals = _decay(_seen(0.03))
    loss = {"loss": "linear"} if np.isinf(bend) else {"loss": "huber", "f_scale": bend}
    expected = scipy.optimize.least_squares(
        lambda x: residuals(x).r[:, 0], [1, 1, 0], xtol=1e-14, ftol=1e-14, gtol=1e-14, **loss
    )
    x, _ = least_squares(residuals, np.array([1.0, 1.0, 0.0]), bend=bend)
    np.testing.assert_allclose(x, expected.x, rtol=1e-4, atol=1e-5)


def test_a_robust_loss_withstands_outliers():
    seen = _seen(0.01)
    seen[::7] += 2.0
    plain, _ = least_squares(_decay(seen, 0.01), np.array([1.0, 1.0, 0.0]))
    robust, _ = least_squares(_decay(seen, 0.01), np.array([1.0, 1.0, 0.0]), bend=1.5)
    assert np.abs(robust - TRUE).max() < 0.05 < np.abs(plain - TRUE).max()


def test_the_covariance_is_that_of_the_errors():
    """Over 200 draws; the ratio of spreads lies within 15 % with 99.7 % probability."""
    rng, clean, found = np.random.default_rng(1), _seen(0.0), []
    for _ in range(200):
        x, cov = least_squares(_decay(clean + rng.normal(0, 0.02, len(T)), 0.02), TRUE)
        found.append((x - TRUE) / np.sqrt(cov.diagonal()))
    assert np.std(found, axis=0) == pytest.approx(1.0, abs=0.15)


def test_a_prior_holds_what_the_data_do_not_tell():
    """Two parameters of which only the sum is seen."""

    def residuals(x: np.ndarray) -> Residuals:
        return Residuals(np.array([[x.sum() - 3.0]]) / 0.01, np.ones((1, 1, 2)) / 0.01)

    x, cov = least_squares(residuals, np.zeros(2), prior_mean=np.array([1.0, 1.0]), prior_sigma=np.array([1.0, 0.1]))
    # The sum's excess of 1 is shared by variance: 1 / 1.01 and 0.01 / 1.01.
    assert x == pytest.approx([1 + 1 / 1.01, 1 + 0.01 / 1.01], abs=1e-3)
    assert float(np.ones(2) @ cov @ np.ones(2)) == pytest.approx(1e-4, rel=1e-3)
