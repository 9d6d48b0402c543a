"""Printed boards: their measures as a definition file states them, and where their points are.

Points are in millimetres in the frame of :mod:`mocap3d.calibration.targets`: the origin at the lower left corner of the
pattern, x right, y up, z out of the print. Rows are counted from the top of the print, as OpenCV does.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float

from mocap3d.session.views import did_you_mean, listed

DICTIONARIES = {
    name.removeprefix("DICT_").lower(): getattr(cv2.aruco, name)
    for name in dir(cv2.aruco)
    if name.startswith("DICT_") and name == name.upper()
}


@dataclass(frozen=True)
class Chessboard:
    """``[chessboard]``: inner corners, where four squares meet, are its points: row by row, the first square dark."""

    columns: int
    """Inner corners per row: one less than squares."""
    rows: int
    square_mm: float
    inverted: bool = False
    """Whether the top left square of the print is light."""

    def __post_init__(self):
        if min(self.columns, self.rows) < 2 or max(self.columns, self.rows) < 3:
            raise ValueError(f"{self.columns} x {self.rows} inner corners are too few; needed at least 3 x 2.")
        check_positive(square_mm=self.square_mm)

    @property
    def turns(self) -> int:
        """In how many positions the board looks the same: turned by half a turn light and dark may change places."""
        if (self.columns + self.rows) % 2:
            return 1
        return 4 if self.columns == self.rows and self.columns % 2 == 0 else 2

    @property
    def size_mm(self) -> tuple[float, float]:
        """Of the pattern, its outer squares included."""
        return (self.columns + 1) * self.square_mm, (self.rows + 1) * self.square_mm

    def points_mm(self) -> Float[np.ndarray, "k 3"]:
        """Inner corners, row by row from the top left."""
        return _grid_mm(self.columns, self.rows, self.square_mm)


@dataclass(frozen=True)
class Charuco:
    """``[charuco]``: a chessboard whose light squares carry markers, so that any part of it tells where it is."""

    columns: int
    """Squares per row."""
    rows: int
    square_mm: float
    marker_mm: float
    dictionary: str = "4x4_100"
    legacy: bool = False
    """Pattern of OpenCV before 4.6: with an even number of rows the first square carries a marker."""
    inverted: bool = False
    """White on black."""
    first_id: int = 0
    """Of the first marker."""
    back: Literal["none", "mirrored", "other"] = "none"
    """The other side: mirrored = the same print as if one saw through the board; other = markers of its own."""
    back_first_id: int = 0
    """Of the first marker on the back, where that is ``other``; its print is turned about the board's upright axis."""
    thickness_mm: float = 0.0
    """Between the two prints."""

    def __post_init__(self):
        if min(self.columns, self.rows) < 2 or self.columns * self.rows < 6:
            raise ValueError(f"{self.columns} x {self.rows} squares are too few; needed at least 3 x 2.")
        check_positive(square_mm=self.square_mm, marker_mm=self.marker_mm)
        if self.marker_mm >= self.square_mm:
            raise ValueError(f"marker_mm {self.marker_mm:g} must be less than square_mm {self.square_mm:g}.")
        check_ids(self.dictionary, self.first_id + self.n_markers)
        if self.back == "other":
            check_ids(self.dictionary, self.back_first_id + self.n_markers)
            if abs(self.back_first_id - self.first_id) < self.n_markers:
                raise ValueError(f"back_first_id must leave the {self.n_markers} markers of the front to the front.")
        if self.thickness_mm < 0:
            raise ValueError(f"thickness_mm is {self.thickness_mm:g}; needed 0 or more.")

    @property
    def n_markers(self) -> int:
        """On one side."""
        return self.columns * self.rows // 2

    @property
    def turns(self) -> int:
        """Its markers tell."""
        return 1

    @property
    def size_mm(self) -> tuple[float, float]:
        """Of the pattern."""
        return self.columns * self.square_mm, self.rows * self.square_mm

    def points_mm(self) -> Float[np.ndarray, "k 3"]:
        """Inner corners of the front, row by row from the top left; after them those of the back, if it has any."""
        front = _grid_mm(self.columns - 1, self.rows - 1, self.square_mm)
        if self.back == "none":
            return front
        back = front - [0.0, 0.0, self.thickness_mm]
        if self.back == "other":
            back[:, 0] = self.size_mm[0] - back[:, 0]
        return np.concatenate([front, back])

    def opencv(self, *, first_id: int | None = None) -> cv2.aruco.CharucoBoard:
        """One side as OpenCV knows it; its markers are counted from 0."""
        first = self.first_id if first_id is None else first_id
        # Only its own markers: a dictionary of 1000 takes longer to search, and finds more that is none.
        own = opencv_dictionary(self.dictionary)
        own.bytesList = own.bytesList[first : first + self.n_markers]
        board = cv2.aruco.CharucoBoard((self.columns, self.rows), self.square_mm, self.marker_mm, own)
        board.setLegacyPattern(self.legacy)
        return board


