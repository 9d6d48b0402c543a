"""The files of a COLMAP model, text and binary (little endian), as they stand: no convention is changed here."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mocap3d.errors import CalibrationError
from mocap3d.session.files import write_atomically, write_text

MODELS = {
    "SIMPLE_PINHOLE": 3, "PINHOLE": 4, "SIMPLE_RADIAL": 4, "RADIAL": 5, "OPENCV": 8, "OPENCV_FISHEYE": 8,
    "FULL_OPENCV": 12, "FOV": 5, "SIMPLE_RADIAL_FISHEYE": 4, "RADIAL_FISHEYE": 5, "THIN_PRISM_FISHEYE": 12,
    "RAD_TAN_THIN_PRISM_FISHEYE": 16, "SIMPLE_DIVISION": 4, "DIVISION": 5, "SIMPLE_FISHEYE": 3, "FISHEYE": 4,
}  # fmt: skip
"""Parameters of each camera model, in the order of their numbers in binary files."""
POINT_BYTES = 24
"""x and y of a keypoint, and the number of its 3D point."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """A camera of COLMAP: a lens and a picture size."""

    model: str
    width: int
    height: int
    parameters: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """A registered image: where its camera stood."""

    number: int
    quaternion: tuple[float, float, float, float]
    """w x y z of cam_from_world."""
    translation: tuple[float, float, float]
    sensor: int
    name: str


def read_model(folder: Path, ending: str) -> tuple[dict[int, Sensor], list[Image]]:
    """The cameras by their number, and the images, of ``cameras`` and ``images`` with this ending (txt or bin)."""
    cameras, images = folder / f"cameras.{ending}", folder / f"images.{ending}"
    readers = (_text_sensors, _text_images) if ending == "txt" else (_binary_sensors, _binary_images)
    try:
        return readers[0](cameras), readers[1](images)
    except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise CalibrationError(
            f"{folder} holds a damaged COLMAP model ({cameras.name} or {images.name}: {error}). Export it from COLMAP "
            "again."
        ) from None
    except OSError as error:
        raise CalibrationError(f"{error.filename} cannot be read ({error.strerror}).") from None


def write_model(sensors: dict[int, Sensor], images: list[Image], folder: Path, ending: str) -> None:
    """Cameras, images without keypoints, and no 3D points."""
    if ending == "bin":
        _write_binary(sensors, images, folder)
        return
    lines = ["# Camera list with one line of data per camera:", "#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    lines += [f"{n} {s.model} {s.width} {s.height} {_joined(s.parameters)}" for n, s in sensors.items()]
    write_text(folder / "cameras.txt", "\n".join(lines) + "\n")
    lines = ["# Image list with two lines of data per image:"]
    lines += ["#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "#   POINTS2D[] as (X, Y, POINT3D_ID)"]
    for image in images:
        lines += [f"{image.number} {_joined((*image.quaternion, *image.translation))} {image.sensor} {image.name}", ""]
    write_text(folder / "images.txt", "\n".join(lines) + "\n")
    write_text(folder / "points3D.txt", "# 3D point list with one line of data per point:\n")


def _text_sensors(path: Path) -> dict[int, Sensor]:
    sensors = {}
    for line in _lines(path):
        if line.strip():
            number, model, width, height, *parameters = line.split()
            sensors[int(number)] = Sensor(model, int(width), int(height), tuple(map(float, parameters)))
    return sensors


def _text_images(path: Path) -> list[Image]:
    """Every second line holds an image's keypoints; it may be empty, so that lines are counted and not skipped."""
    images = []
    lines = _lines(path)
    while lines and not lines[0].strip():
        lines = lines[1:]
    for line in lines[::2]:
        if not line.strip():
            continue
        number, *pose, sensor, name = line.split(maxsplit=9)
        w, x, y, z, *translation = map(float, pose)
        tx, ty, tz = translation
        images.append(Image(int(number), (w, x, y, z), (tx, ty, tz), int(sensor), name.strip()))
    return images


def _lines(path: Path) -> list[str]:
    """Without comments."""
    return [line for line in path.read_text(encoding="utf-8").split("\n") if not line.startswith("#")]


def _binary_sensors(path: Path) -> dict[int, Sensor]:
    sensors, names = {}, list(MODELS)
    with path.open("rb") as file:
        for _ in range(*_unpacked(file, "<Q")):
            number, model, width, height = _unpacked(file, "<iiQQ")
            if not 0 <= model < len(names):
                raise ValueError(f"camera model {model} is not known")
            parameters = _unpacked(file, f"<{MODELS[names[model]]}d")
            sensors[number] = Sensor(names[model], width, height, parameters)
    return sensors


def _binary_images(path: Path) -> list[Image]:
    images = []
    with path.open("rb") as file:
        for _ in range(*_unpacked(file, "<Q")):
            number, w, x, y, z, tx, ty, tz, sensor = _unpacked(file, "<i7di")
            name = _text_to_zero(file)
            (n_points,) = _unpacked(file, "<Q")
            file.seek(n_points * POINT_BYTES, 1)
            images.append(Image(number, (w, x, y, z), (tx, ty, tz), sensor, name))
    return images


def _text_to_zero(file: BinaryIO) -> str:
    letters = bytearray()
    while (letter := _unpacked(file, "<c")[0]) != b"\0":
        letters += letter
    return letters.decode()


def _unpacked(file: BinaryIO, form: str) -> tuple:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _write_binary(sensors: dict[int, Sensor], images: list[Image], folder: Path) -> None:
    with write_atomically(folder / "cameras.bin") as file:
        file.write(struct.pack("<Q", len(sensors)))
        for number, sensor in sensors.items():
            file.write(struct.pack("<iiQQ", number, list(MODELS).index(sensor.model), sensor.width, sensor.height))
            file.write(struct.pack(f"<{len(sensor.parameters)}d", *sensor.parameters))
    with write_atomically(folder / "images.bin") as file:
        file.write(struct.pack("<Q", len(images)))
        for image in images:
            file.write(struct.pack("<i7di", image.number, *image.quaternion, *image.translation, image.sensor))
            file.write(image.name.encode() + b"\0" + struct.pack("<Q", 0))
    with write_atomically(folder / "points3D.bin") as file:
        file.write(struct.pack("<Q", 0))


def _joined(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.17g}" for value in values)
