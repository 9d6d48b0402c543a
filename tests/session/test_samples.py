"""Shards of samples: what was written comes back, and what is no shard is refused in words."""

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest

from mocap3d.errors import FormatError
from mocap3d.session.samples import (
    FULL_SCALE_PER_M,
    Samples,
    Visibility,
    encoded_inverse_depth,
    read_folder,
    read_samples,
    write_samples,
)

N, K = 3, 26
ORANGE = (250, 120, 10)


def _png(rgb: tuple[int, int, int]) -> bytes:
    picture = np.full((8, 6, 3), rgb[::-1], np.uint8)
    return cv2.imencode(".png", picture)[1].tobytes()


def _depth() -> np.ndarray:
    return np.linspace(0, 6, 48).reshape(8, 6).astype(np.float32)


@pytest.fixture
def samples() -> Samples:
    rng = np.random.default_rng(0)

    def made(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return Samples(
        encoded=tuple(_png(rgb) for rgb in (ORANGE, (0, 0, 0), (1, 2, 3))),
        uv_px=made(N, K, 2),
        visibility=rng.integers(0, 3, (N, K)).astype(np.int8),
        weight=np.ones((N, K), np.float32),
        p_in_cam=np.full((N, K, 3), np.nan, np.float32),
        matrix=made(N, 3, 3),
        cam_from_world=made(N, 3, 4),
        instant=np.array([-1, 0, 0]),
        clip=np.array([-1, 4, 4]),
        frame=np.arange(N),
        inverse_depth=tuple(encoded_inverse_depth(_depth()) for _ in range(N)),
    )


@pytest.mark.parametrize("has_depth", [True, False])
def test_everything_comes_back(samples, tmp_path, has_depth):
    samples = samples if has_depth else replace(samples, inverse_depth=None)
    write_samples(tmp_path / "shard.npz", samples)
    back = read_samples(tmp_path / "shard.npz")
    for field in fields(Samples):
        np.testing.assert_equal(getattr(back, field.name), getattr(samples, field.name), field.name)
    assert len(back) == N


def test_the_same_samples_are_the_same_bytes(samples, tmp_path):
    for name in ("a.npz", "b.npz"):
        write_samples(tmp_path / name, samples)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_pictures_are_rgb(samples):
    assert samples.picture(0).shape == (8, 6, 3)
    assert tuple(samples.picture(0)[3, 3]) == ORANGE


def test_depth_is_kept_to_a_step_of_16_bit(samples):
    assert np.abs(samples.inverse_depth_per_m(1) - _depth()).max() <= 0.51 * FULL_SCALE_PER_M / 65535


def test_what_is_nearer_than_the_full_scale_is_cut_off(samples):
    near = replace(samples, inverse_depth=(encoded_inverse_depth(np.full((2, 2), 20, np.float32)),))
    assert near.inverse_depth_per_m(0).max() == pytest.approx(FULL_SCALE_PER_M)


def test_a_shard_without_depth_says_so(samples):
    with pytest.raises(FormatError, match=r"holds no depth.*--depth"):
        replace(samples, inverse_depth=None).inverse_depth_per_m(0)


def test_a_torn_picture_is_refused(samples):
    with pytest.raises(FormatError, match="sample 0 is not readable as a JPEG or PNG"):
        replace(samples, encoded=(b"torn",)).picture(0)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"\x93NUMPY"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "shard.npz").write_bytes(content)
    with pytest.raises(FormatError, match="not readable as samples"):
        read_samples(tmp_path / "shard.npz")


def test_another_npz_is_refused(tmp_path):
    np.savez(tmp_path / "points.npz", kind=np.array("mocap3d points 1"))
    with pytest.raises(FormatError, match="found mocap3d points 1, needed 'mocap3d samples 1'"):
        read_samples(tmp_path / "points.npz")


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        (
            "matrix",
            np.zeros((N, 4, 4), np.float32),
            r"matrix is float32 of the shape \(3, 4, 4\), needed",
        ),
        ("frame", np.arange(2), r"frame is int64 of the shape \(2,\), needed int64 of \(3,\)"),
        ("weight", np.ones((N, K)), "weight is float64"),
        ("inverse_depth", (b"one",), "1 depth pictures for 3 samples"),
        ("uv_px", np.full((N, K, 2), np.nan, np.float32), "a labelled keypoint has no position"),
    ],
)
def test_a_shard_that_does_not_fit_together_is_refused(samples, tmp_path, field, value, found):
    broken = object.__new__(Samples)  # past the check of shapes that is on while testing
    for known in fields(Samples):
        object.__setattr__(broken, known.name, value if known.name == field else getattr(samples, known.name))
    write_samples(tmp_path / "shard.npz", broken)
    with pytest.raises(FormatError, match=found):
        read_samples(tmp_path / "shard.npz")


def test_a_shard_without_a_field_is_refused(samples, tmp_path):
    write_samples(tmp_path / "shard.npz", samples)
    with np.load(tmp_path / "shard.npz") as file:
        content = {name: file[name] for name in file.files if name != "weight"}
    np.savez(tmp_path / "shard.npz", **content)
    with pytest.raises(FormatError, match="the field 'weight' is missing"):
        read_samples(tmp_path / "shard.npz")


def test_unlabelled_keypoints_need_no_position(samples, tmp_path):
    unknown = np.full((N, K), Visibility.UNKNOWN, np.int8)
    nowhere = replace(samples, uv_px=np.full((N, K, 2), np.nan, np.float32), visibility=unknown)
    write_samples(tmp_path / "shard.npz", nowhere)
    assert np.isnan(read_samples(tmp_path / "shard.npz").uv_px).all()


def test_shards_come_in_natural_order(tmp_path):
    for name in ("shard_10.npz", "shard_2.npz", ".half-written.npz", "recipe.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in read_folder(tmp_path)] == ["shard_2.npz", "shard_10.npz"]


def test_folders_without_shards_are_refused(tmp_path):
    with pytest.raises(FormatError, match=r"holds no \.npz shards"):
        read_folder(tmp_path)
    with pytest.raises(FormatError, match="no such folder"):
        read_folder(tmp_path / "nowhere")
