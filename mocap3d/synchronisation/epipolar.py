"""How far two views contradict each other: rays of one moment to one point lie in one plane with the baseline."""

import numpy as np
from jaxtyping import Float


def plane_of(baseline: Float[np.ndarray, " 3"], ray: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 3"]:
    """Normal of the plane through the baseline and a ray; its length is the sine of the angle between them."""
    return np.cross(baseline, ray)


def contradiction(
    volume: Float[np.ndarray, "*b"], sine_a: Float[np.ndarray, "*b"], sine_b: Float[np.ndarray, "*b"]
) -> Float[np.ndarray, "*b"]:
    """By how many radians both rays must turn, together and with a sign, to lie in one plane with the baseline.

    ``volume`` is that of baseline and rays (unit vectors), the sines are of their angles to the baseline. Sampson's
    distance (Luong and Faugeras 1996) of the epipolar constraint on the sphere of directions, the same for all lenses.
    """
    return volume / _slope(volume, sine_a, sine_b)


def change(
    volume: Float[np.ndarray, "*b"],
    sine_a: Float[np.ndarray, "*b"],
    sine_b: Float[np.ndarray, "*b"],
    volume_rate: Float[np.ndarray, "*b"],
) -> Float[np.ndarray, "*b"]:
    """The change of :func:`contradiction` per second, near 0, where the volume changes at ``volume_rate``."""
    return volume_rate / _slope(volume, sine_a, sine_b)


def _slope(
    volume: Float[np.ndarray, "*b"], sine_a: Float[np.ndarray, "*b"], sine_b: Float[np.ndarray, "*b"]
) -> Float[np.ndarray, "*b"]:
    """Length of the volume's gradient with both rays, of which only what lies across them counts."""
    return np.sqrt(np.maximum(sine_a**2 + sine_b**2 - 2 * volume**2, 1e-12))
