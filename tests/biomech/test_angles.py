"""Joint angles against scipy's Euler angles, the published joint coordinate systems, and drawn errors."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mocap3d.biomech import rotations
from mocap3d.biomech.angles import joint_angles
from mocap3d.biomech.observability import MEASURED, in_words
from mocap3d.session.records import Motion, Provenance
from mocap3d.skeletons.body_table import load_body
from mocap3d.skeletons.kinematics import ScaledSkeleton

UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
TREE = load_body()


def test_hip_angles_are_the_cardan_angles_zxy():
    turns = Rotation.random(200, random_state=0)
    assert np.allclose(rotations.flexion_adduction_rotation(turns.as_matrix()), turns.as_euler("ZXY"))


def test_knee_angles_are_those_of_grood_and_suntay():
    """By their own formulas (1983, table 1): dot products of the fixed axes with the floating one; a right knee."""
    turns = Rotation.from_euler("ZXY", [[-60, 5, 10], [-5, -8, -20], [-110, 12, 3]], degrees=True).as_matrix()
    ours = rotations.flexion_adduction_rotation(turns)
    for r, (z, x, y) in zip(turns, ours, strict=True):
        femur_z, femur_y, tibia_y, tibia_x, tibia_z = np.eye(3)[2], np.eye(3)[1], r[:, 1], r[:, 0], r[:, 2]
        floating = np.cross(tibia_y, femur_z)
        floating /= np.linalg.norm(floating)
        flexion = np.arcsin(-floating @ femur_y)
        between = np.arccos(femur_z @ tibia_y)  # 90 degrees and adduction
        rotation = np.arcsin(-floating @ tibia_z)
        assert np.isclose(abs(np.sin(z)), abs(np.sin(flexion)))
        assert np.isclose(x, np.pi / 2 - between)
        assert np.isclose(abs(np.sin(y)), abs(np.sin(rotation)))
        assert tibia_x @ tibia_y == pytest.approx(0)


@pytest.mark.parametrize(
    ("arm_in_thorax", "plane_deg", "elevation_deg"),
    [([0, 0, 1], 0, 90), ([1, 0, 0], 90, 90), ([0, -0.7071, 0.7071], 0, 45), ([0.7071, 0, 0.7071], 45, 90)],
)
def test_the_arm_is_raised_in_the_plane_that_wu_2005_says(arm_in_thorax, plane_deg, elevation_deg):
    """Abduction is the plane 0, forward flexion 90 deg; the humerus points along its own -y."""
    up = -np.array(arm_in_thorax)
    side = np.cross(up, [0.3, 0.2, 0.9])
    side /= np.linalg.norm(side)
    turn = np.stack([side, up, np.cross(side, up)], axis=1)
    angles = np.degrees(rotations.plane_elevation_rotation(turn[None]))[0]
    assert angles[:2] == pytest.approx([plane_deg, elevation_deg], abs=0.1)


def test_arm_angles_are_euler_angles_yxy():
    turns = Rotation.random(200, random_state=1).as_matrix()
    plane, elevation, rotation = rotations.plane_elevation_rotation(turns).T
    again = Rotation.from_euler("YXY", np.stack([plane, -elevation, rotation], 1)).as_matrix()
    assert np.allclose(again, turns)
    assert (elevation >= 0).all()


def test_two_hinges_give_back_their_angles():
    axes = np.array([[0.226047, 0.022269, 0.973863], [0.056398, 0.998406, 0.001952]])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    truth = np.random.default_rng(2).uniform([-0.2, -0.5], [2.5, 2.0], (50, 2))
    turns = Rotation.from_rotvec(truth[:, :1] * axes[0]) * Rotation.from_rotvec(truth[:, 1:] * axes[1])
    assert np.allclose(rotations.about_axes(turns.as_matrix(), axes), truth)


SLOPES = [
    (rotations.flexion_adduction_rotation, rotations.cardan_slopes),
    (rotations.plane_elevation_rotation, rotations.euler_slopes),
    (rotations.tilt_obliquity_rotation, rotations.pelvic_slopes),
]


@pytest.mark.parametrize(("told", "slopes"), SLOPES)
def test_derivatives_are_those_of_small_turns(told, slopes):
    turns = Rotation.from_euler("ZXY", np.random.default_rng(3).uniform(-1.2, 1.2, (40, 3)))
    angles = told(turns.as_matrix())
    for axis in range(3):
        small = Rotation.from_rotvec(1e-6 * np.eye(3)[axis])
        numeric = (told((turns * small).as_matrix()) - angles) / 1e-6
        assert np.allclose(slopes(angles)[:, :, axis], numeric, atol=1e-4)


def test_hinge_derivatives_are_those_of_small_turns():
    axes = np.array([[0.0, 0, 1], [0.1, 0.995, 0]])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = np.array([[0.4, 0.9], [1.5, -0.3]])
    slopes = rotations.axes_slopes(angles, axes)
    turned = lambda a: Rotation.from_rotvec(a[:, :1] * axes[0]) * Rotation.from_rotvec(a[:, 1:] * axes[1])  # noqa: E731
    for a in range(2):
        small = (turned(angles).inv() * turned(angles + 1e-6 * np.eye(2)[a])).as_rotvec() / 1e-6
        assert np.allclose(np.einsum("tai,ti->ta", slopes, small), np.eye(2)[a], atol=1e-5)


def test_an_arm_swung_over_the_singularity_has_no_jumps():
    """Abduction from 30 to 141 degrees: the usual triple leaps at 90, where the two triples meet."""
    truth = np.radians(np.stack([np.full(101, 10.0), -np.linspace(30, 141, 101), np.full(101, 5.0)], 1))
    turns = Rotation.from_euler("ZXY", truth).as_matrix()
    usual = rotations.flexion_adduction_rotation(turns)
    assert np.abs(np.diff(usual, axis=0)).max() > 3
    angles = rotations.continuous(usual, rotations.other_cardan(usual), np.ones(101, bool))
    assert np.abs(np.diff(angles, axis=0)).max() < 0.05
    assert np.allclose(Rotation.from_euler("ZXY", angles).as_matrix(), turns)


def test_somebody_who_turns_round_and_round_counts_full_turns():
    truth = np.stack([np.zeros(200), np.zeros(200), np.linspace(-6, 9, 200)], 1)
    usual = rotations.flexion_adduction_rotation(Rotation.from_euler("ZXY", truth).as_matrix())
    angles = rotations.continuous(usual, rotations.other_cardan(usual), np.ones(200, bool))
    assert np.allclose(np.diff(angles[:, 2]), np.diff(truth[:, 2]))


def test_angles_go_on_after_a_gap():
    truth = np.stack([np.zeros(60), np.zeros(60), np.linspace(2.5, 4.5, 60)], 1)
    usual = rotations.flexion_adduction_rotation(Rotation.from_euler("ZXY", truth).as_matrix())
    known = np.ones(60, bool)
    known[20:40] = False
    usual[20:40] = np.nan
    angles = rotations.continuous(usual, rotations.other_cardan(usual), known)
    assert np.allclose(angles[known, 2] - angles[0, 2], truth[known, 2] - truth[0, 2])
    assert np.isnan(angles[~known]).all()


def _motion(turns: dict[str, np.ndarray], *, sigma_rad: float = 0.01) -> Motion:
    """One person standing upright, but for the joints that are turned (t 3 3)."""
    n_times, n_joints = len(next(iter(turns.values()))), len(TREE.joints)
    parent_from_joint = np.broadcast_to(np.eye(3), (n_times, 1, n_joints, 3, 3)).copy()
    parent_from_joint[:, 0, 0] = UPRIGHT
    for name, turn in turns.items():
        parent_from_joint[:, 0, TREE.index(name)] = turn
    cov = torch.eye(3).double().expand(n_times, 1, n_joints, 3, 3) * sigma_rad**2
    points = torch.zeros(n_times, 1, n_joints, 3).double()
    return Motion(
        skeletons=(ScaledSkeleton.of_height(TREE, 1.75),),
        people=("P1",),
        t_s=torch.arange(n_times).double() / 60,
        rate=Fraction(60),
        root_in_world=points[:, :, 0],
        root_cov_m2=cov[:, :, 0],
        parent_from_joint=torch.from_numpy(parent_from_joint),
        rotation_cov_rad2=cov,
        span_cov_rad2=cov[:, :, : len(TREE.spans)],
        joint_in_world=points,
        joint_cov_m2=cov,
        provenance=torch.full((n_times, 1, n_joints), Provenance.MEASURED, dtype=torch.int8),
    )


def _angle_deg(motion: Motion, name: str) -> np.ndarray:
    angles = joint_angles(motion)
    return np.degrees(angles.angle_rad[:, 0, angles.names.index(name)].numpy())


def test_anatomical_position_is_zero_everywhere_but_for_the_arm_plane():
    """With the arm hanging the plane of elevation means nothing: its sigma says so."""
    angles = joint_angles(_motion({"pelvis": UPRIGHT[None]}))
    undefined = [name.startswith(("elv_angle", "shoulder_rot")) for name in angles.names]
    assert torch.allclose(angles.angle_rad[:, 0, ~torch.tensor(undefined)], torch.zeros(1).double())
    assert (angles.sigma_rad[0, 0, torch.tensor(undefined)] > 0.3).all()


def test_a_pelvis_is_tilted_alike_wherever_it_faces():
    """About the world's vertical first (Baker 2001): scipy's angles Y, X', Z''."""
    turns = Rotation.from_euler("YXZ", [[facing, 6, -10] for facing in (0, 90, 170, 250)], degrees=True).as_matrix()
    motion = _motion({"pelvis": UPRIGHT @ turns})
    assert _angle_deg(motion, "pelvis_tilt") == pytest.approx(-10)
    assert _angle_deg(motion, "pelvis_list") == pytest.approx(6)
    assert np.diff(_angle_deg(motion, "pelvis_rotation")) == pytest.approx([90, 80, 80])


