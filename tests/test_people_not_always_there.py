"""People who are not always there, through the command: what is written, and what is said."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scene import USUAL_NOISE, small_scene
from tiny_session import VIEWS, copy_of_tiny_session, edit_keypoints, keypoint_files, run

from mocap3d.export.motion_npz import read_motion_npz
from mocap3d.session.motion_files.mot import read_mot
from mocap3d.session.records import Motion
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.synthetic_session import synthesise

pytestmark = pytest.mark.slow
HALPE26 = load_skeleton("halpe26")


def _reconstructed(root: Path, *options: object) -> Motion:
    assert run("reconstruct", root, "--quiet", *options) == 0
    return read_motion_npz(root / "results" / "motion.npz").motion


def _known(motion: Motion, joint: str) -> np.ndarray:
    """(t p): whether a joint is anywhere."""
    return np.isfinite(motion.joint_in_world[:, :, motion.skeletons[0].tree.index(joint), 0].numpy())


def _empty(root: Path, frames: slice = slice(None)) -> None:
    """Nobody in those frames of any view."""
    for view in VIEWS:
        for path in keypoint_files(root, view)[frames]:
            path.write_text(
                json.dumps({**json.loads(path.read_text(encoding="utf-8")), "people": []}), encoding="utf-8"
            )


def test_somebody_who_leaves_and_returns_is_one_person_with_a_gap(tmp_path):
    root = tmp_path / "session"
    synthesise(small_scene(n_people=1, n_views=3, duration_s=2.5, noise=USUAL_NOISE), root)
    _empty(root, slice(40, 110))
    motion = _reconstructed(root)
    assert motion.people == ("P1",)
    known = _known(motion, "pelvis")[:, 0]
    assert known[:36].all()
    assert known[114:].all()
    assert not known[44:106].any()
    coordinates = read_mot(root / "results" / "P1.mot")
    assert np.isfinite(coordinates.values).all()


def test_a_limb_that_no_view_sees_is_missing_and_the_rest_is_written(tmp_path, capsys):
    root = copy_of_tiny_session(tmp_path / "session")
    gone = [3 * HALPE26.index(name) for name in ("RElbow", "RWrist")]

    def armless(content: dict) -> dict:
        for who in content["people"]:
            for at in gone:
                who["pose_keypoints_2d"][at : at + 3] = [0, 0, 0]
        return content

    for view in VIEWS:
        edit_keypoints(root, view, armless)
    motion = _reconstructed(root)
    assert "missing in 3D: RElbow, RWrist" in " ".join(capsys.readouterr().err.split())
    assert not _known(motion, "elbow_r").any()
    assert _known(motion, "elbow_l").all()
    assert {path.suffix for path in (root / "results").glob("P1*")} >= {".bvh", ".glb", ".mot", ".osim", ".c3d"}
    assert np.isfinite(read_mot(root / "results" / "P1.mot").values).all()


def test_one_frame(tmp_path):
    root = copy_of_tiny_session(tmp_path / "session")
    for view in VIEWS:
        for path in keypoint_files(root, view)[1:]:
            path.unlink()
    assert _known(_reconstructed(root), "knee_l").shape == (1, 1)


@pytest.mark.parametrize(("spoil", "said"), [("files", "holds no JSON files"), ("people", "no person in any of its")])
def test_no_frames_and_nobody_are_refused_in_words(spoil, said, tmp_path, capsys):
    root = copy_of_tiny_session(tmp_path / "session")
    _empty(root)
    for path in (path for view in VIEWS for path in keypoint_files(root, view) if spoil == "files"):
        path.unlink()
    assert run("reconstruct", root) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (root / "results").exists()


def test_somebody_seen_by_one_camera_only_is_nobody_and_does_not_disturb(tmp_path):
    """A passer-by in one picture, as large as the person and 500 px beside."""
    root = copy_of_tiny_session(tmp_path / "session")

    def with_another(content: dict) -> dict:
        for who in list(content["people"]):
            uvc = np.array(who["pose_keypoints_2d"]).reshape(-1, 3)
            content["people"].append({**who, "pose_keypoints_2d": (uvc + np.sign(uvc) * [500, 0, 0]).ravel().tolist()})
        return content

    edit_keypoints(root, VIEWS[0], with_another)
    motion = _reconstructed(root)
    assert motion.people == ("P1",)
    assert _known(motion, "pelvis").all()


def test_a_thousand_frames_a_second(tmp_path):
    root = tmp_path / "session"
    assert run("synth", root, "--rate", 1000, "--duration-s", 0.3, "--n-views", 3, "--quiet") == 0
    motion = _reconstructed(root)
    assert motion.rate == Fraction(1000)
    assert _known(motion, "knee_l").all()


def test_a_height_with_a_comma_says_how_to_write_it(tmp_path, capsys):
    root = copy_of_tiny_session(tmp_path / "session")
    (root / "session.toml").write_text('rate = 60\n[[people]]\nname = "Ada"\nheight_m = 1,75\n', encoding="utf-8")
    assert run("reconstruct", root) == 2
    assert "1.75, not 1,75" in " ".join(capsys.readouterr().err.split())
