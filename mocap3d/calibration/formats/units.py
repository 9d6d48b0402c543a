"""Lengths of files that do not say in which unit they are."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch

from mocap3d.calibration.formats.content import Content
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid

log = logging.getLogger("mocap3d")

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
ALIASES = {
    "metre": "m", "metres": "m", "meter": "m", "meters": "m", "centimetre": "cm", "centimetres": "cm",
    "centimeter": "cm", "centimeters": "cm", "millimetre": "mm", "millimetres": "mm", "millimeter": "mm",
    "millimeters": "mm", "inch": "in", "inches": "in",
}  # fmt: skip
UNIT_KEYS = ("unit", "units", "length_unit", "length_units")
LARGEST_RIG_M = 50.0


def in_metres(
    cameras: Mapping[str, Camera], content: Content, *, stated: str | None = None, remedy: str = ""
) -> dict[str, Camera]:
    """Cameras whose poses are in the file's unit, in metres.

    The unit is what the user stated, else what the file states, else metres or millimetres, whichever makes a rig of
    people's size; that is said aloud, with ``remedy``, how the file could state it.
    """
    metre_per_unit = METRES[_unit(cameras, content, stated, remedy)]
    return {name: scaled(camera, metre_per_unit) for name, camera in cameras.items()}


def scaled(camera: Camera, metre_per_unit: float) -> Camera:
    """The camera in a world whose lengths are ``metre_per_unit`` times as many."""
    pose = camera.cam_from_world
    return replace(camera, cam_from_world=Rigid(pose.rotation, pose.translation * metre_per_unit))


def stated_unit(sections: Iterable[object]) -> str | None:
    """What the first of some tables says under one of the usual keys."""
    for section in sections:
        if isinstance(section, Mapping):
            for key in UNIT_KEYS:
                value: Any = section.get(key)
                if isinstance(value, str):
                    return value
    return None


def _unit(cameras: Mapping[str, Camera], content: Content, stated: str | None, remedy: str) -> str:
    unit = content.unit or stated
    if unit is None:
        return _guessed_unit(cameras, content, remedy)
    known = ALIASES.get(unit.strip().lower(), unit.strip().lower())
    if known not in METRES:
        raise CalibrationError(f"{content.path}: unknown length unit '{unit}'. Use one of {', '.join(METRES)}.")
    return known


def _guessed_unit(cameras: Mapping[str, Camera], content: Content, remedy: str) -> str:
    centres = torch.stack([camera.centre_in_world for camera in cameras.values()])
    extent = float(torch.cdist(centres, centres).max())
    guess, other = ("m", "mm") if extent < LARGEST_RIG_M else ("mm", "m")
    log.warning(
        "%s does not state its length unit. The farthest two cameras are %.4g units apart, so one unit was taken as "
        "1 %s. If that is wrong (or to silence this), state the unit%s (%s, cm, in).",
        content.path,
        extent,
        guess,
        remedy,
        other,
    )
    return guess
