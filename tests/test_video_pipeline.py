"""Videos to 3D: the straight line with stand-ins for the networks, the second look, and what the commands tell."""

import json

import pytest
from telling_pictures import Truth, error_m, telling_scene, write_telling_session
from tiny_session import run

from mocap3d.detection import detect as door
from mocap3d.detection.options import DetectOptions
from mocap3d.overview import look_over
from mocap3d.pipeline import ReconstructOptions, reconstruct
from mocap3d.session.video import frames, probe

LOST_VIEW, LOST = 1, range(8, 18)


def lost_for_a_while(view, frame, _person):
    """The second view misses everybody in ten frames of the middle."""
    return view == LOST_VIEW and frame in LOST


@pytest.fixture(scope="module")
def scene():
    return telling_scene()


@pytest.fixture(scope="module")
def written(scene, tmp_path_factory):
    return write_telling_session(scene, tmp_path_factory.mktemp("video") / "session")


@pytest.fixture
def use(scene, monkeypatch, written):
    """Puts stand-ins in the networks' place, who miss what they are told to."""
    for path in (written / "derived" / "detections").glob("*"):
        path.unlink()

    def put(misses=lambda *_: False):
        models = Truth(scene, misses).models()
        monkeypatch.setattr(door, "open_models", lambda *_: models)
        return models

    return put


def test_a_session_of_videos_is_reconstructed(use, written, scene):
    """Keypoints good to 0.05 px in pictures of 240 px. Measured: mean 0.4 mm, 1.8 mm at most."""
    use()
    found = reconstruct(written)
    assert found.points.people == ("P1",)
    assert error_m(found.points, scene).nanmean() < 0.002
    assert found.tracks.uv_px[..., 0, 0].isfinite().all()


def test_a_second_look_finds_who_was_lost(use, written):
    models = use(lost_for_a_while)
    alone = reconstruct(written, ReconstructOptions(detect=DetectOptions(guided=False)))
    n_crops = models.estimator.n_crops
    guided = reconstruct(written)
    lost = alone.tracks.uv_px[LOST_VIEW, list(LOST), 0, :, 0, 0]
    again = guided.tracks.uv_px[LOST_VIEW, list(LOST), 0, :, 0]
    truth = models.estimator.truth.uv_px[LOST_VIEW, list(LOST), 0]
    assert lost.isnan().all()
    assert (again - truth).norm(dim=-1).max() < 0.1
    assert guided.points.n_views[list(LOST)].min() == 3
    # Only those were looked at again.
    assert models.estimator.n_crops - n_crops == len(LOST)


def test_a_second_look_is_kept_too(use, written):
    models = use(lost_for_a_while)
    first = reconstruct(written)
    n_crops = models.estimator.n_crops
    second = reconstruct(written)
    assert models.estimator.n_crops == n_crops
    assert first.points.p_in_world.equal(second.points.p_in_world)


def test_nothing_is_looked_at_again_where_all_is_well(use, written):
    use()
    told = []
    reconstruct(written, progress=lambda stage, *_: told.append(stage))
    assert not any("looking again" in stage for stage in told)


def test_the_command_tells_what_was_found(use, written, capsys):
    use(lost_for_a_while)
    assert run("detect", written, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {view: found["n_frames"] for view, found in told["views"].items()} == dict.fromkeys(told["views"], 24)
    assert told["views"]["cam01"]["n_frames_with_people"] == 24
    assert told["views"]["cam02"]["n_frames_with_people"] == 24 - len(LOST)
    assert run("detect", written) == 0
    told = capsys.readouterr()
    assert "frames/s" in told.out
    assert "100.0%" in told.out
    assert "finding people: sapenet-s on the CPU" not in told.err  # nothing was left to be found


def test_overlays_are_videos(use, written, capsys):
    use()
    assert run("detect", written, "--overlay", "--json") == 0
    files = json.loads(capsys.readouterr().out)["overlays"]
    assert [file.rsplit("/", 1)[1] for file in files] == ["cam01.mp4", "cam02.mp4", "cam03.mp4"]
    info = probe(written / "derived" / "overlays" / "cam02.mp4")
    assert (len(info.t_s), info.size_px, info.rate) == (24, (240, 134), 60)
    (_, drawn), (_, bare) = next(frames(info.path, [3])), next(frames(written / "videos" / "cam02", [3]))
    assert (abs(drawn.astype(int) - bare[:134]) > 60).any(-1).sum() > 50


def test_info_says_which_detector_would_run(written, capsys):
    overview = look_over(written)
    assert (overview.detector, overview.missing, overview.n_instants) == ("sapenet-s", (), 24)
    assert run("info", written) == 0
    assert "detector: sapenet-s" in capsys.readouterr().out


def test_flags_choose_the_detector(written, capsys):
    assert run("reconstruct", written, "--detector", "onnx:/nowhere.onnx") == 2
    assert "nowhere.onnx cannot be read" in capsys.readouterr().err
    assert run("reconstruct", written, "--detect.every", "0") == 2
    assert "every is 0; needed at least 1" in capsys.readouterr().err


def test_session_toml_chooses_the_detector(tmp_path, scene):
    root = write_telling_session(scene, tmp_path / "session")
    with (root / "session.toml").open("a", encoding="utf-8") as file:
        file.write('[reconstruct.detect]\ndetector = "blazepose"\n')
    assert look_over(root).detector == "blazepose"
