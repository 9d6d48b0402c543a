"""Structural priors: each is moved by its own fault only, and none has a dimension."""

from dataclasses import replace

import pytest
import torch
from pictured import N_INSTANTS, labels, moved, pose_of, poses_at

from mocap3d.detection import structural_priors
from mocap3d.detection.losses import coordinate
from mocap3d.detection.poses import SKELETON

index = SKELETON.index


def prior_terms(poses, target):
    known = (target.p_in_cam, target.matrix, target.cam_from_world, target.clip, target.frame)
    return dict(structural_priors.terms(poses, *known))


def priors(poses, target=None):
    return {name: float(term) for name, term in prior_terms(poses, target or labels()).items()}


def test_a_shift_of_all_is_no_fault_of_structure():
    shifted = labels().uv_px + torch.tensor([9.0, -6.0])
    terms = priors(poses_at(shifted))
    for name in ("structure", "angle", "deformation", "sure_structure", "smoothness"):
        assert terms[name] < 1e-6, name
    assert terms["projection"] > 0.5
    assert coordinate(poses_at(shifted)) > 0.5
    assert structural_priors.centre(poses_at(shifted)) > 0.5


def test_a_longer_limb_is_a_fault_of_length_only():
    """The left wrist further out along the forearm, by 40 %."""
    target = labels()
    forearm = target.uv_px[:, index("LWrist")] - target.uv_px[:, index("LElbow")]
    terms = priors(poses_at(moved("LWrist", 0.4 * forearm)))
    assert terms["angle"] < 1e-5
    assert min(terms["structure"], terms["deformation"], terms["smoothness"]) > 1e-4


def test_a_turned_limb_is_a_fault_of_angle_only():
    """The left forearm about the elbow, by 1 rad."""
    target = labels()
    forearm = target.uv_px[:, index("LWrist")] - target.uv_px[:, index("LElbow")]
    turn = torch.tensor([[0.5403, -0.8415], [0.8415, 0.5403]])
    terms = priors(poses_at(moved("LWrist", forearm @ turn.T - forearm)))
    assert max(terms["structure"], terms["deformation"]) < 1e-6
    assert terms["angle"] > 1e-2


def test_lengths_within_a_tenth_are_right():
    target = labels()
    forearm = target.uv_px[:, index("LWrist")] - target.uv_px[:, index("LElbow")]
    assert priors(poses_at(moved("LWrist", 0.09 * forearm)))["structure"] < 1e-6
    assert priors(poses_at(moved("LWrist", 0.30 * forearm)))["structure"] > 1e-4


def test_angles_do_not_jump_at_pi():
    """Elbows that are nearly straight, one bent to each side: 0.2 rad apart, not 2 pi - 0.2."""
    target = labels()
    shoulder, elbow, wrist = (index(name) for name in ("LShoulder", "LElbow", "LWrist"))

    def bent(rad):
        uv_px = target.uv_px.clone()
        uv_px[:, [shoulder, elbow]] = torch.tensor([[80.0, 100.0], [80.0, 140.0]])
        uv_px[:, wrist] = torch.tensor([80 + 40 * torch.sin(torch.tensor(rad)).item(), 180.0])
        return uv_px

    only = torch.zeros(8, 26)
    only[:, [shoulder, elbow, wrist]] = 1
    poses = replace(poses_at(bent(0.1)), truth_px=bent(-0.1), weight=only)
    # The shoulder is not apex of labelled limbs here, so one angle counts: h(0.2 rad / 0.2) / 3.
    assert structural_priors.angle(poses).item() == pytest.approx(0.5 / 3, rel=0.05)


def test_sure_limbs_count_more():
    target = labels()
    poses = poses_at(moved("LWrist", [25.0, 25.0]))
    sure, unsure = poses.confidence.clone(), poses.confidence.clone()
    unsure[:, index("LWrist")] = 0.05
    more, less = (priors(replace(poses, confidence=c), target)["sure_structure"] for c in (sure, unsure))
    assert less < 0.2 * more


def test_jerks_count_and_motion_does_not():
    """An offset that stays costs nothing, nor does one that grows evenly; one that comes and goes does."""
    target = labels()
    steps = torch.arange(N_INSTANTS, dtype=torch.float32).repeat(2)
    for amount, costs in ((torch.ones(8), False), (steps, False), (steps % 2, True)):
        offset = 5 * amount[:, None, None] * torch.tensor([1.0, 0.0])
        assert (priors(poses_at(target.uv_px + offset))["acceleration"] > 0.1) == costs


def test_frames_of_other_views_and_clips_are_no_neighbours():
    target = labels()
    jerky = target.uv_px + 5 * (torch.arange(8) % 2)[:, None, None]
    others = replace(target, cam_from_world=torch.stack([pose_of(0.1 * i) for i in range(8)]))
    assert priors(poses_at(jerky), others)["acceleration"] == 0
    stills = replace(target, clip=torch.full((8,), -1))
    assert priors(poses_at(jerky), stills)["acceleration"] == 0


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_no_term_has_a_dimension(factor):
    """The same person in a picture of another size costs the same."""
    target = labels()
    wrong = target.uv_px + 6 * torch.randn(target.uv_px.shape, generator=torch.Generator().manual_seed(1))
    poses = poses_at(wrong)
    larger = replace(
        poses, uv_px=factor * poses.uv_px, truth_px=factor * poses.truth_px, unit_px=factor * poses.unit_px
    )
    zoom = torch.diag(torch.tensor([factor, factor, 1.0]))
    zoomed = replace(target, matrix=zoom @ target.matrix)
    expected = {**priors(poses, target), "coordinate": coordinate(poses).item()}
    found = {**priors(larger, zoomed), "coordinate": coordinate(larger).item()}
    assert found == pytest.approx(expected, rel=2e-3)
