"""Your own detector's arrays and OpenCV's cameras, without a folder or a file: 3D points with their doubt, skeletons.

python examples/own_arrays.py
"""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float, Int

from mocap3d.detection.foreign.build import RawKeypoints, build_detections
from mocap3d.evaluation.quality import assess
from mocap3d.fusion.associate import associate
from mocap3d.fusion.fit import fit_sequence
from mocap3d.fusion.points import triangulate_tracks
from mocap3d.fusion.skeleton_fit.fit import fit_skeleton
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.rate import regular_times
from mocap3d.session.records import CalibratedRig, Detections, Motion, Points3D, Quality, Timeline
from mocap3d.synthesis.scene import SceneOptions, make_scene

RATE, KEYPOINTS = Fraction(60), "coco17"


def camera_of(
    matrix: Float[np.ndarray, "3 3"],
    distortion: Float[np.ndarray, " d"],
    rvec: Float[np.ndarray, "3"],
    tvec_m: Float[np.ndarray, "3"],
    size_px: tuple[int, int],
) -> Camera:
    """What cv2.calibrateCamera and cv2.solvePnP return: rvec and tvec (metres) lead from the world into the camera."""
    lens = Lens.from_matrix(torch.from_numpy(matrix), torch.from_numpy(distortion))
    return Camera(lens, Rigid.from_rotvec(torch.from_numpy(rvec), torch.from_numpy(tvec_m)), size_px)


def detections_of(
    view: str,
    frame: Int[np.ndarray, " n"],
    uv_px: Float[np.ndarray, "n k 2"],
    score: Float[np.ndarray, "n k"],
    n_frames: int,
) -> Detections:
    """A row per person and frame, people in any order; score 0 or NaN is missing, (0, 0) the centre of a pixel."""
    nobody = np.full(len(frame), -1)  # 3D finds out who is who
    return build_detections(RawKeypoints(KEYPOINTS, frame, nobody, uv_px, score, n_frames), view)


def motion_of(detections: Mapping[str, Detections], rig: CalibratedRig) -> tuple[Points3D, Motion, Quality]:
    """The same steps that ``mocap3d.pipeline.reconstruct`` takes after a folder is read; views are in step here."""
    n_frames = max(of_view.n_frames for of_view in detections.values())
    frames = torch.arange(n_frames, dtype=torch.float64)  # of each view at each instant; fractions where out of step
    timeline = Timeline(regular_times(n_frames, RATE), RATE, dict.fromkeys(detections, frames))
    tracks = associate(detections, timeline, rig)
    points = fit_sequence(tracks, rig, triangulate_tracks(tracks, rig))
    return points, fit_skeleton(points, tracks, rig), assess(points, tracks, rig)


def main() -> None:
    """Arrays of a synthetic scene stand in for yours."""
    scene = make_scene(SceneOptions(n_views=4, duration_s=1.0, rate=RATE, skeleton=KEYPOINTS))
    cameras, detections = {}, {}
    for view, camera in scene.rig.cameras.items():
        matrix = np.eye(3)
        matrix[[0, 1], [0, 1]], matrix[:2, 2] = camera.lens.f_px, camera.lens.c_px
        rvec, tvec_m = camera.cam_from_world.rotvec().numpy(), camera.cam_from_world.translation.numpy()
        cameras[view] = camera_of(matrix, np.asarray(camera.lens.distortion), rvec, tvec_m, camera.size_px)
        seen = scene.detections[view]
        score = seen.log_weight[:, :, 0].exp().numpy()
        detections[view] = detections_of(view, seen.frame.numpy(), seen.uv_px[:, :, 0].numpy(), score, seen.n_frames)
    points, motion, quality = motion_of(detections, CalibratedRig(cameras))
    error_mm = 1000 * (points.p_in_world - scene.p_in_world).norm(dim=-1).nanmedian()
    print(f"{len(points.t_s)} instants of {len(points.people)} person, median error {error_mm:.1f} mm")
    height_m, sigma_mm = motion.skeletons[0].height_m, quality.sigma_mm.nanmedian()
    print(f"{motion.people[0]} is {height_m:.2f} m tall; doubt of a keypoint (one sigma) {sigma_mm:.1f} mm")


if __name__ == "__main__":
    main()
