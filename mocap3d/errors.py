"""Every error a user can cause, each saying what was found, what was needed and what to do."""


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