def test_sigmas_of_a_pelvis_are_those_of_drawn_errors():
    base = Rotation.from_euler("YXZ", [2.0, 0.5, -0.4])
    drawn = base * Rotation.from_rotvec(np.random.default_rng(7).normal(0, np.radians(1.0), (4000, 3)) * [1, 2, 3])
    motion = _motion({"pelvis": UPRIGHT @ drawn.as_matrix()})
    cov = motion.rotation_cov_rad2.clone()
    cov[:, :, 0] = torch.diag(torch.tensor([1.0, 4, 9], dtype=torch.float64)) * np.radians(1.0) ** 2
    angles = joint_angles(replace(motion, rotation_cov_rad2=cov))
    for name in ("pelvis_tilt", "pelvis_list", "pelvis_rotation"):
        a = angles.names.index(name)
        assert angles.angle_rad[:, 0, a].std() == pytest.approx(float(angles.sigma_rad[:, 0, a].mean()), rel=0.05)


@pytest.mark.parametrize("side", ["r", "l"])
def test_the_same_movement_has_the_same_sign_on_both_sides(side):
    """Abducting, turning in and flexing a leg, by rotations about the body's own axes."""
    out = 1 if side == "r" else -1
    abduction = Rotation.from_rotvec([-0.3 * out, 0, 0]).as_matrix()[None]  # the foot goes away from the middle
    assert _angle_deg(_motion({f"hip_{side}": abduction}), f"hip_adduction_{side}") == pytest.approx(-np.degrees(0.3))
    inward = Rotation.from_rotvec([0, 0.2 * out, 0]).as_matrix()[None]
    assert _angle_deg(_motion({f"hip_{side}": inward}), f"hip_rotation_{side}") == pytest.approx(np.degrees(0.2))
    lifted = Rotation.from_rotvec([0, 0, 0.5]).as_matrix()[None]
    assert _angle_deg(_motion({f"hip_{side}": lifted}), f"hip_flexion_{side}") == pytest.approx(np.degrees(0.5))
    bent = Rotation.from_rotvec([0, 0, -1.0]).as_matrix()[None]
    assert _angle_deg(_motion({f"knee_{side}": bent}), f"knee_angle_{side}") == pytest.approx(np.degrees(1.0))


