"""SMPL through smplx, on a made-up model of the right layout: its meshes, what is scored on them, and files that lack.

The licensed models may not be passed on: the numbers here are random, so what is tested is the way they go.
"""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.evaluation.threedpw.predictions import Prediction
from mocap3d.evaluation.threedpw.read import SMPL_PARENTS, read_sequence
from mocap3d.evaluation.threedpw.scoring import score_tracks
from mocap3d.evaluation.threedpw.smpl_files import read_smpl
from mocap3d.evaluation.threedpw.truth import truth_of
from mocap3d.skeletons.smpl_mesh import H36M_TO_LSP, SmplMeshes
from tests.threedpw import sequence_file, small_content

pytest.importorskip("smplx")
N_VERTICES, N_BELOW = 6890, 5000
"""Vertices; joints are told by those below."""


def few_vertices(rng: np.random.Generator, n_joints: int) -> np.ndarray:
    """A regressor that averages four vertices per joint."""
    table = np.zeros((n_joints, N_VERTICES))
    for row in table:
        row[rng.choice(N_BELOW, 4, replace=False)] = 0.25
    return table


def made_up_model(seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    weights = np.zeros((N_VERTICES, 24))
    weights[np.arange(N_VERTICES), rng.integers(0, 24, N_VERTICES)] = 1
    return {
        "v_template": rng.normal(0, 0.3, (N_VERTICES, 3)),
        "shapedirs": rng.normal(0, 0.01, (N_VERTICES, 3, 10)),
        "posedirs": rng.normal(0, 0.001, (N_VERTICES, 3, 207)).astype(np.float32),
        "J_regressor": csc_matrix(few_vertices(rng, 24)),
        "weights": weights,
        "kintree_table": np.array([[2**32 - 1, *SMPL_PARENTS[1:]], range(24)], np.uint32),
        "f": np.zeros((13776, 3), np.uint32),
    }


@pytest.fixture(scope="module")
def smpl_dir(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("smpl")
    for seed, name in enumerate(("SMPL_MALE", "SMPL_FEMALE")):
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(made_up_model(seed), protocol=2))
    np.save(folder / "J_regressor_h36m.npy", few_vertices(np.random.default_rng(9), 17))
    return folder


def posed(model: dict, betas: np.ndarray, pose: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """Vertices, straight from Loper et al. (2015), eqs. 2 to 9; every vertex of one bone here."""
    rest = model["v_template"] + model["shapedirs"] @ betas
    joints = model["J_regressor"] @ rest
    turns = Rotation.from_rotvec(pose).as_matrix()
    shaped = rest + model["posedirs"].astype(float) @ (turns[1:] - np.eye(3)).ravel()
    world, places = [turns[0]], [joints[0]]
    for joint in range(1, 24):
        parent = SMPL_PARENTS[joint]
        places.append(places[parent] + world[parent] @ (joints[joint] - joints[parent]))
        world.append(world[parent] @ turns[joint])
    bone = model["weights"].argmax(1)
    return np.einsum("vij,vj->vi", np.array(world)[bone], shaped - joints[bone]) + np.array(places)[bone] + trans


def test_meshes_are_as_the_paper_has_them(smpl_dir):
    rng = np.random.default_rng(5)
    betas, pose, trans = rng.normal(0, 1, 10), rng.normal(0, 0.4, (2, 24, 3)), rng.normal(0, 1, (2, 3))
    vertices, joints = SmplMeshes(*read_smpl(smpl_dir))("f", *map(torch.from_numpy, (betas, pose, trans)))
    for frame in range(2):
        assert vertices[frame].numpy() == pytest.approx(
            posed(made_up_model(1), betas, pose[frame], trans[frame]), abs=1e-6
        )
    assert joints.shape == (2, 24, 3)


def test_joints_are_regressed_and_vertices_scored(smpl_dir, tmp_path):
    """Vertices that no joint is told by are moved by 20 mm: protocol B's joints stay, the mesh does not."""
    tracks = read_sequence(sequence_file(tmp_path, small_content(n_frames=6, n_people=1)))
    mesh = SmplMeshes(*read_smpl(smpl_dir))
    truth = truth_of(tracks[0], mesh)
    assert truth.joints == "h36m"
    assert truth.vertex_in_cam is not None
    regressor = np.load(smpl_dir / "J_regressor_h36m.npy")
    told = (regressor @ truth.vertex_in_cam.numpy())[:, list(H36M_TO_LSP)]
    assert truth.lsp_in_cam.numpy() == pytest.approx(told, abs=1e-9)
    moved = truth.vertex_in_cam.clone()
    moved[:, N_BELOW:, 2] += 0.02
    nonsense = torch.full_like(truth.joint_in_cam, 7.0)  # protocol B must not look at these
    table = score_tracks(tracks, [Prediction(nonsense[None], vertex_in_cam=moved[None])], mesh=mesh)
    assert table.value("PVE") == pytest.approx(20 * (N_VERTICES - N_BELOW) / N_VERTICES, abs=1e-6)
    assert table.value("MPJPE-14") == pytest.approx(0, abs=1e-6)
    without = score_tracks(tracks, [Prediction(truth.joint_in_cam[None])], mesh=mesh)
    assert any("not regressed" in note for note in without.notes)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("SMPL_MALE.pkl", None, "has no SMPL_MALE.pkl"),
        ("J_regressor_h36m.npy", None, "has no J_regressor_h36m.npy"),
        ("J_regressor_h36m.npy", b"no array", "J_regressor_h36m.npy: not readable"),
        ("SMPL_FEMALE.pkl", pickle.dumps({"v_template": np.zeros((3, 3))}, 2), "SMPL_FEMALE.pkl"),
        ("SMPL_FEMALE.pkl", pickle.dumps([1, 2], 2), "SMPL_FEMALE.pkl"),
        ("SMPL_FEMALE.pkl", b"cchumpy.ch\nCh\n.", "chumpy"),
    ],
)
def test_files_that_lack_or_are_no_models_are_named(smpl_dir, tmp_path, name, content, said):
    for path in smpl_dir.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=said):
        read_smpl(tmp_path)


def test_an_unknown_gender_is_named(smpl_dir):
    with pytest.raises(FormatError, match="gender 'x'"):
        SmplMeshes(*read_smpl(smpl_dir))("x", torch.zeros(10), torch.zeros(1, 24, 3), torch.zeros(1, 3))
