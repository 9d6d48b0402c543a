"""Ceres, through pycolmap, as the independent judge of an adjustment: the board is the world, its poses are frames.

Every instant of the board is a frame of one rig whose sensors are the cameras; corners are constant points.
"""

import numpy as np
import pycolmap
from jaxtyping import Float

from mocap3d.calibration.extrinsics import Poses
from mocap3d.calibration.intrinsics import LensEstimate
from mocap3d.geometry import Camera
from mocap3d.session.records import TargetObservations


def sensor(number: int) -> pycolmap.sensor_t:
    return pycolmap.sensor_t(type=pycolmap.SensorType.CAMERA, id=number + 1)


def rigid(motion) -> pycolmap.Rigid3d:
    return pycolmap.Rigid3d(pycolmap.Rotation3d(motion.rotation.numpy()), motion.translation.numpy())


def adjusted(
    observations: TargetObservations, lenses: dict[str, LensEstimate], poses: Poses
) -> tuple[dict[str, Float[np.ndarray, "8"]], dict[str, Float[np.ndarray, "3 4"]], float]:
    """Fx fy cx cy k1 k2 p1 p2 and cam_from_first of every view at Ceres's minimum, and the sum of squared residuals."""
    scene, rig = pycolmap.Reconstruction(), pycolmap.Rig(rig_id=1)
    for number, (view, estimate) in enumerate(lenses.items()):
        lens, (width, height) = estimate.lens, estimate.size_px
        parameters = np.r_[lens.f_px.numpy(), lens.c_px.numpy(), lens.distortion[:4].numpy()]
        scene.add_camera(
            pycolmap.Camera(camera_id=number + 1, model="OPENCV", width=width, height=height, params=parameters)
        )
        if number == 0:
            rig.add_ref_sensor(sensor(0))
        else:
            rig.add_sensor(sensor(number), rigid(poses.cam_from_world[view]))
    scene.add_rig(rig)
    _add_frames(scene, observations, poses)
    cost = _solve(scene)
    return *_cameras(scene, list(lenses)), cost


def _add_frames(scene: pycolmap.Reconstruction, observations: TargetObservations, poses: Poses) -> None:
    seen, uv_px = observations.uv_px.isfinite().all(-1).numpy(), observations.uv_px.numpy()
    tracks: dict[int, list[tuple[int, int]]] = {}
    image_id = 0
    for instant in range(seen.shape[1]):
        frame = pycolmap.Frame(frame_id=instant + 1, rig_id=1)
        frame.rig_from_world = rigid(poses.world_from_target[0][instant])
        images = []
        for view in np.flatnonzero(seen[:, instant].any(1)):
            image_id += 1
            points = np.flatnonzero(seen[view, instant])
            image = pycolmap.Image(
                name=f"{instant}_{view}", camera_id=int(view) + 1, image_id=image_id,
                points2D=pycolmap.Point2DList([pycolmap.Point2D(uv) for uv in uv_px[view, instant, points]]),
            )  # fmt: skip
            image.frame_id = instant + 1
            frame.add_data_id(image.data_id)
            images.append(image)
            for place, point in enumerate(points):
                tracks.setdefault(int(point), []).append((image_id, place))
        if images:
            scene.add_frame(frame)
            for image in images:
                scene.add_image(image)
            scene.register_frame(instant + 1)
    for point, members in tracks.items():
        track = pycolmap.Track()
        for member in members:
            track.add_element(*member)
        scene.add_point3D(observations.p_in_target[point].numpy(), track)


def _solve(scene: pycolmap.Reconstruction) -> float:
    """To the last digit; returns the sum of squared residuals."""
    config, options = pycolmap.BundleAdjustmentConfig(), pycolmap.BundleAdjustmentOptions()
    for image in scene.images:
        config.add_image(image)
    for point in scene.points3D:
        config.add_constant_point(point)
    options.refine_principal_point = options.refine_focal_length = options.refine_extra_params = True
    options.refine_points3D = options.print_summary = False
    solver = options.ceres.solver_options
    solver.max_num_iterations, solver.num_threads = 200, 1
    solver.function_tolerance, solver.gradient_tolerance, solver.parameter_tolerance = 1e-14, 1e-14, 1e-12
    summary = pycolmap.create_default_bundle_adjuster(options, config, scene).solve()
    return 2 * summary.ceres_summary.final_cost


def _cameras(
    scene: pycolmap.Reconstruction, views: list[str]
) -> tuple[dict[str, Float[np.ndarray, "8"]], dict[str, Float[np.ndarray, "3 4"]]]:
    lenses = {view: np.array(scene.cameras[n + 1].params) for n, view in enumerate(views)}
    poses = {view: np.eye(4)[:3] if n == 0 else scene.rigs[1].sensor_from_rig(sensor(n)).matrix()
             for n, view in enumerate(views)}  # fmt: skip
    return lenses, poses


def matrix(camera: Camera) -> Float[np.ndarray, "3 4"]:
    motion = camera.cam_from_world
    return np.c_[motion.rotation.numpy(), motion.translation.numpy()]
