"""Things of a laboratory, as simple meshes: boxes, tables, chairs, treadmills, bikes, tripods, poles."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float32
from numpy.random import Generator

from mocap3d.synthesis.rendering.fabric import N_FABRICS, N_PLAIN, colour
from mocap3d.synthesis.rendering.mesh import NO_PART, Materials, Mesh, joined
from mocap3d.synthesis.rendering.turns import between, turn_z

_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
_ROUND = 8
Triple = Sequence[float | int] | Float[np.ndarray, " 3"]
_PATTERNED = 0.3


class Paint:
    """A surface that several pieces of a thing share."""

    def __init__(self, rng: Generator, *, dark: bool = False):
        patterned = not dark and rng.random() < _PATTERNED
        texture = rng.integers(N_PLAIN, N_FABRICS) if patterned else rng.integers(N_PLAIN)
        shade = np.ones(3) if patterned else rng.uniform(0.02, 0.2, 3) if dark else colour(rng)
        self.colour = shade.astype(np.float32)
        self.materials = Materials(
            np.array([texture], np.int32),
            np.array([rng.choice([1, 2])], np.float32),
            np.array([rng.uniform(0, 0.5)], np.float32),
        )

    def mesh(self, vertices: np.ndarray, quads: Sequence[Sequence[int]]) -> Mesh:
        """Quadrilaterals with the whole texture on each."""
        four = np.asarray(quads)
        triangles = np.concatenate([four[:, [0, 1, 2]], four[:, [0, 2, 3]]]).astype(np.int32)
        corners = np.repeat(np.array([[0, 1, 2], [0, 2, 3]], np.int32), len(four), axis=0)
        return Mesh(
            vertices=vertices.astype(np.float32),
            triangles=triangles,
            texture_uv=np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),
            texture_triangles=corners,
            colour=np.repeat(self.colour[None], len(vertices), axis=0),
            material=np.zeros(len(triangles), np.int32),
            part=np.full(len(triangles), NO_PART, np.int8),
            owner=np.full(len(triangles), -1, np.int8),
            materials=self.materials,
        )


def box(paint: Paint, size: Triple, centre: Triple) -> Mesh:
    """A block whose edges lie along the axes."""
    return paint.mesh(_CORNERS * np.asarray(size) + np.asarray(centre), _SIDES)


def tube(paint: Paint, start: Triple, end: Triple, radius_m: float) -> Mesh:
    """An open cylinder between two points."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    around = 2 * np.pi * np.arange(_ROUND) / _ROUND
    ring = np.stack([np.cos(around), np.sin(around), np.zeros(_ROUND)], axis=1) * radius_m
    ring = ring @ between(np.array([0.0, 0, 1]), last - first).T
    quads = [(k, (k + 1) % _ROUND, _ROUND + (k + 1) % _ROUND, _ROUND + k) for k in range(_ROUND)]
    return paint.mesh(np.concatenate([first + ring, last + ring]), quads)


def wheel(paint: Paint, centre: Triple, radius_m: float, thick_m: float = 0.02) -> Mesh:
    """A tyre that rolls along y."""
    n, m = 16, 5
    turn, small = 2 * np.pi * np.arange(n) / n, 2 * np.pi * np.arange(m) / m
    away = radius_m + thick_m * np.cos(small)[None]
    points = np.stack(
        [
            np.broadcast_to(thick_m * np.sin(small)[None], (n, m)),
            away * np.cos(turn)[:, None],
            away * np.sin(turn)[:, None],
        ],
        axis=-1,
    )
    quads = [
        (i * m + j, (i + 1) % n * m + j, (i + 1) % n * m + (j + 1) % m, i * m + (j + 1) % m)
        for i in range(n)
        for j in range(m)
    ]
    return paint.mesh(points.reshape(-1, 3) + np.asarray(centre), quads)


def placed(thing: Mesh, where: Float[np.ndarray, " 3"], yaw_rad: float) -> Mesh:
    """Turned about the vertical and set down."""
    vertices = thing.vertices @ turn_z(yaw_rad).T.astype(np.float32) + np.asarray(where, np.float32)
    return replace(thing, vertices=vertices.astype(np.float32))


def block(rng: Generator) -> Mesh:
    """A crate, plinth, step or force plate's cover."""
    size = rng.uniform([0.2, 0.2, 0.1], [0.7, 0.7, 0.9])
    return box(Paint(rng), size, (0, 0, size[2] / 2))


