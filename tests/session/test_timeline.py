"""Common instants, and where in each view they lie."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from mocap3d.errors import SessionError
from mocap3d.session.rate import regular_times
from mocap3d.session.records import Session, VideoInfo
from mocap3d.session.timeline import make_timeline

NTSC = Fraction(60000, 1001)


def video(n: int, rate: Fraction | None = NTSC, t_s: list[float] | None = None) -> VideoInfo:
    times_s = regular_times(n, rate or Fraction(1)) if t_s is None else torch.tensor(t_s, dtype=torch.float64)
    return VideoInfo(Path("cam.mp4"), (64, 48), rate, times_s if rate else times_s * torch.nan)


def session(rate: Fraction | int | None = NTSC, views: tuple[str, ...] = ("cam1", "cam2"), **known) -> Session:
    rate = None if rate is None else Fraction(rate)
    nothing = {"videos": {}, "keypoints": {}, "calibration": None}
    return Session(root=Path("s"), views=views, rate=rate, **(nothing | known))


def test_views_of_one_rate_need_no_interpolation():
    """Half an hour at 59.94: every frame is exactly whole."""
    n = 107_892
    timeline = make_timeline(session(videos={"cam1": video(n)}), {"cam1": n, "cam2": n})
    assert timeline.rate == NTSC
    assert timeline.t_s[-1] == float((n - 1) / NTSC)
    for view in ("cam1", "cam2"):  # one by its video's times, one by the rate alone
        assert torch.equal(timeline.frame_of_view[view], torch.arange(n, dtype=torch.float64))


def test_instants_are_where_two_views_record():
    timeline = make_timeline(session(10, ("a", "b", "c")), {"a": 5, "b": 8, "c": 12})
    assert len(timeline.t_s) == 8
    assert timeline.frame_of_view["a"].tolist()[:5] == [0, 1, 2, 3, 4]
    assert timeline.frame_of_view["a"][5:].isnan().all()
    assert timeline.frame_of_view["c"].tolist() == list(range(8))


def test_one_view_alone_has_all_its_instants():
    assert len(make_timeline(session(10, ("a",)), {"a": 7}).t_s) == 7


def test_an_offset_shifts_a_view():
    """cam2 began 0.25 s after cam1, which is 2.5 frames: its frame 0 belongs to cam1's frame 2.5."""
    timeline = make_timeline(session(10, offset_s={"cam2": 0.25}), {"cam1": 20, "cam2": 20})
    assert timeline.t_s[0] == pytest.approx(0.3)
    assert timeline.t_s[-1] == pytest.approx(1.9)
    assert timeline.frame_of_view["cam1"].tolist() == list(range(3, 20))
    assert timeline.frame_of_view["cam2"].tolist() == pytest.approx([i - 2.5 for i in range(3, 20)])


def test_an_offset_of_whole_frames_stays_whole():
    offset_s = {"cam1": 1000.0, "cam2": 1000.0 + float(7 / NTSC)}
    timeline = make_timeline(session(offset_s=offset_s), {"cam1": 500, "cam2": 500})
    assert timeline.frame_of_view["cam1"].tolist() == list(range(7, 500))
    assert timeline.frame_of_view["cam2"].tolist() == list(range(493))


def test_views_of_different_rates_share_the_instants():
    videos = {"cam1": video(61, Fraction(60)), "cam2": video(31, Fraction(30))}
    timeline = make_timeline(session(60, videos=videos), {"cam1": 61, "cam2": 31})
    assert timeline.frame_of_view["cam1"].tolist() == list(range(61))
    assert timeline.frame_of_view["cam2"].tolist() == pytest.approx([i / 2 for i in range(61)])


def test_a_video_is_read_at_its_own_times():
    """A phone that stumbled: between 0.2 and 0.5 s it took no frame."""
    phone = video(5, Fraction(10), [0.0, 0.1, 0.2, 0.5, 0.6])
    timeline = make_timeline(session(10, videos={"cam1": phone}), {"cam1": 5, "cam2": 7})
    expected = [0, 1, 2, 2 + 1 / 3, 2 + 2 / 3, 3, 4]
    assert timeline.frame_of_view["cam1"].tolist() == pytest.approx(expected)
    assert timeline.frame_of_view["cam2"].tolist() == list(range(7))


def test_a_stated_rate_overrules_the_video():
    """240 frames per second, stored to play at 30."""
    slow = {"videos": {"cam1": video(24, Fraction(30))}, "view_rate": {"cam1": Fraction(240)}}
    timeline = make_timeline(session(240, **slow), {"cam1": 24, "cam2": 24})
    assert timeline.frame_of_view["cam1"].tolist() == list(range(24))


def test_images_take_the_rate_of_the_session():
    timeline = make_timeline(session(50, videos={"cam1": video(9, rate=None)}), {"cam1": 9, "cam2": 9})
    assert timeline.frame_of_view["cam1"].tolist() == list(range(9))


def test_keypoints_may_end_before_the_video_or_just_after():
    videos = {"cam1": video(100), "cam2": video(100)}
    timeline = make_timeline(session(videos=videos), {"cam1": 101, "cam2": 101})
    assert timeline.frame_of_view["cam1"].tolist() == list(range(101))
    timeline = make_timeline(session(videos=videos), {"cam1": 90, "cam2": 101})
    assert timeline.frame_of_view["cam2"].tolist() == list(range(90))


@pytest.mark.parametrize(
    ("of", "n_frames", "complaint"),
    [
        (session(None), {"cam1": 5, "cam2": 5}, r"rate is not known\. Write rate = 60.*session\.toml"),
        (
            session(),
            {"cam1": 5, "cam3": 5},
            r"no view 'cam3'\. Did you mean 'cam2'|no view 'cam3'\. Did you mean 'cam1'",
        ),
        (session(), {}, "no view has keypoints"),
        (session(), {"cam1": 5, "cam2": 0}, "'cam2' has no frames"),
        (
            session(10, offset_s={"cam2": 3.0}),
            {"cam1": 20, "cam2": 20},
            r"no two views record at the same time \('cam1' 0\.000 to 1\.900 s; 'cam2' 3\.000 to 4\.900 s\)",
        ),
        (
            session(videos={"cam1": video(100)}),
            {"cam1": 200, "cam2": 200},
            "keypoints for 200 frames, but cam.mp4 has 100",
        ),
    ],
)
def test_what_gives_no_timeline_is_refused(of, n_frames, complaint):
    with pytest.raises(SessionError, match=complaint):
        make_timeline(of, n_frames)


def test_a_view_that_stops_early_is_named(caplog):
    make_timeline(session(10, ("a", "b", "c")), {"a": 100, "b": 100, "c": 30})
    assert "view 'c' records only 30 %" in caplog.text
    assert "view 'a'" not in caplog.text
