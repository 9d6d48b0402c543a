"""Corners between the looks at them: pictures that were taken a part of a frame beside their instant."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from mocap3d.calibration.instants import Instants, shared_instants
from mocap3d.calibration.paths import at_times, in_step
from mocap3d.session.records import TargetObservations, Timeline

T_S = np.arange(12) / 6
LATE_S = 0.04


def _thrown(t_s: np.ndarray) -> np.ndarray:
    """(t 5 2): five corners on a parabola each."""
    start = 100.0 * np.arange(10).reshape(5, 2)
    return start + 300 * t_s[:, None, None] - 80 * t_s[:, None, None] ** 2


def _seen(*per_view: np.ndarray) -> TargetObservations:
    uv_px = torch.from_numpy(np.stack(per_view))
    views = tuple(f"cam{v}" for v in range(len(per_view)))
    return TargetObservations(
        "board", torch.zeros(5, 3).double(), views, dict.fromkeys(views, (1280, 720)), torch.from_numpy(T_S),
        torch.zeros(len(views), 12, dtype=torch.long), uv_px,
        torch.where(uv_px[..., 0].isnan(), torch.nan, 0.1).double(),
    )  # fmt: skip


def _instants(**late_s: float) -> Instants:
    frame = {view: torch.arange(12) for view in late_s}
    return Instants(torch.from_numpy(T_S), frame, {view: torch.full((12,), late, dtype=torch.float64)
                                                   for view, late in late_s.items()})  # fmt: skip


def test_a_late_view_is_taken_back_along_its_path():
    seen = _seen(_thrown(T_S), _thrown(T_S + LATE_S))
    found = in_step(seen, _instants(cam0=0.0, cam1=LATE_S))
    assert torch.equal(found.uv_px[0], seen.uv_px[0])
    known = found.uv_px[1].isfinite().all(-1).all(-1)
    assert known[1:].all(), "only what nothing was seen before is lost"
    assert found.uv_px[1][known].numpy() == pytest.approx(_thrown(T_S)[known.numpy()], abs=1e-9)
    assert torch.equal(found.sigma_px.isnan(), found.uv_px.isnan().any(-1))


def test_corners_that_were_not_seen_about_then_are_left_out():
    gap = _thrown(T_S + LATE_S)
    gap[5] = np.nan
    found = in_step(_seen(_thrown(T_S), gap), _instants(cam0=0.0, cam1=LATE_S))
    lost = found.uv_px[1].isnan().any(-1).any(-1).nonzero()[:, 0].tolist()
    assert lost == [0, 4, 5, 6]


def test_speeds_are_the_slopes_of_the_path():
    place, speed = at_times(_thrown(T_S), T_S, np.array([0.7]))
    assert place == pytest.approx(_thrown(np.array([0.7])))
    assert speed == pytest.approx(np.full((1, 5, 2), 300 - 160 * 0.7))
    assert np.isnan(at_times(_thrown(T_S)[:2], T_S[:2], np.array([0.1]))[0]).all()


def test_a_clock_between_two_frames_is_stated():
    """30 frames a second, the second view 0.4 of a frame ahead: its nearest frame is 0.4 of a frame early."""
    frames = torch.arange(31).double()
    timeline = Timeline(frames / 30, Fraction(30), {"cam0": frames, "cam1": frames + 0.4})
    late_s = shared_instants(timeline).late_s
    assert not late_s["cam0"].any()
    assert late_s["cam1"].numpy() == pytest.approx(np.full(len(late_s["cam1"]), -0.4 / 30))
