""".mot and .sto tables as OpenSim writes and reads them."""

import numpy as np
import pytest

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.mot import read_mot

ROWS = ("0.0\t10.0\t0.9", "0.5\t11.0\t0.8", "1.0\t12.0\t0.7")


def mot(
    *,
    header=("Coordinates", "version=1", "nRows=3", "nColumns=3", "inDegrees=yes", "", "endheader"),
    rows=ROWS,
    end="\n",
):
    return end.join([*header, "time\tknee_angle_r\tpelvis_ty", *rows, ""])


def write(path, text):
    path.write_bytes(text.encode())
    return path


SIMM = ("name subject01", "datacolumns 3", "datarows 3", "otherdata 1", "range 0 1", "endheader")
VARIATIONS = {
    "as OpenSim writes it": {},
    "blanks for tabs": {"rows": [row.replace("\t", "   ") for row in ROWS]},
    "CRLF": {"end": "\r\n"},
    "numbers in columns": {"rows": ["\t".join(f"{cell:>16}" for cell in row.split("\t")) for row in ROWS]},
    "comments in the header": {
        "header": ("Coordinates", "version=1", "inDegrees=yes", "Angles are in degrees.", "endheader")
    },
    "SIMM's header": {"header": SIMM},
    "wrong nColumns": {"header": ("x", "version=1", "nRows=3", "nColumns=8", "inDegrees=yes", "endheader")},
}


@pytest.mark.parametrize("variation", VARIATIONS)
def test_variations_that_are_read(variation, tmp_path):
    table = read_mot(write(tmp_path / "a.mot", mot(**VARIATIONS[variation])))
    assert table.columns == ("knee_angle_r", "pelvis_ty")
    np.testing.assert_array_equal(table.t_s, [0, 0.5, 1])
    np.testing.assert_array_equal(table.values, [[10, 0.9], [11, 0.8], [12, 0.7]])
    assert table.in_degrees


@pytest.mark.parametrize(
    ("header", "in_degrees"),
    [
        (("a", "version=1", "inDegrees=no", "endheader"), False),
        (("a", "version=1", "endheader"), False),
        (("a", "endheader"), True),
        (SIMM, True),
    ],
)
def test_degrees_or_radians_as_opensim_takes_it(header, in_degrees, tmp_path):
    assert read_mot(write(tmp_path / "a.mot", mot(header=header))).in_degrees is in_degrees


def test_nan_is_kept_and_other_counts_are_said(tmp_path, caplog):
    """OpenSim's Storage stops reading at NaN, and at nRows."""
    header = ("a", "version=1", "nRows=2", "inDegrees=yes", "endheader")
    table = read_mot(write(tmp_path / "a.mot", mot(header=header, rows=["0\tnan\t1", *ROWS[1:]])))
    assert np.isnan(table.column("knee_angle_r")[0])
    assert len(table.t_s) == 3
    assert "announces 2 rows, but it has 3" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (mot(rows=["0.0\t\t0.9"]), "could not convert"),
        (mot(rows=["0.0\t0.9"]), "2 cells under 3 names"),
        (mot().replace("endheader", "end"), "no 'endheader'"),
        ("", "no 'endheader'"),
    ],
)
def test_what_is_refused_is_named_and_explained(text, message, tmp_path):
    with pytest.raises(FormatError, match="Needed") as caught:
        read_mot(write(tmp_path / "a.mot", text))
    assert message in str(caught.value)


def test_unknown_columns_get_a_hint(tmp_path):
    with pytest.raises(FormatError, match=r"no column 'knee_angle'.*knee_angle_r"):
        read_mot(write(tmp_path / "a.mot", mot())).column("knee_angle")


def test_real_ones(real_data):
    folder = real_data / "06_opensim_gait2354"
    ik, force = read_mot(folder / "subject01_walk1_ik.mot"), read_mot(folder / "subject01_walk1_grf.mot")
    assert (ik.values.shape, force.values.shape) == ((73, 23), (1501, 18))
    assert ik.column("knee_angle_r")[0] == pytest.approx(-55.24623342)
    assert not read_mot(folder / "OutputReference/subject01_static_output.mot").in_degrees
