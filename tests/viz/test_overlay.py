"""What is drawn lies where the camera sees it, and the videos are whole."""

import time

import numpy as np
import pytest
import torch
from clips import index_of, make_clip
from reported import small_content

from mocap3d.session.video import frames, probe
from mocap3d.viz import overlay_videos
from mocap3d.viz.overlay import draw, overlaid, projected
from mocap3d.viz.overlay_videos import TILED, tiled, write_overlays


@pytest.fixture
def content():
    return small_content(n_people=2)


def records(content):
    return content.rig, content.tracks, content.points


def test_doubt_in_the_picture_is_that_of_moved_points(content):
    """An oracle by another road: the spread of points drawn from the covariance and projected one by one."""
    drawn = projected(0, *records(content), torch.tensor([7]))
    p, cov = content.points.p_in_world[7, 0, 5], content.points.cov_m2[7, 0, 5]
    cloud = torch.distributions.MultivariateNormal(p, cov)
    torch.manual_seed(0)
    uv = content.rig.cameras[content.tracks.views[0]].project(cloud.sample((20000,)))
    np.testing.assert_allclose(np.cov(uv.T.numpy()), drawn.cov_px2[0, 0, 5], rtol=0.06, atol=0.03)


def test_limbs_dots_and_boxes_are_where_they_should_be(content):
    drawn = projected(1, *records(content), torch.tensor([3]))
    picture = np.zeros((1080, 1920, 3), np.uint8)
    draw(picture, drawn, 0, content.points.skeleton)
    names = content.points.skeleton.keypoints
    for knee, ankle, brighter in (("LKnee", "LAnkle", 2), ("RKnee", "RAnkle", 0)):
        a, b = (drawn.expected_px[0, 0, names.index(name)] for name in (knee, ankle))
        x, y = np.round(0.6 * a + 0.4 * b).astype(int)
        patch = picture[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).max(0)
        assert patch[brighter] > 150
    ys, xs = picture.any(-1).nonzero()
    seen = drawn.seen_px[np.isfinite(drawn.seen_px).all(-1)]
    assert xs.min() <= seen[:, 0].min() + 1
    assert ys.max() >= seen[:, 1].max() - 1


def test_what_is_missing_or_far_off_is_not_drawn(content):
    drawn = projected(0, *records(content), torch.tensor([0]))
    for array in (drawn.seen_px, drawn.expected_px, drawn.cov_px2):
        array[:] = np.nan
    drawn.expected_px[0, 0, 0] = (1e9, -1e9)
    picture = np.zeros((48, 64, 3), np.uint8)
    draw(picture, drawn, 0, content.points.skeleton)
    assert not picture.any()


def test_each_instant_gets_its_frame():
    """The clips' grey tells the frame; the drawings are far outside their small pictures' middle, or small in it."""
    content = small_content(has_videos=True)
    view = content.tracks.views[0]
    half_speed = torch.arange(30, dtype=torch.float64) / 2
    pictures = list(overlaid(0, content.session.videos[view], half_speed, *records(content)))
    assert [index_of(np.median(p.reshape(-1, 3), 0)[None, None]) for p in pictures] == [round(f / 2) for f in range(30)]


def test_videos_are_written_and_tiled(tmp_path):
    content, told = small_content(has_videos=True), []
    arguments = (content.session, content.timeline, *records(content), tmp_path)
    paths = write_overlays(*arguments, progress=lambda *state: told.append(state))
    assert [path.name for path in paths] == [*(f"{view}.mp4" for view in content.tracks.views), TILED]
    assert len(probe(tmp_path / TILED).t_s) == 30
    assert told[-1][1:] == (30, 30)
    assert ("drawing the views", 90, 90) in told


def test_an_interruption_ends_the_other_views_too(tmp_path, monkeypatch):
    """Else Ctrl-C would wait until the last of ten minutes is drawn."""
    content, finished = small_content(), []

    def write(path, pictures, _rate):
        if path.stem == content.tracks.views[0]:
            raise KeyboardInterrupt
        for _ in pictures:
            time.sleep(0.01)
        finished.append(path.stem)

    monkeypatch.setattr(overlay_videos, "overlaid", lambda *_: iter(range(3000)))
    monkeypatch.setattr(overlay_videos, "write_video", write)
    with pytest.raises(KeyboardInterrupt):
        write_overlays(content.session, content.timeline, *records(content), tmp_path)
    assert not finished


def test_tiles_keep_order_and_proportions(tmp_path):
    paths = [make_clip(tmp_path / f"{n}.mp4", n=2) for n in range(3)]
    sheets = list(tiled(paths, width_px=132))
    assert len(sheets) == 2
    assert sheets[0].shape == (100, 132, 3)
    assert not sheets[0][52:, 68:].any()  # three of four places are taken
    assert index_of(sheets[1][:48, :64]) == index_of(next(p for n, p in frames(paths[0]) if n == 1))
