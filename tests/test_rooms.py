"""A room imports from the floors below it: never sideways, never up; and not every room meets every package."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mocap3d"
FLOORS = [
    {"errors"},
    {"solve"},
    {"geometry"},
    {"skeletons"},
    {"session"},
    {"calibration", "synchronisation", "detection", "fusion", "biomech", "evaluation", "export", "viz", "synthesis"},
    {"pipeline"},
    {"batch", "learning", "overview", "recalibration", "scoring", "synthetic_session", "timing", "writing"},
    {"cli"},
    {"__main__"},
]
EVERYWHERE = {"mocap3d", "torch", "numpy", "scipy", "jaxtyping", *sys.stdlib_module_names}
GUESTS = {  # third-party packages that only some rooms may meet
    "anny": {"synthesis"},
    "av": {"session"},
    "cv2": {"session", "calibration", "detection", "viz", "synthesis"},
    "ezc3d": {"export"},
    "h5py": {"session", "detection"},
    "matplotlib": {"viz"},
    "numba": {"solve"},
    "onnx": {"detection"},
    "onnxruntime": {"detection"},
    "open3d": {"viz"},
    "pyarrow": {"export"},
    "pycolmap": {"calibration"},
    "rich": {"cli"},
    "safetensors": {"detection"},
    "smplx": {"skeletons"},
    "tomli_w": {"session", "calibration", "synthesis"},
    "tyro": {"cli"},
}
FLOOR = {room: n for n, rooms in enumerate(FLOORS) for room in rooms}
NO_FLOOR = len(FLOORS)
FILES = sorted(f for f in PACKAGE.rglob("*.py") if f != PACKAGE / "__init__.py")


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported(source: str) -> set[str]:
    """Every dotted name a file imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the import in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def forbidden(room: str, source: str) -> list[str]:
    """What ``source`` imports and a file of ``room`` may not."""
    found = []
    for dotted in sorted(_imported(source)):
        package, name, *_ = f"{dotted}.".split(".")
        if package == "mocap3d" and name != room and FLOOR.get(name, NO_FLOOR) >= FLOOR.get(room, NO_FLOOR):
            found.append(f"{room} may not import {dotted}")
        if package not in EVERYWHERE and room not in GUESTS.get(package, set()):
            found.append(f"{room} may not import {package}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    assert not forbidden(_room(path), path.read_text(encoding="utf-8"))


def test_type_checkers_of_users_see_the_annotations():
    """PEP 561."""
    assert (PACKAGE / "py.typed").is_file()


def test_every_room_has_a_floor():
    assert not {_room(path) for path in FILES} - set(FLOOR), "give it a floor here and in docs/architecture.md"


def test_a_wrong_import_is_caught():
    assert forbidden("geometry", "from mocap3d.session.records import Session")
    assert forbidden("fusion", "def f():\n    import mocap3d.export.trc")
    assert forbidden("fusion", "from mocap3d import pipeline")
    assert forbidden("geometry", "import cv2")
    assert forbidden("export", "from pandas import DataFrame")
    assert not forbidden(
        "fusion", "from mocap3d.geometry import Camera\nfrom mocap3d.fusion.points import x\nimport numpy"
    )
    with pytest.raises(AssertionError, match="in full"):
        forbidden("geometry", "from . import lens")
