"""Predictions of whole 3DPW tracks against the truth, by protocols A and B, as one table."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mocap3d.errors import FormatError
from mocap3d.evaluation.score_table import Score, ScoreTable, scored
from mocap3d.evaluation.suspicions import check_metres, mirror_notes
from mocap3d.evaluation.threedpw.frames import FrameRule, counting_frames
from mocap3d.evaluation.threedpw.predictions import Prediction
from mocap3d.evaluation.threedpw.protocol_a import PARTS, Pairs, score_challenge
from mocap3d.evaluation.threedpw.protocol_b import LspPrediction, RootRule, score_lsp
from mocap3d.evaluation.threedpw.read import RATE_HZ, Track
from mocap3d.evaluation.threedpw.truth import Truth, lsp_of, truth_of
from mocap3d.skeletons.smpl_mesh import SmplMeshes


@dataclass(frozen=True)
class ProtocolOptions:
    """Which frames count, and where protocol B has its root."""

    frames: FrameRule = "challenge"
    """Of protocol B; protocol A always has the challenge's."""
    root: RootRule = "pelvis"
    """pelvis as SPIN and 4D-Humans, hips as VIBE and WHAM; 14 joints alone have no pelvis, and are scored by hips."""


def score_tracks(
    tracks: Sequence[Track],
    predictions: Sequence[Prediction],
    options: ProtocolOptions = ProtocolOptions(),
    mesh: SmplMeshes | None = None,
    title: str = "3DPW",
) -> ScoreTable:
    """``predictions[i]`` belongs to ``tracks[i]`` and has one person."""
    for track, prediction in zip(tracks, predictions, strict=True):
        _check(track, prediction)
    truths = [truth_of(track, mesh) for track in tracks]
    of_bodies = [_lsp_prediction(prediction, mesh) for prediction in predictions]
    scores = [*_protocol_a(tracks, predictions, truths), *_protocol_b(tracks, of_bodies, truths, options)]
    return ScoreTable(title, tuple(scores), tuple(_notes(tracks, predictions, truths)))


def _check(track: Track, prediction: Prediction) -> None:
    n, found = len(track.valid), prediction.joint_in_cam.shape
    if found[:2] != (1, n):
        raise FormatError(
            f"{track.sequence}, person {track.person}: predicted are {found[1]} frames. Needed: {n}, NaN where "
            "there is none."
        )
    check_metres(f"{track.sequence}, person {track.person}", prediction.joint_in_cam, track.joint_in_cam)


def _protocol_a(tracks: Sequence[Track], predictions: Sequence[Prediction], truths: Sequence[Truth]) -> list[Score]:
    if any(prediction.joint_in_cam.shape[2] != 24 for prediction in predictions):
        return []
    pairs, sizes = [], []
    for track, prediction, truth in zip(tracks, predictions, truths, strict=True):
        counts = counting_frames(track, "challenge")
        parts = None if prediction.cam_from_part is None else prediction.cam_from_part[0, counts]
        true_parts = track.cam_from_segment[counts][:, PARTS]
        pairs.append(Pairs(prediction.joint_in_cam[0, counts], truth.joint_in_cam[counts], parts, true_parts))
        sizes.append(int(counts.sum()))
    if not sum(sizes):
        return []
    score = score_challenge(pairs)
    about = "protocol A: 24 joints, challenge's frames"
    rows = [
        scored("MPJPE", "mm", score.mpjpe_mm.split(sizes), about),
        scored("PA-MPJPE", "mm", score.pa_mpjpe_mm.split(sizes), about),
        scored("PCK@50mm", "%", score.pck50.split(sizes), about),
        Score("AUC 0-199 mm", score.auc, "", n=sum(sizes), about=about),
    ]
    if score.mpjae_deg is not None and score.mpjae_pa_deg is not None:
        rows.append(scored("MPJAE", "deg", score.mpjae_deg.split(sizes), about))
        rows.append(scored("MPJAE-PA", "deg", score.mpjae_pa_deg.split(sizes), about))
    return rows


