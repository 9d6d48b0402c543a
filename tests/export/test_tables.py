"""CSV and Parquet, read by the csv module and by pyarrow: positions, doubt, provenance and stated axes survive."""

import csv
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from motions import make_fitted, points_of
from tracks3d import make_points

from mocap3d.biomech.angles import joint_angles
from mocap3d.errors import FormatError
from mocap3d.export.csv import write_csv
from mocap3d.export.parquet import write_angles_parquet, write_joints_parquet, write_parquet
from mocap3d.session.records import Motion, Points3D, Provenance
from mocap3d.skeletons.centre_of_mass import centre_of_mass
from mocap3d.skeletons.skeleton import load_skeleton

WORDS = np.array(["missing", "filled", "measured"])


@pytest.fixture
def points() -> Points3D:
    return make_points(30)


def read_csv(path) -> tuple[str, list[dict[str, str]]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    return "\n".join(comments), list(csv.DictReader(lines[len(comments) :]))


def test_csv_holds_position_doubt_and_provenance(points, tmp_path):
    write_csv(points, "Bo", tmp_path / "bo.csv")
    _, rows = read_csv(tmp_path / "bo.csv")
    assert [row["frame"] for row in rows] == [str(i) for i in range(1, 31)]
    np.testing.assert_allclose([float(row["t_s"]) for row in rows], points.t_s, atol=6e-9)
    for k, keypoint in enumerate(points.skeleton.keypoints):
        for axis, letter in enumerate("xyz"):
            got = [float(row[f"{keypoint}_{letter}"] or "nan") for row in rows]
            sigma = [float(row[f"{keypoint}_sigma_{letter}"] or "nan") for row in rows]
            np.testing.assert_allclose(got, points.p_in_world[:, 1, k, axis], atol=5.1e-7)
            np.testing.assert_allclose(sigma, points.cov_m2[:, 1, k, axis, axis].sqrt(), atol=5.1e-7)
        assert [row[f"{keypoint}_provenance"] for row in rows] == list(WORDS[points.provenance[:, 1, k]])
        assert [int(row[f"{keypoint}_n_views"]) for row in rows] == points.n_views[:, 1, k].tolist()


@pytest.fixture
def motion() -> Motion:
    """Two people; every joint has doubts of its own along each axis, and Bo's right shank and foot miss an instant."""
    motion = make_fitted(6)
    sigma_m = 0.01 + 0.001 * torch.arange(motion.joint_in_world.numel()).reshape(motion.joint_in_world.shape)
    cov_m2, joints = torch.diag_embed(sigma_m.double() ** 2), motion.joint_in_world.clone()
    cov_m2[..., 0, 1] = cov_m2[..., 1, 0] = 5e-5
    turns, provenance = motion.parent_from_joint.clone(), motion.provenance.clone()
    tree = motion.skeletons[0].tree
    for name in ("knee_r", "ankle_r"):
        joints[2, 1, tree.index(name)], cov_m2[2, 1, tree.index(name)] = torch.nan, torch.nan
        turns[2, 1, tree.index(name)], provenance[2, 1, tree.index(name)] = torch.nan, Provenance.MISSING
    provenance[3] = Provenance.FILLED
    return replace(motion, joint_in_world=joints, joint_cov_m2=cov_m2, parent_from_joint=turns, provenance=provenance)


def column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name] or "nan") for row in rows])


def test_csv_holds_joints_and_angles_in_degrees(motion, tmp_path):
    angles = joint_angles(motion)
    write_csv(points_of(motion), "Bo", tmp_path / "bo.csv", motion=motion, angles=angles)
    header, rows = read_csv(tmp_path / "bo.csv")
    assert "# angles: degrees" in header
    for j, joint in enumerate(motion.skeletons[1].tree.names):
        for axis, letter in enumerate("xyz"):
            place, sigma = motion.joint_in_world[:, 1, j, axis], motion.joint_cov_m2[:, 1, j, axis, axis].sqrt()
            np.testing.assert_allclose(column(rows, f"joint_{joint}_{letter}"), place, atol=5.1e-7)
            np.testing.assert_allclose(column(rows, f"joint_{joint}_sigma_{letter}"), sigma, atol=5.1e-7)
        assert [row[f"joint_{joint}_provenance"] for row in rows] == list(WORDS[motion.provenance[:, 1, j]])
    for a, angle in enumerate(angles.names):
        np.testing.assert_allclose(column(rows, f"{angle}_deg"), angles.angle_rad[:, 1, a].rad2deg(), atol=5.1e-5)
        np.testing.assert_allclose(column(rows, f"{angle}_sigma_deg"), angles.sigma_rad[:, 1, a].rad2deg(), atol=5.1e-5)
        assert [row[f"{angle}_provenance"] for row in rows] == list(WORDS[angles.provenance[:, 1, a]])


