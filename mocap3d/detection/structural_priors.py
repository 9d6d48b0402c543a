"""Structural priors integration (SPI): what bodies obey, as losses on the predicted keypoints.

Every term is a mean over what is labelled, has no dimension, and is 0 at the truth. The paper's fixed limb lengths in
pixels would have every view and person look alike; here a limb's length is that of the label.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.detection.poses import SKELETON, Poses, bent, length, mean

DEAD_ZONE = 0.1
"""Of a limb's length, from the paper's section 3.3.2: labels are not exact."""
_ANGLE_RAD = 0.2
"""An angle that is off by this costs as much as a point that is off by one unit (before the third that follows)."""
_SHORTEST_FOR_ANGLE, _SHORTEST_FOR_RATIO = 1.2, 1.5
"""In units: a limb that points at the camera has no angle, and its relative length says little."""


def _at_vertices(parents: Sequence[int]) -> list[tuple[int, int, int]]:
    """(vertex, parent, child) wherever three keypoints follow each other."""
    return [
        (vertex, parents[vertex], child) for child, vertex in enumerate(parents) if vertex >= 0 and parents[vertex] >= 0
    ]


def _loop(names: str) -> list[int]:
    return [SKELETON.index(name) for name in names.split()]


LIMBS = torch.tensor(SKELETON.limbs)
TRIPLETS = torch.tensor(_at_vertices(SKELETON.parents))
LOOPS = [
    _loop("LShoulder RShoulder RHip LHip"),
    _loop("LAnkle LBigToe LHeel"),
    _loop("RAnkle RBigToe RHeel"),
]


def terms(
    poses: Poses,
    p_in_cam: Float[Tensor, "b k 3"] | None,
    matrix: Float[Tensor, "b 3 3"] | None,
    cam_from_world: Float[Tensor, "b 3 4"] | None,
    clip: Int[Tensor, " b"] | None,
    frame: Int[Tensor, " b"] | None,
) -> list[tuple[str, Tensor | None]]:
    """The seven terms of Eq 24 by name, in its order; None where a batch cannot tell."""
    return [
        ("structure", structure(poses)),
        ("angle", angle(poses)),
        ("deformation", deformation(poses)),
        ("sure_structure", sure_structure(poses)),
        ("smoothness", smoothness(poses)),
        ("projection", None if p_in_cam is None or matrix is None else projection(poses, p_in_cam, matrix)),
        ("acceleration", None if clip is None or frame is None else acceleration(poses, clip, frame, cam_from_world)),
    ]


def structure(poses: Poses, weight: Float[Tensor, "b e"] | None = None) -> Float[Tensor, ""]:
    """Limbs are as long as they are: Eq 17, and Eq 32, which is the same. Within 10 % nothing is wrong."""
    found, true = limb_lengths(poses)
    unit = poses.unit_px[:, None]
    beyond = ((found - true).abs() - DEAD_ZONE * true).clamp(min=0) / unit
    return mean(bent(beyond.square()), pair_weight(poses) if weight is None else weight)


def angle(poses: Poses) -> Float[Tensor, ""]:
    """Limbs meet at their angle, Eq 18: signed, at the middle keypoint, and the difference without its jump at pi."""
    triplets = TRIPLETS.to(poses.uv_px.device)
    turn, found = _turn(poses.uv_px, triplets)
    true_turn, true = _turn(poses.truth_px, triplets)
    # The rotation from the true angle to the one found, as a complex number.
    real, imaginary = _complex_product(turn, true_turn)
    unit = poses.unit_px[:, None]
    usable = true > _SHORTEST_FOR_ANGLE * unit
    # The direction of a limb that has shrunk to a point is noise, of a gradient like 1 / length.
    clarity = (found / torch.where(usable, true, 1.0)).clamp(max=1)
    off_rad = torch.atan2(torch.where(usable, imaginary, 0.0), torch.where(usable, real, 1.0))
    return mean(clarity * bent((off_rad / _ANGLE_RAD).square()) / 3, poses.weight[:, triplets].prod(-1) * usable)


def deformation(poses: Poses) -> Float[Tensor, ""]:
    """The same relative to the limb's length, as an elastic energy: Eq 19, Eq 33."""
    found, true = limb_lengths(poses)
    long_enough = true > _SHORTEST_FOR_RATIO * poses.unit_px[:, None]
    ratio = found / torch.where(long_enough, true, 1.0)
    strain = torch.where(long_enough, ratio - 1, 0.0)
    return mean(bent(strain.square()), pair_weight(poses) * long_enough)


def sure_structure(poses: Poses) -> Float[Tensor, ""]:
    """Limb lengths again, where the network is sure of both ends: Eq 20, Eq 34, Eq 47.

    The pair's weight is c_i c_j (Eq 48); the paper's division by the largest product (Eq 35) hangs on a single pair,
    and a weighted mean needs none.
    """
    c = poses.confidence[:, LIMBS.to(poses.confidence.device)].prod(-1)
    return structure(poses, pair_weight(poses) * c)


