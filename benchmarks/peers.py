"""An environment of the peers' own, beside this file: their dependencies stay out of ours."""

import os
import subprocess
import venv
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE / ".peers"
REQUIREMENTS = HERE / "peers_requirements.txt"
WITHOUT_DEPENDENCIES = "pose2sim==0.10.49"
"""Its wheel asks for OpenVINO, OpenSim, Qt and more, of which triangulation imports none."""


def peers_python() -> Path:
    """The interpreter of the peers' environment; installs it from PyPI when it is absent or out of date."""
    python = FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = f"{WITHOUT_DEPENDENCIES}\n{REQUIREMENTS.read_text(encoding='utf-8')}"
    stamp = FOLDER / "installed.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"Installing aniposelib and Pose2Sim into {FOLDER} (about 1.3 GB, once) ...", flush=True)
        venv.create(FOLDER, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--requirement", str(REQUIREMENTS)], check=True)
        subprocess.run([*install, "--no-deps", WITHOUT_DEPENDENCIES], check=True)
        stamp.write_text(wanted, encoding="utf-8")  # last: an interrupted installation starts again
    return python