def _turn(**deg: float) -> np.ndarray:
    """(1 3 3): about z, then the turned x, then the turned y; the body's axes are x forward, y up, z to the right."""
    return Rotation.from_euler("ZXY", [[deg.get(axis, 0.0) for axis in "zxy"]], degrees=True).as_matrix()


TRUNK = ("trunk_extension", "trunk_bending", "trunk_rotation")
CERVICAL = ("cervical_extension", "cervical_bending", "cervical_rotation")
FOOT = ("foot_dorsiflexion", "foot_inversion", "foot_rotation")
ARM = ("elv_angle", "shoulder_elv", "shoulder_rot")


@pytest.mark.parametrize(("side", "out"), [("_r", 1), ("_l", -1)])
@pytest.mark.parametrize(
    ("turns", "names", "expected_deg"),
    [
        # leaning forward in the lower back, then to the right in the upper one: the order of the two joints counts
        ({"lumbar": {"z": -20}, "thorax": {"x": 10}}, TRUNK, (-20, 10, 0)),
        ({"lumbar": {"y": 25}}, TRUNK, (0, 0, 25)),
        ({"neck": {"z": 15}, "head": {"y": 30}}, CERVICAL, (15, 0, 30)),
        ({"ankle": {"z": 12}, "subtalar": {"x": 8}}, FOOT, (12, 8, 0)),
        ({"subtalar": {"y": 9}}, FOOT, (0, 0, 9)),
        # sideways up, a third of it by the clavicle, and turned inwards
        ({"clavicle": {"x": -20}, "shoulder": {"x": -40, "y": 15}}, ARM, (0, 60, 15)),
        ({"shoulder": {"z": 50}}, ARM, (90, 50, -90)),
    ],
)
def test_segments_further_apart_have_angles_of_their_own(turns, names, expected_deg, side, out):
    """Sole inwards, toes inwards and arm inwards are positive on both sides, which are each other's mirror image."""
    side, out = (side, out) if names in (FOOT, ARM) else ("", 1)
    signs = {"x": out, "y": out, "z": 1}
    named = {
        f"{joint}{side}": _turn(**{axis: signs[axis] * deg for axis, deg in by_axis.items()})
        for joint, by_axis in turns.items()
    }
    motion = _motion(named)
    assert [_angle_deg(motion, f"{name}{side}")[0] for name in names] == pytest.approx(expected_deg, abs=1e-6)


