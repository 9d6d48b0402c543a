"""3DPW's files: what was written comes back, Python 2 or not, and no pickle runs anything."""

import os
import pickle

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.evaluation.pickles import read_pickle
from mocap3d.evaluation.threedpw.frames import counting_frames
from mocap3d.evaluation.threedpw.read import SMPL_PARENTS, find_sequences, read_sequence
from mocap3d.synthesis.threedpw.python2 import python2_pickle
from tests.threedpw import sequence_file, small_content


class _Evil:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_pickle_is_refused_before_it_runs(tmp_path, protocol):
    mark = tmp_path / "was_run"
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"poses": _Evil(f"touch {mark}")}, protocol=protocol))
    with pytest.raises(FormatError, match="refused"):
        read_pickle(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "code",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"c__builtin__\ngetattr\n(S'a'\nS'b'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy.testing._private.utils\nrunstring\n(S'1'\nS'2'\ntR.",
        b"csubprocess\nPopen\n(S'true'\ntR.",
    ],
)
def test_no_function_is_found_by_name(tmp_path, code):
    path = tmp_path / "evil.pkl"
    path.write_bytes(code)
    with pytest.raises(FormatError, match="refused"):
        read_pickle(path)


def test_numpy_objects_that_hold_functions_are_refused_too(tmp_path):
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(np.array([_Evil("true")], dtype=object)))
    with pytest.raises(FormatError, match="refused"):
        read_pickle(path)


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x02}q\x00."])
def test_what_is_no_sequence_is_named(tmp_path, content):
    path = tmp_path / "odd.pkl"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"odd\.pkl"):
        read_sequence(path)


def test_python_2_files_come_back_as_they_were(tmp_path):
    content = small_content()
    path = tmp_path / "walk_00.pkl"
    path.write_bytes(python2_pickle(content))
    assert b"cnumpy.core.multiarray" in path.read_bytes()
    with pytest.raises(UnicodeDecodeError), path.open("rb") as file:
        pickle.load(file)
    read = read_pickle(path)
    assert read["sequence"] == content["sequence"]
    assert all(np.array_equal(a, b) for a, b in zip(read["poses2d"], content["poses2d"], strict=True))


def test_every_field_is_where_it_belongs(tmp_path):
    content = small_content()
    tracks = read_sequence(sequence_file(tmp_path, content))
    assert [track.gender for track in tracks] == ["m", "f"]
    assert [len(track.betas) for track in tracks] == [10, 10]
    assert len(content["betas"][1]) > 10
    for person, track in enumerate(tracks):
        joints = content["jointPositions"][person].reshape(-1, 24, 3)
        pose = content["cam_poses"]
        in_cam = np.einsum("nij,nkj->nki", pose[:, :3, :3], joints) + pose[:, None, :3, 3]
        assert track.joint_in_cam.numpy() == pytest.approx(in_cam, abs=1e-12)
        uv = in_cam @ content["cam_intrinsics"].T
        assert track.camera.project(track.joint_in_world).numpy() == pytest.approx(uv[..., :2] / uv[..., 2:], abs=1e-8)
        assert track.joint_in_world[..., 2].numpy() == pytest.approx(joints[..., 1], abs=1e-12)  # y up becomes z up


def test_turns_in_the_camera_are_the_chain_of_scipys_rotations(tmp_path):
    content = small_content()
    track = read_sequence(sequence_file(tmp_path, content))[0]
    frame = 3
    local = Rotation.from_rotvec(content["poses"][0][frame].reshape(24, 3))
    chain = [Rotation.from_matrix(content["cam_poses"][frame, :3, :3]) * local[0]]
    for joint in range(1, 24):
        chain.append(chain[SMPL_PARENTS[joint]] * local[joint])
    assert track.cam_from_segment[frame].numpy() == pytest.approx(np.stack([r.as_matrix() for r in chain]), abs=1e-12)


def test_frames_that_count(tmp_path):
    content = small_content()
    content["poses2d"][0][2] = 0.0
    content["campose_valid"][0][5] = 0
    content["poses2d"][0][7, 2, 5:] = 0.1  # five good keypoints
    track = read_sequence(sequence_file(tmp_path, content))[0]
    n = len(track.valid)
    assert (~counting_frames(track, "challenge")).nonzero().flatten().tolist() == [2, 5]
    assert (~counting_frames(track, "spin")).nonzero().flatten().tolist() == [5]
    assert (~counting_frames(track, "vibe")).nonzero().flatten().tolist() == [2, 5, 7]
    assert int(counting_frames(track, "all").sum()) == n


def test_unseen_keypoints_are_nan(tmp_path):
    content = small_content()
    content["poses2d"][0][1, :, 4] = 0.0
    track = read_sequence(sequence_file(tmp_path, content))[0]
    assert track.poses2d_px[1, 4].isnan().all()
    assert track.poses2d_px[1, 3].isfinite().all()


@pytest.mark.parametrize(("key", "value"), [("poses", [np.zeros((3, 71))]), ("cam_poses", np.zeros((4, 3)))])
def test_wrong_shapes_are_named(tmp_path, key, value):
    content = small_content() | {key: value}
    with pytest.raises(FormatError, match="unexpected shape"):
        read_sequence(sequence_file(tmp_path, content))


def test_missing_fields_and_folders_are_named(tmp_path):
    content = small_content()
    del content["cam_poses"]
    with pytest.raises(FormatError, match="cam_poses"):
        read_sequence(sequence_file(tmp_path, content))
    with pytest.raises(FormatError, match="sequenceFiles"):
        find_sequences(tmp_path / "nowhere")


def test_sequences_are_found_split_by_split_in_natural_order(tmp_path):
    for name in ("test/walk_10.pkl", "test/walk_2.pkl", "train/run.pkl"):
        (tmp_path / "sequenceFiles" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sequenceFiles" / name).touch()
    names = [path.stem for path in find_sequences(tmp_path)]
    assert names == ["run", "walk_2", "walk_10"]


def test_the_readmes_spelling_is_read(tmp_path):
    content = small_content()
    content["poses2D"] = content.pop("poses2d")
    tracks = read_sequence(sequence_file(tmp_path, content))
    assert torch.isfinite(tracks[0].poses2d_px).any()


def test_a_file_that_was_renamed_goes_by_its_name(tmp_path):
    """Predictions and pictures are looked up by the file's name, whatever the name inside."""
    path = sequence_file(tmp_path, small_content())
    renamed = path.rename(path.with_name("mine.pkl"))
    assert {track.sequence for track in read_sequence(renamed)} == {"mine"}


@pytest.mark.parametrize("key", ["poses", "cam_poses"])
def test_nobody_or_no_frame_is_refused(tmp_path, key):
    content = small_content()
    content[key] = content[key][:0]
    with pytest.raises(FormatError, match="no people or no frames"):
        read_sequence(sequence_file(tmp_path, content))
