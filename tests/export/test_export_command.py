"""Saved results and their export: records come back bit by bit, and every format is written from them."""

import json
from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from motions import make_fitted, points_of

from mocap3d.cli import main
from mocap3d.errors import FormatError, SessionError
from mocap3d.export.motion_npz import read_motion_npz, write_motion_npz
from mocap3d.export.options import ExportOptions
from mocap3d.export.results import ALL_FORMATS, Results, write_more, write_results
from mocap3d.export.saved import read_results
from mocap3d.session.motion_files.c3d import read_c3d
from mocap3d.session.motion_files.markers import Event
from mocap3d.session.motion_files.trc import read_trc
from mocap3d.session.records import JointAngles, Motion, Provenance


def make_angles(motion: Motion) -> JointAngles:
    shape = (len(motion.t_s), len(motion.people), 2)
    angle_rad = torch.linspace(-1, 1, shape[0], dtype=torch.float64)[:, None, None].expand(shape).clone()
    angle_rad[1, 0, 1] = torch.nan
    full = torch.full(shape, int(Provenance.MEASURED), dtype=torch.int8)
    observable = (("measured", "weak: seen along the line of sight"),) * shape[1]
    names = ("knee_angle_r", "hip_rotation_r")
    return JointAngles(motion.people, names, motion.t_s, motion.rate, angle_rad, 0.01 + 0 * angle_rad, full, observable)


@pytest.fixture
def results(tmp_path):
    """A folder of saved results with two people, and what is in it."""
    motion = make_fitted(6)
    content = Results(points_of(motion), motion, make_angles(motion))
    events = {"Ada": {"events": [{"t_s": 0.05, "label": "Foot Strike", "side": "Left"}]}}
    summary = {"n_frames": 6, "gait": events}
    write_results(content.points, summary, tmp_path / "results", motion=motion, angles=content.angles)
    return tmp_path / "results", content


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a.nan_to_num(nan=-9), b.nan_to_num(nan=-9))
    return a == b


def test_motion_and_angles_come_back_bit_by_bit(results):
    folder, content = results
    saved = read_motion_npz(folder / "motion.npz")
    for record, back in ((content.motion, saved.motion), (content.angles, saved.angles)):
        for field in fields(record):
            if field.name != "skeletons":
                assert same(getattr(record, field.name), getattr(back, field.name)), field.name
    for ours, theirs in zip(content.motion.skeletons, saved.motion.skeletons, strict=True):
        assert all(same(getattr(ours, field.name), getattr(theirs, field.name)) for field in fields(ours))


def test_motion_without_angles_and_files_that_are_none(tmp_path):
    write_motion_npz(make_fitted(3), None, tmp_path / "m.npz")
    assert read_motion_npz(tmp_path / "m.npz").angles is None
    (tmp_path / "m.npz").write_bytes(b"nonsense")
    with pytest.raises(FormatError, match="not a readable npz"):
        read_motion_npz(tmp_path / "m.npz")
    np.savez(tmp_path / "m.npz", kind="something else")
    with pytest.raises(FormatError, match="found something else"):
        read_motion_npz(tmp_path / "m.npz")


def test_the_rate_stays_exact_and_people_share_one_body(tmp_path):
    motion = make_fitted(3, rate=Fraction(60000, 1001))
    write_motion_npz(motion, None, tmp_path / "m.npz")
    assert read_motion_npz(tmp_path / "m.npz").motion.rate == Fraction(60000, 1001)
    ada, bo = motion.skeletons
    other = replace(motion, skeletons=(ada, replace(bo, tree=replace(bo.tree, name="another"))))
    with pytest.raises(FormatError, match="different kinematic trees"):
        write_motion_npz(other, None, tmp_path / "other.npz")


def test_markers_for_visual3d_are_z_up_as_its_c3d_and_for_all_else_y_up(results, tmp_path):
    _, content = results
    points = content.points.p_in_world[:, 0].numpy()
    x, y, z = np.moveaxis(points, -1, 0)
    y_up = np.stack([y, z, x], axis=-1)
    for target, expected in (("visual3d", points), ("opensim", y_up), (None, y_up)):
        write_more(content, tmp_path, ("trc",), ExportOptions(target=target), ["Ada"])
        np.testing.assert_allclose(read_trc(tmp_path / "Ada.trc").p_in_file, expected, atol=1e-6)


