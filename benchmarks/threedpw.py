"""3DPW without 3DPW: recorded motions in its exact layout, by one moving view, and by virtual rigs.

Run: python -m benchmarks.threedpw MOTIONS [--frames 120] [--views 4]
MOTIONS holds .amc, .bvh, .npy and .npz clips. The 2D noise is 4 px, white; camera poses are exact. Where joints usually
are (mocap3d/fusion/one_view/human.py) was measured on every other clip, the first one included: these are "seen"; the
others are "held out".
"""

import argparse
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from mocap3d.errors import Mocap3dError
from mocap3d.evaluation.score_table import ScoreTable
from mocap3d.scoring.threedpw import Source, ThreeDpwOptions, evaluate_threedpw
from mocap3d.synthesis.threedpw.write import SequenceOptions, write_sequence

SUFFIXES = (".amc", ".bvh", ".npy", ".npz")
MEASURES = ("MPJPE", "PA-MPJPE", "PCK@50mm", "MPJAE", "acceleration error")


def main() -> None:
    """One row per clip and way, then the mean over the clips."""
    parser = argparse.ArgumentParser(description="3DPW without 3DPW.")
    parser.add_argument("motions", type=Path)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--every", type=int, default=1, help="take every n-th clip only")
    parser.add_argument("--ways", nargs="+", default=["poses2d", "rig"])
    options = parser.parse_args()
    clips = sorted(path for path in options.motions.rglob("*") if path.suffix in SUFFIXES)[:: options.every]
    versions = f"mocap3d {version('mocap3d')}, Python {platform.python_version()}"
    print(f"{versions}, {len(clips)} clips, the seed is the clip's number")
    print(f"{'clip':32s} {'way':8s} " + " ".join(f"{name:>20s}" for name in MEASURES) + "   seconds")
    for way in options.ways:
        rows = [row for number, clip in enumerate(clips) if (row := _row(clip, number, way, options)) is not None]
        for of, part in (("all", rows), ("seen", rows[::2]), ("held out", rows[1::2])):
            means = " ".join(f"{sum(column) / len(column):20.2f}" for column in zip(*part, strict=True))
            print(f"{f'mean of {len(part)} clips, {of}':32s} {way:8s} {means}", flush=True)


def _row(clip: Path, number: int, way: Source, options: argparse.Namespace) -> list[float] | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sequenceFiles" / "test" / f"{clip.stem}.pkl"
        try:
            write_sequence(path, [clip], SequenceOptions(n_frames=options.frames, seed=number))
        except Mocap3dError as error:
            print(f"{clip.name:32s} left out: {error}")
            return None
        start = time.perf_counter()
        table: ScoreTable = evaluate_threedpw(Path(folder), ThreeDpwOptions(predict=way, views=options.views))
        elapsed_s = time.perf_counter() - start
    values = [table.value(name) for name in MEASURES]
    print(
        f"{clip.name:32s} {way:8s} " + " ".join(f"{value:20.2f}" for value in values) + f"   {elapsed_s:7.1f}",
        flush=True,
    )
    return values


if __name__ == "__main__":
    main()
