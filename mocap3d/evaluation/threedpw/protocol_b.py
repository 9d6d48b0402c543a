"""Protocol B: 14 joints on the test split, as SPIN, 4D-Humans, VIBE and WHAM score.

They differ in where the root is, and in which frames count (:mod:`~mocap3d.evaluation.threedpw.frames`): both are named
wherever numbers are shown. Sources: Kolotouros et al. (2019), Goel et al. (2023), Kocabas et al. (2020), Shin et al.
(2024).
"""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.evaluation.metrics.movement import acceleration_error_m_s2, acceleration_error_mm_frame2
from mocap3d.evaluation.metrics.positions import distances_mm, pa_mpjpe_mm, pve_mm
from mocap3d.evaluation.threedpw.truth import Truth

RootRule = Literal["pelvis", "hips"]
"""pelvis: the regressed pelvis (SPIN, 4D-Humans); hips: the mean of the two hip joints (VIBE, WHAM)."""
HIPS = (2, 3)


@dataclass(frozen=True, slots=True, eq=False)
class LspScore:
    """Of the frames of one track that count; accelerations of those whose neighbours count too."""

    mpjpe_mm: Float[Tensor, " n"]
    pa_mpjpe_mm: Float[Tensor, " n"]
    acceleration_mm_frame2: Float[Tensor, " s"]
    acceleration_m_s2: Float[Tensor, " r"]
    pve_mm: Float[Tensor, " n"] | None


@dataclass(frozen=True, slots=True, eq=False)
class LspPrediction:
    """One track, in the camera."""

    joint_m: Float[Tensor, "n 14 3"]
    pelvis_m: Float[Tensor, "n 3"] | None
    """None: 14 joints alone, which have none; their root is the hips."""
    vertex_m: Float[Tensor, "n v 3"] | None = None


def score_lsp(
    predicted: LspPrediction, truth: Truth, counts: Bool[Tensor, " n"], *, root: RootRule, rate_hz: float
) -> LspScore:
    """One track; sequences are never strung together for the accelerations."""
    p_root, q_root = (
        (predicted.pelvis_m, truth.pelvis_in_cam)
        if root == "pelvis" and predicted.pelvis_m is not None
        else (predicted.joint_m[:, HIPS].mean(1), truth.lsp_in_cam[:, HIPS].mean(1))
    )
    p, q = predicted.joint_m - p_root[:, None], truth.lsp_in_cam - q_root[:, None]
    vertices = None
    if predicted.vertex_m is not None and truth.vertex_in_cam is not None:
        vertices = pve_mm(predicted.vertex_m, truth.vertex_in_cam, p_root, q_root)[counts]
    return LspScore(
        distances_mm(p, q).nanmean(-1)[counts],
        pa_mpjpe_mm(p, q)[counts],
        acceleration_error_mm_frame2(p, q, counts),
        acceleration_error_m_s2(p, q, rate_hz, counts),
        vertices,
    )
