"""A real recording: Pose2Sim's four-camera demonstration (a person balancing on a beam), reconstructed and judged.

    python examples/real_recording.py PATH/S00_Demo_Session [--overlays FOLDER]

The recording is part of Pose2Sim's repository (BSD-3-Clause). A session is built beside it in a temporary folder, from
its videos, its OpenPose keypoints and its Qualisys calibration. The TRC it is compared with is Pose2Sim's own result,
filtered; it is no ground truth.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from mocap3d.evaluation.quality import assess
from mocap3d.export.axes import OPENSIM
from mocap3d.pipeline import Reconstruction, reconstruct
from mocap3d.session.records import Points3D

TRIAL = "S00_P00_SingleParticipant/S00_P00_T01_BalancingTrial"
REFERENCE = "pose-3d/S00_P00_T01_BalancingTrial_0-100_filt_butterworth.trc"
SESSION_TOML = """
rate = 60
skeleton = "body25b"
[[people]]
name = "balancer"
"""


def build_session(demo: Path, root: Path) -> Path:
    """A session folder of links into the recording; one person is stated, so the one seen most is kept."""
    for folder in ("keypoints", "calibration"):
        (root / folder).mkdir(parents=True)
    for keypoints in (demo / TRIAL / "pose").iterdir():
        (root / "keypoints" / keypoints.name).symlink_to(keypoints.resolve())
    (root / "videos").symlink_to((demo / TRIAL / "videos").resolve())
    calibration = demo / "S00_Calibration" / "Calib.qca.txt"
    (root / "calibration" / calibration.name).symlink_to(calibration.resolve())
    (root / "session.toml").write_text(SESSION_TOML, encoding="utf-8")
    return root


def read_trc(path: Path) -> dict[str, torch.Tensor]:
    """Markers (t 3) by name, in our axes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    names = [name for name in lines[3].split("\t")[2:] if name.strip()]
    table = np.genfromtxt(lines[5:], delimiter="\t")[:, 2 : 2 + 3 * len(names)]
    p_in_trc = torch.from_numpy(table).reshape(len(table), len(names), 3)
    return dict(zip(names, OPENSIM.to_world(p_in_trc).unbind(1), strict=True))


def distances_mm(points: Points3D, reference: dict[str, torch.Tensor]) -> dict[str, float]:
    """Median distance of each keypoint that both have."""
    distances = {}
    for k, name in enumerate(points.skeleton.keypoints):
        if name in reference:
            n = min(len(reference[name]), len(points.t_s))
            apart_m = (points.p_in_world[:n, 0, k] - reference[name][:n]).norm(dim=-1)
            distances[name] = float(1000 * apart_m.nanmedian())
    return distances


def print_verdict(reconstruction: Reconstruction, reference: dict[str, torch.Tensor]) -> None:
    """Limbs, views, and the distance to the reference, a line each."""
    quality, alone = reconstruction.quality, reconstruction.triangulated
    before = assess(alone, reconstruction.tracks, reconstruction.rig)
    print(f"{'limb':<22}{'length':>9}{'spread: triangulated':>22}{'fitted':>10}")
    spreads_m = (before.limb_spread_m[0], quality.limb_spread_m[0])
    rows = zip(quality.limb_names, quality.limb_length_m[0], *spreads_m, strict=True)
    for name, length_m, loose_m, spread_m in rows:
        print(f"{name:<22}{length_m:>7.3f} m{1000 * loose_m:>19.1f} mm{1000 * spread_m:>7.1f} mm")
    print(f"\n{'view':<22}{'reprojection: triangulated':>27}{'fitted':>10}")
    errors = zip(reconstruction.tracks.views, before.reprojection_px, quality.reprojection_px, strict=True)
    for view, loose_px, fitted_px in errors:
        print(f"{view:<22}{loose_px.nanmedian():>24.2f} px{fitted_px.nanmedian():>7.2f} px")
    print(f"\n{'keypoint':<22}{'to the reference':>17}{'doubt (one sigma)':>20}")
    distances = distances_mm(reconstruction.points, reference)
    for name, mm in distances.items():
        print(f"{name:<22}{mm:>14.1f} mm{quality.sigma_mm[reconstruction.points.skeleton.index(name)]:>17.1f} mm")
    print(f"median over keypoints: {np.nanmedian(list(distances.values())):.1f} mm")
    for sentence in quality.warnings:
        print("doubtful:", sentence)


def main() -> None:
    """Reads the command line, reconstructs, prints, and draws if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="the folder S00_Demo_Session")
    parser.add_argument("--overlays", type=Path, help="a folder for pictures of the skeleton over the videos")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = build_session(arguments.demo, Path(folder) / "session")
        reconstruction = reconstruct(root)
        print_verdict(reconstruction, read_trc(arguments.demo / TRIAL / REFERENCE))
        if arguments.overlays:
            from overlay import draw_overlays  # the script beside this one

            for picture in draw_overlays(reconstruction, arguments.overlays):
                print("drew", picture)


if __name__ == "__main__":
    main()
