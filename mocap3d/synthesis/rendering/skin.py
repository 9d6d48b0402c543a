"""Skin, face and hair, as colours of the body's vertices."""

import numpy as np
from jaxtyping import Float32
from numpy.random import Generator

from mocap3d.synthesis.rendering.body import Body

_SKINS = np.array(
    [
        [0.92, 0.74, 0.60], [0.87, 0.68, 0.52], [0.80, 0.60, 0.45], [0.74, 0.54, 0.40],
        [0.66, 0.46, 0.33], [0.54, 0.35, 0.24], [0.41, 0.25, 0.17], [0.29, 0.16, 0.11],
    ],
    np.float32,
)  # fmt: skip
_IRISES = np.array([[0.25, 0.15, 0.08], [0.12, 0.07, 0.04], [0.3, 0.4, 0.5], [0.3, 0.38, 0.25]], np.float32)
_BEARD, _STUBBLE, _LIPSTICK, _MASK, _DARK_GLASSES, _GLASSES = 0.14, 0.12, 0.15, 0.04, 0.03, 0.07


def skin_colour(rng: Generator) -> Float32[np.ndarray, " 3"]:
    """Of one person."""
    shade = _SKINS[rng.integers(len(_SKINS))] * rng.uniform(0.85, 1.1) + rng.normal(0, 0.015, 3)
    return np.clip(shade, 0.03, 1).astype(np.float32)


def hair_colour(rng: Generator) -> Float32[np.ndarray, " 3"]:
    """Black, brown, red, fair or grey."""
    light = rng.uniform(0.02, 0.45) ** 1.3
    warmth = [1, rng.uniform(0.6, 1), rng.uniform(0.35, 0.95)] if rng.random() < 0.8 else [1, 1, 1]
    return np.clip(light * np.array(warmth) * 1.6, 0.015, 0.9).astype(np.float32)


def painted_skin(
    body: Body, skin: Float32[np.ndarray, " 3"], hair: Float32[np.ndarray, " 3"], *, bald: bool, rng: Generator
) -> Float32[np.ndarray, "v 3"]:
    """Colours of all vertices of a bare body, darker where it sees little sky."""
    region = body.regions
    colour = np.repeat(skin[None], len(body.part), axis=0)

    def paint(where: np.ndarray, shade: np.ndarray, strength: float = 1.0) -> None:
        place = np.flatnonzero(where)
        share = (np.clip(where[place], 0, 1) * strength)[:, None]
        colour[place] += (shade - colour[place]) * share

    red = skin * np.array([1.0, 0.72, 0.7], np.float32)
    paint(region["cheek"], red, rng.uniform(0, 0.5))
    paint(region["lips"], _lips(skin, rng), rng.uniform(0.6, 1))
    fate = rng.random()
    if fate < _BEARD:
        paint(region["beard"], hair * rng.uniform(0.7, 1.2))
    elif fate < _BEARD + _STUBBLE:
        paint(region["beard"], skin * np.float32(0.6), 0.6)
    if not bald:
        paint(region["scalp"], hair * np.float32(0.8))
    paint(region["brow"], np.minimum(hair, skin * np.float32(0.6)), rng.uniform(0.5, 1))
    _open_eyes(body, paint, skin, rng)
    paint(region["nostril"], skin * np.float32(0.25), 0.9)
    _worn_on_face(body, paint, rng)
    depth = np.where(region["sclera"] > 0, 0.35, rng.uniform(0.5, 1.0))
    return (colour * (1 - depth * (1 - body.light))[:, None]).astype(np.float32)


def _lips(skin: np.ndarray, rng: Generator) -> np.ndarray:
    if rng.random() < _LIPSTICK:
        return np.array([rng.uniform(0.4, 0.8), rng.uniform(0.05, 0.25), rng.uniform(0.1, 0.3)], np.float32)
    return skin * np.array([rng.uniform(0.82, 1), rng.uniform(0.55, 0.75), rng.uniform(0.55, 0.78)], np.float32)


def _open_eyes(body: Body, paint, skin: np.ndarray, rng: Generator) -> None:
    region = body.regions
    if rng.random() < 0.06:  # shut
        paint(region["sclera"], skin * np.float32(0.8))
        return
    paint(region["sclera"], np.full(3, rng.uniform(0.75, 0.95), np.float32))
    paint(region["iris"], _IRISES[rng.integers(len(_IRISES))] * np.float32(rng.uniform(0.6, 1.2)))
    paint(region["pupil"], np.full(3, 0.02, np.float32))


def _worn_on_face(body: Body, paint, rng: Generator) -> None:
    """Glasses and masks that hide parts of the face, as people wear them."""
    region = body.regions
    if rng.random() < _MASK:
        paint(region["mask"], rng.uniform(0.1, 1, 3).astype(np.float32))
    fate = rng.random()
    if fate < _DARK_GLASSES:
        paint(region["glass"], np.full(3, 0.03, np.float32))
        paint(region["sclera"], np.full(3, 0.03, np.float32))
    elif fate < _DARK_GLASSES + _GLASSES:
        paint(region["rim"], np.full(3, rng.uniform(0.02, 0.3), np.float32))
