"""Which vertices of anny's mesh are eyes, brows, lips, scalp, sleeves ...: where skin and cloth are painted."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from mocap3d.synthesis.rendering.body import KEYPOINTS, Part

BODY_VERTICES = 13380
"""Of skin; then follow the tongue, joint markers, the eyes and other helpers (MakeHuman's hm08 base mesh)."""
EYE_L, EYE_R = slice(14598, 14670), slice(14670, 14742)
DRAWN_VERTICES = 14742
_PREFIXES = (
    (("neck02", "neck03", "head", "eye"), "HEAD", ""),
    (("shoulder01", "upperarm"), "UPPER_ARM", "side"),
    (("lowerarm",), "FOREARM", "side"),
    (("wrist", "finger", "metacarpal"), "HAND", "side"),
    (("upperleg",), "THIGH", "side"),
    (("lowerleg",), "SHANK", "side"),
    (("foot", "toe"), "FOOT", "side"),
)


def bone_parts(names: Sequence[str]) -> np.ndarray:
    """The Part of each bone; root, spine, pelvis and clavicles are the torso."""

    def part(name: str) -> int:
        for starts, title, sided in _PREFIXES:
            if name.startswith(starts):
                return Part[f"{title}_{name[-1]}" if sided else title]
        return Part.TORSO

    return np.array([part(name) for name in names])


def regions(
    mean: Float32[np.ndarray, "v 3"],
    membership: Float32[np.ndarray, "v parts"],
    keypoints: Float[np.ndarray, "26 3"],
    light: Float32[np.ndarray, " v"],
) -> dict[str, Float32[np.ndarray, " v"]]:
    """As :class:`Body` describes them, told on the mean shape; they hold for all shapes of this mesh."""
    at = {name: keypoints[n] for n, name in enumerate(KEYPOINTS)}
    found = {
        "torso": membership[:, Part.TORSO],
        "hand": membership[:, Part.HAND_L] + membership[:, Part.HAND_R],
        "foot": membership[:, Part.FOOT_L] + membership[:, Part.FOOT_R],
        "arm": _along(mean, at, ("Shoulder", "Elbow", "Wrist"), _sided(membership, "UPPER_ARM", "FOREARM", "HAND")),
        "leg": _along(mean, at, ("Hip", "Knee", "Ankle"), _sided(membership, "THIGH", "SHANK", "FOOT")),
        "height": (mean[:, 2] - at["LAnkle"][2]) / (at["Neck"][2] - at["LAnkle"][2]),
    }
    found |= _face(mean, membership[:, Part.HEAD], at, light)
    found |= _eyes(mean)
    return {name: values.astype(np.float32) for name, values in found.items()}


def _sided(membership: np.ndarray, *titles: str) -> dict[str, np.ndarray]:
    def of(side: str) -> np.ndarray:
        return membership[:, [Part[f"{title}_{side}"] for title in titles]].sum(axis=1)

    return {side: of(side) for side in "LR"}


def _along(mean: np.ndarray, at: dict, joints: tuple[str, str, str], member: dict[str, np.ndarray]) -> np.ndarray:
    """0 at the first joint, 0.5 at the second, 1 at the third and beyond; NaN for what does not belong to the limb."""
    out = np.full(len(mean), np.nan)
    for side in "LR":
        root, middle, end = (at[side + joint] for joint in joints)
        first = np.clip((mean - root) @ (middle - root) / ((middle - root) @ (middle - root)), -0.5, 1)
        second = np.clip((mean - middle) @ (end - middle) / ((end - middle) @ (end - middle)), 0, 1.2)
        own = member[side] > 0.35
        out[own] = (0.5 * first + 0.5 * second)[own]
    return out


def _bump(squared: np.ndarray) -> np.ndarray:
    """1 within the unit ellipse, falling to 0 at 1.3 of it."""
    return np.clip((1.3 - np.sqrt(squared)) / 0.3, 0, 1)


def _face(mean: np.ndarray, head: np.ndarray, at: dict, light: np.ndarray) -> dict[str, np.ndarray]:
    """Ellipses about the keypoints of the face, on its front; heights and widths are those of the mean shape."""
    eye, nose, ear = (at["LEye"] + at["REye"]) / 2, at["Nose"], at["LEar"]
    mouth_z = nose[2] - 1.35 * (eye[2] - nose[2])
    x, y, z = mean.T
    skull = (head > 0.5) & (np.arange(len(mean)) < BODY_VERTICES)
    front = skull & (y < eye[1] + 0.015)
    nostril = _bump((x / 0.014) ** 2 + ((z - nose[2] + 0.012) / 0.008) ** 2) * (y > nose[1]) * (light < 0.8)
    beard = _bump((x / 0.065) ** 2 + ((z - mouth_z + 0.03) / 0.05) ** 2) * (y < ear[1] - 0.01)
    mask = _bump((x / 0.075) ** 2 + ((z - mouth_z + 0.01) / 0.05) ** 2) * (y < ear[1] - 0.02)
    scalp = (
        (z > eye[2] + 0.056)
        | ((y > ear[1] - 0.005) & (z > eye[2] - 0.05))
        | ((y > eye[1] + 0.035) & (z > eye[2] + 0.02))
    )
    ears = _bump(((np.abs(x) - ear[0]) / 0.02) ** 2 + ((y - ear[1]) / 0.03) ** 2 + ((z - ear[2] - 0.01) / 0.035) ** 2)
    glass, inner = (_over_eyes(x, z, at, *half_m) for half_m in ((0.027, 0.02), (0.018, 0.013)))
    return {
        "brow": _brows(x, z, at) * front,
        "lips": _bump((x / 0.024) ** 2 + ((z - mouth_z) / 0.0105) ** 2) * front,
        "cheek": _bump(((np.abs(x) - 0.035) / 0.022) ** 2 + ((z - nose[2] + 0.005) / 0.02) ** 2) * front,
        "nostril": nostril * front,
        "beard": beard * skull,
        "mask": mask * skull,
        "scalp": (skull & scalp) * (1 - np.clip(ears, 0, 1)),
        "glass": glass * front,
        "rim": (glass - inner) * front,
    }


def _brows(x: np.ndarray, z: np.ndarray, at: dict) -> np.ndarray:
    """Bows 2 cm above the eyes, falling off to the temples."""
    middle = (at["LEye"] + at["REye"]) / 2
    bow = (z - middle[2] - 0.019 + 6 * (x**2 - middle[0] ** 2)) / 0.006
    return np.add(*(_bump(((x - at[eye][0] * 1.05) / 0.021) ** 2 + bow**2) for eye in ("LEye", "REye")))


def _over_eyes(x: np.ndarray, z: np.ndarray, at: dict, half_width_m: float, half_height_m: float) -> np.ndarray:
    """Where the lenses of glasses of some size are."""
    left, right = (
        _bump(((x - eye[0] * 1.05) / half_width_m) ** 2 + ((z - eye[2] + 0.004) / half_height_m) ** 2)
        for eye in (at["LEye"], at["REye"])
    )
    return left + right


def _eyes(mean: np.ndarray) -> dict[str, np.ndarray]:
    """By the angle from straight ahead, seen from the middle of the eyeball."""
    sclera, iris, pupil = (np.zeros(len(mean)) for _ in range(3))
    for eye in (EYE_L, EYE_R):
        ball = mean[eye]
        centre = (ball.min(axis=0) + ball.max(axis=0)) / 2
        away = (ball - centre) / np.linalg.norm(ball - centre, axis=1, keepdims=True)
        angle_deg = np.degrees(np.arccos(np.clip(-away[:, 1], -1, 1)))
        sclera[eye] = 1
        iris[eye] = angle_deg < 34
        pupil[eye] = angle_deg < 14
    return {"sclera": sclera, "iris": iris, "pupil": pupil}
