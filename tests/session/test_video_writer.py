"""Pictures written as a video and read again."""

from fractions import Fraction

import numpy as np
import pytest

from mocap3d.errors import SessionError
from mocap3d.session.video import frames, probe
from mocap3d.session.video_writer import write_video


def greys(n, size=(48, 64)):
    return [np.full((*size, 3), 40 + 20 * i, np.uint8) for i in range(n)]


def test_what_was_written_comes_back(tmp_path):
    path = tmp_path / "new" / "a.mp4"
    write_video(path, greys(5, (49, 65)), Fraction(25))
    info = probe(path)
    assert (info.size_px, info.rate, len(info.t_s)) == ((64, 48), 25, 5)
    assert [round(float(picture.mean()), -1) for _, picture in frames(path)] == [40, 60, 80, 100, 120]


def test_a_video_that_fails_leaves_nothing(tmp_path):
    def failing():
        yield from greys(2)
        raise SessionError("no third one")

    with pytest.raises(SessionError, match="no third one"):
        write_video(tmp_path / "a.mp4", failing(), Fraction(25))
    assert not list(tmp_path.iterdir())
