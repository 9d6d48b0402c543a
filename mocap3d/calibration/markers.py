"""Boards and sets of ArUco markers and AprilTags in one picture; each marker tells which it is, so parts are enough."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mocap3d.calibration.boards import AprilGrid, Charuco, opencv_dictionary
from mocap3d.calibration.marker_sets import Aruco
from mocap3d.calibration.sighting import Sighting, nothing_seen
from mocap3d.calibration.subpixel import refine_outer_corners, refine_saddles

MIN_CORNERS = 4
"""Of a flat board, not all on one line; fewer give no pose."""
TOUCHING = 20.0
"""With OpenCV's 7 grey values the tags of a grid, whose corners touch, run together where the picture is blurred."""
MAX_UNEVEN = 0.08
"""Of a board's extent: how far points may lie off a plane's picture; wide lenses bend it by less."""


@dataclass(frozen=True)
class CharucoFinder:
    """Finds one ChArUco board, from either side."""

    pattern: Charuco

    def __call__(self, grey: UInt8[np.ndarray, "height width"]) -> Sighting:
        """The inner corners that at least two markers vouch for."""
        pattern = self.pattern
        shown = cv2.bitwise_not(grey).astype(np.uint8, copy=False) if pattern.inverted else grey
        front = self._side(shown, pattern.first_id)
        if pattern.back == "none":
            return front
        if pattern.back == "other":
            back = self._side(shown, pattern.back_first_id)
        else:
            back = _mirrored(self._side(np.ascontiguousarray(shown[:, ::-1]), pattern.first_id), grey.shape[1])
        return _one_side(front, back)

    def _side(self, shown: UInt8[np.ndarray, "height width"], first_id: int) -> Sighting:
        pattern = self.pattern
        board = pattern.opencv(first_id=first_id)
        detector = cv2.aruco.CharucoDetector(board, cv2.aruco.CharucoParameters(), _parameters())
        corners, ids, _, marker_ids = detector.detectBoard(shown)
        n_markers = 0 if marker_ids is None else len(marker_ids)
        n_points = (pattern.columns - 1) * (pattern.rows - 1)
        if ids is None or len(ids) < MIN_CORNERS:
            return nothing_seen(n_points, n_markers=n_markers)
        seen = np.full((n_points, 2), np.nan)
        seen[ids.ravel().astype(int)] = corners.reshape(-1, 2)
        if not _lies_flat(pattern.points_mm()[:n_points, :2], seen):
            return nothing_seen(n_points, n_markers=n_markers)
        # The markers' own edges begin where their squares' margin ends.
        clear = (1 - pattern.marker_mm / pattern.square_mm) / 2
        spacing_px = _nearest_px(seen.reshape(pattern.rows - 1, pattern.columns - 1, 2)).ravel()
        uv_px, sigma_px = refine_saddles(shown, seen, min(0.35, 0.9 * clear + 0.06) * spacing_px)
        return Sighting(uv_px, sigma_px, n_markers=n_markers)


@dataclass(frozen=True)
class AprilGridFinder:
    """Finds one grid of AprilTags."""

    pattern: AprilGrid

    def __call__(self, grey: UInt8[np.ndarray, "height width"]) -> Sighting:
        """The corners of the tags that are seen."""
        pattern = self.pattern
        found = find_markers(grey, pattern.dictionary, pattern.border_bits, darker_by=TOUCHING)
        uv_px = np.full((pattern.columns * pattern.rows, 4, 2), np.nan)
        for marker, corners in found.items():
            if 0 <= marker - pattern.first_id < len(uv_px):
                uv_px[marker - pattern.first_id] = np.roll(corners, pattern.code_turns, axis=0)
        # The small squares make saddles of the tags' corners; they and the black border are what is clear.
        clear = min(pattern.gap_mm, pattern.border_bits * pattern.tag_mm / (_bits(pattern) + 2 * pattern.border_bits))
        side_px = np.linalg.norm(uv_px - np.roll(uv_px, 1, axis=1), axis=-1).min(axis=1)
        half_px = np.repeat(0.9 * clear / pattern.tag_mm * side_px, 4)
        uv_px = uv_px.reshape(-1, 2)
        if not _lies_flat(pattern.points_mm()[:, :2], uv_px):
            return nothing_seen(len(uv_px), n_markers=len(found))
        refined, sigma_px = refine_saddles(grey, uv_px, half_px)
        return Sighting(refined, sigma_px, n_markers=len(found))


