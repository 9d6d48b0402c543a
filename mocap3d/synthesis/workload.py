"""The benchmark's scene: one lively person before a ring of cameras, with noise like a detector's.

Seeded, and frozen: published numbers stand on exactly these draws, so a change here is a new benchmark. Draws fill one
view at a time, which gives the numbers of one big draw in an eighth of its memory.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig, Tracks2D
from mocap3d.skeletons.skeleton import Skeleton, load_skeleton
from mocap3d.synthesis.activity import lively_person
from mocap3d.synthesis.series import bursts, correlated

SIZE_PX = (1920, 1080)
RING_HALF_M = 3.0  # half the side of the square whose border the cameras stand on
AIM_M = (0.0, 0.0, 0.95)
AR1_RHO = 0.9
MISSING_BURST, OUTLIER_BURST = 8.0, 4.0  # mean length in frames
JUMP_PX = (75.0, 400.0)


@dataclass(frozen=True, slots=True)
class WorkloadOptions:
    """How long, how many cameras, and how bad the 2D points are; the defaults are the published benchmark's."""

    n_frames: int = 600
    n_cams: int = 8
    seed: int = 0
    fps: float = 60.0
    noise_px: float = 3.0
    """Root mean square per axis of all points that are no outliers."""
    missing: float = 0.15
    """Fraction missing, in bursts; what lies outside the image counts."""
    outliers: float = 0.05
    """Fraction of gross outliers, in bursts: half left/right swaps, half jumps of 75-400 px."""
    noise_corr: float = 0.5
    """Share of the noise variance that is AR(1) in time, rho 0.9 per frame."""
    sigma_spread: float = 0.35
    """Each point has a sigma of its own: standard deviation of its logarithm."""


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """The truth, the noisy 2D points (NaN = missing, score 0), and the cameras."""

    p_in_world: Float[np.ndarray, "t k 3"]
    uv_px: Float[np.ndarray, "v t k 2"]
    score: Float[np.ndarray, "v t k"]
    """float32."""
    outlier: Bool[np.ndarray, "v t k"]
    rig: CalibratedRig
    skeleton: Skeleton
    rate: Fraction

    def tracks(self, *, sigma_px: float = 4.0) -> Tracks2D:
        """The 2D points as one person's tracks; shares their memory, and stores one covariance for all."""
        shape = (*self.score.shape[:2], 1, self.score.shape[2], 1)
        log_weight = torch.from_numpy(self.score).reshape(shape).double().log_()
        return Tracks2D(
            views=tuple(self.rig.cameras),
            skeleton=self.skeleton,
            people=("P1",),
            t_s=torch.arange(shape[1], dtype=torch.float64) / float(self.rate),
            rate=self.rate,
            uv_px=torch.from_numpy(self.uv_px).reshape(*shape, 2),
            cov_px2=(torch.eye(2, dtype=torch.float64) * sigma_px**2).expand(*shape, 2, 2),
            log_weight=log_weight,
        )


def make_workload(options: WorkloadOptions = WorkloadOptions()) -> Workload:
    """Truth and noisy 2D points: 0.3 GB for 60,000 frames of 8 cameras, 0.5 GB while making them."""
    skeleton = load_skeleton("halpe26")
    by_name = lively_person(options.n_frames, seed=options.seed, fps=options.fps)
    return workload_of(np.stack([by_name[name] for name in skeleton.keypoints], axis=1), skeleton, options)


def workload_of(
    p_in_world: Float[np.ndarray, "t k 3"], skeleton: Skeleton, options: WorkloadOptions = WorkloadOptions()
) -> Workload:
    """The same cameras and noise before another motion, of ``skeleton``'s keypoints near the world's origin."""
    rig = ring_of_cameras(options.n_cams, seed=options.seed)
    rng = np.random.default_rng([options.seed, 33])
    uv_px = _noise_px(rng, (options.n_cams, *p_in_world.shape[:2]), options)
    uv_px, score, outlier = _observed(rng, uv_px, p_in_world, rig, skeleton, options)
    rate = Fraction(options.fps).limit_denominator(1001)
    return Workload(p_in_world, uv_px, score, outlier, rig, skeleton, rate)


