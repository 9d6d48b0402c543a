"""Fine-tuning on one recording: people are cut out where their labels are, and only what may learn does."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from painted_people import STANDING, painted_people

from mocap3d.detection import weights
from mocap3d.detection.sapenet import CONFIGS, Sapenet
from mocap3d.detection.training.adapt import TuneOptions, ViewLabels, crops_of, fine_tuned
from mocap3d.detection.training.card import card_of
from mocap3d.detection.training.learner import Place
from mocap3d.detection.training.options import TrainOptions
from mocap3d.errors import DetectionError
from mocap3d.session.samples import Visibility

SMALL = (96, 128)


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> weights.WeightFile:
    """Random weights of the tiny network."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    torch.manual_seed(0)
    model = Sapenet(CONFIGS["sapenet-xs"])
    options = TrainOptions(network="sapenet-xs", size_px=SMALL)
    weights.save(path, model.state_dict(), card_of(options, model.config, Place(), {}, None))
    return weights.load(path)


def images(folder: Path, uv_px: np.ndarray, k: int) -> Path:
    """Black frames with a white dot on one keypoint."""
    folder.mkdir()
    for n, of_frame in enumerate(uv_px):
        frame = np.zeros((400, 500, 3), np.uint8)
        cv2.circle(frame, tuple(np.round(of_frame[k]).astype(int).tolist()), 3, (255, 255, 255), -1)
        cv2.imwrite(str(folder / f"{n:03d}.png"), frame)
    return folder


def test_people_are_cut_out_where_their_labels_are(tmp_path):
    """Measured 0.23 px of the crop; the dots are round to a whole pixel."""
    k = 9
    uv_px = STANDING[None] * 1.2 + np.array([[[30.0, 40.0]], [[150.0, 20.0]], [[220.0, 60.0]]])
    video = images(tmp_path / "view", uv_px, k)
    weight = np.full((2, 26), 0.7)
    known = uv_px[[0, 2]].copy()
    known[1, 3] = np.nan
    samples = crops_of([ViewLabels("view", video, np.array([0, 2]), known, weight)], SMALL)
    assert len(samples) == 2
    for n in range(2):
        picture = samples.picture(n)[..., 0].astype(float)
        v, u = np.mgrid[: picture.shape[0], : picture.shape[1]]
        found = np.array([(u * picture).sum(), (v * picture).sum()]) / picture.sum()
        assert np.abs(found - samples.uv_px[n, k]).max() < 0.6
    assert (samples.visibility[1, 3], samples.weight[1, 3]) == (Visibility.UNKNOWN, 0)
    assert samples.weight[0, 3] == pytest.approx(0.7)
    assert samples.frame.tolist() == [0, 2]


def tuned(start: weights.WeightFile, out: Path, **changes) -> weights.WeightFile:
    options = TuneOptions(**{"steps": 4, "batch": 4, "threads": 1, "device": "cpu", **changes})
    fine_tuned(start, painted_people(8, size_px=(120, 160)), options, out, {"held_out": "cam4"})
    return weights.load(out)


def test_the_head_learns_and_the_trunk_does_not(start, tmp_path):
    file = tuned(start, tmp_path / "new.safetensors")
    for name, value in start.tensors.items():
        if name.startswith("trunk."):
            assert torch.equal(value, file.tensors[name]), name
    assert not torch.equal(start.tensors["heads.0.weight"], file.tensors["heads.0.weight"])
    assert file.card["adapted"] == {"held_out": "cam4"}
    assert file.card["started_from"]["sha256"] == start.sha256
    assert file.card["network"] == start.card["network"]


def test_tuning_is_deterministic(start, tmp_path):
    assert (
        tuned(start, tmp_path / "a.safetensors")
        .tensors["heads.0.weight"]
        .equal(tuned(start, tmp_path / "b.safetensors").tensors["heads.0.weight"])
    )


def test_the_anchor_holds(start, tmp_path):
    """Squared distance from the start. Measured: 0.03 of that of a free one."""
    moved = {
        anchor: tuned(start, tmp_path / f"{anchor}.safetensors", anchor=anchor, steps=12, lr=1e-3).tensors
        for anchor in (0.0, 30.0)
    }
    far = {
        anchor: sum(float((tensors[name] - start.tensors[name]).square().sum()) for name in tensors if "heads" in name)
        for anchor, tensors in moved.items()
    }
    assert far[30.0] < 0.6 * far[0.0]


def test_other_networks_are_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    weights.save(path, {"a": torch.zeros(1)}, {"name": "foreign"})
    with pytest.raises(DetectionError, match="is not a SAPENet: its card"):
        tuned(weights.load(path), tmp_path / "new.safetensors")
