"""All people as one NumPy archive: everything that Points3D holds, read back bit by bit, and no pickle in it."""

import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int8
from torch import Tensor

from mocap3d.errors import FormatError
from mocap3d.export.axes import WORLD
from mocap3d.export.description import describe
from mocap3d.session.files import write_atomically
from mocap3d.session.records import NoiseModel, Points3D, Provenance
from mocap3d.skeletons.skeleton import AngleLimit, Skeleton

_KIND = "mocap3d points 1"
_TENSORS = ("t_s", "p_in_world", "cov_m2", "n_views", "provenance")


def write_npz(points: Points3D, path: Path) -> None:
    """Arrays under the names of the record's fields; names and descriptions are text, the skeleton is JSON."""
    texts = {"kind": _KIND, "skeleton": json.dumps(asdict(points.skeleton)), **_described(points)}
    arrays: dict[str, Any] = {name: getattr(points, name).numpy() for name in _TENSORS}
    arrays |= {name: np.array(text) for name, text in texts.items()}
    arrays |= _noise_arrays(points.noise)
    arrays["people"] = np.array(points.people, dtype=np.str_)
    arrays["rate"] = np.array([points.rate.numerator, points.rate.denominator])
    with write_atomically(path) as file:
        savez_for(points.provenance)(file, **arrays)


def savez_for(provenance: Int8[Tensor, "t p n"]) -> Callable[..., None]:
    """numpy.savez_compressed where most is missing, as it is of people who pass through a long recording; else savez.

    Digits of measured numbers hardly shrink, and cost a second per 30 MB.
    """
    is_mostly_missing = (provenance == int(Provenance.MISSING)).double().mean() > 0.5
    return np.savez_compressed if is_mostly_missing else np.savez


def read_npz(path: Path) -> Points3D:
    """The Points3D that :func:`write_npz` was given; refuses any other file."""
    try:
        with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
            fields = {name: archive[name] for name in archive.files if not name.startswith("about_")}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path}: not a readable npz ({error}). Export it again with mocap3d.") from error
    if str(fields.get("kind")) != _KIND:
        found = fields.get("kind", "no 'kind'")
        raise FormatError(f"{path}: found {found}, needed '{_KIND}'. Read it with the version that wrote it.")
    return Points3D(
        skeleton=_skeleton(json.loads(str(fields["skeleton"]), parse_constant=lambda _: math.nan)),
        people=tuple(map(str, fields["people"])),
        rate=Fraction(*map(int, fields["rate"])),
        noise=_noise(fields["noise_scale2"], fields["noise_share_memory_spread_bias"]),
        **{name: torch.from_numpy(fields[name]) for name in _TENSORS},
    )


def _described(points: Points3D) -> dict[str, str]:
    return {f"about_{key}": text for key, text in describe(points, WORLD).items()}


def _noise_arrays(noise: tuple[NoiseModel, ...]) -> dict[str, np.ndarray]:
    """All people's noise models, stacked; empty where there are none."""
    scale2 = [model.scale2.numpy() for model in noise]
    numbers = [(model.share, model.memory, model.spread, model.bias) for model in noise]
    return {
        "noise_scale2": np.stack(scale2) if scale2 else np.zeros((0, 0, 0, 0)),
        "noise_share_memory_spread_bias": np.array(numbers, dtype=np.float64).reshape(-1, 4),
    }


def _noise(scale2: np.ndarray, numbers: np.ndarray) -> tuple[NoiseModel, ...]:
    return tuple(NoiseModel(torch.from_numpy(s), *row) for s, row in zip(scale2, numbers.tolist(), strict=True))


def _skeleton(fields: dict[str, Any]) -> Skeleton:
    """JSON's lists back to tuples, the pairs and limits in them too."""
    restored: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    for name in ("limbs", "rigid"):
        restored[name] = tuple(tuple(pair) for pair in fields[name])
    restored["angle_limits"] = tuple(AngleLimit(**limit) for limit in fields["angle_limits"])
    return Skeleton(**restored)