def test_every_format_from_saved_results(results):
    folder, _ = results
    saved, found = read_results(folder.parent)
    paths = write_more(saved, folder, ALL_FORMATS, ExportOptions())
    names = {path.name for path in paths}
    of_ada = {f"Ada.{ending}" for ending in ("trc", "c3d", "csv", "bvh", "glb", "mot", "osim")} | {"Ada_ik.xml"}
    assert of_ada | {"points.parquet", "joints.parquet", "angles.parquet", "points.npz", "motion.npz"} <= names
    assert found == folder
    assert all(path.is_file() for path in paths)
    listed = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["files"]
    assert names <= set(listed)
    assert read_c3d(folder / "Ada.c3d").events[0].label == "Foot Strike"


def test_tables_hold_joints_and_angles(results):
    import pyarrow.parquet as pq

    folder, content = results
    angles, joints = (pq.read_table(folder / f"{name}.parquet").to_pydict() for name in ("angles", "joints"))
    assert angles["angle"][:2] == ["knee_angle_r", "hip_rotation_r"]
    assert angles["deg"][0] == pytest.approx(-np.rad2deg(1.0))
    assert angles["deg"][5] is None
    row = joints["joint"].index("knee_r")
    knee = content.motion.joint_in_world[0, 0, content.motion.skeletons[0].tree.index("knee_r")]
    assert [joints[axis][row] for axis in "xyz"] == knee.tolist()
    head, *rows = [
        line.split(",") for line in (folder / "Ada.csv").read_text(encoding="utf-8").splitlines() if line[0] != "#"
    ]
    assert float(rows[5][head.index("knee_angle_r_deg")]) == pytest.approx(np.rad2deg(1.0), abs=1e-4)
    assert rows[1][head.index("hip_rotation_r_deg")] == ""
    assert float(rows[0][head.index("joint_knee_r_x")]) == pytest.approx(float(knee[0]), abs=1e-6)
    assert {len(row) for row in rows} == {len(head)}


def test_the_command(results, capsys):
    folder, _ = results
    assert main(["export", str(folder), "--format", "bvh", "--target", "blender", "--person", "Ada", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == ["Ada.bvh"]
    assert (folder / "blender" / "Ada.bvh").read_text(encoding="utf-8").startswith("HIERARCHY\nROOT hips\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--person", "ada"], "no person 'ada'"),
        (["--rate", "5000"], "rate is 5000; needed frames per second above 0 and at most 1000"),
    ],
)
def test_the_command_says_what_to_mend(arguments, message, results, capsys):
    assert main(["export", str(results[0]), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_folders_that_hold_no_results(results, tmp_path, capsys):
    folder, content = results
    assert main(["export", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    with pytest.raises(SessionError, match=r"no points\.npz in it"):
        read_results(tmp_path / "empty")
    write_motion_npz(replace(content.motion, people=("Ada", "Cy")), None, folder / "motion.npz")
    with pytest.raises(FormatError, match="does not belong"):
        read_results(folder)
    (folder / "motion.npz").unlink()
    with pytest.raises(FormatError, match=r"bvh need a fitted skeleton"):
        write_more(read_results(folder)[0], folder, ("bvh",), ExportOptions())


def test_a_person_never_placed_does_not_stop_the_others(results, tmp_path, caplog):
    _, content = results
    place = content.motion.root_in_world.clone()
    place[:, 1] = torch.nan
    away = replace(content.motion, root_in_world=place)
    paths = write_more(replace(content, motion=away), tmp_path / "more", ("bvh", "mot", "glb"), ExportOptions())
    assert [path.name for path in paths] == ["Ada.bvh", "Ada.glb", "Ada.mot"]
    assert "Bo has no fitted skeleton at any instant: no bvh, glb, mot, osim" in caplog.text


def test_events_reach_the_c3d(results, tmp_path):
    _, content = results
    events = {"Bo": (Event(0.02, "Foot Off", "Right"),)}
    write_more(replace(content, events=events), tmp_path / "more", ("c3d",), ExportOptions())
    assert [event.label for event in read_c3d(tmp_path / "more/Bo.c3d").events] == ["Foot Off"]
    assert read_c3d(tmp_path / "more/Ada.c3d").events == ()


def test_a_filter_is_told_and_its_files_lie_apart(results, capsys):
    folder, _ = results
    before = (folder / "Ada.trc").read_bytes()
    assert main(["export", str(folder), "--format", "trc", "--filter", "butterworth", "--cutoff-hz", "6"]) == 0
    assert "Ada: Butterworth of order 4, 6.0 Hz as asked" in capsys.readouterr().out
    assert (folder / "Ada.trc").read_bytes() == before
    assert (folder / "filtered" / "Ada.trc").read_bytes() != before