def smoothness(poses: Poses) -> Float[Tensor, ""]:
    """Neighbours err alike (Eq 21), so that offsets of pairs, the R of Eq 30, are true; short ones would shrink us."""
    first, second = LIMBS.to(poses.uv_px.device).T
    apart = poses.error[:, first] - poses.error[:, second]
    return mean(bent(apart.square().sum(-1)), pair_weight(poses))


def projection(poses: Poses, p_in_cam: Float[Tensor, "b k 3"], matrix: Float[Tensor, "b 3 3"]) -> Float[Tensor, ""]:
    """2D is the image of the known 3D in this view, Eq 22."""
    known = p_in_cam.isfinite().all(-1) & (p_in_cam[..., 2] > 0) & matrix.isfinite().all(-1).all(-1)[:, None]
    ahead = p_in_cam.new_tensor([0.0, 0.0, 1.0])
    image = torch.where(known[..., None], p_in_cam, ahead) @ matrix.nan_to_num().mT
    expected_px = image[..., :2] / torch.where(known, image[..., 2], 1.0)[..., None]
    off = torch.where(known[..., None], poses.uv_px - expected_px, 0.0) / poses.unit_px[:, None, None]
    return mean(bent(off.square().sum(-1)), poses.weight * known)


def acceleration(
    poses: Poses,
    clip: Int[Tensor, " b"],
    frame: Int[Tensor, " b"],
    cam_from_world: Float[Tensor, "b 3 4"] | None = None,
) -> Float[Tensor, ""]:
    """No jerks between consecutive frames of a view, Eq 23, and Eq 42 of the points in space.

    The paper's first differences would punish motion; these are second ones, of predicted minus true motion.
    """
    same = (clip[:, None] == clip) & (clip >= 0)
    if cam_from_world is not None:
        same = same & _same_view(cam_from_world)
    later = frame - frame[:, None]
    before, after = same & (later == -1), same & (later == 1)
    exists = (before.any(1) & after.any(1))[:, None]
    before, after = before.int().argmax(1), after.int().argmax(1)
    # Independent errors make second differences that are sqrt(6) as large.
    second = (poses.error[before] - 2 * poses.error + poses.error[after]) / 6**0.5
    weight = poses.weight * poses.weight[before] * poses.weight[after] * exists
    return mean(bent(second.square().sum(-1)), weight)


def loops(poses: Poses) -> Float[Tensor, ""]:
    """Closed loops keep their circumference, Eq 36; a skeleton is a tree, so these are torso and feet."""
    off = []
    weight = []
    for loop in LOOPS:
        around = list(pairwise([*loop, loop[0]]))
        found, true = (
            sum((length(uv[:, a] - uv[:, b]) for a, b in around), start=torch.zeros_like(poses.unit_px))
            for uv in (poses.uv_px, poses.truth_px)
        )
        off.append((found - true) / poses.unit_px)
        weight.append(poses.weight[:, loop].prod(-1))
    return mean(bent(torch.stack(off).square()), torch.stack(weight))


def centre(poses: Poses) -> Float[Tensor, ""]:
    """The centre of all keypoints, which Eq 31 calls G and leaves open."""
    weight = poses.weight
    shift = (poses.error * weight[..., None]).sum(1) / weight.sum(1, keepdim=True).clamp(min=1e-6)
    return mean(bent(shift.square().sum(-1)), (weight.sum(1) > 0).float())


def limb_lengths(poses: Poses) -> tuple[Float[Tensor, "b e"], Float[Tensor, "b e"]]:
    """|p_i - p_j| and the L_ij that it should be (Eq 3, Eq 16), in pixels: the label's own length in this view."""
    first, second = LIMBS.to(poses.uv_px.device).T
    found, true = (length(uv[:, first] - uv[:, second]) for uv in (poses.uv_px, poses.truth_px))
    return found, true


def pair_weight(poses: Poses) -> Float[Tensor, "b e"]:
    """Weight of each limb's label."""
    return poses.weight[:, LIMBS.to(poses.weight.device)].prod(-1)


def _turn(uv_px: Float[Tensor, "b k 2"], triplets: Int[Tensor, "t 3"]) -> tuple[Tensor, Float[Tensor, "b t"]]:
    """The turn from the first limb to the second at each vertex as a complex number, and the shorter limb's length."""
    vertex, parent, child = triplets.T
    first, second = uv_px[:, parent] - uv_px[:, vertex], uv_px[:, child] - uv_px[:, vertex]
    shorter = torch.minimum(length(first), length(second))
    return torch.stack(_complex_product(second, first), -1), shorter.detach()


def _complex_product(a: Float[Tensor, "*b 2"], b: Float[Tensor, "*b 2"]) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of a times the conjugate of b."""
    return (a * b).sum(-1), a[..., 1] * b[..., 0] - a[..., 0] * b[..., 1]


def _same_view(cam_from_world: Float[Tensor, "b 3 4"]) -> Bool[Tensor, "b b"]:
    pose = cam_from_world.nan_to_num().flatten(1)
    return (pose[:, None] - pose).abs().amax(-1) < 1e-4
