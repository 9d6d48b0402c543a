"""How noisy the 2D keypoints really are, from how well the views agree.

A detector's sigma is taken as a shape only. Its size is measured on the recording itself: the residuals of triangulated
points, corrected for what the fitted point takes away, give a factor per score (monotone), per view and per keypoint.
Errors of a detector also persist from frame to frame; their correlation is measured from the same residuals.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool

from mocap3d.fusion.packing import N_SCALES, PackedRig, nearest_scale, pack_tracks, unit_scales
from mocap3d.fusion.presence import runs_of, spread_over
from mocap3d.session.records import NoiseModel, Tracks2D
from mocap3d.solve import rays, residuals

GATE = 4.0
"""Observations beyond this many sigmas are outliers."""
_SAMPLE = 64
"""Instants per sampled stretch: long enough to see how errors persist."""
_STRETCHES = 3
_SHARE = 256
"""Instants of a recording for each sampled stretch: of a short one no more is sampled than it takes to triangulate."""
_ROUGH = 16
"""Instants that tell how far the stated sigmas are off at all."""
_ENOUGH = 4096
"""Residuals from which the curve over the score is told."""
_LEAST = 1e-3
"""Smallest factor on a stated variance: exact points (of a simulation) are taken for a thirtieth as noisy as stated."""
_MIN_SCORES = 400
"""Residuals needed for a factor per score; below, one factor for all."""
_MIN_FACTOR = 60
"""Residuals after which a view's or keypoint's own factor counts half."""
_FREE_ENOUGH = 1.6
"""Degrees of freedom (of 2) of a residual that shows how the noise is distributed."""
_UNSEEN_SPREAD = 1.0
"""Where no residual shows it: Gaussian noise makes it 0.86, heavy tails less than they add in outliers."""
_LAGS = (1, 2, 4, 8, 16, 32)
_MEMORIES = np.linspace(0.5, 0.95, 19)


def independent_instants(noise: NoiseModel, n_times: int) -> float:
    """How many instants with independent errors tell as much as ``n_times`` of this noise (Bartlett, 1946)."""
    longer = 1 + 2 * noise.share * noise.memory / (1 - noise.memory)
    return 1 / (noise.bias + (1 - noise.bias) * longer / max(n_times, 1))


def sample_stretches(seen: Bool[np.ndarray, " t"]) -> list[slice]:
    """At most _STRETCHES stretches, spread evenly over the time in which somebody is seen."""
    runs = runs_of(seen, bridged=_SAMPLE) or [slice(0, min(len(seen), _SAMPLE))]
    n_times = sum(run.stop - run.start for run in runs)
    if n_times <= _SAMPLE * _STRETCHES:
        return runs
    return spread_over(runs, min(max(n_times // _SHARE, 2), _STRETCHES), _SAMPLE)


def measure_noise(tracks: Tracks2D, person: int, rig: PackedRig) -> NoiseModel:
    """Triangulate a sample, compare, and adjust the sigmas until they explain the residuals."""
    seen_by = tracks.uv_px[:, :, person, :, 0, 0].isfinite().any(-1).sum(0)
    stretches = sample_stretches((seen_by >= 2).numpy())
    # The stated sigmas may be far too small: begin with a tolerant gate, on few instants.
    few = [slice(stretches[0].start, min(stretches[0].start + _ROUGH, stretches[0].stop))]
    rough = _Residuals.of(tracks, person, rig, few, unit_scales(tracks), (4 * GATE) ** 2)
    scale2 = np.maximum(unit_scales(tracks) * _score_curve(*rough.valid()), _LEAST)
    sample = _Residuals.of(tracks, person, rig, stretches, scale2, GATE**2)
    share, memory, bias = _persistence(sample)
    n_times = len(sample.stretch)
    draft = NoiseModel(torch.from_numpy(scale2), share, memory, _UNSEEN_SPREAD, bias)
    factors = _factors(sample, independent_instants(draft, n_times) / max(n_times, 1))
    spread = _spread(sample.rescaled(factors))
    return replace(draft, scale2=torch.from_numpy(np.maximum(scale2 * factors, _LEAST)), spread=spread)


@dataclass(frozen=True, slots=True, eq=False)
class _Residuals:
    """Of sampled stretches: whitened residuals z (2 t v k), their relative squared size and degrees of freedom (t v k),
    the detector's score (t v k), and the stretch of each instant (t)."""

    z: np.ndarray
    relative: np.ndarray
    freedom: np.ndarray
    score: np.ndarray
    stretch: np.ndarray

    def valid(self) -> tuple[np.ndarray, np.ndarray]:
        """Relative squared sizes and scores of all residuals that say something (n)."""
        known = np.isfinite(self.relative)
        return self.relative[known], self.score[known]

    def rescaled(self, factors: np.ndarray) -> "_Residuals":
        """In sigmas whose squares have grown by factors (v k s)."""
        _, n_views, n_points = self.score.shape
        place = nearest_scale(self.score)
        return replace(self, z=self.z / np.sqrt(factors[np.arange(n_views)[:, None], np.arange(n_points), place]))

    @staticmethod
    def of(
        tracks: Tracks2D, person: int, rig: PackedRig, stretches: list[slice], scale2: np.ndarray, gate2: float
    ) -> "_Residuals":
        parts = [_of_stretch(tracks, person, rig, times, scale2, gate2) for times in stretches]
        lengths = [part[1].shape[0] for part in parts]
        log_weight = tracks.log_weight.numpy()
        score = [np.exp(log_weight[:, times, person, :, 0]).transpose(1, 0, 2) for times in stretches]
        return _Residuals(
            np.concatenate([part[0] for part in parts], axis=1),
            np.concatenate([part[1] for part in parts]),
            np.concatenate([part[2] for part in parts]),
            np.concatenate(score),
            np.repeat(np.arange(len(parts)), lengths),
        )


