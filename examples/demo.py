"""The main job from nothing: a real four-camera recording, from video to 3D; without a network, a synthetic one.

./run demo
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
from demo_recording import FetchError, fetch_recording

from mocap3d.cli import main as mocap3d
from mocap3d.export.npz import read_npz
from mocap3d.session.records import Points3D


def on_a_recording(root: Path) -> None:
    """Videos of four calibrated cameras in a laboratory: people are found, then their keypoints, then their motion."""
    _run("reconstruct", str(root))
    print(f"\nThe recording is {root} (with its licence). Look at {root / 'results' / 'report.html'} in any browser.")


def on_a_synthetic_scene(root: Path, seconds: str) -> None:
    """2D keypoints as a detector would give them, made anew, reconstructed, and compared with the truth."""
    if (root / "truth.npz").exists():  # of an earlier demo
        shutil.rmtree(root)
    rig = Path(__file__).parents[1] / "rigs" / "lab4.toml"
    _run("synth", str(root), "--rig", str(rig), "--duration-s", seconds)
    _run("reconstruct", str(root))
    compare(root)
    print(f"\nLook at {root / 'results' / 'report.html'} in any browser.")


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


def _run(*command: str) -> None:
    print(f"$ mocap3d {' '.join(command)}", flush=True)
    code = mocap3d(command)
    if code:
        raise SystemExit(code)


def main() -> None:
    """Everything lands in demo/, unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("demo"))
    parser.add_argument("--synthetic", action="store_true", help="a synthetic scene, whose truth is known")
    parser.add_argument("--seconds", default="5", help="length of the synthetic scene")
    arguments = parser.parse_args()
    if not arguments.synthetic:
        try:
            print("fetching the recording (51 MB, once)", flush=True)
            root = fetch_recording(arguments.folder / "recording")
        except FetchError as error:
            print(f"The recording could not be fetched ({error}).\nA synthetic scene is taken instead.", flush=True)
        else:
            return on_a_recording(root)
    return on_a_synthetic_scene(arguments.folder / "session", arguments.seconds)


if __name__ == "__main__":
    main()
