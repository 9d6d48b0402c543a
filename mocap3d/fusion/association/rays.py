"""Keypoints as rays in the world; where rays meet, and how far they pass from points, in metres.

Association measures in metres at the person, not in pixels: the same number means the same doubt in every view, near or
far, and lens distortion is undone once per keypoint.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from mocap3d.fusion.association.sightings import Sightings, blend
from mocap3d.geometry.camera import Camera
from mocap3d.session.records import Detections

# Squared sine of the angle between two rays below which their distance says nothing about a common point (0.6 deg).
_PARALLEL = 1e-4
_CHUNK = 512
# Pull of a keypoint without a prior: keeps its equations solvable, and moves nothing.
_NO_PULL = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """The keypoints of sightings as rays; any batch of sightings, often (s) of one instant or (people, views)."""

    view: Int[np.ndarray, "*b"]
    origin: Float[np.ndarray, "*b 3"]
    direction: Float[np.ndarray, "*b k 3"]
    """Unit vectors; zero where the keypoint is missing."""
    weight: Float[np.ndarray, "*b k"]
    """The keypoint's score; zero where it is missing."""

    def __len__(self) -> int:
        return len(self.view)

    def __getitem__(self, which: np.ndarray | slice | None) -> "Rays":
        return Rays(self.view[which], self.origin[which], self.direction[which], self.weight[which])

    def at(self, which: Int[np.ndarray, "*c"]) -> "Rays":
        """The rays of these sightings; -1 gives a sighting without keypoints."""
        rays = self[which]
        nobody = which < 0
        rays.direction[nobody], rays.weight[nobody] = 0.0, 0.0
        return rays

    def exchanged(self, which: Bool[np.ndarray, "*b"], mirror: Int[np.ndarray, " k"]) -> "Rays":
        """The same rays, with left and right exchanged in some sightings."""
        if not which.any():
            return self
        direction = np.where(which[..., None, None], self.direction[..., mirror, :], self.direction)
        weight = np.where(which[..., None], self.weight[..., mirror], self.weight)
        return Rays(self.view, self.origin, direction, weight)


def rays_of(
    sightings: Sightings,
    detections: Sequence[Detections],
    cameras: Sequence[Camera],
    *,
    min_score: float,
) -> Rays:
    """The rays of the likeliest alternative of every keypoint, batch (s); detections and cameras per view."""
    n_keypoints = detections[0].uv_px.shape[1]
    origin = np.zeros((len(sightings), 3))
    direction = np.zeros((len(sightings), n_keypoints, 3))
    weight = np.zeros((len(sightings), n_keypoints))
    for n, (seen, camera) in enumerate(zip(detections, cameras, strict=True)):
        (rows,) = np.nonzero(sightings.view == n)
        if len(rows):
            origin[rows], direction[rows], weight[rows] = _rays_of_view(sightings[rows], seen, camera)
    missing = ~np.isfinite(direction).all(axis=-1) | ~(weight >= min_score)
    direction[missing], weight[missing] = 0.0, 0.0
    return Rays(sightings.view, origin, direction, weight)


def rays_by_instant(
    sightings: Sightings,
    detections: Sequence[Detections],
    cameras: Sequence[Camera],
    *,
    min_score: float,
) -> Iterator[tuple[int, int, Rays]]:
    """(instant, position of its first sighting, rays of its sightings) of every instant with sightings.

    Rays are made for many instants at once, because that is fast, but not for all, because they are large.
    """
    instants, starts = np.unique(sightings.instant, return_index=True)
    ends = np.append(starts[1:], len(sightings))
    for chunk in range(0, len(instants), _CHUNK):
        low, high = starts[chunk], ends[chunk : chunk + _CHUNK][-1]
        rays = rays_of(sightings[low:high], detections, cameras, min_score=min_score)
        for n in range(chunk, min(chunk + _CHUNK, len(instants))):
            yield int(instants[n]), int(starts[n]), rays[starts[n] - low : ends[n] - low]


