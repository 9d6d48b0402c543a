"""OpenCV's file storage (YAML and XML), read into dicts, lists and arrays, and written as YAML."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mocap3d.errors import CalibrationError, FormatError

HEAD = "%YAML:1.0\n---\n"
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
MATRIX_KEYS = {"rows", "cols", "dt", "data"}


def parse_storage(text: str, path: Path) -> dict[str, Any]:
    """The nodes of a file storage by name; ``path`` is for the error text."""
    try:
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        tables = _value(storage.root())
    except (cv2.error, SystemError) as error:  # SystemError: how the constructor reports a parsing error
        reason = str(error.__cause__ or error).rsplit("error:", 1)[-1].strip()
        raise CalibrationError(
            f"{path} cannot be read as YAML or XML of OpenCV ({reason}). Write the file again with the program that "
            "made it."
        ) from None
    return tables if isinstance(tables, dict) else {}


def storage_text(tables: Mapping[str, Any]) -> str:
    """YAML that cv2.FileStorage reads: strings, whole numbers, lists of strings and matrices, every digit kept.

    FormatError for a key that it would not read, as names of cameras may be.
    """
    for key in tables:
        if not KEY.fullmatch(key):
            raise FormatError(
                f"'{key}' cannot be a key of OpenCV's YAML: letters, digits, '_' and '-' can. Rename that camera."
            )
    return HEAD + "".join(_lines(tables, ""))


def _value(node: cv2.FileNode) -> Any:
    """Matrices as float64 arrays, maps as dicts, sequences as lists."""
    if node.isMap():
        keys = node.keys()
        if set(keys) >= MATRIX_KEYS:
            return np.asarray(node.mat(), dtype=np.float64)
        return {key: _value(node.getNode(key)) for key in keys}
    if node.isSeq():
        return [_value(node.at(i)) for i in range(node.size())]
    if node.isString():
        return node.string()
    if node.isInt():
        return int(node.real())
    return node.real() if node.isReal() else None


def _lines(tables: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for key, value in tables.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{key}:\n", *_lines(value, indent + "   ")]
        elif isinstance(value, np.ndarray):
            rows, columns = value.reshape(len(value), -1).shape
            data = ", ".join(f"{number:.17g}" for number in value.ravel().tolist())
            lines += [
                f"{indent}{key}: !!opencv-matrix\n",
                f"{indent}   rows: {rows}\n",
                f"{indent}   cols: {columns}\n",
            ]
            lines += [f"{indent}   dt: d\n", f"{indent}   data: [ {data} ]\n"]
        elif isinstance(value, list):
            lines += [f"{indent}{key}:\n", *(f'{indent}   - "{item}"\n' for item in value)]
        else:
            lines += [f'{indent}{key}: "{value}"\n' if isinstance(value, str) else f"{indent}{key}: {value}\n"]
    return lines
