"""SMPL's files as a user has them, read without running what is pickled in them."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.evaluation.pickles import read_pickle

_GENDERS = {"m": "SMPL_MALE.pkl", "f": "SMPL_FEMALE.pkl"}
_REGRESSOR = "J_regressor_h36m.npy"


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
    models = {gender: read_pickle(root / name) for gender, name in _GENDERS.items()}
    try:
        regressor = np.load(root / _REGRESSOR, allow_pickle=False).astype(np.float64)
    except ValueError as error:
        raise FormatError(f"{root / _REGRESSOR}: not readable ({error}). Get it again.") from error
    if regressor.shape != (17, 6890):
        raise FormatError(f"{root / _REGRESSOR}: has shape {regressor.shape}. Needed: (17, 6890).")
    return models, regressor
