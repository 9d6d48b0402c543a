"""The pixel of a point through any lens, with its derivatives by the point and by every parameter of the lens.

Packed lens, one row per camera: ``fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4 tau_x tau_y`` (Brown-Conrady), or
``fx fy cx cy k1 k2 k3 k4`` (Kannala-Brandt). Its kind stands apart, as in ``solve.views``. A sensor's tilt is given as
three homographies, row by row: itself and its derivatives by the two angles.
"""

import math

from mocap3d.solve.jit import kernel
from mocap3d.solve.views import KANNALA_BRANDT

N_LENS = 18
NEAREST_M = 1e-6
"""Points closer to the plane of the lens than this, or behind it, have no pixel (but for fisheyes)."""


@kernel
def project(kind, lens, tilts, tilted, x, y, z, uv, by_point, by_lens):
    """Pixel uv (2), by_point (2 3) and by_lens (2 N_LENS) of one point in the camera frame; False behind the lens."""
    if kind == KANNALA_BRANDT:
        return _project_kannala_brandt(lens, x, y, z, uv, by_point, by_lens)
    if not z > NEAREST_M:
        return False
    return _project_brown(lens, tilts, tilted, x / z, y / z, z, uv, by_point, by_lens)


@kernel
def _project_brown(lens, tilts, tilted, x, y, z, uv, by_point, by_lens):
    """Brown-Conrady with rational, thin-prism and tilted-sensor terms; a pinhole is one whose coefficients are 0."""
    fx, fy = lens[0], lens[1]
    p1, p2 = lens[6], lens[7]
    r2 = x * x + y * y
    r4 = r2 * r2
    r6 = r4 * r2
    up = 1 + lens[4] * r2 + lens[5] * r4 + lens[8] * r6
    down = 1 + lens[9] * r2 + lens[10] * r4 + lens[11] * r6
    i_down = 1 / down
    radial = up * i_down
    slope = 2 * (lens[4] + 2 * lens[5] * r2 + 3 * lens[8] * r4) * i_down
    slope -= 2 * radial * (lens[9] + 2 * lens[10] * r2 + 3 * lens[11] * r4) * i_down
    xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + lens[12] * r2 + lens[13] * r4
    yd = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + lens[14] * r2 + lens[15] * r4
    prism_x, prism_y = 2 * (lens[12] + 2 * r2 * lens[13]), 2 * (lens[14] + 2 * r2 * lens[15])
    xx = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x + prism_x * x
    xy = x * y * slope + 2 * p1 * x + 2 * p2 * y + prism_x * y
    yx = x * y * slope + 2 * p1 * x + 2 * p2 * y + prism_y * x
    yy = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x + prism_y * y
    # How the sensor's point moves with the distorted one: the identity unless the sensor is tilted.
    a, b, c, d = 1.0, 0.0, 0.0, 1.0
    xs, ys = xd, yd
    by_lens[0, 16] = by_lens[1, 16] = by_lens[0, 17] = by_lens[1, 17] = 0.0
    if tilted:
        t = tilts[0]
        i = 1 / (t[6] * xd + t[7] * yd + t[8])
        xs, ys = (t[0] * xd + t[1] * yd + t[2]) * i, (t[3] * xd + t[4] * yd + t[5]) * i
        a, b = (t[0] - xs * t[6]) * i, (t[1] - xs * t[7]) * i
        c, d = (t[3] - ys * t[6]) * i, (t[4] - ys * t[7]) * i
        for j in range(2):
            t = tilts[1 + j]
            depth = t[6] * xd + t[7] * yd + t[8]
            by_lens[0, 16 + j] = fx * (t[0] * xd + t[1] * yd + t[2] - xs * depth) * i
            by_lens[1, 16 + j] = fy * (t[3] * xd + t[4] * yd + t[5] - ys * depth) * i
    uv[0], uv[1] = fx * xs + lens[2], fy * ys + lens[3]
    a, b, c, d = fx * a, fx * b, fy * c, fy * d
    iz = 1 / z
    ux, uy = (a * xx + b * yx) * iz, (a * xy + b * yy) * iz
    vx, vy = (c * xx + d * yx) * iz, (c * xy + d * yy) * iz
    by_point[0, 0], by_point[0, 1], by_point[0, 2] = ux, uy, -(ux * x + uy * y)
    by_point[1, 0], by_point[1, 1], by_point[1, 2] = vx, vy, -(vx * x + vy * y)
    by_lens[0, 0], by_lens[1, 0], by_lens[0, 1], by_lens[1, 1] = xs, 0.0, 0.0, ys
    by_lens[0, 2], by_lens[1, 2], by_lens[0, 3], by_lens[1, 3] = 1.0, 0.0, 0.0, 1.0
    along_u, along_v = (a * x + b * y) * i_down, (c * x + d * y) * i_down
    power = r2
    for j in range(3):
        numerator = 8 if j == 2 else 4 + j
        by_lens[0, numerator], by_lens[1, numerator] = along_u * power, along_v * power
        by_lens[0, 9 + j], by_lens[1, 9 + j] = -radial * along_u * power, -radial * along_v * power
        power *= r2
    xy2, x3, y3 = 2 * x * y, r2 + 2 * x * x, r2 + 2 * y * y
    by_lens[0, 6], by_lens[1, 6] = a * xy2 + b * y3, c * xy2 + d * y3
    by_lens[0, 7], by_lens[1, 7] = a * x3 + b * xy2, c * x3 + d * xy2
    by_lens[0, 12], by_lens[1, 12], by_lens[0, 13], by_lens[1, 13] = a * r2, c * r2, a * r4, c * r4
    by_lens[0, 14], by_lens[1, 14], by_lens[0, 15], by_lens[1, 15] = b * r2, d * r2, b * r4, d * r4
    return True


@kernel
def _project_kannala_brandt(lens, x, y, z, uv, by_point, by_lens):
    """Fisheye: the radius is an odd polynomial of the field angle."""
    fx, fy = lens[0], lens[1]
    r = math.sqrt(x * x + y * y)
    distance2 = r * r + z * z
    if not distance2 > NEAREST_M * NEAREST_M or (r < 1e-9 * abs(z) and z < 0):
        return False
    c, s = (x / r, y / r) if r > 0 else (1.0, 0.0)
    angle = math.atan2(r, z)
    t2 = angle * angle
    series = 1 + t2 * (lens[4] + t2 * (lens[5] + t2 * (lens[6] + t2 * lens[7])))
    slope = 1 + t2 * (3 * lens[4] + t2 * (5 * lens[5] + t2 * (7 * lens[6] + t2 * 9 * lens[7])))
    radius = angle * series
    # On the axis both derivatives are 1 / z: radius / r is 0 / 0 there.
    along, across = slope * z / distance2, radius / r if r > 1e-9 * abs(z) else 1 / z
    uv[0], uv[1] = fx * radius * c + lens[2], fy * radius * s + lens[3]
    by_point[0, 0], by_point[0, 1] = fx * (along * c * c + across * s * s), fx * (along - across) * c * s
    by_point[1, 0], by_point[1, 1] = fy * (along - across) * c * s, fy * (along * s * s + across * c * c)
    by_point[0, 2], by_point[1, 2] = -fx * slope * r / distance2 * c, -fy * slope * r / distance2 * s
    by_lens[:] = 0.0
    by_lens[0, 0], by_lens[1, 1], by_lens[0, 2], by_lens[1, 3] = radius * c, radius * s, 1.0, 1.0
    power = angle * t2
    for j in range(4):
        by_lens[0, 4 + j], by_lens[1, 4 + j] = fx * power * c, fy * power * s
        power *= t2
    return True
