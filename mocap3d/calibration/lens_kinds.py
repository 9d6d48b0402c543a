"""The lens models a calibration chooses from, their parameters by name, and what is believed of them beforehand.

Priors are stated as what a coefficient does at the corner of the picture, so that they mean the same for every focal
length: there, no single coefficient moves a point by more than about a third of its distance from the middle.
"""

from enum import StrEnum
from math import hypot

import numpy as np
import torch
from jaxtyping import Bool, Float

from mocap3d.geometry.lens import Lens, LensModel
from mocap3d.solve.reprojection import N_LENS

BROWN_NAMES = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4", "tau_x", "tau_y")
SCALE_NAMES = ("fx", "fy", "cx", "cy")


class LensKind(StrEnum):
    """Lens models by their number of coefficients, in OpenCV's order."""

    PINHOLE = "pinhole"
    BROWN2 = "brown2"
    """k1 k2: radial only."""
    BROWN4 = "brown4"
    BROWN5 = "brown5"
    KANNALA_BRANDT = "kannala-brandt"
    BROWN8 = "brown8"
    BROWN12 = "brown12"
    BROWN14 = "brown14"

    @property
    def model(self) -> LensModel:
        """The family."""
        if self is LensKind.PINHOLE:
            return LensModel.PINHOLE
        return LensModel.KANNALA_BRANDT if self is LensKind.KANNALA_BRANDT else LensModel.BROWN

    @property
    def n_coefficients(self) -> int:
        """Coefficients of distortion that are free."""
        if self is LensKind.PINHOLE:
            return 0
        return 4 if self is LensKind.KANNALA_BRANDT else int(self.value.removeprefix("brown"))

    @property
    def names(self) -> tuple[str, ...]:
        """Its parameters, in the order of a packed lens."""
        return SCALE_NAMES + self.coefficient_names

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        if self is LensKind.KANNALA_BRANDT:
            return ("k1", "k2", "k3", "k4")
        return BROWN_NAMES[: self.n_coefficients]


def kind_of(lens: Lens) -> LensKind:
    """The simplest kind that has a lens's coefficients; at least ``brown5`` for Brown-Conrady."""
    if lens.model is LensModel.PINHOLE:
        return LensKind.PINHOLE
    if lens.model is LensModel.KANNALA_BRANDT:
        return LensKind.KANNALA_BRANDT
    used = int(torch.count_nonzero(lens.distortion.flip(0).cumsum(0)))
    kinds = (LensKind.BROWN5, LensKind.BROWN8, LensKind.BROWN12, LensKind.BROWN14)
    return next(kind for kind in kinds if kind.n_coefficients >= used)


def packed(lens: Lens) -> Float[np.ndarray, "18"]:
    """A lens as the kernels want it."""
    row = np.zeros(N_LENS)
    row[:2], row[2:4] = lens.f_px.numpy(), lens.c_px.numpy()
    row[4 : 4 + len(lens.distortion)] = lens.distortion.numpy()
    return row


def unpacked(kind: LensKind, row: Float[np.ndarray, "18"]) -> Lens:
    """A lens from the kernels' row."""
    numbers = torch.from_numpy(row.copy())
    f_px, c_px, coefficients = numbers[:2], numbers[2:4], numbers[4 : 4 + kind.n_coefficients]
    if kind is LensKind.PINHOLE:
        return Lens.pinhole(f_px, c_px)
    if kind is LensKind.KANNALA_BRANDT:
        return Lens.kannala_brandt(f_px, c_px, coefficients)
    short = max(4 - len(coefficients), 0)
    return Lens.brown(f_px, c_px, torch.cat([coefficients, coefficients.new_zeros(short)]))


def free_parameters(kind: LensKind) -> Bool[np.ndarray, "18"]:
    """Which of a packed lens's places the kind uses."""
    return np.arange(N_LENS) < 4 + kind.n_coefficients


FOCAL_SIGMA = 0.5
"""The focal length is within half of the first guess."""
ASPECT_SIGMA = 0.005
"""Pixels are square to within half a percent."""
CENTRE_SIGMA = 0.05
"""The principal point lies within some 5 % of the picture's width from its middle."""


def prior(
    kind: LensKind, size_px: tuple[int, int], f_px: float
) -> tuple[Float[np.ndarray, "18"], Float[np.ndarray, "18"], Float[np.ndarray, "18 18"]]:
    """Mean, sigma and information of a lens's parameters; ``f_px`` is a rough idea of its focal length."""
    longest = float(max(size_px))
    corner = hypot(*size_px) / 2 / f_px
    mean, sigma = np.zeros(N_LENS), np.ones(N_LENS)
    mean[:4] = f_px, f_px, (size_px[0] - 1) / 2, (size_px[1] - 1) / 2
    sigma[:4] = FOCAL_SIGMA * f_px, FOCAL_SIGMA * f_px, CENTRE_SIGMA * longest, CENTRE_SIGMA * longest
    sigma[4:18] = _brown_sigma(corner)
    if kind is LensKind.KANNALA_BRANDT:
        sigma[4:8] = 0.3 / min(corner, np.pi / 2) ** (2 * np.arange(1, 5))
    information = np.diag(1 / sigma**2)
    information[:2, :2] += np.array([[1, -1], [-1, 1]]) / (ASPECT_SIGMA * f_px) ** 2
    return mean, sigma, information


def _brown_sigma(corner: float) -> Float[np.ndarray, "14"]:
    """By what each coefficient does at the corner: radial a third, decentring and prism a hundredth, tilt 3 degrees."""
    radial = {name: 0.3 / corner ** (2 * power) for power, pair in enumerate(("14", "25", "36"), 1)
              for name in (f"k{pair[0]}", f"k{pair[1]}")}  # fmt: skip
    vector = {"p1": 0.01 / corner, "p2": 0.01 / corner} | {
        name: 0.01 / corner ** (1 if name in ("s1", "s3") else 3) for name in ("s1", "s2", "s3", "s4")
    }
    known = radial | vector | {"tau_x": 0.05, "tau_y": 0.05}
    return np.array([known[name] for name in BROWN_NAMES])
