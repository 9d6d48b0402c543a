"""The arrays that the skeleton fit fills in, person by person, until they are a record."""

from dataclasses import dataclass, field

import numpy as np
import torch

from mocap3d.fusion.skeleton_fit.body import Body
from mocap3d.fusion.skeleton_fit.doubt import Doubt
from mocap3d.fusion.skeleton_fit.measures import HABIT, SYMMETRY_M, USUAL_HEIGHT_M
from mocap3d.fusion.skeleton_fit.pose import Placed, Poses
from mocap3d.session.records import Motion, Person, Provenance, Tracks2D
from mocap3d.skeletons.kinematics import KinematicTree, ScaledSkeleton
from mocap3d.skeletons.skeleton import Skeleton


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """As in ``Motion``; NaN and missing until filled in."""

    tree: KinematicTree
    root: np.ndarray
    turn: np.ndarray
    joint: np.ndarray
    joint_cov: np.ndarray
    turn_cov: np.ndarray
    span_cov: np.ndarray
    provenance: np.ndarray
    skeletons: list[ScaledSkeleton] = field(default_factory=list)

    @staticmethod
    def empty(tracks: Tracks2D, tree: KinematicTree) -> "Result":
        """For everyone in ``tracks``."""
        shape, j = (len(tracks.t_s), len(tracks.people)), len(tree.joints)
        return Result(
            tree,
            np.full((*shape, 3), np.nan),
            np.full((*shape, j, 3, 3), np.nan),
            np.full((*shape, j, 3), np.nan),
            np.full((*shape, j, 3, 3), np.nan),
            np.full((*shape, j, 3, 3), np.nan),
            np.full((*shape, len(tree.spans), 3, 3), np.nan),
            np.zeros((*shape, j), np.int8),
        )

    def leave_unknown(self, known: Person) -> None:
        """Somebody of usual measures whose motion is not known."""
        self.skeletons.append(ScaledSkeleton.of_height(self.tree, known.height_m or USUAL_HEIGHT_M))

    def add_skeleton(self, body: Body, skeleton: Skeleton) -> None:
        """The measures of the next person."""
        self.skeletons.append(_scaled(body, self.tree, skeleton))

    def put(self, person: int, times: slice, poses: Poses, placed: Placed, doubt: Doubt | None) -> None:
        """A solved stretch."""
        self.root[times, person], self.turn[times, person] = poses.root, poses.turn
        self.joint[times, person] = placed.joint
        if doubt is not None:
            self.joint_cov[times, person], self.turn_cov[times, person] = doubt.joint, doubt.turn
            self.span_cov[times, person] = doubt.span

    def finish(self, person: int, provenance: np.ndarray, there: np.ndarray) -> None:
        """What is missing is NaN; what hangs on a missing turn is where nobody knows."""
        provenance = np.where(there[:, None], provenance, np.int8(Provenance.MISSING)).astype(np.int8)
        lost = np.zeros(provenance.shape, bool)
        for j, parent in enumerate(self.tree.parents[1:], start=1):
            lost[:, j] = lost[:, parent] | (provenance[:, parent] == Provenance.MISSING)
        provenance[lost] = Provenance.MISSING
        self.provenance[:, person] = provenance
        gone = provenance == Provenance.MISSING
        for values in (self.turn, self.turn_cov):
            values[:, person][gone] = np.nan
        for values in (self.joint, self.joint_cov):
            values[:, person][lost | ~there[:, None]] = np.nan
        for s, span in enumerate(self.tree.spans):
            self.span_cov[:, person, s][gone[:, span.segment]] = np.nan

    def record(self, tracks: Tracks2D) -> Motion:
        """The finished motion; shares the arrays."""
        return Motion(
            skeletons=tuple(self.skeletons),
            people=tracks.people,
            t_s=tracks.t_s,
            rate=tracks.rate,
            root_in_world=torch.from_numpy(self.root),
            root_cov_m2=torch.from_numpy(self.joint_cov[:, :, 0].copy()),
            parent_from_joint=torch.from_numpy(self.turn),
            rotation_cov_rad2=torch.from_numpy(self.turn_cov),
            span_cov_rad2=torch.from_numpy(self.span_cov),
            joint_in_world=torch.from_numpy(self.joint),
            joint_cov_m2=torch.from_numpy(self.joint_cov),
            provenance=torch.from_numpy(self.provenance),
        )


def _scaled(body: Body, tree: KinematicTree, skeleton: Skeleton) -> ScaledSkeleton:
    measures, known = body.measures, body.packed.anchor >= 0
    length, length_sigma = measures.length.copy(), measures.usual_sigma.copy()
    told = set(measures.free[measures.free[:, 0] == 0, 1].tolist())
    offset_sigma = np.where(known[:, None], 0.0, np.nan).repeat(3, axis=1)
    for (what, i), variance in zip(measures.free, np.diag(body.measures_cov), strict=True):
        if what == 0:
            length_sigma[i] = np.sqrt(variance)
        elif what != HABIT:
            offset_sigma[i, what - 1] = np.sqrt(variance)
    for j, joint in enumerate(tree.joints):
        if j not in told and joint.mirror in told:  # a limb that is never seen is as long as the other side's
            length[j], length_sigma[j] = length[joint.mirror], np.hypot(length_sigma[joint.mirror], SYMMETRY_M)
    return ScaledSkeleton(
        tree,
        measures.height_m,
        torch.from_numpy(length),
        torch.from_numpy(length_sigma),
        skeleton.keypoints,
        torch.from_numpy(np.where(known[:, None], measures.offset, np.nan)),
        torch.from_numpy(offset_sigma),
    )
