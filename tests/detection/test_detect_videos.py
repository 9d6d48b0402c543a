"""Videos to Detections: exact keypoints, whoever is watched with whom, kept, resumed and repaired."""

import logging
import os
import shutil

import av
import cv2
import pytest
import torch
from clips import make_clip
from telling_pictures import Truth, telling_scene, write_telling_session

from mocap3d.detection import cache, watch
from mocap3d.detection import detect as door
from mocap3d.detection.detect import detect
from mocap3d.detection.options import DetectOptions
from mocap3d.detection.sweep import OF_STILL
from mocap3d.detection.watch import spans_of
from mocap3d.errors import DetectionError, SessionError
from mocap3d.session.session import load_session

FLOATS = ("box_px", "uv_px", "cov_px2", "log_weight")


@pytest.fixture(scope="module")
def scene():
    return telling_scene(n_people=2, duration_s=0.3)


@pytest.fixture
def root(scene, tmp_path):
    return write_telling_session(scene, tmp_path / "session")


@pytest.fixture
def seen(scene, monkeypatch):
    """What the stand-ins were shown; they take the networks' place."""
    return use(Truth(scene), monkeypatch)


def use(truth, monkeypatch):
    models = truth.models()
    monkeypatch.setattr(door, "open_models", lambda *_: models)
    return models


def assert_equal(some, others):
    assert list(some) == list(others)
    for view, found in some.items():
        for name in (*FLOATS, "frame", "person"):
            torch.testing.assert_close(
                getattr(found, name), getattr(others[view], name), rtol=0, atol=0, equal_nan=True
            )


def test_finds_the_truth_in_every_frame(root, seen, scene):
    """As the stand-in reads places from colours, which are whole numbers. Measured: 0.086 px at worst."""
    truth = seen.estimator.truth.uv_px
    for v, (view, found) in enumerate(detect(load_session(root)).items()):
        assert (found.view, found.keypoint_set, found.n_frames) == (view, "halpe26", len(scene.t_s))
        assert found.frame.tolist() == sorted([*range(len(scene.t_s))] * 2)
        distance = (found.uv_px[:, None, :, 0] - truth[v, found.frame]).norm(dim=-1).mean(-1)
        nearest, person = distance.min(1)
        assert nearest.max() < 0.12
        # Each track is one person.
        assert len({*zip(found.person.tolist(), person.tolist(), strict=True)}) == 2


@pytest.mark.usefixtures("seen")
def test_a_view_is_the_same_whoever_is_watched_with_it(root):
    together = detect(load_session(root))
    for view in ("cam01", "cam03"):
        alone = detect(load_session(root), views=[view])
        assert_equal(alone, {view: together[view]})


@pytest.mark.usefixtures("seen")
def test_views_may_differ_in_size(root):
    before = detect(load_session(root))
    for path in (root / "videos" / "cam02").iterdir():
        cv2.imwrite(str(path), cv2.copyMakeBorder(cv2.imread(str(path)), 0, 0, 0, 8, cv2.BORDER_CONSTANT))
    shutil.rmtree(root / "derived")  # so that all are watched together again
    after = detect(load_session(root))
    assert_equal({"cam01": after["cam01"]}, {"cam01": before["cam01"]})
    torch.testing.assert_close(after["cam02"].uv_px, before["cam02"].uv_px, rtol=0, atol=0.5, equal_nan=True)


def test_nothing_is_looked_at_twice(root, seen):
    first = detect(load_session(root))
    shown = seen.finder.n_pictures, seen.estimator.n_crops
    assert min(shown) > 0
    assert_equal(detect(load_session(root)), first)
    assert (seen.finder.n_pictures, seen.estimator.n_crops) == shown


def test_a_still_picture_is_searched_only_now_and_then(root, seen, scene):
    """At first, and at every fourth of the times at which it could be."""
    detect(load_session(root), DetectOptions(every=2))
    assert seen.finder.n_pictures == 3 * len(range(0, len(scene.t_s), 2 * OF_STILL))


def test_another_content_of_equal_size_and_date_is_noticed(root, seen, monkeypatch):
    path = root / "videos" / "cam01" / "004.png"
    content = path.read_bytes()
    path.write_bytes(content + b"a")  # behind the picture, where no reader looks
    stat = path.stat()
    detect(load_session(root), views=["cam01"])
    n_crops = seen.estimator.n_crops
    path.write_bytes(content + b"b")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    monkeypatch.setattr(cache, "_KNOWN", {})  # as in another run of the program
    detect(load_session(root), views=["cam01"])
    assert seen.estimator.n_crops == 2 * n_crops


@pytest.mark.parametrize("change", [{"every": 3}, {"models": "others"}])
def test_other_options_and_networks_are_other_entries(change, root, seen, monkeypatch):
    detect(load_session(root), views=["cam01"])
    n_crops = seen.estimator.n_crops
    if "models" in change:
        models = watch.Models(seen.estimator, seen.finder, change["models"])
        monkeypatch.setattr(door, "open_models", lambda *_: models)
        change = {}
    detect(load_session(root), DetectOptions(**change), views=["cam01"])
    assert seen.estimator.n_crops > n_crops


