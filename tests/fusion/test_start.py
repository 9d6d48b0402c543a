"""What is bridged before the sequence is solved: points that leap, and not limbs that are fast."""

import numpy as np

from mocap3d.fusion.start import without_leaps

RATE = 60.0


def _circling() -> np.ndarray:
    """(t 1 3): an elbow that rests, circles once with 0.25 m in a quarter of a second (6 m/s), and rests."""
    angle = 2 * np.pi * np.clip((np.arange(120) - 50) / 15, 0, 1)
    return np.stack([0.25 * np.cos(angle), 0.25 * np.sin(angle), np.ones(120)], axis=-1)[:, None]


def test_a_fast_limb_that_many_views_show_is_kept():
    p = _circling()
    start = without_leaps(p, np.full((120, 1), 5, np.int8), RATE)
    assert np.allclose(start[:, :, 0], p[:, 0])


def test_a_leap_on_which_two_views_agree_is_bridged():
    p = np.zeros((120, 1, 3))
    p[60:63] += 0.4
    n_views = np.full((120, 1), 5, np.int8)
    n_views[60:63] = 2
    assert np.abs(without_leaps(p, n_views, RATE)).max() < 1e-12


def test_gaps_are_bridged():
    p = np.zeros((120, 1, 3))
    p[:, 0, 0] = np.arange(120)
    p[40:50] = np.nan
    assert np.allclose(without_leaps(p, np.full((120, 1), 5, np.int8), RATE)[:, 0, 0], np.arange(120))
