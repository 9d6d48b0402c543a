"""What a reconstruction is written as, beyond the files of every format."""

import csv
import json
from dataclasses import replace

import pytest
from tiny_session import copy_of_tiny_session

from mocap3d.biomech.events import STRIKE
from mocap3d.biomech.gait import Gait, Stride
from mocap3d.pipeline import reconstruct
from mocap3d.session.motion_files.markers import Event
from mocap3d.writing import export_all


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Half a second with two strikes told of it, as of somebody who walks."""
    reconstruction = reconstruct(copy_of_tiny_session(tmp_path_factory.mktemp("writing") / "session"))
    events = tuple(Event(t_s, STRIKE, "Right") for t_s in (0.1, 0.4))
    nan = float("nan")
    stride = Stride("Right", 0.1, 0.4, nan, 0.3, 1.0, nan, nan, nan, nan, nan, nan, nan)
    return replace(reconstruction, gait={"P1": Gait(events, (stride,), 100.0, 1.0, 0.0)})


def test_strides_and_their_mean_are_tables_of_their_own(walked, tmp_path):
    names = {path.name for path in export_all(walked, tmp_path)}
    assert {"P1_strides.csv", "P1_cycle.csv"} <= names
    strides = list(csv.DictReader((tmp_path / "P1_strides.csv").read_text(encoding="utf-8").splitlines()[2:]))
    assert [(row["side"], row["length_m"], row["off_s"]) for row in strides] == [("Right", "0.3", "")]
    cycle = list(csv.DictReader((tmp_path / "P1_cycle.csv").read_text(encoding="utf-8").splitlines()[2:]))
    assert len(cycle) == 101
    knee = walked.angles.angle_rad[6, 0, walked.angles.names.index("knee_angle_r")].rad2deg()
    assert float(cycle[0]["knee_angle_r_mean_deg"]) == pytest.approx(float(knee), abs=1e-3)
    assert "Angles over the stride: P1" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_tables_go_where_csv_is_not_wanted_or_nobody_walks(walked, tmp_path):
    export_all(walked, tmp_path)
    export_all(replace(walked, gait={}), tmp_path)
    assert not list(tmp_path.glob("*_strides.csv"))
    assert not [path for path in export_all(walked, tmp_path, ("npz",)) if path.suffix == ".csv"]


def test_the_centre_of_mass_is_in_the_table_and_the_summary(walked, tmp_path):
    export_all(walked, tmp_path, ("csv",))
    rows = (tmp_path / "P1.csv").read_text(encoding="utf-8").splitlines()
    header = next(line for line in rows if line.startswith("frame")).split(",")
    last = dict(zip(header, rows[-1].split(","), strict=True))
    centre = walked.bodies["P1"].centre_of_mass_m[-1]
    assert [float(last[f"centre_of_mass_{axis}"]) for axis in "xyz"] == pytest.approx(centre.tolist(), abs=1e-6)
    assert 0 < float(last["centre_of_mass_sigma_x"]) < 0.1
    told = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["whole_body"]["P1"]
    assert told["jumps"] == []
