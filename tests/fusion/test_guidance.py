"""Where 3D asks for a second look, where it says to look, and which second looks it believes."""

from dataclasses import replace

import pytest
import torch
from scene import exact_scene, exact_tracks

from mocap3d.fusion.guidance import doubtful, expected_sightings, with_second_look, wrong_share
from mocap3d.session.records import Detections, Points3D, Provenance, Timeline

VIEW, PERSON, FRAMES = 1, 0, [5, 6, 7]


@pytest.fixture(scope="module")
def scene():
    return exact_scene(n_people=2, n_views=3, duration_s=0.25)


@pytest.fixture(scope="module")
def tracks(scene):
    return exact_tracks(scene)


@pytest.fixture(scope="module")
def points(scene):
    shape = scene.p_in_world.shape[:-1]
    cov_m2 = torch.eye(3).double().expand(*shape, 3, 3)
    measured = torch.full(shape, int(Provenance.MEASURED), dtype=torch.int8)
    names = tuple(person.name for person in scene.people)
    return Points3D(scene.skeleton, names, scene.t_s, scene.rate, scene.p_in_world, cov_m2, measured.clone(), measured)


@pytest.fixture(scope="module")
def timeline(scene):
    frames = torch.arange(len(scene.t_s), dtype=torch.float64)
    return Timeline(scene.t_s, scene.rate, dict.fromkeys(scene.rig.cameras, frames))


def spoiled(tracks, how):
    """Tracks in which one view is wrong about one person in a few frames."""
    uv_px = tracks.uv_px.clone()
    uv_px[VIEW, FRAMES, PERSON] = how(uv_px[VIEW, FRAMES, PERSON])
    return replace(tracks, uv_px=uv_px)


HOW = {
    "lost": lambda uv: torch.full_like(uv, torch.nan),
    "somewhere else": lambda uv: uv + 400.0,
    "half of it somewhere else": lambda uv: torch.where(torch.arange(26)[:, None, None] < 16, uv, uv + 400.0),
}


def places(which):
    return {tuple(place) for place in which.nonzero().tolist()}


def test_all_is_well_where_all_is_well(points, tracks, scene, timeline):
    assert not doubtful(points, tracks, scene.rig, timeline).any()


@pytest.mark.parametrize("how", ["lost", "somewhere else"])
def test_what_a_view_missed_is_doubtful(how, points, tracks, scene, timeline):
    which = doubtful(points, spoiled(tracks, HOW[how]), scene.rig, timeline)
    assert places(which) == {(VIEW, frame, PERSON) for frame in FRAMES}


def test_in_a_crowd_less_is_enough(points, tracks, scene, timeline):
    """Two people apart: 10 of 26 keypoints wrong is left to the robust fit. The same two in one place: it is not."""
    view = scene.rig.cameras["cam02"]
    wrong = spoiled(tracks, HOW["half of it somewhere else"])
    assert not doubtful(points, wrong, scene.rig, timeline).any()
    p_in_world = scene.p_in_world.clone()
    p_in_world[:, 1] = p_in_world[:, 0] + torch.tensor([0.05, 0.0, 0.0])
    uv_px = wrong.uv_px.clone()
    for v, camera in enumerate(scene.rig.cameras.values()):
        uv_px[v, :, 1, :, 0] = camera.project(p_in_world[:, 1])
    assert view.contains(uv_px[VIEW, FRAMES, 1, :, 0]).all()
    together = replace(points, p_in_world=p_in_world)
    which = doubtful(together, replace(wrong, uv_px=uv_px), scene.rig, timeline)
    assert places(which) == {(VIEW, frame, PERSON) for frame in FRAMES}


def test_who_is_out_of_the_picture_is_not_looked_for(points, tracks, scene, timeline):
    away = replace(points, p_in_world=points.p_in_world + torch.tensor([0.0, 0.0, 30.0]))
    nobody = replace(tracks, uv_px=torch.full_like(tracks.uv_px, torch.nan))
    assert not doubtful(away, nobody, scene.rig, timeline).any()
    unknown = replace(points, p_in_world=torch.full_like(points.p_in_world, torch.nan))
    assert not doubtful(unknown, nobody, scene.rig, timeline).any()


