"""C3D against ezc3d and py-c3d: byte orders, integers and reals, missing points, events, labels, long files."""

import struct
from pathlib import Path

import numpy as np
import pytest

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.c3d import read_c3d

SUITE = "07_c3d/c3d_test_suite"


def ezc3d_markers(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Positions (t k 3) in metres and residuals' signs of what are markers."""
    file = pytest.importorskip("ezc3d").c3d(str(path))
    point = file["parameters"]["POINT"]
    kinds = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS")
    others = [label for kind in kinds for label in point.get(kind, {}).get("value", [])]
    labels = point["LABELS"]["value"] + point.get("LABELS2", {}).get("value", [])
    n = file["data"]["points"].shape[1]
    keep = [k for k in range(n) if labels[k] not in others]
    scale = {"mm": 1e-3, "m": 1.0}[point["UNITS"]["value"][0]]
    return file["data"]["points"][:3, keep].transpose(2, 1, 0) * scale, file["data"]["meta_points"]["residuals"][
        0, keep
    ].T


@pytest.mark.parametrize(
    "name",
    [
        *(f"{SUITE}/Sample01/Eb015{kind}.c3d" for kind in ("pi", "pr", "vi", "vr")),
        *(f"{SUITE}/Sample02/{order}_{kind}.c3d" for order in ("pc", "dec") for kind in ("int", "real")),
        *(f"{SUITE}/Sample08/{name}.c3d" for name in ("EB015PI", "TESTAPI", "TESTBPI", "TESTCPI", "TESTDPI")),
        f"{SUITE}/duplicate_labels.c3d",
        "07_c3d/kinematics_tennis_serve.c3d",
        "07_c3d/kinematics_tennis_serve_nan.c3d",
        "07_c3d/pycgm/Movement_trial.c3d",
        "07_c3d/pycgm/Sample_Static.c3d",
        "07_c3d/pyomeca/markers_analogs.c3d",
    ],
)
def test_ezc3d_reads_the_same(name, real_data):
    """To the last bit, missing points too."""
    trial = read_c3d(real_data / name)
    theirs, residual = ezc3d_markers(real_data / name)
    np.testing.assert_array_equal(trial.p_in_file, theirs)
    assert np.array_equal(np.isnan(trial.residual_m), residual < 0)


@pytest.mark.parametrize("kind", ["int", "real"])
def test_three_byte_orders_are_one_recording(kind, real_data):
    """ezc3d does not read the SGI ones. Their integers were rounded anew: one step is 0.28 mm."""
    step_m = 0.2812e-3 if kind == "int" else 1e-9
    trials = [read_c3d(real_data / SUITE / f"Sample02/{order}_{kind}.c3d") for order in ("pc", "dec", "sgi")]
    assert trials[0].labels == trials[1].labels == trials[2].labels
    for other in trials[1:]:
        np.testing.assert_allclose(other.p_in_file, trials[0].p_in_file, atol=step_m)
        np.testing.assert_array_equal(other.residual_m, trials[0].residual_m)
    assert np.isfinite(trials[0].p_in_file).any()


def test_residuals_are_what_py_c3d_reads(real_data):
    """The low byte; ezc3d takes the high one, which holds the cameras."""
    c3d = pytest.importorskip("c3d")
    path = real_data / SUITE / "Sample01/Eb015pi.c3d"
    with path.open("rb") as file:
        residual_mm = np.stack([points[:, 3] for _, points, _ in c3d.Reader(file).read_frames()])
    ours = np.nan_to_num(read_c3d(path).residual_m * 1000, nan=-1)
    np.testing.assert_allclose(ours, residual_mm, rtol=1e-6)


def test_one_recording_as_c3d_and_csv(real_data):
    """The tennis serve's numbers, read without any of our readers."""
    trial = read_c3d(real_data / "07_c3d/kinematics_tennis_serve.c3d")
    head, *rows = (real_data / "07_c3d/kinematics_tennis_serve.csv").read_text(encoding="utf-8").splitlines()
    names = head.split(",")
    table = np.array([[float(cell) if cell else np.nan for cell in row.split(",")] for row in rows])
    for label in trial.labels:
        columns = [names.index(f"{label.removeprefix('Derrick:')}[{axis}]") for axis in range(3)]
        np.testing.assert_allclose(trial.track(label), table[:, columns], atol=1e-7)


def test_angles_are_no_markers(real_data):
    trial = read_c3d(real_data / "07_c3d/pycgm/Movement_trial.c3d")
    assert {kind: len(labels) for kind, labels in trial.quantities.items()} == {
        "ANGLES": 26, "FORCES": 20, "MOMENTS": 18, "POWERS": 16,
    }  # fmt: skip
    assert len(trial.labels) == 159
    assert trial.t_s[0] == pytest.approx(694 / 120)
    assert any("KneeAngles" in label for label in trial.quantities["ANGLES"])


def test_labels_that_come_again_are_numbered(real_data, caplog):
    trial = read_c3d(real_data / SUITE / "duplicate_labels.c3d")
    assert len(set(trial.labels)) == 48
    assert "labels come more than once" in caplog.text


def made(path: Path, points: np.ndarray, **parameters: object) -> Path:
    """A file through ezc3d; ``points`` (t k 3) in millimetres."""
    file = pytest.importorskip("ezc3d").c3d()
    given = {"RATE": [100.0], "UNITS": ["mm"], "LABELS": [f"m{k}" for k in range(points.shape[1])], **parameters}
    for name, value in given.items():
        if name in file["parameters"]["POINT"]:
            file["parameters"]["POINT"][name]["value"] = value
        else:
            file.add_parameter("POINT", name, value)
    file["data"]["points"] = np.concatenate([points, np.ones((*points.shape[:2], 1))], -1).transpose(2, 1, 0)
    file.write(str(path))
    return path


@pytest.mark.parametrize(("unit", "metres"), [("mm", 1e-3), ("cm", 1e-2), ("m", 1.0)])
def test_units(unit, metres, tmp_path):
    trial = read_c3d(made(tmp_path / "a.c3d", np.ones((3, 2, 3)), UNITS=[unit]))
    np.testing.assert_allclose(trial.p_in_file, metres)


def test_frames_beyond_what_a_header_counts_are_said(tmp_path, caplog):
    """As ezc3d writes them: 65,535 are stated, 66,000 are there."""
    read_c3d(made(tmp_path / "a.c3d", np.ones((66_000, 1, 3))))
    assert "states 65535 frames, the most that fit its header" in caplog.text


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:300], "not a C3D file"),
        (lambda raw: raw[:0], "not a C3D file"),
        (lambda raw: b"\x02\x51" + raw[2:], "not a C3D file"),
        (lambda raw: raw[:-1024], "It was cut off"),
        (lambda raw: raw[:515] + b"\x07" + raw[516:], "processor type 7"),
        (lambda raw: raw.replace(b"mm", b"in", 1), "unit 'in'"),
    ],
)
def test_what_is_refused_is_named(damage, message, tmp_path):
    path = made(tmp_path / "a.c3d", np.ones((200, 4, 3)))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError) as caught:
        read_c3d(path)
    assert message in str(caught.value)
    assert "a.c3d" in str(caught.value)


def test_a_dec_real():
    """1.0 in VAX format is the words 0x4080, 0x0000."""
    from mocap3d.session.motion_files.c3d_parameters import DEC, ByteOrder

    raw = struct.pack("<HH", 0x4080, 0) + struct.pack("<HH", 0xC0A0, 0) + bytes(4)
    np.testing.assert_array_equal(ByteOrder(DEC).float32(raw), [1.0, -1.25, 0.0])
