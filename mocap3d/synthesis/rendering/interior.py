"""Backdrops made up: laboratories with windows, doors, posters and mats; places of panoramas; clutter."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8
from numpy.random import Generator

from mocap3d.synthesis.rendering.backdrop import Backdrop, Flat, Panorama, Room
from mocap3d.synthesis.rendering.camera import HEIGHT, WIDTH
from mocap3d.synthesis.rendering.fabric import colour, fabric, photo
from mocap3d.synthesis.rendering.turns import turn_z

_SIDE = 192
_ROOM, _PANORAMA = 0.5, 0.35
_BLURRED = 0.4

Pictures = Sequence[UInt8[np.ndarray, "h w 3"]]


def made_up_backdrop(
    cameras: Float[np.ndarray, "v 3"], floor_m: float, fabrics: UInt8[np.ndarray, "f s s 3"], panoramas: Pictures,
    rng: Generator,
) -> Backdrop:  # fmt: skip
    """A room that holds all cameras, a panorama if there are any, or a flat picture."""
    fate = rng.random()
    if fate < _ROOM or (not panoramas and fate < _ROOM + _PANORAMA):
        return made_up_room(cameras, floor_m, fabrics, panoramas, rng)
    if fate < _ROOM + _PANORAMA:
        has_ground = rng.random() < 0.75
        laid = fabrics[rng.integers(len(fabrics))] if has_ground and rng.random() < 0.45 else None
        picture = panoramas[int(rng.integers(len(panoramas)))]
        return Panorama(picture, rng.uniform(0, 2 * np.pi), rng.uniform(1, 2.5), floor_m, has_ground, laid)
    return Flat(_flat(fabrics, panoramas, rng))


def made_up_room(
    cameras: Float[np.ndarray, "v 3"], floor_m: float, fabrics: UInt8[np.ndarray, "f s s 3"], panoramas: Pictures,
    rng: Generator,
) -> Room:  # fmt: skip
    """Its walls lie behind every camera."""
    room_from_world = turn_z(rng.uniform(0, 2 * np.pi))
    inside = np.concatenate([cameras @ room_from_world.T, [[-1.5, -1.5, 0], [1.5, 1.5, 2.3]]])
    low = inside.min(axis=0) - rng.uniform(0.2, 3, 3)
    high = inside.max(axis=0) + rng.uniform(0.2, 3, 3)
    low[2], high[2] = floor_m, max(inside[:, 2].max() + 0.2, rng.uniform(2.4, 5) + floor_m)
    paint = colour(rng, saturation=float(rng.uniform(0, 60)))
    if rng.random() < 0.6:
        paint = np.float32(rng.uniform(0.55, 0.95)) + np.float32(0.15) * (paint - paint.mean())
    size = high - low
    walls = [_wall(paint, size[[1, 1, 0, 0][side]], size[2], fabrics, panoramas, rng) for side in range(4)]
    sides = [*walls, _floor(size, fabrics, rng), _ceiling(rng)]
    return Room(low, high, room_from_world, np.stack([_grubby(side, rng) for side in sides]))


def _grubby(picture: Float32[np.ndarray, "n n 3"], rng: Generator) -> UInt8[np.ndarray, "n n 3"]:
    """Unevenly lit, as real walls are."""
    cells = rng.normal(1, 0.06, (5, 5)).astype(np.float32)
    stains = cv2.resize(cells, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)[..., None]
    return (np.clip(picture * stains, 0, 1) * 255).astype(np.uint8)


def _wall(
    paint: Float32[np.ndarray, " 3"], width_m: float, height_m: float, fabrics: np.ndarray, panoramas: Pictures,
    rng: Generator,
) -> Float32[np.ndarray, "n n 3"]:  # fmt: skip
    """Row 0 is at the ceiling."""
    wall = np.ones((_SIDE, _SIDE, 3), np.float32) * np.clip(paint * rng.uniform(0.85, 1.1), 0, 1).astype(np.float32)
    per_m = _SIDE / np.array([width_m, height_m])
    if rng.random() < 0.35:  # a dado of another colour
        wall[int(_SIDE - rng.uniform(0.8, 1.6) * per_m[1]) :] = colour(rng, saturation=60.0)
    if rng.random() < 0.6:
        wall[int(_SIDE - 0.1 * per_m[1]) :] = colour(rng, saturation=30.0)

    def rectangle(size_m: np.ndarray, bottom_m: float) -> tuple[slice, slice] | None:
        size = np.maximum(2, size_m * per_m).astype(int)
        left, top = int(rng.uniform(-0.2, 1) * _SIDE), int(_SIDE - bottom_m * per_m[1] - size[1])
        rows, columns = slice(max(0, top), max(0, top + size[1])), slice(max(0, left), max(0, left + size[0]))
        return (rows, columns) if wall[rows, columns].size else None

    for _ in range(rng.integers(0, 4)):
        if place := rectangle(rng.uniform([0.8, 0.9], [2.5, 1.8]), rng.uniform(0.7, 1.1)):
            _window(wall, place, panoramas, rng)
    for _ in range(rng.integers(0, 2)):
        if place := rectangle(rng.uniform([0.8, 2.0], [1.6, 2.2]), 0.0):
            wall[place] = colour(rng, saturation=60.0)
    for _ in range(rng.integers(0, 6)):
        if place := rectangle(rng.uniform([0.3, 0.3], [1.4, 1.4]), rng.uniform(0, 1.9)):
            picture = fabrics[rng.integers(len(fabrics))]
            wall[place] = _stretched(picture, wall[place].shape)
    for _ in range(rng.integers(0, 4)):  # cables, pipes, racks
        upright = rng.random() < 0.5
        at, thick = int(rng.integers(_SIDE)), int(rng.integers(1, 5))
        strip = wall[:, at : at + thick] if upright else wall[at : at + thick]
        strip[:] = colour(rng, saturation=40.0)
    return wall


def _window(wall: np.ndarray, place: tuple[slice, slice], panoramas: Pictures, rng: Generator) -> None:
    shape = wall[place].shape
    if panoramas and rng.random() < 0.5:
        view = _stretched((photo(rng, panoramas) * 255).astype(np.uint8), shape) * np.float32(1.3)
    else:
        view = np.ones(shape, np.float32) * np.float32(rng.uniform(0.7, 1))
    if rng.random() < 0.3:  # blinds
        view[:: int(rng.integers(2, 5))] *= np.float32(0.6)
    view[[0, -1]] = view[:, [0, -1]] = view[:, shape[1] // 2] = np.float32(rng.uniform(0.1, 0.9))
    wall[place] = np.clip(view, 0, 1)


def _stretched(picture: UInt8[np.ndarray, "n n 3"], shape: tuple[int, ...]) -> Float32[np.ndarray, "h w 3"]:
    return cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)


def _floor(
    size_m: Float[np.ndarray, " 3"], fabrics: UInt8[np.ndarray, "f s s 3"], rng: Generator
) -> Float32[np.ndarray, "n n 3"]:
    """One material, planks, tiles or carpet; with mats, force plates and tape on it."""
    floor = np.ones((_SIDE, _SIDE, 3), np.float32) * colour(rng, saturation=float(rng.uniform(0, 90)))
    if rng.random() < 0.35:
        tile = cv2.resize(fabrics[rng.integers(len(fabrics))], (_SIDE // 4, _SIDE // 4), interpolation=cv2.INTER_AREA)
        floor = np.tile(tile, (4, 4, 1)).astype(np.float32) / np.float32(255)
    if rng.random() < 0.3:
        every = int(rng.integers(6, 30))
        floor[::every] *= np.float32(0.75)
        if rng.random() < 0.6:
            floor[:, ::every] *= np.float32(0.75)
    for _ in range(rng.integers(0, 4)):
        middle, size = rng.uniform(0.3, 0.7, 2) * _SIDE, rng.uniform(0.3, 2.5, 2) / size_m[:2] * _SIDE
        corners = cv2.boxPoints((middle.tolist(), size.tolist(), float(rng.choice([0, rng.normal(0, 20)]))))
        cv2.fillConvexPoly(floor, corners.astype(np.int32), colour(rng).tolist(), cv2.LINE_AA)
    for _ in range(rng.integers(0, 4)):
        start, end = rng.integers(0, _SIDE, (2, 2))
        cv2.line(floor, tuple(map(int, start)), tuple(map(int, end)), colour(rng).tolist(), int(rng.integers(1, 3)))
    return floor


def _ceiling(rng: Generator) -> Float32[np.ndarray, "n n 3"]:
    ceiling = np.ones((_SIDE, _SIDE, 3), np.float32) * np.float32(
        rng.choice([rng.uniform(0.6, 0.95), rng.uniform(0.05, 0.3)])
    )
    for _ in range(rng.integers(0, 6)):  # lamps
        row, column = rng.integers(0, _SIDE, 2)
        ceiling[row : row + rng.integers(4, 16), column : column + rng.integers(10, 60)] = 1
    return ceiling


def _flat(
    fabrics: UInt8[np.ndarray, "f s s 3"], panoramas: Pictures, rng: Generator
) -> Float32[np.ndarray, "height width 3"]:
    fate = rng.random()
    if fate < 0.4:
        picture = np.ones((HEIGHT, WIDTH, 3), np.float32) * colour(rng, saturation=float(rng.uniform(0, 80)))
        for _ in range(rng.integers(1, 4)):
            middle = (float(rng.uniform(0, WIDTH)), float(HEIGHT * rng.uniform(-0.2, 1.2)))
            size = (WIDTH * 3.0, float(rng.uniform(0.3, 1) * HEIGHT))
            corners = cv2.boxPoints((middle, size, float(rng.normal(0, 20))))
            cv2.fillConvexPoly(picture, corners.astype(np.int32), colour(rng).tolist(), cv2.LINE_AA)
    elif fate < 0.6 and panoramas:
        picture = cv2.resize(photo(rng, panoramas), (WIDTH, HEIGHT))
    else:
        source = fabric(rng, "noise") if fate < 0.8 else fabrics[rng.integers(len(fabrics))]
        picture = cv2.resize(source, (WIDTH, HEIGHT)).astype(np.float32) / np.float32(255)
    clutter(picture, int(rng.integers(0, 14)), fabrics, rng)
    if rng.random() < _BLURRED:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 3))
    return np.clip(picture, 0, 1).astype(np.float32)


def clutter(
    picture: Float32[np.ndarray, "h w 3"], count: int, fabrics: UInt8[np.ndarray, "f s s 3"], rng: Generator,
    *, size: float = 1.0,
) -> None:  # fmt: skip
    """Draws shapes of no meaning over a picture."""
    height, width = picture.shape[:2]
    for _ in range(count):
        middle, extent = rng.uniform(-0.1, 1.1, 2) * [width, height], rng.uniform(0.03, 0.35, 2) * height * size
        shade, at = colour(rng).tolist(), (int(middle[0]), int(middle[1]))
        match rng.integers(4):
            case 0:
                corners = cv2.boxPoints((middle.tolist(), extent.tolist(), float(rng.normal(0, 25))))
                cv2.fillConvexPoly(picture, (corners * 8).astype(np.int32), shade, cv2.LINE_AA, 3)
            case 1:
                end = middle + rng.normal(0, 0.5 * height, 2)
                cv2.line(picture, at, (int(end[0]), int(end[1])), shade, int(rng.integers(1, 9)), cv2.LINE_AA)
            case 2:
                axes = (int(extent[0] / 2), int(extent[1] / 2))
                cv2.ellipse(picture, at, axes, float(rng.uniform(0, 180)), 0, 360, shade, -1, cv2.LINE_AA)
            case _:
                _paste(picture, fabrics[rng.integers(len(fabrics))], at, np.maximum(4, extent).astype(int))


def _paste(picture: np.ndarray, source: np.ndarray, middle: tuple[int, int], size: np.ndarray) -> None:
    left, top = middle[0] - size[0] // 2, middle[1] - size[1] // 2
    rows = slice(max(0, top), max(0, min(picture.shape[0], top + size[1])))
    columns = slice(max(0, left), max(0, min(picture.shape[1], left + size[0])))
    if picture[rows, columns].size:
        stretched = _stretched(source, (int(size[1]), int(size[0])))
        picture[rows, columns] = stretched[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
