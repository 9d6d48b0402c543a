"""Searching recordings: every view at once, the same for any number of threads, and oddities by name."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from printed import filmed, picture_of, slanted

from mocap3d.calibration.boards import Charuco, Chessboard
from mocap3d.calibration.draw_target import pages_of
from mocap3d.calibration.free_points import ScenePoints
from mocap3d.calibration.instants import paired_pictures, separate_instants, shared_instants
from mocap3d.calibration.observe import listed_points, observe, subset
from mocap3d.calibration.targets import Target
from mocap3d.errors import CalibrationError, SessionError
from mocap3d.session.records import Timeline, VideoInfo
from mocap3d.session.video import probe

SIZE_PX = (640, 440)
CHESSBOARD = Target("chessboard", Chessboard(9, 6, 25.0))
CHARUCO = Target("charuco", Charuco(7, 5, 36.0, 27.0))
WALL = np.full((SIZE_PX[1], SIZE_PX[0], 3), 128, np.uint8)


def _write(folder, pictures):
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:02d}.png"), picture)
    return probe(folder)


def _shown(target, *, lean=0.12):
    (page,) = pages_of(target)
    picture = picture_of(page, px_per_mm=2)
    return cv2.cvtColor(filmed(picture, slanted(picture, SIZE_PX, lean=lean), SIZE_PX), cv2.COLOR_GRAY2RGB)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two views of a ChArUco board: cam10 misses it in picture 1, nobody sees it in picture 2, and cam2 has no 3."""
    root, board = tmp_path_factory.mktemp("views"), [_shown(CHARUCO, lean=lean) for lean in (0.05, 0.12, 0.2)]
    return {
        "cam10": _write(root / "cam10", [board[0], WALL, WALL, board[2]]),
        "cam2": _write(root / "cam2", [board[1], board[0], WALL]),
    }


def test_views_instants_and_points_are_where_they_belong(recordings):
    seen = []
    search = observe(recordings, CHARUCO, paired_pictures(recordings), progress=lambda *args: seen.append(args))
    found = search.observations
    assert found.views == ("cam2", "cam10")
    assert found.frame.tolist() == [[0, 1, -1], [0, 1, 3]]  # nobody saw it at the third
    assert found.sigma_px.isfinite().any(dim=2).tolist() == [[True, True, False], [True, False, True]]
    assert found.uv_px.shape == (2, 3, 24, 2)
    assert torch.equal(found.uv_px.isnan().any(dim=-1), found.sigma_px.isnan())
    assert found.size_px == {"cam2": SIZE_PX, "cam10": SIZE_PX}
    assert search.n_looked == {"cam2": 3, "cam10": 4}
    assert search.n_seen == {"cam2": 2, "cam10": 2}
    assert not search.findings
    assert seen[-1][1:] == (7, 7)
    # The same picture gives the same corners, in whichever view.
    assert torch.equal(found.uv_px[0, 1], found.uv_px[1, 0])


def test_threads_change_nothing(recordings):
    instants = paired_pictures(recordings)
    one, many = (observe(recordings, CHARUCO, instants, threads=threads).observations for threads in (1, 5))
    assert torch.equal(one.uv_px.nan_to_num(), many.uv_px.nan_to_num())
    assert torch.equal(one.sigma_px.nan_to_num(), many.sigma_px.nan_to_num())


def test_views_for_themselves_share_no_instant(recordings):
    search = observe(recordings, CHARUCO, separate_instants(recordings))
    seen = search.observations.sigma_px.isfinite().any(dim=2)
    assert seen.sum(dim=0).tolist() == [1, 1, 1, 1]
    assert search.observations.frame.tolist() == [[0, 1, -1, -1], [-1, -1, 0, 3]]


def test_instants_of_a_timeline_are_the_nearest_frames():
    timeline = Timeline(
        t_s=torch.arange(100, dtype=torch.float64) / 30,
        rate=Fraction(30),
        frame_of_view={
            "b": torch.arange(100, dtype=torch.float64) * 2 + 0.3,
            "a": torch.cat([torch.full((10,), torch.nan, dtype=torch.float64), torch.arange(90, dtype=torch.float64)]),
        },
    )
    instants = shared_instants(timeline, rate_hz=6.0)
    assert list(instants.frame) == ["a", "b"]
    assert instants.frame["b"][:3].tolist() == [0, 10, 20]
    assert instants.frame["a"][:4].tolist() == [-1, -1, 0, 5]
    assert instants.t_s[:3].tolist() == pytest.approx([0, 5 / 30, 10 / 30])
    assert instants.n_looks == 20 + 18


def test_a_view_that_cannot_be_read_stops_the_search(recordings, tmp_path):
    gone = _write(tmp_path / "gone", [WALL, WALL])
    (tmp_path / "gone" / "01.png").write_bytes(b"no picture")
    with pytest.raises(SessionError, match=r"01\.png"):
        observe({**recordings, "gone": gone}, CHARUCO, separate_instants({**recordings, "gone": gone}))


