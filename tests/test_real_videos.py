"""A real recording from its videos alone: Pose2Sim's balancing trial, four cameras, 100 frames at 60 Hz."""

import json

import pytest
from tiny_session import run

from mocap3d.detection import weights

pytestmark = pytest.mark.slow

TRIAL = "S00_P00_SingleParticipant/S00_P00_T01_BalancingTrial"


@pytest.fixture(scope="module")
def root(real_data, tmp_path_factory):
    """Links to videos and calibration, reconstructed by the command line."""
    if "sapenet-s" not in weights.shipped():
        pytest.skip("sapenet-s is not among the weights of this package")
    demo = real_data / "01_pose2sim_4cam_human" / "S00_Demo_Session"
    root = tmp_path_factory.mktemp("real") / "session"
    (root / "calibration").mkdir(parents=True)
    (root / "videos").symlink_to(demo / TRIAL / "videos")
    (root / "calibration" / "Calib.qca.txt").symlink_to(demo / "S00_Calibration" / "Calib.qca.txt")
    assert run("reconstruct", root, "--quiet") == 0
    return root


@pytest.fixture(scope="module")
def summary(root):
    return json.loads((root / "results" / "summary.json").read_text(encoding="utf-8"))


def test_the_person_is_known_all_the_time(summary):
    """Measured: one person, 99.8 % of the points measured."""
    (person,) = summary["people"]
    assert person["measured"] > 0.95
    assert summary["n_frames"] == 100


def test_limbs_keep_their_length(summary):
    """Faces are pixelated in these videos. Measured: 0.7 mm in the median, 7 mm at most, from nose to eye."""
    (person,) = summary["people"]
    assert max(person["limb_spread_mm"].values()) < 12
    assert sorted(person["limb_spread_mm"].values())[len(person["limb_spread_mm"]) // 2] < 4


def test_a_second_run_looks_at_nothing_again(root, summary, capsys):
    assert run("reconstruct", root, "--json", "--fit.max-gap-s", "0.4") == 0
    told = capsys.readouterr()
    assert "finding people" not in told.err
    assert json.loads(told.out)["n_frames"] == summary["n_frames"]
