"""What a recording shows of each angle, in words: flagged, not hidden."""

import numpy as np

from mocap3d.session.records import Provenance
from mocap3d.skeletons.kinematics import Dof, KinematicTree

MEASURED = "measured"
_UNCERTAIN_RAD = np.radians(5.0)
_OF_SPREAD = 0.6
"""A sigma of that share of what people do at all says that they, and not the keypoints, tell the angle."""
_MOSTLY = 0.5


def in_words(tree: KinematicTree, name: str, sigma: np.ndarray, provenance: np.ndarray) -> str:
    """Of one angle over time: sigma (t) in radians and provenance (t)."""
    known = np.isfinite(sigma)
    if not known.any():
        return "never seen" if not (provenance > Provenance.MISSING).any() else "sigma not computed"
    typical = float(np.median(sigma[known]))
    size = f"typically +- {np.degrees(typical):.0f} deg"
    dof = _dof(tree, name)
    if not (provenance == Provenance.MEASURED).any():
        return f"shown by no keypoint: at ease, {size}"
    if dof is not None and dof.spread_rad < np.pi and typical > _OF_SPREAD * dof.spread_rad:
        return f"hardly shown: mostly what people usually do, {size}"
    if typical > _UNCERTAIN_RAD:
        about = " (a turn about the segment's long axis)" if dof is not None and abs(dof.axis[1]) > 0.9 else ""
        return f"uncertain{about}: {size}"
    if (provenance == Provenance.MEASURED).mean() < _MOSTLY:
        return "measured in less than half of the instants"
    return MEASURED


def _dof(tree: KinematicTree, name: str) -> Dof | None:
    return next((dof for joint in tree.joints for dof in joint.dofs if dof.name == name), None)