def test_a_board_larger_than_its_definition_is_named(tmp_path):
    views = {"a": _write(tmp_path / "a", [_shown(CHESSBOARD, lean=lean) for lean in (0.05, 0.1, 0.15)])}
    search = observe(views, Target("mine", Chessboard(8, 5, 25.0)), separate_instants(views))
    assert [finding.code for finding in search.findings] == ["wrong-pattern"]
    assert "9 x 6 inner corners (seen so 3 times)" in search.findings[0].text
    assert "columns = 9 and rows = 6" in search.findings[0].text
    assert search.n_seen == {"a": 0}


def test_partial_boards_are_named_by_their_pictures(tmp_path):
    whole = _shown(CHESSBOARD)
    covered, cut = whole.copy(), WALL.copy()
    cv2.circle(covered, (300, 200), 25, (90, 90, 90), -1)
    cut[:, 200:] = whole[:, :-200]
    views = {"a": _write(tmp_path / "a", [whole, covered, cut])}
    search = observe(views, CHESSBOARD, separate_instants(views))
    texts = [finding.text for finding in search.findings]
    assert [finding.code for finding in search.findings] == ["partial-board", "partial-board"]
    assert "the others are used: a 01.png" in texts[0]
    assert "left out" in texts[1]
    assert "a 02.png" in texts[1]
    assert search.n_seen == {"a": 2}


def test_an_ambiguous_board_is_named_where_views_share_it(tmp_path):
    target = Target("eight", Chessboard(8, 6, 25.0))
    views = {view: _write(tmp_path / view, [_shown(target)]) for view in ("a", "b")}
    (finding,) = observe(views, target, paired_pictures(views)).findings
    assert finding.code == "ambiguous-board"
    assert not observe({"a": views["a"]}, target, separate_instants({"a": views["a"]})).findings


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"columns": 5, "rows": 7}, "swapped-rows-columns", "columns = 7 and rows = 5"),
        ({"inverted": True}, "inverted", "inverted = false"),
        ({"dictionary": "6x6_50"}, "wrong-dictionary", "dictionary = '4x4_1000'"),
    ],
)
def test_a_wrong_definition_is_named(recordings, change, code, words):
    views = {"cam2": recordings["cam2"]}
    target = Target("mine", replace(CHARUCO.pattern, **change))
    (finding,) = observe(views, target, separate_instants(views)).findings
    assert finding.code == code
    assert words in finding.text


def test_a_mirrored_video_is_named(tmp_path):
    views = {"a": _write(tmp_path / "a", [np.ascontiguousarray(_shown(CHARUCO)[:, ::-1])] * 2)}
    (finding,) = observe(views, CHARUCO, separate_instants(views)).findings
    assert finding.code == "mirrored"


def test_a_board_that_is_nowhere_is_named(tmp_path):
    views = {"a": _write(tmp_path / "a", [WALL, WALL])}
    (finding,) = observe(views, CHARUCO, separate_instants(views)).findings
    assert finding.code == "never-seen"
    assert "2 frames of 'a'" in finding.text


def test_points_of_a_scene_are_listed_not_looked_for(recordings):
    corner = {"door": (0.0, 0.0, 0.0), "window": (1.0, 2.0, 1.5)}
    scene = Target("room", ScenePoints(corner, {"cam2": {"window": (10.5, 20.0)}}, sigma_px=2.0))
    found = listed_points(scene, recordings)
    assert found.views == ("cam2",)
    assert found.uv_px[0, 0, 1].tolist() == [10.5, 20.0]
    assert found.sigma_px[0, 0].isnan().tolist() == [True, False]
    np.testing.assert_allclose(found.p_in_target[1], [1.0, 2.0, 1.5])
    with pytest.raises(CalibrationError, match=r"\[scene\.pixels"):
        observe(recordings, scene, paired_pictures(recordings))
    elsewhere = Target("room", ScenePoints(corner, {"cam3": {"door": (1.0, 1.0)}}))
    with pytest.raises(CalibrationError, match="Did you mean 'cam2'"):
        listed_points(elsewhere, recordings)


def test_a_subset_keeps_what_belongs_together(recordings):
    found = observe(recordings, CHARUCO, paired_pictures(recordings)).observations
    part = subset(found, torch.tensor([2]))
    assert part.frame.tolist() == [[-1], [3]]
    assert torch.equal(part.uv_px[:, 0].nan_to_num(), found.uv_px[:, 2].nan_to_num())


def test_real_charuco_videos_of_four_cameras(real_data):
    """Every second frame. Measured 29, 24, 25 and 22 of 29; where it is missing it is out of the picture or in part."""
    folder = real_data / "02_caliscope_4cam/sessions/post_optimization/calibration/extrinsic"
    views: dict[str, VideoInfo] = {f"cam_{c}": probe(folder / f"cam_{c}.mp4") for c in range(4)}
    board = Target("board", Charuco(4, 5, 54.0, 40.5, "4x4_1000", inverted=True))
    search = observe(views, board, separate_instants(views, rate_hz=3.0))
    assert min(search.n_seen.values()) >= 20
    assert sum(search.n_seen.values()) >= 95
    assert not search.findings
