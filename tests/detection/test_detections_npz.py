"""Our own npz: what goes in comes out, bit by bit."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from mocap3d.detection.foreign import read_detections, read_keypoints, write_detections
from mocap3d.errors import DetectionError
from mocap3d.session.records import Detections, KeypointSource


def several_peaks(n=4, m=3):
    """Sightings with three alternatives each, some missing, and covariances that are not isotropic."""
    generator = torch.Generator().manual_seed(0)

    def rand(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    root = rand(n, 17, m, 2, 2)
    weight = rand(n, 17, m).log()
    weight[:1, 3, 1:] = -torch.inf
    return Detections(
        view="cam1",
        keypoint_set="coco17",
        frame=torch.tensor([0, 0, 5, 2**40])[:n],
        person=torch.tensor([-1, 3, 3, -1])[:n],
        box_px=torch.full((n, 4), torch.nan, dtype=torch.float64),
        uv_px=torch.where(weight.isfinite()[..., None], rand(n, 17, m, 2) * 1e3, torch.nan),
        cov_px2=root @ root.mT,
        log_weight=weight,
        n_frames=2**40 + 7,
    )


@pytest.mark.parametrize("n", [4, 0])
def test_nothing_is_lost(tmp_path, n):
    given = several_peaks(n)
    write_detections(given, tmp_path / "deep" / "cam1.npz")
    back = read_keypoints(KeypointSource(tmp_path / "deep" / "cam1.npz", "mocap3d"), "cam1")
    for field in fields(Detections):
        a, b = getattr(given, field.name), getattr(back, field.name)
        same = (
            a == b
            if not isinstance(a, torch.Tensor)
            else a.dtype == b.dtype and torch.equal(a.nan_to_num(7), b.nan_to_num(7))
        )
        assert same, field.name


def test_the_sessions_name_of_the_view_counts(tmp_path):
    write_detections(several_peaks(), tmp_path / "a.npz")
    assert read_detections(tmp_path / "a.npz", "left").view == "left"
    assert read_detections(tmp_path, "left").view == "left"


def test_broken_files_are_named(tmp_path):
    given = several_peaks()
    write_detections(given, tmp_path / "a.npz")
    whole = (tmp_path / "a.npz").read_bytes()
    for name, content in (("cut", whole[: len(whole) // 2]), ("empty", b""), ("text", b"hello")):
        (tmp_path / f"{name}.npz").write_bytes(content)
        with pytest.raises(DetectionError, match=f"{name}.npz is not a readable npz"):
            read_detections(tmp_path / f"{name}.npz", "a")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(DetectionError, match="not written by mocap3d"):
        read_detections(tmp_path / "other.npz", "a")
    np.savez(tmp_path / "code.npz", **{field.name: np.array([{}], dtype=object) for field in fields(Detections)})
    with pytest.raises(DetectionError, match="not a readable npz"):
        read_detections(tmp_path / "code.npz", "a")


def test_shapes_must_fit_the_keypoint_set(tmp_path):
    write_detections(replace(several_peaks(), keypoint_set="halpe26"), tmp_path / "a.npz")
    with pytest.raises(DetectionError, match="26 keypoints"):
        read_detections(tmp_path / "a.npz", "a")
