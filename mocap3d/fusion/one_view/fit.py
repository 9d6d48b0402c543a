"""A person's motion from one view, still or moving, whose pose is known at every instant.

One view cannot tell how far away and how large a person is, nor whether a limb points towards it or away. Size comes
from anthropometry or a stated height; the other comes from the habits and limits of joints, from bodies being upright,
and from movement being smooth. What is given is likely rather than measured, and says so in its provenance.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch

from mocap3d.errors import FusionError
from mocap3d.fusion.one_view.chain import placed
from mocap3d.fusion.one_view.energy import Priors
from mocap3d.fusion.one_view.evidence import Evidence, evidence_of
from mocap3d.fusion.one_view.flips import flipped
from mocap3d.fusion.one_view.human import HEIGHT_SPREAD, MEAN_HEIGHT_M, Human, human
from mocap3d.fusion.one_view.sequence import Problem, Sequence, SequenceOptions, solve_sequence
from mocap3d.fusion.one_view.start import start
from mocap3d.session.records import CalibratedRig, Points3D, Provenance, Tracks2D
from mocap3d.skeletons.skeleton import load_skeleton

SKELETON = "halpe26"
"""Of the result: every keypoint of it, whichever were seen."""


@dataclass(frozen=True)
class OneViewOptions:
    """Settings of the fit."""

    priors: Priors = field(default_factory=Priors)
    sequence: SequenceOptions = field(default_factory=SequenceOptions)
    keyframes_hz: float = 10.0
    """Instants that are tried on their own, facing many ways."""
    rounds: int = 3
    """How often limbs may be turned round, at most."""
    independent: int = 3
    """Instants that tell as much about the lengths of bones as one would that is alone: neighbours err alike."""
    max_gap_s: float = 0.5
    """Longest stretch without any keypoint that is bridged."""


def fit_one_view(
    tracks: Tracks2D,
    rig: CalibratedRig,
    height_m: float | None = None,
    options: OneViewOptions = OneViewOptions(),
) -> Points3D:
    """All people of tracks with a single view; HALPE-26 keypoints, FILLED where somebody was seen, else MISSING.

    ``height_m`` is of everybody; without it, people are of average height, and all distances are wrong by as much as
    they are not. Raises FusionError for no view, more than one, or one that is not calibrated.
    """
    if len(tracks.views) != 1 or tracks.views[0] not in rig.cameras:
        raise FusionError(
            f"found the views {', '.join(tracks.views) or 'none'}, calibrated {', '.join(rig.cameras)}. Needed: one "
            "view, and its calibration; for more views use the fit of several."
        )
    shape = (len(tracks.t_s), len(tracks.people))
    skeleton = load_skeleton(SKELETON)
    p_in_world = torch.full((*shape, len(skeleton.keypoints), 3), torch.nan, dtype=torch.float64)
    for person in range(len(tracks.people)):
        evidence = evidence_of(tracks, rig, 0, person)
        markers = fit_markers(evidence, float(tracks.rate), height_m, options)
        if markers is not None:
            order = [human().markers.index(name) for name in skeleton.keypoints]
            known = _bridged(evidence.seen().sum(-1) > 0, round(options.max_gap_s * float(tracks.rate)))
            p_in_world[:, person] = torch.from_numpy(np.where(known[:, None, None], markers[:, order], np.nan))
    known = p_in_world.isfinite().all(-1)
    return Points3D(
        skeleton=skeleton,
        people=tracks.people,
        t_s=tracks.t_s,
        rate=tracks.rate,
        p_in_world=p_in_world,
        cov_m2=torch.full((*p_in_world.shape, 3), torch.nan, dtype=torch.float64),
        n_views=known.to(torch.int8),
        provenance=torch.where(known, int(Provenance.FILLED), int(Provenance.MISSING)).to(torch.int8),
    )


def fit_markers(
    evidence: Evidence, rate_hz: float, height_m: float | None = None, options: OneViewOptions = OneViewOptions()
) -> np.ndarray | None:  # fmt: skip
    """Markers (n m 3) of the jointed body at all instants; None where hardly anything was seen."""
    body = human()
    mean = body.log_length + np.log(MEAN_HEIGHT_M if height_m is None else height_m)
    every = max(1, round(rate_hz / options.keyframes_hz))
    posture = start(body, np.exp(mean), evidence, options.priors, every)
    if posture is None:
        return None
    information = _information(body, len(evidence.uv_px), options.independent)
    problem = Problem(body, evidence, options.priors, options.sequence, rate_hz, mean, information)
    best = Sequence(posture, mean, np.inf)
    for _ in range(1 + options.rounds):
        tried = solve_sequence(problem, posture, best.log_length)
        if tried.energy > best.energy * (1 - 1e-4):
            break
        best = tried
        posture = flipped(body, best.posture, np.exp(best.log_length), evidence, options.priors, rate_hz)
    return placed(body.chain, best.posture, np.exp(best.log_length)).marker_in_world


def _information(body: Human, n: int, independent: int) -> np.ndarray:
    """Of the logarithms of the lengths. It grows with n, as the evidence does that pulls bones short.

    Whoever is smaller and nearer looks the same and moves less: without that, the body shrinks away. The size of the
    whole is therefore kept to its prior.
    """
    n_lengths = len(body.log_length)
    size = np.full(n_lengths, 1 / n_lengths)
    own = np.diag(1 / body.log_length_spread**2) / independent
    return n * (own + np.outer(size, size) / (HEIGHT_SPREAD / 25) ** 2)


def _bridged(seen: np.ndarray, longest: int) -> np.ndarray:
    """Also true in gaps of at most ``longest`` instants between two where somebody is seen."""
    known = seen.copy()
    at = np.flatnonzero(seen)
    for before, after in pairwise(at):
        if after - before <= longest + 1:
            known[before:after] = True
    return known
