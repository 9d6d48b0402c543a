"""The Python API in one screen: a session folder in, 3D points with their doubt out.

python examples/reconstruct_session.py demo/session
"""

import sys
from pathlib import Path

from mocap3d.fusion.fit import FitOptions
from mocap3d.pipeline import ReconstructOptions, reconstruct
from mocap3d.session.records import Provenance
from mocap3d.writing import export_all


def main(root: Path) -> None:
    """Reconstructs a session and looks at one joint of one person."""
    options = ReconstructOptions(fit=FitOptions(max_gap_s=0.2))
    reconstruction = reconstruct(root, options, progress=lambda stage, done, total: print(f"{done}/{total} {stage}"))

    points = reconstruction.points
    wrist = points.skeleton.index("RWrist")
    p_in_world = points.p_in_world[:, 0, wrist]  # (t 3): metres, Z up; NaN where it is not known
    sigma_m = points.cov_m2[:, 0, wrist].diagonal(dim1=-2, dim2=-1).sqrt()  # (t 3): one standard deviation
    is_measured = points.provenance[:, 0, wrist] == int(Provenance.MEASURED)

    middle = len(points.t_s) // 2
    x, y, z = (f"{p:.3f} +- {s:.3f}" for p, s in zip(p_in_world[middle], sigma_m[middle], strict=True))
    print(f"{points.people[0]}, right wrist at {points.t_s[middle]:.2f} s: x {x}, y {y}, z {z} m")
    print(f"seen by two views or more in {is_measured.double().mean():.0%} of {len(points.t_s)} frames")
    for sentence in reconstruction.quality.warnings:
        print("doubtful:", sentence)
    for path in export_all(reconstruction):
        print("wrote", path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
