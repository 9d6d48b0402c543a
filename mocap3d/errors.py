"""Every error a user can cause, each saying what was found, what was needed and what to do."""

import re


class Mocap3dError(Exception):
    """Something the user can mend; the command line prints its text and no traceback."""


class SessionError(Mocap3dError):
    """A session folder, its ``session.toml`` or one of its videos is not as needed."""


class CalibrationError(Mocap3dError):
    """A calibration is missing, unreadable, or does not fit the videos."""


class DetectionError(Mocap3dError):
    """2D keypoints are missing, unreadable, or do not fit the session."""


class FusionError(Mocap3dError):
    """3D cannot be computed from what was given."""


class FormatError(Mocap3dError):
    """A file in some foreign format is broken, or holds what that format cannot express."""


PACKAGE_OF = {
    "libusb": "libusb-1.0-0",
    "libGL": "libgl1",
    "libEGL": "libegl1",
    "libX11": "libx11-6",
    "libxcb": "libxcb1",
    "libgomp": "libgomp1",
}
"""Debian's, of system libraries that Python packages load."""
_OF_A_DISPLAY = ("libGL", "libxcb")
"""OpenCV loads them for its windows, which nothing here opens."""


def missing_library(error: Exception) -> str | None:
    """What to install where a library of the system kept a package from being imported; None where it is not that."""
    found = re.search(r"((lib[^.\s/]*?)(?:-[\d.]+)?\.so[.\d]*): cannot open shared object file", str(error))
    if found is None:
        return None
    file, name = found[1], found[2]
    remedy = (
        f"apt-get install {PACKAGE_OF[name]}" if name in PACKAGE_OF else f"apt-file search {file} tells the package"
    )
    or_without = ", or do without: pip install --force-reinstall opencv-contrib-python-headless"
    return f"the system library {file} is missing. On Debian: {remedy}{or_without if name in _OF_A_DISPLAY else ''}."
