"""Rigid targets before fixed cameras: cost, normal equations, and the elimination of the targets' poses.

A camera's unknowns are its turn about its own centre (3, radians, in its frame), the place of that centre (3, metres,
in the world) and its lens; a target's at one instant are its turn about its own origin (3, world) and its place (3).
Observations are sorted by target and, within, by camera; a *run* is what one camera sees of one target.

Losses are Huber's on the distance in pixels, weighted by 1/sigma^2: ``bend_px`` bounds what one bad corner can pull.
"""

import math

import numpy as np

from mocap3d.solve.jit import inlined, kernel
from mocap3d.solve.reprojection import N_LENS, project

N_POSE = 6
N_CAMERA = N_POSE + N_LENS


@inlined
def _in_camera(camera, pose, p, arm, out):
    """A target's point in the camera frame; ``arm`` is it from the target's origin, in the world."""
    for i in range(3):
        arm[i] = pose[3 * i] * p[0] + pose[3 * i + 1] * p[1] + pose[3 * i + 2] * p[2]
    x, y, z = arm[0] + pose[9], arm[1] + pose[10], arm[2] + pose[11]
    for i in range(3):
        out[i] = camera[3 * i] * x + camera[3 * i + 1] * y + camera[3 * i + 2] * z + camera[9 + i]


@kernel
def residuals(kinds, lenses, tilts, cameras, poses, camera_of, target_of, p, uv, out):
    """Reprojected minus observed pixel (n 2) of every observation; NaN where the point lies behind its camera."""
    arm, point, pixel = np.empty(3), np.empty(3), np.empty(2)
    by_point, by_lens = np.empty((2, 3)), np.empty((2, N_LENS))
    for n in range(len(uv)):
        c = camera_of[n]
        _in_camera(cameras[c], poses[target_of[n]], p[n], arm, point)
        tilted = lenses[c, 16] != 0 or lenses[c, 17] != 0
        x, y, z = point[0], point[1], point[2]
        if project(kinds[c], lenses[c], tilts[c], tilted, x, y, z, pixel, by_point, by_lens):
            out[n, 0], out[n, 1] = pixel[0] - uv[n, 0], pixel[1] - uv[n, 1]
        else:
            out[n, 0] = out[n, 1] = math.nan


@kernel
def linearise(
    kinds, lenses, tilts, cameras, poses, camera_of, target_of, run_of, p, uv, weight, bend_px, columns, a, b, e, ga, gb
):
    """The weighted normal equations; returns the cost, inf where a point lies behind its camera.

    columns (c N_CAMERA): the place of each unknown among its camera's m free ones, or -1. Out, all added to:
    a (c m m), b (target 6 6), e (run 6 m), ga (c m), gb (target 6); lower triangles of a and b only.
    """
    arm, point, pixel = np.empty(3), np.empty(3), np.empty(2)
    by_point, by_lens = np.empty((2, 3)), np.empty((2, N_LENS))
    full, mine, theirs = np.empty((2, N_CAMERA)), np.empty((2, a.shape[1])), np.empty((2, N_POSE))
    cost = 0.0
    for n in range(len(uv)):
        c, f, run = camera_of[n], target_of[n], run_of[n]
        camera = cameras[c]
        _in_camera(camera, poses[f], p[n], arm, point)
        x, y, z = point[0], point[1], point[2]
        tilted = columns[c, N_CAMERA - 1] >= 0 or lenses[c, 16] != 0 or lenses[c, 17] != 0
        if not project(kinds[c], lenses[c], tilts[c], tilted, x, y, z, pixel, by_point, by_lens):
            return math.inf
        eu, ev = pixel[0] - uv[n, 0], pixel[1] - uv[n, 1]
        size2 = eu * eu + ev * ev
        w = weight[n]
        if size2 > bend_px * bend_px:
            size = math.sqrt(size2)
            cost += w * bend_px * (2 * size - bend_px)
            w *= bend_px / size
        else:
            cost += w * size2
        for i in range(2):
            j0, j1, j2 = by_point[i, 0], by_point[i, 1], by_point[i, 2]
            full[i, 0], full[i, 1], full[i, 2] = j2 * y - j1 * z, j0 * z - j2 * x, j1 * x - j0 * y
            w0 = j0 * camera[0] + j1 * camera[3] + j2 * camera[6]
            w1 = j0 * camera[1] + j1 * camera[4] + j2 * camera[7]
            w2 = j0 * camera[2] + j1 * camera[5] + j2 * camera[8]
            full[i, 3], full[i, 4], full[i, 5] = -w0, -w1, -w2
            theirs[i, 0] = w2 * arm[1] - w1 * arm[2]
            theirs[i, 1] = w0 * arm[2] - w2 * arm[0]
            theirs[i, 2] = w1 * arm[0] - w0 * arm[1]
            theirs[i, 3], theirs[i, 4], theirs[i, 5] = w0, w1, w2
            for j in range(N_LENS):
                full[i, N_POSE + j] = by_lens[i, j]
        m = 0
        for j in range(N_CAMERA):
            if columns[c, j] >= 0:
                mine[0, m], mine[1, m] = full[0, j], full[1, j]
                m += 1
        for i in range(m):
            u, v = w * mine[0, i], w * mine[1, i]
            ga[c, i] += u * eu + v * ev
            for j in range(i + 1):
                a[c, i, j] += u * mine[0, j] + v * mine[1, j]
        for i in range(N_POSE):
            u, v = w * theirs[0, i], w * theirs[1, i]
            gb[f, i] += u * eu + v * ev
            for j in range(i + 1):
                b[f, i, j] += u * theirs[0, j] + v * theirs[1, j]
            for j in range(m):
                e[run, i, j] += u * mine[0, j] + v * mine[1, j]
    return cost


