"""SMPL's files as a user has them, read without running what is pickled in them."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.evaluation.pickles import read_pickle
from mocap3d.evaluation.threedpw.predictions import N_VERTICES

_GENDERS = {"m": "SMPL_MALE.pkl", "f": "SMPL_FEMALE.pkl"}
_REGRESSOR = "J_regressor_h36m.npy"
_SHAPES = {
    "v_template": (N_VERTICES, 3),
    "shapedirs": (N_VERTICES, 3),
    "posedirs": (N_VERTICES, 3, 207),
    "J_regressor": (24, N_VERTICES),
    "weights": (N_VERTICES, 24),
    "kintree_table": (2, 24),
    "f": (13776, 3),
}
"""Of a model's arrays; of shapedirs, what comes before its components."""


def read_smpl(folder: Path) -> tuple[dict[str, dict[str, Any]], Float[np.ndarray, "17 6890"]]:
    """The models by gender, and the regressor of 17 joints; FormatError names the files that are missing."""
    root = next((place for place in (folder, folder / "smpl") if (place / _GENDERS["m"]).is_file()), folder)
    if missing := [name for name in (*_GENDERS.values(), _REGRESSOR) if not (root / name).is_file()]:
        raise FormatError(
            f"{folder}: has no {', '.join(missing)}. Needed: SMPL's files (smpl.is.tue.mpg.de, after "
            "registration; cleaned of chumpy by smplx's tools) and the regressor that SPIN and VIBE publish. Or leave "
            "--smpl-dir out: "
            "joints alone are scored then."
        )
    models = {gender: _model(root / name) for gender, name in _GENDERS.items()}
    try:
        regressor = np.load(root / _REGRESSOR, allow_pickle=False).astype(np.float64)
    except (ValueError, EOFError) as error:
        raise FormatError(f"{root / _REGRESSOR}: not readable ({error}). Get it again.") from error
    if regressor.shape != (17, N_VERTICES):
        raise FormatError(f"{root / _REGRESSOR}: has shape {regressor.shape}. Needed: (17, {N_VERTICES}).")
    return models, regressor


def _model(path: Path) -> dict[str, Any]:
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise FormatError(f"{path}: holds a {type(content).__name__}. Needed: a model of SMPL.")
    if wrong := [name for name, shape in _SHAPES.items() if _shape(content.get(name))[: len(shape)] != shape]:
        raise FormatError(
            f"{path}: {', '.join(wrong)} are missing or of another shape than SMPL's. Needed: version 1.0 or 1.1 of "
            "the model, with 6890 vertices."
        )
    return content


def _shape(value: Any) -> tuple[int, ...]:
    """Of arrays and sparse matrices; empty of anything else."""
    return tuple(getattr(value, "shape", ()))
