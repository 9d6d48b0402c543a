"""Bodies and poses: left is left, bones keep their lengths, joints their limits, and real motion its directions."""

from dataclasses import replace

import numpy as np
import pytest
from dolls import at_rest, doll, index, standing

from mocap3d.synthesis.rendering.body import KEYPOINTS, Part
from mocap3d.synthesis.rendering.mannequin import mannequin
from mocap3d.synthesis.rendering.posture import made_up_pose
from mocap3d.synthesis.rendering.retarget import posed_like
from mocap3d.synthesis.rendering.stance import made_up_stance
from mocap3d.synthesis.rendering.turns import turn_x, turn_z
from mocap3d.synthesis.walk import walking_person

LIMBS = [(f"{s}{a}", f"{s}{b}") for s in "LR" for a, b in (("Shoulder", "Elbow"), ("Elbow", "Wrist"))]
LIMBS += [(f"{s}{a}", f"{s}{b}") for s in "LR" for a, b in (("Hip", "Knee"), ("Knee", "Ankle"), ("Heel", "BigToe"))]


def span(keypoints: np.ndarray, start: str, end: str) -> np.ndarray:
    return keypoints[index(end)] - keypoints[index(start)]


def bend_deg(keypoints: np.ndarray, joints: tuple[str, str, str]) -> float:
    """How far a limb is bent: 0 is straight."""
    upper, lower = span(keypoints, *joints[:2]), span(keypoints, *joints[1:])
    return np.degrees(np.arccos(upper @ lower / np.linalg.norm(upper) / np.linalg.norm(lower)))


def test_at_rest_the_doll_faces_minus_y_with_its_left_at_plus_x():
    keypoints = standing().keypoints
    for name in KEYPOINTS:
        if name.startswith("L") and f"R{name[1:]}" in KEYPOINTS:
            left, right = keypoints[index(name)], keypoints[index(f"R{name[1:]}")]
            np.testing.assert_allclose(left * [-1, 1, 1], right, atol=1e-6)
            assert left[0] > 0.02
    assert keypoints[index("Nose"), 1] < keypoints[index("LEar"), 1] - 0.05
    assert keypoints[index("LBigToe"), 1] < keypoints[index("LHeel"), 1] - 0.15
    assert keypoints[:, 2].argmax() == index("Head")


def test_dolls_are_as_tall_as_people_and_differ():
    tall = [body.rest_keypoints[index("Head"), 2] for body in (mannequin().figure(n) for n in range(64))]
    assert 1.4 < min(tall) < max(tall) < 2.0
    assert np.std(tall) > 0.04


def test_middles_are_middles():
    keypoints = standing(turned_pose()).keypoints
    for middle, sides in (("Neck", ("LShoulder", "RShoulder")), ("Hip", ("LHip", "RHip"))):
        expected = (keypoints[index(sides[0])] + keypoints[index(sides[1])]) / 2
        np.testing.assert_allclose(keypoints[index(middle)], expected, atol=1e-6)


def turned_pose():
    return made_up_pose(mannequin().figure(0), np.random.default_rng(5))[0]


def test_every_keypoint_lies_in_or_on_its_part():
    """Within 7 cm of a vertex of a part that may carry it, at rest."""
    body, figure = mannequin(), mannequin().figure(3)
    carriers = {"LElbow": "FOREARM_L", "RWrist": "HAND_R", "LKnee": "SHANK_L", "RBigToe": "FOOT_R", "Nose": "HEAD"}
    drawn = np.unique(body.triangles)
    for keypoint, part in carriers.items():
        own = drawn[body.part[drawn] == Part[part]]
        away_m = np.linalg.norm(figure.rest[own] - figure.at(keypoint), axis=1).min()
        assert away_m < 0.07, keypoint


def test_a_bent_left_elbow_moves_the_left_wrist_alone():
    rest, pose = standing().keypoints, at_rest()
    pose.forearm[0] = turn_x(np.radians(-90))
    moved = np.linalg.norm(standing(pose).keypoints - rest, axis=1)
    assert moved[index("LWrist")] > 0.2
    assert moved[[k for k, name in enumerate(KEYPOINTS) if name != "LWrist"]].max() < 1e-5


