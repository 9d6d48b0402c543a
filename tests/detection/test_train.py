"""Training on painted people: it learns, and whatever interrupts it changes nothing."""

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from painted_people import painted_people
from safetensors.torch import load_file

from mocap3d.cli import main
from mocap3d.detection import weights
from mocap3d.detection.blazepose import Trunk
from mocap3d.detection.encoder import fresh
from mocap3d.detection.heatmaps import Calibration
from mocap3d.detection.losses import LossOptions
from mocap3d.detection.sapenet import CONFIGS, Sapenet
from mocap3d.detection.training.augment import NO_AUGMENTATION, AugmentOptions
from mocap3d.detection.training.batches import Batches, BatchOptions
from mocap3d.detection.training.data import Heap, read_heap
from mocap3d.detection.training.learner import Averaged
from mocap3d.detection.training.network import initialise
from mocap3d.detection.training.options import (
    BudgetOptions,
    OptimiserOptions,
    TrainOptions,
    presets,
    read_options,
)
from mocap3d.detection.training.schedule import FLOOR, Schedule
from mocap3d.detection.training.train import STATE, Run, deterministic, train
from mocap3d.detection.training.validate import Answers, Scores, answers_of, scores
from mocap3d.errors import DetectionError
from mocap3d.session.samples import write_samples
from mocap3d.synthesis.rendering.dataset import PeopleOptions, rendered_shard
from mocap3d.synthesis.rendering.studio import StudioOptions, open_studio

SMALL = (96, 128)


def run(*arguments: object) -> int:
    """One mocap3d command line in this process; its exit code."""
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    write_samples(folder / "shard_0.npz", painted_people(24, 0, size_px=SMALL))
    write_samples(folder / "shard_1.npz", painted_people(8, 1, size_px=SMALL))
    return folder


@pytest.fixture(scope="module")
def dolls() -> Heap:
    """64 pictures of jointed dolls in rooms, rendered."""
    studio = open_studio(StudioOptions(body="mannequin"))
    return Heap("dolls", [rendered_shard(studio, PeopleOptions(n=64), 0)])


def options(data: Path, out: Path, steps: int = 6, **changes) -> TrainOptions:
    budget = BudgetOptions(steps=steps, warmup_steps=2, freeze_trunk_for=0.5)
    stated = TrainOptions(
        network="sapenet-xs", data=(data,), val=(data,), out=out, size_px=SMALL, bf16=False, device="cpu", max_val=8,
        threads=1, batches=BatchOptions(batch=4, workers=2), budget=budget,
    )  # fmt: skip
    return replace(stated, **changes)


class StopAfter:
    """A stop signal that comes after so many steps."""

    def __init__(self, steps: int):
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0


def test_a_tiny_network_learns_64_rendered_pictures_within_a_minute(dolls, tmp_path):
    """From random weights. Measured: PCK@0.2 0.95 after 48 s of CPU on a busy machine, rendering not counted."""
    stated = options(
        tmp_path, tmp_path, bf16=True, augment=NO_AUGMENTATION, batches=BatchOptions(batch=64),
        budget=BudgetOptions(steps=90, warmup_steps=5), optimiser=OptimiserOptions(lr=5e-3, ema=0.9),
    )  # fmt: skip
    start_s = time.process_time()
    with deterministic(stated):
        run_ = Run(stated, Sapenet(CONFIGS["sapenet-xs"]), [dolls], [])
        run_.run()
        spent_s = time.process_time() - start_s
        found = scores(answers_of(run_.learner.average.model, dolls, SMALL, n=64))
    assert found.pck[2, 2] > 0.9
    assert spent_s < 60


