"""Where this user's programs keep what can be made again."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """``mocap3d`` in %LOCALAPPDATA%, ~/Library/Caches or $XDG_CACHE_HOME; MOCAP3D_CACHE names another folder."""
    if chosen := environment.get("MOCAP3D_CACHE"):
        return Path(chosen)
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "mocap3d" / "Cache"
    if platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mocap3d"
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mocap3d"
