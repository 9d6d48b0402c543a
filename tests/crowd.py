"""Small scenes of several walking people whose sightings carry their true owner: truth for the association."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch

from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig, Detections, Timeline, Tracks2D
from mocap3d.skeletons.skeleton import load_skeleton

SIZE_PX = (1920, 1080)
FALSE = -1
NOBODY = -2

# Standing figure of height 1: forward, left, up.
_FIGURE = {
    "Nose": (0.06, 0, 0.93), "LEye": (0.05, 0.02, 0.95), "REye": (0.05, -0.02, 0.95), "LEar": (0, 0.04, 0.94),
    "REar": (0, -0.04, 0.94), "LShoulder": (0, 0.11, 0.82), "RShoulder": (0, -0.11, 0.82), "LElbow": (0, 0.14, 0.64),
    "RElbow": (0, -0.14, 0.64), "LWrist": (0.05, 0.15, 0.49), "RWrist": (0.05, -0.15, 0.49), "LHip": (0, 0.055, 0.53),
    "RHip": (0, -0.055, 0.53), "LKnee": (0.02, 0.06, 0.285), "RKnee": (0.02, -0.06, 0.285), "LAnkle": (0, 0.06, 0.04),
    "RAnkle": (0, -0.06, 0.04), "Head": (0, 0, 1.0), "Neck": (0, 0, 0.83), "Hip": (0, 0, 0.53),
    "LBigToe": (0.12, 0.05, 0.01), "RBigToe": (0.12, -0.05, 0.01), "LSmallToe": (0.1, 0.09, 0.01),
    "RSmallToe": (0.1, -0.09, 0.01), "LHeel": (-0.03, 0.06, 0.02), "RHeel": (-0.03, -0.06, 0.02),
}  # fmt: skip
# How far each joint swings forward and back in a step, in body heights; the right side against the left.
_SWING = {"Wrist": -0.12, "Elbow": -0.05, "Knee": 0.09, "Ankle": 0.17, "BigToe": 0.17, "SmallToe": 0.17, "Heel": 0.17}


@dataclass(frozen=True)
class Crowd:
    """Sightings with their true owners (person number, or FALSE)."""

    detections: Mapping[str, Detections]
    owner: Mapping[str, np.ndarray]
    timeline: Timeline
    rig: CalibratedRig

    def owners(self, tracks: Tracks2D) -> np.ndarray:
        """The true owner of every assigned sighting (v t p): person, FALSE, or NOBODY where none is assigned."""
        result = np.full(tracks.uv_px.shape[:3], NOBODY)
        for v, view in enumerate(tracks.views):
            owner_of = {_key(uv): who for uv, who in zip(self.detections[view].uv_px, self.owner[view], strict=True)}
            for t, p in np.ndindex(*result.shape[1:]):
                result[v, t, p] = owner_of.get(_key(tracks.uv_px[v, t, p]), NOBODY)
        return result

    def score(self, tracks: Tracks2D) -> "Score":
        """How an association compares with the truth."""
        owners = self.owners(tracks)
        people = np.array([np.bincount(track[track != NOBODY] + 1).argmax() - 1 for track in owners.swapaxes(0, 2)])
        wrong = ((owners != NOBODY) & (owners != people)).sum()
        held, possible = 0, 0
        for who in set(np.concatenate(list(self.owner.values()))) - {FALSE}:
            seen = np.stack([self._present(view, who) for view in tracks.views])
            seen &= seen.sum(axis=0) >= 2
            held += (seen & (owners[:, :, people == who] == who).any(axis=2)).sum()
            possible += seen.sum()
        return Score(people.tolist(), int(wrong), float(held / possible))

    def _present(self, view: str, who: int) -> np.ndarray:
        """Whether a view sees a person at each instant (whole frames only)."""
        frames = self.detections[view].frame.numpy()[self.owner[view] == who]
        return np.isin(self.timeline.frame_of_view[view].numpy(), frames)


def _key(uv_px: torch.Tensor) -> bytes:
    return torch.nan_to_num(uv_px).numpy().tobytes()


@dataclass(frozen=True)
class Score:
    """How an association compares with the truth."""

    people: list[int]
    """Who each track mostly is."""
    wrong: int
    """Assigned sightings that are not that person's."""
    recall: float
    """Share of the true sightings that their person's track holds, where at least two views see the person."""


def ring(n_views: int, *, radius_m: float = 5.0, seed: int = 0) -> CalibratedRig:
    """Cameras around the origin at unequal heights, all looking at (0, 0, 1)."""
    rng = np.random.default_rng(seed)
    cameras = {}
    for n in range(n_views):
        turn = 2 * np.pi * (n + rng.uniform(-0.2, 0.2)) / n_views + 0.3
        centre = np.array([radius_m * np.cos(turn), radius_m * np.sin(turn), rng.uniform(1.3, 2.7)])
        cameras[f"cam{n + 1}"] = _look_at(centre, np.array([0, 0, 1.0]))
    return CalibratedRig(cameras)


