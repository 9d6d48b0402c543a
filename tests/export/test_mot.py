"""The .mot against rotations put together by hand from its own numbers, and what its header promises."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from motions import make_fitted
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.export.coordinates import coordinates_of
from mocap3d.export.mot import write_mot
from mocap3d.session.motion_files.mot import read_mot
from mocap3d.session.records import Motion
from mocap3d.skeletons.kinematics import Joint

GROUND_FROM_WORLD = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
"""OpenSim's x, y, z are the world's y, z, x."""


@pytest.fixture(scope="module")
def motion() -> Motion:
    return make_fitted(40)


def turned(joint: Joint, angle_deg: dict[str, np.ndarray]) -> np.ndarray:
    """(t 3 3): one turn after the other, each about an axis that those before it carry along, as in OpenSim."""
    turn = Rotation.identity()
    for dof in joint.dofs:
        turn = turn * Rotation.from_rotvec(np.radians(angle_deg[dof.name])[:, None] * np.array(dof.axis))
    return turn.as_matrix()


def columns_of(path: Path) -> dict[str, np.ndarray]:
    table = read_mot(path)
    return {name: table.column(name) for name in table.columns}


def test_its_angles_make_the_turns_of_the_body(motion, tmp_path):
    """Of Bo, in degrees with 8 digits; the pelvis against OpenSim's ground."""
    write_mot(motion, "Bo", tmp_path / "bo.mot")
    found = columns_of(tmp_path / "bo.mot")
    np.testing.assert_allclose(read_mot(tmp_path / "bo.mot").t_s, motion.t_s, atol=1e-8)
    for j, joint in enumerate(motion.skeletons[1].tree.joints):
        expected = motion.parent_from_joint[:, 1, j].numpy()
        if joint.dofs:
            expected = GROUND_FROM_WORLD @ expected if joint.parent < 0 else expected
            np.testing.assert_allclose(turned(joint, found), expected, atol=1e-8, err_msg=joint.name)
    place = np.stack([found[f"pelvis_t{axis}"] for axis in "xyz"], axis=-1)
    np.testing.assert_allclose(place, motion.root_in_world[:, 1].numpy() @ GROUND_FROM_WORLD.T, atol=1e-8)


def test_angles_go_on_instead_of_jumping_by_full_turns(motion):
    """Somebody who turns twice about the vertical."""
    turns = motion.parent_from_joint.clone()
    round_and_round = Rotation.from_euler("z", np.linspace(0, 4 * np.pi, 40)[:, None]).as_matrix()
    upright = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    turns[:, 0, 0] = torch.from_numpy(round_and_round @ upright)
    found = coordinates_of(replace(motion, parent_from_joint=turns), "Ada")
    heading = found.values[:, found.names.index("pelvis_rotation")]
    assert np.diff(heading) == pytest.approx(np.full(39, 4 * np.pi / 39))


def test_the_header_counts_what_there_is_and_what_was_bridged(motion, tmp_path):
    """Placed from the 4th to the 30th instant; a knee is hidden in three of them, a wrist always."""
    root, turns, tree = motion.root_in_world.clone(), motion.parent_from_joint.clone(), motion.skeletons[0].tree
    root[:3], root[30:] = torch.nan, torch.nan
    turns[10:13, 0, tree.index("knee_r")], turns[:, 0, tree.index("wrist_l")] = torch.nan, torch.nan
    hidden = replace(motion, root_in_world=root, parent_from_joint=turns)
    write_mot(hidden, "Ada", tmp_path / "a.mot")
    write_mot(motion, "Ada", tmp_path / "whole.mot")
    header, table = (tmp_path / "a.mot").read_text(encoding="utf-8").split("endheader\n")
    names, *rows = table.splitlines()
    assert f"nRows={len(rows)}\nnColumns={len(names.split())}\ninDegrees=yes\n" in header
    assert len(rows) == 27
    assert names.split()[0] == "time"
    assert "numbers bridged between known ones: 27." in header  # of the wrist
    assert "numbers bridged between known ones: 0." in (tmp_path / "whole.mot").read_text(encoding="utf-8")
    found, whole = columns_of(tmp_path / "a.mot"), columns_of(tmp_path / "whole.mot")
    np.testing.assert_allclose(read_mot(tmp_path / "a.mot").t_s, motion.t_s[3:30], atol=1e-8)
    np.testing.assert_allclose(found["hip_flexion_r"], whole["hip_flexion_r"][3:30], atol=1e-8)
    knee = whole["knee_angle_r"]
    np.testing.assert_allclose(found["knee_angle_r"][6:11], np.linspace(knee[9], knee[13], 5), atol=1e-7)
    assert (found["wrist_flex_l"] == 0).all()
    turns[:, 0, tree.index("wrist_l")] = motion.parent_from_joint[:, 0, tree.index("wrist_l")]
    write_mot(replace(hidden, parent_from_joint=turns), "Ada", tmp_path / "a.mot")
    assert "numbers bridged between known ones: 3." in (tmp_path / "a.mot").read_text(encoding="utf-8")


def test_axes_that_no_angles_go_with_are_refused(motion):
    """Left-handed ones would give wrong angles; our own table has none."""
    tree = motion.skeletons[0].tree
    hip = tree.joints[tree.index("hip_r")]
    first, second, third = hip.dofs
    for dofs in ((second, first, third), (first, second, replace(third, axis=(0.0, 0.6, 0.8)))):
        joints = tuple(replace(joint, dofs=dofs) if joint == hip else joint for joint in tree.joints)
        other = replace(motion.skeletons[0], tree=replace(tree, joints=joints))
        with pytest.raises(FormatError, match="perpendicular axes, right-handed in their order"):
            coordinates_of(replace(motion, skeletons=(other, motion.skeletons[1])), "Ada")


def test_blocks_have_no_seam(motion, tmp_path, monkeypatch):
    write_mot(motion, "Ada", tmp_path / "one.mot")
    monkeypatch.setattr("mocap3d.export.mot._ROWS_AT_ONCE", 16)
    write_mot(motion, "Ada", tmp_path / "many.mot")
    assert (tmp_path / "many.mot").read_bytes() == (tmp_path / "one.mot").read_bytes()


def test_who_is_never_placed_is_refused(motion, tmp_path):
    nowhere = replace(motion, root_in_world=torch.full_like(motion.root_in_world, torch.nan))
    with pytest.raises(FormatError, match=r"Ada is placed in no frame.*Export points only"):
        write_mot(nowhere, "Ada", tmp_path / "a.mot")
    assert list(tmp_path.iterdir()) == []
