"""The OpenSim model against OpenSim itself: driven by our .mot its markers are where our kinematics put them."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from motions import keypoints_in_world, make_fitted, points_of

from mocap3d.export.axes import OPENSIM
from mocap3d.export.mot import write_mot
from mocap3d.export.osim import write_ik_setup, write_osim
from mocap3d.export.trc import write_trc
from mocap3d.session.motion_files.mot import read_mot
from mocap3d.skeletons.skeleton import load_skeleton


@pytest.fixture
def folder(tmp_path) -> Path:
    """Everything of one person, as an export leaves it."""
    motion, skeleton = make_fitted(), load_skeleton("halpe26")
    write_osim(motion, "Bo", skeleton, tmp_path / "Bo.osim")
    write_mot(motion, "Bo", tmp_path / "Bo.mot")
    write_trc(points_of(motion), "Bo", tmp_path / "Bo.trc")
    write_ik_setup(motion, "Bo", skeleton, tmp_path / "Bo_ik.xml", model="Bo.osim", markers="Bo.trc")
    return tmp_path


@pytest.mark.slow
def test_opensim_moves_the_model_as_fitted(folder):
    """Every marker in every frame: measured 2e-6 mm."""
    opensim = pytest.importorskip("opensim")
    motion, table = make_fitted(), read_mot(folder / "Bo.mot")
    model = opensim.Model(str(folder / "Bo.osim"))
    state = model.initSystem()
    coordinates = model.getCoordinateSet()
    assert {coordinates.get(n).getName() for n in range(coordinates.getSize())} == set(table.columns)
    expected = OPENSIM.from_world(keypoints_in_world(motion, 1)).numpy()
    worst = 0.0
    for row in range(0, len(table.t_s), 3):
        for name, value in zip(table.columns, table.values[row], strict=True):
            is_angle = name not in ("pelvis_tx", "pelvis_ty", "pelvis_tz")
            coordinates.get(name).setValue(state, np.deg2rad(value) if is_angle else value, False)
        model.realizePosition(state)
        for k, name in enumerate(load_skeleton("halpe26").keypoints):
            at = model.getMarkerSet().get(name).getLocationInGround(state)
            worst = max(worst, np.linalg.norm([at.get(n) for n in range(3)] - expected[row, k]))
    assert worst < 1e-6


@pytest.mark.slow
def test_the_set_up_runs_as_it_is(folder, monkeypatch):
    """OpenSim's own inverse kinematics: markers within millimetres, and the angles that joint centres can tell."""
    opensim = pytest.importorskip("opensim")
    monkeypatch.chdir(folder)
    assert opensim.InverseKinematicsTool("Bo_ik.xml").run()
    errors = read_mot(next(folder.glob("*marker_errors.sto")))
    assert errors.column("marker_error_RMS").max() < 0.005
    ours, theirs = read_mot(folder / "Bo.mot"), read_mot(folder / "Bo_ik.mot")
    for name in ("knee_angle_r", "knee_angle_l", "elbow_flex_r"):
        assert np.abs(ours.column(name) - theirs.column(name)).max() < 5, name


@pytest.mark.slow
def test_both_of_opensims_readers_take_the_mot(folder):
    opensim = pytest.importorskip("opensim")
    ours = read_mot(folder / "Bo.mot")
    table, storage = opensim.TimeSeriesTable(str(folder / "Bo.mot")), opensim.Storage(str(folder / "Bo.mot"))
    assert (table.getNumRows(), table.getNumColumns()) == ours.values.shape
    assert storage.isInDegrees()
    assert storage.getSize() == len(ours.t_s)
    got = np.array([[table.getRowAtIndex(r)[c] for c in range(len(ours.columns))] for r in range(len(ours.t_s))])
    np.testing.assert_allclose(got, ours.values, atol=1e-12)


def test_names_of_bodies_joints_and_files_hang_together(folder):
    """What OpenSim resolves by name, resolved here without it."""
    model = ElementTree.parse(folder / "Bo.osim").getroot()
    bodies = {body.get("name") for body in model.iter("Body")}
    parents = [frame.text for frame in model.iter("socket_parent") if frame.text != ".."]
    assert {parent.removeprefix("/bodyset/") for parent in parents} <= {*bodies, "/ground"}
    assert {
        marker.findtext("socket_parent_frame").removeprefix("/bodyset/") for marker in model.iter("Marker")
    } <= bodies
    coordinates = [coordinate.get("name") for coordinate in model.iter("Coordinate")]
    assert sorted(coordinates) == sorted(read_mot(folder / "Bo.mot").columns)
    setup = ElementTree.parse(folder / "Bo_ik.xml").getroot()
    files = [setup.find(f".//{tag}").text for tag in ("model_file", "marker_file")]
    assert all((folder / name).is_file() for name in files)
    masses = [float(mass.text) for mass in model.iter("mass")]
    assert min(masses) > 0
    assert 60 < sum(masses) < 85
