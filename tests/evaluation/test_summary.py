"""The summary's own numbers: the detector's noise against what was really added, and JSON that is JSON."""

import json
import math
from dataclasses import replace

import pytest
from scene import WHITE_NOISE, small_scene

from mocap3d.evaluation.quality import assess
from mocap3d.evaluation.summary import plain, summarise
from mocap3d.fusion.fit import fit_sequence
from mocap3d.fusion.points import triangulate_tracks


@pytest.fixture(scope="module")
def fitted():
    """Four cameras, white noise of 2 px."""
    scene = small_scene(noise=WHITE_NOISE, duration_s=2.0)
    alone = triangulate_tracks(scene.tracks, scene.rig)
    return scene, fit_sequence(scene.tracks, scene.rig, alone)


def summary_of(scene, points):
    return summarise(points, scene.tracks, assess(points, scene.tracks, scene.rig))


def test_measured_noise_is_the_noise_that_was_added(fitted):
    """Stated sigmas are many times larger. Measured: 1.78 to 2.06 px of 2, none of it lasting."""
    summary = summary_of(*fitted)
    assert [view.noise_px for view in summary.views] == pytest.approx([2.0] * 4, rel=0.2)
    assert summary.lasting_noise < 0.2


def test_says_what_was_reconstructed(fitted):
    summary = summary_of(*fitted)
    assert (summary.n_frames, summary.duration_s, summary.rate, summary.skeleton) == (120, 2.0, "60", "halpe26")
    (person,) = summary.people
    assert person.measured + person.filled + person.missing == pytest.approx(1)
    assert person.limb_length_m["LHip-LKnee"] == pytest.approx(0.42, abs=0.05)
    assert person.limb_spread_mm["LHip-LKnee"] < 5
    assert [keypoint.name for keypoint in summary.keypoints] == list(fitted[0].skeleton.keypoints)


def test_points_without_a_noise_model_have_none(fitted):
    scene, points = fitted
    summary = summary_of(scene, replace(points, noise=()))
    assert all(math.isnan(view.noise_px) for view in summary.views)
    text = json.dumps(summary.as_json(), allow_nan=False)
    assert json.loads(text)["views"][0]["noise_px"] is None
    assert json.loads(text)["lasting_noise"] is None


def test_json_keeps_five_digits_and_no_nan():
    assert plain({"a": (1.23456789, math.nan, math.inf), 2: [True, "x", None, 7]}) == {
        "a": [1.2346, None, None],
        "2": [True, "x", None, 7],
    }
