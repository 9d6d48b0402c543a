"""Cameras from the room itself, without a board: structure from motion on still pictures, by COLMAP (pycolmap).

COLMAP matches the pictures and places the cameras; then they are adjusted here once more, with doubt out.
Source: Schoenberger and Frahm, "Structure-from-motion revisited" (2016).
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from math import log
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from mocap3d.calibration.bundle import BundleResult
from mocap3d.calibration.formats.colmap_files import Sensor
from mocap3d.calibration.formats.colmap_lens import HALF_PX, lens_of, sensor_of
from mocap3d.calibration.intrinsics import LensEstimate
from mocap3d.calibration.lens_kinds import kind_of
from mocap3d.calibration.observe import Progress
from mocap3d.calibration.options import Between
from mocap3d.calibration.people import CENTRE_SHARE, FOCAL_SIGMA, bundle_result
from mocap3d.calibration.people_adjust import adjusted
from mocap3d.calibration.people_problem import N_OF_VIEW
from mocap3d.calibration.people_sightings import Sightings
from mocap3d.calibration.people_world import size_by_distance
from mocap3d.calibration.placing import cameras_up
from mocap3d.calibration.world import level, moved
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import ViewId
from mocap3d.session.views import listed

MATCH_SIGMA_PX = 1.0
FLOOR_SHARE = 0.02
"""Quantile of the points' heights that is taken for the floor."""
EXTRA = "more"
SEED = 1


@dataclass(frozen=True)
class StructureOptions:
    """How cameras are found by what stands in the room."""

    between: Between = field(default_factory=Between)
    """The measured distance between two cameras: nothing else says how large the room is."""
    refine_focal: bool = False
    """Adjust focal lengths that a calibration states, too."""
    max_size_px: int = 2000
    """Pictures are matched at this size, at most."""
    max_features: int = 8192
    """Of each picture."""
    threads: int = 0
    """0 = one per core."""


@dataclass(frozen=True, slots=True, eq=False)
class StructureCalibration:
    """The cameras, and the points of the room that placed them."""

    result: BundleResult
    p_in_world: torch.Tensor
    """(n 3)"""
    world: str


def calibrate_from_scene(
    pictures: Mapping[ViewId, Path],
    options: StructureOptions = StructureOptions(),
    *,
    lenses: Mapping[ViewId, LensEstimate] | None = None,
    more: Sequence[Path] = (),
    progress: Progress | None = None,
) -> StructureCalibration:
    """The cameras by one picture of the room from each, best without people; lenses that are not known are estimated.

    ``more``: further pictures of the room by any one camera that is carried about. Where the views look from too
    different sides to be matched, these lead from one to the next.
    """
    tell = progress or (lambda *_: None)
    _check(pictures, options)
    if find_spec("pycolmap") is None:
        raise CalibrationError(
            "Cameras are placed by pictures of the room with pycolmap, which is not installed. Install it with: "
            "pip install 'mocap3d[scene]'. Or calibrate with a board or with people."
        )
    with tempfile.TemporaryDirectory() as folder:
        tell("matching the pictures", 0, 3)
        room = _Room(Path(folder), pictures, more, lenses or {}, options)
        room.match()
        tell("placing the cameras", 1, 3)
        model = room.reconstruct()
    tell("adjusting them", 2, 3)
    cameras, sightings = _seen(model, pictures, lenses or {})
    free, sigma = np.zeros((len(cameras), N_OF_VIEW), bool), np.full((len(cameras), N_OF_VIEW), np.inf)
    free[1:, :6], sigma[:, 6] = True, log(1 + FOCAL_SIGMA)
    sigma[:, 7:] = CENTRE_SHARE * np.array([[camera.size_px[0]] for camera in cameras.values()])
    free[:, 6] = [options.refine_focal or view not in (lenses or {}) for view in cameras]
    fitted = adjusted(sightings, list(cameras.values()), free, sigma, noise=1.0, with_limbs=False)
    estimates = {view: (lenses or {}).get(view) or LensEstimate(view, camera.lens, kind_of(camera.lens), camera.size_px)
                 for view, camera in cameras.items()}  # fmt: skip
    result = bundle_result(fitted, cameras, estimates)
    size = size_by_distance(result, options.between.views, options.between.metres)
    points = torch.from_numpy(fitted.x.points[:, 0][fitted.problem.usable[:, 0]])
    result, points = moved(result, Rigid.identity(), scale=size.factor), size.factor * points
    placed, points = _standing(result, points)
    tell("adjusting them", 3, 3)
    return StructureCalibration(placed, points, f"upright as the cameras are held, its floor the lowest of the room's "
                                f"{len(points)} points: a guess; its size by {size.source}")  # fmt: skip