@kernel
def factor6(b, damping, floor, lower):
    """Cholesky of b with its diagonal raised; lower (6 6) out. What nothing determines is held by ``floor``."""
    for i in range(N_POSE):
        for j in range(i + 1):
            s = b[i, j]
            if i == j:
                s += damping * b[i, i] + floor
            for k in range(j):
                s -= lower[i, k] * lower[j, k]
            if i == j:
                lower[i, i] = math.sqrt(max(s, floor))
            else:
                lower[i, j] = s / lower[j, j]


@kernel
def solve6(lower, x):
    """x (6 m) := (L L')^-1 x, in place."""
    for j in range(x.shape[1]):
        for i in range(N_POSE):
            s = x[i, j]
            for k in range(i):
                s -= lower[i, k] * x[k, j]
            x[i, j] = s / lower[i, i]
        for i in range(N_POSE - 1, -1, -1):
            s = x[i, j]
            for k in range(i + 1, N_POSE):
                s -= lower[k, i] * x[k, j]
            x[i, j] = s / lower[i, i]


@kernel
def eliminate(b, gb, e, first_run, camera_of_run, offset, size, damping, held, schur, rhs, solved, own):
    """Take the targets' poses out of the normal equations (Schur complement).

    first_run (target + 1), offset and size (c) of each camera's unknowns among all; held (target): poses that are
    known. Out: schur (p p), added to, lower triangle by blocks; rhs (p), added to; solved (run 6 m) = B^-1 E and
    own (target 6) = B^-1 gb.
    """
    lower, x = np.zeros((N_POSE, N_POSE)), np.empty((N_POSE, 1))
    for f in range(len(b)):
        start, stop = first_run[f], first_run[f + 1]
        if held[f] or start == stop:
            own[f] = 0.0
            for s in range(start, stop):
                solved[s] = 0.0
            continue
        trace = 0.0
        for i in range(N_POSE):
            trace += b[f, i, i]
        factor6(b[f], damping, 1e-12 * trace, lower)
        for i in range(N_POSE):
            x[i, 0] = gb[f, i]
        solve6(lower, x)
        for i in range(N_POSE):
            own[f, i] = x[i, 0]
        for s in range(start, stop):
            solved[s] = e[s]
            solve6(lower, solved[s])
            c = camera_of_run[s]
            for i in range(size[c]):
                dot = 0.0
                for k in range(N_POSE):
                    dot += e[s, k, i] * own[f, k]
                rhs[offset[c] + i] += dot
            for t in range(start, s + 1):
                d = camera_of_run[t]
                for i in range(size[c]):
                    for j in range(size[d]):
                        dot = 0.0
                        for k in range(N_POSE):
                            dot += e[s, k, i] * solved[t, k, j]
                        schur[offset[c] + i, offset[d] + j] -= dot


