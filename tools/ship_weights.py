"""Puts trained weights among those that come with the program, with a card that anyone can read.

python tools/ship_weights.py RUN/sapenet-s.safetensors --command "mocap3d train ..." --data "40,000 pictures of ..."
"""

import argparse
import subprocess
from pathlib import Path

from mocap3d.detection import weights

CHECKPOINTS = Path(weights.__file__).parent / "checkpoints"
LICENCE = "BSD-3-Clause; the trunk began as MediaPipe BlazePose's, Apache-2.0 (see NOTICE)"


def shipped_card(card: dict, commands: list[str], data: str) -> dict:
    """The card without paths of the machine that trained, and with how to do it again."""
    options = {key: value for key, value in card["options"].items() if key not in ("data", "val", "out", "init")}
    told = {"licence": LICENCE, "command": "; ".join(commands), "data": data, "commit": _commit()}
    return {**card, "options": options, "metrics": card["scores"], **told}


def _commit() -> str:
    return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Writes the file and its sum, and says so."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--command", action="append", required=True, help="that made them; may be given several times")
    parser.add_argument("--data", required=True, help="what they were trained on, in words")
    arguments = parser.parse_args()
    file = weights.load(str(arguments.weights))
    path = CHECKPOINTS / f"{file.card['name']}.safetensors"
    weights.save(path, file.tensors, shipped_card(file.card, arguments.command, arguments.data))
    weights.record(path)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
