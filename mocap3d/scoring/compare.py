"""Our results against somebody else's recording of the same motion: C3D, TRC, BVH or MOT."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mocap3d.errors import FormatError
from mocap3d.evaluation.agreement import Comparison, Signals, compare_angles, compare_joints
from mocap3d.evaluation.agreement_plot import write_bland_altman
from mocap3d.evaluation.score_table import Score, ScoreTable, write_table
from mocap3d.evaluation.suspicions import mirror_notes
from mocap3d.export.npz import read_npz
from mocap3d.export.results import POINTS
from mocap3d.export.saved import results_in
from mocap3d.session.motion_files.bvh import read_bvh
from mocap3d.session.motion_files.c3d import read_c3d
from mocap3d.session.motion_files.mot import read_mot
from mocap3d.session.motion_files.trc import read_trc
from mocap3d.session.views import did_you_mean

JOINT_FILES = (".c3d", ".trc", ".bvh")
ANGLE_FILES = (".mot", ".sto")
_NO_FILE = re.compile(r"[^\w.-]+")
_LENGTHS = ("_tx", "_ty", "_tz")
"""Ends of columns that are no angles."""


@dataclass(frozen=True)
class CompareOptions:
    """What belongs together, and what may be aligned."""

    person: str | None = None
    """Whose motion; else the only one's."""
    pair: tuple[str, ...] = ()
    """OURS=REFERENCE for names that differ, e.g. LKnee=LKJC; names that are equal pair by themselves."""
    offset_s: float | None = None
    """Our time minus the reference's, where it is known; else it is found, to a fraction of a frame."""
    max_offset_s: float = 2.0
    """How far apart the recordings may begin."""
    scale: bool = False
    """Also scale ours, where the calibration's unit is not to be judged."""

    def __post_init__(self):
        if not self.max_offset_s > 0:
            raise ValueError(f"max_offset_s is {self.max_offset_s:g}; needed more than 0, or state --offset-s.")


def compare(place: Path, reference: Path, options: CompareOptions) -> Comparison:
    """``place``: results, one of their files, or their session. Angles for .mot and .sto, joints for the others."""
    place = results_in(place) or place
    suffix = reference.suffix.lower()
    if suffix not in JOINT_FILES + ANGLE_FILES:
        raise FormatError(f"{reference}: found '{suffix}'. Needed: one of {', '.join(JOINT_FILES + ANGLE_FILES)}.")
    if not reference.is_file():
        raise FormatError(f"{reference}: there is no such file. Needed: the other recording; check its path.")
    if suffix in ANGLE_FILES:
        ours = _renamed(_angles(_own_file(place, ".mot", options.person)), options.pair)
        return compare_angles(ours, _angles(reference), max_offset_s=options.max_offset_s, offset_s=options.offset_s)
    ours = _renamed(_own_joints(place, options.person), options.pair)
    return compare_joints(
        ours, _joints(reference), scale=options.scale, max_offset_s=options.max_offset_s, offset_s=options.offset_s
    )


def table_of(comparison: Comparison, place: Path, reference: Path) -> ScoreTable:
    """RMSE, bias and limits of every signal."""
    scores = []
    for one in comparison.agreements:
        bias, low, high = (", ".join(f"{value:+.2f}" for value in values) for values in (one.bias, one.low, one.high))
        scores.append(Score(one.name, one.rmse, one.unit, n=one.n, about=f"bias {bias}; limits {low} to {high}"))
    known = [one.rmse for one in comparison.agreements if np.isfinite(one.rmse)]
    overall = float(np.sqrt(np.mean(np.square(known)))) if known else float("nan")
    unit = "mm" if comparison.reference_from_ours is not None else "deg"
    notes = [
        f"Our time minus the reference's: {1000 * comparison.offset_s:+.1f} ms.",
        "RMSE of joints is of the distance; bias and 95 % limits of agreement (Bland & Altman 1986) are by axis of the "
        "reference, ours minus reference."
        if unit == "mm"
        else "Bias and 95 % limits of agreement (Bland & Altman 1986) are ours minus reference.",
    ]
    if comparison.scale != 1.0:
        notes.append(f"Ours was scaled by {comparison.scale:.5f}.")
    if unit == "mm":
        half = comparison.difference / 2
        notes += mirror_notes(*(torch.from_numpy(p / 1000) for p in (comparison.mean + half, comparison.mean - half)))
    agreements = [
        {"name": a.name, "unit": a.unit, "n": a.n, "rmse": _plain(a.rmse), "bias": [_plain(x) for x in a.bias],
         "low": [_plain(x) for x in a.low], "high": [_plain(x) for x in a.high]}
        for a in comparison.agreements
    ]  # fmt: skip
    details = {"offset_s": comparison.offset_s, "scale": comparison.scale, "agreements": agreements}
    rows = (Score("all", overall, unit, n=len(comparison.difference), about="root mean square of the rows"), *scores)
    return ScoreTable(f"{place.name} and {reference.name}", rows, tuple(notes), details)