def ring_of_cameras(n_cams: int = 8, *, seed: int = 0) -> CalibratedRig:
    """Cameras on the border of a 6 x 6 m square, high and low in turn, aimed near its middle; f about 1050 px."""
    rng = np.random.default_rng([seed, 11])
    return CalibratedRig({f"cam{n + 1:02d}": _ring_camera(rng, n, n_cams) for n in range(n_cams)})


def _ring_camera(rng: np.random.Generator, n: int, n_cams: int) -> Camera:
    angle = 2 * np.pi * n / n_cams + np.pi / 4
    radius_m = RING_HALF_M / max(abs(np.cos(angle)), abs(np.sin(angle)))
    height_m = (2.5 if n % 2 == 0 else 1.5) + rng.uniform(-0.2, 0.2)
    centre = np.array([radius_m * np.cos(angle), radius_m * np.sin(angle), height_m])
    forward = np.asarray(AIM_M) + rng.normal(0, 0.08, 3) - centre
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    level = np.stack([right, np.cross(forward, right), forward])
    rotation = Rotation.from_rotvec(rng.normal(0, 0.02, 3)).as_matrix() @ level
    f_px = rng.uniform(980, 1120)
    u0, aspect, v0 = rng.normal(0, 8), 1 + rng.normal(0, 0.001), rng.normal(0, 8)
    distortion = [rng.uniform(-0.16, -0.08), rng.uniform(0.03, 0.07), rng.normal(0, 4e-4), rng.normal(0, 4e-4)]
    lens = Lens.brown(
        _tensor([f_px, f_px * aspect]),
        _tensor([SIZE_PX[0] / 2 + u0, SIZE_PX[1] / 2 + v0]),
        _tensor([*distortion, rng.uniform(-0.015, -0.005)]),
    )
    return Camera(lens, Rigid(_tensor(rotation), _tensor(-rotation @ centre)), SIZE_PX)


def _tensor(values: object) -> torch.Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)


def _noise_px(
    rng: np.random.Generator, shape: tuple[int, int, int], options: WorkloadOptions
) -> Float[np.ndarray, "v t k 2"]:
    """What every point is off by before outliers: white and correlated in time, of a sigma of its own."""
    n_views, n_frames, n_keypoints = shape
    sigma_px = np.empty(shape, np.float32)
    for view in sigma_px:
        view[:] = np.exp(rng.normal(0, options.sigma_spread, view.shape).astype(np.float32))
    sigma_px *= options.noise_px / np.sqrt(np.mean(sigma_px**2))
    noise_px = np.empty((*shape, 2))
    for view in noise_px:
        view[:] = np.sqrt(1 - options.noise_corr) * rng.standard_normal(view.shape, dtype=np.float32)
    if options.noise_corr > 0:
        for view in noise_px:
            view += np.sqrt(options.noise_corr) * correlated(rng, (n_frames, n_keypoints, 2), AR1_RHO)
    for v in range(n_views):
        noise_px[v] *= sigma_px[v, ..., None]
    return noise_px


def _observed(
    rng: np.random.Generator,
    uv_px: Float[np.ndarray, "v t k 2"],
    p_in_world: Float[np.ndarray, "t k 3"],
    rig: CalibratedRig,
    skeleton: Skeleton,
    options: WorkloadOptions,
) -> tuple[Float[np.ndarray, "v t k 2"], Float[np.ndarray, "v t k"], Bool[np.ndarray, "v t k"]]:
    """Turns noise into observations, in place; with their scores and which are gross outliers."""
    shape = uv_px.shape[:3]
    outlier = bursts(rng, shape, options.outliers, OUTLIER_BURST)
    jumps = _jumps(rng, outlier)
    score, outlier_score = _score_draws(rng, outlier)
    inside = np.empty(shape, bool)
    truth = torch.from_numpy(p_in_world)
    for v, camera in enumerate(rig.cameras.values()):
        clean_px, inside[v] = _projected(camera, truth)
        uv_px[v] += clean_px
        uv_px[v][outlier[v]] += _outlier_offset(clean_px, outlier[v], jumps[v], skeleton)
        error_px = np.linalg.norm(uv_px[v] - clean_px, axis=-1)
        score[v] = np.clip(0.95 * np.exp(-error_px / 12) * score[v], 0.05, 1.0)
        score[v][outlier[v]] = outlier_score[v]
    outside = 1 - inside.mean()
    fraction = max(1e-6, (options.missing - outside) / max(1e-6, 1 - outside))
    missing = bursts(rng, shape, fraction, MISSING_BURST) | ~inside
    for v in range(shape[0]):
        uv_px[v][missing[v]], score[v][missing[v]] = np.nan, 0
    return uv_px, score, outlier & ~missing


