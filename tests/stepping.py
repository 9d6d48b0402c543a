"""Feet that step at known times to known places, for tests of gait."""

from dataclasses import dataclass

import numpy as np

from mocap3d.biomech.feet import Feet, Side, make_feet


@dataclass(frozen=True)
class Stepper:
    """Steady gait along a direction; left and right half a stride apart."""

    stride_s: float = 1.1
    stance: float = 0.62
    """Share of the stride."""
    stride_m: float = 1.3
    width_m: float = 0.16
    belt_m_per_s: float = 0.0
    heading_rad: float = 0.0
    leg_m: float = 0.95

    def strikes_s(self, side: Side, last_s: float) -> np.ndarray:
        """When a foot lands."""
        return np.arange(0.2 if side == "Left" else 0.2 + self.stride_s / 2, last_s, self.stride_s)

    def tracks(
        self, rate_hz: float, last_s: float
    ) -> tuple[np.ndarray, dict[Side, np.ndarray], dict[Side, np.ndarray]]:
        """Pelvis, heels, toes (t 3)."""
        t_s = np.arange(round(last_s * rate_hz)) / rate_hz
        speed, heel, toe = self.stride_m / self.stride_s, {}, {}
        for side, lateral in (("Left", 1), ("Right", -1)):
            first_s = self.strikes_s(side, last_s)[0]
            phase = (t_s - first_s) / self.stride_s
            swing = np.clip((phase % 1 - self.stance) / (1 - self.stance), 0, 1)
            steps = np.floor(phase) + 0.5 * (1 - np.cos(np.pi * swing))
            place = (steps + self.stance / 2) * self.stride_m + speed * first_s
            lift = 0.5 * (1 - np.cos(2 * np.pi * swing))
            across = np.full_like(t_s, lateral * self.width_m / 2)
            heel[side] = self._turned(np.stack([place - 0.08, across, 0.05 + 0.18 * lift], axis=-1), t_s)
            toe[side] = self._turned(np.stack([place + 0.12, across, 0.03 + 0.06 * lift], axis=-1), t_s)
        bob = self.leg_m + 0.02 * np.sin(4 * np.pi * t_s / self.stride_s)
        return self._turned(np.stack([speed * t_s, 0 * t_s, bob], axis=-1), t_s), heel, toe

    def feet(self, rate_hz: float = 100.0, last_s: float = 8.0) -> Feet:
        """As gait wants them."""
        return make_feet(rate_hz, *self.tracks(rate_hz, last_s))

    def _turned(self, track: np.ndarray, t_s: np.ndarray) -> np.ndarray:
        """On a belt that runs backwards, then all of it turned about the vertical."""
        moved = track - np.stack([self.belt_m_per_s * t_s, 0 * t_s, 0 * t_s], axis=-1)
        c, s = np.cos(self.heading_rad), np.sin(self.heading_rad)
        return moved @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
