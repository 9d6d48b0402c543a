"""Cameras from recordings of a board: where they stand, how well each is known, and what went wrong.

    python examples/calibrate_session.py session charuco_a2

The second word is a target of calib/ or a target file of your own; `mocap3d board` draws them for printing.
"""

import sys
from pathlib import Path

from mocap3d.calibration.calibrate import calibrate
from mocap3d.calibration.options import CalibrateOptions
from mocap3d.calibration.save import save
from mocap3d.session.board_recordings import load_board_recordings


def main(root: Path, target: str) -> None:
    """Calibrates, prints, and writes calibration.toml and its report into the session."""
    calibration = calibrate(load_board_recordings(root), CalibrateOptions(target=target))
    for view, camera in calibration.result.rig.cameras.items():
        x, y, z = camera.centre_in_world.tolist()
        print(f"{view}: at ({x:.3f}, {y:.3f}, {z:.3f}) m")
    for finding in calibration.findings:
        print(f"look at {finding.code}: {finding.text}")
    saved, _ = save(calibration, root)
    print("wrote", saved.calibration)
    print("wrote", saved.page)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
