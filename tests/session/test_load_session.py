"""Session folders, whole and broken."""

import json
import logging
from fractions import Fraction
from pathlib import Path

import cv2
import pytest
from clips import make_clip, picture

from mocap3d.errors import SessionError
from mocap3d.session.clocks import write_offsets
from mocap3d.session.records import Person
from mocap3d.session.session import load_session

CAMERA_TOML = """
[cam_0]
name = "cam1"
size = [64, 48]
matrix = [[50.0, 0.0, 32.0], [0.0, 50.0, 24.0], [0.0, 0.0, 1.0]]
distortions = [0.0, 0.0, 0.0, 0.0]
rotation = [0.0, 0.0, 0.0]
translation = [0.0, 0.0, 0.0]
"""


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def openpose(folder: Path, n: int = 2) -> None:
    for frame in range(n):
        write(folder / f"{frame:04}.json", json.dumps({"people": []}))


def npz(path: Path) -> None:
    write(path, "only its name is looked at")


@pytest.fixture
def root(tmp_path):
    """Keypoints of three views, nothing else."""
    for view in ("cam10", "cam2", "cam1"):
        openpose(tmp_path / "keypoints" / f"{view}_json")
    return tmp_path


def test_keypoints_alone_are_a_session(root):
    session = load_session(root)
    assert session.views == ("cam1", "cam2", "cam10")
    assert tuple(session.keypoints) == session.views
    assert session.keypoints["cam2"].path == root / "keypoints" / "cam2_json"
    assert session.videos == {}
    assert (session.rate, session.calibration, session.skeleton, session.people) == (None, None, None, ())


def test_videos_and_image_folders_are_views(tmp_path):
    make_clip(tmp_path / "videos" / "cam10.MP4", rate=Fraction(30000, 1001), options={"f": "mp4"}, n=3)
    (tmp_path / "videos" / "cam9").mkdir()
    cv2.imwrite(str(tmp_path / "videos" / "cam9" / "0.png"), picture(0))
    write(tmp_path / "videos" / "notes.txt")
    write(tmp_path / "videos" / "._cam10.mp4")
    session = load_session(tmp_path)
    assert session.views == tuple(session.videos) == ("cam9", "cam10")
    assert session.rate == Fraction(30000, 1001)
    assert session.videos["cam9"].rate is None


def test_session_toml_says_the_rest(root):
    write(
        root / "session.toml",
        """
        rate = 59.94
        skeleton = "body25b"
        calibration = "elsewhere/cams.toml"
        [[people]]
        name = "Ann"
        height_m = 1.7
        [[people]]
        name = "Bo"
        [views.cam2]
        offset_s = -0.5
        rate = "120000/1001"
        [views.side]
        keypoints = "elsewhere/left.npz"
        [reconstruct]
        fit.sigma_px = 3
        """,
    )
    npz(root / "elsewhere" / "left.npz")
    write(root / "elsewhere" / "cams.toml", CAMERA_TOML)
    session = load_session(root)
    assert session.views == ("cam1", "cam2", "cam10", "side")
    assert session.rate == Fraction(60000, 1001)
    assert session.view_rate == {"cam2": Fraction(120000, 1001)}
    assert session.offset_s["cam2"] == -0.5
    assert session.skeleton == "body25b"
    assert session.people == (Person("Ann", 1.7), Person("Bo"))
    assert session.calibration == root / "elsewhere" / "cams.toml"
    assert session.keypoints["side"].format == "mocap3d"
    assert session.options["reconstruct"] == {"fit": {"sigma_px": 3}}


def test_other_folders_can_be_named(root):
    openpose(root / "pose" / "cam1_json")
    write(root / "session.toml", 'keypoints = "pose"')
    assert load_session(root).views == ("cam1",)


def test_a_file_can_be_given_another_name(tmp_path):
    make_clip(tmp_path / "videos" / "GH010023.mp4", n=2)
    openpose(tmp_path / "keypoints" / "front")
    write(tmp_path / "session.toml", '[views.front]\nvideo = "videos/GH010023.mp4"')
    session = load_session(tmp_path)
    assert session.views == ("front",)
    assert set(session.videos) == set(session.keypoints) == {"front"}


