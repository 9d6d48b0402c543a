"""From pixels to normalised image points: the only kernel that knows a lens.

Behind it, every view is a pinhole of focal length 1, and a pixel's information matrix has been carried along:
``W_n = D' W_px D`` with ``D = d uv / d n`` at the observed point. For residuals of a few pixels this equals the exact
reprojection; larger ones are gated as outliers in any case.

Packed lens, one row per view: ``fx fy cx cy model max_radius^2 k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4``, then the nine
entries of the homography that undoes a sensor's tilt (its last is 0 where there is none); model 0 pinhole,
1 Brown-Conrady, 2 Kannala-Brandt (k1..k4 in the first four).
"""

import math

import numpy as np

from mocap3d.solve.jit import inlined, kernel

LENS_SIZE = 27
PINHOLE, BROWN, KANNALA_BRANDT = 0, 1, 2
N_OBS = 5
"""Rows of a packed observation: x y w_xx w_xy w_yy (normalised image point and its information); w = 0 is missing."""

_NEWTON_STEPS = 12


@inlined
def _brown(lens, x, y):
    """Distorted point and the entries of its 2x2 Jacobian (OpenCV's rational and thin-prism model)."""
    r2 = x * x + y * y
    up = 1 + r2 * (lens[6] + r2 * (lens[7] + r2 * lens[10]))
    down = 1 + r2 * (lens[11] + r2 * (lens[12] + r2 * lens[13]))
    radial = up / down
    d_up = lens[6] + r2 * (2 * lens[7] + 3 * r2 * lens[10])
    d_down = lens[11] + r2 * (2 * lens[12] + 3 * r2 * lens[13])
    slope = 2 * (d_up - radial * d_down) / down
    p1, p2 = lens[8], lens[9]
    xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + r2 * (lens[14] + r2 * lens[15])
    yd = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + r2 * (lens[16] + r2 * lens[17])
    prism_x, prism_y = 2 * (lens[14] + 2 * r2 * lens[15]), 2 * (lens[16] + 2 * r2 * lens[17])
    xx = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x + prism_x * x
    xy = x * y * slope + 2 * p1 * x + 2 * p2 * y + prism_x * y
    yx = x * y * slope + 2 * p1 * x + 2 * p2 * y + prism_y * x
    yy = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x + prism_y * y
    return xd, yd, xx, xy, yx, yy


@inlined
def _brown5(lens, x, y):
    """:func:`_brown` without the rational and prism terms, which few lenses have and which cost a division."""
    r2 = x * x + y * y
    radial = 1 + r2 * (lens[6] + r2 * (lens[7] + r2 * lens[10]))
    slope = 2 * (lens[6] + r2 * (2 * lens[7] + 3 * r2 * lens[10]))
    p1, p2 = lens[8], lens[9]
    cross = x * y * slope + 2 * p1 * x + 2 * p2 * y
    xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    yd = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    xx = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x
    yy = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x
    return xd, yd, xx, cross, cross, yy


@kernel
def _unproject_brown(lens, row):
    """Newton for a row of points at once, so that it runs in vector registers; NaN where there is no ray.

    row (8 k): distorted x y in; out also the undistorted x y and the Jacobian xx xy yx yy there.
    """
    n_points = row.shape[1]
    plain = lens[11] == 0 and lens[12] == 0 and lens[13] == 0
    plain = plain and lens[14] == 0 and lens[15] == 0 and lens[16] == 0 and lens[17] == 0
    for k in range(n_points):
        row[2, k] = row[0, k]
        row[3, k] = row[1, k]
    for _ in range(_NEWTON_STEPS):
        worst = 0.0
        for k in range(n_points):
            if plain:
                u, v, xx, xy, yx, yy = _brown5(lens, row[2, k], row[3, k])
            else:
                u, v, xx, xy, yx, yy = _brown(lens, row[2, k], row[3, k])
            i = 1 / (xx * yy - xy * yx)
            ex, ey = u - row[0, k], v - row[1, k]
            row[2, k] -= (yy * ex - xy * ey) * i
            row[3, k] -= (xx * ey - yx * ex) * i
            row[4, k], row[5, k], row[6, k], row[7, k] = xx, xy, yx, yy
            worst = max(worst, ex * ex + ey * ey)
        if worst < 1e-11:  # quadratic: the step just taken has left less than 1e-10
            return
    for k in range(n_points):
        u, v, _, _, _, _ = _brown(lens, row[2, k], row[3, k])
        ex, ey = u - row[0, k], v - row[1, k]
        if not ex * ex + ey * ey < 1e-16:
            row[2, k] = math.nan


@inlined
def _unproject_kannala_brandt(lens, xd, yd):
    """Newton on the field angle; NaN at and beyond 90 degrees, where a depth-1 ray does not exist."""
    rd = math.sqrt(xd * xd + yd * yd)
    if rd < 1e-9:
        return xd, yd, 1.0, 0.0, 0.0, 1.0
    theta, slope, value = rd, 1.0, rd
    for _ in range(_NEWTON_STEPS):
        t2 = theta * theta
        value = theta * (1 + t2 * (lens[6] + t2 * (lens[7] + t2 * (lens[8] + t2 * lens[9]))))
        slope = 1 + t2 * (3 * lens[6] + t2 * (5 * lens[7] + t2 * (7 * lens[8] + t2 * 9 * lens[9])))
        theta -= (value - rd) / slope
        if abs(value - rd) < 1e-12:
            break
    r = math.tan(theta)
    if not (abs(value - rd) < 1e-7 and 0 < theta < 1.55 and slope > 0) or r * r > lens[5]:
        return math.nan, math.nan, 1.0, 0.0, 0.0, 1.0
    c, s = xd / rd, yd / rd
    along = slope / (1 + r * r)  # d rd / d r
    across = rd / r
    return (
        r * c,
        r * s,
        along * c * c + across * s * s,
        (along - across) * c * s,
        (along - across) * c * s,
        (along * s * s + across * c * c),
    )


