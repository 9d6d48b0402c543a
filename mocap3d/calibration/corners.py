"""Observations of targets as one flat list of corners: what the solver works on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.calibration.lens_kinds import LensKind
from mocap3d.errors import CalibrationError
from mocap3d.geometry.lens import Lens, LensModel
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import TargetObservations, ViewId
from mocap3d.session.views import natural_key
from mocap3d.solve.bundle import Observed, observed
from mocap3d.solve.views import BROWN, KANNALA_BRANDT, PINHOLE

ASPECT_TOLERANCE = 0.005
AT_CAMERA = np.array([[1.0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]])
"""The pose of a lone camera that is the world."""
KERNEL_KIND = {LensModel.PINHOLE: PINHOLE, LensModel.BROWN: BROWN, LensModel.KANNALA_BRANDT: KANNALA_BRANDT}


@dataclass(frozen=True)
class Corners:
    """n corners, sorted by target and then by view. A *target* here is one target at one instant."""

    sets: tuple[TargetObservations, ...]
    views: tuple[ViewId, ...]
    size_px: dict[ViewId, tuple[int, int]]
    """Of each view's lens; corners found in smaller or larger pictures of the same shape are scaled to it."""
    target_set: Int[np.ndarray, " f"]
    """Which of the sets each target belongs to, and which instant of it it is."""
    target_instant: Int[np.ndarray, " f"]
    view_of: Int[np.ndarray, " n"]
    target_of: Int[np.ndarray, " n"]
    point_of: Int[np.ndarray, " n"]
    uv_px: Float[np.ndarray, "n 2"]
    sigma_px: Float[np.ndarray, " n"]

    @cached_property
    def p_in_target(self) -> Float[np.ndarray, "n 3"]:
        """Where each corner is on its target."""
        points = [observations.p_in_target.numpy() for observations in self.sets]
        first = np.cumsum([0, *(len(p) for p in points)])
        set_of = self.target_set[self.target_of]
        return np.concatenate([*points, np.zeros((0, 3))])[first[set_of] + self.point_of]

    @cached_property
    def key(self) -> Int[np.ndarray, " n"]:
        """A number for every point of every target: target * n_points + point."""
        return self.target_of * self.n_points + self.point_of

    @property
    def n_points(self) -> int:
        """Of the target with most."""
        return int(self.point_of.max()) + 1

    def rays(self, lenses: Sequence[Lens]) -> Float[np.ndarray, "n 2"]:
        """Every corner on the plane at depth 1; NaN where its pixel has no such ray."""
        out = np.full_like(self.uv_px, np.nan)
        for place, lens in enumerate(lenses):
            mine = self.view_of == place
            out[mine] = lens.unproject(torch.from_numpy(self.uv_px[mine]))[:, :2].numpy()
        return out

    @property
    def n_targets(self) -> int:
        return len(self.target_set)

    def observed(self, kinds: Sequence[LensKind], noise: float = 1.0) -> Observed:
        """For the solver, in the same order; ``noise`` multiplies the stated sigmas."""
        return observed(
            np.array([KERNEL_KIND[kind.model] for kind in kinds]),
            self.n_targets,
            camera_of=self.view_of,
            target_of=self.target_of,
            p_in_target=self.p_in_target,
            uv_px=self.uv_px,
            sigma_px=self.sigma_px * noise,
        )

    def of_targets(self, wanted: Bool[np.ndarray, " f"]) -> "Corners":
        """Some targets only, numbered anew."""
        keep, number = wanted[self.target_of], np.cumsum(wanted) - 1
        return Corners(
            self.sets,
            self.views,
            self.size_px,
            self.target_set[wanted],
            self.target_instant[wanted],
            self.view_of[keep],
            number[self.target_of[keep]],
            self.point_of[keep],
            self.uv_px[keep],
            self.sigma_px[keep],
        )

    def per_set(self, values: Float[np.ndarray, " n"]) -> tuple[Float[Tensor, "_v _t _k"], ...]:
        """A number of every corner, in the shape of the observations; NaN where there is no corner."""
        full = []
        for number, observations in enumerate(self.sets):
            mine = self.target_set[self.target_of] == number
            out = np.full(observations.uv_px.shape[:3], np.nan)
            rows = np.array([observations.views.index(view) if view in observations.views else -1
                             for view in self.views])  # fmt: skip
            instants = self.target_instant[self.target_of[mine]]
            out[rows[self.view_of[mine]], instants, self.point_of[mine]] = values[mine]
            full.append(torch.from_numpy(out))
        return tuple(full)

    def poses_per_set(self, poses: Float[np.ndarray, "f 12"]) -> tuple[Rigid, ...]:
        """World_from_target of every instant (t) of every set; NaN where the target was not seen."""
        found = []
        for number, observations in enumerate(self.sets):
            mine = self.target_set == number
            rows = np.full((len(observations.t_s), 12), np.nan)
            rows[self.target_instant[mine]] = poses[mine]
            found.append(rigid_of(rows))
        return tuple(found)


