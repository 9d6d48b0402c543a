"""MPII, COCO, PoseTrack and Penn Action in their public layouts, written small."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.coco import read_coco, read_posetrack
from mocap3d.evaluation.datasets.labels import LabelledPictures
from mocap3d.evaluation.datasets.mpii import NOT_COUNTED, read_mpii
from mocap3d.evaluation.datasets.penn import read_penn
from mocap3d.evaluation.score_pictures import FoundKeypoints, score_pictures
from mocap3d.scoring.public_data import evaluate_tracking

RNG = np.random.default_rng(2)


def write_mpii(root: Path, n: int = 3) -> np.ndarray:
    """``annot/valid.json`` and ``annot/gt_valid.mat``; MATLAB's pixels, from 1."""
    joints = RNG.uniform(50, 300, (n, 16, 2))
    missing = np.zeros((16, n))
    missing[4, 1] = 1
    heads = np.zeros((2, 2, n))
    heads[1, 0], heads[1, 1] = 30, 40  # a diagonal of 50
    (root / "annot").mkdir(parents=True)
    savemat(
        root / "annot" / "gt_valid.mat",
        {"headboxes_src": heads, "jnt_missing": missing, "pos_gt_src": joints.transpose(1, 2, 0)},
    )
    rows = [
        {"image": f"{i:03d}.jpg", "center": [150.0, 150.0], "scale": 1.5, "joints": [], "joints_vis": []}
        for i in range(n)
    ]
    (root / "annot" / "valid.json").write_text(json.dumps(rows), encoding="utf-8")
    return joints


def coco_rows(n: int, *, more: dict | None = None) -> list[dict]:
    rows = []
    for i in range(n):
        keypoints = np.column_stack([RNG.uniform(10, 90, (17, 2)), np.full(17, 2)])
        keypoints[3] = 0
        rows.append(
            {"id": i, "image_id": i // 2, "category_id": 1, "iscrowd": 0, "bbox": [5, 5, 90, 180], "area": 8000.0,
             "num_keypoints": 16, "keypoints": keypoints.ravel().tolist(), **(more or {})}
        )  # fmt: skip
    return rows


def write_coco(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"id": i, "file_name": f"{i:06d}.jpg"} for i in range(1 + max(row["image_id"] for row in rows))]
    path.write_text(json.dumps({"images": images, "annotations": rows, "categories": []}), encoding="utf-8")


def exact(labels: LabelledPictures) -> FoundKeypoints:
    return FoundKeypoints(labels.uv_px.nan_to_num(0.0), torch.linspace(0.5, 1, len(labels.picture)).double())


def test_mpii(tmp_path):
    joints = write_mpii(tmp_path)
    labels = read_mpii(tmp_path)
    assert labels.uv_px[0].numpy() == pytest.approx(joints[0] - 1)
    assert labels.uv_px[1, 4].isnan().all()
    assert labels.size_px.tolist() == pytest.approx([30.0] * 3)
    assert labels.picture[0] == tmp_path / "images" / "000.jpg"
    table = score_pictures(labels, exact(labels), NOT_COUNTED)
    assert table.value("PCKh@0.5") == 100
    assert not any(score.name in ("PCKh@0.5 Hip", "PCKh@0.5 Neck") for score in table.scores)
    off = FoundKeypoints(labels.uv_px + torch.tensor([16.0, 0.0]), torch.ones(3).double())  # 16 px > 0.5 * 30
    assert score_pictures(labels, off, NOT_COUNTED).value("PCKh@0.5") == 0


def test_mpii_of_two_minds(tmp_path):
    write_mpii(tmp_path)
    (tmp_path / "annot" / "valid.json").write_text("[]", encoding="utf-8")
    with pytest.raises(FormatError, match=r"0 people in valid.json, 3 in gt_valid.mat"):
        read_mpii(tmp_path)


def test_coco(tmp_path):
    rows = coco_rows(5)
    rows[4]["keypoints"] = [0] * 51
    write_coco(tmp_path / "annotations" / "person_keypoints_val2017.json", rows)
    labels = read_coco(tmp_path)
    assert labels.picture[2] == tmp_path / "val2017" / "000001.jpg"
    assert labels.uv_px[0, 3].isnan().all()
    assert labels.ignore.tolist() == [False] * 4 + [True]
    shoulders, hips = (labels.uv_px[0, list(pair)].mean(0) for pair in ((5, 6), (11, 12)))
    assert float(labels.size_px[0]) == pytest.approx(float((shoulders - hips).norm()))
    table = score_pictures(labels, exact(labels))
    assert (table.value("AP"), table.value("recall"), table.value("PCK@0.2")) == pytest.approx((100, 100, 100))


