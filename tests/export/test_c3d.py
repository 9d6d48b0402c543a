"""C3D as two libraries read it, and our reader: positions, provenance by the sign, events, long recordings."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from tracks3d import make_points

from mocap3d.errors import FormatError
from mocap3d.export.c3d import write_c3d
from mocap3d.session.motion_files.c3d import read_c3d
from mocap3d.session.motion_files.markers import Event
from mocap3d.session.records import Provenance
from mocap3d.skeletons.skeleton import load_skeleton

EVENTS = (Event(0.25, "Foot Strike", "Left"), Event(61.5, "Foot Off", "Right"))


@pytest.fixture
def points():
    return make_points(30)


def test_ezc3d_reads_it(points, tmp_path):
    """Reals of 32 bits: 1e-4 mm at 3 m."""
    ezc3d = pytest.importorskip("ezc3d")
    write_c3d(points, "Bo", tmp_path / "bo.c3d", EVENTS)
    file = ezc3d.c3d(str(tmp_path / "bo.c3d"))
    p_mm = 1000 * points.p_in_world[:, 1].permute(2, 1, 0).numpy()
    np.testing.assert_allclose(file["data"]["points"][:3], p_mm, atol=3e-4)
    point, event = file["parameters"]["POINT"], file["parameters"]["EVENT"]
    assert point["LABELS"]["value"] == list(points.skeleton.keypoints)
    assert (point["UNITS"]["value"], point["X_SCREEN"]["value"], point["Y_SCREEN"]["value"]) == (["mm"], ["+X"], ["+Z"])
    assert point["RATE"]["value"][0] == pytest.approx(float(points.rate), rel=1e-7)
    assert event["LABELS"]["value"] == ["Foot Strike", "Foot Off"]
    assert event["CONTEXTS"]["value"] == ["Left", "Right"]
    assert event["SUBJECTS"]["value"] == ["Bo", "Bo"]
    assert file["parameters"]["MANUFACTURER"]["SOFTWARE"]["value"] == ["mocap3d"]
    np.testing.assert_allclose(event["TIMES"]["value"], [[0, 1], [0.25, 1.5]], atol=1e-6)
    assert file["parameters"]["MOCAP3D"]["AXES"]["value"] == ["right-handed, Z up"]
    assert file["parameters"]["MOCAP3D"]["UNITS"]["value"] == ["millimetres, seconds"]
    assert file["parameters"]["MOCAP3D"]["PERSON"]["value"] == ["Bo"]
    assert file["parameters"]["MOCAP3D"]["RATE_FRACTION"]["value"].tolist() == [60000, 1001]


@pytest.mark.filterwarnings("ignore")
def test_py_c3d_reads_it(points, tmp_path):
    """A second library; it leaves what is in the buffer where a point is missing."""
    c3d = pytest.importorskip("c3d")
    write_c3d(points, "Ada", tmp_path / "ada.c3d")
    with (tmp_path / "ada.c3d").open("rb") as file:
        reader = c3d.Reader(file)
        frames = np.stack([frame for _, frame, _ in reader.read_frames()])
        labels = [label.strip() for label in reader.point_labels]
    missing = points.provenance[:, 0].numpy() == Provenance.MISSING
    assert labels == list(points.skeleton.keypoints)
    assert np.array_equal(frames[..., 3] < 0, missing)
    p_mm = 1000 * points.p_in_world[:, 0].numpy()
    np.testing.assert_allclose(frames[~missing][:, :3], p_mm[~missing], atol=3e-4)


@pytest.mark.filterwarnings("ignore")
def test_the_sign_of_the_residual_is_the_provenance_in_every_reader(points, tmp_path):
    ezc3d, c3d = pytest.importorskip("ezc3d"), pytest.importorskip("c3d")
    write_c3d(points, "Ada", tmp_path / "ada.c3d")
    expected = points.provenance[:, 0].numpy().astype(int) - 1
    theirs = ezc3d.c3d(str(tmp_path / "ada.c3d"))["data"]["meta_points"]["residuals"][0].T
    with (tmp_path / "ada.c3d").open("rb") as file:
        others = np.stack([frame[:, 3] for _, frame, _ in c3d.Reader(file).read_frames()])
    ours = np.nan_to_num(read_c3d(tmp_path / "ada.c3d").residual_m, nan=-1)
    assert {-1, 0, 1} == set(expected.ravel())
    for residual in (theirs, others, ours):
        assert np.array_equal(np.sign(residual), expected)
    sigma_mm = 1000 * np.sqrt(torch.einsum("tkii->tk", points.cov_m2[:, 0].nan_to_num()).numpy())
    measured = expected > 0
    np.testing.assert_allclose(ours[measured] * 1000, np.clip(np.round(sigma_mm[measured]), 1, 127), atol=1e-9)


def test_a_point_that_is_hardly_in_doubt_is_measured_and_one_that_is_no_number_missing(points, tmp_path):
    """Doubts below half a millimetre count as one: 0 would say that the point was filled in."""
    p_in_world, provenance = points.p_in_world.clone(), torch.full_like(points.provenance, Provenance.MEASURED)
    p_in_world[:], p_in_world[4, 0, 3, 1] = 1.0, torch.nan
    sure = replace(points, p_in_world=p_in_world, provenance=provenance, cov_m2=torch.zeros_like(points.cov_m2))
    write_c3d(sure, "Ada", tmp_path / "ada.c3d")
    residual_mm = 1000 * np.nan_to_num(read_c3d(tmp_path / "ada.c3d").residual_m, nan=-1e-3)
    assert residual_mm[4, 3] == -1
    assert residual_mm.sum() == pytest.approx(30 * 26 - 2)


def test_we_read_it_back(points, tmp_path):
    write_c3d(points, "Ada", tmp_path / "ada.c3d", EVENTS)
    trial = read_c3d(tmp_path / "ada.c3d")
    np.testing.assert_allclose(trial.p_in_file, points.p_in_world[:, 0], atol=3e-7)
    assert (trial.labels, trial.rate, trial.up) == (points.skeleton.keypoints, Fraction(60000, 1001), "z")
    assert [(event.label, event.side) for event in trial.events] == [(event.label, event.side) for event in EVENTS]
    assert [event.t_s for event in trial.events] == pytest.approx([0.25, 61.5])


def test_events_count_from_the_first_frame_whenever_that_was(points, tmp_path):
    """As the frames of a C3D do; the recording's own times are in the tables."""
    late = replace(points, t_s=points.t_s + 59.0)
    write_c3d(late, "Ada", tmp_path / "ada.c3d", [Event(59.25, "Foot Strike", "Left")])
    assert [event.t_s for event in read_c3d(tmp_path / "ada.c3d").events] == pytest.approx([0.25])


