"""Every data file of the repository through its real loader."""

from pathlib import Path

import pytest
import torch

from mocap3d.calibration.targets import load_target, shipped_definitions
from mocap3d.session.rig import read_rig
from mocap3d.synthesis.scene import SceneOptions, make_scene

ROOT = Path(__file__).parents[1]
RIGS = sorted((ROOT / "rigs").rglob("*.toml"))


def test_there_are_rigs():
    assert RIGS


@pytest.mark.parametrize("path", RIGS, ids=lambda path: path.stem)
def test_rigs_see_a_person_in_the_middle_of_their_volume(path):
    plan = read_rig(path)
    low, high = (torch.tensor(corner, dtype=torch.float64) for corner in (plan.volume.min_m, plan.volume.max_m))
    middle = torch.stack([(low + high) / 2])
    cameras = plan.calibrated(path).cameras.values()
    assert sum(bool(camera.contains(camera.project(middle))) for camera in cameras) >= 2
    assert plan.description


@pytest.mark.parametrize("path", RIGS, ids=lambda path: path.stem)
def test_rigs_film_a_walker(path):
    scene = make_scene(SceneOptions(rig=path, duration_s=0.1))
    assert scene.tracks.uv_px.isfinite().any()


def test_all_data_files_are_known():
    """A new folder of data wants a loader here."""
    assert {path.parent.name for path in ROOT.glob("[!.]*/*.toml")} <= {"rigs", "calib"}


def test_there_are_boards():
    assert {path.parent for path in shipped_definitions()} == {ROOT / "calib"}


@pytest.mark.parametrize("path", shipped_definitions(), ids=lambda path: path.stem)
def test_boards_have_points_in_metres(path):
    """Drawn and found again in tests/calibration."""
    p_in_target = load_target(path).p_in_target
    assert p_in_target.isfinite().all()
    assert p_in_target.abs().max() < 10