def test_expected_is_the_projection(points, tracks, scene, timeline):
    which = doubtful(points, spoiled(tracks, HOW["lost"]), scene.rig, timeline)
    (expected,) = expected_sightings(which, points, tracks, scene.rig, timeline).values()
    assert (expected.view, expected.frame.tolist(), expected.person.tolist()) == ("cam02", FRAMES, [PERSON] * 3)
    torch.testing.assert_close(expected.uv_px, tracks.uv_px[VIEW, FRAMES, PERSON, :, 0])


def test_between_two_frames_both_are_looked_at(points, tracks, scene, timeline):
    """A view of half the rate, a quarter of a frame late: each instant lies between two of its frames."""
    frames = timeline.frame_of_view["cam02"] / 2 - 0.25
    slow = replace(timeline, frame_of_view={**timeline.frame_of_view, "cam02": frames.where(frames >= 0, torch.nan)})
    which = torch.zeros(3, len(scene.t_s), 2, dtype=torch.bool)
    which[VIEW, 6, PERSON] = True  # at 2.75
    (expected,) = expected_sightings(which, points, tracks, scene.rig, slow).values()
    assert expected.frame.tolist() == [2, 3]
    # Frame 3 is at instant 6.5; people walk on a straight line for so long. Measured: 0.01 px.
    middle = scene.p_in_world[6:8, PERSON].mean(0)
    torch.testing.assert_close(expected.uv_px[1], scene.rig.cameras["cam02"].project(middle), atol=0.1, rtol=0)


def second_look(tracks, uv_px):
    """One sighting in each of the frames."""
    n = len(FRAMES)
    return Detections(
        view="cam02",
        keypoint_set=tracks.skeleton.name,
        frame=torch.tensor(FRAMES),
        person=torch.full((n,), PERSON),
        box_px=torch.full((n, 4), torch.nan, dtype=torch.float64),
        uv_px=uv_px,
        cov_px2=4.0 * torch.eye(2).double().expand(*uv_px.shape, 2),
        log_weight=torch.full(uv_px.shape[:-1], -0.5, dtype=torch.float64),
        n_frames=len(tracks.t_s),
    )


@pytest.mark.parametrize("how", ["lost", "somewhere else"])
def test_a_better_second_look_takes_the_place_of_the_first(how, points, tracks, scene, timeline):
    wrong = spoiled(tracks, HOW[how])
    which = doubtful(points, wrong, scene.rig, timeline)
    truth = tracks.uv_px[VIEW, FRAMES, PERSON]
    found = {"cam02": second_look(tracks, truth + 1.0)}
    better, n = with_second_look(wrong, which, points, scene.rig, timeline, found)
    assert n == len(FRAMES)
    torch.testing.assert_close(better.uv_px[VIEW, FRAMES, PERSON], truth + 1.0)
    assert (better.log_weight[VIEW, FRAMES, PERSON] == -0.5).all()
    assert (better.cov_px2[VIEW, FRAMES, PERSON, ..., 0, 0] == 4.0).all()
    untouched = torch.ones(tracks.uv_px.shape[:3], dtype=torch.bool)
    untouched[VIEW, FRAMES, PERSON] = False
    assert torch.equal(better.uv_px[untouched], tracks.uv_px[untouched])


def test_a_worse_second_look_is_not_believed(points, tracks, scene, timeline):
    """As when somebody else, or a chair, is seen in the place of who is hidden."""
    lost = spoiled(tracks, HOW["lost"])
    which = doubtful(points, lost, scene.rig, timeline)
    found = {"cam02": second_look(tracks, tracks.uv_px[VIEW, FRAMES, PERSON] + 400.0)}
    same, n = with_second_look(lost, which, points, scene.rig, timeline, found)
    assert n == 0
    torch.testing.assert_close(same.uv_px, lost.uv_px, equal_nan=True)


def test_shares_are_of_what_should_be_seen(scene, tracks):
    expected = tracks.uv_px[VIEW, :, :, :, 0]
    uv_px = expected.clone()
    uv_px[0, 0, :13] = torch.nan
    share = wrong_share(uv_px, expected, scene.rig, "cam02")
    assert share[0].tolist() == [0.5, 0.0]
