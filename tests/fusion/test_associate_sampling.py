"""Sightings between two frames: interpolated within one person's tracklet, else the nearest frame."""

import numpy as np
import pytest
import torch

from mocap3d.fusion.association.sightings import blend, sample_sightings
from mocap3d.session.records import Detections

FIGURE_PX = np.array([[0, 0], [40, 0], [0, 100], [40, 100], [20, 200], [20, 50.0]])


def detections(rows: list[tuple[int, float, float]], *, m: int = 1) -> Detections:
    """Figures of 40 x 200 px: (frame, u, v) each; alternatives lie 30 px beside."""
    n, k = len(rows), len(FIGURE_PX)
    uv_px = torch.tensor(np.array([FIGURE_PX + np.array([u, v]) for _, u, v in rows]))[:, :, None].repeat(1, 1, m, 1)
    uv_px[..., 0] += 30.0 * torch.arange(m)
    score = torch.linspace(0.9, 0.5, m, dtype=torch.float64).expand(n, k, m)
    cov_px2 = torch.eye(2, dtype=torch.float64).expand(n, k, m, 2, 2).clone()
    return Detections(
        view="cam1",
        keypoint_set="halpe26",
        frame=torch.tensor([frame for frame, _, _ in rows]),
        person=torch.full((n,), -1),
        box_px=torch.full((n, 4), torch.nan, dtype=torch.float64),
        uv_px=uv_px,
        cov_px2=cov_px2,
        log_weight=score.log(),
        n_frames=100,
    )


def sampled(seen: Detections, at_frame: list[float]):
    """(instant, uv (s k m 2)) of the sightings at fractional frames."""
    got = sample_sightings({"cam1": seen}, {"cam1": torch.tensor(at_frame).double()}, min_keypoints=3)
    uv_px, _, _ = blend(seen, got.row, got.far_row, got.far_share)
    return got.instant.tolist(), uv_px


@pytest.mark.parametrize("at", [3.0, 3.2, 3.5, 3.5001, 3.9, 4.0])
def test_even_motion_is_met_exactly(at):
    """Two people moving towards each other, 10 px per frame."""
    seen = detections([(f, u, 50.0) for f in range(8) for u in ((100 + 10 * f), (400 - 10 * f))])
    instant, uv_px = sampled(seen, [at])
    assert instant == [0, 0]
    expected = torch.tensor([100 + 10 * at, 400 - 10 * at])
    torch.testing.assert_close(uv_px[:, 0, 0, 0].sort().values, expected.double())


def test_alternatives_blend_with_their_like():
    """Even where the order of the alternatives changes from frame to frame."""
    seen = detections([(0, 100.0, 50.0), (1, 110.0, 50.0)], m=2)
    for name in ("uv_px", "cov_px2", "log_weight"):
        getattr(seen, name)[1] = getattr(seen, name)[1].flip(1)
    _, uv_px = sampled(seen, [0.25])
    torch.testing.assert_close(uv_px[0, 0, :, 0], torch.tensor([102.5, 132.5]).double())


def test_a_jump_is_not_interpolated():
    """Half of a swapped keypoint's way is nowhere: the nearer frame stands."""
    seen = detections([(0, 100.0, 50.0), (1, 110.0, 50.0)])
    seen.uv_px[1, 2] += 90.0
    _, uv_px = sampled(seen, [0.25])
    torch.testing.assert_close(uv_px[0, 2, 0], seen.uv_px[0, 2, 0])
    torch.testing.assert_close(uv_px[0, 1, 0], 0.75 * seen.uv_px[0, 1, 0] + 0.25 * seen.uv_px[1, 1, 0])


def test_missing_neighbour_leaves_the_nearest_frame():
    seen = detections([(2, 100.0, 50.0), (4, 300.0, 50.0)])
    instant, uv_px = sampled(seen, [1.4, 1.6, 2.4, 2.6, 3.4, 3.6, float("nan")])
    assert instant == [1, 2, 5], "only where the nearest frame has the person"
    torch.testing.assert_close(uv_px[:, 0, 0, 0], torch.tensor([100.0, 100.0, 300.0]).double())


def test_keypoint_missing_in_one_frame_stays_as_in_the_nearest():
    seen = detections([(0, 100.0, 50.0), (1, 110.0, 50.0)])
    seen.uv_px[1, 3], seen.uv_px[0, 4] = torch.nan, torch.nan
    _, uv_px = sampled(seen, [0.25])
    torch.testing.assert_close(uv_px[0, 3], seen.uv_px[0, 3])
    assert uv_px[0, 4].isnan().all()


def test_sightings_with_few_keypoints_are_left_out():
    seen = detections([(0, 100.0, 50.0), (0, 300.0, 50.0)])
    seen.uv_px[0, 2:] = torch.nan
    instant, uv_px = sampled(seen, [0.0])
    assert instant == [0]
    assert uv_px[0, 0, 0, 0] == 300


def test_several_instants_may_share_a_frame():
    """A 30 Hz view under a 60 Hz timeline."""
    seen = detections([(f, 100.0 + 10 * f, 50.0) for f in range(4)])
    instant, uv_px = sampled(seen, [0.0, 0.5, 1.0, 1.5])
    assert instant == [0, 1, 2, 3]
    torch.testing.assert_close(uv_px[:, 0, 0, 0], torch.tensor([100.0, 105, 110, 115]).double())
