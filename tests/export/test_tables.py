"""CSV and Parquet, read by the csv module and by pyarrow: positions, doubt, provenance and stated axes survive."""

import csv
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from tracks3d import make_points

from mocap3d.errors import FormatError
from mocap3d.export.csv import write_csv
from mocap3d.export.parquet import write_parquet
from mocap3d.session.records import Points3D
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
