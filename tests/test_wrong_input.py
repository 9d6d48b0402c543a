"""What users get wrong: each mistake gets a message that names the finding and the remedy, and exit code 2."""

import re
import shutil

import pytest
from tiny_session import VIEWS, copy_of_tiny_session, edit_keypoints, hidden_files, keypoint_files, run


@pytest.fixture
def root(tmp_path):
    return copy_of_tiny_session(tmp_path / "session")


def no_people(frame):
    return {**frame, "people": [{}]}


def nan_people(frame):
    return {**frame, "people": [{"pose_keypoints_2d": [float("nan")] * 78}]}


def ragged(frame):
    return {**frame, "people": [{"pose_keypoints_2d": [1, 2, 3, 4]}]}


def all_views(root, change):
    for view in VIEWS:
        edit_keypoints(root, view, change)


def replace_video(root):
    for view in VIEWS:
        (root / "videos").mkdir(exist_ok=True)
        (root / "videos" / f"{view}.mp4").write_text("not a video", encoding="utf-8")


def empty(root):
    shutil.rmtree(root)
    root.mkdir()


WRONG = {
    "no such folder": (shutil.rmtree, r"session is not a folder\. Needed: a session folder with"),
    "empty folder": (empty, r"has no views.*Needed: videos/"),
    "no calibration": (lambda r: shutil.rmtree(r / "calibration"), r"has no calibration\. Put a calibration file"),
    "broken calibration": (
        lambda r: (r / "calibration/Calib.qca.txt").write_text("<calibration><cam", encoding="utf-8"),
        r"Calib\.qca\.txt is not readable XML",
    ),
    "one view": (
        lambda r: [shutil.rmtree(r / "keypoints" / view) for view in VIEWS[1:]],
        r"Views with a camera: 1; needed: at least 2",
    ),
    "mismatched names": (
        lambda r: [(r / "keypoints" / view).rename(r / "keypoints" / f"left{view}") for view in VIEWS],
        r"calibrates the cameras 'cam01'.*views are 'leftcam01'.*Name videos and keypoints like the cameras",
    ),
    "unreadable video": (replace_video, r"cam01\.mp4 cannot be read as a video.*Copy the file again"),
    "{} people": (lambda r: all_views(r, no_people), r"keypoints/cam01: no person in any of its 30 files\. Check"),
    "NaN": (lambda r: all_views(r, nan_people), r"keypoints in at least two calibrated views, and has them in none"),
    "ragged": (lambda r: edit_keypoints(r, "cam02", ragged), r"has 4 numbers, which is no multiple of 3"),
    "not JSON": (
        lambda r: keypoint_files(r, "cam02")[4].write_text("", encoding="utf-8"),
        r"cam02_000000000004_keypoints\.json is not valid JSON.*Run the detector on this frame again",
    ),
    "no rate": (lambda r: (r / "session.toml").unlink(), r"frame rate is not known\. Write rate = 60"),
    "wrong skeleton": (
        lambda r: (r / "session.toml").write_text('rate = 60\nskeleton = "coco17"', encoding="utf-8"),
        r"has 26 keypoints per person, but skeleton 'coco17' has 17\. Correct",
    ),
    "unknown key": (
        lambda r: (r / "session.toml").write_text("rat = 60", encoding="utf-8"),
        r"unknown key 'rat'\. Did you mean 'rate'",
    ),
    "unknown option": (
        lambda r: (r / "session.toml").write_text("rate = 60\n[reconstruct.fit]\nmax_gap = 1", encoding="utf-8"),
        r"unknown key 'reconstruct\.fit\.max_gap'\. Did you mean 'max_gap_s'",
    ),
    "results is a file": (
        lambda r: (r / "results").write_text("x", encoding="utf-8"),
        r"results cannot be written to \(Not a directory\)",
    ),
    "exchanged views": (
        lambda r: [
            (r / "keypoints" / old).rename(r / "keypoints" / new)
            for old, new in (("cam01", "x"), ("cam02", "cam01"), ("x", "cam02"))
        ],
        r"No person was found.*Check that the calibration",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_gets_a_clear_message(case, root, capsys):
    spoil, message = WRONG[case]
    spoil(root)
    assert run("reconstruct", root) == 2
    told = capsys.readouterr()
    assert told.out == ""
    error = told.err[told.err.index("error: ") :]
    assert_matches(message, error)
    if root.exists():
        assert not list(hidden_files(root))


def assert_matches(pattern, text):
    """The pattern, with line breaks counted as blanks."""
    assert re.search(pattern, text.replace("\n", " ")), text


@pytest.mark.parametrize("arguments", [("--duration-s", "nan"), ("--duration-s", "-1"), ("--seed", "-1")])
def test_senseless_scenes_are_refused(arguments, tmp_path, capsys):
    assert run("synth", tmp_path / "new", *arguments) == 2
    assert "Needed: a length and a rate above 0, and a seed of at least 0." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--points.gate", "0"), r"points\.gate is 0; needed a number above 0"),
        (("--fit.threads", "-1"), r"fit\.threads is -1; needed a number at least 0"),
        (("--fit.limb-sigma-m", "nan"), r"fit\.limb_sigma_m is nan"),
        (("--formats", "cvs"), r"cvs"),
        (("--fit.max-gap", "1"), r"[Uu]nrecognized.*--fit\.max-gap"),
        (("--fit.threads", "two"), r"threads"),
    ],
)
def test_wrong_flags_are_named(arguments, message, root, capsys):
    assert run("reconstruct", root, *arguments) == 2
    assert_matches(message, capsys.readouterr().err)
