"""Scenes whose truth is known: cameras, people in motion, and what a detector would make of them."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.errors import Mocap3dError
from mocap3d.session.records import CalibratedRig, Detections, Person, Tracks2D, ViewId
from mocap3d.session.rig import RigTable, read_rig
from mocap3d.skeletons.skeleton import Skeleton, load_skeleton
from mocap3d.synthesis.detector import detections_of, tracks_of
from mocap3d.synthesis.noise import NoiseOptions, Seen, seen_by_detector
from mocap3d.synthesis.occlusion import Keypoints, occluded
from mocap3d.synthesis.people import people_from_clips, people_walking
from mocap3d.synthesis.ring import ring_rig

log = logging.getLogger("mocap3d")


@dataclass(frozen=True)
class SceneOptions:
    """What to film, with what, and how badly."""

    rig: Path | None = None
    """A rig file, e.g. rigs/lab8.toml; without one, ``n_views`` cameras stand around 6 x 6 m."""
    n_views: int = 8
    """Cameras of the ring, where there is no rig file."""
    clips: tuple[Path, ...] = ()
    """Motion files (.amc .bvh .npz .npy), one per person; without them, people walk."""
    n_people: int = 1
    """Walkers, where there are no clips."""
    duration_s: float = 5.0
    """At most; a scene ends with its shortest clip."""
    rate: Fraction = Fraction(60)
    skeleton: str = "halpe26"
    """Keypoint set; all its keypoints must be among HALPE-26's."""
    seed: int = 0
    """Two scenes of equal options are equal, bit by bit."""
    noise: NoiseOptions = field(default_factory=NoiseOptions)

    def __post_init__(self):
        if not (0 < self.duration_s < math.inf and self.rate > 0 and self.seed >= 0):
            raise Mocap3dError(
                f"a scene of {self.duration_s:g} s at {self.rate} Hz, seed {self.seed}, was asked for. Needed: a "
                "length and a rate above 0, and a seed of at least 0."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The truth, and what is seen of it."""

    rig: CalibratedRig
    skeleton: Skeleton
    people: tuple[Person, ...]
    t_s: Float[Tensor, " t"]
    rate: Fraction
    p_in_world: Float[Tensor, "t p k 3"]
    """Metres, Z up."""
    occluded: Bool[Tensor, "v t p k"]
    """Hidden behind a body."""
    outlier: Bool[Tensor, "v t p k"]
    """Seen, but grossly elsewhere: a swap or a jump."""
    tracks: Tracks2D
    """The noisy 2D keypoints, in order."""
    detections: Mapping[ViewId, Detections]
    """The same as a detector gives them: people in no order, and without names."""


def make_scene(options: SceneOptions = SceneOptions()) -> Scene:
    """A scene, wholly determined by its options."""
    skeleton, plan = load_skeleton(options.skeleton), _rig_plan(options)
    rig = plan.calibrated(options.rig)
    n_frames = max(1, round(options.duration_s * options.rate))
    if options.clips:
        cast = people_from_clips(options.clips, plan.volume, n_frames=n_frames, rate=options.rate)
    else:
        cast = people_walking(options.n_people, plan.volume, n_frames=n_frames, rate=options.rate, seed=options.seed)
    _check_keypoints(skeleton, cast.people[0])
    p_in_world = torch.from_numpy(cast.points(skeleton.keypoints))
    hidden = np.stack([occluded(c, cast.people, cast.heights_m, skeleton.keypoints) for c in rig.cameras.values()])
    seen = _seen(rig, p_in_world, hidden, skeleton, options)
    people = tuple(Person(f"P{n + 1}", height_m=round(h, 3)) for n, h in enumerate(cast.heights_m))
    t_s = torch.arange(len(p_in_world), dtype=torch.float64) / float(options.rate)
    tracks = tracks_of(seen, skeleton, people, t_s, options.rate)
    return Scene(
        rig=rig,
        skeleton=skeleton,
        people=people,
        t_s=t_s,
        rate=options.rate,
        p_in_world=p_in_world,
        occluded=torch.from_numpy(hidden),
        outlier=torch.from_numpy(np.stack([view.outlier for view in seen.values()])),
        tracks=tracks,
        detections=detections_of(tracks, seed=options.seed),
    )


def _rig_plan(options: SceneOptions) -> RigTable:
    return ring_rig(options.n_views) if options.rig is None else read_rig(options.rig)


def _check_keypoints(skeleton: Skeleton, person: Keypoints) -> None:
    if unknown := [name for name in skeleton.keypoints if name not in person]:
        raise Mocap3dError(
            f"skeleton '{skeleton.name}' has keypoints that synthetic people have not: {', '.join(unknown)}. "
            f"Needed: one of HALPE-26's keypoints only, e.g. halpe26 or coco17."
        )


def _seen(
    rig: CalibratedRig,
    p_in_world: Float[Tensor, "t p k 3"],
    hidden: Bool[np.ndarray, "v t p k"],
    skeleton: Skeleton,
    options: SceneOptions,
) -> dict[ViewId, Seen]:
    """Every view through its own detector; a warning where people are mostly out of the pictures."""
    seen, insides = {}, []
    for number, (view, camera) in enumerate(rig.cameras.items()):
        clean_px = camera.project(p_in_world)
        inside = camera.contains(clean_px)
        insides.append(inside)
        seen[view] = seen_by_detector(
            clean_px.numpy(),
            hidden[number],
            inside.numpy(),
            skeleton,
            rate_hz=float(options.rate),
            seed=(options.seed, 2, number),
            options=options.noise,
        )
    in_two = float((torch.stack(insides).sum(0) >= 2).double().mean())
    if in_two < 0.8:
        log.warning("only %.0f %% of the keypoints lie inside two pictures: the rig suits other motions.", 100 * in_two)
    return seen
