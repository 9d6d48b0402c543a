"""How a sequence moves: acceleration against the truth, and jitter and sliding feet without one.

Tracks are never strung together: call per track. A NaN joint takes the three frames about it with it.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_MM = 1000.0


def second_difference(p: Float[Tensor, "t j 3"]) -> Float[Tensor, "s j 3"]:
    """x[t-1] - 2 x[t] + x[t+1], of the inner frames."""
    return p[:-2] - 2 * p[1:-1] + p[2:]


def acceleration_error_mm_frame2(
    predicted_m: Float[Tensor, "t j 3"], true_m: Float[Tensor, "t j 3"], visible: Bool[Tensor, " t"] | None = None
) -> Float[Tensor, " s"]:
    """Mean over the joints, for every inner frame whose three frames are visible.

    Millimetres per frame^2, so it depends on the frame rate. Source: Kanazawa et al. (2019), HMMR; as VIBE (Kocabas et
    al. 2020) reports it, at 30 Hz.
    """
    error = _MM * (second_difference(predicted_m) - second_difference(true_m)).norm(dim=-1).nanmean(-1)
    return error if visible is None else error[visible[:-2] & visible[1:-1] & visible[2:]]


def acceleration_error_m_s2(
    predicted_m: Float[Tensor, "t j 3"],
    true_m: Float[Tensor, "t j 3"],
    rate_hz: float,
    visible: Bool[Tensor, " t"] | None = None,
) -> Float[Tensor, " s"]:
    """The same in m/s^2, without the first and the last value, as WHAM (Shin et al. 2024) reports it."""
    return acceleration_error_mm_frame2(predicted_m, true_m, visible)[1:-1] / _MM * rate_hz**2


def jitter_m_s3(p_m: Float[Tensor, "t j 3"], rate_hz: float) -> Float[Tensor, " s"]:
    """Mean over the joints of the third derivative. Source: Yi et al. (2021), TransPose; often given in 100 m/s^3."""
    third = p_m[3:] - 3 * p_m[2:-1] + 3 * p_m[1:-2] - p_m[:-3]
    return third.norm(dim=-1).nanmean(-1) * rate_hz**3


def foot_skate_mm_s(
    feet_m: Float[Tensor, "t f 3"], rate_hz: float, *, contact_m: float = 0.03, floor_m: float | None = None
) -> Float[Tensor, ""]:
    """Median horizontal speed of feet near the floor; z is up. NaN where no foot is ever near it.

    The floor, where not given, is the height below which each foot is in 5 % of the frames. A foot counts while it is
    within ``contact_m`` of it at both ends of a step in time. After Zhang et al. (2018), mode-adaptive networks, who
    take the mean: but toes that swing pass the floor at 1 to 2 cm, and a walker whose feet do not slide had 223 mm/s.
    """
    height = feet_m[..., 2]
    floor = torch.nanquantile(height, 0.05, dim=0) if floor_m is None else height.new_tensor(floor_m)
    near = height < floor + contact_m
    speed = _MM * rate_hz * (feet_m[1:, :, :2] - feet_m[:-1, :, :2]).norm(dim=-1)
    return speed[near[1:] & near[:-1]].nanmedian()
