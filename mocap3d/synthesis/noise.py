"""Errors like a detector's: heavy tails, errors that last, bursts of nothing, swapped sides, and scores that half know.

Everything is drawn from one seed, and what is drawn for a view does not depend on the other views.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from mocap3d.errors import Mocap3dError
from mocap3d.skeletons.skeleton import Skeleton
from mocap3d.synthesis.series import bursts, correlated

OKS_SIGMA = {
    "Nose": 0.026, "Eye": 0.025, "Ear": 0.035, "Shoulder": 0.079, "Elbow": 0.072, "Wrist": 0.062, "Hip": 0.107,
    "Knee": 0.087, "Ankle": 0.089,
}  # fmt: skip
"""How unsure people are of each keypoint, per square root of a person's area (COCO keypoint evaluation)."""
ARM = ("Elbow", "Wrist")
LEG = ("Knee", "Ankle", "BigToe", "SmallToe", "Heel")


@dataclass(frozen=True)
class NoiseOptions:
    """How bad the 2D keypoints are. Fractions are of all keypoints; bursts have a mean length in seconds."""

    sigma_px: float = 3.0
    """Root mean square error per axis of a plainly visible keypoint."""
    view_spread: float = 0.2
    """Views differ: standard deviation of the logarithm of their sigmas."""
    keypoint_spread: float = 0.4
    """Keypoints differ: power of COCO's OKS sigma in theirs; 0 makes them alike."""
    point_spread: float = 0.35
    """Every single point has a sigma of its own: standard deviation of its logarithm."""
    tail_dof: float = 4.0
    """Degrees of freedom of Student's t; fewer, heavier tails. Above 2."""
    correlated_share: float = 0.5
    """Share of the variance that lasts."""
    correlated_s: float = 0.15
    """After which time such an error has faded to 1/e."""
    dropouts: float = 0.03
    dropout_s: float = 0.12
    swaps: float = 0.015
    """Left and right exchanged: an arm, a leg or the whole body."""
    swap_s: float = 0.1
    jumps: float = 0.02
    """Gross errors: onto the same keypoint of another person, or anywhere."""
    jump_s: float = 0.07
    jump_px: tuple[float, float] = (75.0, 400.0)
    occluded_factor: float = 3.0
    """By how much the sigma grows for a keypoint that a body hides."""
    occluded_dropouts: float = 0.3

    def __post_init__(self):
        fractions = ("dropouts", "swaps", "jumps", "occluded_dropouts", "correlated_share")
        if wrong := [name for name in fractions if not 0 <= getattr(self, name) <= 1]:
            raise Mocap3dError(f"noise: {wrong[0]} is {getattr(self, wrong[0])}. Needed: a fraction from 0 to 1.")
        if not (self.sigma_px >= 0 and self.tail_dof > 2):
            raise Mocap3dError(
                f"noise: sigma_px is {self.sigma_px} and tail_dof {self.tail_dof}. Needed: at least 0, and above 2."
            )
        positive = ("correlated_s", "dropout_s", "swap_s", "jump_s", "occluded_factor")
        if wrong := [name for name in positive if not 0 < getattr(self, name) < math.inf]:
            raise Mocap3dError(f"noise: {wrong[0]} is {getattr(self, wrong[0])}. Needed: a number above 0.")
        spreads = ("view_spread", "keypoint_spread", "point_spread")
        if wrong := [name for name in spreads if not 0 <= getattr(self, name) < math.inf]:
            raise Mocap3dError(f"noise: {wrong[0]} is {getattr(self, wrong[0])}. Needed: at least 0.")
        if not 0 <= self.jump_px[0] <= self.jump_px[1] < math.inf:
            raise Mocap3dError(f"noise: jump_px is {self.jump_px}. Needed: the least and the most, in pixels.")


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one view's detector says: pixels (NaN = missing), scores (0 = missing), and what is grossly wrong."""

    uv_px: Float[np.ndarray, "t p k 2"]
    score: Float[np.ndarray, "t p k"]
    outlier: Bool[np.ndarray, "t p k"]


def seen_by_detector(
    clean_px: Float[np.ndarray, "t p k 2"],
    occluded: Bool[np.ndarray, "t p k"],
    inside: Bool[np.ndarray, "t p k"],
    skeleton: Skeleton,
    *,
    rate_hz: float,
    seed: tuple[int, ...],
    options: NoiseOptions,
) -> Seen:
    """The clean projections of one view, spoilt. Outliers are swaps and jumps that move a point by over 5 sigma."""
    rng = np.random.default_rng(seed)
    swapped = _swapped(rng, occluded.shape, skeleton, rate_hz, options)
    target_px = np.where(swapped[..., None], clean_px[:, :, skeleton.mirror], clean_px)
    hidden = np.where(swapped, occluded[:, :, skeleton.mirror], occluded)
    jumping = _bursts(rng, occluded.shape, options.jumps, options.jump_s, rate_hz)
    target_px = _jumped(rng, target_px, jumping, options)
    noise_px = _noise_px(rng, hidden, skeleton, rate_hz, options)
    dropped = _bursts(rng, occluded.shape, options.dropouts, options.dropout_s, rate_hz)
    dropped |= hidden & _bursts(rng, occluded.shape, options.occluded_dropouts, options.dropout_s, rate_hz)
    score = _score(rng, np.linalg.norm(noise_px, axis=-1), hidden, jumping, options)
    visible = inside & ~dropped & np.isfinite(target_px).all(-1)
    outlier = (np.linalg.norm(target_px - clean_px, axis=-1) > 5 * options.sigma_px) & visible
    uv_px = np.where(visible[..., None], target_px + noise_px, np.nan)
    return Seen(uv_px, np.where(visible, score, 0.0), outlier)


