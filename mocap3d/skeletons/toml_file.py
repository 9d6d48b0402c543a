"""A TOML file with known keys only."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mocap3d.errors import FormatError
from mocap3d.skeletons.naming import did_you_mean


def read_toml_file(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """Its table; refuses an unreadable file and a key that is not among ``keys``."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FormatError(f"{path}: not a readable TOML file ({error}). Mend or replace it.") from error
    for key in table:
        if key not in keys:
            raise FormatError(f"{path}: unknown key '{key}'.{did_you_mean(key, keys)}")
    return table
