"""The straight line: accuracy against truth, options, people, and what happens to files."""

from dataclasses import replace

import pytest
import torch
from tiny_session import VIEWS, copy_of_tiny_session, hidden_files, tiny_scene

from mocap3d import pipeline
from mocap3d.errors import FormatError, FusionError, SessionError
from mocap3d.export import results
from mocap3d.export.npz import read_npz
from mocap3d.fusion.associate import AssociateOptions
from mocap3d.fusion.fit import FitOptions
from mocap3d.fusion.points import PointsOptions
from mocap3d.pipeline import (
    COMPILING,
    STAGES,
    ReconstructOptions,
    reconstruct,
    stated_options,
)
from mocap3d.session.session import load_session
from mocap3d.writing import export_all, summary_of

EXTRA = '\n[reconstruct.fit]\nmax_gap_s = 0.125\n[reconstruct.associate]\npeople = ["Ada"]\n'


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return copy_of_tiny_session(tmp_path_factory.mktemp("pipeline") / "session")


@pytest.fixture(scope="module")
def reconstruction(root):
    return reconstruct(root)


def test_finds_the_truth(reconstruction):
    """Half a second, three cameras, noise of 3 px. Measured: mean 11.9 mm, triangulated alone 26.7 mm."""
    truth = tiny_scene().p_in_world
    error_m = {
        name: (points.p_in_world - truth).norm(dim=-1).nanmean()
        for name, points in (("alone", reconstruction.triangulated), ("together", reconstruction.points))
    }
    assert error_m["together"] < 0.014
    assert error_m["together"] < 0.6 * error_m["alone"]


def test_hands_on_what_it_was_made_from(reconstruction, root):
    assert reconstruction.session.root == root
    assert reconstruction.options == ReconstructOptions()
    assert reconstruction.tracks.views == tuple(reconstruction.rig.cameras) == VIEWS
    assert reconstruction.points.people == ("P1",)
    assert summary_of(reconstruction).n_frames == len(reconstruction.points.t_s) == 30


def test_tells_its_progress(root, monkeypatch):
    told = []
    monkeypatch.setattr(pipeline, "is_compiled", lambda _: False)
    reconstruct(root, progress=lambda *step: told.append(step))
    n = len(STAGES)
    assert [(done, total) for _, done, total in told] == [(i, n) for i in range(n)]
    expected = [stage + COMPILING * (stage.startswith(("triangulating", "fitting"))) for stage in STAGES]
    assert [stage for stage, _, _ in told] == expected


EVERYTHING = [
    *(f"P1.{ending}" for ending in ("bvh", "c3d", "csv", "glb", "mot", "osim", "trc")), "P1_ik.xml", "angles.parquet",
    "joints.parquet", "motion.npz", "points.npz", "points.parquet", "report.html", "summary.json",
]  # fmt: skip


def test_the_same_input_gives_the_same_bytes(root, reconstruction, tmp_path):
    first = export_all(reconstruction, tmp_path / "first")
    second = export_all(reconstruct(root), tmp_path / "second")
    assert [path.name for path in first] == EVERYTHING
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_what_was_exported_comes_back(reconstruction, tmp_path):
    export_all(reconstruction, tmp_path, ("npz",))
    points = read_npz(tmp_path / "points.npz")
    assert torch.equal(points.p_in_world.nan_to_num(), reconstruction.points.p_in_world.nan_to_num())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "motion.npz",
        "points.npz",
        "report.html",
        "summary.json",
    ]


def test_results_are_of_the_session_unless_told_otherwise(tmp_path):
    reconstruction = reconstruct(copy_of_tiny_session(tmp_path / "session"))
    assert export_all(reconstruction)[-1] == tmp_path / "session" / "results" / "summary.json"


