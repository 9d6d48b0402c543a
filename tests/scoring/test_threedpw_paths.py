"""3DPW from files to a table by every way: one moving view, a virtual rig, pictures, anybody's predictions."""

import json

import cv2
import numpy as np
import pytest
import torch

from mocap3d.cli import evaluate
from mocap3d.cli.app import main
from mocap3d.errors import FormatError
from mocap3d.scoring.threedpw import ThreeDpwOptions, evaluate_threedpw
from mocap3d.scoring.threedpw_pictures import box_of, iou
from mocap3d.synthesis.rendering.mannequin import mannequin
from tests.drawn_3dpw import drawn_3dpw
from tests.threedpw import sequence_file, small_content


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two walkers for a second, with a stretch that was not seen and one whose camera is not valid."""
    folder = tmp_path_factory.mktemp("3dpw")
    sequence_file(folder, small_content(n_frames=30, unseen=0.1))
    return folder


def test_one_moving_view(dataset, tmp_path):
    """4 px at 4 m, unknown height. Measured 42 mm, aligned 31, accelerations 6 mm/frame^2."""
    table = evaluate_threedpw(dataset, ThreeDpwOptions(write=tmp_path))
    assert table.value("MPJPE") < 100
    assert table.value("PA-MPJPE") < 60
    assert table.value("acceleration error") < 10
    assert table.value("MPJAE") < 30
    again = evaluate_threedpw(dataset, ThreeDpwOptions(predict="files", predictions=tmp_path))
    assert again.value("MPJPE") == pytest.approx(table.value("MPJPE"), abs=1e-9)
    assert again.value("MPJAE") == pytest.approx(table.value("MPJAE"), abs=1e-6)


def test_a_virtual_rig(dataset):
    """Four cameras, errors like a detector's, a second of walking. Measured 9 mm."""
    table = evaluate_threedpw(dataset, ThreeDpwOptions(predict="rig"))
    assert table.value("MPJPE") < 14
    assert table.value("PA-MPJPE") < table.value("MPJPE")


def test_the_command_writes_what_it_prints(dataset, tmp_path, capsys):
    assert evaluate.run(["3dpw", str(dataset), "--predict", "rig", "--out", str(tmp_path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert printed["scores"] == written["scores"]
    assert "MPJPE" in (tmp_path / "scores.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["3dpw", "/nowhere"], "sequenceFiles"),
        (["3dwp", "/nowhere"], "Did you mean '3dpw'"),
        (["h36m", "/nowhere", "--predictions", "/nowhere"], "data_3d_h36m|nowhere"),
        (["session", "/nowhere"], "no such folder"),
    ],
)
def test_a_users_mistake_is_told_without_a_traceback(arguments, said, capsys):
    import re

    assert main(["evaluate", *arguments]) == 2
    assert re.search(said, capsys.readouterr().err)


def test_what_is_missing_is_named(dataset):
    with pytest.raises(FormatError, match="--predictions"):
        evaluate_threedpw(dataset, ThreeDpwOptions(predict="files"))
    with pytest.raises(FormatError, match="imageFiles"):
        evaluate_threedpw(dataset, ThreeDpwOptions(predict="pictures"))
    with pytest.raises(FormatError, match="SMPL_MALE"):
        evaluate_threedpw(dataset, ThreeDpwOptions(smpl_dir=dataset))


def test_pictures_go_through_the_detectors_door(tmp_path):
    """Of grey pictures: nobody is found, which is said in words."""
    content = small_content(n_frames=3, n_people=1)
    sequence_file(tmp_path, content)
    folder = tmp_path / "imageFiles" / "walk_00"
    folder.mkdir(parents=True)
    for frame in range(3):
        cv2.imwrite(str(folder / f"image_{frame:05d}.jpg"), np.full((192, 108, 3), 90, np.uint8))
    from mocap3d.errors import DetectionError

    with pytest.raises(DetectionError, match="nobody was found"):
        evaluate_threedpw(tmp_path, ThreeDpwOptions(predict="pictures"))


@pytest.mark.slow
def test_a_drawn_person_is_found_in_the_pictures_of_a_moving_camera(tmp_path):
    """A doll walks, seen at 1080 x 1920 from 4 m. Measured with four frames: 35 mm, aligned 25."""
    drawn_3dpw(tmp_path, mannequin(), n_frames=6, seed=3)
    table = evaluate_threedpw(tmp_path, ThreeDpwOptions(predict="pictures"))
    assert table.value("MPJPE") < 80
    assert table.value("PA-MPJPE") < 60
    assert not any("have no prediction" in note for note in table.notes)


def test_overlaps():
    points = torch.tensor([[[0.0, 0.0], [4.0, 2.0]], [[torch.nan, 0.0], [1.0, 1.0]]]).double()
    boxes = box_of(points)
    assert boxes[0].tolist() == [0, 0, 4, 2]
    assert iou(boxes[:1], torch.tensor([2.0, 0.0, 6.0, 2.0]).double()).tolist() == pytest.approx([1 / 3])
