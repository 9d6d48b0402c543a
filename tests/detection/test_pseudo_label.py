"""tools/pseudo_label.py: which keypoint is which, and what is believed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mocap3d.detection.boxes import PersonBox
from mocap3d.session.samples import Visibility
from mocap3d.skeletons.skeleton import load_skeleton

BLAZEPOSE, HALPE = load_skeleton("blazepose33"), load_skeleton("halpe26")
IMAGE_PX = (640, 480)


@pytest.fixture(scope="module")
def tool():
    path = Path(__file__).parents[2] / "tools" / "pseudo_label.py"
    spec = importlib.util.spec_from_file_location("pseudo_label", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def seen(tool):
    """A person whose n-th BlazePose landmark is at (10 n + 5, n)."""
    n = np.arange(33.0)
    uv_px = np.stack([10 * n + 5, n], 1)
    return tool.Seen(PersonBox((100.0, 100.0), (75.0, 100.0)), uv_px, np.full(33, 0.95), np.zeros(33))


def test_keypoints_keep_their_meaning(tool, seen):
    uv_px, state, weight = tool.labels(seen, IMAGE_PX)
    for halpe, blazepose in [("LWrist", "LWrist"), ("REye", "REye"), ("LBigToe", "LFootIndex"), ("RHeel", "RHeel")]:
        assert uv_px[HALPE.index(halpe)].tolist() == seen.uv_px[BLAZEPOSE.index(blazepose)].tolist()
        assert state[HALPE.index(halpe)] == Visibility.VISIBLE
    shoulders = [BLAZEPOSE.index(name) for name in ("LShoulder", "RShoulder")]
    assert uv_px[HALPE.index("Neck")].tolist() == seen.uv_px[shoulders].mean(0).tolist()
    assert weight[HALPE.index("Neck")] < weight[HALPE.index("LShoulder")] == tool.MAX_WEIGHT


def test_what_blazepose_does_not_know_has_no_label(tool, seen):
    uv_px, state, weight = tool.labels(seen, IMAGE_PX)
    for name in ("Head", "LSmallToe", "RSmallToe"):
        at = HALPE.index(name)
        assert np.isnan(uv_px[at]).all()
        assert (state[at], weight[at]) == (Visibility.UNKNOWN, 0)


def test_looks_that_disagree_and_doubtful_visibility_are_not_believed(tool, seen):
    for name in ("LWrist", "LShoulder"):
        seen.spread[BLAZEPOSE.index(name)] = 0.2
    seen.visibility[BLAZEPOSE.index("RWrist")] = 0.5
    seen.visibility[BLAZEPOSE.index("RElbow")] = 0.1
    _, state, weight = tool.labels(seen, IMAGE_PX)
    for name in ("LWrist", "LShoulder", "Neck", "RWrist"):
        assert weight[HALPE.index(name)] == 0
    assert state[HALPE.index("RElbow")] == Visibility.HIDDEN


def test_keypoints_outside_the_picture_are_unknown_but_known_to_be_outside(tool, seen):
    seen.uv_px[BLAZEPOSE.index("LAnkle")] = (100.0, 500.0)
    _, state, weight = tool.labels(seen, IMAGE_PX)
    assert state[HALPE.index("LAnkle")] == Visibility.UNKNOWN
    assert weight[HALPE.index("LAnkle")] > 0
