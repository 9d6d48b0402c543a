"""Which distances of a body stay constant, how long they are and how constant: measured, with anthropometry behind."""

from dataclasses import dataclass, replace

import numpy as np

from mocap3d.skeletons.skeleton import Skeleton

_FLOOR_M = 0.0015
"""No distance is believed to be more constant than this."""
_SMOOTHED = 8.0
"""Instants that the acceleration prior typically smooths over."""
_SHORTEST_M = 0.01
_FEWEST = 5
"""Instants needed to speak of a length at all."""
_ENOUGH = 256
"""Instants on which distances are measured."""
_USELESS_M = 0.03
"""A "rigid" pair that varies more than this says nothing and is dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class BodyModel:
    """Distances and hinges of one person, as the solver wants them."""

    pairs: np.ndarray
    """(b 2): limbs first, then further pairs of rigid segments."""
    n_limbs: int
    length_m: np.ndarray
    """(b)"""
    sigma_m: np.ndarray
    """(b): how far a distance may be off at one instant; inf where it is not to be used."""
    doubt_m: np.ndarray
    """(b): the same, as it counts when doubt is stated: with what the length itself is not known to."""
    angles: np.ndarray
    """(a 3): first, vertex, last."""
    angle_limit_rad: np.ndarray
    """(a 2)"""


def start_body(skeleton: Skeleton, seen: np.ndarray) -> BodyModel:
    """Pairs and hinges of the skeleton whose keypoints are seen at all (k); lengths are still to be measured."""
    pairs = np.array(skeleton.limbs + skeleton.rigid, np.int64).reshape(-1, 2)
    usable = seen[pairs].all(1)
    limits = [limit for limit in skeleton.angle_limits if seen[[limit.first, limit.vertex, limit.last]].all()]
    return BodyModel(
        pairs,
        len(skeleton.limbs),
        np.full(len(pairs), np.nan),
        np.where(usable, 0.0, np.inf),
        np.where(usable, 0.0, np.inf),
        np.array([(limit.first, limit.vertex, limit.last) for limit in limits], np.int64).reshape(-1, 3),
        np.array([(limit.min_rad, limit.max_rad) for limit in limits]).reshape(-1, 2),
    )


def measure_body(
    body: BodyModel,
    skeleton: Skeleton,
    x: np.ndarray,
    cov_m2: np.ndarray,
    measured: np.ndarray,
    *,
    independent: float,
    limb_sigma_m: float,
    height_m: float | None,
) -> BodyModel:
    """Lengths and their constancy, from positions x (t 3 k) of independent points where both ends are ``measured``.

    cov_m2 (t 6 k): what x may be off. Error across a distance lengthens it (by half its variance over the length),
    which for a face seen by two cameras is more than the face: squared lengths are freed of it, and instants that see
    the distance well count more. ``independent``: how many instants' worth of independent errors there are.

    A length that is not well known is wrong by the same amount at all instants, so smoothing over them does not help
    and it counts for more. Limbs are nevertheless held to ``limb_sigma_m``: better a constant error than a limb that
    breathes with the noise.
    """
    i, j = body.pairs.T
    every = max(1, len(x) // _ENOUGH)  # neighbouring instants say the same
    x, cov_m2, measured = x[::every], cov_m2[::every], measured[::every]
    apart = x[:, :, i] - x[:, :, j]
    cov = cov_m2[:, :, i] + cov_m2[:, :, j]
    squared = (apart * apart).sum(1)
    along = _quadratic(cov, apart)  # d' C d
    total = cov[:, 0] + cov[:, 3] + cov[:, 5]
    both = measured[:, i] & measured[:, j]
    n = both.sum(0)
    enough = n >= _FEWEST
    # The variance of a squared length, from its typical size: from its own, long chance values would count for less.
    weight = both / (2 * total**2 + 4 / 3 * total * _weighted_median(squared, both.astype(float)) + 1e-12)
    length2, deviation2 = _clipped_mean(squared - total, weight)
    length = np.sqrt(np.where(enough & (length2 > _SHORTEST_M**2), length2, np.nan))
    # Spread along the distance only, in instants where it is seen well; the rest of it is the body's own.
    along /= np.maximum(squared, 1e-12)
    distance_error = np.abs(np.sqrt(np.maximum(squared - total + along, 0)) - length)
    sharp = np.where(both, 1 / (along + 1e-8) ** 2, 0)
    spread = 1.4826 * _weighted_median(distance_error, sharp)
    expected = (sharp * along).sum(0) / np.maximum(sharp.sum(0), 1e-12)
    length = _with_anthropometry(length, spread, n, body, skeleton, height_m)
    unsure = deviation2 / (2 * length) / np.sqrt(np.maximum(independent * n / len(x), 1))
    own = np.sqrt(np.maximum(spread**2 - expected, _FLOOR_M**2))
    limb = np.arange(len(own)) < body.n_limbs
    own[limb] = np.minimum(own[limb], limb_sigma_m)
    sigma = np.sqrt(own**2 + unsure**2)
    sigma[limb] = np.minimum(sigma[limb], limb_sigma_m)
    doubt = np.sqrt(own**2 + _SMOOTHED * unsure**2)
    usable = np.isfinite(length) & np.isfinite(body.sigma_m) & (limb | (sigma < _USELESS_M))
    return replace(
        body, length_m=length, sigma_m=np.where(usable, sigma, np.inf), doubt_m=np.where(usable, doubt, np.inf)
    )


def _quadratic(six: np.ndarray, d: np.ndarray) -> np.ndarray:
    """d' C d for symmetric entries (t 6 b) and vectors (t 3 b)."""
    x, y, z = d[:, 0], d[:, 1], d[:, 2]
    return (
        six[:, 0] * x * x
        + six[:, 3] * y * y
        + six[:, 5] * z * z
        + 2 * (six[:, 1] * x * y + six[:, 2] * x * z + six[:, 4] * y * z)
    )


