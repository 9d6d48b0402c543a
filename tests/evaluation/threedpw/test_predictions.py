"""Predictions in the challenge's format and as NPZ, and files that are neither."""

import pickle

import numpy as np
import pytest
import torch

from mocap3d.errors import FormatError
from mocap3d.evaluation.threedpw.predictions import (
    Prediction,
    at_root,
    find_predictions,
    read_prediction,
    write_prediction,
)

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


def test_two_predictions_of_one_sequence_are_refused(tmp_path):
    """Folders of two methods below one folder: which of them would be scored would be chance."""
    for method in ("ours", "theirs"):
        write_prediction(tmp_path / method / "walk.pkl", Prediction(JOINTS))
    with pytest.raises(FormatError, match="both predictions of walk"):
        find_predictions(tmp_path, ["walk"])
    write_prediction(tmp_path / "ours" / "run.pkl", Prediction(JOINTS))
    assert set(find_predictions(tmp_path, ["run"])) == {"run"}


def test_the_challenges_zeros_are_missing(tmp_path):
    """NaN is unknown to the challenge's scorer: what it reads is finite, and comes back as NaN."""
    joints, parts = JOINTS.clone(), PARTS.clone()
    joints[0, 2], parts[0, 2] = torch.nan, torch.nan
    write_prediction(tmp_path / "walk.pkl", Prediction(joints, parts))
    content = pickle.loads((tmp_path / "walk.pkl").read_bytes())
    assert all(np.isfinite(values).all() for values in content.values())
    assert (content["jointPositions"][0, 2] == 0).all()
    read = read_prediction(tmp_path / "walk.pkl")
    assert read.cam_from_part is not None
    assert read.joint_in_cam[0, 2].isnan().all()
    assert read.cam_from_part[0, 2].isnan().all()
    assert int(read.joint_in_cam.isnan().sum()) == 24 * 3


def test_missing_joints_lie_at_the_root():
    joints = JOINTS.clone()
    joints[0, 1, 5], joints[1, 3, 0] = torch.nan, torch.nan
    found = at_root(joints)
    assert torch.equal(found[0, 1, 5], JOINTS[0, 1, 0])
    assert (found[1, 3] == 0).all()
    untouched = torch.ones(2, 5, dtype=torch.bool)
    untouched[0, 1] = untouched[1, 3] = False
    assert torch.equal(found[untouched], JOINTS[untouched])


@pytest.mark.parametrize("turn", [torch.full((3, 3), 0.5), torch.diag(torch.tensor([1.0, 1.0, -1.0]))])
def test_matrices_that_are_no_rotations_are_refused(tmp_path, turn):
    parts = PARTS.clone()
    parts[1, 4, 7] = turn
    np.savez(tmp_path / "walk.npz", jointPositions=JOINTS.numpy(), orientations=parts.numpy())
    with pytest.raises(FormatError, match="person 1, frame 4, part 7"):
        read_prediction(tmp_path / "walk.npz")


def test_a_sequence_without_people_is_read(tmp_path):
    """Python 3 pickles an empty array as `bytes()`, which is harmless."""
    (tmp_path / "walk.pkl").write_bytes(pickle.dumps({"jointPositions": np.zeros((0, 5, 24, 3))}, protocol=2))
    assert read_prediction(tmp_path / "walk.pkl").joint_in_cam.shape == (0, 5, 24, 3)
