"""Multi-view reprojection consistency: views of one moment agree on one point in space for each keypoint."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.detection.poses import Poses, bent, mean
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.geometry.triangulate import triangulate

Fuse = Callable[
    [Float[Tensor, "v n 2"], Float[Tensor, "v n"], Sequence[Camera]],
    Float[Tensor, "n 3"],
]
"""Points in the world from each view's image points at depth 1, their sigmas and cameras of focal length 1.

The n points are instants in ascending order, and within each the keypoints; a camera has a pose for each point.
Missing points are NaN, going in and coming out.
"""
_VAGUE_M = 0.3
"""One sigma of a triangulated point, above which its views are too near each other to correct one another."""
_TRUTH_M = 0.05
_NEAREST_M = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Which samples are views of one instant, and their cameras."""

    sample: Int[Tensor, "g v"]
    """Index of the sample; -1 where an instant has fewer views than another."""
    matrix: Float[Tensor, "b 3 3"]
    cam_from_world: Float[Tensor, "b 3 4"]

    @staticmethod
    def of(
        instant: Int[Tensor, " b"], matrix: Float[Tensor, "b 3 3"], cam_from_world: Float[Tensor, "b 3 4"]
    ) -> "Views | None":
        """None where no instant has two views with cameras."""
        known = (matrix.isfinite().all(-1) & cam_from_world.isfinite().all(-1)).all(-1) & (instant >= 0)
        groups: dict[int, list[int]] = {}
        for sample, (number, usable) in enumerate(zip(instant.tolist(), known.tolist(), strict=True)):
            if usable:
                groups.setdefault(number, []).append(sample)
        several = [groups[number] for number in sorted(groups) if len(groups[number]) > 1]
        if not several:
            return None
        most = max(map(len, several))
        sample = torch.tensor([[*group, *[-1] * (most - len(group))] for group in several], device=instant.device)
        return Views(sample, matrix.double(), cam_from_world.double())


def consistency(
    poses: Poses, usable: Bool[Tensor, "b k"], views: Views, size_px: tuple[int, int], *, fuse: Fuse, through: bool
) -> tuple[Float[Tensor, ""], Float[Tensor, "g k 3"]]:
    """(1/V) sum over views of c |p - Pi(P)|, Eq 41; Eq 38 is the same with every c = 1. And the points P, in metres.

    ``through``: the gradient also moves P, that is, goes through ``fuse``; else every view is drawn towards it.
    """
    n_keypoints = poses.uv_px.shape[1]
    p_in_world = fuse(*_sightings(poses, usable, views))
    p_in_world = p_in_world.view(len(views.sample), n_keypoints, 3)
    there = views.sample >= 0
    sample = views.sample.clamp(min=0)
    target = p_in_world if through else p_in_world.detach()
    expected_px, ahead = project(views.matrix[sample], views.cam_from_world[sample], target[:, None])
    edge_px = expected_px.new_tensor(size_px)
    inside = ahead & (expected_px > 0).all(-1) & (expected_px < edge_px - 1).all(-1)
    inside = inside & there[..., None] & usable[sample]
    off = torch.where(inside[..., None], poses.uv_px[sample] - expected_px, 0.0).float()
    squared = (off / poses.unit_px[sample][..., None, None]).square().sum(-1)
    return mean(bent(squared), poses.confidence[sample] * inside), p_in_world


def point_error(
    p_in_world: Float[Tensor, "g k 3"], views: Views, p_in_cam: Float[Tensor, "b k 3"]
) -> Float[Tensor, ""]:
    """How far triangulated points are from the true ones, in units of 5 cm: Eq 40. Where neither is NaN."""
    first = views.sample[:, 0]
    pose = views.cam_from_world[first]
    truth = (p_in_cam[first].double() - pose[:, None, :, 3]) @ pose[..., :3]
    known = truth.isfinite().all(-1) & p_in_world.isfinite().all(-1)
    off = torch.where(known[..., None], p_in_world - truth, 0.0).float()
    return mean(bent((off / _TRUTH_M).square().sum(-1)), known.float())


def project(
    matrix: Float[Tensor, "*b 3 3"], cam_from_world: Float[Tensor, "*b 3 4"], p_in_world: Float[Tensor, "*c k 3"]
) -> tuple[Float[Tensor, "*b k 2"], Bool[Tensor, "*b k"]]:
    """K [R | t] P, Eq 39, in pixels; and whether there is such a point, ahead of the camera."""
    p_in_cam = p_in_world @ cam_from_world[..., :3].mT + cam_from_world[..., None, :, 3]
    image = p_in_cam @ matrix.mT
    ahead = p_in_cam.isfinite().all(-1) & (p_in_cam[..., 2] > _NEAREST_M)
    image = torch.where(ahead[..., None], image, 1.0)
    return image[..., :2] / image[..., 2:], ahead


def triangulated(
    uv: Float[Tensor, "v n 2"], sigma: Float[Tensor, "v n"], cameras: Sequence[Camera]
) -> Float[Tensor, "n 3"]:
    """The usual ``fuse``: least squares, each point on its own; NaN where the views hardly fix it."""
    p_in_world, cov_m2 = triangulate(uv, sigma, cameras)
    sharp = cov_m2.detach().diagonal(dim1=-2, dim2=-1).sum(-1) < _VAGUE_M**2
    return torch.where(sharp[:, None], p_in_world, torch.nan)


def _sightings(
    poses: Poses, usable: Bool[Tensor, "b k"], views: Views
) -> tuple[Float[Tensor, "v n 2"], Float[Tensor, "v n"], list[Camera]]:
    """What ``fuse`` takes. A crop may be turned, skewed or mirrored: no lens knows that, but points at depth 1 do."""
    n_keypoints = poses.uv_px.shape[1]
    sample = views.sample.clamp(min=0)
    seen = usable[sample] & (views.sample >= 0)[..., None]
    matrix = views.matrix[sample]
    uv_px = poses.uv_px[sample].double()
    at_depth_1 = torch.cat([uv_px, torch.ones_like(uv_px[..., :1])], -1) @ torch.linalg.inv(matrix).mT
    f_px = torch.linalg.det(matrix[..., :2, :2]).abs().sqrt()
    sigma = (poses.unit_px[sample] / f_px)[..., None] / poses.confidence[sample]
    uv = torch.where(seen[..., None], at_depth_1[..., :2], torch.nan).movedim(1, 0).flatten(1, 2)
    sigma = torch.where(seen, sigma.double(), torch.nan).movedim(1, 0).flatten(1, 2)
    lens = Lens.pinhole(uv.new_ones(2), uv.new_zeros(2))
    poses_of_view = views.cam_from_world[sample].movedim(1, 0).repeat_interleave(n_keypoints, 1)
    return uv, sigma, [Camera(lens, Rigid(pose[..., :3], pose[..., 3]), (2, 2)) for pose in poses_of_view]
