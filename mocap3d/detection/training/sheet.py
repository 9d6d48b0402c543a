"""A sheet of pictures with what a network says of them drawn on top."""

import cv2
import numpy as np
from jaxtyping import UInt8

from mocap3d.detection.training.data import KEYPOINT_SET
from mocap3d.detection.training.validate import Answers
from mocap3d.skeletons.skeleton import load_skeleton

_SKELETON = load_skeleton(KEYPOINT_SET)
LEFT, RIGHT, MIDDLE, TRUTH, HIDDEN = (255, 140, 0), (0, 160, 255), (0, 220, 0), (255, 255, 255), (255, 0, 255)


def sheet(answers: Answers, *, columns: int = 8, rows: int = 4, scale: int = 2) -> UInt8[np.ndarray, "h w 3"]:
    """RGB. Thin white: the truth. Thick: the answer, left orange, right blue; magenta dots are said to be hidden."""
    picked = np.unique(np.linspace(0, len(answers.image) - 1, min(columns * rows, len(answers.image))).round()).astype(
        int
    )
    tiles = [_tile(answers, int(i), scale) for i in picked]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def _tile(answers: Answers, index: int, scale: int) -> np.ndarray:
    image = answers.image[index].permute(1, 2, 0).numpy()
    tile = cv2.resize(np.ascontiguousarray(image), None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    truth = answers.true_uv_px[index].numpy()
    found = answers.uv_px[index, :, 0].numpy()
    truth = np.where(answers.labelled[index].numpy()[:, None], truth, np.nan)
    _limbs(tile, truth, scale, 1, [TRUTH] * len(_SKELETON.limbs))
    _limbs(tile, found, scale, 2, [_colour(child) for _, child in _SKELETON.limbs])
    for k, uv in enumerate(found):
        if np.isfinite(uv).all():
            hidden = answers.visibility_logit[index, k] <= 0
            cv2.circle(tile, _at(uv, scale), 3, HIDDEN if hidden else _colour(k), -1, cv2.LINE_AA)
    return tile


def _limbs(
    tile: np.ndarray, uv_px: np.ndarray, scale: int, thickness: int, colours: list[tuple[int, int, int]]
) -> None:
    for (a, b), colour in zip(_SKELETON.limbs, colours, strict=True):
        if np.isfinite(uv_px[[a, b]]).all():
            cv2.line(tile, _at(uv_px[a], scale), _at(uv_px[b], scale), colour, thickness, cv2.LINE_AA)


def _colour(k: int) -> tuple[int, int, int]:
    mirror = _SKELETON.mirror[k]
    return MIDDLE if mirror == k else LEFT if _SKELETON.keypoints[k].startswith("L") else RIGHT


def _at(uv: np.ndarray, scale: int) -> tuple[int, int]:
    x, y = np.clip((uv + 0.5) * scale - 0.5, -4000, 4000).round().astype(int).tolist()
    return x, y
