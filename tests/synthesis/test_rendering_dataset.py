"""Shards of rendered people: the same for the same seed, resumed where they stopped, and clips that fit together."""

import json

import numpy as np
import pytest
from dolls import STUDIO
from tiny_session import run

from mocap3d.errors import Mocap3dError
from mocap3d.session.samples import Samples, read_folder, read_samples
from mocap3d.synthesis.rendering import dataset
from mocap3d.synthesis.rendering.dataset import PeopleOptions, render_people, rendered_shard
from mocap3d.synthesis.rendering.studio import StudioOptions

DOLLS = StudioOptions(body="mannequin")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(dataset, "PER_SHARD", 2)


@pytest.fixture(scope="module")
def two_views() -> Samples:
    """Two moments of one motion through two cameras."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "PER_SHARD", 4)
        return rendered_shard(STUDIO, PeopleOptions(n=4, seed=3, multiview=2, frames=2, depth=True), 0)


def contents(folder) -> list[bytes]:
    return [path.read_bytes() for path in read_folder(folder)]


def test_a_folder_is_the_same_again_and_goes_on_where_it_stopped(tmp_path):
    """Three shards; the middle one is lost, and made again as it was while the others are left alone."""
    paths = render_people(tmp_path, PeopleOptions(n=5, seed=4), DOLLS)
    assert [len(read_samples(path)) for path in paths] == [2, 2, 1]
    first, times = contents(tmp_path), [path.stat().st_mtime_ns for path in paths]
    assert len(set(first)) == 3
    paths[1].unlink()
    told = []
    render_people(tmp_path, PeopleOptions(n=5, seed=4), DOLLS, lambda done, wanted: told.append((done, wanted)))
    assert contents(tmp_path) == first
    assert [path.stat().st_mtime_ns == time for path, time in zip(paths, times, strict=True)] == [True, False, True]
    assert told == [(2, 3), (3, 3)]


def test_a_torn_shard_is_made_again(tmp_path):
    """As a copy that was broken off leaves it."""
    (path,) = render_people(tmp_path, PeopleOptions(n=1, seed=6), DOLLS)
    whole = path.read_bytes()
    path.write_bytes(whole[:5000])
    render_people(tmp_path, PeopleOptions(n=1, seed=6), DOLLS)
    assert path.read_bytes() == whole


def test_more_of_the_same_completes_the_last_shard(tmp_path):
    render_people(tmp_path, PeopleOptions(n=1, seed=6), DOLLS)
    one = read_samples(tmp_path / "shard_00000.npz")
    render_people(tmp_path, PeopleOptions(n=2, seed=6), DOLLS)
    two = read_samples(tmp_path / "shard_00000.npz")
    np.testing.assert_array_equal(two.uv_px[:1], one.uv_px)
    assert two.encoded[0] == one.encoded[0]


def test_shards_are_told_apart_by_seed_and_number():
    shards = [
        rendered_shard(STUDIO, PeopleOptions(n=4, seed=seed), number)
        for seed, number in ((0, 0), (0, 1), (1, 0), (0, 0))
    ]
    assert len({shard.encoded for shard in shards}) == 3
    assert shards[0].encoded == shards[3].encoded


def test_a_folder_of_another_recipe_is_refused(tmp_path):
    render_people(tmp_path, PeopleOptions(n=1, seed=1), DOLLS)
    with pytest.raises(Mocap3dError, match=r"made with other options: .*seed=1.*Name another folder"):
        render_people(tmp_path, PeopleOptions(n=1, seed=2), DOLLS)


def test_stills_stand_alone(tmp_path):
    paths = render_people(tmp_path, PeopleOptions(n=2, seed=0), DOLLS)
    samples = read_samples(paths[0])
    assert (samples.instant == -1).all()
    assert (samples.clip == -1).all()
    assert (samples.weight == 1).all()
    assert samples.inverse_depth is None
    assert samples.picture(0).shape == (256, 192, 3)


def test_views_of_an_instant_agree_on_the_world(two_views):
    """Through the stored cameras, float32. Measured: 1e-6 m."""
    rotation, translation = two_views.cam_from_world[..., :3], two_views.cam_from_world[..., 3]
    p_in_world = np.einsum("nji,nkj->nki", rotation, two_views.p_in_cam - translation[:, None])
    for instant in (0, 1):
        first, second = p_in_world[two_views.instant == instant]
        np.testing.assert_allclose(first, second, atol=1e-5)
    assert np.abs(p_in_world[0] - p_in_world[2]).max() > 1e-3  # the person has moved


def test_views_are_different_and_labelled_by_time(two_views):
    assert two_views.instant.tolist() == [0, 0, 1, 1]
    assert two_views.frame.tolist() == [0, 0, 1, 1]
    assert set(two_views.clip) == {0}
    assert np.abs(two_views.cam_from_world[0] - two_views.cam_from_world[1]).max() > 0.1
    np.testing.assert_array_equal(two_views.cam_from_world[0], two_views.cam_from_world[2])


def test_stored_keypoints_are_the_projected_points(two_views):
    """Measured: 1e-4 px, float32's."""
    homogeneous = np.einsum("nij,nkj->nki", two_views.matrix, two_views.p_in_cam)
    assert np.abs(homogeneous[..., :2] / homogeneous[..., 2:] - two_views.uv_px).max() < 1e-3


def test_depth_is_stored_when_asked_for(two_views):
    per_m = two_views.inverse_depth_per_m(0)
    assert per_m.shape == (256, 192)
    seen = two_views.visibility[0] == 2
    column, row = np.clip(np.round(two_views.uv_px[0, seen]).astype(int), 0, [191, 255]).T
    known = per_m[row, column] > 0
    assert known.sum() > 8
    before_m = two_views.p_in_cam[0, seen, 2][known] - 1 / per_m[row, column][known]
    assert np.median(np.abs(before_m)) < 0.15


def test_clips_are_not_torn():
    options = PeopleOptions(n=100, multiview=4, frames=8)
    assert options.per_shard == 32
    assert [options.count(n) for n in range(options.n_shards)] == [32, 32, 32, 4]


@pytest.mark.parametrize("wrong", ["n", "multiview", "frames", "jobs"])
def test_counts_below_one_are_refused(wrong):
    with pytest.raises(ValueError, match=f"--{wrong} 0: needed is at least 1"):
        PeopleOptions(**{wrong: 0})


def test_the_command_writes_shards_and_says_so(tmp_path, capsys):
    out = tmp_path / "people"
    assert run("synth", "people", "--out", out, "--n", "1", "--body", "mannequin", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"folder": str(out), "n": 1, "shards": ["shard_00000.npz"], "warnings": []}
    assert len(read_samples(out / "shard_00000.npz")) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--n", "0"), "--n 0: needed is at least 1"),
        (("--seed", "-1"), "--seed -1: needed is at least 0"),
        (("--people", "-1"), "--people -1: needed is at least 0"),
        (("--body", "mannequin", "--assets", "."), "MakeHuman's clothes need the body 'anny'"),
        (("--body", "mannequin", "--motions", "nowhere"), "nowhere: there is no such folder"),
        (("--body", "mannequin", "--panoramas", "nowhere"), "nowhere: found no pictures"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, capsys, options, message):
    assert run("synth", "people", "--out", tmp_path / "people", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "people").exists()
