"""Sessions judged without truth, results against references, and ablations, on small synthetic scenes."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from mocap3d.cli import compare as command
from mocap3d.detection.training.batches import BatchOptions
from mocap3d.detection.training.options import BudgetOptions, TrainOptions
from mocap3d.errors import FormatError
from mocap3d.export.npz import write_npz
from mocap3d.export.trc import write_trc
from mocap3d.scoring.ablate import NETWORK_VARIANTS, AblateOptions, ablate_fit, ablate_network, fusion_variants
from mocap3d.scoring.compare import CompareOptions, compare, table_of
from mocap3d.scoring.session import evaluate_session
from mocap3d.session.records import Points3D
from mocap3d.session.samples import write_samples
from mocap3d.synthesis.scene import SceneOptions
from mocap3d.synthetic_session import synthesise
from tests.painted_people import painted_people
from tests.scene import small_scene


def points_of_truth() -> Points3D:
    scene = small_scene(n_views=4, duration_s=1.0)
    shape = scene.p_in_world.shape[:3]
    return Points3D(
        skeleton=scene.skeleton,
        people=("P1",),
        t_s=scene.t_s,
        rate=scene.rate,
        p_in_world=scene.p_in_world,
        cov_m2=torch.eye(3, dtype=torch.float64).expand(*shape, 3, 3) * 1e-6,
        n_views=torch.full(shape, 4, dtype=torch.int8),
        provenance=torch.full(shape, 2, dtype=torch.int8),
    )


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    write_npz(points_of_truth(), folder / "points.npz")
    return folder


def test_a_reference_with_other_axes_agrees(results, tmp_path):
    """TRC is Y up and in millimetres."""
    reference = tmp_path / "markers.trc"
    write_trc(points_of_truth(), "P1", reference)
    comparison = compare(results, reference, CompareOptions())
    assert max(one.rmse for one in comparison.agreements) < 0.05
    assert abs(comparison.offset_s) < 1e-4
    assert table_of(comparison, results, reference).value("all") < 0.05
    of_session = compare(results.parent, reference, CompareOptions())
    assert [one.rmse for one in of_session.agreements] == [one.rmse for one in comparison.agreements]


def test_another_unit_is_noticed_unless_size_is_not_to_be_judged(results, tmp_path):
    """A thousandth of the size, as where metres stand in a file of millimetres."""
    points = points_of_truth()
    write_trc(replace(points, p_in_world=points.p_in_world / 1000), "P1", tmp_path / "markers.trc")
    with pytest.raises(FormatError, match=r"0\.001 times .* --scale"):
        compare(results, tmp_path / "markers.trc", CompareOptions(offset_s=0.0))
    comparison = compare(results, tmp_path / "markers.trc", CompareOptions(offset_s=0.0, scale=True))
    assert comparison.scale == pytest.approx(0.001, rel=1e-3)


def test_a_mirrored_reference_is_told_of(results, tmp_path):
    """As of a program whose axes are left-handed."""
    points = points_of_truth()
    flipped = replace(points, p_in_world=points.p_in_world * torch.tensor([1.0, -1.0, 1.0]))
    write_trc(flipped, "P1", tmp_path / "markers.trc")
    table = table_of(compare(results, tmp_path / "markers.trc", CompareOptions()), results, tmp_path / "markers.trc")
    assert "mirrored" in table.notes[-1]


@pytest.mark.parametrize("wrong", [lambda: AblateOptions(seeds=()), lambda: CompareOptions(max_offset_s=-1.0)])
def test_options_that_leave_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="needed"):
        wrong()


def test_the_command_writes_plots(results, tmp_path, capsys):
    reference = tmp_path / "markers.trc"
    write_trc(points_of_truth(), "P1", reference)
    assert command.run([str(results), str(reference), "--out", str(tmp_path / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed["agreements"]) == 26
    assert len(list((tmp_path / "out").glob("bland_altman_*.svg"))) == 26
    assert (tmp_path / "out" / "agreement.json").is_file()


def test_angles_are_compared_with_angles(tmp_path):
    def mot(path, shift: float, delay_s: float) -> None:
        t = np.arange(200) / 100
        knee = 30 + 20 * np.sin(6 * (t - delay_s)) + 5 * np.sin(15 * (t - delay_s)) + shift
        rows = "\n".join(f"{a:.6f}\t{b:.6f}\t{0.9:.6f}" for a, b in zip(t, knee, strict=True))
        path.write_text(
            f"Coordinates\nversion=1\nnRows=200\nnColumns=3\ninDegrees=yes\nendheader\ntime\tknee_angle_r\tpelvis_ty\n{rows}\n",
            encoding="utf-8",
        )

    mot(tmp_path / "ours.mot", 1.5, 0.05)
    mot(tmp_path / "theirs.mot", 0.0, 0.0)
    comparison = compare(tmp_path / "ours.mot", tmp_path / "theirs.mot", CompareOptions())
    assert [one.name for one in comparison.agreements] == ["knee_angle_r"]
    assert comparison.agreements[0].bias[0] == pytest.approx(1.5, abs=0.02)
    assert comparison.offset_s == pytest.approx(0.05, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("markers.xyz", CompareOptions(), "Needed: one of"),
        ("absent.trc", CompareOptions(), "no such file"),
        ("markers.trc", CompareOptions(person="P9"), "P9"),
        ("markers.trc", CompareOptions(pair=("LNee=LKnee",)), "OURS=REFERENCE"),
    ],
)
def test_a_users_mistake_is_named(results, tmp_path, name, options, said):
    write_trc(points_of_truth(), "P1", tmp_path / "markers.trc")
    (tmp_path / "markers.xyz").touch()
    with pytest.raises(FormatError, match=said):
        compare(results, tmp_path / name, options)


def test_a_session_tells_of_itself(tmp_path):
    """Four cameras, 3 px: a view that was left out is met within a few pixels."""
    synthesise(small_scene(n_views=4, duration_s=1.0), tmp_path)
    table = evaluate_session(tmp_path)
    assert 1 < table.value("held-out view") < 8
    assert table.value("bone-length spread") < 10
    assert table.value("measured: P1") > 90
    assert table.value("jitter") > 0
    assert sum(score.name.startswith("held out: ") for score in table.scores) == 4


def test_each_prior_is_worth_something():
    """On noisy scenes whole sequences beat triangulation threefold in acceleration."""
    options = AblateOptions(seeds=(0,), scene=SceneOptions(n_views=3, duration_s=0.7, rate=Fraction(60)))
    table = ablate_fit(options)
    by_name = {(score.name, score.about): score.value for score in table.scores}
    assert len({name for name, _ in by_name}) == len(fusion_variants())
    whole, without = (
        by_name[name, "acceleration error"] for name in ("whole", "without whole sequences (triangulation)")
    )
    assert without > 3 * whole
    assert by_name["without constant limbs", "mean error"] > by_name["whole", "mean error"]
    assert by_name["without smooth motion", "acceleration error"] > 3 * whole


@pytest.mark.slow
def test_every_part_of_the_network_is_left_out_in_turn(tmp_path):
    """Two steps each, on painted people: a table of five trainings, and runs that differ."""
    for name, n in (("train", 8), ("val", 4)):
        write_samples(tmp_path / name / "shard_00000.npz", painted_people(n, size_px=(64, 96), views=2))
    options = TrainOptions(
        data=(tmp_path / "train",), val=(tmp_path / "val",), out=tmp_path / "runs", size_px=(64, 96), threads=1,
        device="cpu", batches=BatchOptions(batch=4, workers=1), budget=BudgetOptions(steps=2, warmup_steps=1),
    )  # fmt: skip
    told = []
    table = ablate_network(options, lambda what, number, of: told.append((what, number, of)))
    assert {score.name for score in table.scores} == set(NETWORK_VARIANTS)
    assert told[-1] == ("training without structural priors", 4, 5)
    cards = [next((tmp_path / "runs" / name.replace(" ", "-")).glob("*.safetensors")) for name in NETWORK_VARIANTS]
    assert len({card.read_bytes() for card in cards}) == len(NETWORK_VARIANTS)
    with pytest.raises(FormatError, match="held-out pictures"):
        ablate_network(replace(options, val=()))
