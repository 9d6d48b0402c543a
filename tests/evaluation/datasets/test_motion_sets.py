"""Human3.6M, MPI-INF-3DHP, CMU Panoptic, Shelf and Campus in their public layouts, written small, and their scores."""

import json
from fractions import Fraction

import h5py
import numpy as np
import pytest
import torch
from scipy.io import savemat

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.human36m import OF_32, read_human36m
from mocap3d.evaluation.datasets.labels import Truth3D
from mocap3d.evaluation.datasets.mpi_inf_3dhp import read_mpi_inf_3dhp
from mocap3d.evaluation.datasets.panoptic import read_panoptic
from mocap3d.evaluation.datasets.shelf_campus import read_actors
from mocap3d.evaluation.score_3d import matched, score_3d

RNG = np.random.default_rng(3)


def test_human36m(tmp_path):
    walking = RNG.normal(size=(7, 32, 3)).astype(np.float32)
    content = {"S9": {"Walking 1": walking}, "S11": {"Eating": walking + 1}}
    np.savez_compressed(tmp_path / "data_3d_h36m.npz", positions_3d=np.array(content, dtype=object))
    first, second = read_human36m(tmp_path)
    assert (first.name, second.name) == ("S9/Walking 1", "S11/Eating")
    assert first.p_m[:, 0].numpy() == pytest.approx(walking[:, OF_32])
    with pytest.raises(FormatError, match="S5"):
        read_human36m(tmp_path, ("S5",))


def test_human36m_with_code_in_it_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("run",)

    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=np.array(Evil(), dtype=object))
    with pytest.raises(FormatError, match="refused"):
        read_human36m(tmp_path)


def test_mpi_inf_3dhp(tmp_path):
    p_mm = RNG.normal(0, 300, (6, 1, 17, 3))
    for name in ("TS1", "TS2"):
        path = tmp_path / "mpi_inf_3dhp_test_set" / name / "annot_data.mat"
        path.parent.mkdir(parents=True)
        with h5py.File(path, "w") as file:  # MATLAB 7.3 stores axes the other way round
            file["univ_annot3"], file["annot3"] = p_mm, 2 * p_mm
            file["valid_frame"] = np.array([[1.0], [1], [0], [1], [1], [1]])
    truth = read_mpi_inf_3dhp(tmp_path)[0]
    assert truth.p_m[:, 0].numpy() == pytest.approx(p_mm[:, 0] / 1000)
    assert truth.counts.tolist() == [True, True, False, True, True, True]
    assert read_mpi_inf_3dhp(tmp_path, universal=False)[0].p_m.numpy() == pytest.approx(2 * p_mm / 1000)


def test_panoptic(tmp_path):
    folder = tmp_path / "160422_haggling1" / "hdPose3d_stage1_coco19"
    folder.mkdir(parents=True)
    joints = RNG.normal(0, 100, (3, 2, 19, 4))
    joints[..., 3] = 0.9
    joints[1, 0, 4, 3] = 0.0
    for frame in range(3):
        ids = (7, 3) if frame < 2 else (3,)
        bodies = [{"id": body, "joints19": joints[frame, n].ravel().tolist()} for n, body in enumerate(ids)]
        (folder / f"body3DScene_{frame:08d}.json").write_text(
            json.dumps({"version": 0.7, "univTime": 0.0, "bodies": bodies}),
            encoding="utf-8",
        )
    truth = read_panoptic(tmp_path)[0]
    assert truth.p_m.shape == (3, 2, 19, 3)
    assert truth.p_m[0, 1].numpy() == pytest.approx(joints[0, 0, :, :3] / 100)
    assert truth.p_m[1, 1, 4].isnan().all()
    assert truth.p_m[2, 1].isnan().all()