def test_posetrack(tmp_path):
    for video in ("000001_mpii_test", "000002_mpii_test"):
        rows = coco_rows(4, more={"track_id": 1, "bbox_head": [10, 10, 30, 40]})
        write_coco(tmp_path / "annotations" / "val" / f"{video}.json", rows)
    labels = read_posetrack(tmp_path)
    assert len(labels.picture) == 8
    assert set(labels.sequence) == {"000001_mpii_test", "000002_mpii_test"}
    assert labels.keypoints[1:3] == ("UpperNeck", "Head")
    assert labels.size_px.tolist() == pytest.approx([30.0] * 8)
    assert labels.person.tolist() == [1] * 8


def posetrack_video(folder: Path, tracks: list[list[int]], *, off_px: float = 0.0) -> None:
    """A file of two people in three frames 300 px apart; ``tracks`` (frame, person) numbers them, 0 leaves one out."""
    rows = []
    for frame, numbers in enumerate(tracks):
        for person, number in enumerate(numbers):
            if number:
                place = np.column_stack(
                    [np.full(17, 100.0 + 300 * person + off_px), np.arange(17) * 9.0, np.full(17, 2)]
                )
                rows.append({"image_id": frame, "keypoints": place.ravel().tolist(), "track_id": number})
                rows[-1] |= {"bbox": [0, 0, 9, 9], "bbox_head": [0, 0, 30, 40]}  # a head of 30 px
    write_coco(folder / "000001_mpii_test.json", rows)


def test_who_is_who_in_posetrack(tmp_path):
    """Six person-frames: one is missed, then both are taken for each other: three mistakes per keypoint."""
    posetrack_video(tmp_path / "annotations" / "val", [[1, 2], [1, 2], [1, 2]])
    posetrack_video(tmp_path / "found", [[5, 6], [5, 0], [6, 5]], off_px=14.0)
    table = evaluate_tracking("posetrack", tmp_path, None, tmp_path / "found")
    assert table.value("MOTA") == pytest.approx(100 * (1 - 3 / 6))
    assert table.value("MOTA Nose") == pytest.approx(50)
    assert table.value("switches") == 2 * 17
    assert table.value("IDF1") == pytest.approx(100 * 2 * 3 / (5 + 6))
    posetrack_video(tmp_path / "far", [[5, 6], [5, 6], [5, 6]], off_px=16.0)
    assert evaluate_tracking("posetrack", tmp_path, None, tmp_path / "far").value("MOTA") == pytest.approx(-100)


def test_who_is_who_needs_numbers_and_videos(tmp_path):
    posetrack_video(tmp_path / "annotations" / "val", [[1, 2]])
    posetrack_video(tmp_path / "found", [[-1, 2]])
    with pytest.raises(FormatError, match="track_id"):
        evaluate_tracking("posetrack", tmp_path, None, tmp_path / "found")
    with pytest.raises(FormatError, match="coco has not"):
        evaluate_tracking("coco", tmp_path, None, tmp_path / "found")
    with pytest.raises(FormatError, match="nowhere"):
        evaluate_tracking("posetrack", tmp_path, None, tmp_path / "nowhere")


def test_penn(tmp_path):
    x, y = RNG.uniform(20, 200, (2, 6, 13))
    seen = np.ones((6, 13))
    seen[2, 5] = 0
    (tmp_path / "labels").mkdir()
    for name, train in (("0001", 1), ("0002", -1)):
        content = {
            "x": x,
            "y": y,
            "visibility": seen,
            "bbox": np.tile([11.0, 21, 111, 221], (6, 1)),
            "train": train,
            "nframes": 6,
        }
        savemat(tmp_path / "labels" / f"{name}.mat", content)
    labels = read_penn(tmp_path)
    assert set(labels.sequence) == {"0002"}
    assert labels.uv_px[2, 5].isnan().all()
    assert labels.uv_px[0, 0].tolist() == pytest.approx([x[0, 0] - 1, y[0, 0] - 1])
    assert labels.size_px.tolist() == [200.0] * 6
    assert labels.picture[0] == tmp_path / "frames" / "0002" / "000001.jpg"
    assert len(read_penn(tmp_path, "all").picture) == 12


@pytest.mark.parametrize("read", [read_coco, read_posetrack, read_penn, read_mpii])
def test_an_empty_folder_is_named(tmp_path, read):
    with pytest.raises(FormatError, match=rf"{tmp_path}.*Needed"):
        read(tmp_path)


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "annotations" / "person_keypoints_val2017.json"
    path.parent.mkdir()
    path.write_text('{"images": [], "annotations": [{"keypoints": [1]}]}', encoding="utf-8")
    with pytest.raises(FormatError, match="person_keypoints"):
        read_coco(tmp_path)
