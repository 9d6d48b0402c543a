"""3DPW from its folder to a table: reads, predicts or reads predictions, scores, and writes what was predicted."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mocap3d.errors import FormatError
from mocap3d.evaluation.score_table import ScoreTable
from mocap3d.evaluation.threedpw.predictions import Prediction, find_predictions, write_prediction
from mocap3d.evaluation.threedpw.read import Track, find_sequences, read_sequence
from mocap3d.evaluation.threedpw.scoring import ProtocolOptions, one_person, score_tracks, stacked
from mocap3d.evaluation.threedpw.smpl_files import read_smpl
from mocap3d.fusion.one_view.fit import OneViewOptions
from mocap3d.scoring.threedpw_paths import RigNoise, from_keypoints, from_rig
from mocap3d.scoring.threedpw_pictures import PictureOptions, from_pictures
from mocap3d.session.rig import RigTable, read_rig
from mocap3d.skeletons.smpl_mesh import SmplMeshes
from mocap3d.synthesis.ring import ring_rig

log = logging.getLogger("mocap3d")
Progress = Callable[[str, int, int], None]
Source = Literal["poses2d", "rig", "pictures", "files"]
_TITLES = {
    "poses2d": "one moving view, its own 2D keypoints",
    "rig": "virtual rig of {n} cameras",
    "pictures": "one moving view, our detector on its pictures",
    "files": "predictions in {folder}",
}


@dataclass(frozen=True)
class ThreeDpwOptions:
    """What to score, and how."""

    predict: Source = "poses2d"
    """poses2d: our fit of one moving view to 3DPW's own 2D keypoints; pictures: the same after our detector on its
    images; rig: its motions filmed by a virtual rig; files: the predictions of any method."""
    predictions: Path | None = None
    """Folder of <sequence>.pkl (the challenge's submission format) or .npz, for `files`."""
    splits: tuple[Literal["train", "validation", "test"], ...] = ("test",)
    """Protocol A is over all three, protocol B over test."""
    smpl_dir: Path | None = None
    """Folder with your SMPL_MALE.pkl, SMPL_FEMALE.pkl and J_regressor_h36m.npy; without it joints alone are scored."""
    rig: Path | None = None
    """Rig file for `rig`, e.g. rigs/action4.toml; else a ring of `views` cameras."""
    views: int = 4
    write: Path | None = None
    """Folder to write the predictions to, in the challenge's submission format."""
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)
    fit: OneViewOptions = field(default_factory=OneViewOptions)
    rig_noise: RigNoise = field(default_factory=RigNoise)
    pictures: PictureOptions = field(default_factory=PictureOptions)


def evaluate_threedpw(root: Path, options: ThreeDpwOptions, progress: Progress | None = None) -> ScoreTable:
    """The table of protocols A and B; FormatError where a file is missing or not 3DPW's."""
    told = progress or (lambda *_: None)
    paths = find_sequences(root, options.splits)
    mesh = None if options.smpl_dir is None else SmplMeshes(*read_smpl(options.smpl_dir))
    predict, title = _predictor(root, options, [path.stem for path in paths], told)
    tracks: list[Track] = []
    predictions: list[Prediction] = []
    for number, path in enumerate(paths):
        told(f"predicting {path.stem}", number, len(paths))
        people = read_sequence(path)
        predicted = predict(people)
        tracks += people
        predictions += predicted
        if options.write is not None:
            write_prediction(options.write / path.parent.name / f"{path.stem}.pkl", stacked(predicted))
    told("scoring", len(paths), len(paths))
    return score_tracks(tracks, predictions, options.protocol, mesh, f"3DPW ({', '.join(options.splits)}): {title}")


Predictor = Callable[[Sequence[Track]], list[Prediction]]


def _predictor(root: Path, options: ThreeDpwOptions, names: list[str], told: Progress) -> tuple[Predictor, str]:
    """What makes the predictions of a sequence's people, and what to call it."""
    title = _TITLES[options.predict]
    if options.predict == "files":
        if options.predictions is None:
            raise FormatError("predict = files needs --predictions, the folder of <sequence>.pkl or .npz files.")
        found = find_predictions(options.predictions, names)
        return (lambda people: _of_files(people, found)), title.format(folder=options.predictions)
    if options.predict == "rig":
        plan: RigTable = ring_rig(options.views) if options.rig is None else read_rig(options.rig)
        return (lambda people: [from_rig(track, plan, options.rig_noise) for track in people]), title.format(
            n=len(plan.cameras)
        )
    if options.predict == "pictures":
        return (lambda people: from_pictures(people, root, options.pictures, options.fit, told)), title
    return (lambda people: [from_keypoints(track, options.fit) for track in people]), title


def _of_files(people: Sequence[Track], found: dict[str, Prediction]) -> list[Prediction]:
    prediction = found[people[0].sequence]
    if len(prediction.joint_in_cam) != len(people):
        raise FormatError(
            f"the prediction of {people[0].sequence} has {len(prediction.joint_in_cam)} people. Needed: {len(people)}, "
            "in the order of the sequence file."
        )
    return [one_person(prediction, person) for person in range(len(people))]
