"""What mending the cameras and adapting the network are worth on a session of one person:
`python benchmarks/adapting.py SESSION --detectors sapenet-s sapenet-m`.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tyro
from consistency import consistency

from mocap3d.calibration.save import save_rig
from mocap3d.detection.options import DetectOptions
from mocap3d.learning.adapt import AdaptOptions, adapt
from mocap3d.recalibration import RecalibrateOptions, mended


@dataclass(frozen=True)
class Trial:
    """Each row is printed as soon as it is known: agreement of the views as calibrated, with cameras mended by the
    detector itself (`mocap3d calibrate --refine`), and with the network adapted on top of that."""

    session: tyro.conf.Positional[Path]
    """Calibrated, with videos of at least three views; it is copied, not touched."""
    detectors: tuple[str, ...] = ("sapenet-s", "sapenet-m")
    flips: tuple[bool, ...] = (False, True)
    """Whether the judged network looks at mirror images, too; adapt always does."""
    unmended: bool = False
    """Adapt on the cameras as calibrated, too."""

    def run(self) -> None:
        """One line of JSON per detector, stage and flip."""
        for detector in self.detectors:
            with tempfile.TemporaryDirectory() as folder:
                session = Path(folder) / self.session.resolve().name
                shutil.copytree(self.session, session, ignore=shutil.ignore_patterns("results"))
                self._of(session, detector)

    def _of(self, session: Path, detector: str) -> None:
        self._judge("as calibrated", session, detector, detector)
        if self.unmended:
            self._adapt("adapted", session, detector)
        refined = mended(session, RecalibrateOptions(detect=DetectOptions(detector=detector)))
        if refined.kept:
            save_rig(refined.rig, session)
        print(json.dumps({"detector": detector, "mended": list(refined.mended)}), flush=True)
        self._judge("mended", session, detector, detector)
        self._adapt("mended, adapted", session, detector)

    def _adapt(self, stage: str, session: Path, detector: str) -> None:
        found = adapt(session, AdaptOptions(detector=detector))
        row = {
            "detector": detector,
            "held_out": found.held_out,
            "gain": round(found.gain, 4),
            "kept": bool(found.weights),
        }
        print(json.dumps(row), flush=True)
        if found.weights is not None:
            self._judge(stage, session, detector, str(found.weights))

    def _judge(self, stage: str, session: Path, detector: str, weights: str) -> None:
        for flip in self.flips:
            row = consistency(session, weights, flip=flip).as_row()
            print(json.dumps({"detector": detector, "stage": stage, "flip": flip, **row}), flush=True)


if __name__ == "__main__":
    tyro.cli(Trial).run()
