"""Small pictures of some frames: the right ones, exactly or at key frames, also where the container starts late."""

from fractions import Fraction

import av
import pytest
from clips import index_of, make_clip

from mocap3d.errors import SessionError
from mocap3d.session.stills import stills
from mocap3d.session.video import probe

OPEN = av.open
GOP_5 = {"g": "5", "keyint_min": "5", "sc_threshold": "0", "bf": "2"}


@pytest.fixture
def clip(tmp_path):
    """Thirty frames, a key frame every fifth."""
    return probe(make_clip_with_keys(tmp_path / "a.mp4"))


def make_clip_with_keys(path, **more):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clips.av.open", lambda *named, **options: _Opened(OPEN(*named, **options)))
        return make_clip(path, n=30, **more)


class _Opened:
    """PyAV's containers take no new attributes: this one hands the encoder its options."""

    def __init__(self, container):
        self._container = container

    def __enter__(self):
        self._container.__enter__()
        return self

    def __exit__(self, *error):
        return self._container.__exit__(*error)

    def __getattr__(self, name):
        return getattr(self._container, name)

    def add_stream(self, codec, rate):
        return self._container.add_stream(codec, rate=rate, options=GOP_5)


def test_a_short_video_gives_exactly_the_wanted_frames(clip):
    found = list(stills(clip, [0, 7, 29], width_px=32))
    assert [frame for frame, _ in found] == [0, 7, 29] == [index_of(picture) for _, picture in found]
    assert {picture.shape for _, picture in found} == {(24, 32, 3)}


def test_a_long_video_gives_the_key_frames_before(clip):
    found = list(stills(clip, [0, 7, 8, 21, 29], width_px=32, affordable_px=0.0))
    assert [frame for frame, _ in found] == [0, 5, 20, 25] == [index_of(picture) for _, picture in found]


def test_times_that_start_late_and_are_uneven(tmp_path):
    ticks = [1000 + 40 * n + (n % 3) for n in range(30)]
    video = probe(make_clip_with_keys(tmp_path / "late.mkv", ticks=ticks, tick_s=Fraction(1, 1000)))
    found = list(stills(video, [3, 12, 28], width_px=32, affordable_px=0.0))
    assert [frame for frame, _ in found] == [index_of(picture) for _, picture in found] == [0, 10, 25]


def test_a_turned_video_stands_upright(tmp_path):
    """The red mark of the top left corner is where the player shows it."""
    video = probe(make_clip_with_keys(tmp_path / "turned.mp4", rotation_deg=90))
    ((_, exact),) = stills(video, [0], width_px=24)
    ((_, quick),) = stills(video, [0], width_px=24, affordable_px=0.0)
    assert exact.shape == quick.shape == (32, 24, 3)
    assert abs(exact.astype(int) - quick).mean() < 12


def test_nothing_wanted_is_nothing(clip):
    assert list(stills(clip, [], width_px=32)) == []


def test_a_video_that_is_gone_is_named(clip):
    clip.path.unlink()
    with pytest.raises(SessionError, match=r"a\.mp4 cannot be read"):
        list(stills(clip, [3], width_px=32, affordable_px=0.0))