def test_more_frames_than_a_header_counts(tmp_path, caplog):
    """66,000: all of them are found, and the warning says that other programs may not."""
    long = make_points(66_000, ("Ada",), skeleton=_two_points(), rate=Fraction(1000))
    write_c3d(long, "Ada", tmp_path / "long.c3d")
    assert "66000 frames are more than its header can count (65535)" in caplog.text
    np.testing.assert_allclose(read_c3d(tmp_path / "long.c3d").p_in_file, long.p_in_world[:, 0], atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_py_c3d_finds_all_frames_too(tmp_path):
    c3d = pytest.importorskip("c3d")
    long = make_points(66_000, ("Ada",), skeleton=_two_points(), rate=Fraction(1000))
    write_c3d(long, "Ada", tmp_path / "long.c3d")
    with (tmp_path / "long.c3d").open("rb") as file:
        reader = c3d.Reader(file)
        frames = np.stack([frame for _, frame, _ in reader.read_frames()])
    known = frames[..., 3] >= 0
    assert reader.frame_count == 66_000
    np.testing.assert_allclose(frames[known][:, :3] / 1000, long.p_in_world[:, 0].numpy()[known], atol=1e-6)


def _two_points():
    return replace(
        load_skeleton("lsp14"), keypoints=("a", "b"), parents=(-1, 0), mirror=(0, 1),
        limbs=(), rigid=(), angle_limits=(), length_ratio=(), length_ratio_sigma=(),
    )  # fmt: skip


def test_same_input_same_bytes(points, tmp_path):
    for folder in ("one", "two"):
        write_c3d(points, "Ada", tmp_path / folder / "a.c3d")
    assert (tmp_path / "one/a.c3d").read_bytes() == (tmp_path / "two/a.c3d").read_bytes()


def test_refuses_strangers_and_empty_recordings(points, tmp_path):
    with pytest.raises(FormatError, match="no person 'ada'"):
        write_c3d(points, "ada", tmp_path / "a.c3d")
    with pytest.raises(FormatError, match="no instant"):
        write_c3d(make_points(0), "Ada", tmp_path / "a.c3d")
    assert list(tmp_path.iterdir()) == []
