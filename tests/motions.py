"""Fitted skeletons that move as told, without a fit, for tests that write and measure them."""

from dataclasses import replace
from fractions import Fraction

import torch
from scipy.spatial.transform import Rotation

from mocap3d.session.records import Motion, Points3D, Provenance
from mocap3d.skeletons.body_table import load_body
from mocap3d.skeletons.forward import keypoints_of, posed
from mocap3d.skeletons.kinematics import Joint, ScaledSkeleton
from mocap3d.skeletons.skeleton import load_skeleton

WORLD_FROM_UPRIGHT = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Segments are y up; who stands in our world and faces x is turned like this."""


def make_fitted(
    n_instants: int = 20, people: tuple[str, ...] = ("Ada", "Bo"), *, rate: Fraction = Fraction(60)
) -> Motion:
    """Every degree of freedom goes its own way within its range; the root walks and turns."""
    tree, measured = load_body("full_body"), []
    halpe = load_skeleton("halpe26")
    for n in range(len(people)):
        mean = ScaledSkeleton.of_height(tree, 1.70 + 0.1 * n)
        ratio = [(0.0, 0.0, 0.0) if place is None else place.offset_ratio for place in tree.placements(halpe)]
        offset_m = torch.tensor(ratio, dtype=torch.float64) * mean.height_m
        measured.append(
            replace(mean, keypoints=halpe.keypoints, offset_m=offset_m, offset_sigma_m=torch.full_like(offset_m, 0.01))
        )
    t_s = torch.arange(n_instants, dtype=torch.float64) / float(rate)
    turns = torch.stack([_turns(tree.joints, t_s, n) for n in range(len(people))], dim=1)
    root = torch.stack(
        [torch.stack([t_s + n, 0.2 * t_s, 0.9 + 0.05 * torch.sin(9 * t_s)], -1) for n in range(len(people))], 1
    )
    centres = torch.stack([posed(who, root[:, n], turns[:, n])[0] for n, who in enumerate(measured)], dim=1)
    shape = turns.shape[:3]
    cov = 1e-4 * torch.eye(3, dtype=torch.float64)
    return Motion(
        skeletons=tuple(measured), people=people, t_s=t_s, rate=rate, root_in_world=root,
        root_cov_m2=cov.expand(*shape[:2], 3, 3).clone(), parent_from_joint=turns,
        rotation_cov_rad2=cov.expand(*shape, 3, 3).clone(),
        span_cov_rad2=cov.expand(*shape[:2], len(tree.spans), 3, 3).clone(), joint_in_world=centres,
        joint_cov_m2=cov.expand(*shape, 3, 3).clone(),
        provenance=torch.full(shape, int(Provenance.MEASURED), dtype=torch.int8),
    )  # fmt: skip


def keypoints_in_world(motion: Motion, who: int) -> torch.Tensor:
    """Where halpe26's keypoints are on the fitted body (t k 3)."""
    measured = motion.skeletons[who]
    placements = measured.tree.placements(load_skeleton("halpe26"))
    where = tuple((place.anchor, place.segment) for place in placements if place is not None)
    assert len(where) == len(placements)
    centres, turns = posed(measured, motion.root_in_world[:, who], motion.parent_from_joint[:, who])
    return keypoints_of(measured, where, centres, turns)


def points_of(motion: Motion) -> Points3D:
    """The keypoints on the bodies as a solution, one millimetre sure."""
    p = torch.stack([keypoints_in_world(motion, who) for who in range(len(motion.people))], dim=1)
    cov = 1e-6 * torch.eye(3, dtype=torch.float64)
    full = torch.full(p.shape[:-1], int(Provenance.MEASURED), dtype=torch.int8)
    return Points3D(
        load_skeleton("halpe26"),
        motion.people,
        motion.t_s,
        motion.rate,
        p,
        cov.expand(*p.shape, 3).clone(),
        full + 1,
        full,
    )


def _turns(joints: tuple[Joint, ...], t_s: torch.Tensor, seed: int) -> torch.Tensor:
    columns = []
    for j, joint in enumerate(joints):
        turn = WORLD_FROM_UPRIGHT if joint.parent < 0 else Rotation.identity()
        for n, dof in enumerate(joint.dofs):
            low, high = (-0.4, 0.4) if joint.parent < 0 else (0.6 * dof.min_rad, 0.6 * dof.max_rad)
            low, high = max(low, -1.3), min(high, 1.3)
            share = 0.5 + 0.5 * torch.sin((2 + j % 5 + n) * t_s + j + seed)
            angle = low + (high - low) * share
            turn = turn * Rotation.from_rotvec((angle[:, None] * torch.tensor(dof.axis)).numpy())
        matrix = torch.from_numpy(turn.as_matrix())
        columns.append(matrix.expand(len(t_s), 3, 3))
    return torch.stack(columns, dim=1)
