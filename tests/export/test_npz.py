"""NPZ gives back exactly what was written, and refuses everything else."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tracks3d import make_points

from mocap3d.errors import FormatError
from mocap3d.export.npz import read_npz, write_npz
from mocap3d.session.records import NoiseModel, Points3D
from mocap3d.skeletons.skeleton import load_skeleton, skeleton_names


def assert_equal(a: Points3D, b: Points3D) -> None:
    for field in fields(Points3D):
        one, other = getattr(a, field.name), getattr(b, field.name)
        if isinstance(one, torch.Tensor):
            assert one.dtype == other.dtype
            assert torch.equal(one.nan_to_num(1e99), other.nan_to_num(1e99))
        elif field.name != "noise":
            assert one == other


@pytest.mark.parametrize("name", skeleton_names())
def test_comes_back_equal(tmp_path, name):
    points = make_points(4, ("Ada", "Zoë ✓"), skeleton=load_skeleton(name))
    write_npz(points, tmp_path / "a.npz")
    assert_equal(read_npz(tmp_path / "a.npz"), points)


def test_noise_models_come_back_equal(tmp_path):
    models = [NoiseModel(torch.rand(4, 26, 5, dtype=torch.float64), 0.5, 0.9, 1.0 + person) for person in range(2)]
    write_npz(replace(make_points(), noise=tuple(models)), tmp_path / "a.npz")
    for one, other in zip(read_npz(tmp_path / "a.npz").noise, models, strict=True):
        assert torch.equal(one.scale2, other.scale2)
        assert (one.share, one.memory, one.spread) == (other.share, other.memory, other.spread)


@pytest.mark.parametrize(("n_instants", "people"), [(0, ("Ada",)), (3, ())])
def test_nobody_and_nothing_come_back_equal(tmp_path, n_instants, people):
    points = make_points(n_instants, people)
    write_npz(points, tmp_path / "a.npz")
    assert_equal(read_npz(tmp_path / "a.npz"), points)


def test_who_passes_through_a_long_recording_costs_little(tmp_path):
    """Measured 32 times as small: 290 of 300 instants are missing."""
    points = make_points(300)
    write_npz(points, tmp_path / "all.npz")
    for values, missing in ((points.p_in_world, torch.nan), (points.cov_m2, torch.nan), (points.provenance, 0)):
        values[10:] = missing
    write_npz(points, tmp_path / "few.npz")
    assert_equal(read_npz(tmp_path / "few.npz"), points)
    assert (tmp_path / "few.npz").stat().st_size < 0.1 * (tmp_path / "all.npz").stat().st_size


def test_numpy_alone_reads_it_without_pickle(tmp_path):
    write_npz(make_points(), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert archive["rate"].tolist() == [60000, 1001]
        assert str(archive["about_axes"]) == "right-handed, Z up"
        assert archive["cov_m2"].shape == (5, 2, 26, 3, 3)
        assert all(archive[name].dtype != object for name in archive.files)


def test_same_input_same_bytes(tmp_path):
    for name in ("one.npz", "two.npz"):
        write_npz(make_points(), tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    write_npz(make_points(), path)
    before = path.read_bytes()
    monkeypatch.setattr("numpy.savez", lambda file, **_: file.write(b"half") / 0)
    with pytest.raises(ZeroDivisionError):
        write_npz(make_points(seed=1), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def _nothing(path: Path) -> None:
    assert not path.exists()


def _text(path: Path) -> None:
    path.write_text("hello", encoding="utf-8")


def _array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def _foreign(path: Path) -> None:
    np.savez(path, x=np.zeros(3))


def _pickled(path: Path) -> None:
    np.savez(path, kind=np.array([{}], dtype=object))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (_nothing, "not a readable npz"),
        (_text, "not a readable npz"),
        (_array, "not a readable npz"),
        (_foreign, "found no 'kind'"),
        (_pickled, "not a readable npz"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, write, message):
    write(tmp_path / "a.npz")
    with pytest.raises(FormatError, match=message) as error:
        read_npz(tmp_path / "a.npz")
    assert "a.npz" in str(error.value)