def test_names_need_not_agree_in_zeros_and_case(tmp_path):
    for name in ("Cam01", "Cam02"):
        make_clip(tmp_path / "videos" / f"{name}.mp4", n=2)
    openpose(tmp_path / "keypoints" / "cam_1_keypoints")
    session = load_session(tmp_path)
    assert session.views == ("Cam01", "Cam02")
    assert set(session.keypoints) == {"Cam01"}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, None),
        ({"calib.toml": CAMERA_TOML}, "calib.toml"),
        ({"calibration/Calib.qca.txt": "<calibration/>"}, "calibration/Calib.qca.txt"),
        ({"calibration/lab.xcp": "<Cameras/>"}, "calibration/lab.xcp"),
        ({"calibration.toml": "", "calib.toml": CAMERA_TOML}, "calibration.toml"),
        ({"calibration/calibration.toml": CAMERA_TOML, "a.toml": CAMERA_TOML}, "calibration/calibration.toml"),
        ({"cams.toml": "[cameras.0]" + CAMERA_TOML.replace("[cam_0]", "")}, "cams.toml"),
        ({"Config.toml": "[project]\nrate = 3", "broken.toml": "[", "board.toml": "[board]\nx = 3"}, None),
    ],
)
def test_the_calibration_is_found(root, files, found):
    for name, text in files.items():
        write(root / name, text)
    assert load_session(root).calibration == (root / found if found else None)


def test_competing_calibrations_are_refused(root):
    write(root / "Calib.qca.txt")
    write(root / "calibration" / "Calib_qualisys.toml", CAMERA_TOML)
    with pytest.raises(SessionError, match=r"several calibrations: Calib\.qca\.txt, calibration.Calib_qualisys\.toml"):
        load_session(root)
    write(root / "session.toml", 'calibration = "Calib.qca.txt"')
    assert load_session(root).calibration == root / "Calib.qca.txt"


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("rates = 60", r"unknown key 'rates'\. Did you mean 'rate'"),
        ("rate = 'fast'", "'rate' is 'fast'; needed a rate"),
        ("rate = 0", "'rate' is 0; needed a rate"),
        ("[views.cam3]\noffset_s = 1", r"\[views\.cam3\] is no view of this session\. Did you mean 'cam"),
        ("[views.cam1]\nofset_s = 1", r"unknown key 'views\.cam1\.ofset_s'\. Did you mean 'offset_s'"),
        ("[view.cam1]\noffset_s = 1", r"unknown key 'view'\. Did you mean 'views'"),
        ("[views.cam1]\nvideo = 'a.mp4'", r"'views\.cam1\.video' says .*a\.mp4, which is not there"),
        ("[views.cam1]\nkeypoints = 'a'", r"'views\.cam1\.keypoints' says .*, which is not there"),
        ("keypoints = 'poses'", r"'keypoints' says .*poses, which is not there"),
        ("calibration = 'a.toml'", r"calibration = 'a\.toml' is not a file"),
        ("[[people]]\nname = 'A'\nheight_m = 175", r"'A' has height_m = 175; needed metres"),
        ("[[people]]\nname = 'A'\nmass_kg = 70000", r"'A' has mass_kg = 70000; needed kilograms"),
        ("[[people]]\nname = ' '", "a person's name is empty"),
        ("[views.cam1]\noffset_s = nan", "'views.cam1.offset_s' is nan"),
        ("rate = 1e-6", "'rate' is 1e-06; needed a rate"),
        ("[[people]]\nname = 'A'\n[[people]]\nname = 'A'", "two people are called 'A'"),
        ("[[people]]\nheight_m = 1.7", r"'name' missing in \[people\[0\]\]"),
        ("rate = ", "not valid TOML"),
    ],
)
def test_a_wrong_session_toml_is_refused(root, toml, complaint):
    write(root / "session.toml", toml)
    with pytest.raises(SessionError, match=complaint) as caught:
        load_session(root)
    assert str(root / "session.toml") in str(caught.value)


def test_keypoints_of_no_video_are_refused(root):
    for name in ("cam1", "cam2", "kam10"):
        make_clip(root / "videos" / f"{name}.mp4", n=1)
    expected = (
        r"'cam10'\) belong to no video\. Did you mean 'kam10'\? Videos: 'cam1', 'cam2', 'kam10'; keypoints: 'cam1'"
    )
    with pytest.raises(SessionError, match=expected):
        load_session(root)