@pytest.mark.parametrize(("stopped_after", "adversarial"), [(2, 0.0), (4, 0.01)])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(data, tmp_path, stopped_after, adversarial):
    """Before and after the trunk joins at step 3; without and with the discriminator of Figure 2."""
    loss = LossOptions(adversarial=adversarial)
    whole = train(options(data, tmp_path / "whole", loss=loss))
    part = train(options(data, tmp_path / "parts", loss=loss), stop=StopAfter(stopped_after))
    assert (part.is_finished, part.place.step) == (False, stopped_after)
    rest = train(options(data, tmp_path / "parts", loss=loss))
    assert (whole.is_finished, rest.is_finished, rest.place.step) == (True, True, 6)
    one, other = (load_file(tmp_path / folder / STATE) for folder in ("whole", "parts"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert any(name.startswith("optimiser/trunk") for name in one)
    assert any(name.startswith("judge/") for name in one) == bool(adversarial)


def test_a_frozen_trunk_is_left_alone_and_everything_else_learns(data, tmp_path):
    stated = options(data, tmp_path, steps=3, budget=BudgetOptions(steps=3, warmup_steps=0, freeze_trunk_for=1.0))
    torch.manual_seed(stated.seed)
    start = Sapenet(CONFIGS["sapenet-xs"]).state_dict()
    train(stated)
    state = load_file(tmp_path / STATE)
    for kind in ("model", "average"):
        same = {name: torch.equal(state[f"{kind}/{name}"], value) for name, value in start.items()}
        assert all(is_same for name, is_same in same.items() if name.startswith("trunk."))
        assert not same["heads.0.weight"]
    assert not any(name.startswith("optimiser/trunk") for name in state)


def test_the_trunks_steps_are_in_proportion_to_its_filters_where_asked(data, tmp_path):
    """AdamW's first step is the learning rate for every weight; here of the size of its filter."""
    optimiser = OptimiserOptions(lr=1e-2, trunk_lr=1.0, weight_decay=0.0, trunk_in_proportion=True)
    stated = options(data, tmp_path, optimiser=optimiser, budget=BudgetOptions(steps=1, warmup_steps=0))
    with deterministic(stated):
        run_ = Run(stated, Sapenet(CONFIGS["sapenet-xs"]), [read_heap(data)], [])
        before = {name: p.detach().clone() for name, p in run_.learner.model.named_parameters()}
        run_.learner.step(run_.batches.batch(0))
    for name, p in run_.learner.model.named_parameters():
        moved = (p.detach() - before[name]).abs().max()
        if name.startswith("trunk.") and p.ndim > 1:
            assert 0 < moved <= 1.01e-2 * before[name].abs().max(), name
    assert (run_.learner.model.heads[0].weight - before["heads.0.weight"]).abs().max() > 0.5e-2


def test_distillation_pulls_the_trunk_back(data, tmp_path):
    """With a large weight the features stay nearer to those of the first trunk. Measured: 0.26 of the drift."""
    torch.manual_seed(0)
    init, drift = tmp_path / "trunk.safetensors", []
    weights.save(init, fresh(Trunk("full")).state_dict(), {"name": "trunk"}, half=False)
    for weight in (0.0, 30.0):
        optimiser = OptimiserOptions(lr=1e-3, trunk_lr=1.0, distil=weight, distil_share=1.0)
        budget = BudgetOptions(steps=8, warmup_steps=0)
        stated = options(
            data, tmp_path / str(weight), network="sapenet-s", init=str(init), optimiser=optimiser, budget=budget
        )
        model = Sapenet(CONFIGS["sapenet-s"])
        initialise(model, str(init))
        run_ = Run(stated, model, [read_heap(data)], [])
        run_.run()
        image = run_.batches.batch(0).image.float() / 255
        with torch.no_grad():
            drift.append(float(run_.learner.start.drift(image, run_.learner.model.features(image), share=1.0, step=0)))
    assert drift[1] < 0.5 * drift[0]


def test_the_average_follows_by_its_memory():
    """a <- m a + (1 - m) w with m = min(memory, (1 + n) / (10 + n))."""
    layer = torch.nn.Linear(1, 1)
    average, by_hand = Averaged(layer, 0.9), layer.weight.item()
    for step in range(200):
        with torch.no_grad():
            layer.weight.fill_(float(step))
        average.follow(layer, step)
        memory = min(0.9, (1 + step) / (10 + step))
        by_hand = memory * by_hand + (1 - memory) * step
    assert average.model.weight.item() == pytest.approx(by_hand, rel=1e-5)


def test_the_schedule_rises_and_falls():
    schedule = Schedule(BudgetOptions(epochs=10.0, warmup_steps=0, warmup_epochs=2.0), steps_per_epoch=50.0)
    assert (schedule.n_steps, schedule.warmup_steps) == (500, 100)
    factors = [schedule.lr_factor(schedule.progress(step, 0.0), step) for step in range(501)]
    assert factors[0] == pytest.approx(0.01)
    assert np.argmax(factors) == 99
    assert factors[500] == pytest.approx(FLOOR)
    by_time = Schedule(BudgetOptions(minutes=2.0), steps_per_epoch=50.0)
    assert by_time.progress(123456, 60.0) == 0.5


def test_the_time_budget_counts_over_restarts(data, tmp_path):
    stated = options(data, tmp_path, budget=BudgetOptions(minutes=1e9, warmup_steps=0))
    first = train(stated, stop=StopAfter(2)).place
    second = train(stated, stop=StopAfter(1)).place
    assert (first.step, second.step) == (2, 3)
    assert second.elapsed_s > first.elapsed_s > 0
    used_up = replace(stated, budget=BudgetOptions(minutes=0.9 * second.elapsed_s / 60, warmup_steps=0))
    third = train(used_up)
    assert third.is_finished
    assert third.place.step == 3


def test_the_log_has_its_rows_and_none_from_the_future(data, tmp_path, monkeypatch):
    monkeypatch.setattr("mocap3d.detection.training.train.LOG_EVERY", 5)
    stated = options(data, tmp_path, steps=10)
    train(stated, stop=StopAfter(7))
    log = tmp_path / "log.csv"
    row = log.read_text(encoding="utf-8").splitlines()[-1].split(",")
    log.write_text(log.read_text(encoding="utf-8") + ",".join(["8", *row[1:]]) + "\n", encoding="utf-8")
    train(stated)
    with log.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["5", "10"]
    assert {"loss", "heatmap_4", "lr", "trunk_lr", "gradient", "images_per_s", "waiting"} < rows[0].keys()
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    assert (rows[0]["trunk_gradient"], float(rows[1]["trunk_gradient"]) > 0) == ("", True)
    with (tmp_path / "validation.csv").open(encoding="utf-8") as file:
        scores = list(csv.DictReader(file))
    assert [row["step"] for row in scores] == ["10"]
    assert {"pck0.1_visible", "pck0.2_hidden", "pck0.05_all", "pck0.1_LKnee", "visibility"} < scores[0].keys()
    assert (tmp_path / f"{data.name}.jpg").stat().st_size > 10_000


def test_the_weights_say_what_they_are(data, tmp_path):
    trained = train(options(data, tmp_path, about="Of a test."))
    file = weights.load(trained.weights)
    net = Sapenet(CONFIGS["sapenet-xs"])
    weights.fill(net, file)
    state = load_file(tmp_path / STATE)
    assert torch.allclose(net.heads[0].weight, state["average/heads.0.weight"], atol=1e-3)
    card = file.card
    assert (card["name"], card["about"], card["keypoints"], card["steps"]) == ("sapenet-xs", "Of a test.", "halpe26", 6)
    assert card["network"]["trunk"] == "plain"
    assert card["scores"][data.name]["pictures"] == 8
    assert str(tmp_path) not in json.dumps(card)
    assert isinstance(Calibration.from_json(card["calibration"]), Calibration)


def test_the_weights_kept_are_those_that_did_best(data, tmp_path, monkeypatch):
    """Also over a restart: what earlier sessions found is in validation.csv."""
    pck = iter([0.3, 0.5, 0.4, 0.45])

    def said(answers: Answers) -> Scores:
        return replace(scores(answers), pck=torch.full((3, 3), next(pck)))

    monkeypatch.setattr("mocap3d.detection.training.train.scores", said)
    budget = BudgetOptions(steps=4, warmup_steps=0, validate_every_steps=1)
    kept = []
    for session in (2, 1, 9):
        trained = train(options(data, tmp_path, budget=budget), stop=StopAfter(session))
        kept.append(weights.load(trained.weights).card["steps"])
    assert kept == [2, 2, 2]


def test_training_goes_on_from_weights(data, tmp_path):
    first = train(options(data, tmp_path / "first"))
    stated = options(data, tmp_path / "second", init=str(first.weights), budget=BudgetOptions(steps=1, warmup_steps=0))
    run_ = train(stated)
    card = weights.load(run_.weights).card
    assert (card["options"]["init"], str(tmp_path) in json.dumps(card)) == (first.weights.name, False)
    assert card["started_from"]["name"] == "sapenet-xs"
    assert card["started_from"]["sha256"] == weights.load(first.weights).sha256


def test_a_killed_run_goes_on(data, tmp_path):
    """SIGKILL at any moment: the state file is whole, and nothing half-written is taken for it."""
    code = (
        "import sys; from pathlib import Path; from mocap3d.detection.training.options import *;"
        "from mocap3d.detection.training.train import train;"
        "from mocap3d.detection.training.batches import BatchOptions;"
        "train(TrainOptions(network='sapenet-xs', data=(Path(sys.argv[1]),), out=Path(sys.argv[2]), size_px=(96, 128),"
        "device='cpu', threads=1, batches=BatchOptions(batch=2),"
        "budget=BudgetOptions(minutes=9.0, save_every_minutes=1e-6)))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(data), str(tmp_path)])
    state, deadline = tmp_path / STATE, time.monotonic() + 60
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    budget = BudgetOptions(minutes=9.0, save_every_minutes=1e9)
    went_on = train(options(data, tmp_path, budget=budget, batches=BatchOptions(batch=2)), stop=StopAfter(1))
    assert went_on.place.step > 1


def test_ctrl_c_saves_and_says_how_to_go_on(data, tmp_path, capsys):
    config = tmp_path / "config.toml"
    config.write_text(
        f'network = "sapenet-xs"\ndata = ["{data}"]\nsize_px = [96, 128]\n[batches]\nbatch = 2\n[budget]\nminutes=9\n',
        encoding="utf-8",
    )
    timer = threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    assert run("train", config) == 130
    assert "the same command goes on" in capsys.readouterr().out
    assert (tmp_path / "training" / STATE).exists()
    assert not list(tmp_path.rglob(".*"))


def test_batches_do_not_depend_on_who_makes_them(data):
    heap = read_heap(data)
    stated = BatchOptions(batch=4, workers=3)
    ahead = Batches([heap], SMALL, stated, AugmentOptions(), seed=5).stream(7)
    alone = Batches([heap], SMALL, stated, AugmentOptions(), seed=5)
    for step in range(7, 12):
        one, other = next(ahead), alone.batch(step)
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.uv_px, other.uv_px)
        assert torch.equal(one.prior_uv_px.nan_to_num(-1), other.prior_uv_px.nan_to_num(-1))
    ahead.close()


def test_shares_views_and_frames_come_as_asked():
    many, few = (Heap(name, [painted_people(n, size_px=SMALL)]) for name, n in (("many", 30), ("few", 3)))
    views = Heap("views", [painted_people(12, views=4, size_px=SMALL)])
    clips = Heap("clips", [painted_people(12, frames=6, size_px=SMALL)])
    of_view = Batches([many, views], SMALL, BatchOptions(8, (0.5, 0.5), 4), AugmentOptions(), seed=0).batch(3)
    assert of_view.instant[:4].tolist() == [-1] * 4
    assert len(set(of_view.instant[4:].tolist())) == 1
    in_a_row = Batches([clips], SMALL, BatchOptions(6, (), 1, 3), AugmentOptions(), seed=0).batch(1)
    assert all(b - a == 1 for a, b in zip(in_a_row.frame[:2], in_a_row.frame[1:3], strict=True))
    assert len(set(in_a_row.clip[:3].tolist())) == 1
    mixed = Batches([many, few], SMALL, BatchOptions(4, (0.75, 0.25)), AugmentOptions(), seed=0)
    assert mixed._counts == [3, 1]


def test_every_picture_comes_once_per_epoch():
    heap = Heap("people", [painted_people(10, size_px=SMALL)])
    batches = Batches([heap], SMALL, BatchOptions(batch=5), NO_AUGMENTATION, seed=0)
    epochs = [[int(batches._unit(0, draw)[0]) for draw in range(first, first + 10)] for first in (0, 10)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("name", presets())
def test_presets_are_read(name):
    stated = read_options(name)
    assert stated.network in CONFIGS
    assert stated.budget.minutes or stated.budget.epochs


def test_the_configuration_in_the_docs_is_read(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    block = page[page.index('    network = "sapenet-s"') :].split("\n\nThe folder")[0]
    path = tmp_path / "config.toml"
    path.write_text(textwrap.dedent(block), encoding="utf-8")
    stated = read_options(path)
    assert (stated.network, stated.init, stated.batches.share) == ("sapenet-s", "blazepose-full", (0.75, 0.25))
    assert stated.data == (tmp_path / "people", tmp_path / "lab")


def test_the_papers_schedule():
    stated = read_options("paper")
    assert (stated.budget.warmup_epochs, stated.augment.flip, stated.augment.crop_scale) == (5, 0.5, (0.8, 1.0))
    assert (stated.augment.colour, stated.augment.rotated) == (0.2, 0.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("netwrk = 'sapenet-s'", "unknown key 'netwrk'. Did you mean 'network'?"),
        ("[budget]\nsteps = 3\nminutes = 4", "steps and minutes are both given"),
        ("[augment]\nflip = 1.5", "flip is 1.5; needed a number from 0 to 1"),
        ("data = ['a', 'b']\n[batches]\nshare = [1.0]", "1 numbers for 2 data folders"),
        ("size_px = [190, 256]", "that 32 divides"),
        ("[optimiser]\nlr = 0", "lr is 0; needed more than 0"),
        ("[batches]\nworkers = 0", "workers is 0; needed a whole number of at least 1"),
    ],
)
def test_a_wrong_configuration_is_refused_in_words(tmp_path, text, words):
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DetectionError) as refused:
        read_options(path)
    assert words in str(refused.value)


def test_what_is_missing_is_said(data, tmp_path, capsys):
    assert run("train", "sapenet-x") == 2
    assert "Did you mean 'sapenet-" in capsys.readouterr().err
    assert run("train", "sapenet-s", "--out", tmp_path) == 2
    assert "No data to train on" in capsys.readouterr().err
    with pytest.raises(DetectionError, match="No budget"):
        train(options(data, tmp_path, budget=BudgetOptions()))
    with pytest.raises(DetectionError, match=r"no network 'sapenet-xxs'\. Did you mean 'sapenet-xs'"):
        train(options(data, tmp_path, network="sapenet-xxs"))


def test_a_broken_or_foreign_state_is_refused(data, tmp_path):
    (tmp_path / STATE).write_bytes(b"half of it")
    with pytest.raises(DetectionError, match="cannot be read"):
        train(options(data, tmp_path))
    train(options(data, tmp_path / "afl", steps=1))
    with pytest.raises(DetectionError, match="of another network"):
        train(options(data, tmp_path / "afl", without=("afl",)))
