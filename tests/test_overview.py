"""What a session is said to hold, and to lack."""

import shutil

import pytest
from clips import make_clip
from tiny_session import VIEWS, copy_of_tiny_session, tiny_scene

from mocap3d.errors import SessionError
from mocap3d.overview import look_over
from mocap3d.session.session import load_session


@pytest.fixture
def root(tmp_path):
    return copy_of_tiny_session(tmp_path / "session")


def test_a_whole_session(root):
    overview = look_over(root)
    assert (overview.rate, overview.n_instants, overview.duration_s) == ("60", 30, 0.5)
    assert (overview.keypoint_set, overview.people, overview.missing) == ("halpe26", ("P1",), ())
    assert overview.calibration == "calibration/Calib.qca.txt"
    for view, (name, camera) in zip(overview.views, tiny_scene().rig.cameras.items(), strict=True):
        assert (view.name, view.keypoints, view.keypoint_format) == (name, f"keypoints/{name}", "openpose")
        assert (view.n_frames, view.n_sightings, view.video) == (30, 30, None)
        assert view.camera.position_m == pytest.approx(camera.centre_in_world.tolist())
        assert view.camera.focal_px == pytest.approx(1050)


def test_a_quick_look_reads_no_keypoints(root):
    shutil.rmtree(root / "keypoints" / "cam01")
    (root / "keypoints" / "cam01").mkdir()
    (root / "keypoints" / "cam01" / "0.json").write_text('{"people": [', encoding="utf-8")  # looked at, not read
    overview = look_over(root, read_keypoints=False)
    assert not overview.missing
    assert [view.n_sightings for view in overview.views] == [None] * 3
    assert "not valid JSON" in " ".join(look_over(root).missing)


def test_videos_alone_lack_only_a_calibration(tmp_path):
    root = tmp_path / "session"
    for view in VIEWS[:2]:
        make_clip(root / "videos" / f"{view}.mp4", n=12, rate=30)
    overview = look_over(root)
    assert [view.video for view in overview.views] == ["videos/cam01.mp4", "videos/cam02.mp4"]
    assert [(view.size_px, view.rate, view.n_frames) for view in overview.views] == [((64, 48), "30", 12)] * 2
    assert overview.n_instants == 12
    assert overview.detector == "sapenet-s"
    (missing,) = overview.missing
    assert "no calibration. Put" in missing


def test_a_folder_that_is_no_session_is_refused(tmp_path):
    with pytest.raises(SessionError, match="no views"):
        look_over(tmp_path)


def test_a_broken_video_does_not_hide_the_others(tmp_path):
    root = tmp_path / "session"
    for view in VIEWS:
        make_clip(root / "videos" / f"{view}.mp4", n=12, rate=30)
    whole = (root / "videos" / "cam02.mp4").read_bytes()
    (root / "videos" / "cam02.mp4").write_bytes(whole[: len(whole) // 2])
    overview = look_over(root)
    assert [view.video for view in overview.views] == ["videos/cam01.mp4", None, "videos/cam03.mp4"]
    assert "cam02.mp4 cannot be read as a video" in " ".join(overview.missing)
    with pytest.raises(SessionError, match=r"cam02\.mp4 cannot be read"):
        load_session(root)
