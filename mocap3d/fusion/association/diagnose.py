"""Why association failed or is doubtful, in words a lab person can act on."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from mocap3d.fusion.association.matching import median_gap_m
from mocap3d.fusion.association.options import AssociateOptions
from mocap3d.fusion.association.rays import meet, rays_of
from mocap3d.fusion.association.sightings import Sightings
from mocap3d.geometry.camera import Camera
from mocap3d.session.records import Detections, ViewId

_PROBES = 40
# A view so few of whose sightings fit is probably calibrated, timed or named wrongly.
_ODD_SHARE = 0.5
_ENOUGH_INSTANTS = 20
_CHECK_CAMERAS = (
    "Check that the calibration is in metres and belongs to these views (names!), that the videos start together or "
    "session.toml states their offsets, and that the keypoints are in pixels of the calibrated image size."
)


def odd_views(people: Sequence[Int[np.ndarray, " _"]], sightings: Sightings, views: Sequence[ViewId]) -> list[str]:
    """A warning for every view whose sightings hardly ever fit the people that the other views agree on."""
    n_instants = int(sightings.instant.max()) + 1
    present = sum(np.bincount(np.unique(sightings.instant[person]), minlength=n_instants) for person in people)
    taken = np.concatenate(people)
    warnings = []
    for n, view in enumerate(views):
        n_seen = np.bincount(sightings.instant[sightings.view == n], minlength=n_instants)
        n_taken = np.count_nonzero(sightings.view[taken] == n)
        possible = np.minimum(n_seen, present)
        share = n_taken / max(possible.sum(), 1)
        if np.count_nonzero(possible) >= _ENOUGH_INSTANTS and share < _ODD_SHARE:
            warnings.append(
                f"view {view} sees people at {np.count_nonzero(possible)} instants, but only {share:.0%} of what it "
                "sees fits what the other views see. Check its calibration, its start time and its name."
            )
    return warnings


def why_nobody(
    sightings: Sightings,
    seen: Mapping[ViewId, Detections],
    cameras: Sequence[Camera],
    t_s: Float[np.ndarray, " t"],
    options: AssociateOptions,
) -> str:
    """What was tried when no two views agreed on a person, and what to check."""
    counts = np.bincount(sightings.view, minlength=len(seen))
    tried = ", ".join(f"{view}: {count}" for view, count in zip(seen, counts, strict=True))
    return (
        f"No person was found in {len(t_s)} instants. Usable sightings (at least {options.min_keypoints} keypoints) "
        f"per view: {tried}. {_gaps_in_words(sightings, seen, cameras, options)}"
    )


def _gaps_in_words(
    sightings: Sightings, seen: Mapping[ViewId, Detections], cameras: Sequence[Camera], options: AssociateOptions
) -> str:
    """How far apart the rays of the best matching sightings of every two views pass, and what that tells."""
    gaps_m = _best_gaps_m(sightings, list(seen.values()), cameras, options)
    if not gaps_m:
        return (
            "No two views have rays of the same keypoints at the same instant: they saw people at different times, or "
            f"in pixels that the calibrated lenses do not image. {_CHECK_CAMERAS}"
        )
    views = list(seen)
    pairs = sorted((float(np.median(gap_m)), views[a], views[b]) for (a, b), gap_m in gaps_m.items())
    typical_m = np.median([gap_m for gap_m, _, _ in pairs])
    best = ", ".join(f"{a}-{b} {gap_m:.2f} m" for gap_m, a, b in pairs[:8])
    passing = (
        f"The rays of the best matching sightings of two views pass {typical_m:.2f} m from each other (median; best: "
        f"{best}), where at most {options.agree_m:.2f} m and a human body are needed."
    )
    if typical_m > options.agree_m:
        return f"{passing} {_CHECK_CAMERAS}"
    low_m, high_m = options.height_m
    return (
        f"{passing} So they do meet, but in nobody {low_m:g} to {high_m:g} m tall whom two views follow for "
        f"{options.min_seen_s:g} s. Film people for longer, or lower min_seen_s under [reconstruct.associate]; "
        "if they are there for long, check that the calibration is in metres."
    )


def _best_gaps_m(
    sightings: Sightings, detections: Sequence[Detections], cameras: Sequence[Camera], options: AssociateOptions
) -> dict[tuple[int, int], list[float]]:
    """For every two views the least median ray distance of their sightings, at some instants."""
    gaps_m: dict[tuple[int, int], list[float]] = {}
    instants = np.unique(sightings.instant)
    for instant in instants[np.linspace(0, len(instants) - 1, _PROBES).astype(int)] if len(instants) else ():
        here = sightings[sightings.instant == instant]
        rays = rays_of(here, detections, cameras, min_score=options.min_score)
        for a, b in combinations(np.unique(here.view).tolist(), 2):
            first, second = (index.ravel() for index in np.meshgrid(*(np.flatnonzero(here.view == n) for n in (a, b))))
            _, gap_m = meet(rays, first, second)
            best = median_gap_m(gap_m, options.min_keypoints).min()
            if np.isfinite(best):
                gaps_m.setdefault((a, b), []).append(float(best))
    return gaps_m
