"""What every data set is turned into: people labelled in pictures, or joints in 3D."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.errors import FormatError


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """n people in pictures; a picture with several people has as many rows. Names are those of our keypoint sets."""

    name: str
    keypoints: tuple[str, ...]
    picture: tuple[Path, ...]
    """Of each person."""
    sequence: tuple[str, ...]
    """Of each person; pictures of one sequence are frames of one video."""
    person: Int[Tensor, " n"]
    """Number of the person's track in its sequence; -1 where there is none."""
    uv_px: Float[Tensor, "n k 2"]
    """Pixel centres are whole numbers; NaN = not labelled."""
    box_px: Float[Tensor, "n 4"]
    """x0 y0 x1 y1."""
    area_px2: Float[Tensor, " n"]
    """Of the person's shape, or as the data set has it."""
    size_px: Float[Tensor, " n"]
    """What PCK is told in: the head's size, the torso's or the box's; see ``size_is``."""
    size_is: str
    ignore: Bool[Tensor, " n"]
    """Neither right nor wrong to find."""
    crowd: Bool[Tensor, " n"]
    """Several people in one row."""

    def __post_init__(self):
        n, k = len(self.picture), len(self.keypoints)
        assert self.uv_px.shape == (n, k, 2), f"{tuple(self.uv_px.shape)} for {n} people of {k} keypoints"


@dataclass(frozen=True, slots=True, eq=False)
class Truth3D:
    """The people (p) of one sequence over its n frames; NaN where absent or not known."""

    name: str
    joints: tuple[str, ...]
    root: int
    """Joint that errors are relative to."""
    rate: Fraction
    p_m: Float[Tensor, "n p j 3"]
    """Metres, in the data set's own axes."""
    counts: Bool[Tensor, " n"]
    """Frames that its protocol scores."""
    limbs: tuple[tuple[str, int, int], ...] = ()
    """Of PCP, with the name of the group that each is reported under."""


def listed_files(folder: Path, pattern: str, needed: str) -> list[Path]:
    """Sorted; FormatError where there are none."""
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise FormatError(f"{folder}: found no {pattern}. Needed: {needed}.")
    return paths


def joined(name: str, parts: Sequence[LabelledPictures]) -> LabelledPictures:
    """Several files of one data set as one."""
    first = parts[0]
    tensors = {
        field: torch.cat([getattr(part, field) for part in parts])
        for field in ("person", "uv_px", "box_px", "area_px2", "size_px", "ignore", "crowd")
    }
    return LabelledPictures(
        name=name,
        keypoints=first.keypoints,
        picture=tuple(path for part in parts for path in part.picture),
        sequence=tuple(sequence for part in parts for sequence in part.sequence),
        size_is=first.size_is,
        **tensors,
    )
