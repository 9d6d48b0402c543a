"""Which keypoints a camera cannot see because somebody's body, one's own or another's, is in the way."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from mocap3d.geometry.camera import Camera
from mocap3d.synthesis.anthropometry import GIRTHS, HEIGHT_M, SKULL_RADIUS_M, SKULL_SHARE

SPHERES = 6
"""Per tapered segment, ends included: they overlap, and lines of sight meet spheres in one cheap formula."""
DEPTH_M = 0.065
"""How deep under the skin a keypoint may lie and still be seen."""
DEEP_M = {"LHip": 0.15, "RHip": 0.15, "Hip": 0.2, "LShoulder": 0.12, "RShoulder": 0.12, "Neck": 0.2, "Head": 0.1}
FRAMES_AT_ONCE = 128

Keypoints = Mapping[str, Float[np.ndarray, "t 3"]]
"""One person's, by name."""


def occluded(
    camera: Camera, people: Sequence[Keypoints], heights_m: Sequence[float], names: Sequence[str]
) -> Bool[np.ndarray, "t p k"]:
    """Whether the line of sight enters a body more than the keypoint's own depth before it arrives."""
    points = np.stack([np.stack([person[name] for name in names], 1) for person in people], 1)
    bodies = [spheres_of(person, height_m) for person, height_m in zip(people, heights_m, strict=True)]
    centres = np.concatenate([centre for centre, _ in bodies], axis=1)
    radii = np.concatenate([radius for _, radius in bodies])
    depth_m = np.tile([DEEP_M.get(name, DEPTH_M) for name in names], len(people))
    eye = np.broadcast_to(camera.centre_in_world.numpy(), (len(points), 3))
    hidden = np.empty(points.shape[:3], bool)
    for start in range(0, len(points), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        targets = points[part].reshape(len(points[part]), -1, 3)
        hidden[part] = _behind(eye[part], targets, centres[part], radii, depth_m).reshape(hidden[part].shape)
    return hidden


def spheres_of(person: Keypoints, height_m: float) -> tuple[Float[np.ndarray, "t s 3"], Float[np.ndarray, " s"]]:
    """A body as spheres strung along its segments: centres in the world, and radii (m)."""
    shares = np.linspace(0.0, 1.0, SPHERES)
    centres = [person[a][:, None] + shares[:, None] * (person[b] - person[a])[:, None] for a, b, *_ in GIRTHS]
    radii = [first + shares * (last - first) for *_, first, last in GIRTHS]
    centres.append((person["Neck"] + SKULL_SHARE * (person["Head"] - person["Neck"]))[:, None])
    radii.append(np.array([SKULL_RADIUS_M]))
    return np.concatenate(centres, axis=1), np.concatenate(radii) * (height_m / HEIGHT_M)


def _behind(
    eye: Float[np.ndarray, "t 3"],
    targets: Float[np.ndarray, "t n 3"],
    centres: Float[np.ndarray, "t s 3"],
    radii: Float[np.ndarray, " s"],
    depth_m: Float[np.ndarray, " n"],
) -> Bool[np.ndarray, "t n"]:
    """Whether any sphere is entered that far before the target; rays of (eye -> target) against all spheres."""
    to_target, to_centre = targets - eye[:, None], centres - eye[:, None]
    distance = np.linalg.norm(to_target, axis=-1)
    along = (to_target / distance[..., None]) @ to_centre.transpose(0, 2, 1)
    inside = radii**2 - (to_centre**2).sum(-1)[:, None] + along**2  # half chord, squared; negative: missed
    entry = along - np.sqrt(np.maximum(inside, 0.0))
    return ((inside > 0) & (entry > 0) & (entry < (distance - depth_m)[..., None])).any(-1)
