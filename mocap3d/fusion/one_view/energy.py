"""What is wrong with a posture: reprojection, habits and limits of the joints, and leaning; instant by instant.

All terms are squares of residuals in sigmas; the robust ones are reweighted at every step. Sources: Bogo et al. (2016),
SMPLify, for fitting a jointed body to 2D points with priors; Geman & McClure (1987) for the loss.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from mocap3d.fusion.one_view.chain import Placed, Posture, jacobian, placed, rotvec_jacobian, rotvec_of
from mocap3d.fusion.one_view.evidence import Evidence
from mocap3d.fusion.one_view.human import Human

NEAREST_M = 0.3
LIMIT_RAD = np.radians(4.0)
"""Softness of the joint limits."""
UNUSUAL = 1.5
"""Sigmas from where a joint rests, beyond which it matters ever less how far (Cauchy): poses are mostly usual."""
CHEST = 1
"""Number of the joint, behind the pelvis."""
HAND_AHEAD_M, ELBOW_AHEAD_M = (-0.12, 0.06), (-0.25, 0.06)
"""Wrists and elbows are seldom farther behind the chest than this; the second number is one sigma of it."""
FAR_BEHIND = 3.0
"""Sigmas beyond which it matters ever less how far behind (Cauchy)."""
FAR = 12.0
"""Residuals of points behind the camera, in sigmas."""


@dataclass(frozen=True, slots=True)
class Priors:
    """Strength of what is believed without evidence; 0 turns a term off."""

    habits: float = 1.0
    limits: float = 1.0
    upright: float = 1.0
    reach: float = 1.0
    lean_deg: float = 25.0
    """One sigma by which pelvis and chest lean from the vertical."""


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """Of n instants: energy, and its normal equations in a step."""

    energy: Float[np.ndarray, " n"]
    gradient: Float[np.ndarray, "n p"]
    hessian: Float[np.ndarray, "n p p"]
    body: Placed
    motion: Float[np.ndarray, "n m 3 p"]
    """Jacobian of the markers."""
    by_marker: Float[np.ndarray, "n m 3"]
    """Gradient of the reprojection with respect to the markers' places."""
    by_markers: Float[np.ndarray, "n m 3 3"]


def linearised(
    human: Human, posture: Posture, length_m: Float[np.ndarray, " l"], evidence: Evidence, priors: Priors, gate: float
) -> Linearised:
    """Everything but what connects instants."""
    body = placed(human.chain, posture, length_m)
    motion = jacobian(human.chain, body)
    energy, by_marker, by_markers = _reprojection(body, evidence, gate)
    n, m, _, p = motion.shape
    flat = motion.reshape(n, m * 3, p)
    half = (by_markers @ motion).reshape(n, m * 3, p)
    hessian = np.swapaxes(flat, 1, 2) @ half
    gradient = (np.swapaxes(flat, 1, 2) @ by_marker.reshape(n, m * 3, 1))[..., 0]
    energy = energy + _joints(human, posture, priors, gradient, hessian)
    if priors.reach:
        energy = energy + _reaching(human, body, motion, priors, gradient, hessian)
    if priors.upright:
        energy = energy + _leaning(body, priors, gradient, hessian)
    return Linearised(energy, gradient, hessian, body, motion, by_marker, by_markers)