@kernel
def refine_poses(kinds, lenses, tilts, cameras, poses, camera_of, first_obs, p, uv, weight, bend_px, n_steps):
    """Every target's pose on its own, by Levenberg-Marquardt, the cameras being known; poses (target 12) in place.

    first_obs (target + 1). Returns the cost of each; inf where some point lies behind its camera.
    """
    n_targets = len(poses)
    costs = np.full(n_targets, math.inf)
    columns = np.full((len(cameras), N_CAMERA), -1)
    no_camera, no_gradient, no_run = np.zeros((len(cameras), 0, 0)), np.zeros((len(cameras), 0)), np.zeros((1, 6, 0))
    b, gb, trial = np.zeros((1, N_POSE, N_POSE)), np.zeros((1, N_POSE)), np.empty((1, 12))
    b2, gb2 = np.zeros((1, N_POSE, N_POSE)), np.zeros((1, N_POSE))
    lower, step = np.zeros((N_POSE, N_POSE)), np.zeros((N_POSE, 1))
    for f in range(n_targets):
        start, stop = first_obs[f], first_obs[f + 1]
        if start == stop:
            continue
        seen = slice(start, stop)
        mine = np.zeros(stop - start, np.int64)
        damping, growth = 1e-4, 2.0
        trial[0] = poses[f]
        b[:], gb[:] = 0.0, 0.0
        cost = linearise(
            kinds, lenses, tilts, cameras, trial, camera_of[seen], mine, mine, p[seen], uv[seen], weight[seen], bend_px,
            columns, no_camera, b, no_run, no_gradient, gb,
        )  # fmt: skip
        for _ in range(n_steps):
            trace = 0.0
            for i in range(N_POSE):
                trace += b[0, i, i]
                step[i, 0] = -gb[0, i]
            factor6(b[0], damping, 1e-12 * trace, lower)
            solve6(lower, step)
            move(poses[f], step[:, 0], trial[0])
            b2[:], gb2[:] = 0.0, 0.0
            new = linearise(
                kinds, lenses, tilts, cameras, trial, camera_of[seen], mine, mine, p[seen], uv[seen], weight[seen],
                bend_px, columns, no_camera, b2, no_run, no_gradient, gb2,
            )  # fmt: skip
            if new <= cost:
                gain = cost - new
                poses[f] = trial[0]
                cost = new
                b[:], gb[:] = b2, gb2
                damping, growth = max(damping / 5, 1e-9), 2.0
                if gain <= 1e-9 * cost + 1e-30:
                    break
            else:
                damping, growth = damping * growth, growth * 2
                if damping > 1e8:
                    break
        costs[f] = cost
    return costs


@kernel
def move(pose, step, out):
    """A pose (12: rotation row by row, translation) turned by step[:3] and moved by step[3:], in its target frame."""
    angle2 = step[0] * step[0] + step[1] * step[1] + step[2] * step[2]
    angle = math.sqrt(angle2)
    s = math.sin(angle) / angle if angle > 1e-8 else 1 - angle2 / 6
    v = (1 - math.cos(angle)) / angle2 if angle > 1e-4 else 0.5 - angle2 / 24
    x, y, z = step[0], step[1], step[2]
    for j in range(3):
        a, b, c = pose[j], pose[3 + j], pose[6 + j]
        # Rodrigues: r + s (w x r) + v (w x (w x r)), column by column.
        ca, cb, cc = y * c - z * b, z * a - x * c, x * b - y * a
        out[j] = a + s * ca + v * (y * cc - z * cb)
        out[3 + j] = b + s * cb + v * (z * ca - x * cc)
        out[6 + j] = c + s * cc + v * (x * cb - y * ca)
    for i in range(3):
        out[9 + i] = pose[9 + i] + step[3 + i]


@kernel
def move_all(poses, steps, out):
    """:func:`move` for every target."""
    for f in range(len(poses)):
        move(poses[f], steps[f], out[f])


@kernel
def move_camera(camera, step, out):
    """cam_from_world turned about the camera's centre by step[:3] (its frame), and that moved by step[3:] (world)."""
    centre = np.empty(3)
    for i in range(3):
        centre[i] = step[3 + i]
        for k in range(3):
            centre[i] -= camera[3 * k + i] * camera[9 + k]
    still = np.zeros(6)
    still[:3] = step[:3]
    move(camera, still, out)
    for i in range(3):
        out[9 + i] = -(out[3 * i] * centre[0] + out[3 * i + 1] * centre[1] + out[3 * i + 2] * centre[2])