@dataclass(frozen=True)
class ArucoFinder:
    """Finds one rigid set of markers."""

    pattern: Aruco

    def __call__(self, grey: UInt8[np.ndarray, "height width"]) -> Sighting:
        """The corners of its markers, or their centres, as the set is measured."""
        found = find_markers(grey, self.pattern.dictionary, self.pattern.border_bits)
        corners = [found.get(marker.id, np.full((4, 2), np.nan)) for marker in self.pattern.markers]
        uv_px = np.concatenate(corners)
        sides_px = np.linalg.norm(uv_px - np.roll(uv_px.reshape(-1, 4, 2), 1, axis=1).reshape(-1, 2), axis=1)
        # One window for all, so that the smallest marker's bits stay out of it.
        half_px = int(np.clip(np.nanmin(sides_px, initial=1e3) / 10, 2, 5))
        refined, sigma_px = refine_outer_corners(grey, uv_px, half_px)
        if not self.pattern.has_corners:
            refined, sigma_px = _centres(refined.reshape(-1, 4, 2), sigma_px.reshape(-1, 4))
        return Sighting(refined, sigma_px, n_markers=len(found))


def find_markers(
    grey: UInt8[np.ndarray, "height width"], dictionary: str, border_bits: int, *, darker_by: float = 7.0
) -> dict[int, Float[np.ndarray, "4 2"]]:
    """Id -> corners from the top left clockwise; an id that is seen twice is left out, as nobody knows which it is.

    ``darker_by`` is how many grey values below their surroundings markers must be.
    """
    parameters = _parameters()
    parameters.markerBorderBits, parameters.adaptiveThreshConstant = border_bits, darker_by
    detector = cv2.aruco.ArucoDetector(opencv_dictionary(dictionary), parameters)
    corners, ids, _ = detector.detectMarkers(grey)
    numbers = [] if ids is None else [int(number) for number in ids.ravel()]
    found = zip(numbers, corners, strict=True)
    return {number: quad.reshape(4, 2).astype(np.float64) for number, quad in found if numbers.count(number) == 1}


def _lies_flat(xy_mm: Float[np.ndarray, "k 2"], uv_px: Float[np.ndarray, "k 2"]) -> bool:
    """Whether the points lie as on the board: with rows and columns swapped, or other markers, they do not."""
    seen = np.isfinite(uv_px[:, 0])
    if seen.sum() < MIN_CORNERS:
        return False
    to_picture, _ = cv2.findHomography(xy_mm[seen], uv_px[seen])
    if to_picture is None:
        return False
    off = cv2.perspectiveTransform(xy_mm[seen][:, None], to_picture)[:, 0] - uv_px[seen]
    extent = np.ptp(uv_px[seen], axis=0).max()
    return bool(np.linalg.norm(off, axis=1).max() < MAX_UNEVEN * extent)


def _parameters() -> cv2.aruco.DetectorParameters:
    parameters = cv2.aruco.DetectorParameters()
    # Two windows for OpenCV's three find as many boards on real recordings in three quarters of the time.
    parameters.adaptiveThreshWinSizeMin, parameters.adaptiveThreshWinSizeMax = 7, 23
    parameters.adaptiveThreshWinSizeStep = 16
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    return parameters


def _bits(pattern: AprilGrid) -> int:
    return opencv_dictionary(pattern.dictionary).markerSize


def _one_side(front: Sighting, back: Sighting) -> Sighting:
    """Both sides' points, of which only those of the side that is seen better are kept: nobody sees both."""
    blank = nothing_seen(len(front.sigma_px))
    front, back = (front, blank) if front.n_points >= back.n_points else (blank, back)
    uv_px, sigma_px = np.concatenate([front.uv_px, back.uv_px]), np.concatenate([front.sigma_px, back.sigma_px])
    return Sighting(uv_px, sigma_px, n_markers=max(front.n_markers, back.n_markers))


def _mirrored(sighting: Sighting, width: int) -> Sighting:
    """A sighting in the mirrored picture, in the picture itself."""
    uv_px = sighting.uv_px * [-1, 1] + [width - 1, 0]
    return Sighting(uv_px, sighting.sigma_px, n_markers=sighting.n_markers)


def _nearest_px(grid: Float[np.ndarray, "rows columns 2"]) -> Float[np.ndarray, "rows columns"]:
    """Distance of every corner to its nearest neighbour; where it has none, the shortest of the others."""
    padded = np.pad(grid, ((1, 1), (1, 1), (0, 0)), constant_values=np.nan)
    around = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    nearest = np.full(grid.shape[:2], np.nan)
    for other in around:
        nearest = np.fmin(nearest, np.linalg.norm(other - grid, axis=-1))
    return np.where(np.isnan(nearest), np.fmin.reduce(nearest, axis=None), nearest)


def _centres(
    uv_px: Float[np.ndarray, "n 4 2"], sigma_px: Float[np.ndarray, "n 4"]
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, " n"]]:
    """Where the diagonals meet, which perspective keeps; a weighted mean of the corners has about this doubt."""
    across = np.cross(_homogeneous(uv_px[:, 0]), _homogeneous(uv_px[:, 2]))
    other = np.cross(_homogeneous(uv_px[:, 1]), _homogeneous(uv_px[:, 3]))
    meet = np.cross(across, other)
    return meet[:, :2] / meet[:, 2:], np.sqrt((sigma_px**2).mean(axis=1)) / 2


def _homogeneous(uv_px: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
    return np.pad(uv_px, ((0, 0), (0, 1)), constant_values=1)
