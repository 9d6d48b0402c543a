"""A tracker told what is seen, frame by frame, by a small theatre of walking stick people."""

import numpy as np
import pytest

from mocap3d.detection.boxes import PersonBox, box_of_keypoints, iou, oks, upright_angle
from mocap3d.detection.tracking import Tracker, TrackOptions

BODY = np.array([(0, -90), (-20, -60), (20, -60), (-30, -20), (30, -20), (-15, 0), (15, 0), (-15, 90), (15, 90)], float)
SURE = np.full(len(BODY), 0.9)
UNSURE = np.full(len(BODY), 0.1)
OPTIONS = TrackOptions(every=8, every_if_lost=2, patience=5)


def _person(x, y=300.0):
    return BODY + np.array([x, y])


def _search(*people):
    """What a detector gives: a box a little larger and beside the one of the keypoints."""
    boxes = [box_of_keypoints(person) for person in people]
    return [
        PersonBox((b.centre_px[0] + 5, b.centre_px[1] - 4), (1.2 * b.size_px[0], 1.2 * b.size_px[1]), 0.8)
        for b in boxes
    ]


def _play(tracker, scene, n_frames, found=_search):
    """Runs a scene (frame -> people in the picture); each box sees the person whose middle is nearest to its own.

    Gives per frame the persons seen, and how often it searched.
    """
    seen, searches = [], 0
    for frame in range(n_frames):
        people = scene(frame)
        wants = tracker.wants_search
        searches += wants
        boxes = tracker.boxes(found(*people) if wants else None)
        looked = {}
        for person, box in boxes.items():
            near = [p for p in people if np.hypot(*(p.mean(0) - box.centre_px)) < 0.4 * box.size_px[1]]
            nearest = min(near, key=lambda p: np.hypot(*(p.mean(0) - box.centre_px)), default=None)
            looked[person] = (np.zeros_like(BODY), UNSURE) if nearest is None else (nearest, SURE)
        seen.append(tracker.observe(looked))
    return seen, searches


def test_one_walker_keeps_one_number_and_is_searched_every_eighth_frame():
    tracker = Tracker(OPTIONS)
    seen, searches = _play(tracker, lambda frame: [_person(200 + 6 * frame)], 40)
    assert set(seen) == {frozenset({0})}
    assert searches == 5
    assert tracker.confirmed == {0}


def test_boxes_run_ahead_with_the_walker():
    """12 px per frame: without the velocity the box would lag by as much."""
    tracker = Tracker(OPTIONS)
    _play(tracker, lambda frame: [_person(200 + 12 * frame)], 6)
    box = tracker.boxes()[0]
    assert box.centre_px[0] == pytest.approx(200 + 12 * 6, abs=1e-6)
    assert box.size_px == pytest.approx((0.75 * 1.25 * 180, 1.25 * 180))


def test_an_arm_that_swings_does_not_move_the_box():
    tracker = Tracker(OPTIONS)
    swinging = _person(300)
    for frame in range(4):
        tracker.boxes(_search(_person(300)) if frame == 0 else None)
        swinging = _person(300)
        swinging[3:5] += (8 * frame, 0)
        tracker.observe({0: (swinging, SURE)})
    assert tracker.tracks[0].velocity_px == (0.0, 0.0)


def test_two_people_who_pass_each_other_keep_their_numbers():
    """They pass at a distance that leaves each box nearest to its own person."""
    tracker = Tracker(OPTIONS)
    scene = lambda frame: [_person(200 + 8 * frame, 280.0), _person(520 - 8 * frame, 420.0)]  # noqa: E731
    seen, _ = _play(tracker, scene, 40)
    assert set(seen) == {frozenset({0, 1})}
    places = {track.person: track.box.centre_px for track in tracker.tracks}
    assert places[0][0] > places[1][0]
    assert places[0][1] < places[1][1]


def test_two_tracks_on_one_person_become_one():
    tracker = Tracker(OPTIONS)
    _play(tracker, lambda _: [_person(200), _person(600)], 4)
    tracker.boxes()
    assert tracker.observe({0: (_person(200), SURE), 1: (_person(204), SURE)}) == {0}


