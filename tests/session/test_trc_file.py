"""TRC as other programs write it: what OpenSim accepts is read, what it would misread in silence is refused or said."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.trc import read_trc

KEYS = "DataRate CameraRate NumFrames NumMarkers Units OrigDataRate OrigDataStartFrame OrigNumFrames".replace(" ", "\t")
ROWS = ("1\t0.0\t0.1\t0.9\t0.0\t0.1\t0.5\t0.01\t", "2\t0.5\t\t\t\t0.2\t0.5\t0.01\t", "3\t1.0\t0.3\t0.9\t0.0\t\t\t\t\t")
XYZ = [[[0.1, 0.9, 0], [0.1, 0.5, 0.01]], [[np.nan] * 3, [0.2, 0.5, 0.01]], [[0.3, 0.9, 0], [np.nan] * 3]]


def trc(
    *, first="PathFileType\t4\t(X/Y/Z)\twalk.trc", keys=KEYS, values="60\t60\t3\t2\tm\t60\t1\t3",
    names="Frame#\tTime\tRHip\t\t\tRKnee\t\t\t", axes="\t\tX1\tY1\tZ1\tX2\tY2\tZ2", blank="\n", rows=ROWS, end="\n",
) -> str:  # fmt: skip
    text = "\n".join([first, keys, values, names, axes]) + "\n" + blank + "\n".join(rows) + "\n"
    return text.replace("\n", end)


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


VARIATIONS = {
    "as OpenSim writes it": {},
    "no blank line 6": {"blank": ""},
    "CRLF": {"end": "\r\n"},
    "no tabs behind the names": {"names": "Frame#\tTime\tRHip\t\t\tRKnee"},
    "no tab at the end of rows": {"rows": [row.rstrip("\t") + "\t" * (3 - 3 * (n < 2)) for n, row in enumerate(ROWS)]},
    "last marker cut off": {"rows": [row.rstrip("\t") for row in ROWS]},
    "scientific numbers": {"rows": [ROWS[0].replace("0.9", "9e-1"), *ROWS[1:]]},
    "frames from 0": {"rows": [f"{int(row[0]) - 1}{row[1:]}" for row in ROWS]},
    "nan in words": {"rows": [ROWS[0], "2\t0.5\tNaN\tnan\tNaN\t0.2\t0.5\t0.01", ROWS[2]]},
    "part of a point": {"rows": [ROWS[0], "2\t0.5\t0.7\t\t\t0.2\t0.5\t0.01", ROWS[2]]},
    "lower case frame#": {"names": "frame#\tTime\tRHip\t\t\tRKnee\t\t\t"},
    "axes without numbers": {"axes": "\t\tX\tY\tZ\tX\tY\tZ"},
    "seven keys": {"keys": KEYS.rsplit("\t", 1)[0]},
    "keys separated by blanks": {"keys": KEYS.replace("\t", " ")},
    "too few frames announced": {"values": "60\t60\t2\t2\tm\t60\t1\t2"},
    "too many frames announced": {"values": "60\t60\t9\t2\tm\t60\t1\t9"},
    "OpenCap's first line": {"first": "PathFileType  4\t(X/Y/Z) C:\\x"},
    "byte order mark": {"first": "\ufeffPathFileType\t4\t(X/Y/Z)\twalk.trc"},
}


@pytest.mark.parametrize("variation", VARIATIONS)
def test_variations_that_are_read(variation, tmp_path):
    trial = read_trc(write(tmp_path / "a.trc", trc(**VARIATIONS[variation])))
    np.testing.assert_array_equal(trial.p_in_file, XYZ)
    np.testing.assert_array_equal(trial.t_s, [0, 0.5, 1])
    assert (trial.labels, trial.rate, trial.up) == (("RHip", "RKnee"), Fraction(60), "y")


@pytest.mark.parametrize("announced", [2, 9])
def test_other_numbers_of_rows_than_announced_are_said(announced, tmp_path, caplog):
    read_trc(write(tmp_path / "a.trc", trc(values=f"60\t60\t{announced}\t2\tm\t60\t1\t{announced}")))
    assert f"NumFrames says {announced}, but it has 3 rows; all are read" in caplog.text


@pytest.mark.parametrize(
    ("unit", "metres"), [("m", 1), ("mm", 1e-3), ("MM", 1e-3), ("cm", 1e-2), ("Meters", 1), ("millimeters", 1e-3)]
)
def test_units(unit, metres, tmp_path):
    trial = read_trc(write(tmp_path / "a.trc", trc(values=f"60\t60\t3\t2\t{unit}\t60\t1\t3")))
    assert trial.track("RHip")[0, 1] == pytest.approx(0.9 * metres)


@pytest.mark.parametrize(
    ("stated", "rate"), [("59.94", Fraction(60000, 1001)), ("60.00", Fraction(60)), ("1000", Fraction(1000))]
)
def test_rates_are_exact(stated, rate, tmp_path):
    assert read_trc(write(tmp_path / "a.trc", trc(values=f"{stated}\t60\t3\t2\tm\t60\t1\t3"))).rate == rate


def test_a_label_that_comes_again_is_numbered(tmp_path):
    trial = read_trc(write(tmp_path / "a.trc", trc(names="Frame#\tTime\tHand\t\t\tHand\t\t\t")))
    assert trial.labels == ("Hand", "Hand_2")
    with pytest.raises(FormatError, match=r"no marker 'Hnd'.*Hand"):
        trial.track("Hnd")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": "60\t60\t3\t5\tm\t60\t1\t3"}, "NumMarkers says 5, but line 4 names 2"),
        ({"values": "60\t60\t3\t2\tin\t60\t1\t3"}, "unit 'in'"),
        ({"values": "fast\t60\t3\t2\tm\t60\t1\t3"}, "a number in line 3"),
        ({"values": "0\t60\t3\t2\tm\t60\t1\t3"}, "a number in line 3"),
        ({"keys": KEYS.replace("Units", "Unit")}, "no Units"),
        ({"rows": [*ROWS[:2], "3\t1.0\t0.3\t0.9"]}, "line 9 has 4 cells"),
        ({"rows": [*ROWS[:2], ROWS[0] + "7"]}, "line 9 has 9 cells"),
        ({"rows": [ROWS[0].replace("0.9", "o.9")]}, "could not convert"),
        ({"rows": ["1\t\t0.1\t0.9\t0.0\t0.1\t0.5\t0.01"]}, "no time"),
        ({"first": "a,b,c"}, "it begins with 'a,b,c'"),
    ],
)
def test_what_is_refused_is_named_and_explained(change, message, tmp_path):
    with pytest.raises(FormatError, match="Needed") as caught:
        read_trc(write(tmp_path / "a.trc", trc(**change)))
    assert message in str(caught.value)
    assert "a.trc" in str(caught.value)


def test_no_rows_and_no_file(tmp_path):
    assert read_trc(write(tmp_path / "a.trc", trc(rows=[], values="60\t60\t0\t2\tm\t60\t1\t0"))).p_in_file.shape == (
        0,
        2,
        3,
    )
    with pytest.raises(FormatError, match=r"gone\.trc"):
        read_trc(tmp_path / "gone.trc")


def test_a_real_one_through_a_spreadsheet(real_data):
    """Commas for tabs; and the millimetres of a marker on the sternum are those of a person."""
    trial = read_trc(real_data / "07_c3d/pyomeca/markers.trc")
    assert trial.p_in_file.shape == (93, 51, 3)
    assert trial.track("STER")[0] == pytest.approx([0.6997, 0.2228, 0.6187], abs=1e-3)
