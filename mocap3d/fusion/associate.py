"""Unordered sightings per view in; the same person across views and over time out."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Int

from mocap3d.errors import FusionError
from mocap3d.fusion.association.diagnose import odd_views, why_nobody
from mocap3d.fusion.association.lone import lone_person
from mocap3d.fusion.association.options import AssociateOptions
from mocap3d.fusion.association.shape import BodyShape
from mocap3d.fusion.association.sightings import Sightings, blend, sample_sightings
from mocap3d.fusion.association.tracking import follow
from mocap3d.fusion.association.tracks import tidy
from mocap3d.session.records import CalibratedRig, Detections, Timeline, Tracks2D, ViewId
from mocap3d.skeletons.skeleton import Skeleton, load_skeleton

__all__ = ["AssociateOptions", "associate"]

# Sightings copied at once: bounds the memory beside the result.
_CHUNK = 8192

_log = logging.getLogger("mocap3d")


def associate(
    detections: Mapping[ViewId, Detections],
    timeline: Timeline,
    rig: CalibratedRig,
    options: AssociateOptions = AssociateOptions(),  # noqa: B008, it is frozen
) -> Tracks2D:
    """Whose sighting is whose: across views by where their rays meet, over time by following people in 3D.

    The detector's own track numbers are not used: they switch where people cross, which is where they would matter.
    Views come in the rig's order, people by presence. Keypoints between two frames are interpolated.
    Refuses fewer than two views, mixed keypoint sets, and a session in which no two views agree on a person.
    """
    seen = _usable_views(detections, timeline, rig)
    skeleton = _common_skeleton(seen)
    body, t_s = BodyShape.of(skeleton), timeline.t_s.numpy()
    cameras, columns = [rig.cameras[view] for view in seen], list(seen.values())
    sightings = sample_sightings(seen, timeline.frame_of_view, min_keypoints=options.min_keypoints)
    people = _people(sightings, columns, cameras, t_s, body, options)
    if not people:
        raise FusionError(why_nobody(sightings, seen, cameras, t_s, options))
    for warning in odd_views(people, sightings, tuple(seen)):
        _log.warning(warning)
    return _in_order(people, sightings, seen, skeleton, timeline, options)


def _usable_views(
    detections: Mapping[ViewId, Detections], timeline: Timeline, rig: CalibratedRig
) -> dict[ViewId, Detections]:
    """The views that are calibrated, timed and detected, in the rig's order; the others are named in a warning."""
    seen = {view: detections[view] for view in rig.cameras if view in detections and view in timeline.frame_of_view}
    for view in [view for view in detections if view not in seen]:
        lack = "calibration" if view not in rig.cameras else "place on the timeline"
        _log.warning("view %s has keypoints but no %s: it is left out", view, lack)
    with_people = [view for view, of_view in seen.items() if len(of_view.frame)]
    if len(with_people) < 2:
        raise FusionError(
            f"3D needs keypoints in at least two calibrated views, and has them in {_names(with_people)}. Calibrated: "
            f"{_names(rig.cameras)}. With keypoints: {_names(v for v in detections if len(detections[v].frame))}. "
            "View names must be the same in the calibration and the session."
        )
    return seen


def _common_skeleton(seen: Mapping[ViewId, Detections]) -> Skeleton:
    sets = {view: of_view.keypoint_set for view, of_view in seen.items()}
    if len(set(sets.values())) > 1:
        found = ", ".join(f"{view}: {name}" for view, name in sets.items())
        raise FusionError(
            f"The views have different keypoint sets ({found}); they must have the same. Detect all views with one "
            "model, or name the keypoint set in session.toml if it was guessed wrongly."
        )
    return load_skeleton(next(iter(sets.values())))


def _names(views) -> str:
    return ", ".join(views) or "none"


def _people(
    sightings: Sightings,
    detections: Sequence[Detections],
    cameras: Sequence,
    t_s: np.ndarray,
    body: BodyShape,
    options: AssociateOptions,
) -> list[Int[np.ndarray, " _"]]:
    """Each person's sightings (positions), most present person first."""
    if not len(sightings):
        return []
    alone = lone_person(sightings, detections, cameras, t_s, body, options)
    if alone is not None:
        return [alone]
    tracks = follow(sightings, detections, cameras, t_s, body, options)
    return [track.sightings for track in tidy(tracks, t_s, body, options)]


def _in_order(
    people: list[Int[np.ndarray, " _"]],
    sightings: Sightings,
    seen: Mapping[ViewId, Detections],
    skeleton: Skeleton,
    timeline: Timeline,
    options: AssociateOptions,
) -> Tracks2D:
    """The sightings written to their places; everything else is missing."""
    n_alternatives = max(of_view.uv_px.shape[2] for of_view in seen.values())
    shape = (len(seen), len(timeline.t_s), len(people), len(skeleton.keypoints), n_alternatives)
    uv_px = torch.full((*shape, 2), torch.nan, dtype=torch.float64)
    cov_px2 = torch.full((*shape, 2, 2), torch.nan, dtype=torch.float64)
    log_weight = torch.full(shape, -torch.inf, dtype=torch.float64)
    for v, of_view in enumerate(seen.values()):
        m = of_view.uv_px.shape[2]
        for p, person in enumerate(people):
            mine = sightings[person[sightings.view[person] == v]]
            for start in range(0, len(mine), _CHUNK):
                part = mine[start : start + _CHUNK]
                when = torch.from_numpy(part.instant)
                blended = blend(of_view, part.row, part.far_row, part.far_share)
                uv_px[v, when, p, :, :m], cov_px2[v, when, p, :, :m], log_weight[v, when, p, :, :m] = blended
    names = (*options.people[: len(people)], *(f"P{n + 1}" for n in range(len(options.people), len(people))))
    return Tracks2D(tuple(seen), skeleton, names, timeline.t_s, timeline.rate, uv_px, cov_px2, log_weight)