def _with_anthropometry(
    length: np.ndarray,
    spread: np.ndarray,
    n: np.ndarray,
    body: BodyModel,
    skeleton: Skeleton,
    height_m: float | None,
) -> np.ndarray:
    """Limb lengths pulled towards segment-to-height ratios, by far the most where they were hardly seen.

    Without a stated height it is the one that the measured limbs agree on.
    """
    ratio = np.array(skeleton.length_ratio)
    ratio_sigma = np.array(skeleton.length_ratio_sigma)
    limb = length[: body.n_limbs]
    known = np.isfinite(ratio) & np.isfinite(ratio_sigma)
    voting = known & np.isfinite(limb)
    if height_m is None:
        if voting.sum() < 3:
            return length
        height_m = float(np.median(limb[voting] / ratio[voting]))
    # Neighbouring instants share their errors: a second of them counts as a handful.
    own_variance = np.where(
        np.isfinite(limb), spread[: body.n_limbs] ** 2 / np.maximum(n[: body.n_limbs] / 10, 0.1), np.inf
    )
    own_variance = np.maximum(own_variance, 1e-10)
    prior_variance = (ratio_sigma * height_m) ** 2
    with np.errstate(invalid="ignore"):
        pulled = (np.where(np.isfinite(limb), limb, 0) / own_variance + ratio * height_m / prior_variance) / (
            1 / own_variance + 1 / prior_variance
        )
    result = length.copy()
    result[: body.n_limbs] = np.where(known, pulled, limb)
    return result


def _clipped_mean(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and standard deviation over the first axis, far values drawn in.

    A median would be wrong here: squared errors are skewed, their median lies below their mean.
    """
    middle = _weighted_median(values, weight)
    reach = 6 * _weighted_median(np.abs(values - middle), weight)
    near = np.clip(values, middle - reach, middle + reach)
    total = np.maximum(weight.sum(0), 1e-300)
    mean = (weight * near).sum(0) / total
    return mean, np.sqrt((weight * (near - mean) ** 2).sum(0) / total)


def _weighted_median(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Over the first axis: the value that half of the weight lies below; NaN without weight."""
    order = np.argsort(np.where(weight > 0, values, np.inf), axis=0)
    rising = np.cumsum(np.take_along_axis(weight, order, axis=0), axis=0)
    middle = (rising < 0.5 * rising[-1]).sum(0).clip(max=len(values) - 1)
    at = np.take_along_axis(order, middle[None], axis=0)
    return np.where(rising[-1] > 0, np.take_along_axis(values, at, axis=0)[0], np.nan)
