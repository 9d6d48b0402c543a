"""OpenPose's JSON: every person of every frame, what is missing, and every way such a folder can be broken."""

import json
import time

import numpy as np
import pytest
import torch

from mocap3d.detection.foreign import read_keypoints
from mocap3d.detection.foreign.build import SIGMA_OF_DIAGONAL, SIGMA_PX
from mocap3d.errors import DetectionError
from mocap3d.session.records import KeypointSource


def person(count=25, seed=0, person_id=-1):
    """x, y, score of every keypoint, rounded as in a file."""
    rng = np.random.default_rng(seed)
    flat = (rng.random((count, 3)) * [1920, 1080, 0.9] + [0, 0, 0.1]).round(3).ravel().tolist()
    return {"person_id": [person_id], "pose_keypoints_2d": flat, "face_keypoints_2d": [], "pose_keypoints_3d": []}


def folder(tmp_path, people_of_frame, pattern="cam1_{:012d}_keypoints.json"):
    for frame, people in people_of_frame.items():
        (tmp_path / pattern.format(frame)).write_text(json.dumps({"version": 1.3, "people": people}), encoding="utf-8")
    return tmp_path


def read(path, skeleton="body25"):
    return read_keypoints(KeypointSource(path, "openpose"), "cam1", skeleton=skeleton)


def test_every_person_of_every_frame_in_order(tmp_path):
    people = {12: [person(seed=1)], 2: [person(seed=2), person(seed=3, person_id=7)], 100: []}
    found = read(folder(tmp_path, people, "x.{}.json"))
    assert found.frame.tolist() == [2, 2, 12]
    assert found.person.tolist() == [-1, 7, -1]
    assert found.n_frames == 101
    assert (found.view, found.keypoint_set) == ("cam1", "body25")
    for row, seed in enumerate((2, 3, 1)):
        given = np.array(person(seed=seed)["pose_keypoints_2d"]).reshape(25, 3)
        assert np.array_equal(found.uv_px[row, :, 0].numpy(), given[:, :2])
        assert np.allclose(found.log_weight[row, :, 0].exp().numpy(), given[:, 2], atol=1e-15)


@pytest.mark.parametrize(
    "pattern", ["cam01.{:04d}.json", "2024-05-01_cam2_{:06d}.json", "{}.json", "a_{:012d}_keypoints.json"]
)
def test_frame_numbers_come_from_any_usual_file_name(tmp_path, pattern):
    found = read(folder(tmp_path, {9: [person()], 10: [person()]}, pattern))
    assert found.frame.tolist() == [9, 10]


def test_score_0_is_missing_and_never_pixel_0_0(tmp_path):
    entry = person()
    entry["pose_keypoints_2d"][3:6] = [0, 0, 0]
    entry["pose_keypoints_2d"][6:9] = [float("nan"), 5.0, 0.9]
    found = read(folder(tmp_path, {0: [entry]}))
    assert found.uv_px[0, 1:3].isnan().all()
    assert found.cov_px2[0, 1:3].isnan().all()
    assert (found.log_weight[0, 1:3] == -torch.inf).all()
    assert found.uv_px[0, 3:].isfinite().all()


def test_nobody_is_nobody_in_all_its_spellings(tmp_path):
    empty = [{}, {"person_id": [-1], "pose_keypoints_2d": []}, {"pose_keypoints_2d": [0.0] * 75}]
    found = read(folder(tmp_path, {0: empty, 1: [*empty, person()], 2: []}))
    assert found.frame.tolist() == [1]
    assert found.n_frames == 3


def test_doubt_grows_as_the_score_falls_and_with_the_person(tmp_path):
    """1.5 % of the box diagonal, here that of a 300x400 px person, over the score; 4 px for a lone keypoint."""
    entry, lone = person(), person()
    entry["pose_keypoints_2d"] = [100, 200, 1.0, 400, 600, 0.5] + [0] * 69
    lone["pose_keypoints_2d"] = [100, 200, 0.8] + [0] * 72
    found = read(folder(tmp_path, {0: [entry], 1: [lone]}))
    sigma_px = found.cov_px2[..., 0, 0].sqrt()
    assert sigma_px[0, :2, 0].tolist() == pytest.approx([SIGMA_OF_DIAGONAL * 500, SIGMA_OF_DIAGONAL * 1000])
    assert sigma_px[1, 0, 0].item() == pytest.approx(SIGMA_PX / 0.8)
    assert found.box_px[0].tolist() == [100, 200, 400, 600]
    assert found.box_px[1].isnan().all()
    assert torch.equal(found.cov_px2[0, 0, 0], found.cov_px2[0, 0, 0].diagonal().diag())


