"""What a format can hold of a camera; what it cannot is refused in words, never dropped."""

import logging
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import LensModel
from mocap3d.session.records import CalibratedRig

log = logging.getLogger("mocap3d")

OTHERS = "Choose a format that can (mocap3d's own calibration.toml holds every lens), or calibrate with a simpler lens."


def coefficients(camera: Camera, where: str, counts: tuple[int, ...]) -> Float[np.ndarray, " n"]:
    """The Brown-Conrady coefficients of a camera, in OpenCV's order, as few of ``counts`` (ascending) as lose nothing.

    FormatError where the lens has more, or is a fisheye.
    """
    if camera.lens.model is LensModel.KANNALA_BRANDT:
        raise FormatError(f"{where} has a fisheye (Kannala-Brandt) lens, which this format cannot hold. {OTHERS}")
    distortion = camera.lens.distortion.numpy()
    needed = int(np.flatnonzero(distortion).max(initial=-1)) + 1
    for count in counts:
        if needed <= count:
            return np.concatenate([distortion, np.zeros(max(count - len(distortion), 0))])[:count]
    raise FormatError(
        f"{where} has a lens whose coefficient number {needed} (OpenCV's order) is not 0; this format holds "
        f"{counts[-1]}. {OTHERS}"
    )


def lens_numbers(camera: Camera, where: str, counts: tuple[int, ...]) -> tuple[Float[np.ndarray, " n"], bool]:
    """The coefficients, and whether they are a fisheye's, for formats that know both; refuses a moving camera."""
    refuse_moving(camera, where)
    if camera.lens.model is LensModel.KANNALA_BRANDT:
        return camera.lens.distortion.numpy(), True
    return coefficients(camera, where, counts), False


def refuse_moving(camera: Camera, where: str) -> None:
    """A camera that moves has no place in a file of one pose per camera."""
    if camera.is_moving:
        raise FormatError(f"{where} moves; this format holds one pose per camera. Write the cameras that stand still.")


def pose_numbers(camera: Camera) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, " 3"]]:
    """Rotation and translation (m) of cam_from_world."""
    return camera.cam_from_world.rotation.numpy(), camera.cam_from_world.translation.numpy()


def numbered(rig: CalibratedRig, prefix: str, path: Path) -> dict[str, Camera]:
    """Cameras under the names ``<prefix>0``, ``<prefix>1`` ..., for formats that know numbers only.

    A rig whose names are of that kind keeps them; any other is renamed in its order, aloud.
    """
    if all(name.startswith(prefix) and name.removeprefix(prefix).isdecimal() for name in rig.cameras):
        return dict(rig.cameras)
    new_names = {f"{prefix}{i}": name for i, name in enumerate(rig.cameras)}
    log.warning(
        "%s: this format knows cameras by number only, so they were renamed: %s.",
        path,
        ", ".join(f"'{name}' is {new}" for new, name in new_names.items()),
    )
    return {new: rig.cameras[name] for new, name in new_names.items()}