def _reprojection(
    body: Placed, evidence: Evidence, gate: float
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n m 3"], Float[np.ndarray, "n m 3 3"]]:
    p_in_world = torch.from_numpy(body.marker_in_world)
    projected, jacobian_px = evidence.camera.project(p_in_world).numpy(), evidence.camera.jacobian(p_in_world).numpy()
    seen = evidence.seen() > 0
    hit = seen & np.isfinite(projected).all(-1) & np.isfinite(jacobian_px).all((-2, -1))
    px_per_m = np.sqrt(0.5 * (np.where(hit[..., None, None], jacobian_px, 0.0) ** 2).sum((-2, -1)))
    sigma_px = np.sqrt(np.where(hit, evidence.sigma_px, 1.0) ** 2 + (px_per_m * evidence.model_m) ** 2)
    residual = np.where(hit[..., None], projected - evidence.uv_px, 0.0) / sigma_px[..., None]
    turned = np.where(hit[..., None, None], jacobian_px, 0.0) / sigma_px[..., None, None]
    squared = (residual**2).sum(-1)
    bent = 1 / (1 + squared / gate**2)
    energy = 0.5 * (squared * bent).sum(-1) + 0.5 * FAR**2 * (seen & ~hit).sum(-1)
    weight = (bent**2)[..., None]
    by_marker = np.einsum("nmai,nma->nmi", turned, residual * weight)
    return energy, by_marker, np.einsum("nmai,nmaj->nmij", turned * weight[..., None], turned)


def _joints(
    human: Human, posture: Posture, priors: Priors, gradient: np.ndarray, hessian: np.ndarray
) -> Float[np.ndarray, " n"]:
    """Habits and limits, added in place; their energy."""
    rotvec = rotvec_of(posture.turn)
    turning = rotvec_jacobian(rotvec)
    off = (rotvec - human.rests) / human.spread
    beyond = np.maximum(rotvec - human.highest, 0.0) - np.maximum(human.lowest - rotvec, 0.0)
    energy, at = np.zeros(len(gradient)), 3
    for joint, axes in enumerate(human.chain.axes):
        n_axes, which = axes.shape[1], axes.any(1)
        own = slice(at, at + n_axes)
        at += n_axes
        if joint == 0:
            continue
        step = turning[:, joint][:, which] @ axes
        squared = off[:, joint][:, which] ** 2
        bent = 1 / (1 + squared / UNUSUAL**2)
        weight = priors.habits * bent / human.spread[joint, which] ** 2
        tight = priors.limits * (beyond[:, joint][:, which] != 0) / LIMIT_RAD**2
        pull = weight * (off * human.spread)[:, joint][:, which] + tight * beyond[:, joint][:, which]
        gradient[:, own] += np.einsum("nra,nr->na", step, pull)
        hessian[:, own, own] += np.einsum("nra,nr,nrb->nab", step, weight + tight, step)
        energy += 0.5 * priors.habits * UNUSUAL**2 * np.log1p(squared / UNUSUAL**2).sum(-1)
        energy += 0.5 * (tight * beyond[:, joint][:, which] ** 2).sum(-1)
    return energy


def behind(body: Placed, joint: Float[np.ndarray, "n 3"], *, is_wrist: bool) -> Float[np.ndarray, " n"]:
    """How far a wrist or an elbow is behind the chest, in sigmas; 0 in front of it."""
    ahead = ((joint - body.joint_in_world[:, CHEST]) * body.world_from_joint[:, CHEST, :, 0]).sum(-1)
    least, sigma = HAND_AHEAD_M if is_wrist else ELBOW_AHEAD_M
    return np.maximum(least - ahead, 0.0) / sigma


def _reaching(
    human: Human, body: Placed, motion: np.ndarray, priors: Priors, gradient: np.ndarray, hessian: np.ndarray
) -> Float[np.ndarray, " n"]:
    """People have their hands before them; seen from the chest, so that only the arm's own joints matter."""
    energy = np.zeros(len(gradient))
    ahead = body.world_from_joint[:, CHEST, :, 0]
    for name in ("LElbow", "RElbow", "LWrist", "RWrist"):
        marker = human.markers.index(name)
        is_wrist = name.endswith("Wrist")
        off = behind(body, body.marker_in_world[:, marker], is_wrist=is_wrist)
        bent = 1 / (1 + (off / FAR_BEHIND) ** 2)
        energy += 0.5 * priors.reach * FAR_BEHIND**2 * np.log1p((off / FAR_BEHIND) ** 2)
        sigma = (HAND_AHEAD_M if is_wrist else ELBOW_AHEAD_M)[1]
        slope = -np.einsum("nip,ni->np", motion[:, marker], ahead) / sigma
        slope[:, :9] = 0.0  # what moves the chest moves the arm with it
        slope *= (off > 0)[:, None]
        weight = priors.reach * bent
        gradient += slope * (weight * off)[:, None]
        hessian += np.einsum("np,nq,n->npq", slope, slope, weight)
    return energy


def _leaning(body: Placed, priors: Priors, gradient: np.ndarray, hessian: np.ndarray) -> Float[np.ndarray, " n"]:
    """People are mostly upright; whoever is not pays a bounded price. Pelvis and chest, by their axis up."""
    sigma = np.sin(np.radians(priors.lean_deg))
    energy = np.zeros(len(gradient))
    for joint, columns in ((0, (slice(3, 6),)), (1, (slice(3, 6), slice(6, 9)))):
        up = body.world_from_joint[:, joint, :, 2]
        off = up[:, :2] / sigma
        # Upside down is as horizontal as upright: count it as lying.
        squared = np.where(up[:, 2] > 0, (off**2).sum(-1), (2 - (up[:, :2] ** 2).sum(-1)) / sigma**2)
        bent = 1 / (1 + squared / 9.0)
        energy += 0.5 * priors.upright * squared * bent
        weight = priors.upright * bent**2 * (up[:, 2] > 0)
        for number, own in enumerate(columns):
            axes = body.world_from_joint[:, number]  # columns: world directions of the joint's own axes
            step = np.cross(np.swapaxes(axes, 1, 2), up[:, None])[..., :2] / sigma  # (n d 2)
            gradient[:, own] += np.einsum("nda,na,n->nd", step, off, weight)
            for other, other_own in enumerate(columns):
                other_axes = body.world_from_joint[:, other]
                other_step = np.cross(np.swapaxes(other_axes, 1, 2), up[:, None])[..., :2] / sigma
                hessian[:, own, other_own] += np.einsum("nda,nea,n->nde", step, other_step, weight)
    return energy
