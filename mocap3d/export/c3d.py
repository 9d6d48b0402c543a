"""Marker tracks as C3D: reals in millimetres, Z up, as labs and Visual3D expect.

The fourth word of a point carries its provenance, which is what every reader looks at: negative = missing, 0 = filled,
positive = measured, and then the doubt in whole millimetres (at least 1): the root of the covariance's trace.

A header counts frames in 16 bits. Longer recordings state POINT:LONG_FRAMES besides, which py-c3d and this program
read; programs built on ezc3d 1.7 read the first 65,535 frames only, so a warning says so.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.export.axes import WORLD
from mocap3d.export.description import describe, person_index
from mocap3d.export.segment_poses import segment_poses
from mocap3d.export.trc import marker_names
from mocap3d.session.files import written_aside
from mocap3d.session.motion_files.markers import Event
from mocap3d.session.records import Motion, Points3D, Provenance

log = logging.getLogger("mocap3d")

MOST_IN_A_WORD = 65535
LARGEST_MM = 127
MOST_BYTES_BEFORE = 512 * 32000
"""Of points before the segments' poses: where these begin is told in blocks of 512 bytes, by 15 bits."""
_BITS = 2 ** np.arange(7)


def write_c3d(
    points: Points3D, person: str, path: Path, events: Sequence[Event] = (), *, segments_of: Motion | None = None
) -> None:
    """One person's keypoints as points, with gait events; the world is stated in POINT and in a group MOCAP3D.

    With ``segments_of`` the segments' poses go into a group ROTATION, where the file is not too long for one.
    Refuses an unknown person, and a recording without a single instant.
    """
    import ezc3d

    who = person_index(points.people, person)
    if len(points.t_s) == 0:
        raise FormatError(f"{path}: there is no instant to write, and a C3D without frames opens nowhere. Export none.")
    file = ezc3d.c3d()
    _state(file, points, person)
    file["data"]["points"] = _homogeneous_mm(points, who)
    residual_mm = _residual_mm(points, who)
    file["data"]["meta_points"]["residuals"] = residual_mm[None].astype(float)
    # ezc3d swaps the two bytes of the word against the C3D manual. With the same number in both, all readers agree.
    bits = np.maximum(residual_mm, 0).astype(int)[None] & _BITS[:, None, None]
    file["data"]["meta_points"]["camera_masks"] = bits > 0
    if segments_of is not None:
        _add_segments(file, segments_of, person)
    for event in events:
        minutes, seconds = divmod(event.t_s - float(points.t_s[0]), 60)  # a C3D begins at 0
        file.add_event([minutes, seconds], event.side, event.label, subject=person)
    with written_aside(path) as aside:
        file.write(str(aside))


def _state(file: Any, points: Points3D, person: str) -> None:
    """Rate, names, axes and units, and what else the file should say of itself."""
    parameters = file["parameters"]["POINT"]
    parameters["RATE"]["value"] = [float(points.rate)]
    parameters["LABELS"]["value"] = marker_names(points.skeleton.keypoints)
    parameters["UNITS"]["value"] = ["mm"]
    add = file.add_parameter
    add("POINT", "X_SCREEN", ["+X"])
    add("POINT", "Y_SCREEN", ["+Z"])
    n_frames = len(points.t_s)
    if n_frames > MOST_IN_A_WORD:
        add("POINT", "LONG_FRAMES", [float(n_frames)])
        log.warning(
            "C3D of %s: %d frames are more than its header can count (%d): some programs will read only so many.",
            *(person, n_frames, MOST_IN_A_WORD),
        )
    for key, text in {**describe(points, WORLD), "units": "millimetres, seconds", "person": person}.items():
        add("MOCAP3D", key.upper(), [text])
    add("MOCAP3D", "RATE_FRACTION", [points.rate.numerator, points.rate.denominator])
    add("MANUFACTURER", "SOFTWARE", ["mocap3d"])


def _add_segments(file: Any, motion: Motion, person: str) -> None:
    n_frames, words = len(motion.t_s), file["data"]["points"].size
    if n_frames > MOST_IN_A_WORD or 4 * words > MOST_BYTES_BEFORE:
        log.warning("C3D of %s: %d frames are too many for the segments' poses, which are left out.", person, n_frames)
        return
    labels, poses = segment_poses(motion, person_index(motion.people, person))
    file.add_parameter("ROTATION", "RATE", [float(motion.rate)])
    file.add_parameter("ROTATION", "LABELS", labels)
    file.add_parameter("ROTATION", "FRAMES", [float(n_frames)])  # an integer would end at 32,767
    file["data"]["rotations"] = poses


def _homogeneous_mm(points: Points3D, who: int) -> Float[np.ndarray, "4 k t"]:
    """As ezc3d wants them."""
    p_mm = 1000 * points.p_in_world[:, who].permute(2, 1, 0).numpy()
    return np.concatenate([p_mm, np.ones_like(p_mm[:1])])


def _residual_mm(points: Points3D, who: int) -> Float[np.ndarray, "k t"]:
    """-1 missing, 0 filled, whole millimetres of doubt where measured."""
    variance_m2 = points.cov_m2[:, who].diagonal(dim1=-2, dim2=-1).sum(-1).nan_to_num(nan=0.0)
    sigma_mm = 1000 * variance_m2.sqrt()
    measured = sigma_mm.round().clamp(1, LARGEST_MM).numpy()
    provenance = points.provenance[:, who].numpy()
    known = points.p_in_world[:, who].isfinite().all(-1).numpy()
    return np.where(known, np.where(provenance == Provenance.MEASURED, measured, 0.0), -1.0).T
