"""Predictions in the challenge's format and as NPZ, and files that are neither."""

import numpy as np
import pytest
import torch

from mocap3d.errors import FormatError
from mocap3d.evaluation.threedpw.predictions import Prediction, find_predictions, read_prediction, write_prediction

JOINTS = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 5, 24, 3)))
PARTS = torch.eye(3, dtype=torch.float64).expand(2, 5, 9, 3, 3).contiguous()


@pytest.mark.parametrize("suffix", [".pkl", ".npz"])
def test_what_is_written_comes_back(tmp_path, suffix):
    path = tmp_path / f"walk{suffix}"
    write_prediction(path, Prediction(JOINTS, PARTS))
    read = read_prediction(path)
    assert torch.equal(read.joint_in_cam, JOINTS)
    assert read.cam_from_part is not None
    assert torch.equal(read.cam_from_part, PARTS)
    first = path.read_bytes()
    write_prediction(path, Prediction(JOINTS, PARTS))
    assert path.read_bytes() == first


def test_flat_joints_and_lists_are_understood(tmp_path):
    path = tmp_path / "walk.npz"
    np.savez(path, jointPositions=JOINTS.reshape(2, 5, 72).numpy())
    assert torch.equal(read_prediction(path).joint_in_cam, JOINTS)


@pytest.mark.parametrize(
    ("content", "said"),
    [({"joints": np.zeros(3)}, "jointPositions"), ({"jointPositions": np.zeros((2, 5, 17, 3))}, "24 or 14")],
)
def test_other_files_are_named(tmp_path, content, said):
    path = tmp_path / "walk.npz"
    np.savez(path, **content)
    with pytest.raises(FormatError, match=said):
        read_prediction(path)


def test_missing_sequences_are_counted(tmp_path):
    write_prediction(tmp_path / "test" / "walk.pkl", Prediction(JOINTS))
    assert set(find_predictions(tmp_path, ["walk"])) == {"walk"}
    with pytest.raises(FormatError, match="2 of 3 sequences"):
        find_predictions(tmp_path, ["walk", "run", "hop"])
