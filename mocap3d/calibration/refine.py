"""Small shifts of cameras mended by the people they see, if that is confirmed at times it was not made from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mocap3d.calibration.check import CameraCheck, checked
from mocap3d.calibration.people_points import cameras_of, medians_px, off_px
from mocap3d.calibration.people_sightings import even_odd, sightings_of_people, spread
from mocap3d.session.records import CalibratedRig, Tracks2D, ViewId
from mocap3d.session.views import listed

N_JUDGED = 150
GAIN = 0.01
"""Share by which the held-out error of the mended views must fall."""


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """The calibration, mended where it had to be and where that helped."""

    rig: CalibratedRig
    kept: bool
    """Whether anything was mended; else ``rig`` is the one that was given."""
    mended: tuple[ViewId, ...]
    checks: tuple[CameraCheck, ...]
    """What was found, before mending."""
    before_px: Mapping[ViewId, float]
    """Median distance of keypoints from their points, at times that nothing was fitted to."""
    after_px: Mapping[ViewId, float]
    text: str


def refine(rig: CalibratedRig, tracks: Tracks2D, *, centre: bool = False) -> Refined:
    """Mends cameras that do not hold; with ``centre``, their principal points, too. Those that hold stay as they are.

    Every other two seconds are fitted to. The outcome counts if it agrees better with those between; then all of it is
    fitted to.
    """
    sightings = sightings_of_people(tracks)
    even, odd = even_odd(sightings)
    found = checked(rig, even, centre=centre)
    judged = spread(odd, N_JUDGED)
    old = dict(zip(tracks.views, cameras_of(rig, tracks.views), strict=True))
    off_before = off_px(judged, list(old.values()))
    before = medians_px(judged, off_before)
    mended = found.loose
    if not mended:
        lost = [each.view for each in found.checks if not each.holds]
        text = f"{listed(lost)} cannot be mended" if lost else "every camera holds: nothing to mend"
        return Refined(rig, False, (), found.checks, before, before, text)
    off_after = off_px(judged, [found.cameras[view] for view in tracks.views])
    after = medians_px(judged, off_after)
    both = ~np.isnan(off_before) & ~np.isnan(off_after)
    was, now = float(np.median(off_before[both])), float(np.median(off_after[both]))
    if not now < (1 - GAIN) * was:
        text = (
            f"{listed(mended)} would have to be moved, but at times that this was not made from, keypoints are then "
            f"{now:.2f} px off instead of {was:.2f}: nothing was changed. The cameras may be more than shifted (zoom, "
            "focus), or the recordings not synchronised: calibrate anew"
        )
        return Refined(rig, False, (), found.checks, before, after, text)
    again = checked(rig, sightings, centre=centre)
    final = again if set(again.loose) == set(found.loose) else found
    cameras = {view: final.cameras[view] if view in mended else camera for view, camera in rig.cameras.items()}
    text = (
        f"{listed(mended)} mended: at times that this was not made from, keypoints are {now:.2f} px off (median), "
        f"before {was:.2f}"
    )
    return Refined(replace(rig, cameras=cameras), True, mended, found.checks, before, after, text)