def _check(pictures: Mapping[ViewId, Path], options: StructureOptions) -> None:
    if len(pictures) < 2:
        raise CalibrationError(
            f"the room is to place the cameras by pictures of {listed(pictures) or 'no view'}; needed are two or more."
        )
    if not options.between.views:
        raise CalibrationError(
            "nothing says how large the room is. Measure the distance between two cameras, lens to lens, and give it "
            "with between."
        )
    options.between.check(pictures)


@dataclass(frozen=True, slots=True)
class _Room:
    """Pictures on their way through COLMAP, in a folder of their own."""

    folder: Path
    pictures: Mapping[ViewId, Path]
    more: Sequence[Path]
    lenses: Mapping[ViewId, LensEstimate]
    options: StructureOptions

    def match(self) -> None:
        """Writes COLMAP's database."""
        import pycolmap

        pycolmap.set_random_seed(SEED)
        pycolmap.logging.minloglevel = int(pycolmap.logging.ERROR)  # or its log floods the terminal
        for view, path in self.pictures.items():
            self._extract([self._copied(path, name_of(view))], self.lenses.get(view))
        if self.more:
            self._extract([self._copied(path, f"{EXTRA}/{n:04d}.png") for n, path in enumerate(self.more)], None)
        matching = pycolmap.FeatureMatchingOptions()
        matching.use_gpu, matching.num_threads = False, self._threads
        pycolmap.match_exhaustive(self.folder / "db", matching_options=matching, device=pycolmap.Device.cpu)

    def reconstruct(self) -> Any:
        """COLMAP's model with all views in it; refused with the views that are missing."""
        import pycolmap

        settings = pycolmap.IncrementalPipelineOptions()
        settings.random_seed, settings.num_threads = SEED, self._threads
        settings.min_model_size, settings.ba_refine_focal_length = 2, True
        settings.extract_colors = False
        settings.mapper.init_min_tri_angle, settings.mapper.init_min_num_inliers = 4.0, 50
        # One picture per view: without points that two views see, there are none.
        settings.triangulation.ignore_two_view_tracks = False
        if all(view in self.lenses for view in self.pictures) and not self.more:
            settings.ba_refine_focal_length = settings.ba_refine_extra_params = False
        models = pycolmap.incremental_mapping(self.folder / "db", self.folder, self.folder / "out", settings)
        best = max(models.values(), key=lambda model: (_n_views(model), model.num_points3D()), default=None)
        placed = set() if best is None else {image.name for image in best.images.values() if image.has_pose}
        lost = [view for view in self.pictures if name_of(view) not in placed]
        if best is None or lost:
            raise CalibrationError(
                f"the pictures of {listed(lost)} do not match the others: too little of the room is seen from both, or "
                "from too different sides. Walk with any camera from one view's place to the next and add a dozen of "
                "its pictures (more), or put things with texture (posters, rugs, boxes) where views overlap."
            )
        return best

    @property
    def _threads(self) -> int:
        return self.options.threads or -1

    def _copied(self, path: Path, name: str) -> str:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise CalibrationError(f"{path} cannot be read as a picture. Needed: PNG or JPEG; export it again.")
        (self.folder / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(self.folder / name), picture)
        return name

    def _extract(self, names: list[str], lens: LensEstimate | None) -> None:
        import pycolmap

        reader = pycolmap.ImageReaderOptions()
        reader.camera_model = "SIMPLE_RADIAL"
        if lens is not None:
            sensor = sensor_of(Camera(_expressible(lens), Rigid.identity(), lens.size_px), lens.view)
            reader.camera_model = sensor.model
            reader.camera_params = ",".join(repr(float(number)) for number in sensor.parameters)
        extraction = pycolmap.FeatureExtractionOptions()
        extraction.use_gpu, extraction.num_threads = False, self._threads
        extraction.max_image_size = self.options.max_size_px
        extraction.sift.max_num_features = self.options.max_features
        pycolmap.extract_features(
            self.folder / "db", self.folder, names, camera_mode=pycolmap.CameraMode.SINGLE, reader_options=reader,
            extraction_options=extraction, device=pycolmap.Device.cpu,
        )  # fmt: skip


