"""Sessions of pictures whose colours say where and when they are, and stand-ins for networks that read them.

Red and green of a pixel are its column and row, blue numbers the picture: from a crop alone it can be told what was
cut out of which picture, and so the truth is known to a stand-in that sees nothing but crops.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from scene import NO_NOISE, small_scene

from mocap3d.calibration.formats.native import write_calibration
from mocap3d.detection.boxes import box_of_keypoints
from mocap3d.detection.heatmaps import Modes
from mocap3d.detection.watch import Models
from mocap3d.session.records import CalibratedRig, Points3D
from mocap3d.synthesis.scene import Scene

SCALE = 1 / 8
CROP_PX = (96, 128)
"""Not smaller than a person: averaged colours would be rounded, by half a pixel."""


def small_rig(rig: CalibratedRig) -> CalibratedRig:
    """The same cameras with pictures of 240 x 135 px: every column and row has a colour of its own."""
    cameras = {
        view: replace(
            camera, lens=camera.lens.resized(SCALE), size_px=tuple(int(side * SCALE) for side in camera.size_px)
        )
        for view, camera in rig.cameras.items()
    }
    return CalibratedRig(cameras)


def telling_scene(*, n_people: int = 1, n_views: int = 3, duration_s: float = 0.4) -> Scene:
    """People walking, seen without error."""
    return small_scene(n_people=n_people, n_views=n_views, duration_s=duration_s, noise=NO_NOISE)


def write_telling_session(scene: Scene, root: Path) -> Path:
    """videos/<view>/*.png, calibration.toml and session.toml."""
    rig = small_rig(scene.rig)
    write_calibration(rig, root / "calibration.toml")
    (root / "session.toml").write_text(f"rate = {scene.rate}\n", encoding="utf-8")
    for v, (view, camera) in enumerate(rig.cameras.items()):
        folder = root / "videos" / view
        folder.mkdir(parents=True)
        for frame in range(len(scene.t_s)):
            content = cv2.imencode(".png", telling_picture(camera.size_px, _code(v, frame, scene))[..., ::-1])[1]
            (folder / f"{frame:03d}.png").write_bytes(content.tobytes())
    return root


def telling_picture(size_px: tuple[int, int], code: int) -> np.ndarray:
    """RGB: column, row, number of the picture."""
    width, height = size_px
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows, np.full_like(rows, code)], -1).astype(np.uint8)


def _code(view: int, frame: int, scene: Scene) -> int:
    # From above: a shade that is mixed with the black beside the picture must not pass for itself.
    code = 255 - view * len(scene.t_s) - frame
    assert code > 128, "more pictures than bright shades of blue"
    return code


@dataclass
class Truth:
    """What is to be seen, and who is missed: ``misses(view, frame, person)`` by position."""

    scene: Scene
    misses: Callable[[int, int, int], bool] = lambda *_: False
    uv_px: torch.Tensor = field(init=False)
    """(v t p k 2)"""

    def __post_init__(self):
        cameras = small_rig(self.scene.rig).cameras.values()
        self.uv_px = torch.stack([camera.project(self.scene.p_in_world) for camera in cameras])

    def picture(self, code: int) -> tuple[int, int]:
        """View and frame."""
        return divmod(255 - code, len(self.scene.t_s))

    def models(self) -> Models:
        """The stand-ins."""
        return Models(TruthEstimator(self), TruthFinder(self), "truth")


@dataclass
class TruthFinder:
    """Knows everybody who is not to be missed; counts the pictures it was shown."""

    truth: Truth
    n_pictures: int = 0

    def __call__(self, images, squares=None):  # noqa: ARG002
        self.n_pictures += len(images)
        return [self._people(*self.truth.picture(int(image[0, 0, 2]))) for image in images]

    def _people(self, view, frame):
        people = self.truth.uv_px[view, frame].numpy()
        return [box_of_keypoints(uv) for p, uv in enumerate(people) if not self.truth.misses(view, frame, p)]


@dataclass
class TruthEstimator:
    """The true keypoints of whoever stands nearest to the middle of the crop, or to where somebody is expected."""

    truth: Truth
    n_crops: int = 0
    keypoint_set: str = "halpe26"
    size_px: tuple[int, int] = CROP_PX
    fingerprint: str = "truth"

    def __call__(self, crops, expected_px=None):
        self.n_crops += len(crops)
        expected = [None] * len(crops) if expected_px is None else expected_px
        found = [self._look(crop, at) for crop, at in zip(crops, expected, strict=True)]
        uv_px = torch.stack([uv for uv, _ in found])[:, :, None].float()
        score = torch.tensor([score for _, score in found])[:, None, None].expand(*uv_px.shape[:3])
        cov_px2 = torch.eye(2).expand(*uv_px.shape, 2)
        return Modes(uv_px, cov_px2.contiguous(), score.log().contiguous())

    def _look(self, crop, expected_px):
        """Keypoints (k 2) in the crop, and how sure."""
        width, height = self.size_px
        code = int(crop[..., 2].max())
        view, frame = self.truth.picture(code)
        inside = crop[..., 2] == code
        rows, columns = np.nonzero(inside)
        here = np.stack([columns, rows, np.ones_like(rows)], -1).astype(float)
        image_from_crop = np.linalg.lstsq(here, crop[inside][:, :2].astype(float), rcond=None)[0].T
        people = self.truth.uv_px[view, frame]
        linear = torch.linalg.inv(torch.from_numpy(image_from_crop[:, :2]))
        in_crop = (people - torch.from_numpy(image_from_crop[:, 2])) @ linear.T
        if expected_px is None:
            distance = (in_crop.mean(1) - torch.tensor([(width - 1) / 2, (height - 1) / 2])).norm(dim=-1)
        else:
            distance = (in_crop - expected_px).norm(dim=-1).nanmean(-1)
        person = int(distance.argmin())
        return in_crop[person], 0.01 if expected_px is None and self.truth.misses(view, frame, person) else 0.9


def error_m(points: Points3D, scene: Scene) -> torch.Tensor:
    """Distances (t p k) to the truth of people in the same order."""
    return (points.p_in_world - scene.p_in_world).norm(dim=-1)