@dataclass(frozen=True)
class AprilGrid:
    """``[aprilgrid]``: rows of AprilTags with small black squares between their corners, as Kalibr prints them."""

    columns: int
    """Tags per row."""
    rows: int
    tag_mm: float
    """Side of a tag's black border."""
    gap_mm: float
    """Between neighbouring tags."""
    dictionary: str = "apriltag_36h11"
    border_bits: int = 2
    """Width of a tag's black border in bits; Kalibr prints 2."""
    first_id: int = 0
    """Of the tag in the lower left corner; ids go up along the rows and then upwards."""
    code_turns: int = 0
    """Quarter turns of each code against OpenCV's print of it, counter-clockwise."""

    def __post_init__(self):
        if min(self.columns, self.rows) < 1:
            raise ValueError(f"{self.columns} x {self.rows} tags are too few; needed at least 1 x 1.")
        check_positive(tag_mm=self.tag_mm, gap_mm=self.gap_mm, border_bits=self.border_bits)
        check_ids(self.dictionary, self.first_id + self.columns * self.rows)

    @property
    def turns(self) -> int:
        """Its tags tell."""
        return 1

    @property
    def size_mm(self) -> tuple[float, float]:
        """Of the pattern, the small squares at its border included."""
        pitch = self.tag_mm + self.gap_mm
        return self.columns * pitch + self.gap_mm, self.rows * pitch + self.gap_mm

    def points_mm(self) -> Float[np.ndarray, "k 3"]:
        """Of each tag by id: its top left, top right, bottom right and bottom left corner."""
        pitch = self.tag_mm + self.gap_mm
        rows, columns = np.divmod(np.arange(self.columns * self.rows), self.columns)
        low = self.gap_mm + pitch * np.stack([columns, rows], axis=1)
        corners = low[:, None] + self.tag_mm * np.array([[0, 1], [1, 1], [1, 0], [0, 0]])
        return _flat(corners.reshape(-1, 2))


def opencv_dictionary(name: str) -> cv2.aruco.Dictionary:
    """A predefined dictionary by its name, with or without OpenCV's DICT_; ValueError lists the known ones."""
    short = name.lower().removeprefix("dict_")
    if short not in DICTIONARIES:
        raise ValueError(f"dictionary is '{name}'.{did_you_mean(short, DICTIONARIES)} Known: {listed(DICTIONARIES)}.")
    return cv2.aruco.getPredefinedDictionary(DICTIONARIES[short])


def _grid_mm(columns: int, rows: int, square_mm: float) -> Float[np.ndarray, "k 3"]:
    """Inner corners of a board of one square more each way."""
    row, column = np.divmod(np.arange(columns * rows), columns)
    return _flat(square_mm * np.stack([column + 1, rows - row], axis=1).astype(np.float64))


def _flat(xy_mm: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
    return np.pad(xy_mm, ((0, 0), (0, 1)))


def check_positive(**lengths: float | int) -> None:
    """ValueError names the first that is not above 0."""
    for name, value in lengths.items():
        if not value > 0:
            raise ValueError(f"{name} is {value:g}; needed more than 0.")


def check_ids(dictionary: str, end: int) -> None:
    """ValueError where a dictionary has fewer markers than are needed."""
    known = len(opencv_dictionary(dictionary).bytesList)
    if end > known:
        raise ValueError(f"markers up to id {end - 1} are needed, but {dictionary} has {known}. Take a larger one.")