def test_csv_holds_the_centre_of_mass_and_the_most_that_it_may_be_off(motion, tmp_path):
    """Of joints that are all as unsure, as unsure as they; missing where the trunk is."""
    tree, joints, cov_m2 = motion.skeletons[0].tree, motion.joint_in_world.clone(), motion.joint_cov_m2.clone()
    cov_m2[:] = torch.diag(torch.tensor([1.0, 4.0, 9.0])) * 1e-4
    joints[4, 0, tree.index("hip_l")] = torch.nan
    motion = replace(motion, joint_in_world=joints, joint_cov_m2=cov_m2)
    write_csv(points_of(motion), "Ada", tmp_path / "a.csv", motion=motion)
    _, rows = read_csv(tmp_path / "a.csv")
    expected = centre_of_mass(tree, joints[:, 0].numpy())
    for axis, letter in enumerate("xyz"):
        np.testing.assert_allclose(column(rows, f"centre_of_mass_{letter}"), expected[:, axis], atol=5.1e-7)
        sigma_m = np.where(np.isfinite(expected[:, axis]), 0.01 * (axis + 1), np.nan)
        np.testing.assert_allclose(column(rows, f"centre_of_mass_sigma_{letter}"), sigma_m, atol=5.1e-7)
    words = ["measured", "measured", "measured", "filled", "missing", "measured"]
    assert [row["centre_of_mass_provenance"] for row in rows] == words


def test_csv_of_somebody_without_a_skeleton_holds_keypoints(motion, tmp_path):
    """As where only Ada's was fitted."""
    points = replace(points_of(motion), people=("Cy", "Bo"))
    write_csv(points, "Cy", tmp_path / "cy.csv", motion=motion, angles=joint_angles(motion))
    _, rows = read_csv(tmp_path / "cy.csv")
    assert not [name for name in rows[0] if name.startswith(("joint_", "centre_of_mass", "knee_angle"))]


