"""Finding people: a detector on letterboxed squares of the picture, and on overlapping tiles where people are small."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mocap3d.detection import weights
from mocap3d.detection.blazepose_detector import INPUT_PX, PersonNet
from mocap3d.detection.boxes import ASPECT, MARGIN, PersonBox, upright_angle
from mocap3d.detection.crops import Crops, along
from mocap3d.detection.posture import leaning
from mocap3d.detection.runtime import deployed

MIN_SCORE = 0.5
MAX_OVERLAP = 0.3  # of two head-and-shoulder boxes that are of different people
MAX_HIP_DISTANCE = 0.5  # of the body circle's radius
SAME_HIP = 0.3  # of that radius, within which one person's hips are placed in two sizes of squares
TILE_OVERLAP = 0.3  # of a tile's side, at least
GRIDS = (2, 4, 8, 14)  # tiles along the longer side
SMALLEST_TILE_PX = 160  # of the finer grids: smaller people than these show have no limbs to speak of
COMFORTABLE = 0.5  # height of a person in a square's side; below 0.25 nobody is found, measured on 8 people
WHOLE_SIDE = 0.1  # of its radius, how far a body may reach beyond an inner side of a tile

Candidates = Float[np.ndarray, "n 9"]
"""Score, head-and-shoulder box (x0 y0 x1 y1), mid-hip, a point of the body circle; image pixels."""


class PersonFinder:
    """Boxes of all people in images, each searched on its own: what is found does not depend on the batch."""

    def __init__(self, net: PersonNet, device: torch.device) -> None:
        self._device = device
        self._net = deployed(net, torch.zeros(1, 3, INPUT_PX, INPUT_PX, device=device))

    @classmethod
    def shipped(cls, device: torch.device) -> "PersonFinder":
        """With the weights inside the package."""
        net = PersonNet()
        weights.fill(net, weights.load("person-detector"))
        return cls(net.to(device).eval(), device)

    def __call__(
        self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]], squares: Sequence[PersonBox] | None = None
    ) -> list[list[PersonBox]]:
        """RGB images to boxes, best first.

        Looks in the given squares; without any at the whole, and in ever smaller tiles as long as it finds nobody, or
        only people so small that others are missed.
        """
        return [
            _people(self._everywhere(image) if squares is None else self._search(image, squares)) for image in images
        ]

    def _everywhere(self, image: np.ndarray) -> Candidates:
        size_px = image.shape[1], image.shape[0]
        squares = whole(size_px)
        rows = self._search(image, squares)
        for finer in grids(size_px):
            if not _wants_finer(rows, squares[0].size_px[1]):
                break
            squares, coarse, rows = finer, rows, self._search(image, finer)
            # Who is seen in both is taken from the finer ones: of people at the limit, circles are half too large.
            alone = [bool((_hip_distance(row, rows) > SAME_HIP).all()) for row in coarse]
            rows = np.concatenate([coarse[np.array(alone, bool)], rows])
        return rows

    def _search(self, image: np.ndarray, squares: Sequence[PersonBox]) -> Candidates:
        """What the network says of squares of an image."""
        crops = along(squares, (INPUT_PX, INPUT_PX))
        batch = torch.from_numpy(crops.cut(image)).to(self._device).permute(0, 3, 1, 2).float() / 255
        return _in_image(self._net(batch), crops, image.shape[:2])


def _in_image(raw: Sequence[Tensor], crops: Crops, shape: tuple[int, ...]) -> Candidates:
    """Anchors above the threshold, in image pixels; those that an inner side of a tile cuts are left out."""
    logit, box, point = (value.cpu().double() for value in raw)
    square, anchor = torch.nonzero(torch.sigmoid(logit) > MIN_SCORE, as_tuple=True)
    if len(square) == 0:
        return np.empty((0, 9))
    low, high = box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2
    pairs = torch.cat([low[:, :, None], high[:, :, None], point[:, :, :2]], 2)
    in_image = crops.to_image(pairs * INPUT_PX - 0.5)[square, anchor]  # a side's fraction counts from the corner
    rows = torch.cat([torch.sigmoid(logit)[square, anchor][:, None], in_image.flatten(1)], 1).numpy()
    sides = torch.tensor([[-0.5, -0.5], [INPUT_PX - 0.5] * 2]).double().expand(len(logit), 2, 2)
    edges = crops.to_image(sides)[square].numpy()
    return rows[[_is_whole(row, edge, shape) for row, edge in zip(rows, edges, strict=True)]]


def _is_whole(row: np.ndarray, edges: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether no inner side of the tile cuts the body: such halves get circles that are wrong."""
    radius = math.hypot(*(row[7:9] - row[5:7]))
    # People are narrow: the circle is as wide as they are high.
    reach = radius * (np.array([0.5 * ASPECT, 1.0]) - WHOLE_SIDE)
    low, high = row[5:7] - reach, row[5:7] + reach
    limit = np.array(shape[1::-1])
    return bool(((low >= edges[0]) | (edges[0] <= 0)).all() and ((high <= edges[1]) | (edges[1] >= limit - 1)).all())


