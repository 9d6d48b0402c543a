"""The door to SMPL: meshes and joints from the licensed models that a user brings; nothing of SMPL ships with us."""

from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.errors import FormatError

H36M_TO_LSP = (6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10)
"""Which of the 17 joints of J_regressor_h36m are the 14 of LSP, right ankle first."""
_CHUNK = 256


class SmplMeshes:
    """SMPL bodies by gender (m, f), from the content of their model files."""

    def __init__(self, models: Mapping[str, Mapping[str, Any]], regressor: Float[np.ndarray, "17 v"]):
        self._content = models
        self._models: dict[str, torch.nn.Module] = {}
        self._regressor = torch.from_numpy(regressor)

    def __call__(
        self, gender: str, betas: Float[Tensor, "10"], pose: Float[Tensor, "n 24 3"], trans_m: Float[Tensor, "n 3"]
    ) -> tuple[Float[Tensor, "n v 3"], Float[Tensor, "n 24 3"]]:
        """Vertices and SMPL's joints in the pose's world (m)."""
        chunks = zip(pose.split(_CHUNK), trans_m.split(_CHUNK), strict=True)
        parts = [self._posed(gender, betas, *chunk) for chunk in chunks]
        vertices, joints = (torch.cat(part) for part in zip(*parts, strict=True))
        return vertices, joints

    def regressed(self, vertices: Float[Tensor, "n v 3"]) -> Float[Tensor, "n 15 3"]:
        """The regressed pelvis before the 14 joints of LSP, of any body of SMPL's topology."""
        return (self._regressor @ vertices)[:, (0, *H36M_TO_LSP)]

    @torch.no_grad()
    def _posed(self, gender: str, betas: Tensor, pose: Tensor, trans_m: Tensor) -> tuple[Tensor, Tensor]:
        body = self._model(gender)(
            betas=betas.expand(len(pose), -1),
            body_pose=pose[:, 1:].flatten(1),
            global_orient=pose[:, 0],
            transl=trans_m,
        )
        return body.vertices, body.joints[:, :24]

    def _model(self, gender: str) -> torch.nn.Module:
        if gender not in self._content:
            raise FormatError(
                f"there is no SMPL model for gender '{gender}'. Needed: one of {', '.join(self._content)}."
            )
        if gender not in self._models:
            try:
                import smplx  # slow to load, and only those who have the files need it
                from smplx.utils import Struct
            except ImportError:
                raise FormatError(
                    "SMPL models are read by smplx, which is not installed. Install it with: pip install "
                    "'mocap3d[smpl]'. Or leave --smpl-dir out: joints are then scored without the mesh."
                ) from None

            try:
                data = Struct(**self._content[gender])
                with redirect_stdout(StringIO()):  # it prints what is usual: 10 shape coefficients
                    self._models[gender] = smplx.SMPL("", data_struct=data, num_betas=10, dtype=torch.float64)
            except (AttributeError, KeyError, ValueError, TypeError, IndexError) as error:
                raise FormatError(
                    f"the SMPL model of gender '{gender}' is incomplete ({error}). Get it again."
                ) from error
        return self._models[gender]