def _of_stretch(
    tracks: Tracks2D, person: int, rig: PackedRig, times: slice, scale2: np.ndarray, gate2: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    obs = pack_tracks(tracks, person, times, rig, scale2)
    n_times, n_views, _, n_points = obs.shape
    points, info = np.empty((n_times, 3, n_points)), np.empty((n_times, 6, n_points))
    poses = rig.poses_of(times)
    rays.triangulate(poses, obs, gate2, points, info, np.empty((n_times, n_points), np.int8))
    z, expected = np.empty((2, n_times, n_views, n_points)), np.zeros((n_times, n_views, n_points, 2))
    residuals.whitened(poses, 0, obs, points, info, z, expected)
    trace, freedom = expected[..., 0], np.clip(expected[..., 1], 0.3, 2)
    # Median of a chi-squared variable with that many degrees of freedom (Wilson and Hilferty, 1931).
    median = trace * (1 - 2 / (9 * freedom)) ** 3
    with np.errstate(invalid="ignore", divide="ignore"):
        size2 = (z * z).sum(0)
        # With hardly any freedom left a residual says nothing about the noise.
        relative = np.where((trace > 0.2) & np.isfinite(size2), size2 / median, np.nan)
        z = np.where(np.isfinite(relative), z / np.sqrt(trace / 2), np.nan)
    return z, relative, freedom


def _factors(sample: _Residuals, news: float) -> np.ndarray:
    """(v k s): by how much the covariances have to grow, from medians that outliers do not move.

    ``news``: how many independent residuals each one is worth; with errors that stay, hundreds of instants tell hardly
    more than one.
    """
    _, n_views, n_points = sample.relative.shape
    relative, score = sample.valid()
    if len(relative) < 2 * _MIN_FACTOR:
        return np.ones((n_views, n_points, N_SCALES))
    table = _score_curve(relative, score)
    rest = sample.relative / np.interp(sample.score, np.linspace(0, 1, N_SCALES), table)
    # With few views and errors that stay, any two views that happen to agree would end up trusted alone.
    own_news = news / (1 + (n_points - 1) * _shared(sample))
    by_view = np.array([_shrunk_median(rest[:, v], own_news) for v in range(n_views)])
    by_point = np.array([_shrunk_median(rest[:, :, k] / by_view, news) for k in range(n_points)])
    return by_view[:, None, None] * by_point[:, None] * table


def _shared(sample: _Residuals) -> float:
    """Correlation of the errors of different keypoints in one picture: that of a camera which is off as a whole."""
    seen = (np.abs(sample.z) < 3).astype(float)
    z = np.where(seen > 0, sample.z, 0.0)
    power = (z * z).sum() / max(seen.sum(), 1)
    pairs = (seen.sum(-1) ** 2 - seen.sum(-1)).sum()
    together = (z.sum(-1) ** 2 - (z * z).sum(-1)).sum()
    return float(np.clip(together / max(pairs * power, 1e-9), 0, 1))


def _score_curve(relative: np.ndarray, score: np.ndarray, n_bins: int = 16) -> np.ndarray:
    """Median relative size over the score, never rising with it; flat where the score says nothing."""
    from scipy.optimize import isotonic_regression  # half a second, which commands that fuse nothing need not wait

    grid = np.linspace(0, 1, N_SCALES)
    if len(score) < _MIN_SCORES:
        return np.full(N_SCALES, max(_median(relative), 1e-12) if len(score) >= 2 * _MIN_FACTOR else 1.0)
    every = max(1, len(score) // _ENOUGH)  # sorting all of them would take longer than triangulating them
    score, relative = score[::every], relative[::every]
    order = np.argsort(score, kind="stable")
    parts = np.array_split(order, n_bins)
    centre = np.array([_median(score[part]) for part in parts])
    centre, first = np.unique(centre, return_index=True)  # ties: scores are often clipped at 1
    log_size = np.log([max(_median(relative[parts[i]]), 1e-12) for i in first])
    falling = isotonic_regression(log_size, increasing=False).x
    return np.exp(np.interp(grid, centre, falling))


def _shrunk_median(relative: np.ndarray, news: float) -> float:
    """Median, pulled towards 1 (in logarithm) where there are few values, each worth ``news`` independent ones."""
    values = relative[np.isfinite(relative)]
    if not len(values):
        return 1.0
    own = len(values) * news / (len(values) * news + _MIN_FACTOR)
    return float(np.exp(own * np.log(max(_median(values), 1e-6))))


def _median(values: np.ndarray) -> float:
    """The upper median; numpy's own takes longer to set up than to compute."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])


def _persistence(sample: _Residuals) -> tuple[float, float, float]:
    """(share, memory, bias) of :class:`NoiseModel`, fitted to the residuals' autocorrelation."""
    seen = (np.abs(sample.z) < 3).astype(float)
    z = np.where(seen > 0, sample.z, 0.0)
    power = (z * z).sum() / max(seen.sum(), 1)
    lags = np.array([lag for lag in _LAGS if lag * 2 <= z.shape[1]])
    if not len(lags) or power == 0:
        return 0.0, 0.0, 0.0
    correlation = []
    for lag in lags:
        same = np.flatnonzero(sample.stretch[lag:] == sample.stretch[:-lag])
        both = (seen[:, same + lag] * seen[:, same]).sum()
        correlation.append((z[:, same + lag] * z[:, same]).sum() / max(both, 1) / power)
    fits = [_fading(lags, np.array(correlation), memory) for memory in _MEMORIES]
    _, share, bias, memory = min(fits)
    return share, memory, bias


def _fading(lags: np.ndarray, correlation: np.ndarray, memory: float) -> tuple[float, float, float, float]:
    """Misfit, share, bias, memory of the best ``share memory^lag + bias``, with both shares positive."""
    from scipy.optimize import nnls

    basis = np.stack([memory**lags, np.ones(len(lags))], 1)
    shares, misfit = nnls(basis, correlation) if len(lags) > 2 else nnls(basis[:, :1], correlation)
    share, bias = shares if len(shares) == 2 else (shares[0], 0.0)
    too_much = max(1.0, (share + bias) / 0.98)
    return float(misfit), float(share / too_much), float(bias / too_much), float(memory)


def _spread(sample: _Residuals) -> float:
    """Variance of the Geman-McClure estimate under the residuals seen, relative to what its normal matrix states.

    With two or three views a residual shows little of the noise, and it cannot be told.
    Source: Huber (1981), the asymptotic variance of an M-estimator, here for two-dimensional residuals.
    """
    size2 = (sample.z**2).sum(0)
    size2 = size2[np.isfinite(size2) & (sample.freedom > _FREE_ENOUGH)]
    if len(size2) < _MIN_FACTOR:
        return _UNSEEN_SPREAD
    q = GATE**2 / (GATE**2 + size2)
    slope = (q * q * (1 - 2 * size2 / (GATE**2 + size2))).mean()
    return float((q**4 * size2 / 2).mean() * (q * q).mean() / max(slope, 1e-3) ** 2)
