"""OpenCV's lens for a polynomial that corrects distorted pixels: the inverse, fitted over the whole sensor.

A distorted pixel at d from the polynomial's centre, with r = |d| in pixels of square shape, belongs to the ideal pixel
at (1 + k1 r^2 + k2 r^4 + k3 r^6) d from it.
"""

import logging

import numpy as np
import torch
from jaxtyping import Float

from mocap3d.errors import CalibrationError
from mocap3d.geometry.lens import Lens

log = logging.getLogger("mocap3d")

STEPS = 40
GOOD_FIT_PX = 0.1


def fitted_lens(
    f_px: Float[np.ndarray, " 2"],
    c_px: Float[np.ndarray, " 2"],
    size_px: tuple[int, int],
    centre_px: Float[np.ndarray, " 2"],
    correction: Float[np.ndarray, " 3"],
    where: str,
) -> Lens:
    """The lens whose projection the correction undoes; says so where it fits worse than 0.1 px.

    k1 k2 k3 if they do, which other programs can read, too; else the rational k1 ... k6. Where the centre is not the
    principal point, decentring and thin prism take up the difference.
    """
    f, c = torch.from_numpy(f_px), torch.from_numpy(c_px)
    if not correction.any():
        return Lens.pinhole(f, c)
    distorted = _pixel_grid(size_px)
    ideal = corrected(distorted, f_px, centre_px, correction)
    ideal_plane, distorted_plane = (ideal - c_px) / f_px, (distorted - c_px) / f_px
    bases = [np.concatenate([_polynomial(ideal_plane), _sideways(ideal_plane)], -1)]
    if np.array_equal(centre_px, c_px):
        bases = [_polynomial(ideal_plane), _rational(ideal_plane, distorted_plane)]
    solutions = [torch.from_numpy(_solved(basis, distorted_plane - ideal_plane)) for basis in bases]
    lenses = [Lens.brown(f, c, solution) for solution in solutions]
    residuals_px = [_residual_px(lens, ideal_plane, distorted) for lens in lenses]
    if residuals_px[0] < GOOD_FIT_PX:
        return lenses[0]
    if not np.isfinite(residuals_px[-1]):
        raise CalibrationError(
            f"{where}: its distortion ({correction}) folds the picture within the sensor, so that it has no inverse. "
            "Calibrate this lens again."
        )
    if residuals_px[-1] > GOOD_FIT_PX:
        log.warning("%s: the lens fits Vicon's correction to %.2f px only, at its worst.", where, residuals_px[-1])
    return lenses[-1]


def corrected(
    pixels: Float[np.ndarray, "*b 2"],
    f_px: Float[np.ndarray, " 2"],
    centre_px: Float[np.ndarray, " 2"],
    correction: Float[np.ndarray, " 3"],
) -> Float[np.ndarray, "*b 2"]:
    """Ideal pixels of distorted ones, as the program that wrote the polynomial computes them."""
    from_centre = pixels - centre_px
    radius2 = ((from_centre * [1.0, f_px[0] / f_px[1]]) ** 2).sum(-1, keepdims=True)
    k1, k2, k3 = correction
    return centre_px + from_centre * (1 + radius2 * (k1 + radius2 * (k2 + radius2 * k3)))


def _pixel_grid(size_px: tuple[int, int]) -> Float[np.ndarray, "h w 2"]:
    width, height = size_px
    return np.stack(np.meshgrid(np.linspace(0, width - 1, STEPS), np.linspace(0, height - 1, STEPS)), -1)


def _solved(basis: Float[np.ndarray, "h w 2 k"], shift: Float[np.ndarray, "h w 2"]) -> Float[np.ndarray, " n"]:
    """The coefficients in OpenCV's order: k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4."""
    solution = np.linalg.lstsq(basis.reshape(-1, basis.shape[-1]), shift.ravel(), rcond=None)[0]
    (k1, k2, k3), others = solution[:3], solution[3:]
    if len(others) == 0:
        return np.array([k1, k2, 0.0, 0.0, k3])
    if len(others) == 3:
        return np.array([k1, k2, 0.0, 0.0, k3, *others])
    return np.array([k1, k2, *others[:2], k3, 0.0, 0.0, 0.0, *others[2:]])


def _residual_px(lens: Lens, ideal: Float[np.ndarray, "h w 2"], distorted: Float[np.ndarray, "h w 2"]) -> float:
    """The farthest that the lens images a point beside its pixel; NaN where it does not see all."""
    rays = np.concatenate([ideal, np.ones((*ideal.shape[:-1], 1))], -1)
    return float(np.linalg.norm(lens.project(torch.from_numpy(rays)).numpy() - distorted, axis=-1).max())


def _polynomial(plane: Float[np.ndarray, "*b 2"]) -> Float[np.ndarray, "*b 2 3"]:
    """What k1, k2 and k3 of 1 add to a point of the ideal plane."""
    radius2 = (plane**2).sum(-1)[..., None, None]
    return plane[..., None] * np.concatenate([radius2, radius2**2, radius2**3], -1)


def _rational(ideal: Float[np.ndarray, "*b 2"], distorted: Float[np.ndarray, "*b 2"]) -> Float[np.ndarray, "*b 2 6"]:
    """k1 ... k6 of distorted (1 + k4 r^2 + ...) = ideal (1 + k1 r^2 + ...), with r of the ideal point."""
    radius2 = (ideal**2).sum(-1)[..., None, None]
    powers = np.concatenate([radius2, radius2**2, radius2**3], -1)
    return np.concatenate([ideal[..., None] * powers, -distorted[..., None] * powers], -1)


def _sideways(plane: Float[np.ndarray, "*b 2"]) -> Float[np.ndarray, "*b 2 6"]:
    """What p1, p2, s1, s2, s3 and s4 of 1 add."""
    x, y = plane[..., 0], plane[..., 1]
    r2, o = x * x + y * y, np.zeros_like(x)
    along_x = np.stack([2 * x * y, r2 + 2 * x * x, r2, r2**2, o, o], -1)
    along_y = np.stack([r2 + 2 * y * y, 2 * x * y, o, o, r2, r2**2], -1)
    return np.stack([along_x, along_y], -2)
