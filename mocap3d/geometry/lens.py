"""Lenses: from a point in the camera frame to its pixel, and from a pixel back to its ray.

Camera frame: x right, y down, z forward. Pixel (0, 0) is the centre of the top-left pixel. A lens knows where its
model stops being one-to-one: beyond, it projects to NaN and has no ray.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import atan, inf, pi, tan

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.errors import CalibrationError
from mocap3d.geometry.distortion import Distortion, sensor_tilt, tilt_rotation
from mocap3d.geometry.smooth import angle_quotient, sin_quotient, versine_quotient


class LensModel(StrEnum):
    """How the field angle of a ray becomes a distance from the principal point."""

    PINHOLE = "pinhole"
    BROWN = "brown"
    KANNALA_BRANDT = "kannala-brandt"


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """Intrinsic parameters of one camera.

    Sources: Brown (1966, 1971) with OpenCV's rational, thin-prism and tilted-sensor terms; Kannala and Brandt (2006),
    as cv2.fisheye.
    """

    model: LensModel
    f_px: Float[Tensor, "2"]
    c_px: Float[Tensor, "2"]
    distortion: Float[Tensor, " n"]
    """OpenCV's order. None for pinhole; k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4 for Brown, and tau_x tau_y (rad) where its
    sensor is tilted; k1..k4 for Kannala-Brandt."""

    @staticmethod
    def pinhole(f_px: Float[Tensor, "2"], c_px: Float[Tensor, "2"]) -> "Lens":
        """A lens without distortion."""
        return Lens(LensModel.PINHOLE, f_px, c_px, f_px.new_zeros(0))

    @staticmethod
    def brown(f_px: Float[Tensor, "2"], c_px: Float[Tensor, "2"], distortion: Float[Tensor, " n"]) -> "Lens":
        """A Brown-Conrady lens of 4, 5, 8, 12 or 14 coefficients; absent ones are 0."""
        if len(distortion) not in (4, 5, 8, 12, 14):
            raise CalibrationError(
                f"A Brown-Conrady lens with {len(distortion)} coefficients was found. Needed are 4, 5, 8, 12 or 14, in "
                "OpenCV's order k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4 tau_x tau_y: calibrate the lens again with one of "
                "these models."
            )
        absent = max(12 - len(distortion), 0)
        return Lens(LensModel.BROWN, f_px, c_px, torch.cat([distortion, distortion.new_zeros(absent)]))

    @staticmethod
    def kannala_brandt(f_px: Float[Tensor, "2"], c_px: Float[Tensor, "2"], distortion: Float[Tensor, " n"]) -> "Lens":
        """A fisheye lens of 4 coefficients."""
        if len(distortion) != 4:
            raise CalibrationError(
                f"A Kannala-Brandt (fisheye) lens with {len(distortion)} coefficients was found. Needed are 4, "
                "k1 k2 k3 k4 as cv2.fisheye writes them: calibrate the lens again as a fisheye."
            )
        return Lens(LensModel.KANNALA_BRANDT, f_px, c_px, distortion)

    @staticmethod
    def from_matrix(matrix: Float[Tensor, "3 3"], distortion: Float[Tensor, " n"], *, fisheye: bool = False) -> "Lens":
        """A lens from OpenCV's camera matrix and coefficients; no coefficients and no fisheye is a pinhole."""
        if matrix[0, 1] != 0:
            raise CalibrationError(
                f"A camera matrix with skew {float(matrix[0, 1]):g} px was found. Needed is one without, as cameras "
                "have rectangular pixels: calibrate the lens again without skew."
            )
        f_px, c_px = matrix.diagonal()[:2], matrix[:2, 2]
        if fisheye:
            return Lens.kannala_brandt(f_px, c_px, distortion)
        return Lens.brown(f_px, c_px, distortion) if len(distortion) else Lens.pinhole(f_px, c_px)

    def matrix(self) -> Float[Tensor, "3 3"]:
        """OpenCV's camera matrix."""
        last = self.f_px.new_tensor([[0.0, 0.0, 1.0]])
        return torch.cat([torch.cat([torch.diag(self.f_px), self.c_px[:, None]], 1), last])

    @property
    def max_angle_rad(self) -> float:
        """Field angle to which the model is one-to-one, by its radial part: at most pi/2, or pi for Kannala-Brandt."""
        fold = self._plane_distortion().fold_radius
        return min(fold, pi) if self.model is LensModel.KANNALA_BRANDT else atan(fold)

    @property
    def max_radius(self) -> float:
        """Undistorted radius, tan of the field angle, to which the model is one-to-one; inf if everywhere."""
        if self.model is LensModel.KANNALA_BRANDT:
            return tan(self.max_angle_rad) if self.max_angle_rad < pi / 2 else inf
        return self._plane_distortion().fold_radius

    def sees(self, p_in_cam: Float[Tensor, "*b 3"]) -> Bool[Tensor, "*b"]:
        """Whether a point lies where the model holds: before the camera (but for fisheyes), and before the fold."""
        if self.model is LensModel.KANNALA_BRANDT:
            x, y, z = p_in_cam.unbind(-1)
            return torch.atan2(torch.hypot(x, y), z) < self.max_angle_rad
        before = p_in_cam[..., 2] > 0
        return before & self._plane_distortion().is_one_to_one(self._plane_from_point(p_in_cam))

    def distort(self, xy: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2"]:
        """Where the point (x, y, 1) of the camera frame is imaged by this lens with a focal length of 1."""
        p_in_cam = torch.cat([xy, torch.ones_like(xy[..., :1])], -1)
        return (self.project(p_in_cam) - self.c_px) / self.f_px

    def project(self, p_in_cam: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 2"]:
        """The pixel of each point; NaN where the lens does not see it."""
        seen, p_in_cam = self._only_seen(p_in_cam)
        distorted = self._plane_distortion().apply(self._plane_from_point(p_in_cam))
        return torch.where(seen[..., None], self.f_px * distorted.movedim(0, -1) + self.c_px, torch.nan)

    def jacobian(self, p_in_cam: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 2 3"]:
        """d project(p_in_cam) / d p_in_cam, in pixels per metre; NaN where the lens does not see the point."""
        seen, p_in_cam = self._only_seen(p_in_cam)
        distortion = self._plane_distortion().jacobian(self._plane_from_point(p_in_cam))
        jacobian = torch.einsum("i,ij...,jk...->...ik", self.f_px, distortion, self._plane_jacobian(p_in_cam))
        return torch.where(seen[..., None, None], jacobian, torch.nan)

    def unproject(self, uv_px: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 3"]:
        """The ray through each pixel, scaled to depth 1 in the camera frame.

        Newton's method: OpenCV's default inverse is 0.4 px off in the corners of an ordinary lens.
        A pixel beyond the radius where the model folds back has no ray and is NaN; so is one of a fisheye that looks
        sideways or back, for which see :meth:`direction`.
        """
        direction = self.direction(uv_px)
        forward = direction[..., 2:] > 0
        return torch.where(forward, direction / torch.where(forward, direction[..., 2:], 1.0), torch.nan)

    def direction(self, uv_px: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 3"]:
        """The unit vector towards what each pixel shows, in the camera frame; NaN where the pixel has no ray."""
        plane, found = self._plane_distortion().invert(((uv_px - self.c_px) / self.f_px).movedim(-1, 0).contiguous())
        radius2 = (plane * plane).sum(0)
        if self.model is LensModel.KANNALA_BRANDT:
            found = found & (radius2 < self.max_angle_rad**2)
            across, along = plane * sin_quotient(radius2), 1 - radius2 * versine_quotient(radius2)
        else:
            along = torch.rsqrt(1 + radius2)
            across = plane * along
        return torch.where(found[..., None], torch.stack([*across, along], -1), torch.nan)

    def resized(self, scale: float) -> "Lens":
        """The lens of the same picture with ``scale`` times as many pixels each way; scaled about its corner."""
        return replace(self, f_px=self.f_px * scale, c_px=(self.c_px + 0.5) * scale - 0.5)

    def cropped(self, left_px: float, top_px: float) -> "Lens":
        """The lens of a picture cut out at pixel (left, top)."""
        return replace(self, c_px=self.c_px - self.c_px.new_tensor([left_px, top_px]))

    def turned_clockwise(self, height_px: int) -> tuple["Lens", Float[Tensor, "3 3"]]:
        """The lens of the picture turned by 90 degrees, pixel (u, v) becoming (height - 1 - v, u); and turned_from_cam.

        That is a quarter turn (x, y) -> (-y, x), of the distortion's vectors too: decentring (p2, p1), thin prism
        (s1, s3) and (s2, s4). A tilted sensor's two angles are not the same in the other order, so that the camera
        frame then turns by their product (radians) more.
        """
        (cx, cy), d = self.c_px, self.distortion
        turned_from_cam = d.new_tensor([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
        tau_rad = d[12:]
        if len(tau_rad):
            turn = turned_from_cam @ tilt_rotation(tau_rad) @ turned_from_cam.mT
            tau_rad = torch.stack([torch.asin(turn[1, 2]), torch.atan2(-turn[0, 2], turn[2, 2])])
            turned_from_cam = tilt_rotation(tau_rad).mT @ turn @ turned_from_cam
        if self.model is LensModel.BROWN:
            p2, p1 = turned_from_cam[:2, :2] @ d[[3, 2]]
            prism = turned_from_cam[:2, :2] @ d[8:12].reshape(2, 2)
            d = torch.cat([d[:2], p1[None], p2[None], d[4:8], prism.flatten(), tau_rad])
        return Lens(self.model, self.f_px.flip(0), torch.stack([height_px - 1 - cy, cx]), d), turned_from_cam

    def _plane_distortion(self) -> Distortion:
        """The distortion in this model's plane: of tangents, or of field angles for Kannala-Brandt."""
        d = self.distortion
        if self.model is LensModel.BROWN:
            tilt = sensor_tilt(d[12:]) if len(d) > 12 else None
            return Distortion(d[[0, 1, 4]], d[5:8], d[[3, 2]], d[8:12].reshape(2, 2).mT, tilt)
        return Distortion(d, d[:0], self.f_px.new_zeros(2), self.f_px.new_zeros(2, 2))

    def _only_seen(self, p_in_cam: Float[Tensor, "*b 3"]) -> tuple[Bool[Tensor, "*b"], Float[Tensor, "*b 3"]]:
        """Which points are seen; the others are moved onto the axis, so that their gradient is 0 and not NaN."""
        with torch.no_grad():
            seen = self.sees(p_in_cam)
        return seen, torch.where(seen[..., None], p_in_cam, p_in_cam.new_tensor([0.0, 0.0, 1.0]))

    def _plane_from_point(self, p_in_cam: Float[Tensor, "*b 3"]) -> Float[Tensor, "2 *b"]:
        """Tangent of the field angle, or the angle itself, times the direction across the axis."""
        x, y, z = p_in_cam.unbind(-1)
        if self.model is LensModel.KANNALA_BRANDT:
            return torch.stack([x, y]) * angle_quotient(x * x + y * y, z)
        return torch.stack([x, y]) / z

    def _plane_jacobian(self, p_in_cam: Float[Tensor, "*b 3"]) -> Float[Tensor, "2 3 *b"]:
        """d _plane_from_point / d p_in_cam."""
        x, y, z = p_in_cam.unbind(-1)
        if self.model is not LensModel.KANNALA_BRANDT:
            zero = torch.zeros_like(z)
            return torch.stack([torch.stack([1 / z, zero, -x / z**2]), torch.stack([zero, 1 / z, -y / z**2])])
        radius2 = x * x + y * y
        distance2 = radius2 + z * z
        quotient = angle_quotient(radius2, z)
        # Within 1e-8 of the axis the bend moves nothing, and its quotient is rounding noise over next to nothing.
        off_axis = radius2 > 1e-16 * distance2
        bend = torch.where(off_axis, z / distance2 - quotient, 0.0) / torch.where(off_axis, radius2, 1.0)
        row_x = torch.stack([quotient + bend * x * x, bend * x * y, -x / distance2])
        row_y = torch.stack([bend * x * y, quotient + bend * y * y, -y / distance2])
        return torch.stack([row_x, row_y])
