"""What looks like a mistake in how predictions were written, and not like the errors of a method."""

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.errors import FormatError
from mocap3d.evaluation.metrics.positions import pa_mpjpe_mm

_TOO_LARGE = 30.0
"""Times the true size that no method is wrong by, but centimetres and millimetres are."""


def check_metres(name: str, predicted_m: Float[Tensor, "*b j 3"], true_m: Float[Tensor, "*c m 3"]) -> None:
    """FormatError where the predicted bodies are far larger than the true ones."""
    times = size_m(predicted_m) / size_m(true_m)
    if times > _TOO_LARGE:
        raise FormatError(
            f"{name}: the predicted bodies are {times:.3g} times as large as the true ones. Needed: metres; "
            "millimetres are to be divided by 1000, centimetres by 100."
        )


def mirror_notes(predicted_m: Float[Tensor, "n j 3"], true_m: Float[Tensor, "n j 3"]) -> tuple[str, ...]:
    """One note where the mirror image of what was predicted is less than half as wrong, else none."""
    flip = torch.tensor([-1.0, 1.0, 1.0], dtype=predicted_m.dtype)
    given_mm, mirrored_mm = (float(pa_mpjpe_mm(p, true_m).nanmedian()) for p in (predicted_m, predicted_m * flip))
    if not mirrored_mm < given_mm / 2:
        return ()
    return (
        f"One side looks mirrored: mirror images of the other have a median PA-MPJPE of {mirrored_mm:.4g} mm, instead "
        f"of {given_mm:.4g} mm. Look for an axis that points the other way, or left and right exchanged.",
    )


def size_m(p_m: Float[Tensor, "*b j 3"]) -> float:
    """Median distance of the joints from their mean; NaN where there are none."""
    return float((p_m - p_m.nanmean(-2, keepdim=True)).norm(dim=-1).nanmedian())