def _rays_of_view(sightings: Sightings, seen: Detections, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origins (s 3), directions (s k 3) and scores (s k) of one view."""
    uv_px, _, log_weight = blend(likeliest(seen), sightings.row, sightings.far_row, sightings.far_share)
    if camera.is_moving:
        camera = camera.at(seen.frame[torch.from_numpy(sightings.row)])
    _, direction = camera.rays(uv_px[:, :, 0])
    origin = camera.centre_in_world.expand(len(sightings), 3)
    return origin.numpy(), direction.numpy(), log_weight[:, :, 0].exp().numpy()


def likeliest(seen: Detections, keypoints: Sequence[int] | slice = slice(None)) -> Detections:
    """The same sightings with the likeliest alternative only, of all or some keypoints."""
    uv_px, cov_px2 = seen.uv_px[:, keypoints, :1], seen.cov_px2[:, keypoints, :1]
    return replace(seen, uv_px=uv_px, cov_px2=cov_px2, log_weight=seen.log_weight[:, keypoints, :1])


def distance_m(p_in_world: Float[np.ndarray, "*b k 3"], rays: Rays) -> Float[np.ndarray, "*b s k"]:
    """How far each ray passes from its point; inf for a point behind the camera, NaN for an unknown one.

    Batches of points (*b) and of rays (*b s) broadcast.
    """
    from_origin = p_in_world[..., None, :, :] - rays.origin[..., None, :]
    along = np.einsum("...c,...c->...", from_origin, rays.direction)
    across2 = np.einsum("...c,...c->...", from_origin, from_origin) - along * along
    # A missing ray has no direction: it is neither behind nor in front, and its weight is zero.
    return np.where((along < 0), np.inf, np.sqrt(np.maximum(across2, 0.0)))


def disagreement(
    distance_m: Float[np.ndarray, "*b s k"],
    weight: Float[np.ndarray, "*#b s k"],
    *,
    scale_m: Float[np.ndarray, "*#b"] | float,
    min_keypoints: int,
) -> Float[np.ndarray, "*b s"]:
    """How badly sightings fit a person: 0 perfectly, 0.5 typically ``scale_m`` off, 1 not at all.

    Score-weighted mean of Geman-McClure losses, so a few wild keypoints do not matter; 1 where too few are shared.
    """
    scale2 = np.square(scale_m)[..., None, None]
    shared = weight * ~np.isnan(distance_m)
    near = np.where(shared > 0, shared * scale2 / (distance_m**2 + scale2), 0.0).sum(axis=-1)
    enough = (shared > 0).sum(axis=-1) >= min_keypoints
    return np.where(enough, 1 - near / np.where(enough, shared.sum(axis=-1), 1.0), 1.0)


def meet(
    rays: Rays, first: Int[np.ndarray, " h"], second: Int[np.ndarray, " h"]
) -> tuple[Float[np.ndarray, "h k 3"], Float[np.ndarray, "h k"]]:
    """Where the rays of sightings ``first`` and ``second`` come closest (midpoint), and how close in metres.

    NaN where a keypoint is missing or its rays are parallel; infinitely far where they meet behind a camera.
    """
    d1, d2 = rays.direction[first], rays.direction[second]
    o1, o2 = rays.origin[first][:, None], rays.origin[second][:, None]
    cosine = np.einsum("hkc,hkc->hk", d1, d2)
    sine2 = 1 - cosine**2
    known = (rays.weight[first] > 0) & (rays.weight[second] > 0) & (sine2 > _PARALLEL)
    sine2 = np.where(known, sine2, np.nan)
    along1, along2 = np.einsum("hkc,hkc->hk", o2 - o1, d1), np.einsum("hkc,hkc->hk", o2 - o1, d2)
    depth1, depth2 = (along1 - cosine * along2) / sine2, (cosine * along1 - along2) / sine2
    p1, p2 = o1 + depth1[..., None] * d1, o2 + depth2[..., None] * d2
    gap_m = np.linalg.norm(p1 - p2, axis=-1)
    return (p1 + p2) / 2, np.where((depth1 <= 0) | (depth2 <= 0), np.inf, gap_m)


def locate(
    rays: Rays, prior: Float[np.ndarray, "*b k 3"], *, scales_m: Sequence[Float[np.ndarray, "*b"] | float], pull: float
) -> Float[np.ndarray, "*b k 3"]:
    """Keypoints from sightings (*b s) that belong to one person each, starting at ``prior``; wild rays count little.

    One reweighted solve per scale. ``pull`` is the weight of the prior beside a ray of score 1: a keypoint with one ray
    goes to the ray's point nearest to the prior, so a lone view still moves a person sideways; one with none stays.
    A keypoint unknown so far (NaN) is found where its rays come nearest, if at least two views see it.
    """
    unknown = np.isnan(prior[..., 0])
    start = np.where(unknown[..., None], 0.0, prior)
    pulls = np.where(unknown, _NO_PULL, pull)
    p_in_world = start
    for n, scale_m in enumerate(scales_m):
        scale2 = np.square(scale_m)[..., None, None]
        robust = rays.weight * scale2 / (distance_m(p_in_world, rays) ** 2 + scale2)
        weight = np.where(unknown[..., None, :], rays.weight, robust) if n == 0 else robust
        p_in_world = _nearest_points(rays, weight, start, pulls)
    lonely = unknown & ((rays.weight > 0).sum(axis=-2) < 2)
    return np.where(lonely[..., None], np.nan, p_in_world)


def _nearest_points(rays: Rays, weight: np.ndarray, prior: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """The points (*b k 3) nearest to their rays by weighted least squares, relative to the prior."""
    to_origin = rays.origin[..., None, :] - prior[..., None, :, :]
    along = np.einsum("...c,...c->...", to_origin, rays.direction)
    offset = to_origin - along[..., None] * rays.direction
    right = np.einsum("...sk,...skc->...kc", weight, offset)
    outer = np.einsum("...ski,...skj->...kij", weight[..., None] * rays.direction, rays.direction)
    normal = (weight.sum(axis=-2) + pull)[..., None, None] * np.eye(3) - outer
    return prior + np.linalg.solve(normal, right[..., None])[..., 0]