def test_of_two_doubles_the_longer_known_stays():
    tracker = Tracker(OPTIONS)
    _play(tracker, lambda _: [_person(600)], 4)
    tracker.boxes(_search(_person(600), _person(200)))
    assert tracker.observe({0: (_person(600), SURE), 1: (_person(601), SURE)}) == {0}


def test_somebody_lost_is_searched_for_and_found_again():
    """Hidden for 4 frames while walking on: found where the search sees them, under their number."""
    tracker = Tracker(OPTIONS)
    scene = lambda frame: [] if 10 <= frame < 14 else [_person(200 + 5 * frame)]  # noqa: E731
    seen, searches = _play(tracker, scene, 24)
    assert seen[9] == {0}
    assert seen[12] == frozenset()
    assert seen[16] == {0}
    assert searches > 24 // 8 + 1
    assert tracker.confirmed == {0}


def test_numbers_are_never_given_twice():
    """Gone for longer than the patience: whoever comes then is somebody new."""
    tracker = Tracker(OPTIONS)
    scene = lambda frame: [] if 10 <= frame < 25 else [_person(300)]  # noqa: E731
    seen, _ = _play(tracker, scene, 40)
    assert seen[9] == {0}
    assert seen[39] == {1}


def test_somebody_seen_once_does_not_count():
    tracker = Tracker(OPTIONS)
    tracker.boxes(_search(_person(300), _person(600)))
    tracker.observe({0: (_person(300), SURE), 1: (_person(600), SURE)})
    for _ in range(4):
        tracker.boxes()
        tracker.observe({0: (_person(300), SURE), 1: (_person(600), UNSURE)})
    assert tracker.confirmed == {0}
    assert [track.person for track in tracker.tracks] == [0]


def test_a_better_guess_goes_before_the_own_one():
    tracker = Tracker(OPTIONS)
    _play(tracker, lambda _: [_person(200)], 5)
    box = tracker.boxes(expected={0: _person(450)})[0]
    assert box.centre_px == pytest.approx((450, 300))


def test_hidden_legs_do_not_shrink_the_box_at_once():
    tracker = Tracker(OPTIONS)
    _play(tracker, lambda _: [_person(200)], 5)
    before = tracker.boxes()[0].size_px[1]
    tracker.observe({0: (_person(200), np.where(BODY[:, 1] > 50, 0.05, 0.9))})
    assert tracker.boxes()[0].size_px[1] == pytest.approx(0.9 * before)


def test_an_empty_room_is_searched_now_and_then():
    _, searches = _play(Tracker(OPTIONS), lambda _: [], 20)
    assert searches == 10


def test_box_of_keypoints_leaves_out_what_is_unknown():
    person = _person(300)
    person[0] = np.nan
    low = np.where(np.arange(len(BODY)) >= 7, 0.1, 0.9)
    box = box_of_keypoints(person, low)
    assert box.corners_px[1] == pytest.approx(300 - 30 - 0.5 * box.size_px[1])
    assert box.size_px[0] / box.size_px[1] == pytest.approx(0.75)
    assert box_of_keypoints(np.full((9, 2), np.nan)) is None


def test_oks_of_a_known_distance():
    """Every keypoint off by the distance at which its Gaussian falls to exp(-1/2)."""
    area = 0.53 * 0.75 * 200**2
    off = 0.16 * np.sqrt(area)
    assert oks(_person(300), _person(300 + off), height_px=250.0) == pytest.approx(np.exp(-0.5))
    assert oks(_person(300), np.full((9, 2), np.nan), height_px=250.0) == 0


def test_iou_of_half_shifted_boxes():
    assert iou(PersonBox((0.0, 0.0), (4.0, 4.0)), PersonBox((2.0, 0.0), (4.0, 4.0))) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("angle", "brought"), [(0.5, 0.5), (np.pi, np.pi), (-np.pi, np.pi), (7.0, 7.0 - 2 * np.pi)])
def test_angles_are_brought_into_one_turn(angle, brought):
    assert upright_angle(float(angle)) == pytest.approx(brought)