def _bursts(
    rng: np.random.Generator, shape: tuple[int, ...], fraction: float, mean_s: float, rate_hz: float
) -> Bool[np.ndarray, "t ..."]:
    """As :func:`bursts`, along the first axis of any shape."""
    n_frames, *rest = shape
    return bursts(rng, (1, n_frames, int(np.prod(rest))), fraction, mean_s * rate_hz)[0].reshape(shape)


def _swapped(
    rng: np.random.Generator, shape: tuple[int, ...], skeleton: Skeleton, rate_hz: float, options: NoiseOptions
) -> Bool[np.ndarray, "t p k"]:
    """Whole limbs at once, as networks do it; a third of the time the whole body."""
    limbs = _bursts(rng, (shape[0], shape[1], 3), options.swaps, options.swap_s, rate_hz)
    kinds = np.array([[_part(name) in (ARM, LEG)[limb] for name in skeleton.keypoints] for limb in (0, 1)])
    arms, legs, whole = limbs[..., :1], limbs[..., 1:2], limbs[..., 2:]
    return (arms & kinds[0]) | (legs & kinds[1]) | np.broadcast_to(whole, shape)


def _part(name: str) -> str:
    """A keypoint's name without its side."""
    return name[1:] if name[0] in "LR" and name[1:2].isupper() else name


def _jumped(
    rng: np.random.Generator,
    target_px: Float[np.ndarray, "t p k 2"],
    jumping: Bool[np.ndarray, "t p k"],
    options: NoiseOptions,
) -> Float[np.ndarray, "t p k 2"]:
    """Half of the bursts land on the next person, if there is one; the others anywhere, and stay there."""
    offset_px = rng.uniform(*options.jump_px, jumping.shape)[..., None] * _directions(rng, jumping.shape)
    onto_other = rng.random(jumping.shape) < (0.5 if target_px.shape[1] > 1 else 0.0)
    starts = jumping & ~np.concatenate([np.zeros_like(jumping[:1]), jumping[:-1]])
    frames = np.arange(len(jumping)).reshape(-1, 1, 1)
    first = np.maximum.accumulate(np.where(starts, frames, 0), axis=0)
    offset_px = np.take_along_axis(offset_px, first[..., None], axis=0)
    onto_other = np.take_along_axis(onto_other, first, axis=0)[..., None]
    landed = np.where(onto_other, np.roll(target_px, 1, axis=1), target_px + offset_px)
    return np.where(jumping[..., None], landed, target_px)


def _directions(rng: np.random.Generator, shape: tuple[int, ...]) -> Float[np.ndarray, "... 2"]:
    angle = rng.uniform(0, 2 * np.pi, shape)
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def _noise_px(
    rng: np.random.Generator,
    hidden: Bool[np.ndarray, "t p k"],
    skeleton: Skeleton,
    rate_hz: float,
    options: NoiseOptions,
) -> Float[np.ndarray, "t p k 2"]:
    """Part lasting, part white and of Student's t; of a sigma that differs by view, keypoint and point."""
    sigma_px = np.exp(rng.normal(0, options.view_spread)) * _keypoint_sigmas(skeleton, options)
    own = np.exp(rng.normal(0, options.point_spread, hidden.shape) - options.point_spread**2)
    scale = np.sqrt((options.tail_dof - 2) / rng.chisquare(options.tail_dof, hidden.shape))  # of variance 1
    rho = float(np.exp(-1 / (rate_hz * options.correlated_s)))
    lasting = np.sqrt(options.correlated_share) * correlated(rng, (*hidden.shape, 2), rho)
    white = np.sqrt(1 - options.correlated_share) * rng.standard_normal((*hidden.shape, 2))
    own = own * np.where(hidden, options.occluded_factor, 1.0)
    return (sigma_px * own)[..., None] * (lasting + scale[..., None] * white)


def _keypoint_sigmas(skeleton: Skeleton, options: NoiseOptions) -> Float[np.ndarray, " k"]:
    """One sigma (px) of each keypoint; what COCO does not have counts as an ankle."""
    oks = np.array([OKS_SIGMA.get(_part(name), OKS_SIGMA["Ankle"]) for name in skeleton.keypoints])
    relative = oks**options.keypoint_spread
    return options.sigma_px * relative / np.sqrt(np.mean(relative**2))


def _score(
    rng: np.random.Generator,
    error_px: Float[np.ndarray, "t p k"],
    hidden: Bool[np.ndarray, "t p k"],
    jumping: Bool[np.ndarray, "t p k"],
    options: NoiseOptions,
) -> Float[np.ndarray, "t p k"]:
    """Tied to the error, loosely; swaps are as confident as what is right, and one jump in ten is confident too."""
    score = 0.95 * np.exp(-error_px / max(4 * options.sigma_px, 1e-9)) * np.exp(rng.normal(0, 0.25, error_px.shape))
    score = np.where(hidden, 0.7 * score, score)
    fooled = rng.random(error_px.shape) < 0.1
    unsure, sure = rng.uniform(0.05, 0.5, error_px.shape), rng.uniform(0.5, 0.9, error_px.shape)
    return np.clip(np.where(jumping, np.where(fooled, sure, unsure), score), 0.05, 1.0)