def name_of(view: ViewId) -> str:
    """Of a view's picture in COLMAP's database."""
    return f"views/{view}.png"


def _n_views(model: Any) -> int:
    return sum(image.has_pose and image.name.startswith("views/") for image in model.images.values())


def _expressible(lens: LensEstimate) -> Any:
    """For matching, a lens without what COLMAP has no word for: the final adjustment takes the lens as it is."""
    distortion = lens.lens.distortion
    if kind_of(lens.lens).n_coefficients > 8:
        return replace(lens.lens, distortion=torch.cat([distortion[:8], torch.zeros_like(distortion[:4])]))
    return lens.lens


def _seen(
    model: Any, pictures: Mapping[ViewId, Path], lenses: Mapping[ViewId, LensEstimate]
) -> tuple[dict[ViewId, Camera], Sightings]:
    """The views' cameras, and the room's points that at least two of them saw."""
    images = {image.name: image for image in model.images.values() if image.has_pose}
    cameras, rows = {}, []
    for view in pictures:
        image = images[name_of(view)]
        colmap = model.cameras[image.camera_id]
        sensor = Sensor(colmap.model.name, colmap.width, colmap.height, tuple(colmap.params.tolist()))
        lens = lenses[view].lens if view in lenses else lens_of(sensor, f"the lens of '{view}' by COLMAP")
        motion = image.cam_from_world()
        pose = Rigid(torch.from_numpy(motion.rotation.matrix().copy()), torch.from_numpy(motion.translation.copy()))
        cameras[view] = Camera(lens, pose, (colmap.width, colmap.height))
        rows.append({point.point3D_id: point.xy for point in image.points2D if point.has_point3D()})
    numbers = sorted(set().union(*rows))
    uv_px = np.full((len(rows), len(numbers), 1, 2), np.nan)
    for v, row in enumerate(rows):
        for n, number in enumerate(numbers):
            if number in row:
                uv_px[v, n, 0] = row[number] - HALF_PX
    seen = np.isfinite(uv_px[..., 0])
    n = len(numbers)
    sightings = Sightings(
        tuple(cameras), uv_px, np.where(seen, MATCH_SIGMA_PX, np.nan), np.arange(n, dtype=float), np.zeros(n, int),
        np.arange(n)[:, None], np.zeros((0, 2), int),
    )  # fmt: skip
    return cameras, sightings.of_bodies(seen[:, :, 0].sum(0) >= 2)


def _standing(result: BundleResult, points: torch.Tensor) -> tuple[BundleResult, torch.Tensor]:
    """Upright as the cameras are held, the floor under the lowest points, the origin below the cameras' middle."""
    up = cameras_up(result)
    view = next(iter(result.rig.cameras))
    in_cam = result.rig.cameras[view].cam_from_world.apply(points)
    cameras = result.rig.cameras
    upright = level(result, {name: camera.cam_from_world.rotation @ up for name, camera in cameras.items()})
    points = upright.rig.cameras[view].cam_from_world.inverse().apply(in_cam)
    origin = torch.stack([camera.centre_in_world for camera in upright.rig.cameras.values()]).mean(0)
    origin[2] = points[:, 2].quantile(FLOOR_SHARE)
    return moved(upright, Rigid(torch.eye(3, dtype=torch.float64), -origin)), points - origin