def test_an_angle_between_segments_is_no_surer_than_any_joint_between_them():
    motion = _motion({"lumbar": np.broadcast_to(np.eye(3), (2, 3, 3))})
    provenance, turns = motion.provenance.clone(), motion.parent_from_joint.clone()
    provenance[0, 0, TREE.index("lumbar")] = Provenance.FILLED
    provenance[1, 0, TREE.index("thorax")], turns[1, 0, TREE.index("thorax")] = Provenance.MISSING, torch.nan
    angles = joint_angles(replace(motion, provenance=provenance, parent_from_joint=turns))
    trunk = [angles.names.index(f"trunk_{what}") for what in ("extension", "bending", "rotation")]
    assert (angles.provenance[0, 0, trunk] == Provenance.FILLED).all()
    assert (angles.provenance[1, 0, trunk] == Provenance.MISSING).all()
    assert angles.angle_rad[1, 0, trunk].isnan().all()
    assert angles.provenance[0, 0, angles.names.index("cervical_extension")] == Provenance.MEASURED


def test_an_arm_is_told_beyond_90_degrees_and_a_hip_is_not():
    """The same turns: an arm goes on smoothly from 30 to 141 degrees, a hip, which cannot, takes the usual triple."""
    raised_deg = np.linspace(30, 141, 101)
    turns = Rotation.from_euler("ZXY", np.stack([0 * raised_deg, -raised_deg, 0 * raised_deg], 1), degrees=True)
    motion = _motion({"shoulder_r": turns.as_matrix(), "hip_r": turns.as_matrix()})
    assert _angle_deg(motion, "arm_add_r") == pytest.approx(-raised_deg)
    assert _angle_deg(motion, "hip_adduction_r").min() == pytest.approx(-90, abs=0.6)