@pytest.mark.parametrize("other", ["cam1", "cam1.npz", "cam1_keypoints"])
def test_two_sources_of_one_view_are_refused(root, other):
    path = root / "keypoints" / other
    npz(path) if path.suffix else openpose(path)
    with pytest.raises(SessionError, match=r"are all of view 'cam1'.*\[views\.cam1\]"):
        load_session(root)


def test_deeplabcuts_copy_as_csv_is_no_second_source(tmp_path):
    for suffix in (".h5", ".csv", "_meta.pickle"):
        write(tmp_path / "keypoints" / f"cam1DLC_resnet50{suffix}", "scorer")
    with pytest.raises(SessionError, match=r"cam1DLC_resnet50\.h5 cannot be read"):
        load_session(tmp_path)  # it is the .h5 that is taken


def test_two_videos_of_one_view_are_refused(tmp_path):
    make_clip(tmp_path / "videos" / "cam1.mp4", n=1)
    write(tmp_path / "videos" / "cam1.avi")
    with pytest.raises(SessionError, match=r"cam1\.avi and cam1\.mp4 are all of view 'cam1'"):
        load_session(tmp_path)


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ([], "has no views: it is empty. Needed: videos/<view>.mp4"),
        (["video/cam1.mp4"], "it holds 'video'"),
        (["videos/cam1.mp4"], r"cam1\.mp4 is empty"),
        (["videos/cam1/readme.txt"], "cam1 holds no images"),
        (["keypoints/cam1/readme.txt"], "cam1 holds no JSON files"),
    ],
)
def test_an_empty_session_is_refused(tmp_path, files, complaint):
    for name in files:
        write(tmp_path / name)
    with pytest.raises(SessionError, match=complaint):
        load_session(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(SessionError, match=r"is not a folder\. Needed: a session folder"):
        load_session(tmp_path / "nowhere")


def test_slow_motion_is_pointed_out(tmp_path, caplog):
    make_clip(tmp_path / "videos" / "cam1.mp4", n=2)
    write(tmp_path / "session.toml", "rate = 240")
    with caplog.at_level(logging.WARNING, "mocap3d"):
        assert load_session(tmp_path).rate == 240
    assert "'cam1' has 30 frames per second" in caplog.text
    assert "[views.cam1]" in caplog.text


def test_the_fastest_video_gives_the_rate(tmp_path):
    for name, rate in {"cam1": 30, "cam2": 60}.items():
        make_clip(tmp_path / "videos" / f"{name}.mp4", n=2, rate=rate)
    assert load_session(tmp_path).rate == 60


def test_a_real_session_folder_is_understood(real_data, tmp_path):
    trial = real_data / "01_pose2sim_4cam_human/S00_Demo_Session/S00_P00_SingleParticipant/S00_P00_T01_BalancingTrial"
    calibration = real_data / "01_pose2sim_4cam_human/S00_Demo_Session/S00_Calibration/Calib.qca.txt"
    write(
        tmp_path / "session.toml",
        f"videos = '{trial / 'videos'}'\nkeypoints = '{trial / 'pose'}'\ncalibration = '{calibration}'\n",
    )
    session = load_session(tmp_path)
    assert session.views == ("cam01", "cam02", "cam03", "cam04")
    assert {source.format for source in session.keypoints.values()} == {"openpose"}
    assert session.rate == 60
    assert session.calibration == calibration


def test_measured_offsets_are_read_and_stated_ones_go_before_them(tmp_path, caplog):
    for view in ("cam1", "cam2", "cam3"):
        openpose(tmp_path / "keypoints" / view)
    write_offsets(tmp_path, {"cam1": (0.0, 0.0), "cam2": (0.1234567, 0.0004), "cam3": (2.0, 0.0), "gone": (1.0, 0.1)})
    write(tmp_path / "session.toml", "rate = 60\n[views.cam3]\noffset_s = 1.5\n")
    assert load_session(tmp_path).offset_s == {"cam1": 0.0, "cam2": 0.123457, "cam3": 1.5}
    assert "view 'cam3' starts at 1.5000 s by session.toml, which goes before the 2.0000 s measured" in caplog.text


def test_a_broken_synchronisation_file_is_refused(tmp_path):
    openpose(tmp_path / "keypoints" / "cam1")
    write(tmp_path / "synchronisation.toml", "[views.cam1]\noffset = 1.0\n")
    with pytest.raises(SessionError, match=r"synchronisation\.toml: unknown key 'views\.cam1\.offset'.*offset_s"):
        load_session(tmp_path)