def _lsp_prediction(prediction: Prediction, mesh: SmplMeshes | None) -> LspPrediction:
    """Regressed from the vertices where there are some and SMPL's regressor is at hand, as the protocol wants it."""
    joint_m = lsp_of(prediction.joint_in_cam[0])
    if prediction.vertex_in_cam is not None and mesh is not None:
        vertices = prediction.vertex_in_cam[0]
        regressed = mesh.regressed(vertices)
        return LspPrediction(regressed[:, 1:], regressed[:, 0], vertices)
    has_pelvis = prediction.joint_in_cam.shape[2] == 24
    return LspPrediction(joint_m, prediction.joint_in_cam[0, :, 0] if has_pelvis else None)


def _protocol_b(
    tracks: Sequence[Track], predictions: Sequence[LspPrediction], truths: Sequence[Truth], options: ProtocolOptions
) -> list[Score]:
    root: RootRule = "hips" if any(predicted.pelvis_m is None for predicted in predictions) else options.root
    results = []
    for track, predicted, truth in zip(tracks, predictions, truths, strict=True):
        counts = counting_frames(track, options.frames)
        results.append(score_lsp(predicted, truth, counts, root=root, rate_hz=RATE_HZ))
    about = f"protocol B: 14 joints ({truths[0].joints}), root {root}, frames {options.frames}"
    rows = [
        scored("MPJPE-14", "mm", [result.mpjpe_mm for result in results], about),
        scored("PA-MPJPE-14", "mm", [result.pa_mpjpe_mm for result in results], about),
        scored("acceleration error", "mm/frame^2", [result.acceleration_mm_frame2 for result in results], about),
        scored("acceleration error", "m/s^2", [result.acceleration_m_s2 for result in results], about),
    ]
    if all(result.pve_mm is not None for result in results):
        rows.append(scored("PVE", "mm", [result.pve_mm for result in results], about))
    return rows


def _notes(tracks: Sequence[Track], predictions: Sequence[Prediction], truths: Sequence[Truth]) -> list[str]:
    notes = [f"Tracks: {len(tracks)}, of sequences: {len({track.sequence for track in tracks})}."]
    if truths[0].joints == "smpl":
        notes.append(
            "Without SMPL's files the truth is the joints in 3DPW's files: protocol B's are SMPL's own joints, not "
            "those of the H36M regressor that published numbers use."
        )
    elif any(prediction.vertex_in_cam is None for prediction in predictions):
        notes.append(
            "Predictions without vertices: their 14 joints are as given, or SMPL's own ones, and not regressed as the "
            "truth's are; protocol B is then not comparable to published numbers."
        )
    total = sum(int(track.valid.sum()) for track in tracks)
    if not any(bool(counting_frames(track, "challenge").any()) for track in tracks):
        notes.append("No frame has both 2D keypoints and a valid camera pose: protocol A has nothing to score.")
    n_missing = sum(_n_missing(track, found) for track, found in zip(tracks, predictions, strict=True))
    if n_missing:
        notes.append(
            f"{n_missing} of {total} valid frames have no prediction, or lack joints: protocol A has what is missing "
            "at the root, as the challenge's zeros are; its angles and protocol B leave it out."
        )
    return [*notes, *_mirror_notes(predictions, truths)]


def _mirror_notes(predictions: Sequence[Prediction], truths: Sequence[Truth]) -> tuple[str, ...]:
    found = torch.cat([lsp_of(prediction.joint_in_cam[0]) for prediction in predictions])
    return mirror_notes(found, torch.cat([truth.lsp_in_cam for truth in truths]))


def _n_missing(track: Track, prediction: Prediction) -> int:
    return int((~prediction.joint_in_cam[0].isfinite().all(-1).all(-1) & track.valid).sum())


def one_person(prediction: Prediction, person: int) -> Prediction:
    """One person of a sequence's prediction."""
    parts, vertices = prediction.cam_from_part, prediction.vertex_in_cam
    return Prediction(
        prediction.joint_in_cam[person : person + 1],
        None if parts is None else parts[person : person + 1],
        None if vertices is None else vertices[person : person + 1],
    )


def stacked(predictions: Sequence[Prediction]) -> Prediction:
    """The people of one sequence together."""
    parts = [prediction.cam_from_part for prediction in predictions if prediction.cam_from_part is not None]
    joined = torch.cat(parts) if len(parts) == len(predictions) else None
    return Prediction(torch.cat([prediction.joint_in_cam for prediction in predictions]), joined)
