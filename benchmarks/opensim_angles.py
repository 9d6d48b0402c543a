"""Joint angles of a reconstruction beside OpenSim's inverse kinematics of the same recording, as a table for the docs.

    python benchmarks/opensim_angles.py SESSION/results/PERSON.mot REFERENCE.mot [ANOTHER.mot]

Row n of the tables is frame n of the recording, whatever their times begin with. A reference is another estimate from
the same videos, and no truth: what two of them differ by says how much any of them is worth.
"""

import argparse
from pathlib import Path

import numpy as np

from mocap3d.export.motion_npz import read_motion_npz
from mocap3d.session.motion_files.mot import MotionTable, read_mot

SPINE = "_Flex_Ext"
"""Lumbar joints of the reference's model, whose sum is the trunk against the pelvis."""
STILL_DEG = 1.5
"""What moves less has no shape to compare."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", type=Path)
    parser.add_argument("references", type=Path, nargs="+")
    options = parser.parse_args()
    coordinates, references = read_mot(options.ours), [read_mot(path) for path in options.references]
    angles = read_motion_npz(options.ours.with_name("motion.npz")).angles
    if angles is None:
        raise SystemExit(f"{options.ours.parent}: holds no joint angles. Reconstruct the session again.")
    person = angles.people.index(options.ours.stem)
    for a, name in enumerate(angles.names):
        ours = np.degrees(angles.angle_rad[:, person, a].numpy())
        if name in coordinates.columns:  # the pelvis counts from OpenSim's ground there
            ours = coordinates.column(name)
        theirs = [_column(reference, name, len(ours)) for reference in references]
        if any(np.isfinite(column).any() and np.ptp(column) > 0 for column in theirs):
            sigma = np.degrees(np.median(angles.sigma_rad[:, person, a].numpy()))
            between = [_difference(theirs[1], theirs[0])] if len(theirs) > 1 else []
            cells = [cell for column in theirs for cell in (_difference(ours, column), _likeness(ours, column))]
            print(f"| `{name}` | {sigma:.0f} | {' | '.join([*cells, *between])} |")


def _column(table: MotionTable, name: str, n: int) -> np.ndarray:
    """An angle of the reference by our name, NaN where it has none."""
    if name == "trunk_extension":
        parts = [table.column(column) for column in table.columns if column.endswith(SPINE)]
        return np.sum(parts, axis=0)[:n] if parts else np.full(n, np.nan)
    return table.column(name)[:n] if name in table.columns else np.full(n, np.nan)


def _difference(a: np.ndarray, b: np.ndarray) -> str:
    apart = (a - b + 180) % 360 - 180
    return f"{apart.mean():.1f} +- {apart.std():.1f}" if np.isfinite(apart).all() else "-"


def _likeness(a: np.ndarray, b: np.ndarray) -> str:
    return f"{np.corrcoef(a, b)[0, 1]:.2f}" if np.isfinite(b).all() and min(np.ptp(a), np.ptp(b)) > STILL_DEG else "-"


if __name__ == "__main__":
    main()
