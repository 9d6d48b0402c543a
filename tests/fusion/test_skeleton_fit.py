"""The skeleton fit against bodies whose measures, turns and keypoints are known."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from mocap3d.biomech.angles import joint_angles
from mocap3d.errors import FusionError
from mocap3d.fusion.fit import fit_sequence
from mocap3d.fusion.points import triangulate_tracks
from mocap3d.fusion.skeleton_fit.fit import SkeletonOptions, fit_skeleton
from mocap3d.session.records import Motion, Person, Provenance, Tracks2D
from mocap3d.skeletons.body_table import load_body
from mocap3d.skeletons.forward import posed
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.synthesis.skeleton_motion import SkeletonTruth, moving_at_random, random_body
from mocap3d.synthesis.workload import Workload, WorkloadOptions, workload_of

TREE, HALPE26 = load_body(), load_skeleton("halpe26")
N = 180


def _scene(n_frames: int = N, *, noise_px: float = 3.0, fps: float = 60.0) -> tuple[SkeletonTruth, Workload]:
    body = random_body(TREE, HALPE26, 1.78, seed=3)
    truth = moving_at_random(body, HALPE26, n_frames, fps=fps, seed=3)
    noise = WorkloadOptions(n_frames, n_cams=6, fps=fps, seed=3, noise_px=noise_px)
    return truth, workload_of(truth.p_in_world.numpy(), HALPE26, noise)


def _fit(tracks: Tracks2D, workload: Workload, people: dict[str, Person] | None = None, **options) -> Motion:
    points = fit_sequence(tracks, workload.rig, triangulate_tracks(tracks, workload.rig))
    return fit_skeleton(points, tracks, workload.rig, people, SkeletonOptions(**options))


def _hidden(tracks: Tracks2D, hidden: np.ndarray) -> Tracks2D:
    """Without the observations (v t k) that are hidden."""
    uv, weight = tracks.uv_px.clone(), tracks.log_weight.clone()
    mask = torch.from_numpy(hidden)[:, :, None, :, None]
    uv[mask.expand(uv.shape[:-1])] = torch.nan
    weight[mask.expand(weight.shape)] = -torch.inf
    return replace(tracks, uv_px=uv, log_weight=weight)


@pytest.fixture(scope="module")
def scene():
    return _scene()


@pytest.fixture(scope="module")
def motion(scene):
    return _fit(scene[1].tracks(), scene[1])


def _error_mm(motion: Motion, truth: SkeletonTruth, *names: str) -> float:
    joints = [TREE.index(name) for name in names]
    apart = motion.joint_in_world[:, 0, joints] - truth.joint_in_world[:, joints]
    return float(1e3 * apart.norm(dim=-1).mean())


def test_joints_are_where_they_were(scene, motion):
    """6 cameras, 3 px, 15 % missing, 5 % outliers."""
    ends = [f"{name}_{side}" for name in ("knee", "ankle", "elbow", "wrist") for side in "lr"]
    assert _error_mm(motion, scene[0], *ends) < 6.5
    assert _error_mm(motion, scene[0], "hip_l", "hip_r", "shoulder_l", "shoulder_r") < 9


def test_bends_are_as_they_were(scene, motion):
    truth, _ = scene
    exact = replace(
        motion, root_in_world=truth.root_in_world[:, None], parent_from_joint=truth.parent_from_joint[:, None]
    )
    found, true = joint_angles(motion), joint_angles(exact)
    for name in ("knee_angle_r", "knee_angle_l", "elbow_flex_r", "elbow_flex_l"):
        a = found.names.index(name)
        apart = np.degrees((found.angle_rad - true.angle_rad)[:, 0, a].numpy())
        assert np.sqrt((apart**2).mean()) < 3
        inside = np.abs(apart) < 1.96 * np.degrees(found.sigma_rad[:, 0, a].numpy())
        assert inside.mean() > 0.75


def test_limbs_are_as_long_as_they_were(scene, motion):
    body = motion.skeletons[0]
    for name in ("ankle_l", "ankle_r", "wrist_l", "wrist_r"):
        j = TREE.index(name)
        off = abs(float(body.length_m[j] - scene[0].skeleton.length_m[j]))
        assert off < 0.005
        assert off < 4 * float(body.length_sigma_m[j])
    assert (body.length_sigma_m[1:] > 0).all()


def test_what_is_stated_holds(scene, motion):
    """95 % ellipsoids of the joints that keypoints show hold the truth in 80 to 100 % of a short, correlated clip."""
    names = [f"{name}_{side}" for name in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for side in "lr"]
    joints = [TREE.index(name) for name in names]
    apart = (motion.joint_in_world[:, 0, joints] - scene[0].joint_in_world[:, joints]).numpy()
    size2 = np.einsum("tji,tjik,tjk->tj", apart, np.linalg.inv(motion.joint_cov_m2[:, 0, joints].numpy()), apart)
    assert 0.8 < (size2 < 7.815).mean() <= 1


def test_a_motion_is_its_own_forward_kinematics(motion):
    joints, _ = posed(motion.skeletons[0], motion.root_in_world[:, 0], motion.parent_from_joint[:, 0])
    assert torch.allclose(joints, motion.joint_in_world[:, 0], atol=1e-9)
    turns = motion.parent_from_joint[:, 0]
    assert torch.allclose(turns @ turns.mT, torch.eye(3).double().expand_as(turns), atol=1e-9)


def test_the_same_input_gives_the_same_bytes(scene, motion):
    again = _fit(scene[1].tracks(), scene[1], threads=1)
    assert torch.equal(again.parent_from_joint, motion.parent_from_joint)
    assert torch.equal(again.joint_cov_m2, motion.joint_cov_m2)


def test_a_measured_length_is_believed(scene):
    """Somebody measured the thigh with a tape: it is kept within its 3 mm."""
    truth, workload = scene
    stated = float(truth.skeleton.length_m[TREE.index("knee_l")])
    person = Person("P1", height_m=1.78, length_m={"femur": stated})
    body = _fit(workload.tracks(), workload, {"P1": person}, covariance=False).skeletons[0]
    assert float(body.length_m[TREE.index("knee_l")]) == pytest.approx(stated, abs=0.006)
    with pytest.raises(FusionError, match="Did you mean femur"):
        _fit(workload.tracks(), workload, {"P1": Person("P1", length_m={"femurr": 0.4})})


def test_somebody_who_leaves_and_returns_is_missing_between(scene):
    truth, workload = scene
    hidden = np.zeros(workload.score.shape, bool)
    hidden[:, 60:120] = True
    motion = _fit(_hidden(workload.tracks(), hidden), workload)
    gone = motion.provenance[:, 0, 0] == Provenance.MISSING
    assert gone[62:118].all()
    assert not gone[:58].any()
    assert not gone[122:].any()
    assert torch.isnan(motion.root_in_world[62:118]).all()
    assert torch.isnan(motion.parent_from_joint[62:118]).all()
    assert torch.isfinite(motion.root_in_world[122:]).all()
    back = (motion.joint_in_world[130:, 0] - truth.joint_in_world[130:])[:, TREE.index("knee_l")]
    assert float(back.norm(dim=-1).mean()) < 0.01


def test_somebody_seen_by_one_camera_has_no_motion_but_a_body(scene):
    _, workload = scene
    hidden = np.ones(workload.score.shape, bool)
    hidden[0] = False
    motion = _fit(_hidden(workload.tracks(), hidden), workload, {"P1": Person("P1", height_m=1.62)})
    assert torch.isnan(motion.joint_in_world).all()
    assert (motion.provenance == Provenance.MISSING).all()
    assert motion.skeletons[0].height_m == 1.62
    assert set(joint_angles(motion).observable[0]) == {"never seen"}


def test_a_limb_that_is_never_seen_is_missing_and_the_rest_is_not(scene):
    truth, workload = scene
    hidden = np.zeros(workload.score.shape, bool)
    hidden[:, :, [HALPE26.index("RElbow"), HALPE26.index("RWrist")]] = True
    motion = _fit(_hidden(workload.tracks(), hidden), workload)
    assert torch.isnan(motion.parent_from_joint[:, 0, TREE.index("shoulder_r")]).all()
    assert torch.isnan(motion.joint_in_world[:, 0, TREE.index("elbow_r")]).all()
    assert torch.isfinite(motion.joint_in_world[:, 0, TREE.index("shoulder_r")]).all()
    assert _error_mm(motion, truth, "elbow_l", "knee_r") < 8
    right, left = (float(motion.skeletons[0].length_m[TREE.index(f"wrist_{side}")]) for side in "rl")
    assert right == left


def test_what_no_keypoint_can_show_is_at_ease_and_says_so(motion):
    """HALPE-26 has no hands: wrists stay as hands hang, with all that people do as their sigma."""
    wrist = TREE.index("wrist_l")
    assert (motion.provenance[:, 0, wrist] == Provenance.FILLED).all()
    said = dict(zip(joint_angles(motion).names, joint_angles(motion).observable[0], strict=True))
    assert said["wrist_flex_l"].startswith("shown by no keypoint")
    sigma_m = motion.joint_cov_m2[:, 0, TREE.index("hand_tip_l")].diagonal(dim1=-2, dim2=-1).sum(-1).sqrt()
    assert (sigma_m > 0.03).all()


@pytest.mark.parametrize("n_frames", [0, 1, 2])
def test_hardly_any_frames(n_frames, scene):
    tracks = scene[1].tracks()
    few = replace(
        tracks,
        t_s=tracks.t_s[:n_frames],
        uv_px=tracks.uv_px[:, :n_frames],
        cov_px2=tracks.cov_px2[:, :n_frames],
        log_weight=tracks.log_weight[:, :n_frames],
    )
    motion = _fit(few, scene[1])
    assert motion.parent_from_joint.shape == (n_frames, 1, len(TREE.joints), 3, 3)
    assert len(motion.skeletons) == 1
    if n_frames:
        assert float((motion.joint_in_world[0, 0] - scene[0].joint_in_world[0]).norm(dim=-1).mean()) < 0.05
    assert joint_angles(motion).angle_rad.shape[0] == n_frames


def test_a_thousand_frames_a_second():
    truth, workload = _scene(400, fps=1000.0)
    motion = _fit(workload.tracks(), workload)
    assert motion.rate == Fraction(1000)
    assert _error_mm(motion, truth, "knee_l", "knee_r", "elbow_l", "wrist_r") < 7
