"""The shape of bodies: how tall, how far apart, and whether it can be human at all."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mocap3d.skeletons.skeleton import Skeleton

# Limb lengths of one body scatter less than this around its proportions (median of |log ratio|); those of a body
# glued from two people scatter more.
_ODD_SHAPE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class BodyShape:
    """What the search for people knows about bodies."""

    mirror: Int[np.ndarray, " k"]
    limbs: Int[np.ndarray, "b 2"]
    length_ratio: Float[np.ndarray, " b"]
    """Limb length per body height; NaN unknown."""

    @staticmethod
    def of(skeleton: Skeleton) -> "BodyShape":
        limbs = np.array(skeleton.limbs, dtype=np.int64).reshape(-1, 2)
        return BodyShape(np.array(skeleton.mirror), limbs, np.array(skeleton.length_ratio, dtype=float))

    def lengths_m(self, p_in_world: Float[np.ndarray, "*b k 3"]) -> Float[np.ndarray, "*b l"]:
        """The length of every limb."""
        ends = p_in_world[..., self.limbs, :]
        return np.linalg.norm(ends[..., 0, :] - ends[..., 1, :], axis=-1)

    def height_m(
        self, p_in_world: Float[np.ndarray, "p k 3"]
    ) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
        """BodyShape height as its limbs tell, and their scatter around it (median |log ratio|); NaN without limbs."""
        with np.errstate(divide="ignore"):
            log_height = np.log(self.lengths_m(p_in_world) / self.length_ratio)
        middle = nanmedian(log_height)
        return np.exp(middle), nanmedian(np.abs(log_height - middle[..., None]))

    def is_human(self, p_in_world: Float[np.ndarray, "p k 3"], height_m: tuple[float, float]) -> Bool[np.ndarray, " p"]:
        """Whether the points have the size and roughly the proportions of a person."""
        size_m, scatter = self.height_m(p_in_world)
        return (size_m >= height_m[0]) & (size_m <= height_m[1]) & (scatter <= _ODD_SHAPE)


def apart_m(
    p_in_world: Float[np.ndarray, "*b k 3"], q_in_world: Float[np.ndarray, "*c k 3"]
) -> Float[np.ndarray, "..."]:
    """Median distance over the keypoints that two bodies share, inf where they share none; batches broadcast."""
    return np.nan_to_num(nanmedian(np.linalg.norm(p_in_world - q_in_world, axis=-1)), nan=np.inf)


def nanmedian(values: np.ndarray) -> np.ndarray:
    """Median over the last axis without NaN, NaN where all are; faster on short axes than numpy's, and silent."""
    count = np.isfinite(values).sum(axis=-1)
    ordered = np.sort(np.where(np.isfinite(values), values, np.inf), axis=-1)
    middle = np.stack([np.maximum(count - 1, 0) // 2, count // 2], axis=-1)
    pick = np.take_along_axis(ordered, middle, axis=-1)
    return np.where(count > 0, pick.mean(axis=-1), np.nan)
