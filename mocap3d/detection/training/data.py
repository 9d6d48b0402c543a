"""Labelled person crops in memory, ready to be drawn from: pictures stay encoded until they are wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int8, Int64, UInt8

from mocap3d.errors import DetectionError
from mocap3d.session.samples import Samples, read_folder, read_samples

KEYPOINT_SET = "halpe26"
"""What the network is trained on."""
N_KEYPOINTS = 26


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One decoded person crop and its labels. Pixels are the crop's; NaN is unknown."""

    image: UInt8[np.ndarray, "h w 3"]
    """RGB."""
    uv_px: Float32[np.ndarray, "k 2"]
    visibility: Int8[np.ndarray, " k"]
    """Values of ``session.samples.Visibility``."""
    weight: Float32[np.ndarray, " k"]
    p_in_cam: Float32[np.ndarray, "k 3"]
    matrix: Float32[np.ndarray, "3 3"]
    cam_from_world: Float32[np.ndarray, "3 4"]
    instant: int = -1
    clip: int = -1
    frame: int = 0
    inverse_depth: Float32[np.ndarray, "h w"] | None = None
    """1/m; 0 is background."""


class Heap:
    """Samples of some shards, numbered through."""

    def __init__(self, name: str, shards: Sequence[Samples]):
        self.name, self._shards = name, tuple(shards)
        self._starts = np.cumsum([0, *map(len, self._shards)])
        for shard in self._shards:
            if shard.uv_px.shape[1] != N_KEYPOINTS:
                raise DetectionError(
                    f"{name}: samples have {shard.uv_px.shape[1]} keypoints; needed the {N_KEYPOINTS} of "
                    f"{KEYPOINT_SET}. Make them with `mocap3d synth people`."
                )

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def has_depth(self) -> bool:
        """Whether every sample has a depth picture."""
        return all(shard.inverse_depth is not None for shard in self._shards)

    def column(self, name: str) -> np.ndarray:
        """A field of all samples, e.g. ``instant``."""
        return np.concatenate([getattr(shard, name) for shard in self._shards])

    def sample(self, index: int, *, depth: bool = False) -> Sample:
        """A sample, decoded (0.5 ms for 256 x 192); with its depth where that is asked for."""
        at = int(np.searchsorted(self._starts, index, side="right")) - 1
        shard, row = self._shards[at], index - int(self._starts[at])
        return Sample(
            image=shard.picture(row),
            uv_px=shard.uv_px[row],
            visibility=shard.visibility[row],
            weight=shard.weight[row],
            p_in_cam=shard.p_in_cam[row],
            matrix=shard.matrix[row],
            cam_from_world=shard.cam_from_world[row],
            instant=int(shard.instant[row]),
            clip=int(shard.clip[row]),
            frame=int(shard.frame[row]),
            inverse_depth=shard.inverse_depth_per_m(row) if depth else None,
        )

    def units(self, *, views: int = 1, frames: int = 1) -> Int64[np.ndarray, "n g"]:
        """What is drawn together: single samples, ``views`` of one instant, or ``frames`` in a row of one clip.

        A heap without instants or clips gives single samples all the same.
        """
        groups = np.empty((0, 1), np.int64)
        if views > 1:
            groups = _of_one_instant(self.column("instant"), views)
        elif frames > 1:
            groups = _in_a_row(self.column("clip"), self.column("frame"), self.column("cam_from_world"), frames)
        return groups if len(groups) else np.arange(len(self))[:, None]


def read_heap(folder: Path, *, depth: bool = False) -> Heap:
    """All shards of a folder, without their depth pictures unless those are wanted: they are half of its size."""
    shards = [read_samples(path) for path in read_folder(folder)]
    if depth and any(shard.inverse_depth is None for shard in shards):
        raise DetectionError(
            f"{folder} holds no depth, which this network takes. Make it again with `mocap3d synth people --depth`, "
            "or train a network without the depth branch."
        )
    return Heap(folder.name, shards if depth else [replace(shard, inverse_depth=None) for shard in shards])


def _of_one_instant(instant: np.ndarray, views: int) -> Int64[np.ndarray, "n g"]:
    """Rows of ``views`` samples each; those left over by an instant are left out."""
    order = np.argsort(instant, kind="stable")
    order = order[instant[order] >= 0]
    starts = np.flatnonzero(np.r_[True, np.diff(instant[order]) > 0]) if len(order) else []
    rows = [
        chunk[i : i + views] for chunk in np.split(order, starts[1:]) for i in range(0, len(chunk) - views + 1, views)
    ]
    return np.array(rows, np.int64).reshape(-1, views)


def _in_a_row(clip: np.ndarray, frame: np.ndarray, pose: np.ndarray, frames: int) -> Int64[np.ndarray, "n g"]:
    """Rows of consecutive frames of the same person before the same camera."""
    camera = np.unique(np.nan_to_num(pose.reshape(len(pose), -1)), axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((frame, camera, clip))
    order = order[clip[order] >= 0]
    rows = np.lib.stride_tricks.sliding_window_view(order, frames) if len(order) >= frames else np.empty((0, frames))
    rows = rows.astype(np.int64)
    alike = (clip[rows] == clip[rows[:, :1]]).all(1) & (camera[rows] == camera[rows[:, :1]]).all(1)
    return rows[alike & (np.diff(frame[rows], axis=1) == 1).all(1)]