def _look_at(centre: np.ndarray, target: np.ndarray) -> Camera:
    forward = (target - centre) / np.linalg.norm(target - centre)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    cam_from_world = Rigid(torch.from_numpy(rotation), torch.from_numpy(-rotation @ centre))
    f_px, c_px = torch.tensor([1000.0, 1000.0]).double(), torch.tensor([959.5, 539.5]).double()
    return Camera(Lens.pinhole(f_px, c_px), cam_from_world, SIZE_PX)


def walk(path_m: np.ndarray, *, height_m: float, rate: float, phase: float = 0.0) -> np.ndarray:
    """A figure (t k 3) stepping along a path (t 2) on the floor; NaN where the path is (the person is not there)."""
    velocity = np.gradient(path_m, axis=0) * rate
    heading = np.unwrap(np.arctan2(velocity[:, 1], velocity[:, 0] + 1e-9))
    forward = np.stack([np.cos(heading), np.sin(heading), 0 * heading], axis=-1)
    left = np.stack([-np.sin(heading), np.cos(heading), 0 * heading], axis=-1)
    swing = np.sin(2 * np.pi * np.arange(len(path_m)) / rate + phase) * np.minimum(np.linalg.norm(velocity, axis=1), 1)
    keypoints = []
    for name in load_skeleton("halpe26").keypoints:
        x, y, z = _FIGURE[name]
        reach = _SWING.get(name[1:], 0.0) * (1 if name[0] == "L" else -1)
        keypoints.append((x + reach * swing)[:, None] * forward + y * left + np.array([0, 0, z]))
    body = height_m * np.stack(keypoints, axis=1)
    body[..., :2] += path_m[:, None]
    return body


def film(
    bodies: Sequence[np.ndarray],
    rig: CalibratedRig,
    *,
    rate: int = 30,
    noise_px: float = 3.0,
    missed: float = 0.1,
    false_per_frame: float = 0.3,
    twins: float = 0.0,
    frame_shift: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Crowd:
    """What a detector sees: people in random order, some missed or twice, some that are not there.

    The instants are the bodies' own; a view with a shift s saw them at frames t + s, so only whole shifts are filmed.
    """
    rng = np.random.default_rng(seed)
    n_frames, shift = len(bodies[0]), frame_shift or {}
    detections, owner = {}, {}
    for view, camera in rig.cameras.items():
        uv_px = np.stack([camera.project(torch.from_numpy(body)).numpy() for body in bodies])
        whole = int(np.floor(shift.get(view, 0)))
        detections[view], owner[view] = _detect(view, uv_px, rng, noise_px, missed, false_per_frame, twins, whole)
    frames = torch.arange(n_frames, dtype=torch.float64)
    frame_of_view = {view: frames + shift.get(view, 0) for view in rig.cameras}
    return Crowd(detections, owner, Timeline(frames / rate, Fraction(rate), frame_of_view), rig)


def _detect(
    view: str,
    uv_px: np.ndarray,
    rng: np.random.Generator,
    noise_px: float,
    missed: float,
    false_per_frame: float,
    twins: float,
    shift: int,
) -> tuple[Detections, np.ndarray]:
    """Sightings of one view from true pixels (p t k 2), and their owners."""
    rows = []

    def add(t: int, who: int, points: np.ndarray) -> None:
        seen = points + rng.normal(0, noise_px, points.shape)
        seen[rng.random(len(seen)) < 0.1] = np.nan
        inside = (seen > 0).all(axis=1) & (seen < SIZE_PX).all(axis=1)
        seen[~inside] = np.nan
        if inside.sum() >= 5:
            rows.append((t + shift, who, seen, rng.uniform(0.3, 1, len(seen))))

    for t in range(uv_px.shape[1]):
        for who in rng.permutation(len(uv_px)):
            copies = int(rng.random() >= missed) * (1 + int(rng.random() < twins))
            for _ in range(copies if np.isfinite(uv_px[who, t]).any() else 0):
                add(t, int(who), uv_px[who, t])
        for _ in range(rng.poisson(false_per_frame)):
            shape = uv_px[0, 0] - np.nanmean(uv_px[0, 0], axis=0) if np.isfinite(uv_px[0, 0]).any() else 0
            add(t, FALSE, rng.uniform((200, 200), (1700, 900)) + shape * rng.uniform(0.5, 1.5))
    frame, owner, uv, score = zip(*rows, strict=True)
    n, k = len(frame), uv_px.shape[2]
    points = torch.from_numpy(np.array(uv).reshape(n, k, 1, 2))
    log_weight = torch.from_numpy(np.log(np.array(score).reshape(n, k, 1)))
    log_weight[points[..., 0].isnan()] = -torch.inf
    seen = Detections(
        view=view,
        keypoint_set="halpe26",
        frame=torch.tensor(frame, dtype=torch.int64),
        person=torch.full((n,), -1),
        box_px=torch.full((n, 4), torch.nan, dtype=torch.float64),
        uv_px=points,
        cov_px2=(noise_px**2 * torch.eye(2, dtype=torch.float64)).expand(n, k, 1, 2, 2).clone(),
        log_weight=log_weight,
        n_frames=uv_px.shape[1] + shift,
    )
    return seen, np.array(owner)
