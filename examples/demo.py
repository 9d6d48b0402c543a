"""The main job from nothing: a synthetic session on disk, its reconstruction, and how far that is from the truth.

./run demo
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch

from mocap3d.cli import main as mocap3d
from mocap3d.export.npz import read_npz
from mocap3d.session.records import Points3D


def compare(root: Path) -> None:
    """Prints the error of every person in ``results/`` of a synthetic session, against its truth.npz."""
    points = read_npz(root / "results" / "points.npz")
    with np.load(root / "truth.npz", allow_pickle=False) as truth:
        p_true = torch.from_numpy(truth["p_in_world"])
    print("\nAgainst the truth, which the reconstruction has not seen:")
    for person, name in enumerate(points.people):
        error_mm = 1000 * (points.p_in_world[:, person, None] - p_true).norm(dim=-1)  # (t p k): to everybody
        nearest = int(error_mm.nanmean((0, 2)).argmin())
        known_mm = error_mm[:, nearest].flatten()
        known_mm = known_mm[~known_mm.isnan()]
        print(
            f"  {name}: mean error {known_mm.mean():.1f} mm, median {known_mm.median():.1f} mm, "
            f"99 % below {known_mm.quantile(0.99):.1f} mm; {_inside(points, p_true[:, nearest], person):.0%} of the "
            "true points lie inside the stated 95 % ellipsoids"
        )


def _inside(points: Points3D, p_true: torch.Tensor, person: int) -> float:
    """Fraction of the points whose Mahalanobis distance is below the 95 % quantile of chi-squared, 3 degrees."""
    off_m = points.p_in_world[:, person] - p_true
    known = off_m.isfinite().all(-1) & points.cov_m2[:, person].isfinite().all(-1).all(-1)
    off_m, cov_m2 = off_m[known], points.cov_m2[:, person][known]
    distance2 = (off_m * torch.linalg.solve(cov_m2, off_m)).sum(-1)
    return float((distance2 < 7.815).double().mean())


def main() -> None:
    """Makes the session anew, in demo/session unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("demo/session"))
    parser.add_argument("--seconds", default="5")
    arguments = parser.parse_args()
    root = arguments.folder
    if (root / "truth.npz").exists():  # of an earlier demo
        shutil.rmtree(root)
    scene = ["--rig", str(Path(__file__).parents[1] / "rigs" / "lab4.toml"), "--duration-s", arguments.seconds]
    for command in (["synth", str(root), *scene], ["reconstruct", str(root)]):
        print(f"$ mocap3d {' '.join(command)}", flush=True)
        code = mocap3d(command)
        if code:
            raise SystemExit(code)
    compare(root)


if __name__ == "__main__":
    main()
