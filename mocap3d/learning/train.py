"""Training with everything that a loss may want of the other rooms."""

from collections.abc import Callable

from mocap3d.detection.training import train as training
from mocap3d.detection.training.data import KEYPOINT_SET
from mocap3d.detection.training.meter import Progress
from mocap3d.detection.training.options import TrainOptions
from mocap3d.detection.training.train import Trained
from mocap3d.learning.fuse import fuse_by_fit
from mocap3d.skeletons.skeleton import load_skeleton


def train(
    options: TrainOptions, *, progress: Progress | None = None, stop: Callable[[], bool] | None = None
) -> Trained:
    """As ``detection.training.train.train``; views of one moment are fused as the options say."""
    fuse = fuse_by_fit(load_skeleton(KEYPOINT_SET)) if options.fusion == "fit" else None
    return training.train(options, progress=progress, stop=stop, fuse=fuse)
