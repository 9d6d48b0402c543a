"""Checks every annotated shape while testing, and finds the real recordings where they are at hand."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Not the numba kernels of solve/: numba must see the bare functions.
_ROOMS = ["errors", "geometry", "skeletons", "session", "calibration", "detection", "fusion", "biomech"]
_MORE = ["evaluation", "export", "synthesis", "viz", "pipeline", "overview", "recalibration", "writing", "scoring"]
_hook = install_import_hook([f"mocap3d.{room}" for room in [*_ROOMS, *_MORE]], "beartype.beartype")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real recordings (MOCAP3D_TEST_DATA, or ../shared/data); skips where there is none."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MOCAP3D_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}: set MOCAP3D_TEST_DATA to their folder")
    return folder
