"""COCO-style JSON in its dialects: annotations, results, AlphaPose, MMPose."""

import json
import logging

import numpy as np
import pytest

from mocap3d.detection.foreign import read_keypoints
from mocap3d.errors import DetectionError
from mocap3d.session.records import KeypointSource

PAIRS = ["eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"]
COCO_NAMES = ["nose", *(f"{side}_{part}" for part in PAIRS for side in ("left", "right"))]


def points(count=17, seed=0):
    return (np.random.default_rng(seed).random((count, 3)) * [640, 480, 0.9] + [0, 0, 0.05]).round(4)


def read(tmp_path, content, skeleton=None):
    file = tmp_path / "cam1.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_keypoints(KeypointSource(file, "coco"), "cam1", skeleton=skeleton)


def annotations(rows, names=COCO_NAMES, **extra):
    images = [{"id": 100 + n, "file_name": f"img/frame_{n * 5:06d}.jpg"} for n in range(4)]
    entries = [{"image_id": 100 + n, "category_id": 1, "keypoints": r.ravel().tolist(), **extra} for n, r in rows]
    return {"images": images, "annotations": entries, "categories": [{"id": 1, "name": "person", "keypoints": names}]}


def test_annotations_take_frames_from_file_names_and_keypoints_by_name(tmp_path):
    rows = [(2, points(seed=1)), (0, points(seed=2))]
    shuffled = np.random.default_rng(5).permutation(17)
    names = [COCO_NAMES[n] for n in shuffled]
    found = read(tmp_path, annotations([(n, r[shuffled]) for n, r in rows], names, bbox=[10, 20, 300, 400]))
    assert found.frame.tolist() == [0, 10]
    assert found.n_frames == 16
    assert found.keypoint_set == "coco17"
    assert np.array_equal(found.uv_px[:, :, 0].numpy(), np.stack([rows[1][1], rows[0][1]])[..., :2])
    assert found.box_px[0].tolist() == [10, 20, 310, 420]
    assert found.cov_px2[0, 0, 0, 0, 0].sqrt().item() == pytest.approx(0.015 * 500 / rows[1][1][0, 2])


def test_labelled_visibility_is_no_score(tmp_path):
    labelled = points()
    labelled[:, 2] = 2
    labelled[3] = [0, 0, 0]
    labelled[4, 2] = 1
    found = read(tmp_path, annotations([(0, labelled)]))
    assert found.log_weight[0, [0, 3, 4], 0].exp().tolist() == pytest.approx([1.0, 0.0, 0.5])


def test_results_with_numbers_and_with_file_names(tmp_path):
    """Also AlphaPose: box instead of bbox, its track as idx, scores of people above 1."""
    entries = [{"image_id": n, "category_id": 1, "keypoints": points().ravel().tolist(), "score": 2.9} for n in (3, 1)]
    assert read(tmp_path, entries).frame.tolist() == [1, 3]
    entries = [
        {"image_id": f"{n}.jpg", "keypoints": points(26).ravel().tolist(), "box": [1, 2, 3, 4], "idx": 5.0}
        for n in (10, 9)
    ]
    found = read(tmp_path, entries)
    assert (found.frame.tolist(), found.person.tolist()) == ([9, 10], [5, 5])
    assert found.keypoint_set == "halpe26"
    assert found.box_px[0].tolist() == [1, 2, 4, 6]


@pytest.mark.parametrize("wrapped", [False, True])
def test_mmpose_instances(tmp_path, wrapped):
    given = points()
    instance = {"keypoints": given[:, :2].tolist(), "keypoint_scores": given[:, 2].tolist(), "bbox": [[1, 2, 30, 40]]}
    content = [{"frame_id": n, "instances": [instance] * n} for n in range(3)]
    if wrapped:
        names = {str(n): name for n, name in enumerate(COCO_NAMES)}
        content = {"meta_info": {"keypoint_id2name": names}, "instance_info": content}
    found = read(tmp_path, content)
    assert found.frame.tolist() == [1, 2, 2]
    assert np.array_equal(found.uv_px[2, :, 0].numpy(), given[:, :2])
    assert found.box_px[0].tolist() == [1, 2, 30, 40]


def test_counting_from_1_is_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "mocap3d"):
        read(tmp_path, [{"image_id": 1, "keypoints": points().ravel().tolist()}])
    assert "number 1" in caplog.text


def test_foreign_names_need_a_skeleton_and_may_be_a_part_of_it(tmp_path, caplog):
    content = annotations([(0, points(3))], ["nose", "LAnkle", "tail"])
    with pytest.raises(DetectionError, match="not exactly those of one known set"):
        read(tmp_path, content)
    with caplog.at_level(logging.WARNING, "mocap3d"):
        found = read(tmp_path, content, "coco17")
    assert found.uv_px[0, :, 0, 0].isfinite().nonzero().ravel().tolist() == [0, 15]
    assert "tail" in caplog.text
    with pytest.raises(DetectionError, match="none of them is in 'coco17'"):
        read(tmp_path, annotations([(0, points(1))], ["tail"]), "coco17")


@pytest.mark.parametrize(
    ("content", "needs"),
    [
        ("", "not valid JSON"),
        ({"images": []}, "no COCO-style"),
        ([], "no person"),
        ([{"image_id": 3}], "no person"),
        ([{"keypoints": [1, 2, 3] * 17}], "image_id"),
        ([{"image_id": "x", "keypoints": [1, 2, 3] * 17}], "no frame number"),
        ([{"image_id": 1, "keypoints": [1, 2]}], "multiple of 3"),
        ([{"image_id": 1, "keypoints": [1] * 51}, {"image_id": 2, "keypoints": [1] * 78}], "51, 78 numbers"),
        ([{"image_id": 1, "keypoints": ["x"] * 51}], "no COCO-style"),
        ([{"image_id": 1, "keypoints": [1] * 15}], "which no known detector"),
        (3, "no COCO-style"),
    ],
)
def test_broken_files_are_named(tmp_path, content, needs):
    with pytest.raises(DetectionError, match=needs) as error:
        read(tmp_path, content)
    assert "cam1.json" in str(error.value)


def test_a_real_coco_annotation(real_data):
    """COCO val2017 image 785: a skier, all but the right ear labelled; the nose is where it is in the photograph."""
    file = real_data / "08_person_images" / "coco_785.json"
    found = read_keypoints(KeypointSource(file, "coco"), "photo")
    given = np.array(json.loads(file.read_text(encoding="utf-8"))["annotations"][0]["keypoints"]).reshape(17, 3)
    assert found.keypoint_set == "coco17"
    assert np.array_equal(found.uv_px[0, given[:, 2] > 0, 0].numpy(), given[given[:, 2] > 0, :2])
    assert found.uv_px[0, given[:, 2] == 0].isnan().all()
