"""Which frames are taken: varied, sharp and still ones, the same every time."""

import numpy as np
import torch

from mocap3d.calibration.boards import Charuco
from mocap3d.calibration.select import SelectOptions, select
from mocap3d.session.records import TargetObservations

P_IN_BOARD = Charuco(7, 5, 36.0, 27.0).points_mm() / 1000
SIZE_PX = (1280, 720)
MIDDLE = P_IN_BOARD - P_IN_BOARD.mean(axis=0)


def _seen(at, *, size=0.2, tilt_deg=0.0, about="y"):
    """A board's corners in a picture, its middle at a share of the picture."""
    angle = np.deg2rad(tilt_deg)
    x, y, _ = (MIDDLE / np.ptp(MIDDLE[:, 0])).T
    depth = 1 + size * np.sin(angle) * (x if about == "y" else y)
    flat = np.stack([x * (np.cos(angle) if about == "y" else 1), -y * (np.cos(angle) if about == "x" else 1)], axis=1)
    return np.array(at) * SIZE_PX + flat / depth[:, None] * size * SIZE_PX[0]


def _observations(looks, *, sigma_px=None, t_s=None):
    """One view per entry of ``looks``: corners or None by instant."""
    uv_px = np.full((len(looks), len(looks[0]), len(P_IN_BOARD), 2), np.nan)
    for v, view in enumerate(looks):
        for t, corners in enumerate(view):
            if corners is not None:
                uv_px[v, t] = corners
    sigma = np.full(uv_px.shape[:3], 0.03) if sigma_px is None else np.broadcast_to(sigma_px, uv_px.shape[:3]).copy()
    sigma[np.isnan(uv_px[..., 0])] = np.nan
    views = tuple(f"cam{v}" for v in range(len(looks)))
    n = uv_px.shape[1]
    return TargetObservations(
        name="board",
        p_in_target=torch.from_numpy(P_IN_BOARD),
        views=views,
        size_px=dict.fromkeys(views, SIZE_PX),
        t_s=torch.full((n,), torch.nan, dtype=torch.float64) if t_s is None else torch.as_tensor(t_s),
        frame=torch.arange(n).expand(len(views), n).clone(),
        uv_px=torch.from_numpy(uv_px),
        sigma_px=torch.from_numpy(sigma),
    )


def test_rare_views_are_taken_before_more_of_the_same():
    """Among 50 pictures of the board in the middle, six show the corners, tilts and another distance."""
    rare = [
        _seen((0.15, 0.2)),
        _seen((0.85, 0.2)),
        _seen((0.15, 0.8)),
        _seen((0.85, 0.8)),
        _seen((0.5, 0.5), tilt_deg=50.0),
        _seen((0.5, 0.5), size=0.6),
    ]
    looks = [_seen((0.5, 0.5))] * 50
    for number, corners in enumerate(rare):
        looks[7 * number + 3] = corners
    taken = select(_observations([looks]), SelectOptions(per_view=7))
    assert {7 * number + 3 for number in range(6)} <= set(taken.tolist())
    assert taken.tolist() == sorted(taken.tolist())


def test_tilts_are_told_apart():
    """One of each among many that are alike: all of them are taken first."""
    tilts = [(0.0, "x"), *((tilt, about) for tilt in (30.0, -30.0, 60.0, -60.0) for about in "xy")]
    looks = [_seen((0.5, 0.5), tilt_deg=30.0, about="y")] * 40
    for number, (tilt, about) in enumerate(tilts):
        looks[4 * number + 2] = _seen((0.5, 0.5), tilt_deg=tilt, about=about)
    looks[2 + 4 * tilts.index((30.0, "y"))] = None
    taken = set(select(_observations([looks]), SelectOptions(per_view=9)).tolist())
    assert {4 * number + 2 for number in range(9) if looks[4 * number + 2] is not None} <= taken


def test_the_sharper_of_two_alike_is_taken():
    sigma_px = np.array([0.2, 0.03, 0.5])[None, :, None]
    taken = select(_observations([[_seen((0.5, 0.5))] * 3], sigma_px=sigma_px), SelectOptions(per_view=1))
    assert taken.tolist() == [1]


def test_a_board_at_rest_is_taken_before_one_that_is_waved():
    looks = [_seen((0.3 + 0.1 * min(t, 4), 0.5)) for t in range(8)]
    taken = select(_observations([looks], t_s=np.arange(8) / 6), SelectOptions(per_view=2))
    assert {5, 6, 7} & set(taken.tolist())


def test_frames_that_two_cameras_share_are_preferred():
    middle = _seen((0.5, 0.5))
    looks = [[middle, middle, None, middle], [None, middle, middle, None]]
    taken = select(_observations(looks), SelectOptions(per_view=1))
    assert taken.tolist() == [1]


def test_every_view_gets_what_it_may():
    rng = np.random.default_rng(0)
    looks = [[_seen(rng.uniform(0.2, 0.8, 2)) if rng.random() < 0.8 else None for _ in range(60)] for _ in range(3)]
    observations = _observations(looks)
    taken, again = (select(observations, SelectOptions(per_view=10)) for _ in range(2))
    seen = observations.sigma_px.isfinite().any(dim=2)[:, taken]
    assert seen.sum(dim=1).min() >= 10
    assert taken.tolist() == again.tolist()


def test_nothing_seen_is_nothing_taken():
    assert not len(select(_observations([[]])))
    assert not len(select(_observations([[None, None]])))
