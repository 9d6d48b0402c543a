"""The same answers by another road: OpenCV, SciPy and long arithmetic."""

import cv2
import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import expm
from torch import Tensor

from mocap3d.geometry import Camera, Lens, LensModel


def opencv_project(lens: Lens, p_in_cam: Float[Tensor, "n 3"]) -> Float[Tensor, "n 2"]:
    """cv2's own projection; right only for points in front of the camera and before the model's fold."""
    no_pose, matrix, distortion = np.zeros(3), lens.matrix().numpy(), lens.distortion.numpy()
    if lens.model is LensModel.KANNALA_BRANDT:
        uv_px, _ = cv2.fisheye.projectPoints(p_in_cam.numpy()[:, None], no_pose, no_pose, matrix, distortion)
    else:
        uv_px, _ = cv2.projectPoints(p_in_cam.numpy(), no_pose, no_pose, matrix, distortion)
    return torch.from_numpy(uv_px.reshape(-1, 2))


def opencv_camera_project(camera: Camera, p_in_world: Float[Tensor, "n 3"]) -> Float[Tensor, "n 2"]:
    """cv2's projection with its own Rodrigues rotation, for a lens of Brown's kind."""
    rotvec, _ = cv2.Rodrigues(camera.cam_from_world.rotation.numpy())
    translation, matrix = camera.cam_from_world.translation.numpy(), camera.lens.matrix().numpy()
    distortion = camera.lens.distortion.numpy()
    uv_px, _ = cv2.projectPoints(p_in_world.numpy(), rotvec, translation, matrix, distortion)
    return torch.from_numpy(uv_px.reshape(-1, 2))


def opencv_unproject(lens: Lens, uv_px: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
    """cv2's inverse, given as many of its fixed-point steps as an ordinary lens needs."""
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-15)
    matrix, distortion = lens.matrix().numpy(), lens.distortion.numpy()
    if lens.model is LensModel.KANNALA_BRANDT:
        xy = cv2.fisheye.undistortPoints(uv_px.numpy()[:, None], matrix, distortion, criteria=criteria)
    else:
        xy = cv2.undistortPoints(uv_px.numpy()[:, None], matrix, distortion, criteria=criteria)
    return torch.from_numpy(xy.reshape(-1, 2))


def matrix_exponential(twist: Float[Tensor, "6"]) -> Float[Tensor, "4 4"]:
    """The motion along a twist (velocity, angular velocity), by SciPy's matrix exponential."""
    (vx, vy, vz, wx, wy, wz) = twist.tolist()
    return torch.from_numpy(expm(np.array([[0, -wz, wy, vx], [wz, 0, -wx, vy], [-wy, wx, 0, vz], [0, 0, 0, 0]])))