def write_comparison(comparison: Comparison, table: ScoreTable, folder: Path) -> tuple[Path, ...]:
    """agreement.json, agreement.md, and a Bland-Altman plot of every signal."""
    paths = []
    for k, one in enumerate(comparison.agreements):
        path = folder / f"bland_altman_{_NO_FILE.sub('_', one.name)}.svg"
        write_bland_altman(path, one, comparison.mean[:, k], comparison.difference[:, k])
        paths.append(path)
    return (*write_table(table, folder, "agreement"), *paths)


def _own_joints(place: Path, person: str | None) -> Signals:
    if place.is_file() and place.suffix.lower() in JOINT_FILES:
        return _joints(place)
    path = place if place.is_file() else place / POINTS
    if not path.is_file():
        raise FormatError(f"{place}: has no {POINTS}. Needed: the results of `mocap3d reconstruct`, or a file of them.")
    points = read_npz(path)
    if person is None and len(points.people) > 1:
        raise FormatError(f"{path}: holds {', '.join(points.people)}. Say which with --person.")
    name = person or next(iter(points.people), "")
    if name not in points.people:
        raise FormatError(f"{path}: there is no person '{name}'.{did_you_mean(name, points.people)}")
    values = points.p_in_world[:, points.people.index(name)].numpy()
    return Signals(points.skeleton.keypoints, points.t_s.numpy(), values)


def _own_file(place: Path, suffix: str, person: str | None) -> Path:
    if place.is_file():
        return place
    found = sorted(place.glob(f"*{suffix}")) if person is None else [place / f"{person}{suffix}"]
    if len(found) != 1 or not found[0].is_file():
        names = ", ".join(path.name for path in found) or "none"
        raise FormatError(
            f"{place}: found {names} for *{suffix}. Needed: one; say which with --person, or export angles with "
            "`mocap3d export`."
        )
    return found.pop()


def _joints(path: Path) -> Signals:
    suffix = path.suffix.lower()
    if suffix == ".bvh":
        motion = read_bvh(path)
        unit_m = motion.unit_m or 0.01  # centimetres are the custom; --scale forgives another unit
        positions, _ = motion.posed()
        return Signals(motion.tree.joints, np.arange(len(positions)) / float(motion.rate), positions * unit_m)
    trial = read_c3d(path) if suffix == ".c3d" else read_trc(path)
    return Signals(trial.labels, trial.t_s, trial.p_in_file)


def _angles(path: Path) -> Signals:
    table = read_mot(path)
    names = [name for name in table.columns if not name.endswith(_LENGTHS)]
    values = np.stack([table.column(name) for name in names], 1)
    return Signals(tuple(names), table.t_s, (values if table.in_degrees else np.degrees(values))[..., None])


def _renamed(signals: Signals, pairs: Sequence[str]) -> Signals:
    """Ours under the names of the reference."""
    new = dict(zip(signals.names, signals.names, strict=True))
    for pair in pairs:
        ours, _, theirs = pair.partition("=")
        if not theirs or ours not in new:
            raise FormatError(
                f"--pair {pair}: needed OURS=REFERENCE with one of our names.{did_you_mean(ours, signals.names)}"
            )
        new[ours] = theirs
    return Signals(tuple(new[name] for name in signals.names), signals.t_s, signals.values)


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
