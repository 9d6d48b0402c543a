"""What is searched: everything at first, all of it again within a few searches, and nothing that stays as it is."""

import numpy as np
import pytest

from mocap3d.detection.boxes import PersonBox
from mocap3d.detection.sweep import OF_EMPTY, OF_STILL, SEARCHES, Sweep
from mocap3d.detection.tracking import Track

WIDE = 1920, 1080


def _track(height_px, *, missed=0):
    return Track(0, PersonBox((400.0, 500.0), (0.75 * height_px, height_px)), missed=missed)


def _picture(shade=100, size_px=WIDE):
    return np.full((size_px[1], size_px[0], 3), shade, np.uint8)


def _covered(squares, size_px=WIDE):
    """Share of the picture that lies in some square smaller than the whole."""
    seen = np.zeros(size_px[::-1], bool)
    for square in squares:
        if square.size_px[0] < max(size_px):
            x0, y0, x1, y1 = (max(0, round(edge)) for edge in square.corners_px)
            seen[y0:y1, x0:x1] = True
    return seen.mean()


def _searched(sweep, picture, tracks):
    """The squares of a search that is not the first."""
    squares = sweep.squares(picture, tracks)
    assert squares is not None
    return squares


def _begun(tracks):
    """After the first search, which is of everything."""
    sweep = Sweep()
    assert sweep.squares(_picture(), tracks) is None
    return sweep


def _swept(tracks, n):
    """The squares of ``n`` searches of pictures that keep changing."""
    sweep = _begun(tracks)
    return [_searched(sweep, _picture(160 - 60 * (turn % 2)), tracks) for turn in range(n)]


@pytest.mark.parametrize("height_px", [100.0, 400.0, 900.0])
def test_everywhere_first_and_then_everything_in_turn(height_px):
    """The smaller the people, the finer; as many squares at a time as it takes."""
    searches = _swept([_track(height_px)], SEARCHES)
    squares = {square for search in searches for square in search}
    assert max(map(len, searches)) <= np.ceil(len(squares) / SEARCHES)
    assert any(square.size_px[0] == WIDE[0] for square in squares)
    assert _covered(squares) == 1
    assert min(square.size_px[0] for square in squares) < 4 * height_px


def test_an_empty_view_is_searched_finely_and_cheaply():
    searches = _swept([], 40)
    assert {len(search) for search in searches} == {1 + OF_EMPTY}
    assert min(square.size_px[0] for search in searches for square in search) < 200


def test_a_picture_that_stays_as_it_is_is_searched_only_now_and_then():
    tracks = [_track(600.0)]
    sweep = _begun(tracks)
    searches = [_searched(sweep, _picture(), tracks) for _ in range(3 * OF_STILL)]
    assert [n + 1 for n, search in enumerate(searches) if search] == [OF_STILL, 2 * OF_STILL, 3 * OF_STILL]


def test_whoever_comes_in_has_everything_searched_and_who_is_followed_does_not():
    tracks = [_track(600.0)]
    sweep = _begun(tracks)
    moved, visited = _picture(), _picture()
    moved[300:700, 300:500] = 200  # within the followed person's box
    visited[500:560, 1500:1520] = 200  # somebody 60 px high
    assert sweep.squares(moved, tracks) == []
    searches = [_searched(sweep, visited, tracks) for _ in range(5)]
    assert _covered([square for search in searches for square in search]) == 1


def test_somebody_lost_is_looked_for_where_they_should_be():
    tracks = [_track(100.0, missed=1)]
    square, *_ = _searched(_begun(tracks), _picture(), tracks)
    assert square.centre_px == (400.0, 500.0)
    assert square.size_px == (160.0, 160.0)