@pytest.mark.parametrize("side", ["r", "l"])
def test_sigmas_are_those_of_drawn_errors(side):
    """2,000 drawn turns of 1 to 2 degrees whose axes belong together, on either side: sigmas within 5 %."""
    factor = np.radians([[1.0, 0, 0], [0.5, 1, 0], [-1, 0.7, 1.5]])
    base = Rotation.from_euler("ZXY", [0.6, -0.5, 0.4])
    drawn = base * Rotation.from_rotvec(np.random.default_rng(7).normal(size=(2000, 3)) @ factor.T)
    motion = _motion({f"hip_{side}": drawn.as_matrix()})
    cov = motion.rotation_cov_rad2.clone()
    cov[:, :, TREE.index(f"hip_{side}")] = torch.from_numpy(factor @ factor.T)
    angles = joint_angles(replace(motion, rotation_cov_rad2=cov))
    for name in (f"hip_flexion_{side}", f"hip_adduction_{side}", f"hip_rotation_{side}"):
        a = angles.names.index(name)
        assert angles.angle_rad[:, 0, a].std() == pytest.approx(float(angles.sigma_rad[:, 0, a].mean()), rel=0.05)


def test_what_is_not_seen_is_said_in_words():
    motion = _motion({"pelvis": np.broadcast_to(UPRIGHT, (4, 3, 3))})
    provenance, cov = motion.provenance.clone(), motion.rotation_cov_rad2.clone()
    provenance[:, :, TREE.index("wrist_r")] = Provenance.FILLED
    cov[:, :, TREE.index("hip_r")] = torch.eye(3).double() * np.radians(8) ** 2
    cov[:, :, TREE.index("hip_l")] = torch.eye(3).double() * np.radians(3) ** 2
    turns = motion.parent_from_joint.clone()
    provenance[:, :, TREE.index("elbow_l")] = Provenance.MISSING
    turns[:, :, TREE.index("elbow_l")] = torch.nan
    missing_cov = cov.clone()
    missing_cov[:, :, TREE.index("elbow_l")] = torch.nan
    angles = joint_angles(
        replace(motion, provenance=provenance, parent_from_joint=turns, rotation_cov_rad2=missing_cov)
    )
    said = dict(zip(angles.names, angles.observable[0], strict=True))
    assert said["knee_angle_r"] == MEASURED
    assert said["wrist_flex_r"].startswith("shown by no keypoint")
    assert said["hip_rotation_r"].startswith("uncertain (a turn about the segment's long axis)")
    assert said["hip_flexion_l"] == "roughly measured: +- 3 deg or better in nine of ten instants"
    assert said["elbow_flex_l"] == "never seen"


def test_one_angle_in_words():
    """By the sigma that nine of ten instants keep to, and by how much of what people do it is."""
    seen, filled = np.full(20, Provenance.MEASURED), np.full(20, Provenance.FILLED)
    sigma = np.radians(np.r_[np.full(17, 1.0), np.full(3, 8.0)])  # 15 % are bad
    assert in_words(TREE, "trunk_bending", sigma, seen).startswith("uncertain: +- 8 deg")
    assert in_words(TREE, "trunk_bending", sigma, filled).startswith("shown by no keypoint")
    sigma[-2:] = np.radians(1.0)
    assert in_words(TREE, "trunk_bending", sigma, seen) == MEASURED
    assert in_words(TREE, "trunk_bending", sigma, np.r_[filled[:12], seen[:8]]).startswith("measured in less than half")
    knee = next(dof for joint in TREE.joints for dof in joint.dofs if dof.name == "knee_angle_r")
    for share, word in ((0.55, "uncertain"), (0.65, "hardly shown")):
        assert in_words(TREE, "knee_angle_r", np.full(20, share * knee.spread_rad), seen).startswith(word)
    assert in_words(TREE, "pelvis_list", np.full(20, 3.0), seen).startswith("uncertain")  # of which nothing is usual
    assert in_words(TREE, "knee_angle_r", np.full(20, np.nan), seen) == "sigma not computed"


def test_nobody_and_no_instants_give_empty_angles():
    motion = _motion({"pelvis": np.zeros((0, 3, 3))})
    assert joint_angles(motion).angle_rad.shape == (0, 1, len(joint_angles(motion).names))