def table(rng: Generator) -> Mesh:
    """Four legs and a top."""
    paint, (x, y, z) = Paint(rng), rng.uniform([0.6, 0.45, 0.6], [1.5, 0.8, 1.0])
    legs = [
        tube(paint, (sx * x / 2.2, sy * y / 2.2, 0), (sx * x / 2.2, sy * y / 2.2, z), 0.025)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    return joined([box(Paint(rng), (x, y, 0.04), (0, 0, z)), *legs])


def chair(rng: Generator, seat_m: float = 0.45) -> Mesh:
    """Faces -y, its seat's middle above the origin."""
    paint, cushion, w = Paint(rng), Paint(rng), 0.22
    legs = [tube(paint, (sx * w, sy * w, 0), (sx * w, sy * w, seat_m), 0.018) for sx in (-1, 1) for sy in (-1, 1)]
    parts = [box(cushion, (0.46, 0.46, 0.05), (0, 0, seat_m - 0.025)), *legs]
    if rng.random() < 0.7:
        parts.append(box(cushion, (0.44, 0.04, 0.35), (0, w, seat_m + 0.33)))
        parts += [tube(paint, (sx * w * 0.9, w, seat_m), (sx * w * 0.9, w, seat_m + 0.45), 0.015) for sx in (-1, 1)]
    return joined(parts)


def treadmill(rng: Generator) -> Mesh:
    """Its belt's middle at the origin and level with it; one walks towards -y."""
    frame, belt = Paint(rng), Paint(rng, dark=True)
    parts = [
        box(belt, (0.5, 1.7, 0.12), (0, 0, -0.062)),
        *(box(frame, (0.1, 1.8, 0.16), (s * 0.31, 0, -0.06)) for s in (-1, 1)),
    ]
    rail_m = rng.uniform(0.85, 1.15)
    if rng.random() < 0.8:
        for side in (-0.36, 0.36):
            parts.append(tube(frame, (side, -0.75, 0), (side, -0.8, rail_m), 0.025))
            parts.append(tube(frame, (side, -0.8, rail_m), (side, rng.uniform(-0.5, 0.5), rail_m), 0.022))
        parts.append(tube(frame, (-0.36, -0.8, rail_m), (0.36, -0.8, rail_m), 0.022))
        parts.append(box(Paint(rng), (0.5, 0.06, 0.3), (0, -0.85, rail_m + 0.1)))
    return joined(parts)


def tripod(rng: Generator) -> Mesh:
    """With a camera or a lamp on top."""
    paint, z = Paint(rng, dark=True), rng.uniform(1.0, 2.0)
    feet = 2 * np.pi * np.arange(3) / 3
    legs = [tube(paint, (0.4 * np.cos(a), 0.4 * np.sin(a), 0), (0, 0, z * 0.75), 0.014) for a in feet]
    head = box(Paint(rng, dark=rng.random() < 0.7), rng.uniform(0.08, 0.25, 3), (0, 0, z))
    return joined([*legs, tube(paint, (0, 0, z * 0.75), (0, 0, z), 0.014), head])


def pole(rng: Generator) -> Mesh:
    """A post or column."""
    return tube(Paint(rng), (0, 0, 0), (0, 0, rng.uniform(1.2, 2.6)), rng.uniform(0.02, 0.1))


def bike(rng: Generator, saddle: Float[np.ndarray, " 3"], crank: Float[np.ndarray, " 3"], floor_m: float) -> Mesh:
    """A bicycle or ergometer that faces -y, under a rider whose saddle and crank are there."""
    frame, tyre, radius = Paint(rng), Paint(rng, dark=True), float(np.clip(crank[2] - floor_m, 0.2, 0.34))
    bar = saddle + np.array([0, -0.62, rng.uniform(-0.05, 0.2)])
    front, back = crank + np.array([0, -0.6, 0]), crank + np.array([0, 0.45, 0])
    front[2] = back[2] = floor_m + radius + 0.02
    stem, post, grip = bar - np.array([0, 0, 0.1]), saddle - np.array([0, 0, 0.12]), np.array([0.24, 0, 0])
    lines = [(saddle, crank), (crank, stem), (post, stem), (bar, front)]
    lines += [(back, crank), (back, post), (bar - grip, bar + grip)]
    tubes = [tube(frame, start, end, 0.02) for start, end in lines]
    return joined(
        [*tubes, wheel(tyre, front, radius), wheel(tyre, back, radius), box(tyre, (0.14, 0.26, 0.05), saddle)]
    )


def held(rng: Generator, wrist: Float32[np.ndarray, " 3"], elbow: Float32[np.ndarray, " 3"]) -> Mesh:
    """A stick, ball or box in a hand."""
    ahead = (wrist - elbow) / (np.linalg.norm(wrist - elbow) + 1e-6)
    hand = wrist + ahead * 0.09
    if rng.random() < 0.5:
        along = rng.normal(0, 1, 3)
        along *= rng.uniform(0.15, 0.6) / np.linalg.norm(along)
        return tube(Paint(rng), hand - along, hand + along, rng.uniform(0.008, 0.03))
    return box(Paint(rng), rng.uniform(0.06, 0.3, 3), hand + ahead * 0.08)


LYING_ABOUT = (block, block, table, chair, tripod, pole)
