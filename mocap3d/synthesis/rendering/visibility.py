"""Which keypoints a picture shows, told by the depth of what covers each."""

import numpy as np
from jaxtyping import Float, Float32, Int8

from mocap3d.session.samples import Visibility
from mocap3d.synthesis.rendering.body import KEYPOINTS, Part
from mocap3d.synthesis.rendering.mesh import Mesh
from mocap3d.synthesis.rendering.raster import Raster
from mocap3d.synthesis.rendering.shader import SUPERSAMPLED

_SLACK_M = 0.02
"""By how much a part that a keypoint does not belong to may lie before it."""
_FLESH_M: dict[str, tuple[float, tuple[str, ...]]] = {
    "Nose": (0.04, ("HEAD",)), "Eye": (0.035, ("HEAD",)), "Ear": (0.05, ("HEAD",)), "Head": (0.12, ("HEAD",)),
    "Neck": (0.22, ("TORSO", "HEAD", "UPPER_ARM_L", "UPPER_ARM_R")), "Hip": (0.25, ("TORSO", "THIGH_L", "THIGH_R")),
    "Shoulder": (0.13, ("TORSO", "HEAD", "UPPER_ARM")), "Elbow": (0.08, ("UPPER_ARM", "FOREARM")),
    "Wrist": (0.07, ("FOREARM", "HAND")), "SideHip": (0.17, ("TORSO", "THIGH")), "Knee": (0.1, ("THIGH", "SHANK")),
    "Ankle": (0.08, ("SHANK", "FOOT")), "BigToe": (0.06, ("FOOT", "SHANK")), "SmallToe": (0.06, ("FOOT", "SHANK")),
    "Heel": (0.06, ("FOOT", "SHANK")),
}  # fmt: skip
"""How deep a keypoint may lie (m) in the flesh and cloth of which parts, and still be seen: a joint is inside."""


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Depth (26) and membership (26, parts)."""
    depth_m, own = np.zeros(len(KEYPOINTS)), np.zeros((len(KEYPOINTS), len(Part)), bool)
    for k, name in enumerate(KEYPOINTS):
        side = name[0] if name[0] in "LR" and name[1].isupper() else ""
        key = "SideHip" if name in ("LHip", "RHip") else name.removeprefix(side) if side else name
        depth_m[k], titles = _FLESH_M[key]
        for title in titles:
            own[k, Part[title if title in Part.__members__ else f"{title}_{side}"]] = True
    return depth_m, own


_DEPTH_M, _OWN = _tables()


def visibility(
    uv_px: Float[np.ndarray, "26 2"],
    depth_m: Float[np.ndarray, " 26"],
    raster: Raster,
    mesh: Mesh,
    *,
    person: int,
    covered: Float32[np.ndarray, "h w"],
) -> Int8[np.ndarray, " 26"]:
    """UNKNOWN outside of the picture; HIDDEN where something lies before the keypoint's flesh, or on the picture."""
    height, width = covered.shape
    out = np.full(len(uv_px), Visibility.UNKNOWN, np.int8)
    for k, (u, v) in enumerate(uv_px):
        if not (-0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5):
            continue
        fine = np.round(np.array([u, v]) * SUPERSAMPLED + (SUPERSAMPLED - 1) / 2).astype(int)
        last = [raster.triangle.shape[1] - 1, raster.triangle.shape[0] - 1]
        column, row = (int(n) for n in np.clip(fine, 0, last))
        behind = _is_behind(k, float(depth_m[k]), raster, mesh, person, row, column)
        out[k] = Visibility.HIDDEN if behind or covered[round(v), round(u)] > 0.5 else Visibility.VISIBLE
    return out


def _is_behind(k: int, depth_m: float, raster: Raster, mesh: Mesh, person: int, row: int, column: int) -> bool:
    triangle = raster.triangle[row, column]
    if triangle < 0:
        return False
    before_m = depth_m - 1 / raster.inverse_depth[row, column]
    if mesh.owner[triangle] != person:
        return bool(before_m > 0)
    own = _OWN[k, mesh.part[triangle]]
    return bool(before_m > (_DEPTH_M[k] if own else _SLACK_M))