def _burst_starts(outlier: Bool[np.ndarray, "t k"]) -> Bool[np.ndarray, "k t"]:
    """First frames of the bursts; keypoint first, so that a running count numbers the bursts."""
    starts = outlier.T.copy()
    starts[:, 1:] &= ~outlier.T[:, :-1]
    return starts


def _jumps(rng: np.random.Generator, outlier: Bool[np.ndarray, "v t k"]) -> list[Float[np.ndarray, "n 3"]]:
    """Per view and burst: the jump it makes (px, 2) and whether it would rather be a swap of sides (1 or 0)."""
    starts = [_burst_starts(view) for view in outlier]
    shape = outlier.shape[1:]
    length_px = [rng.uniform(*JUMP_PX, shape).T[at].astype(np.float32) for at in starts]
    angle = [rng.uniform(0, 2 * np.pi, shape).T[at].astype(np.float32) for at in starts]
    is_swap = [rng.random(shape).T[at] < 0.5 for at in starts]
    by_view = zip(length_px, angle, is_swap, strict=True)
    return [np.stack([length * np.cos(a), length * np.sin(a), swap], -1) for length, a, swap in by_view]


def _outlier_offset(
    clean_px: Float[np.ndarray, "t k 2"],
    outlier: Bool[np.ndarray, "t k"],
    jumps: Float[np.ndarray, "n 3"],
    skeleton: Skeleton,
) -> Float[np.ndarray, "o 2"]:
    """Of each outlier: to the mirrored keypoint where that is far enough to matter, else a jump held for the burst."""
    burst = (np.cumsum(_burst_starts(outlier)).reshape(outlier.shape[::-1]) - 1).T[outlier]
    frame, keypoint = np.nonzero(outlier)
    swap_px = clean_px[frame, np.asarray(skeleton.mirror)[keypoint]] - clean_px[frame, keypoint]
    swaps = (jumps[burst, 2] > 0) & (np.linalg.norm(swap_px, axis=-1) > JUMP_PX[0])
    return np.where(swaps[:, None], swap_px, jumps[burst, :2])


def _score_draws(
    rng: np.random.Generator, outlier: Bool[np.ndarray, "v t k"]
) -> tuple[Float[np.ndarray, "v t k"], list[Float[np.ndarray, " n"]]]:
    """Factors on the scores of good points (log-normal), and per view the outliers' scores: one in ten is confident."""
    factor, confident = np.empty(outlier.shape, np.float32), np.empty(outlier.shape, bool)
    for view in factor:
        view[:] = np.exp(rng.normal(0, 0.25, view.shape))
    for view in confident:
        view[:] = rng.random(view.shape) < 0.10
    high = [rng.uniform(0.5, 0.9, view.shape)[view] for view in outlier]
    low = [rng.uniform(0.05, 0.5, view.shape)[view] for view in outlier]
    fooled = [view[out] for view, out in zip(confident, outlier, strict=True)]
    return factor, [np.where(f, h, w) for f, h, w in zip(fooled, high, low, strict=True)]


def _projected(camera: Camera, p_in_world: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (t k 2), and whether each lies inside the image and in front of the lens (t k)."""
    parts = p_in_world.split(4096)  # a lens model holds a dozen copies of what it works on
    uv_px = torch.cat([camera.project(part) for part in parts])
    depth_m = torch.cat([camera.cam_from_world.apply(part)[..., 2] for part in parts])
    inside = (uv_px >= 0).all(-1) & (uv_px < torch.tensor(camera.size_px)).all(-1) & (depth_m > 0.2)
    return uv_px.numpy(), inside.numpy()
