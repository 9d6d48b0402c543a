"""What a recording shows of each angle, in words: flagged, not hidden.

Source of the two limits: McGinley et al. (2009) Gait Posture 29:360: errors of gait angles up to 2 degrees are
acceptable, up to 5 degrees want care in reading them, beyond that they may mislead.
"""

import numpy as np

from mocap3d.session.records import Provenance
from mocap3d.skeletons.kinematics import Dof, KinematicTree

MEASURED = "measured"
ACCEPTABLE_RAD, MISLEADING_RAD = np.radians([2.0, 5.0])
"""One sigma, in nine of ten instants."""
_NEARLY_ALWAYS = 0.9
_OF_SPREAD = 0.6
"""A sigma of that share of what people do at all says that they, and not the keypoints, tell the angle."""
_MOSTLY = 0.5


def in_words(tree: KinematicTree, name: str, sigma: np.ndarray, provenance: np.ndarray) -> str:
    """Of one angle over time: sigma (t) in radians and provenance (t)."""
    known = np.isfinite(sigma)
    if not known.any():
        return "never seen" if not (provenance > Provenance.MISSING).any() else "sigma not computed"
    worst = float(np.quantile(sigma[known], _NEARLY_ALWAYS))
    size = f"+- {np.degrees(worst):.0f} deg or better in nine of ten instants"
    dof = _dof(tree, name)
    if not (provenance == Provenance.MEASURED).any():
        return f"shown by no keypoint: at ease, {size}"
    if dof is not None and dof.spread_rad < np.pi and worst > _OF_SPREAD * dof.spread_rad:
        return f"hardly shown: mostly what people usually do, {size}"
    about = " (a turn about the segment's long axis)" if dof is not None and abs(dof.axis[1]) > 0.9 else ""
    if worst > MISLEADING_RAD:
        return f"uncertain{about}: {size}"
    if worst > ACCEPTABLE_RAD:
        return f"roughly measured{about}: {size}"
    if (provenance == Provenance.MEASURED).mean() < _MOSTLY:
        return "measured in less than half of the instants"
    return MEASURED


def _dof(tree: KinematicTree, name: str) -> Dof | None:
    return next((dof for joint in tree.joints for dof in joint.dofs if dof.name == name), None)
