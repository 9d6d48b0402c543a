"""Textures made up from nothing: cloth, carpet, posters, wood; and pieces of panoramas, where there are some."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numpy.random import Generator

SIZE = 128
N_FABRICS = 256
N_PLAIN = 24
"""The first textures of a bank are nearly white noise of different grain: skin, hair and paint."""
_KINDS = {"solid": 0.42, "stripe": 0.13, "check": 0.08, "noise": 0.13, "dots": 0.05, "photo": 0.07, "logo": 0.12}


def colour(rng: Generator, *, saturation: float | None = None) -> Float32[np.ndarray, " 3"]:
    """RGB 0..1 of things: dark, middle or light, seldom of a strong colour."""
    strength = np.clip(rng.normal(90, 70) if saturation is None else saturation, 0, 255)
    value = np.clip(
        [rng.normal(50, 25), rng.normal(150, 50), rng.normal(225, 20)][rng.choice(3, p=[0.42, 0.36, 0.22])], 8, 250
    )
    pixel = np.array([[[rng.integers(0, 180), strength, value]]], np.uint8)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32) / np.float32(255)


def grain(rng: Generator, octaves: Sequence[int] = (4, 8, 16, 32, 64)) -> Float32[np.ndarray, "128 128"]:
    """Smooth noise of unit variance."""
    total = np.zeros((SIZE, SIZE), np.float32)
    for cells in octaves:
        coarse = rng.standard_normal((cells, cells)).astype(np.float32)
        total += cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) / np.float32(
            np.sqrt(cells / octaves[0])
        )
    return total / (total.std() + np.float32(1e-6))


def fabric_bank(
    rng: Generator, panoramas: Sequence[UInt8[np.ndarray, "h w 3"]] = ()
) -> UInt8[np.ndarray, "n 128 128 3"]:
    """N_FABRICS textures, RGB."""
    plain = [_plain(rng) for _ in range(N_PLAIN)]
    return np.stack([*plain, *(fabric(rng, panoramas=panoramas) for _ in range(N_FABRICS - N_PLAIN))])


def fabric(
    rng: Generator, kind: str | None = None, *, panoramas: Sequence[UInt8[np.ndarray, "h w 3"]] = ()
) -> UInt8[np.ndarray, "128 128 3"]:
    """One texture."""
    kind = kind or str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    first, second = colour(rng), colour(rng)
    picture = np.ones((SIZE, SIZE, 3), np.float32) * first
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    match kind:
        case "stripe":
            across = rows if rng.random() < 0.6 else columns
            picture[(across * 2 ** rng.integers(1, 6)) % 1 < rng.uniform(0.05, 0.6)] = second
        case "check":
            n = 2 ** rng.integers(2, 6)
            picture[(np.floor(rows * n) + np.floor(columns * n)) % 2 == 1] = second
        case "noise":
            share = 1 / (1 + np.exp(-grain(rng) * rng.uniform(0.5, 4)))
            picture += (second - first) * share[..., None]
        case "dots":
            n = 2 ** rng.integers(3, 5)
            picture[((rows * n) % 1 - 0.5) ** 2 + ((columns * n) % 1 - 0.5) ** 2 < 0.09] = second
        case "photo" if panoramas:
            picture = photo(rng, panoramas)
        case "logo":
            _print_logos(picture, rng)
    picture *= (1 + 0.06 * grain(rng, (16, 32, 64)))[..., None]
    return (np.clip(picture, 0.01, 1) * 255).astype(np.uint8)


def photo(rng: Generator, panoramas: Sequence[UInt8[np.ndarray, "h w 3"]]) -> Float32[np.ndarray, "128 128 3"]:
    """A square piece of a panorama, 0..1."""
    picture = panoramas[int(rng.integers(len(panoramas)))]
    side = int(rng.integers(picture.shape[0] // 10, picture.shape[0] * 3 // 4))
    row, column = rng.integers(0, picture.shape[0] - side), rng.integers(0, picture.shape[1] - side)
    piece = cv2.resize(picture[row : row + side, column : column + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return piece.astype(np.float32) / np.float32(255)


def _print_logos(picture: Float32[np.ndarray, "128 128 3"], rng: Generator) -> None:
    for _ in range(rng.integers(1, 5)):
        corner = rng.integers(0, SIZE, 2)
        if rng.random() < 0.5:
            far = corner + rng.integers(5, 50, 2)
            cv2.rectangle(picture, _pixel(corner), _pixel(far), colour(rng).tolist(), -1)
            continue
        text = "".join(chr(code) for code in rng.integers(65, 91, 4))
        size, width = float(rng.uniform(0.4, 1.5)), int(rng.integers(1, 4))
        ink = np.zeros((SIZE, SIZE), np.uint8)
        cv2.putText(ink, text, _pixel(corner), cv2.FONT_HERSHEY_SIMPLEX, size, 255, width)
        picture[ink > 127] = colour(rng)


def _plain(rng: Generator) -> UInt8[np.ndarray, "128 128 3"]:
    octaves = ((4, 8, 16, 32, 64), (8, 64), (16, 32, 64))[rng.integers(3)]
    light = 0.85 * (1 + rng.uniform(0.02, 0.2) * grain(rng, octaves))
    return np.repeat((np.clip(light, 0.2, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


def _pixel(point: np.ndarray) -> tuple[int, int]:
    return int(point[0]), int(point[1])
