"""Rigid sets of single markers: each at its measured place, or known by the distances between them."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from mocap3d.calibration.boards import check_ids, check_positive

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Marker:
    """``[[aruco.markers]]``: one marker of a rigid set."""

    id: int
    size_mm: float
    """Side of its black border."""
    centre_mm: Triple = (0.0, 0.0, 0.0)
    rotation: Triple = (0.0, 0.0, 0.0)
    """Rotation vector (rad) that takes the marker's own frame, x right and y up on the print, to that of the set."""

    def __post_init__(self):
        check_positive(size_mm=self.size_mm)

    def points_mm(self) -> Float[np.ndarray, "4 3"]:
        """Top left, top right, bottom right, bottom left."""
        own = self.size_mm / 2 * np.array([[-1, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0]], np.float64)
        return own @ cv2.Rodrigues(np.array(self.rotation, np.float64))[0].T + np.array(self.centre_mm)


@dataclass(frozen=True)
class Aruco:
    """``[aruco]``: a rigid set of markers, by their places, or by the distances between their centres.

    From distances only the centres become points, and the markers must lie in one plane.
    """

    markers: tuple[Marker, ...]
    dictionary: str = "4x4_100"
    border_bits: int = 1
    distances_mm: tuple[tuple[int, int, float], ...] = ()
    """(id, other id, distance of their centres) of every two markers."""

    def __post_init__(self):
        ids = [marker.id for marker in self.markers]
        if not ids or len(set(ids)) < len(ids):
            raise ValueError(f"markers have the ids {ids}; needed at least one, and each id once.")
        check_ids(self.dictionary, max(ids) + 1)
        if self.distances_mm:
            self.points_mm()

    @property
    def turns(self) -> int:
        """Its markers tell."""
        return 1

    @property
    def has_corners(self) -> bool:
        """Whether the points are the markers' corners, not their centres."""
        return not self.distances_mm

    def points_mm(self) -> Float[np.ndarray, "k 3"]:
        """Four corners of each marker in the order of the file; or their centres, where distances are given."""
        if self.has_corners:
            return np.concatenate([marker.points_mm() for marker in self.markers])
        return centres_from_distances_mm([marker.id for marker in self.markers], self.distances_mm)


def centres_from_distances_mm(
    ids: list[int], distances_mm: tuple[tuple[int, int, float], ...], *, tolerance_mm: float = 3.0
) -> Float[np.ndarray, "n 3"]:
    """Points of a plane from the distance of every two; ValueError names the pair that does not fit.

    The first id is the origin, the second lies on x, and the third has y above 0.
    Source: Torgerson's classical scaling (1952).
    """
    known = {frozenset((a, b)): float(d) for a, b, d in distances_mm}
    pairs = [(i, j) for i in range(len(ids)) for j in range(i)]
    if missing := [(ids[j], ids[i]) for i, j in pairs if frozenset((ids[i], ids[j])) not in known]:
        raise ValueError(f"distances_mm lacks the pair {missing[0]}; needed every two of the ids {ids}.")
    d2 = np.zeros((len(ids), len(ids)))
    for i, j in pairs:
        d2[i, j] = d2[j, i] = known[frozenset((ids[i], ids[j]))] ** 2
    centring = np.eye(len(ids)) - 1 / len(ids)
    values, vectors = np.linalg.eigh(-centring @ d2 @ centring / 2)
    flat = (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1][:, :2]
    flat = np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    off = {(ids[j], ids[i]): abs(np.linalg.norm(flat[i] - flat[j]) - d2[i, j] ** 0.5) for i, j in pairs}
    worst = max(off, key=lambda pair: off[pair], default=None)
    if worst is not None and off[worst] > tolerance_mm:
        raise ValueError(
            f"distances_mm do not fit a plane: {worst} is off by {off[worst]:.1f} mm. Measure it again, or give each "
            "marker its centre_mm and rotation."
        )
    return np.pad(_laid_out(flat), ((0, 0), (0, 1)))


def _laid_out(flat: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    flat = flat - flat[0]
    if len(flat) > 1:
        x, y = flat[1] / max(float(np.linalg.norm(flat[1])), 1e-9)
        flat = flat @ np.array([[x, -y], [y, x]])
    return flat * [1, -1] if len(flat) > 2 and flat[2, 1] < 0 else flat
