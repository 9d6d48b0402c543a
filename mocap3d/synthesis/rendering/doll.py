"""A mesh of tubes and eggs, each rigid on one bone, while it grows."""

from dataclasses import dataclass, field

import numpy as np

from mocap3d.synthesis.rendering.turns import between

_ROUND = 10
MARK = "mark"
"""The feature of vertices that are not drawn."""


@dataclass(slots=True)
class Doll:
    """A mesh while it grows; one entry per vertex, but for the triangles."""

    vertices: list[np.ndarray] = field(default_factory=list)
    triangles: list[tuple[int, int, int]] = field(default_factory=list)
    texture_uv: list[tuple[float, float]] = field(default_factory=list)
    bone: list[str] = field(default_factory=list)
    feature: list[str] = field(default_factory=list)
    """What the vertex is of: thigh, nose ..."""
    along: list[float] = field(default_factory=list)
    """0 where a piece begins, 1 where it ends."""

    def rings(self, bone: str, feature: str, centres: np.ndarray, widths: np.ndarray, depths: np.ndarray) -> None:
        """A closed tube about the line of centres (m 3), with half widths and half depths across it."""
        first = len(self.vertices)
        axes = between(np.array([0.0, 0.0, 1.0]), centres[-1] - centres[0])
        m = len(centres)
        for n, (centre, width, depth) in enumerate(zip(centres, widths, depths, strict=True)):
            for k in range(_ROUND):
                turn = 2 * np.pi * k / _ROUND
                across = np.array([width * np.cos(turn), depth * np.sin(turn), 0])
                self._add(centre + axes @ across, bone, feature, n / (m - 1), k / _ROUND)
        for n in range(m - 1):
            for k in range(_ROUND):
                a, b = first + n * _ROUND + k, first + n * _ROUND + (k + 1) % _ROUND
                self.triangles += [(a, b, b + _ROUND), (a, b + _ROUND, a + _ROUND)]

    def egg(self, bone: str, feature: str, centre: np.ndarray, radii: np.ndarray, *, rings: int = 9) -> None:
        """An ellipsoid whose axes are those of the room."""
        height = np.cos(np.linspace(np.pi, 0, rings)) * radii[2]
        girth = np.sin(np.linspace(np.pi, 0, rings)) + 1e-3
        centres = centre + np.stack([0 * height, 0 * height, height], axis=1)
        self.rings(bone, feature, centres, girth * radii[0], girth * radii[1])

    def limb(self, bone: str, feature: str, start: np.ndarray, end: np.ndarray, radii: tuple[float, ...]) -> None:
        """A tube from joint to joint, rounded at both ends."""
        share = np.linspace(0, 1, len(radii))
        along = (end - start) / np.linalg.norm(end - start)
        tips = [
            start - along * radii[0] * 0.7,
            *(start + (end - start) * s for s in share),
            end + along * radii[-1] * 0.7,
        ]
        girth = np.array([0.2 * radii[0], *radii, 0.2 * radii[-1]])
        self.rings(bone, feature, np.stack(tips), girth, girth)

    def mark(self, bone: str, point: np.ndarray) -> int:
        """A vertex that is not drawn; its place."""
        self._add(point, bone, MARK, 0.0, 0.0)
        return len(self.vertices) - 1

    def _add(self, point: np.ndarray, bone: str, feature: str, along: float, around: float) -> None:
        self.vertices.append(point)
        self.texture_uv.append((around, along))
        self.bone.append(bone)
        self.feature.append(feature)
        self.along.append(along)