def test_the_whole_turns_with_its_root():
    straight = doll().posed(at_rest())
    turned = doll().posed(replace(at_rest(), root=turn_z(1.1)))
    hip = doll().figure.heads[0]
    for before, after in ((straight.keypoints, turned.keypoints), (straight.mesh.vertices, turned.mesh.vertices)):
        np.testing.assert_allclose(after, (before - hip) @ turn_z(1.1).T + hip, atol=1e-5)


@pytest.mark.parametrize("seed", range(40))
def test_made_up_poses_keep_lengths_and_limits(seed):
    figure = mannequin().figure(seed)
    pose, _ = made_up_pose(figure, np.random.default_rng(seed))
    keypoints = figure.body.keypoints(figure.posed(figure.transforms(pose)))
    for limb in LIMBS:
        assert np.linalg.norm(span(keypoints, *limb)) == pytest.approx(np.linalg.norm(figure.span(*limb)), abs=1e-4)
    for side in "LR":
        assert bend_deg(keypoints, (f"{side}Hip", f"{side}Knee", f"{side}Ankle")) < 156
        assert bend_deg(keypoints, (f"{side}Shoulder", f"{side}Elbow", f"{side}Wrist")) < 149


@pytest.mark.parametrize("seed", range(40))
def test_knees_bend_backwards_and_elbows_forwards(seed):
    """In the axes of the thigh and of the upper arm, whatever the pose of the body."""
    figure = mannequin().figure(0)
    pose, _ = made_up_pose(figure, np.random.default_rng(seed))
    for side in range(2):
        shank = pose.shank[side] @ [0, 0, -1.0]
        assert shank[1] > -0.3  # backward is +y; a shank may swing a little ahead
    assert np.linalg.det(pose.root) == pytest.approx(1)


def test_all_stances_occur():
    kinds = {made_up_stance(np.random.default_rng(seed)).kind for seed in range(300)}
    assert {"stand", "walk", "run", "squat", "sit", "lunge", "kick", "jump", "kneel", "cycle", "crawl"} <= kinds


@pytest.mark.parametrize("frame", [0, 11, 25, 47])
def test_recorded_motion_keeps_the_directions_of_limbs(frame):
    """A walk on a doll of other proportions. Measured: limbs within 2e-6 deg, feet within 0.1 deg."""
    recorded = {name: track[frame] for name, track in walking_person(60, rate_hz=60.0, seed=2).items()}
    figure = mannequin().figure(9)
    keypoints = figure.body.keypoints(figure.posed(figure.transforms(posed_like(figure, recorded))))
    for start, end in LIMBS:
        wanted, got = recorded[end] - recorded[start], span(keypoints, start, end)
        angle = np.degrees(np.arccos(np.clip(wanted @ got / np.linalg.norm(wanted) / np.linalg.norm(got), -1, 1)))
        assert angle < (3 if start.endswith("Heel") else 0.1), (start, end)


def test_recorded_people_keep_their_left_and_their_face():
    recorded = {name: track[3] for name, track in walking_person(10, rate_hz=60.0).items()}
    figure = mannequin().figure(0)
    keypoints = figure.body.keypoints(figure.posed(figure.transforms(posed_like(figure, recorded))))
    for pair in (("RShoulder", "LShoulder"), ("RHip", "LHip"), ("REar", "LEar"), ("RAnkle", "LAnkle")):
        wanted = recorded[pair[1]] - recorded[pair[0]]
        assert wanted @ span(keypoints, *pair) > 0
    ahead = recorded["Nose"] - (recorded["LEar"] + recorded["REar"]) / 2
    ears = (keypoints[index("LEar")] + keypoints[index("REar")]) / 2
    got = keypoints[index("Nose")] - ears
    assert ahead @ got / np.linalg.norm(ahead) / np.linalg.norm(got) > np.cos(np.radians(25))
