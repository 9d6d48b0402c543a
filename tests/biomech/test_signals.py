"""Gaps and filters against what is known of them in closed form, and against scipy."""

import numpy as np
import pytest
from scipy.signal import butter, filtfilt

from mocap3d.biomech.signals import (
    CUTOFF_CORRECTION,
    derivative,
    fill_gaps,
    gcv_spline,
    low_pass,
    residual_cutoff,
)
from mocap3d.session.records import Provenance

RATE_HZ = 100.0
T_S = np.arange(500) / RATE_HZ


def sine(hz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * T_S)[:, None]


def test_short_gaps_are_filled_and_flagged_long_ones_left_whole():
    values = np.concatenate([sine(1.0), sine(0.5)], axis=1)
    broken = values.copy()
    broken[[0, 499]], broken[100:105], broken[200:230] = np.nan, np.nan, np.nan
    broken[300, 1] = np.nan
    filled, provenance = fill_gaps(broken, RATE_HZ, 0.1)
    np.testing.assert_allclose(filled[100:105], values[100:105], atol=2e-3)
    np.testing.assert_allclose(filled[300], values[300], atol=2e-3)
    assert np.isnan(filled[200:230]).all()
    assert np.isnan(filled[[0, 499]]).all()
    assert (provenance[100:105] == Provenance.FILLED).all()
    assert (provenance[200:230] == Provenance.MISSING).all()
    assert (provenance == Provenance.MEASURED).sum() == 500 - 2 - 5 - 30 - 1


@pytest.mark.parametrize(("gap", "is_filled"), [(10, True), (11, False)])
def test_the_limit_holds_for_the_whole_gap(gap, is_filled):
    broken = sine(1.0)
    broken[100 : 100 + gap] = np.nan
    assert np.isfinite(fill_gaps(broken, RATE_HZ, 0.1)[0]).all() == is_filled


def test_filling_never_shoots_over():
    step = np.where(T_S < 2.5, 0.0, 1.0)[:, None]
    step[245:255] = np.nan
    filled, _ = fill_gaps(step, RATE_HZ, 0.2)
    assert filled.min() >= 0
    assert filled.max() <= 1


def test_half_power_at_the_cutoff_and_no_delay():
    """Forwards and backwards: 3 dB down, 1 / sqrt(2), at the frequency asked for."""
    at_cutoff = low_pass(sine(6.0), RATE_HZ, 6.0)[100:400, 0]
    assert at_cutoff.max() == pytest.approx(1 / np.sqrt(2), abs=0.01)
    assert np.abs(low_pass(sine(1.0), RATE_HZ, 6.0) - sine(1.0))[50:450].max() < 5e-3
    assert low_pass(sine(30.0), RATE_HZ, 6.0)[100:400].max() < 0.01


def test_filter_is_scipys_with_a_corrected_cutoff():
    noisy = sine(1.0) + np.random.default_rng(0).normal(size=(500, 1))
    b, a = butter(2, 6.0 / CUTOFF_CORRECTION, fs=RATE_HZ)
    np.testing.assert_allclose(low_pass(noisy, RATE_HZ, 6.0)[30:-30], filtfilt(b, a, noisy, axis=0)[30:-30], atol=1e-6)


def test_filters_do_not_reach_across_gaps():
    """A block's values do not depend on those beyond the gap."""
    values = sine(1.0)
    values[200:210] = np.nan
    other = values.copy()
    other[210:] += 100
    for smooth in (lambda x: low_pass(x, RATE_HZ, 6.0), lambda x: gcv_spline(x, RATE_HZ)):
        np.testing.assert_array_equal(smooth(values)[:200], smooth(other)[:200])
        assert np.isnan(smooth(values)[200:210]).all()


def test_short_blocks_and_high_cutoffs_leave_things_as_they_are():
    few = sine(1.0)[:4]
    np.testing.assert_array_equal(low_pass(few, RATE_HZ, 6.0), few)
    np.testing.assert_array_equal(low_pass(sine(1.0), RATE_HZ, 60.0), sine(1.0))
    for n in range(5, 12):  # as long as what the filter is begun with, and about that
        assert np.isfinite(low_pass(sine(1.0)[:n], RATE_HZ, 6.0)).all()
    assert low_pass(np.zeros((0, 3)), RATE_HZ, 6.0).shape == (0, 3)
    assert np.isnan(derivative(np.zeros((1, 3)), RATE_HZ)).all()


def test_gcv_spline_finds_the_noise_by_itself():
    """Noise of 0.1 is cut by more than two thirds."""
    noise = 0.1 * np.random.default_rng(1).normal(size=(500, 1))
    error = gcv_spline(sine(1.0) + noise, RATE_HZ) - sine(1.0)
    assert error.std() < 0.035


@pytest.mark.parametrize("hz", [1.0, 3.0])
def test_residual_analysis_follows_the_signal(hz):
    """The cutoff lies above what moves and well below the noise's end, and higher for a faster signal."""
    noise = 0.02 * np.random.default_rng(2).normal(size=(500, 1))
    cutoff_hz = residual_cutoff(sine(hz) + noise, RATE_HZ)
    assert hz < cutoff_hz < 6 * hz + 4
