"""How good and how fast a detector is: `python benchmarks/detection.py --help`."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from consistency import Consistency, agreement, consistency, with_mended_cameras
from crowded import overlapping_people, small_people, studio_of
from expected import expected_keypoints

from mocap3d.detection.detect import SOMEBODY
from mocap3d.detection.doubt import coverage
from mocap3d.detection.estimators.open import open_estimator, open_models
from mocap3d.detection.estimators.sapenet import calibration_of, network_of
from mocap3d.detection.heatmaps import Modes
from mocap3d.detection.options import DetectOptions
from mocap3d.detection.persons import PersonFinder
from mocap3d.detection.tracking import TrackOptions
from mocap3d.detection.training.data import read_heap
from mocap3d.detection.training.validate import answers_of, scores
from mocap3d.detection.watch import spans_of, watch
from mocap3d.detection.weights import load
from mocap3d.session.session import load_session


@dataclass(frozen=True)
class Pictures:
    """PCK on held-out pictures (a folder of `mocap3d synth people`), also at low resolution, and whether the stated
    covariances hold."""

    folder: tyro.conf.Positional[Path]
    detectors: tuple[str, ...] = ("sapenet-s",)
    """Names or weights files of SAPENets."""
    n: int = 1000
    """Pictures, evenly spread."""

    def run(self) -> dict:
        """One row per detector."""
        heap, rows = read_heap(self.folder), {}
        for name in self.detectors:
            file = load(name)
            net, calibration = network_of(file), calibration_of(file)
            rows[name] = {}
            for height in (None, 128, 64):
                answers = answers_of(net, heap, (192, 256), n=self.n, height_px=height)
                rows[name][f"height {height or 256}"] = scores(answers).as_row()
                if height is None and calibration is not None:
                    found = calibration.apply(
                        Modes(answers.uv_px, answers.cov_px2, answers.log_weight), answers.confidence_logit.sigmoid()
                    )
                    held = coverage(found, answers.known_uv_px)
                    rows[name]["doubt"] = {"variance": held.variance.tolist(), "tail_share": held.tail_share.tolist()}
        return rows


@dataclass(frozen=True)
class Session:
    """Do the views of a calibrated session agree? Median reprojection of a plain triangulation of all views, views that
    agree within 15 px, and how much bones vary after the fit. The first detector is what the others are compared with;
    the last one mends the cameras for a second judgement of all.
    """

    folder: tyro.conf.Positional[Path]
    detectors: tuple[str, ...] = ("sapenet-s", "blazepose")
    flip: bool = False
    """SAPENets look at mirror images, too."""

    def run(self) -> dict:
        """One row per detector."""
        found = {name: self._of(name) for name in self.detectors}
        first, last = found[self.detectors[0]], found[self.detectors[-1]]
        return {
            name: {
                **one.as_row(),
                "pck0.2 of the first": agreement(one, first),
                "cameras mended": with_mended_cameras(one, last),
            }
            for name, one in found.items()
        }

    def _of(self, name: str) -> Consistency:
        return consistency(self.folder, name, flip=self.flip and "blazepose" not in name)


@dataclass(frozen=True)
class People:
    """Pictures and videos with the keypoints that another detector found there."""

    folder: tyro.conf.Positional[Path]
    detectors: tuple[str, ...] = ("sapenet-s", "blazepose")
    flip: bool = False
    """SAPENets look at mirror images, too."""

    def run(self) -> dict:
        """One row per detector and picture."""
        return {
            name: expected_keypoints(self.folder, name, flip=self.flip and "blazepose" not in name)
            for name in self.detectors
        }


@dataclass(frozen=True)
class Speed:
    """Time per crop of the shipped runtime."""

    detectors: tuple[str, ...] = ("sapenet-s", "blazepose")
    threads: int = 1
    batch: int = 16
    device: str = "cpu"
    repeats: int = 15

    def run(self) -> dict:
        """Median and least milliseconds per crop."""
        torch.set_num_threads(self.threads)
        rows = {}
        for name in self.detectors:
            estimator = open_estimator(name, DetectOptions(batch=self.batch), torch.device(self.device))
            width, height = estimator.size_px
            crops = np.random.default_rng(0).integers(0, 255, (self.batch, height, width, 3)).astype(np.uint8)
            for _ in range(2):
                estimator(crops)
            times = []
            for _ in range(self.repeats):
                wall, cpu = time.perf_counter(), time.process_time()
                estimator(crops)
                times.append((time.perf_counter() - wall, time.process_time() - cpu))
            ms = 1000 * np.array(times) / self.batch
            rows[name] = dict(zip(("wall_ms", "cpu_ms"), np.median(ms, 0).round(2).tolist(), strict=True))
            rows[name]["least_cpu_ms"] = round(float(ms[:, 1].min()), 2)
        return rows


@dataclass(frozen=True)
class Stage:
    """Time of finding people in the videos of a session, and how much of it is the network's own.

    Everything from the video's bytes to detections, but for the loading of the networks; one thread for each crop. The
    network's own is measured in between, on as many random crops at a time as there are views.
    """

    folder: tyro.conf.Positional[Path]
    detector: str = "sapenet-s"
    repeats: int = 5

    def run(self) -> dict:
        """Medians of CPU and wall time, and the medians of the ratios of what was measured side by side."""
        torch.set_num_threads(1)
        videos = load_session(self.folder).videos
        models = open_models(self.detector, DetectOptions(), torch.device("cpu"))
        width, height = models.estimator.size_px
        crops = np.random.default_rng(0).integers(0, 255, (len(videos), height, width, 3)).astype(np.uint8)
        spans = {view: spans_of(len(video.t_s)) for view, video in videos.items()}
        times, track = [], TrackOptions(every=DetectOptions.every, min_score=SOMEBODY)
        for _ in range(self.repeats + 1):
            start = _now()
            n = sum(len(of.detections.frame) for of in watch(videos, spans, models, track))
            between = _now()
            for _ in range(40):
                models.estimator(crops)
            times.append(((between - start) / n, (_now() - between) / (40 * len(videos))))
        stage, crop = 1000 * np.array(times[1:]).transpose(1, 2, 0)  # the first one compiles
        rows = {"stage_ms": stage, "crop_ms": crop, "ratio": stage / crop}
        return {
            name: dict(zip(("cpu", "wall"), np.median(row, 1).round(3).tolist(), strict=True))
            for name, row in rows.items()
        }


def _now() -> np.ndarray:
    """Seconds of CPU and of the clock."""
    return np.array([time.process_time(), time.perf_counter()])


@dataclass(frozen=True)
class Small:
    """Are people of 30 to 120 px found in wide drawn pictures, with and without tiles?"""

    data: tyro.conf.Positional[Path]
    """A folder with 05_cmu_motions, 09_hdri_cc0 and 10_makehuman_cc0, as for `mocap3d synth people`."""
    n: int = 60
    """Pictures of three people."""

    def run(self) -> dict:
        """Recall by height."""
        return small_people(studio_of(self.data), PersonFinder.shipped(torch.device("cpu")), self.n)


@dataclass(frozen=True)
class Overlap:
    """Do keypoints of two drawn people who overlap stay on each, without and with being told whom to look at?"""

    data: tyro.conf.Positional[Path]
    """As of small."""
    detectors: tuple[str, ...] = ("sapenet-s",)
    n: int = 150
    """Pictures of two people."""

    def run(self) -> dict:
        """One row per detector, overlap, and person before or behind."""
        cpu, options = torch.device("cpu"), studio_of(self.data)
        return {
            name: overlapping_people(options, open_estimator(name, DetectOptions(), cpu), self.n)
            for name in self.detectors
        }


def main() -> None:
    """Measures, and prints JSON."""
    options = tyro.cli(Pictures | Session | People | Speed | Stage | Small | Overlap)
    print(json.dumps(options.run(), indent=2))


if __name__ == "__main__":
    main()
