"""The reprojected skeleton over frames of the videos: the quickest way to see whether a reconstruction is right.

python examples/overlay.py SESSION FOLDER
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mocap3d.pipeline import Reconstruction, reconstruct
from mocap3d.session.video import frames

SIDES = {"L": (255, 120, 0), "R": (0, 200, 60)}
MIDDLE, SEEN = (230, 230, 60), (230, 30, 200)


def draw_overlays(reconstruction: Reconstruction, folder: Path, *, n_frames: int = 3) -> Iterator[Path]:
    """Pictures of evenly spread frames of every view that has a video; its frames must be the instants, one to one.

    Lines are the 3D skeleton seen by the camera (left orange, right green), dots the 2D keypoints of the detector.
    """
    folder.mkdir(parents=True, exist_ok=True)
    points, tracks = reconstruction.points, reconstruction.tracks
    wanted = np.linspace(0, len(points.t_s) - 1, n_frames + 2).round().astype(int)[1:-1].tolist()
    for number, view in enumerate(tracks.views):
        if view not in reconstruction.session.videos:
            continue
        camera = reconstruction.rig.cameras[view]
        for frame, picture in frames(reconstruction.session.videos[view].path, wanted):
            canvas = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
            for person in range(len(points.people)):
                _draw_dots(canvas, tracks.uv_px[number, frame, person, :, 0].numpy())
                uv_px = camera.project(points.p_in_world[frame, person]).numpy()
                _draw_limbs(canvas, uv_px, points.skeleton.limbs, points.skeleton.keypoints)
            path = folder / f"{view}_{frame:06d}.jpg"
            cv2.imwrite(str(path), canvas)
            yield path


def _draw_limbs(canvas: np.ndarray, uv_px: np.ndarray, limbs: tuple, names: tuple[str, ...]) -> None:
    for a, b in limbs:
        if np.isfinite(uv_px[[a, b]]).all():
            colour = SIDES.get(names[b][0], MIDDLE) if names[b][1].isupper() else MIDDLE
            ends = [tuple(map(int, uv_px[end].round())) for end in (a, b)]
            cv2.line(canvas, *ends, colour[::-1], 3, cv2.LINE_AA)


def _draw_dots(canvas: np.ndarray, uv_px: np.ndarray) -> None:
    for u, v in uv_px[np.isfinite(uv_px).all(-1)]:
        cv2.circle(canvas, (round(u), round(v)), 5, SEEN[::-1], 2, cv2.LINE_AA)


if __name__ == "__main__":
    for drawn in draw_overlays(reconstruct(Path(sys.argv[1])), Path(sys.argv[2])):
        print(drawn)