@kernel
def _untilt(lens, row, slopes):
    """Rows 0 and 1 as a sensor at right angles to the axis would have them; slopes (4 k) of that map, row by row."""
    for k in range(row.shape[1]):
        x, y = row[0, k], row[1, k]
        i = 1 / (lens[24] * x + lens[25] * y + lens[26])
        u, v = (lens[18] * x + lens[19] * y + lens[20]) * i, (lens[21] * x + lens[22] * y + lens[23]) * i
        slopes[0, k], slopes[1, k] = (lens[18] - u * lens[24]) * i, (lens[19] - u * lens[25]) * i
        slopes[2, k], slopes[3, k] = (lens[21] - v * lens[24]) * i, (lens[22] - v * lens[25]) * i
        row[0, k], row[1, k] = u, v


@kernel
def _tilt_jacobian(row, slopes):
    """Rows 4 to 7, the Jacobian up to a sensor at right angles, carried on to the tilted one."""
    for k in range(row.shape[1]):
        a, b, c, d = slopes[0, k], slopes[1, k], slopes[2, k], slopes[3, k]
        i = 1 / (a * d - b * c)
        xx, xy, yx, yy = row[4, k], row[5, k], row[6, k], row[7, k]
        row[4, k], row[5, k] = (d * xx - b * yx) * i, (d * xy - b * yy) * i
        row[6, k], row[7, k] = (a * yx - c * xx) * i, (a * yy - c * xy) * i


@kernel
def pack(lenses, uv_px, cov_px2, log_weight, scale2, obs):
    """Normalise pixels and carry their information along.

    lenses (v LENS_SIZE), uv_px (v t k 2), cov_px2 (v t k 2 2), log_weight (v t k), scale2 (v k s): what to multiply a
    covariance with, tabulated over the score exp(log_weight) from 0 to 1.
    obs (t v N_OBS k) out: zeros where the point is missing, NaN, or has no ray.
    """
    n_views, n_times, n_points, _ = uv_px.shape
    last = scale2.shape[2] - 1
    row, slopes = np.zeros((8, n_points)), np.zeros((4, n_points))
    for v in range(n_views):
        lens = lenses[v]
        for t in range(n_times):
            for k in range(n_points):
                x = (uv_px[v, t, k, 0] - lens[2]) / lens[0]
                y = (uv_px[v, t, k, 1] - lens[3]) / lens[1]
                known = not math.isnan(x + y)
                row[0, k] = x if known else 0.0
                row[1, k] = y if known else 0.0
            if lens[26] != 0:
                _untilt(lens, row, slopes)
            _unproject(lens, row)
            if lens[26] != 0:
                _tilt_jacobian(row, slopes)
            for k in range(n_points):
                x, y = row[2, k], row[3, k]
                a, b, c = cov_px2[v, t, k, 0, 0], cov_px2[v, t, k, 0, 1], cov_px2[v, t, k, 1, 1]
                det = a * c - b * b
                known = det > 0 and not math.isnan(uv_px[v, t, k, 0] + uv_px[v, t, k, 1])
                if not (known and x * x + y * y < lens[5]):
                    for i in range(5):
                        obs[t, v, i, k] = 0
                    continue
                score = min(math.exp(log_weight[v, t, k]), 1.0) * last
                low = min(int(score), last - 1)
                scale = scale2[v, k, low] + (score - low) * (scale2[v, k, low + 1] - scale2[v, k, low])
                a, b, c = c / (det * scale), -b / (det * scale), a / (det * scale)
                xx, xy, yx, yy = row[4, k] * lens[0], row[5, k] * lens[0], row[6, k] * lens[1], row[7, k] * lens[1]
                obs[t, v, 0, k] = x
                obs[t, v, 1, k] = y
                obs[t, v, 2, k] = a * xx * xx + 2 * b * xx * yx + c * yx * yx
                obs[t, v, 3, k] = a * xx * xy + b * (xx * yy + xy * yx) + c * yx * yy
                obs[t, v, 4, k] = a * xy * xy + 2 * b * xy * yy + c * yy * yy


@kernel
def _unproject(lens, row):
    """Fill rows 2 to 7 from rows 0 and 1, whatever the lens."""
    if lens[4] == BROWN:
        _unproject_brown(lens, row)
        return
    for k in range(row.shape[1]):
        x, y, xx, xy, yx, yy = row[0, k], row[1, k], 1.0, 0.0, 0.0, 1.0
        if lens[4] == KANNALA_BRANDT:
            x, y, xx, xy, yx, yy = _unproject_kannala_brandt(lens, x, y)
        row[2, k], row[3, k], row[4, k], row[5, k], row[6, k], row[7, k] = x, y, xx, xy, yx, yy


def empty_observations(n_times: int, n_views: int, n_points: int, dtype: type = np.float64) -> np.ndarray:
    """An array for :func:`pack` to fill: (t v N_OBS k)."""
    return np.empty((n_times, n_views, N_OBS, n_points), dtype)