def test_what_was_interrupted_goes_on_where_it_was(root, seen, scene, monkeypatch):
    monkeypatch.setattr(watch, "SPAN", 6)
    assert len(spans_of(len(scene.t_s))) == 3
    whole = detect(load_session(root))
    n_crops = seen.estimator.n_crops
    for path in (root / "derived" / "detections").iterdir():
        path.unlink()

    def interrupt(stage, done, total):
        if "finding people" in stage and done > 0.6 * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect(load_session(root), progress=interrupt)
    kept = len(list((root / "derived" / "detections").iterdir()))
    assert kept == 3  # the first span of each view
    before = seen.estimator.n_crops
    assert_equal(detect(load_session(root)), whole)
    assert seen.estimator.n_crops - before == pytest.approx(n_crops * 2 / 3, abs=3)


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "of another view"])
def test_a_damaged_entry_is_noticed_and_made_again(damage, root, caplog):
    whole = detect(load_session(root))
    first, second, *_ = sorted((root / "derived" / "detections").iterdir())
    content = bytearray(first.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 255
    cut = {"cut": content[: len(content) // 2], "empty": b"", "of another view": second.read_bytes()}
    first.write_bytes(cut.get(damage, content))
    with caplog.at_level(logging.WARNING, "mocap3d"):
        assert_equal(detect(load_session(root)), whole)
    assert f"{first} is damaged" in caplog.text
    caplog.clear()
    detect(load_session(root))
    assert not caplog.text


@pytest.mark.usefixtures("seen")
def test_progress_is_told_in_frames(root, scene):
    told = []
    detect(load_session(root), progress=lambda *step: told.append(step))
    frames = [(done, total) for stage, done, total in told if "finding people" in stage]
    n = 3 * len(scene.t_s)
    assert frames == [(done, n) for done in range(3, n + 1, 3)]
    assert any(stage.startswith("recognising") for stage, *_ in told)
    assert any("on the CPU" in stage for stage, *_ in told)


def test_a_view_in_which_nobody_was_found_is_left_out_aloud(root, scene, monkeypatch, caplog):
    use(Truth(scene, misses=lambda view, *_: view == 1), monkeypatch)
    with caplog.at_level(logging.WARNING, "mocap3d"):
        assert list(detect(load_session(root))) == ["cam01", "cam03"]
    assert "Nobody was found in the views 'cam02'" in caplog.text


def test_nobody_at_all_is_an_error(root, scene, monkeypatch):
    use(Truth(scene, misses=lambda *_: True), monkeypatch)
    with pytest.raises(DetectionError, match=r"nobody was found in any of the 54 frames.*'cam01', 'cam02', 'cam03'"):
        detect(load_session(root))


def test_a_damaged_video_is_named_with_its_frame(tmp_path, seen, monkeypatch):
    nobody = watch.Models(seen.estimator, lambda images, _: [[] for _ in images], "nobody")
    monkeypatch.setattr(door, "open_models", lambda *_: nobody)
    path = make_clip(tmp_path / "session" / "videos" / "cam01.mp4", codec="mpeg4")
    session = load_session(tmp_path / "session")
    with av.open(str(path)) as container:
        start, size = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size][6]
    content = bytearray(path.read_bytes())
    content[start + 4 : start + size] = b"\xff" * (size - 4)
    path.write_bytes(content)
    with pytest.raises(SessionError, match=r"cam01\.mp4: frame 6 is damaged"):
        detect(session)


def test_spans_are_even_and_cover_everything(monkeypatch):
    monkeypatch.setattr(watch, "SPAN", 8)
    for n in (1, 7, 8, 11, 13, 100):
        spans = spans_of(n)
        assert [frame for span in spans for frame in span] == list(range(n))
        assert min(map(len, spans)) * 2 > max(map(len, spans))


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        ("sapenet-z", r"no weights 'sapenet-z'"),
        ("onnx:/nowhere.onnx", r"nowhere\.onnx cannot be read"),
        ("keypoints", r"no keypoints found"),
    ],
)
def test_a_detector_that_is_not_there_is_named(detector, message, root):
    with pytest.raises(DetectionError, match=message):
        detect(load_session(root), DetectOptions(detector=detector))


def test_videos_are_needed_for_a_network(root):
    session = load_session(root)
    with pytest.raises(DetectionError, match=r"detector 'blazepose' needs videos"):
        detect(session, DetectOptions(detector="blazepose"), views=[])


def test_a_device_that_is_not_there_is_named(root):
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(DetectionError, match=rf"device '{absent}' was asked for.*Usable here: .*cpu"):
        detect(load_session(root), DetectOptions(detector="blazepose", device=absent))
