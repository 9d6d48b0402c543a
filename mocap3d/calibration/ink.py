"""What is black on a printed target: rectangles in millimetres from the top left corner of its pattern, y down."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from mocap3d.calibration.boards import AprilGrid, Charuco, Chessboard, opencv_dictionary
from mocap3d.calibration.marker_sets import Aruco
from mocap3d.calibration.targets import Target
from mocap3d.errors import CalibrationError


@dataclass(frozen=True, slots=True)
class Print:
    """One printed side."""

    size_mm: tuple[float, float]
    black_mm: Float[np.ndarray, "n 4"]
    """x, y, width, height of each rectangle."""
    caption: str
    inverted: bool = False
    """Whether the rectangles are white on a black pattern."""


def prints_of(target: Target) -> tuple[Print, ...]:
    """The sides of a board, or the markers of a set; CalibrationError where there is nothing to print."""
    match target.pattern:
        case Chessboard() as board:
            return (_chessboard(board),)
        case Charuco() as board:
            return _charuco(board)
        case AprilGrid() as board:
            return (_aprilgrid(board),)
        case Aruco() as markers:
            return _aruco(markers)
        case _:
            raise CalibrationError(f"'{target.name}' is not printed: wands and points of a scene are measured.")


def _chessboard(board: Chessboard) -> Print:
    rows, columns = np.indices((board.rows + 1, board.columns + 1))
    dark = (rows + columns) % 2 == int(board.inverted)
    caption = f"{board.columns} x {board.rows} inner corners, squares of {board.square_mm:g} mm"
    return Print(board.size_mm, _cells(dark, board.square_mm), caption)


def _charuco(board: Charuco) -> tuple[Print, ...]:
    caption = (
        f"ChArUco, {board.columns} x {board.rows} squares of {board.square_mm:g} mm, "
        f"markers of {board.marker_mm:g} mm, {board.dictionary}"
    )
    front = _charuco_side(board, board.first_id)
    prints = [Print(board.size_mm, front, f"{caption} from {board.first_id}", board.inverted)]
    if board.back == "other":
        back = _charuco_side(board, board.back_first_id)
        prints.append(Print(board.size_mm, back, f"{caption} from {board.back_first_id}, back", board.inverted))
    if board.back == "mirrored":
        back = front.copy()
        back[:, 0] = board.size_mm[0] - front[:, 0] - front[:, 2]
        prints.append(Print(board.size_mm, back, f"{caption} from {board.first_id}, back (mirrored)", board.inverted))
    return tuple(prints)


def _charuco_side(board: Charuco, first_id: int) -> Float[np.ndarray, "n 4"]:
    opencv = board.opencv(first_id=first_id)
    dark, black = np.ones((board.rows, board.columns), bool), []
    for number, corners in enumerate(opencv.getObjPoints()):
        x, y = (float(value) for value in np.asarray(corners).min(axis=0)[:2])
        dark[int(y // board.square_mm), int(x // board.square_mm)] = False
        black.append(_marker(opencv.getDictionary(), number, 1, board.marker_mm) + np.array([x, y, 0, 0]))
    return np.concatenate([_cells(dark, board.square_mm), *black])


def _aprilgrid(board: AprilGrid) -> Print:
    pitch, (width, height) = board.tag_mm + board.gap_mm, board.size_mm
    rows, columns = np.indices((board.rows + 1, board.columns + 1)).reshape(2, -1)
    small = np.stack([columns * pitch, rows * pitch, *[np.full(len(rows), board.gap_mm)] * 2], axis=1)
    black, dictionary = [small], opencv_dictionary(board.dictionary)
    for number in range(board.columns * board.rows):
        row, column = divmod(number, board.columns)
        x, y = board.gap_mm + column * pitch, height - (row + 1) * pitch
        tag = _marker(dictionary, board.first_id + number, board.border_bits, board.tag_mm, turns=board.code_turns)
        black.append(tag + np.array([x, y, 0, 0]))
    caption = (
        f"AprilGrid, {board.columns} x {board.rows} tags of {board.tag_mm:g} mm, gaps of {board.gap_mm:g} mm, "
        f"{board.dictionary}, border of {board.border_bits} bits"
    )
    return Print((width, height), np.concatenate(black), caption)


def _aruco(markers: Aruco) -> tuple[Print, ...]:
    dictionary = opencv_dictionary(markers.dictionary)
    return tuple(
        Print(
            (marker.size_mm, marker.size_mm),
            _marker(dictionary, marker.id, markers.border_bits, marker.size_mm),
            f"marker {marker.id} of {markers.dictionary}, {marker.size_mm:g} mm",
        )
        for marker in markers.markers
    )


def _marker(
    dictionary: cv2.aruco.Dictionary, number: int, border_bits: int, size_mm: float, *, turns: int = 0
) -> Float[np.ndarray, "n 4"]:
    side = dictionary.markerSize + 2 * border_bits
    bits = cv2.aruco.generateImageMarker(dictionary, number, side, borderBits=border_bits)
    return _cells(np.rot90(bits == 0, turns), size_mm / side)


def _cells(dark: Bool[np.ndarray, "rows columns"], cell_mm: float) -> Float[np.ndarray, "n 4"]:
    """Dark cells as few rectangles: runs along the rows, and equal runs below each other as one."""
    open_runs: dict[tuple[int, int], int] = {}
    boxes: list[tuple[int, int, int, int]] = []
    for row in range(len(dark) + 1):
        runs = _runs(dark[row]) if row < len(dark) else set()
        for start, end in [run for run in open_runs if run not in runs]:
            top = open_runs.pop((start, end))
            boxes.append((start, top, end - start, row - top))
        for run in runs:
            open_runs.setdefault(run, row)
    return cell_mm * np.array(sorted(boxes), np.float64).reshape(-1, 4)


def _runs(row: Bool[np.ndarray, " columns"]) -> set[tuple[int, int]]:
    change = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
    return {(int(start), int(end)) for start, end in change.reshape(-1, 2)}
