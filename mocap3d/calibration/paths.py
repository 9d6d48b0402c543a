"""Where corners were between the looks at them: a parabola through three."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from mocap3d.calibration.instants import Instants
from mocap3d.session.records import TargetObservations

MAX_GAP_S = 0.5
"""Between the looks that a path is drawn through."""
IN_STEP_S = 0.001
"""Pictures that are taken this much beside their instant are of that instant."""


def at_times(
    uv_px: Float[np.ndarray, "t k 2"], t_s: Float[np.ndarray, " t"], wished_s: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n k 2"], Float[np.ndarray, "n k 2"]]:
    """Places (px) and speeds (px/s) of one view's corners at wished times; NaN where they were not seen about then."""
    if len(t_s) < 3:
        nowhere = np.full((len(wished_s), *uv_px.shape[1:]), np.nan)
        return nowhere, nowhere
    i = np.clip(np.abs(t_s[:, None] - wished_s).argmin(0), 1, len(t_s) - 2)
    before, middle, after = (t_s[i + n] - wished_s for n in (-1, 0, 1))
    near = ((after - before < 2 * MAX_GAP_S) & (before < 0) & (after > 0))[:, None, None]
    place, speed = _parabola((before, middle, after), [uv_px[i + n] for n in (-1, 0, 1)])
    exact = (np.abs(middle) < 1e-9)[:, None, None]
    return np.where(exact, uv_px[i], np.where(near, place, np.nan)), np.where(near, speed, np.nan)


def in_step(seen: TargetObservations, instants: Instants) -> TargetObservations:
    """The corners at the instants themselves, where a view's pictures were taken a part of a frame beside them.

    Corners of such a view that were not seen before and after are left out: nobody knows where they were.
    """
    if not instants.late_s or not len(seen.t_s):
        return seen
    of_instant = np.searchsorted(instants.t_s.numpy(), seen.t_s.numpy())
    uv_px = seen.uv_px.numpy().copy()
    for row, view in enumerate(seen.views):
        late_s = np.nan_to_num(instants.late_s[view].numpy()[of_instant])
        if np.abs(late_s).max() > IN_STEP_S:
            at, _ = at_times(uv_px[row], seen.t_s.numpy() + late_s, seen.t_s.numpy())
            uv_px[row] = np.where(np.isnan(uv_px[row]), np.nan, at)
    moved = torch.from_numpy(uv_px)
    return replace(seen, uv_px=moved, sigma_px=seen.sigma_px.masked_fill(moved.isnan().any(-1), torch.nan))


def _parabola(times_s: tuple[np.ndarray, ...], values: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Value and slope at time 0 of the parabola through three points, by Lagrange's polynomials."""
    a, b, c = times_s
    scales = ((a - b) * (a - c), (b - a) * (b - c), (c - a) * (c - b))
    weights = [w / s for w, s in zip((b * c, a * c, a * b), scales, strict=True)]
    slopes = [-w / s for w, s in zip((b + c, a + c, a + b), scales, strict=True)]
    place, slope = (
        np.sum([w[:, None, None] * value for w, value in zip(by, values, strict=True)], axis=0)
        for by in (weights, slopes)
    )
    return place, slope
