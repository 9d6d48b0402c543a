"""Small people in wide pictures with and without tiles; people who overlap with and without being told whom to look at.

All are drawn, so the truth is known: bodies of another seed than those of any training set.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from drawn import CAMERA_M, Scene, draw, somebody

from mocap3d.detection.boxes import PersonBox, box_of_keypoints
from mocap3d.detection.crops import along
from mocap3d.detection.estimators.estimator import Estimator
from mocap3d.detection.persons import PersonFinder, whole
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.synthesis.rendering.actor import Standing
from mocap3d.synthesis.rendering.fabric import fabric_bank
from mocap3d.synthesis.rendering.studio import StudioOptions, open_studio

HEIGHTS_PX = (30, 45, 60, 90, 120)
"""Of people in wide pictures: edges of the classes that are told apart."""
OVERLAPS = (0.25, 0.5, 0.75)
_WIDE_PX, _WIDE_FOCAL_PX = (1920, 1024), 900.0
_NEAR_PX, _NEAR_FOCAL_PX, _NEAR_M, _BEHIND_M = (384, 512), 850.0, 4.2, 0.7
_SKELETON = load_skeleton("halpe26")
_MIRROR = list(_SKELETON.mirror)


def studio_of(data: Path) -> StudioOptions:
    """The material of `mocap3d synth people` in a folder of folders."""
    return StudioOptions(
        "anny", 9, data / "10_makehuman_cc0", data / "05_cmu_motions", data / "09_hdri_cc0"
    )  # fmt: skip


def small_people(options: StudioOptions, finder: PersonFinder, n: int) -> dict:
    """Recall by height and false finds per picture, of the whole picture alone and of a search everywhere."""
    truth, found = [], {"whole": [], "tiles": []}
    for scene in _wide(options, n):
        boxes = [box_of_keypoints(uv) for uv in scene.uv_px]
        truth.append(boxes)
        for name, squares in (("whole", whole(_WIDE_PX)), ("tiles", None)):
            found[name].append(finder([scene.picture], squares)[0])
    return {name: _recall(truth, of_all) for name, of_all in found.items()}


def _wide(options: StudioOptions, n: int) -> Iterator[Scene]:
    """Three people of 30 to 120 px, side by side at their distances."""
    studio = open_studio(options)
    fabrics = fabric_bank(np.random.default_rng(0), studio.panoramas)
    for number in range(n):
        rng = np.random.default_rng([77, number])
        people = []
        for side in (-0.68, 0.0, 0.68):
            person = somebody(studio, rng)
            height_px = np.exp(rng.uniform(*np.log([HEIGHTS_PX[0], HEIGHTS_PX[-1]])))
            away_m = _WIDE_FOCAL_PX * np.ptp(person.keypoints[:, 2]) / height_px
            people.append(person.moved(away_m * np.array([side + rng.uniform(-0.25, 0.25), 1.0, 0.0])))
        yield draw(people, studio, fabrics, _WIDE_PX, _WIDE_FOCAL_PX, rng)


def _recall(truth: list[list[PersonBox]], found: list[list[PersonBox]]) -> dict[str, float]:
    rows = [
        (box.size_px[1] / 1.25, any(_is(box, other) for other in of_picture))
        for boxes, of_picture in zip(truth, found, strict=True)
        for box in boxes
    ]
    height, hit = np.array(rows).T
    row = {
        f"{low}-{high} px": round(float(hit[(height >= low) & (height < high)].mean()), 3)
        for low, high in pairwise(HEIGHTS_PX)
    }
    false = sum(
        not any(_is(box, other) for box in boxes)
        for boxes, of_picture in zip(truth, found, strict=True)
        for other in of_picture
    )
    return {**row, "all": round(float(hit.mean()), 3), "people": len(rows), "false per picture": false / len(truth)}


def _is(box: PersonBox, other: PersonBox) -> bool:
    """Good enough to begin with: the next boxes are those of the keypoints."""
    near = np.hypot(*np.subtract(box.centre_px, other.centre_px)) < 0.25 * box.size_px[1]
    return bool(near and 0.5 < other.size_px[1] / box.size_px[1] < 2)


def overlapping_people(options: StudioOptions, estimator: Estimator, n: int, *, off_torso: float = 0.08) -> dict:
    """PCK and the share of keypoints on the other person, told nothing and told where to look, by overlap.

    Both people of each picture are looked at, in boxes as a tracker has them. What is expected is off by a normal
    error of ``off_torso`` torso lengths, two thirds of it common to all keypoints, as predictions from 3D are.
    """
    rows: dict[str, dict[str, list]] = {}
    for share, scene, rng in _pairs(options, n):
        for person in (0, 1):
            uv_px, other_px = scene.uv_px[person], scene.uv_px[1 - person]
            torso_px = _torso_px(uv_px)
            off_px = off_torso * torso_px * (0.8 * rng.normal(size=2) + 0.6 * rng.normal(size=uv_px.shape))
            box = box_of_keypoints(uv_px + 0.05 * torso_px * rng.normal(size=2))
            assert box is not None
            crops = along([box], estimator.size_px)
            pixels = crops.cut(scene.picture)
            expected = crops.to_crop(torch.from_numpy(uv_px + off_px)[None])
            inside = ((uv_px > 0) & (uv_px < np.array(_NEAR_PX) - 1)).all(1)
            for told, prior in (("alone", None), ("told", expected.float())):
                found = estimator(pixels, prior)
                seen = crops.to_image(found.uv_px.double())[0, :, 0].numpy()
                of_case = rows.setdefault(f"{share:.0%} {'front' if person == 0 else 'behind'}", {})
                of_case.setdefault(told, []).append(_judged(seen, uv_px, other_px, torso_px)[inside])
            of_case.setdefault("expected", []).append(_judged(uv_px + off_px, uv_px, other_px, torso_px)[inside])
    return {
        case: {
            told: dict(
                zip(("pck0.1", "pck0.2", "other"), np.concatenate(of_all).mean(0).round(3).tolist(), strict=True)
            )
            for told, of_all in of_case.items()
        }
        for case, of_case in rows.items()
    }


def _pairs(options: StudioOptions, n: int) -> Iterator[tuple[float, Scene, np.random.Generator]]:
    """Two people, the first before the other, by the share of the smaller one's box that is in the other's."""
    studio = open_studio(options)
    fabrics = fabric_bank(np.random.default_rng(0), studio.panoramas)
    for number in range(n):
        rng, share = np.random.default_rng([78, number]), OVERLAPS[number % len(OVERLAPS)]
        front, behind = (somebody(studio, rng) for _ in range(2))
        front = front.moved(np.array([0.0, _NEAR_M, 0.0]))
        behind = behind.moved(np.array([0.0, _NEAR_M + _BEHIND_M, 0.0]))
        side = rng.choice([-1, 1])
        shifts = np.linspace(0, 1.5, 61)
        best = min(shifts, key=lambda m: abs(_overlap(front, _aside(behind, side * m)) - share))
        middle = np.array([-side * best / 2, 0.0, 0.0])
        people = [front.moved(middle), _aside(behind, side * best).moved(middle)]
        yield share, draw(people, studio, fabrics, _NEAR_PX, _NEAR_FOCAL_PX, rng), rng


def _aside(person: Standing, metres: float) -> Standing:
    return person.moved(np.array([metres, 0.0, 0.0]))


def _overlap(a: Standing, b: Standing) -> float:
    """Shared area over that of the smaller rectangle around the keypoints."""
    (low_a, high_a), (low_b, high_b) = (_rectangle(person) for person in (a, b))
    shared = np.clip(np.minimum(high_a, high_b) - np.maximum(low_a, low_b), 0, None).prod()
    return float(shared / min((high_a - low_a).prod(), (high_b - low_b).prod()))


def _rectangle(person: Standing) -> tuple[np.ndarray, np.ndarray]:
    x, y, z = person.keypoints.T
    uv = np.stack([x / y, (CAMERA_M - z) / y], -1)
    return uv.min(0), uv.max(0)


def _torso_px(uv_px: np.ndarray) -> float:
    shoulders, hips = (uv_px[[_SKELETON.index(side + part) for side in "LR"]].mean(0) for part in ("Shoulder", "Hip"))
    return max(float(np.hypot(*(shoulders - hips))), 0.2 * float(np.ptp(uv_px[:, 1])))


def _judged(seen: np.ndarray, uv_px: np.ndarray, other_px: np.ndarray, torso_px: float) -> np.ndarray:
    """(k 3): within 0.1 and 0.2 torso lengths; and on the other person, the same keypoint of either side."""
    off = np.nan_to_num(np.hypot(*(seen - uv_px).T) / torso_px, nan=np.inf)
    to_other = np.minimum(np.hypot(*(seen - other_px).T), np.hypot(*(seen - other_px[_MIRROR]).T)) / torso_px
    return np.stack([off < 0.1, off < 0.2, (off >= 0.2) & (to_other < 0.2)], -1).astype(float)
