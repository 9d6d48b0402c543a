"""The converted networks compute what MediaPipe's own graphs compute; see tools/convert_blazepose.py."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mocap3d.detection import weights
from mocap3d.detection.blazepose import LandmarkNet, Trunk
from mocap3d.detection.blazepose_detector import INPUT_PX, PersonNet, anchors
from mocap3d.detection.boxes import PersonBox
from mocap3d.detection.crops import along
from mocap3d.detection.encoder import fresh
from mocap3d.detection.landmarks import LandmarkFinder, next_boxes, refined
from mocap3d.skeletons.skeleton import load_skeleton

CPU = torch.device("cpu")
DRAWN = {"LShoulder": (154, 76), "RElbow": (84, 106), "LWrist": (190, 84), "LKnee": (150, 172), "RAnkle": (102, 218)}
"""Joints of the drawn figure, in pixels of its 256 px picture."""


@pytest.fixture(scope="module")
def original():
    """A drawn figure, and what the original TensorFlow Lite graphs say of it."""
    return np.load(Path(__file__).parent / "golden" / "blazepose.npz")


@pytest.fixture(scope="module")
def landmark_finder():
    return LandmarkFinder.load("blazepose-full", CPU)


def _batch(picture):
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def _relative_error(ours, theirs):
    return np.abs(ours.detach().numpy() - theirs).max() / np.abs(theirs).max()


def test_landmark_network_says_what_the_original_says(original):
    """Measured 2e-6 to 6e-5 of the largest value."""
    net = LandmarkNet("full").eval()
    weights.fill(net, weights.load("blazepose-full"))
    raw = net(_batch(original["picture"]))
    assert _relative_error(raw.landmark.flatten(), original["landmark"]) < 1e-3
    assert _relative_error(raw.score, original["score"]) < 1e-3
    thinned = raw.heatmap[0].permute(1, 2, 0)[::4, ::4]
    assert _relative_error(thinned, original["heatmap_every_4th"]) < 1e-3


def test_detector_says_what_the_original_says(original):
    """Measured 2e-6, of the 40 likeliest anchors."""
    net = PersonNet().eval()
    weights.fill(net, weights.load("person-detector"))
    raw = net(_batch(original["small_picture"]))
    best = original["anchor"]
    assert _relative_error(raw.logit[0, best], original["anchor_score"]) < 1e-3
    points = raw.point[0, best] - net.anchor[best]
    boxes = torch.cat([raw.box[0, best, :2] - net.anchor[best, 0], raw.box[0, best, 2:], points.flatten(1)], 1)
    assert _relative_error(INPUT_PX * boxes, original["anchor_box"]) < 1e-3


def test_anchors_are_cell_centres_row_by_row():
    first, last = anchors()[0, 0], anchors()[-1, 0]
    assert first.tolist() == pytest.approx([0.5 / 28, 0.5 / 28])
    assert last.tolist() == pytest.approx([6.5 / 7, 6.5 / 7])
    assert anchors()[2, 0].tolist() == pytest.approx([1.5 / 28, 0.5 / 28])


@pytest.mark.parametrize(("name", "millions", "coarsest"), [("full", 1.600, 864), ("heavy", 10.464, 1632)])
def test_trunk_sizes(name, millions, coarsest):
    trunk = Trunk(name)
    assert sum(value.numel() for value in trunk.parameters()) / 1e6 == pytest.approx(millions, abs=0.001)
    assert trunk.channels == (48, 48, 48, coarsest)


@pytest.mark.parametrize("size", [(256, 192), (64, 96), (32, 32)])
def test_trunk_takes_any_multiple_of_32(size):
    maps = Trunk("full").eval()(torch.rand(2, 3, *size))
    assert [tuple(m.shape) for m in maps] == [
        (2, c, size[0] // s, size[1] // s) for c, s in zip((48, 48, 48, 864), (4, 8, 16, 32), strict=True)
    ]


def test_every_weight_of_the_trunk_can_be_trained():
    trunk = fresh(Trunk("full"))
    sum(m.square().mean() for m in trunk(torch.rand(1, 3, 64, 64))).backward()
    assert [name for name, value in trunk.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_landmarks_of_a_drawn_figure(original, landmark_finder):
    """Measured 2 to 7 px of 256, beside joints that were drawn."""
    box = PersonBox((128.0, 136.0), (192.0, 256.0))
    crops = along([box], landmark_finder.size_px)
    seen = landmark_finder(crops.cut(original["picture"]))
    uv_px = crops.to_image(seen.uv_px)[0]
    names = load_skeleton("blazepose33").keypoints
    assert float(seen.score[0]) > 0.9
    for joint, drawn in DRAWN.items():
        assert uv_px[names.index(joint)].tolist() == pytest.approx(drawn, abs=10)


def test_a_person_on_the_side_is_turned_upright(original, landmark_finder):
    """The next crop of a figure that lies is turned by a right angle, and its landmarks come back turned."""
    lying = np.ascontiguousarray(np.rot90(original["picture"], -1))  # clockwise: (u, v) -> (255 - v, u)
    crops = along([PersonBox((119.0, 128.0), (192.0, 256.0), tilt_rad=np.pi / 2)], landmark_finder.size_px)
    seen = landmark_finder(crops.cut(lying))
    uv_px = crops.to_image(seen.uv_px)
    again = next_boxes(uv_px, seen.score.tolist())[0]
    assert again.tilt_rad == pytest.approx(np.pi / 2, abs=0.15)
    u, v = DRAWN["LKnee"]
    knee = uv_px[0, load_skeleton("blazepose33").keypoints.index("LKnee")]
    assert knee.tolist() == pytest.approx((255 - v, u), abs=10)


def test_a_crop_gives_the_same_in_any_batch(original, landmark_finder):
    pictures = np.stack([original["picture"], original["picture"][::-1].copy(), original["picture"][:, ::-1].copy()])
    together, alone = landmark_finder(pictures), landmark_finder(pictures[1:2])
    assert torch.equal(together.uv_px[1:2], alone.uv_px)


def test_refinement_is_the_centroid_of_a_sure_peak():
    heatmap = torch.full((1, 2, 64, 64), -20.0)
    heatmap[0, 0, 20, 31], heatmap[0, 0, 20, 32] = 20.0, 20.0
    heatmap[0, 1, 20, 31] = -1.0  # unsure: 0.27
    xy = torch.tensor([[[130.0, 85.0], [130.0, 85.0]]])
    assert refined(xy, heatmap)[0].flatten().tolist() == pytest.approx([126.0, 80.0, 130.0, 85.0], abs=1e-3)


def test_refinement_leaves_landmarks_outside_alone():
    xy = torch.tensor([[[-3.0, 85.0], [260.0, 85.0]]])
    assert torch.equal(refined(xy, torch.full((1, 2, 64, 64), 20.0)), xy)


def test_heavy_network_has_the_same_outputs():
    raw = LandmarkNet("heavy").eval()(torch.rand(1, 3, 256, 256))
    assert raw.landmark.shape == (1, 39, 5)
    assert raw.heatmap.shape == (1, 39, 64, 64)
