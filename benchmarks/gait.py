"""Foot strikes and offs from marker tracks beside those of force plates, in frames, by every method.

    python benchmarks/gait.py MARKERS.trc FORCE.mot

The markers are OpenSim's gait2354 example: a walk on an instrumented treadmill.
"""

import argparse
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from mocap3d.biomech.events import OFF, STRIKE, Method, gait_events
from mocap3d.biomech.feet import SIDES, Feet, make_feet
from mocap3d.export.axes import OPENSIM
from mocap3d.session.motion_files.mot import read_mot
from mocap3d.session.motion_files.trc import read_trc

PLATES = {"Right": "ground_force_vy", "Left": "1_ground_force_vy"}
THRESHOLD_N = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("markers", type=Path)
    parser.add_argument("force", type=Path)
    options = parser.parse_args()
    feet, truth = read_feet(options.markers), read_truth(options.force)
    print("| method | events found | mean, frames | worst, frames |\n|---|---:|---:|---:|")
    for method in get_args(Method):
        late = [late for late in lateness(feet, truth, method) if np.isfinite(late)]
        print(f"| {method} | {len(late)} of {sum(map(len, truth.values()))} | {np.mean(np.abs(late)):.2f} | "
              f"{np.max(np.abs(late)):.2f} |")  # fmt: skip


def read_feet(path: Path) -> Feet:
    """Heels, toe tips and the pelvis between its three markers."""
    markers = read_trc(path)

    def z_up(name: str) -> np.ndarray:
        return OPENSIM.to_world(torch.from_numpy(markers.track(name))).numpy()

    pelvis = np.mean([z_up(name) for name in ("R.ASIS", "L.ASIS", "V.Sacral")], axis=0)
    heel, toe = ({side: z_up(f"{side[0]}.{part}") for side in SIDES} for part in ("Heel", "Toe.Tip"))
    return make_feet(float(markers.rate), pelvis, heel, toe)


def read_truth(path: Path) -> dict[tuple[str, str], np.ndarray]:
    """Times at which the vertical force passes 20 N, by side and event."""
    force, truth = read_mot(path), {}
    for side, column in PLATES.items():
        change = np.diff((force.column(column) > THRESHOLD_N).astype(int))
        truth[side, STRIKE], truth[side, OFF] = force.t_s[1:][change > 0], force.t_s[1:][change < 0]
    return truth


def lateness(feet: Feet, truth: dict[tuple[str, str], np.ndarray], method: Method) -> list[float]:
    """Of every true event, how many frames the nearest found one is late; NaN where there is none within 10."""
    found = []
    events = gait_events(feet, method)
    for (side, label), times in truth.items():
        ours = np.array([event.t_s for event in events if (event.side, event.label) == (side, label)])
        for t_s in times:
            late = feet.rate_hz * min(ours - t_s, key=abs) if len(ours) else np.nan
            found.append(float(late) if abs(late) < 10 else np.nan)
    return found


if __name__ == "__main__":
    main()