def _people(rows: Candidates) -> list[PersonBox]:
    """Non-maximum suppression that averages what it suppresses, weighted by score (as MediaPipe does).

    Unlike there, hips must agree, too: the head-and-shoulder boxes are all of about one size, whatever the person's, so
    those of neighbours overlap, and the mean of two people is nobody.
    """
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    people: list[PersonBox] = []
    while len(rows):
        same = (_overlap(rows[0], rows) > MAX_OVERLAP) & (_hip_distance(rows[0], rows) < MAX_HIP_DISTANCE)
        same[0] = True
        merged = np.average(rows[same], axis=0, weights=rows[same, 0])
        people.append(_box(merged, float(rows[0, 0])))
        rows = rows[~same]
    return _without_doubles(people)


def _without_doubles(people: list[PersonBox]) -> list[PersonBox]:
    """Whole picture and tile may place one person's head differently, but not the whole body."""
    kept: list[PersonBox] = []
    for person in people:
        if not any(_are_one(person, other) for other in kept):
            kept.append(person)
    return kept


def _are_one(a: PersonBox, b: PersonBox) -> bool:
    """Hips in nearly one place; or one inside the other's trunk and legs, as a leg looks like a person in a tile."""
    small, large = sorted((a, b), key=lambda box: box.size_px[1])
    dx, dy = (abs(p - q) / large.size_px[1] for p, q in zip(a.centre_px, b.centre_px, strict=True))
    if small.size_px[1] > 0.6 * large.size_px[1]:
        return math.hypot(dx, dy) < 0.15
    return dx < 0.15 and dy < 0.4


def _box(row: np.ndarray, score: float) -> PersonBox:
    """The crop box of one detection: the circle around the body and its margin."""
    hip, rim = row[5:7], row[7:9]
    right, down = (float(value) for value in rim - hip)
    height = 2 * math.hypot(right, down) * MARGIN
    tilt = leaning(upright_angle(math.pi / 2 + math.atan2(down, right)))
    return PersonBox((float(hip[0]), float(hip[1])), (ASPECT * height, height), score, tilt)


def _overlap(row: np.ndarray, rows: Candidates) -> Float[np.ndarray, " n"]:
    """Intersection over union of head-and-shoulder boxes."""
    low, high = np.maximum(row[1:3], rows[:, 1:3]), np.minimum(row[3:5], rows[:, 3:5])
    shared = np.clip(high - low, 0, None).prod(1)
    union = (row[3:5] - row[1:3]).prod() + (rows[:, 3:5] - rows[:, 1:3]).prod(1) - shared
    return shared / np.maximum(union, 1e-9)


def _hip_distance(row: np.ndarray, rows: Candidates) -> Float[np.ndarray, " n"]:
    """Between mid-hips, in radii of the body circle."""
    return np.hypot(*(rows[:, 5:7] - row[5:7]).T) / max(math.dist(row[5:7], row[7:9]), 1e-9)


def _wants_finer(rows: Candidates, side: float) -> bool:
    """Whether all found in squares of this side are small; one who fills them would fall apart in smaller ones."""
    heights = 2 * np.hypot(*(rows[:, 7:9] - rows[:, 5:7]).T)
    return bool((heights < COMFORTABLE * side).all())


def whole(size_px: tuple[int, int]) -> list[PersonBox]:
    """The square around the whole picture."""
    width, height = size_px
    side = float(max(height, width))
    return [PersonBox(((width - 1) / 2, (height - 1) / 2), (side, side))]


def grids(size_px: tuple[int, int]) -> list[list[PersonBox]]:
    """Ever smaller tiles, as small as is worth it in a picture of this size."""
    every = [tiles(size_px, count) for count in GRIDS]
    return [every[0], *(squares for squares in every[1:] if squares[0].size_px[1] >= SMALLEST_TILE_PX)]


def tiles(size_px: tuple[int, int], count: int) -> list[PersonBox]:
    """Overlapping squares, at least ``count`` along the longer side and as many as needed along the other."""
    width, height = size_px
    side = min(max(height, width) / (count - (count - 1) * TILE_OVERLAP), float(min(height, width)))
    return [PersonBox((x, y), (side, side)) for y in _centres(height, side) for x in _centres(width, side)]


def _centres(length_px: int, side: float) -> list[float]:
    """Centres of squares that cover a length and overlap by at least TILE_OVERLAP."""
    count = 1 + math.ceil((length_px - side) / (side * (1 - TILE_OVERLAP)) - 1e-9)
    return [float(c) for c in np.linspace(side / 2, length_px - side / 2, count) - 0.5]
