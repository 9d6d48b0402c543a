"""TRC against a strict reader written after OpenSim's rules, and against OpenSim itself where it is installed."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from strict_trc import cells, read_trc
from tracks3d import make_points

from mocap3d.errors import FormatError
from mocap3d.export.axes import OPENSIM
from mocap3d.export.trc import marker_names, rate_text, write_trc
from mocap3d.session.records import Points3D, Provenance
from mocap3d.skeletons.skeleton import load_skeleton


def opensim_xyz(points: Points3D, person: int) -> np.ndarray:
    """World (X, Y, Z) to (Y, Z, X), written out."""
    x, y, z = points.p_in_world[:, person].unbind(-1)
    return torch.stack([y, z, x], -1).numpy()


@pytest.fixture
def points() -> Points3D:
    return make_points(40)


def test_strict_reader_gets_every_number_back(points, tmp_path):
    write_trc(points, "Bo", tmp_path / "bo.trc")
    trc = read_trc(tmp_path / "bo.trc")
    assert trc.markers == list(points.skeleton.keypoints)
    assert trc.frame.tolist() == list(range(1, 41))
    np.testing.assert_allclose(trc.t_s, points.t_s, atol=6e-9)
    np.testing.assert_allclose(trc.xyz, opensim_xyz(points, 1), atol=5.1e-7)
    assert np.isnan(trc.xyz).any()


def test_z_up_keeps_the_world(points, tmp_path):
    write_trc(points, "Ada", tmp_path / "ada.trc", up="z")
    np.testing.assert_allclose(read_trc(tmp_path / "ada.trc").xyz, points.p_in_world[:, 0], atol=5.1e-7)


@pytest.mark.parametrize(
    ("rate", "text"), [(Fraction(60), "60"), (Fraction(60000, 1001), "59.94005994005994"), (Fraction(25, 2), "12.5")]
)
def test_header_states_units_counts_and_the_exact_rate(tmp_path, rate, text):
    write_trc(make_points(3, rate=rate), "Ada", tmp_path / "a b.trc")
    lines = (tmp_path / "a b.trc").read_text(encoding="utf-8").split("\n")
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\ta_b.trc"
    assert lines[2].split("\t") == [text, text, "3", "26", "m", text, "1", "3"]
    assert lines[5] == ""
    assert rate_text(rate) == text


def test_missing_is_an_empty_cell_and_every_cell_ends_with_a_tab(points, tmp_path):
    """Without the last tab OpenSim drops the last marker's empty cells, and refuses the file."""
    write_trc(points, "Ada", tmp_path / "a.trc")
    rows = (tmp_path / "a.trc").read_text(encoding="utf-8").split("\n")[6:-1]
    assert {row.count("\t") for row in rows} == {2 + 3 * 26}
    assert points.provenance[1, 0, -1] == Provenance.MISSING
    assert rows[1].endswith("\t\t\t\t")
    assert cells(rows[1])[-3:] == ["", "", ""]
    assert "nan" not in "".join(rows)


def test_a_person_never_seen_is_all_blank(points, tmp_path):
    unseen = replace(points, p_in_world=torch.full_like(points.p_in_world, torch.nan))
    write_trc(unseen, "Ada", tmp_path / "a.trc")
    assert np.isnan(read_trc(tmp_path / "a.trc").xyz).all()


def test_bad_characters_in_names():
    names = marker_names(["L Hip", "L/Hip", "a\tb", "R.Toe", "über", ""])
    assert names == ["L_Hip", "L_Hip_2", "a_b", "R.Toe", "_ber", "_"]


def test_same_input_same_bytes(points, tmp_path):
    for folder in ("one", "two"):
        write_trc(points, "Ada", tmp_path / folder / "a.trc")
    assert (tmp_path / "one/a.trc").read_bytes() == (tmp_path / "two/a.trc").read_bytes()


def test_blocks_join_without_a_seam(tmp_path):
    """Longer than one block of 4096 rows."""
    write_trc(make_points(4100, ("Ada",), skeleton=load_skeleton("lsp14")), "Ada", tmp_path / "a.trc")
    trc = read_trc(tmp_path / "a.trc")
    assert np.array_equal(trc.frame, np.arange(1, 4101))
    np.testing.assert_allclose(np.diff(trc.t_s), 1001 / 60000, atol=2e-8)


def test_refuses_strangers_and_empty_recordings(points, tmp_path):
    with pytest.raises(FormatError, match=r"no person 'ada' to export\. Did you mean 'Ada'"):
        write_trc(points, "ada", tmp_path / "a.trc")
    with pytest.raises(FormatError, match="nobody was found"):
        write_trc(make_points(3, ()), "Ada", tmp_path / "a.trc")
    with pytest.raises(FormatError, match="no instant"):
        write_trc(make_points(0), "Ada", tmp_path / "a.trc")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file(points, tmp_path, monkeypatch):
    path = tmp_path / "a.trc"
    write_trc(points, "Ada", path)
    before = path.read_bytes()
    monkeypatch.setattr("mocap3d.export.trc._blocks", lambda *_: iter(["half a row", 1 / 0 if points else ""]))
    with pytest.raises(ZeroDivisionError):
        write_trc(points, "Bo", path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_opensim_reads_it(points, tmp_path):
    """Both of OpenSim's readers; run with OpenSim 4.6."""
    opensim = pytest.importorskip("opensim")
    write_trc(points, "Ada", tmp_path / "a.trc")
    table = opensim.TimeSeriesTableVec3(str(tmp_path / "a.trc"))
    data = opensim.MarkerData(str(tmp_path / "a.trc"))
    expected = opensim_xyz(points, 0)
    for row in range(40):
        got = [[table.getRowAtIndex(row)[k][axis] for axis in range(3)] for k in range(26)]
        np.testing.assert_allclose(got, expected[row], atol=5.1e-7)
    assert (data.getNumFrames(), data.getNumMarkers(), data.getUnits().getAbbreviation()) == (40, 26, "m")


def real_trcs(real_data: Path) -> list[Path]:
    return sorted([*real_data.glob("01*/**/pose-3d/*.trc"), *real_data.glob("06*/*.trc")])


def test_a_real_recording_comes_through(real_data, tmp_path):
    """Other programs' TRC, read strictly, written by us and read again: 25 markers' worth of real gaps and times."""
    for path in real_trcs(real_data):
        theirs = read_trc(path)
        write_trc(as_points(theirs), "Ada", tmp_path / "ours.trc")
        ours = read_trc(tmp_path / "ours.trc")
        assert ours.markers == theirs.markers
        np.testing.assert_allclose(ours.xyz, theirs.xyz * (0.001 if theirs.values["Units"] == "mm" else 1), atol=5.1e-7)
        np.testing.assert_allclose(ours.t_s, theirs.t_s, atol=6e-9)


def as_points(trc) -> Points3D:
    """A TRC as the record, its markers as a skeleton without limbs."""
    n, k, _ = trc.xyz.shape
    bare = replace(
        load_skeleton("lsp14"), keypoints=tuple(trc.markers), parents=(-1,) * k, mirror=tuple(range(k)),
        limbs=(), rigid=(), angle_limits=(), length_ratio=(), length_ratio_sigma=(),
    )  # fmt: skip
    metres = torch.from_numpy(trc.xyz[:, None]) * (0.001 if trc.values["Units"] == "mm" else 1)
    blank = make_points(n, ("Ada",), skeleton=bare, rate=Fraction(trc.values["DataRate"]))
    return replace(blank, p_in_world=OPENSIM.to_world(metres), t_s=torch.from_numpy(trc.t_s))
