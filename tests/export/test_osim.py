"""The OpenSim model against OpenSim itself: driven by our .mot its markers are where our kinematics put them."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest
import torch
from motions import keypoints_in_world, make_fitted, points_of
from scipy.spatial.transform import Rotation

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


def numbers(element: Element, tag: str) -> np.ndarray:
    return np.array([float(word) for word in element.findtext(tag).split()])


def posed_by_hand(model: Element, coordinates: dict[str, float]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(turn, place) in the ground of every body, as OpenSim's manual has it: axis after axis, then the translation."""
    posed = {"/ground": (np.eye(3), np.zeros(3))}
    for joint in model.iter("CustomJoint"):
        offset = joint.find("frames/PhysicalOffsetFrame")
        turn, place = posed[offset.findtext("socket_parent")]
        place = place + turn @ numbers(offset, "translation")
        for axis in joint.find("SpatialTransform"):
            name, along = axis.findtext("coordinates"), numbers(axis, "axis")
            slope, start = numbers(axis, "LinearFunction/coefficients") if name else (0.0, 0.0)
            value = slope * coordinates.get(name, 0.0) + start
            if axis.get("name").startswith("rotation"):
                turn = turn @ Rotation.from_rotvec(value * along).as_matrix()
            else:
                place = place + posed[offset.findtext("socket_parent")][0] @ along * value
        posed[joint.findtext("socket_child_frame")] = (turn, place)
    return posed


def test_the_mot_moves_the_model_as_fitted_by_hand_too(folder):
    """Every marker of every frame, to the digits that the files hold."""
    motion, table = make_fitted(), read_mot(folder / "Bo.mot")
    model = ElementTree.parse(folder / "Bo.osim").getroot()
    expected, keypoints = OPENSIM.from_world(keypoints_in_world(motion, 1)).numpy(), load_skeleton("halpe26").keypoints
    for row, values in enumerate(table.values):
        is_place = [name.startswith("pelvis_t") and name != "pelvis_tilt" for name in table.columns]
        radians = np.where(is_place, values, np.radians(values))
        posed = posed_by_hand(model, dict(zip(table.columns, radians, strict=True)))
        for marker in model.iter("Marker"):
            turn, place = posed[marker.findtext("socket_parent_frame")]
            found = place + turn @ numbers(marker, "location")
            np.testing.assert_allclose(found, expected[row, keypoints.index(marker.get("name"))], atol=1e-7)


def test_the_model_falls_down_weighs_what_people_weigh_and_keeps_their_ranges(folder):
    """Bo is 1.80 m tall. Thigh by de Leva: 14.47 % (mean of women and men), centred at 38.535 % of its length."""
    model, tree = ElementTree.parse(folder / "Bo.osim").getroot(), make_fitted().skeletons[1].tree
    assert model.findtext(".//gravity") == "0 -9.80665 0"
    body = {body.get("name"): body for body in model.iter("Body")}
    kg = {name: float(found.findtext("mass")) for name, found in body.items()}
    whole_kg = 70.0 * (1.80 / 1.75) ** 2
    assert kg["femur_r"] == kg["femur_l"] == pytest.approx(0.1447 * whole_kg, abs=1e-5)
    assert kg["talus_r"] + kg["calcn_r"] + kg["toes_r"] == pytest.approx(0.0133 * whole_kg, abs=1e-5)
    length_m = float(make_fitted().skeletons[1].length_m[tree.index("knee_r")])
    np.testing.assert_allclose(numbers(body["femur_r"], "mass_center"), [0, -0.38535 * length_m, 0], atol=1e-6)
    rod = kg["femur_r"] * length_m**2 * np.array([1 / 12 + 0.1**2 / 4, 0.1**2 / 2, 1 / 12 + 0.1**2 / 4])
    np.testing.assert_allclose(numbers(body["femur_r"], "inertia"), [*rod, 0, 0, 0], atol=1e-6)
    coordinate = {found.get("name"): found for found in model.iter("Coordinate")}
    for dof in (dof for joint in tree.joints for dof in joint.dofs):
        assert numbers(coordinate[dof.name], "range") == pytest.approx([dof.min_rad, dof.max_rad], abs=1e-8)
        assert float(coordinate[dof.name].findtext("default_value")) == pytest.approx(dof.ease_rad, abs=1e-8)
        assert coordinate[dof.name].findtext("clamped") == "false"


def test_bones_are_drawn_from_joint_to_joint(folder):
    """Cylinders lie along their own y; angles are body-fixed x, y, z."""
    model, measured = ElementTree.parse(folder / "Bo.osim").getroot(), make_fitted().skeletons[1]
    for body in model.iter("Body"):
        joint = next(j for j, joint in enumerate(measured.tree.joints) if joint.segment == body.get("name"))
        ends = [measured.offset_in_parent[child].numpy() for child in measured.tree.children(joint)]
        drawn = []
        for frame in body.iter("PhysicalOffsetFrame"):
            turn = Rotation.from_euler("XYZ", numbers(frame, "orientation")).as_matrix()
            half = turn[:, 1] * float(frame.findtext("attached_geometry/Cylinder/half_height"))
            np.testing.assert_allclose(numbers(frame, "translation") - half, 0, atol=2e-6)
            drawn.append(numbers(frame, "translation") + half)
        np.testing.assert_allclose(drawn, [end for end in ends if np.linalg.norm(end) > 0], atol=2e-6)


def test_inverse_kinematics_runs_over_the_whole_recording_and_follows_markers_first(folder):
    setup, motion = ElementTree.parse(folder / "Bo_ik.xml").getroot(), make_fitted()
    assert numbers(setup, ".//time_range") == pytest.approx([0, float(motion.t_s[-1])], abs=1e-8)
    weight = {task.get("name"): float(task.findtext("weight")) for task in setup.iter("IKCoordinateTask")}
    dofs = [dof for joint in motion.skeletons[1].tree.joints[1:] for dof in joint.dofs]
    for dof in dofs:
        assert weight[dof.name] == pytest.approx((0.001 / dof.spread_rad) ** 2, abs=1e-9)
    assert weight["pelvis_tilt"] == pytest.approx((0.001 / np.pi) ** 2, abs=1e-9)
    assert {float(task.findtext("weight")) for task in setup.iter("IKMarkerTask")} == {1.0}


def test_keypoints_that_the_body_does_not_know_are_no_markers(tmp_path):
    motion = make_fitted(2)
    offset_m = motion.skeletons[1].offset_m.clone()
    offset_m[3] = torch.nan
    motion = replace(motion, skeletons=(motion.skeletons[0], replace(motion.skeletons[1], offset_m=offset_m)))
    write_osim(motion, "Bo", load_skeleton("halpe26"), tmp_path / "Bo.osim")
    markers = [marker.get("name") for marker in ElementTree.parse(tmp_path / "Bo.osim").getroot().iter("Marker")]
    assert set(load_skeleton("halpe26").keypoints) - set(markers) == {load_skeleton("halpe26").keypoints[3]}


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
