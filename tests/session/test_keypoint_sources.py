"""Who wrote a view's keypoints is told from the content."""

import json

import h5py
import numpy as np
import pytest

from mocap3d.errors import SessionError
from mocap3d.session.keypoints import keypoint_source, may_be_keypoints


def openpose_folder(path):
    path.mkdir(parents=True)
    for frame in range(3):
        (path / f"cam1_{frame:012}_keypoints.json").write_text(
            json.dumps({"version": 1.3, "people": []}), encoding="utf-8"
        )
    return path


def coco_results(path):
    path.write_text(
        json.dumps([{"image_id": 0, "category_id": 1, "keypoints": [1.0] * 51, "score": 0.9}]), encoding="utf-8"
    )
    return path


def coco_dataset(path):
    path.write_text("\n " + json.dumps({"images": [], "annotations": []}), encoding="utf-8")
    return path


def deeplabcut_h5(path):
    """As pandas lays it out, by h5py, since pandas and tables are not needed otherwise."""
    with h5py.File(path, "w") as file:
        file.create_group("df_with_missing").attrs["pandas_type"] = "frame_table"
    return path


def deeplabcut_csv(path):
    path.write_text(
        "scorer,DLC,DLC,DLC\nbodyparts,knee,knee,knee\ncoords,x,y,likelihood\n0,1,2,0.9\n", encoding="utf-8"
    )
    return path


def sleap_h5(path):
    with h5py.File(path, "w") as file:
        file["tracks"] = np.zeros((1, 2, 3, 4))
        file["node_names"] = [b"knee"]
    return path


def own_npz(path):
    np.savez(path, format="mocap3d")
    return path


@pytest.mark.parametrize(
    ("make", "name", "format_name"),
    [
        (openpose_folder, "cam1_json", "openpose"),
        (coco_results, "cam1.json", "coco"),
        (coco_dataset, "cam1.json", "coco"),
        (deeplabcut_h5, "cam1.h5", "deeplabcut"),
        (deeplabcut_csv, "cam1.csv", "deeplabcut"),
        (sleap_h5, "cam1.analysis.h5", "sleap"),
        (own_npz, "cam1.npz", "mocap3d"),
    ],
)
def test_the_content_tells_the_format(tmp_path, make, name, format_name):
    source = keypoint_source(make(tmp_path / name))
    assert (source.path, source.format) == (tmp_path / name, format_name)


def unknown_h5(path):
    with h5py.File(path, "w") as file:
        file["points"] = [1.0]


@pytest.mark.parametrize(
    ("name", "make", "complaint"),
    [
        ("cam1", lambda p: p.mkdir(), "holds no JSON files"),
        (
            "a.json",
            lambda p: p.write_text('{"version": 1.3, "people": []}', encoding="utf-8"),
            "single frame of OpenPose",
        ),
        ("a.json", lambda p: p.write_text("hello", encoding="utf-8"), "is not JSON"),
        ("a.json", lambda p: p.write_text("", encoding="utf-8"), "is not JSON"),
        ("a.csv", lambda p: p.write_text("time,x,y\n", encoding="utf-8"), "first row does not begin with 'scorer'"),
        ("a.h5", unknown_h5, "it holds points"),
        ("a.h5", lambda p: p.write_bytes(b"junk"), "cannot be read as keypoints"),
        ("a.slp", lambda p: p.write_bytes(b""), "Export Analysis HDF5"),
        ("a.pickle", lambda p: p.write_bytes(b""), "no known keypoint format"),
        ("a.npz", lambda _: None, "is not there"),
    ],
)
def test_anything_else_is_refused(tmp_path, name, make, complaint):
    make(tmp_path / name)
    with pytest.raises(SessionError, match=complaint) as caught:
        keypoint_source(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_folder_of_other_json_is_refused(tmp_path):
    coco_results(tmp_path / "0.json")
    with pytest.raises(SessionError, match=r"0\.json is not a frame of OpenPose"):
        keypoint_source(tmp_path)


def test_notes_and_hidden_files_are_passed_over(tmp_path):
    for name in ("notes.txt", ".DS_Store", "._cam1.json", "cam1.png", "meta.pickle"):
        (tmp_path / name).write_text("", encoding="utf-8")
        assert not may_be_keypoints(tmp_path / name)
