"""A camera in somebody's hand who walks along with those who are filmed."""

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

SIZE_PX, FOCAL_PX = (1080, 1920), 1961.0
"""Upright, as most of 3DPW is filmed."""
RATE_HZ = 30
_STEP_HZ = 1.8


def handheld_path(aim_m: Float[np.ndarray, "n 3"], *, seed: int, distance_m: float = 4.2) -> Float[np.ndarray, "n 4 4"]:
    """cam_from_world (Z up): at eye height, slowly round and to and fro, with the bob of steps."""
    rng = np.random.default_rng([seed, 77])
    t_s = np.arange(len(aim_m)) / RATE_HZ
    turn = rng.uniform(0, 2 * np.pi) + rng.choice([-1, 1]) * rng.uniform(0.08, 0.2) * t_s + 0.1 * np.sin(0.7 * t_s)
    reach = distance_m + 0.4 * np.sin(0.3 * t_s + rng.uniform(0, 6))
    along = gaussian_filter1d(aim_m[:, :2], RATE_HZ, axis=0, mode="nearest")
    height = 1.6 + 0.02 * np.sin(2 * np.pi * _STEP_HZ * t_s)
    centre = np.column_stack([along + reach[:, None] * np.column_stack([np.cos(turn), np.sin(turn)]), height])
    target = gaussian_filter1d(aim_m, 10, axis=0, mode="nearest") + gaussian_filter1d(
        rng.normal(0, 0.3, aim_m.shape), 20, axis=0
    )
    ahead = _unit(target - centre)
    right = _unit(np.cross(ahead, [0.0, 0.0, 1.0]))
    pose = np.zeros((len(aim_m), 4, 4))
    pose[:, :3, :3] = np.stack([right, np.cross(ahead, right), ahead], axis=1)
    pose[:, :3, 3] = -(pose[:, :3, :3] @ centre[..., None])[..., 0]
    pose[:, 3, 3] = 1.0
    return pose


def _unit(v: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)