def test_a_score_above_1_counts_as_1(tmp_path):
    entry = person(26)
    entry["pose_keypoints_2d"][2] = 1.7
    assert read(folder(tmp_path, {0: [entry]}), None).log_weight[0, 0, 0] == 0


@pytest.mark.parametrize(("count", "name"), [(17, "coco17"), (18, "coco18"), (26, "halpe26"), (33, "blazepose33")])
def test_the_number_of_keypoints_tells_the_set(tmp_path, count, name):
    assert read(folder(tmp_path, {0: [person(count)]}), None).keypoint_set == name


def test_25_keypoints_need_a_word(tmp_path):
    folder(tmp_path, {0: [person()]})
    with pytest.raises(DetectionError, match=r'body25 or body25b.*skeleton = "\.\.\."'):
        read(tmp_path, None)
    assert read(tmp_path, "body25b").keypoint_set == "body25b"


@pytest.mark.parametrize("count", [5, 24])
def test_an_unknown_set_names_the_known_ones(tmp_path, count):
    with pytest.raises(DetectionError, match=r"which no known detector writes.*halpe26"):
        read(folder(tmp_path, {0: [person(count)]}), None)


def test_the_wrong_skeleton_is_refused(tmp_path):
    with pytest.raises(DetectionError, match=r"26 keypoints per person, but skeleton 'body25' has 25"):
        read(folder(tmp_path, {0: [person(26)]}))


BROKEN = {
    "": "not valid JSON",
    '{"version": 1.3, "people": [{"pose_key': "not valid JSON",
    "[]": "no list of people",
    '{"people": 3}': "no list of people",
    '{"people": [[1, 2, 3]]}': "no list of people",
    '{"people": [{"pose_keypoints_2d": [1, 2]}]}': "no multiple of 3",
    '{"people": [{"pose_keypoints_2d": [1, 2, 0.5]}]}': "1 keypoints, but 25 in",
    '{"people": [{"pose_keypoints_2d": [' + "null, " * 74 + "1]}]}": "list of numbers",
    '{"people": [{"pose_keypoints_2d": "no"}]}': "list of numbers",
    '{"people": [{"pose_keypoints_2d": 3}]}': "list of numbers",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_named(tmp_path, text):
    folder(tmp_path, {0: [person()]})
    (tmp_path / "cam1_000000000001_keypoints.json").write_text(text, encoding="utf-8")
    with pytest.raises(DetectionError, match=BROKEN[text]) as error:
        read(tmp_path)
    assert "cam1_000000000001_keypoints.json" in str(error.value)


def test_a_broken_folder_is_named(tmp_path):
    with pytest.raises(DetectionError, match=r"holds no \.json file"):
        read(tmp_path)
    (tmp_path / "keypoints.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DetectionError, match="no frame number"):
        read(tmp_path)
    (tmp_path / "keypoints.json").unlink()
    folder(tmp_path, {0: [{}], 1: []})
    with pytest.raises(DetectionError, match="no person in any of its 2 files"):
        read(tmp_path)
    (tmp_path / "other_1.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DetectionError, match="both end in the frame number 1"):
        read(tmp_path)
    with pytest.raises(DetectionError, match="does not exist"):
        read(tmp_path / "absent")
    with pytest.raises(DetectionError, match="no folder"):
        read(tmp_path / "other_1.json")


def test_long_recordings_are_read_fast(tmp_path):
    """Measured 17,000 to 28,000 files/s of CPU with one person each, 12,900 with two people; bound: 1,000."""
    text = json.dumps({"version": 1.3, "people": [person()]})
    for frame in range(2000):
        (tmp_path / f"cam1_{frame:012d}_keypoints.json").write_text(text, encoding="utf-8")
    started = time.process_time()
    assert len(read(tmp_path).frame) == 2000
    assert time.process_time() - started < 2.0