def test_nothing_is_written_where_one_format_fails(reconstruction, tmp_path, monkeypatch):
    export_all(reconstruction, tmp_path / "old")
    before = {path: path.read_bytes() for path in (tmp_path / "old").iterdir()}

    def fail(*_):
        raise FormatError("no")

    monkeypatch.setattr(results, "write_npz", fail)
    for folder in ("old", "new"):
        with pytest.raises(FormatError):
            export_all(reconstruction, tmp_path / folder)
    assert {path: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
    assert not (tmp_path / "new").exists()
    assert not list(hidden_files(tmp_path))


def test_session_toml_sets_the_options(tmp_path):
    root = copy_of_tiny_session(tmp_path / "session")
    with (root / "session.toml").open("a", encoding="utf-8") as file:
        file.write(EXTRA)
    options = stated_options(load_session(root))
    assert options == ReconstructOptions(AssociateOptions(people=("Ada",)), fit=FitOptions(max_gap_s=0.125))
    reconstruction = reconstruct(root)
    assert (reconstruction.options, reconstruction.points.people) == (options, ("Ada",))
    assert reconstruct(root, ReconstructOptions()).points.people == ("P1",)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"points": PointsOptions(gate=0.0)}, "points.gate"),
        ({"fit": FitOptions(threads=-1)}, "fit.threads"),
        ({"fit": FitOptions(limb_sigma_m=float("nan"))}, "fit.limb_sigma_m"),
        ({"associate": AssociateOptions(height_m=(-1.0, 2.0))}, "associate.height_m"),
        ({"associate": AssociateOptions(n_people=0)}, "associate.n_people"),
    ],
)
def test_senseless_numbers_are_refused(options, name):
    with pytest.raises(ValueError, match=rf"{name} is .*needed a number"):
        ReconstructOptions(**options)


def test_a_length_of_no_segment_is_named_before_anything_is_looked_for(tmp_path):
    """Of several people, too, whose lengths nobody uses as yet: they would be thought to count."""
    root = copy_of_tiny_session(tmp_path / "session")
    text = 'rate = 60\npeople = [{ name = "A" }, { name = "B", length_m = { femurs = 0.4 } }]\n'
    (root / "session.toml").write_text(text, encoding="utf-8")
    stages = []
    with pytest.raises(FusionError, match=r"length_m\.femurs: no such segment .*Did you mean femur"):
        reconstruct(root, progress=lambda stage, *_: stages.append(stage))
    assert not stages


def test_without_the_acceleration_prior_there_is_no_covariance_to_tell():
    with pytest.raises(ValueError, match=r"smoothness is 0.*covariance = false"):
        FitOptions(smoothness=0.0)
    assert ReconstructOptions(fit=FitOptions(smoothness=0.0, covariance=False)).fit.smoothness == 0


def test_zero_is_allowed_where_it_means_something():
    assert replace(ReconstructOptions(), fit=FitOptions(max_gap_s=0.0)).fit.max_gap_s == 0


def test_a_wrong_option_in_session_toml_is_named(tmp_path):
    root = copy_of_tiny_session(tmp_path / "session")
    with (root / "session.toml").open("a", encoding="utf-8") as file:
        file.write("\n[reconstruct.fit]\nlimb_sigma_m = -0.1\n")
    with pytest.raises(SessionError, match=r"session\.toml: \[reconstruct\] fit\.limb_sigma_m is -0\.1"):
        reconstruct(root)


def name_people(root, *names):
    """Rewrites session.toml with these people."""
    people = "".join(f'[[people]]\nname = "{name}"\nheight_m = 1.7\n' for name in names)
    (root / "session.toml").write_text('rate = 60\nskeleton = "halpe26"\n' + people, encoding="utf-8")


def test_the_people_of_session_toml_are_those_to_keep(tmp_path, caplog):
    """Of two walkers, one is asked for; which of two is which is not guessed."""
    root = copy_of_tiny_session(tmp_path / "session", n_people=2)
    for names, kept in ((("Grace",), ("Grace",)), ((), ("P1", "P2"))):
        name_people(root, *names)
        assert reconstruct(root).points.people == kept
        assert not caplog.text
    name_people(root, "Ada", "Grace")
    assert reconstruct(root).points.people == ("Ada", "Grace")
    assert "check who is who" in caplog.text


def test_fewer_people_than_stated_are_told(tmp_path, caplog):
    root = copy_of_tiny_session(tmp_path / "session")
    name_people(root, "Ada", "Grace")
    assert len(reconstruct(root).points.people) == 1
    assert "names 2 people, but 1 were found" in caplog.text


def test_a_view_without_a_camera_is_left_out_and_named_once(tmp_path, caplog):
    root = copy_of_tiny_session(tmp_path / "session")
    (root / "keypoints" / "cam03").rename(root / "keypoints" / "door")
    assert reconstruct(root).tracks.views == ("cam01", "cam02")
    assert caplog.text.count("door") == 1