def test_csv_streams_blocks_without_a_seam(motion, tmp_path, monkeypatch):
    write_csv(points_of(motion), "Bo", tmp_path / "one.csv", motion=motion)
    monkeypatch.setattr("mocap3d.export.csv._ROWS_AT_ONCE", 4)
    write_csv(points_of(motion), "Bo", tmp_path / "many.csv", motion=motion)
    assert (tmp_path / "many.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()


def test_csv_states_axes_units_rate_and_person(points, tmp_path):
    named = replace(points, people=("Ada", "B,\no"))
    write_csv(named, "B,\no", tmp_path / "a.csv")
    header, rows = read_csv(tmp_path / "a.csv")
    assert "axes: right-handed, Z up" in header
    assert "units: metres, seconds" in header
    assert "rate: 60000/1001 frames per second" in header
    assert "# person: B, o" in header
    assert len(rows) == 30


def test_csv_quotes_odd_keypoint_names(tmp_path):
    odd = replace(load_skeleton("lsp14"), keypoints=("left, hip", 'say "x"', *load_skeleton("lsp14").keypoints[2:]))
    write_csv(make_points(2, ("Ada",), skeleton=odd), "Ada", tmp_path / "a.csv")
    _, rows = read_csv(tmp_path / "a.csv")
    assert {"left, hip_x", 'say "x"_sigma_z'} <= set(rows[0])


def test_csv_refuses_a_stranger(points, tmp_path):
    with pytest.raises(FormatError, match=r"no person 'Zoe' to export\. Name one of: Ada, Bo"):
        write_csv(points, "Zoe", tmp_path / "a.csv")


def test_parquet_is_tidy_and_complete(points, tmp_path):
    write_parquet(points, tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.num_rows == 30 * 2 * 26
    column = {name: table[name].to_numpy().reshape(30, 2, 26) for name in table.column_names}
    for axis, letter in enumerate("xyz"):
        np.testing.assert_array_equal(column[letter], points.p_in_world[..., axis])
    for name, i, j in (("xx", 0, 0), ("xy", 0, 1), ("xz", 0, 2), ("yy", 1, 1), ("yz", 1, 2), ("zz", 2, 2)):
        np.testing.assert_array_equal(column[f"cov_{name}"], points.cov_m2[..., i, j])
    assert (column["t_s"] == points.t_s.numpy()[:, None, None]).all()
    assert (column["frame"] == np.arange(1, 31)[:, None, None]).all()
    assert (column["person"] == np.array(points.people)[:, None]).all()
    assert (column["keypoint"] == np.array(points.skeleton.keypoints)).all()
    assert (column["provenance"] == WORDS[points.provenance]).all()
    assert (column["n_views"] == points.n_views.numpy()).all()


def test_parquet_sigma_is_the_longest_axis_and_missing_is_null(points, tmp_path):
    write_parquet(points, tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    known = points.provenance.numpy() > 0
    longest = np.linalg.norm(points.cov_m2.numpy()[known], ord=2, axis=(-2, -1)) ** 0.5
    np.testing.assert_allclose(table["sigma"].to_numpy().reshape(known.shape)[known], longest, rtol=1e-9)
    assert table["x"].null_count == table["sigma"].null_count == (~known).sum()


def test_parquet_of_joints_and_angles_is_as_tidy(motion, tmp_path):
    angles = joint_angles(motion)
    write_joints_parquet(motion, tmp_path / "joints.parquet")
    write_angles_parquet(angles, tmp_path / "angles.parquet")
    joints, table = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("joints", "angles"))
    shape = tuple(motion.provenance.shape)
    assert "n_views" not in joints.column_names
    of = {name: joints[name].to_numpy().reshape(shape) for name in joints.column_names}
    for axis, letter in enumerate("xyz"):
        np.testing.assert_array_equal(of[letter], motion.joint_in_world[..., axis])
    np.testing.assert_array_equal(of["cov_xy"], motion.joint_cov_m2[..., 0, 1])
    np.testing.assert_array_equal(of["cov_zz"], motion.joint_cov_m2[..., 2, 2])
    assert (of["joint"] == np.array(motion.skeletons[0].tree.names)).all()
    of_angles = {name: table[name].to_numpy().reshape(angles.angle_rad.shape) for name in table.column_names}
    np.testing.assert_allclose(of_angles["deg"], angles.angle_rad.rad2deg(), rtol=1e-12)
    np.testing.assert_allclose(of_angles["sigma_deg"], angles.sigma_rad.rad2deg(), rtol=1e-12)
    assert table["deg"].null_count == int(angles.angle_rad.isnan().sum()) > 0
    assert (of_angles["angle"] == np.array(angles.names)).all()
    for columns, record in ((of, motion), (of_angles, angles)):
        assert (columns["frame"] == np.arange(1, 7)[:, None, None]).all()
        assert (columns["t_s"] == record.t_s.numpy()[:, None, None]).all()
        assert (columns["person"] == np.array(["Ada", "Bo"])[:, None]).all()
        assert (columns["provenance"] == WORDS[record.provenance]).all()
    assert joints.schema.metadata[b"axes"] == b"right-handed, Z up"
    assert joints.schema.metadata[b"units"] == b"metres, seconds"
    assert table.schema.metadata[b"units"] == b"degrees, seconds"
    for about in (joints.schema.metadata, table.schema.metadata):
        assert about[b"rate"] == b"60/1 frames per second"


def test_parquet_states_axes_units_and_rate(points, tmp_path):
    write_parquet(points, tmp_path / "a.parquet")
    about = pq.read_schema(tmp_path / "a.parquet").metadata
    assert about[b"axes"] == b"right-handed, Z up"
    assert about[b"units"] == b"metres, seconds"
    assert about[b"rate"] == b"60000/1001 frames per second"


def test_parquet_streams_row_groups_without_a_seam(points, tmp_path, monkeypatch):
    write_parquet(points, tmp_path / "one.parquet")
    monkeypatch.setattr("mocap3d.export.parquet._ROWS_PER_GROUP", 7 * 52)
    write_parquet(points, tmp_path / "many.parquet")
    assert pq.ParquetFile(tmp_path / "many.parquet").num_row_groups == 5
    assert pq.read_table(tmp_path / "many.parquet").equals(pq.read_table(tmp_path / "one.parquet"))


@pytest.mark.parametrize(("n_instants", "people"), [(0, ("Ada",)), (3, ())])
def test_parquet_of_nobody_or_nothing_has_columns_and_no_rows(tmp_path, n_instants, people):
    write_parquet(make_points(n_instants, people), tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert (table.num_rows, "cov_zz" in table.column_names) == (0, True)


@pytest.mark.parametrize("write", [lambda p, path: write_csv(p, "Ada", path), write_parquet])
def test_same_input_same_bytes_and_nothing_left_after_a_failure(points, tmp_path, write):
    write(points, tmp_path / "one")
    write(points, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    wrong = replace(points, provenance=torch.full_like(points.provenance, 9))
    with pytest.raises(Exception):  # noqa: B017, PT011 - whichever: only the files matter here
        write(wrong, tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2