def corners_of(observations: Sequence[TargetObservations], views: Sequence[ViewId] | None = None) -> Corners:
    """All corners that the views (all, in natural order) found."""
    sets = tuple(observations)
    if views is None:
        views = sorted({view for each in sets for view in each.views}, key=natural_key)
    size_px = {view: _size(sets, view) for view in views}
    columns: list[list[np.ndarray]] = [[] for _ in range(6)]
    for number, each in enumerate(sets):
        known = (each.uv_px.isfinite().all(-1) & (each.sigma_px > 0)).numpy()
        for place, view in enumerate(views):
            if view not in each.views:
                continue
            row = each.views.index(view)
            instant, point = np.nonzero(known[row])
            scale = size_px[view][0] / each.size_px[view][0]
            uv_px = (each.uv_px[row].numpy()[instant, point] + 0.5) * scale - 0.5
            sigma_px = each.sigma_px[row].numpy()[instant, point] * scale
            ours = (np.full_like(instant, number), instant, np.full_like(instant, place), point, uv_px, sigma_px)
            for column, values in zip(columns, ours, strict=True):
                column.append(values)
    if not sum(len(part) for part in columns[0]):
        names = ", ".join(f"'{each.name}'" for each in sets) or "no target"
        raise CalibrationError(
            f"no corner of {names} was found in {', '.join(views) or 'any view'}. Film the target so that it fills a "
            "good part of the picture, sharp and evenly lit, and check that its definition is that of the print."
        )
    set_of, instant, view_of, point_of, uv_px, sigma_px = (np.concatenate(column) for column in columns)
    order = np.lexsort((point_of, view_of, instant, set_of))
    targets, target_of = np.unique(np.stack([set_of, instant], 1)[order], axis=0, return_inverse=True)
    return Corners(
        sets, tuple(views), size_px, targets[:, 0], targets[:, 1], view_of[order], target_of.reshape(-1),
        point_of[order], uv_px[order], sigma_px[order],
    )  # fmt: skip


def _size(sets: Sequence[TargetObservations], view: ViewId) -> tuple[int, int]:
    """The largest picture of a view; the others must be scaled copies of it."""
    sizes = {each.name: each.size_px[view] for each in sets if view in each.views}
    if not sizes:
        raise CalibrationError(f"view '{view}' is in none of the observations: film the target with it, too.")
    largest = max(sizes.values())
    for name, size in sizes.items():
        if abs(size[0] * largest[1] / (size[1] * largest[0]) - 1) > ASPECT_TOLERANCE:
            raise CalibrationError(
                f"view '{view}' was filmed at {size[0]}x{size[1]} for '{name}' and at {largest[0]}x{largest[1]} "
                "elsewhere: pictures of two shapes have no lens in common. Film everything at one size."
            )
    return largest


def rigid_of(rows: Float[np.ndarray, "n 12"]) -> Rigid:
    """The kernels' poses as motions."""
    numbers = torch.from_numpy(np.ascontiguousarray(rows))
    return Rigid(numbers[:, :9].reshape(-1, 3, 3), numbers[:, 9:])


def rows_of(motion: Rigid) -> Float[np.ndarray, "n 12"]:
    """Motions (n) as the kernels' poses."""
    return torch.cat([motion.rotation.flatten(-2), motion.translation], -1).numpy().reshape(-1, 12).copy()
