"""Rotations as three angles about axes that follow one another."""

import warnings

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation


def euler_rad(turns: Float[np.ndarray, "t 3 3"], order: str) -> Float[np.ndarray, "t 3"]:
    """Angles (rad) about the axes of ``order``, as SciPy writes it; at gimbal lock one is 0, and the turn the same."""
    with warnings.catch_warnings():  # of gimbal lock, which SciPy before 1.17 has no switch for
        warnings.simplefilter("ignore", UserWarning)
        return Rotation.from_matrix(turns).as_euler(order)
