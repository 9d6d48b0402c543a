"""What lies at a path, opened once: which container it is, its own first bytes tell."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mocap3d.calibration.formats.storage import parse_storage
from mocap3d.errors import CalibrationError
from mocap3d.session.toml import read_toml


class Kind(StrEnum):
    """The containers that calibrations come in."""

    FOLDER = "folder"
    XML = "XML"
    STORAGE = "OpenCV file storage"
    JSON = "JSON"
    YAML = "YAML"
    TOML = "TOML"
    PICKLE = "pickle"
    COLMAP = "COLMAP model file"


COLMAP_FILES = {f"{part}.{ending}" for part in ("cameras", "images", "points3D") for ending in ("txt", "bin")}
YAML_LINE = re.compile(r"^cam\d+:\s*$", re.MULTILINE)
"""How a camera of a Kalibr chain begins; TOML has no such line."""


@dataclass(frozen=True, slots=True)
class Content:
    """A calibration before anybody knows whose it is."""

    path: Path
    kind: Kind
    tables: Mapping[str, Any] = field(default_factory=dict)
    """The content by key; empty for XML, pickles and folders."""
    root: ElementTree.Element | None = None
    """Of XML."""
    unit: str | None = None
    """Length unit as the user stated it, for files that do not state their own."""


def open_content(path: Path, known: str, *, unit: str | None = None) -> Content:
    """Opens a file or folder; ``known`` names the formats, for the error text."""
    if path.is_dir():
        return Content(path, Kind.FOLDER, unit=unit)
    if path.name in COLMAP_FILES:
        return Content(path, Kind.COLMAP, unit=unit)
    start = _start(path, known)
    if start.startswith(b"\x80"):
        return Content(path, Kind.PICKLE, unit=unit)
    if start.startswith(b"%YAML") or b"<opencv_storage" in start:
        return Content(path, Kind.STORAGE, parse_storage(read_text(path), path), unit=unit)
    if start.startswith(b"<"):
        return Content(path, Kind.XML, root=_xml(path), unit=unit)
    if start.startswith(b"{"):
        return Content(path, Kind.JSON, _json(path), unit=unit)
    if YAML_LINE.search(start.decode("latin-1")):
        return Content(path, Kind.YAML, parse_storage(_as_storage(read_text(path)), path), unit=unit)
    return Content(path, Kind.TOML, read_toml(path, error=CalibrationError), unit=unit)


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CalibrationError(f"{path} cannot be read ({error.strerror}). Check that it is there.") from None
    except UnicodeDecodeError:
        raise CalibrationError(f"{path} is not a text file in UTF-8. Save it as UTF-8.") from None


def _start(path: Path, known: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as error:
        raise CalibrationError(
            f"{path} cannot be read ({error.strerror}). A calibration file is needed; known are: {known}."
        ) from None


def _xml(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise CalibrationError(
            f"{path} is not readable XML ({error}). Export the calibration again from the program that wrote it."
        ) from None


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise CalibrationError(f"{path} is not valid JSON: {error}. Export the calibration again.") from None


def _as_storage(text: str) -> str:
    """Plain YAML as OpenCV's parser takes it: with a head, and lists indented deeper than their key."""
    return "%YAML:1.0\n---\n" + re.sub(r"^( *)- ", r"\1  - ", text.removeprefix("---\n"), flags=re.MULTILINE)