def test_shelf_and_campus(tmp_path):
    n = 400
    actors = np.empty((1, 2), dtype=object)
    joints = RNG.normal(size=(2, n, 14, 3))
    for actor in range(2):
        cells = np.empty((n, 1), dtype=object)
        for frame in range(n):
            cells[frame, 0] = np.array([[0.0]]) if actor == 1 and frame < 350 else joints[actor, frame]
        actors[0, actor] = cells
    wrapped = np.empty((1, 1), dtype=object)
    wrapped[0, 0] = actors
    savemat(tmp_path / "actorsGT.mat", {"actor3D": wrapped})
    shelf, campus = read_actors(tmp_path, "shelf")[0], read_actors(tmp_path, "campus")[0]
    assert (int(shelf.counts.sum()), int(campus.counts.sum())) == (100, 50)
    assert shelf.p_m[:, 0].numpy() == pytest.approx(joints[0])
    assert shelf.p_m[:350, 1].isnan().all()
    table = score_3d("shelf", [matched(shelf, shelf.p_m)])
    assert (table.value("PCP"), table.value("MPJPE"), table.value("recall@500mm")) == pytest.approx((100, 0, 100))
    assert not table.notes


def truth_of(p_m: np.ndarray) -> Truth3D:
    joints = tuple(f"j{n}" for n in range(p_m.shape[2]))
    return Truth3D("walk", joints, 0, Fraction(25), torch.from_numpy(p_m), torch.ones(len(p_m), dtype=torch.bool))


def test_people_are_matched_whatever_their_order():
    true = RNG.normal(0, 0.2, (20, 3, 5, 3)) + np.array([0, 3, 6])[:, None, None]
    found = true[:, ::-1] + RNG.normal(0, 0.01, true.shape)
    result = matched(truth_of(true), torch.from_numpy(found.copy()))
    loop = 1000 * np.linalg.norm((found[:, ::-1] - found[:, ::-1, :1]) - (true - true[:, :, :1]), axis=-1).mean()
    table = score_3d("people", [result])
    assert table.value("MPJPE") == pytest.approx(loop, abs=1e-9)
    assert (table.value("MOTA"), table.value("IDF1")) == pytest.approx((100, 100))


def test_the_missed_and_the_invented_count():
    true = RNG.normal(0, 0.2, (10, 2, 5, 3)) + np.array([0, 3])[:, None, None]
    found = true.copy()
    found[4:, 1] = np.nan
    found[:2, 1] += 50
    table = score_3d("people", [matched(truth_of(true), torch.from_numpy(found))])
    assert table.value("recall@500mm") == pytest.approx(100 * 12 / 20)
    assert table.value("precision@500mm") == pytest.approx(100 * 12 / 14)
    assert table.value("MPJPE") == pytest.approx(0)
    assert (table.value("3D-PCK@150mm"), table.value("AUC 0-150 mm")) == pytest.approx((60, 60))
    assert "8 of 20" in table.notes[0]


def test_joints_that_are_missing_are_wrong_and_those_never_predicted_count_nothing():
    """20 frames of 5 joints: one never predicted, another in 10 frames only: 70 of 80 are right."""
    true = RNG.normal(0, 0.2, (20, 1, 5, 3))
    found = true.copy()
    found[:, :, 4] = np.nan
    found[:10, :, 3] = np.nan
    table = score_3d("one", [matched(truth_of(true), torch.from_numpy(found))])
    assert table.value("3D-PCK@150mm") == pytest.approx(100 * 70 / 80)
    assert table.value("recall") == 100
    assert any("j4" in note for note in table.notes)


def test_metres_are_needed_and_mirror_images_told_of():
    true = RNG.normal(0, 0.3, (20, 2, 8, 3)) + np.array([0, 3])[:, None, None]
    with pytest.raises(FormatError, match="millimetres"):
        matched(truth_of(true), torch.from_numpy(1000 * true))
    lone = true[:, :1]
    table = score_3d("one", [matched(truth_of(lone), torch.from_numpy(lone * [1, 1, -1]))])
    assert any("mirrored" in note for note in table.notes)


def test_other_shapes_are_named():
    true = RNG.normal(size=(10, 1, 5, 3))
    with pytest.raises(FormatError, match="j0, j1"):
        matched(truth_of(true), torch.from_numpy(true[:, :, :4]))
