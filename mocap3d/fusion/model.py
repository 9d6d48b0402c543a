"""What the whole-sequence fit believes, measured on the recording itself: noise, motion and body of one person."""

from dataclasses import dataclass

import numpy as np

from mocap3d.fusion.body import BodyModel, measure_body, start_body
from mocap3d.fusion.doubt import posterior
from mocap3d.fusion.motion import MotionModel, default_motion, measure_motion
from mocap3d.fusion.noise import GATE, independent_instants
from mocap3d.fusion.packing import PackedRig, pack_tracks
from mocap3d.fusion.presence import spread_over
from mocap3d.session.records import NoiseModel, Tracks2D
from mocap3d.solve import sequence

SAMPLE = 1024
"""Instants at most on which the body and its motion are measured."""
GATES = np.array([GATE**2, 3.0, 2.5])
"""Where the losses bend: views (squared sigmas), pairs and motion (sigmas)."""


@dataclass(frozen=True, slots=True, eq=False)
class SequenceModel:
    """All that is fixed while windows are solved."""

    noise: NoiseModel
    body: BodyModel
    motion: MotionModel
    angle_sigma_rad: float

    def solve(self, poses: np.ndarray, obs: np.ndarray, x: np.ndarray, *, steps: int) -> None:
        """Gauss-Newton steps on the positions x (t 3 k) of a window, in place."""
        body = self.body
        used = np.isfinite(body.sigma_m) & np.isfinite(body.length_m)
        sequence.gauss_newton(
            poses,
            0,
            obs,
            x,
            body.pairs[used],
            body.length_m[used],
            1 / body.sigma_m[used] ** 2,
            body.angles,
            body.angle_limit_rad,
            np.full(len(body.angles), 1 / self.angle_sigma_rad**2),
            self.motion.weight,
            GATES,
            _DAMPING,
            steps,
            _MAX_CG,
            _CG_TOLERANCE,
            _STEP_TOLERANCE_M,
        )

    def posterior(
        self, poses: np.ndarray, obs: np.ndarray, x: np.ndarray, *, constant_errors: bool = True
    ) -> np.ndarray:
        """Covariances (t 6 k) of the solved positions x (t 3 k) of a window; see ``doubt.posterior``."""
        return posterior(poses, obs, x, self.body, self.motion, self.noise, GATES, constant_errors=constant_errors)


_DAMPING, _MAX_CG, _CG_TOLERANCE, _STEP_TOLERANCE_M = 1.0, 12, 0.05, 2e-4


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One person's 2D points and what triangulation made of them.

    runs: when they are there; start (t 3 k), where the solver begins; triangulated (t k); cov_m2 (t k 3 3).
    """

    tracks: Tracks2D
    person: int
    rig: PackedRig
    runs: list[slice]
    start: np.ndarray
    triangulated: np.ndarray
    cov_m2: np.ndarray


def measure_model(
    evidence: Evidence, noise: NoiseModel, *, height_m: float | None, limb_sigma_m: float, angle_sigma_rad: float
) -> SequenceModel:
    """Solve a sample loosely, measure motion and body on it, and leave the sample's part of ``start`` solved."""
    skeleton, rate = evidence.tracks.skeleton, float(evidence.tracks.rate)
    stretches = _sample(evidence.runs)
    scale2 = noise.scale2.numpy()
    seen = np.concatenate([evidence.triangulated[s] for s in stretches])
    body = start_body(skeleton, np.any(seen, axis=0))
    loose = SequenceModel(noise, body, default_motion(seen.shape[1], rate, noise), angle_sigma_rad)
    windows = [
        (s, evidence.rig.poses_of(s), pack_tracks(evidence.tracks, evidence.person, s, evidence.rig, scale2))
        for s in stretches
    ]
    x = [evidence.start[s].copy() for s in stretches]
    for (_, poses, obs), window in zip(windows, x, strict=True):
        loose.solve(poses, obs, window, steps=2)
    cov = [loose.posterior(poses, obs, w, constant_errors=False) for (_, poses, obs), w in zip(windows, x, strict=True)]
    clean = [_without_outliers(w, evidence.start[s]) for w, s in zip(x, stretches, strict=True)]
    motion = measure_motion(clean, _scalar_information(evidence, stretches), rate, noise)
    body = measure_body(
        body,
        skeleton,
        np.concatenate(x),
        np.concatenate(cov),
        seen,
        independent=independent_instants(noise, len(seen)),
        limb_sigma_m=limb_sigma_m,
        height_m=height_m,
    )
    model = SequenceModel(noise, body, motion, angle_sigma_rad)
    for (s, poses, obs), window in zip(windows, x, strict=True):
        model.solve(poses, obs, window, steps=1)
        evidence.start[s] = window
    return model


def _sample(runs: list[slice]) -> list[slice]:
    """Stretches to measure on: all that somebody is there, or else four spread over it."""
    is_short = sum(run.stop - run.start for run in runs) <= SAMPLE
    return runs if is_short else spread_over(runs, 4, SAMPLE // 4)


def _scalar_information(evidence: Evidence, stretches: list[slice]) -> np.ndarray:
    """(k): information of one instant per axis, averaged over the instants; unseen ones count as none."""
    total, count = np.zeros(evidence.cov_m2.shape[1]), 0
    for s in stretches:
        trace = np.trace(evidence.cov_m2[s], axis1=-2, axis2=-1)
        total += np.where(evidence.triangulated[s] & (trace > 0), 3 / np.maximum(trace, 1e-12), 0).sum(0)
        count += s.stop - s.start
    return total / max(count, 1)


def _without_outliers(x: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The triangulated track, drawn in where it strays from the loose solution more than it usually does."""
    apart = start - x
    usual = 1.4826 * np.median(np.abs(apart), axis=0)
    return x + np.clip(apart, -3 * usual, 3 * usual)
