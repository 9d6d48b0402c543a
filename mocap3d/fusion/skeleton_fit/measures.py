"""What stays constant of a person: lengths and keypoint offsets, with what is known of them beforehand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import block_diag

from mocap3d.errors import FusionError
from mocap3d.fusion.skeleton_fit.habit import eased, habitual
from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree
from mocap3d.session.records import Person
from mocap3d.skeletons.body_table import load_body
from mocap3d.skeletons.kinematics import KinematicTree, Placement
from mocap3d.skeletons.naming import did_you_mean
from mocap3d.solve.tree import ancestors

HABIT = 4
"""After a length, 0, and the three parts of an offset, in ``Measures.free``."""
SYMMETRY_M = 0.003
"""One sigma between left and right; legs differ by 5 mm on average (Knutson 2005, Chiropr Osteopat 13:11)."""
_MEASURED_M = 0.003
"""One sigma of a length that somebody measured on the person."""
STATED_M = 0.01
"""One sigma of a height that somebody stated."""
USUAL_HEIGHT_M = 1.70
"""Of somebody of whom nothing is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """Lengths (j), offsets (k 3) and habits (n); which of them are estimated, as ``tree_normal.border`` lists them."""

    height_m: float
    length: np.ndarray
    offset: np.ndarray
    habit: np.ndarray
    """How far each unknown's ease is from the usual (rad), with the ease that makes: see ``habit``."""
    ease: np.ndarray
    ease_turn: np.ndarray
    free: np.ndarray
    """(m 2): (0, joint) for a length, (1 + axis, keypoint) for a part of an offset, (HABIT, unknown)."""
    known_by: np.ndarray
    """(k q): the estimated ones that move each keypoint, -1 beyond the last."""
    mean: np.ndarray
    """(m)"""
    usual_sigma: np.ndarray
    """(j): of a length, before the recording is looked at."""
    information: np.ndarray
    """(m m), 1/m^2: of people at large, of left and right being alike, of what was measured."""

    @property
    def values(self) -> np.ndarray:
        """(m)"""
        habits = self.free[self.free[:, 0] == HABIT, 1]
        return np.r_[_listed(self.free, self.length, self.offset), self.habit[habits]]

    def moved(self, packed: PackedTree, step: np.ndarray) -> "Measures":
        """With a step (m) added; no length falls below a third of the usual."""
        length, offset, habit = self.length.copy(), self.offset.copy(), self.habit.copy()
        for (what, i), mean, change in zip(self.free, self.mean, step, strict=True):
            if what == 0:
                length[i] = max(length[i] + change, mean / 3)
            elif what == HABIT:
                habit[i] += change
            else:
                offset[i, what - 1] += change
        ease, ease_turn = eased(packed, habit)
        return replace(self, length=length, offset=offset, habit=habit, ease=ease, ease_turn=ease_turn)


def expected_measures(
    packed: PackedTree,
    placements: tuple[Placement | None, ...],
    height_m: float,
    measured_m: Mapping[str, float],
    height_sigma_m: float = STATED_M,
) -> Measures:
    """Those of people of that height; ``measured_m`` by joint, segment, or either without its side (femur).

    All grow with the height: where that is uncertain they are uncertain together, and tell it as well as each other.
    """
    joints = packed.tree.joints
    length = np.array([joint.length_ratio for joint in joints]) * height_m
    grows = np.ones(len(length))
    sigma = np.array([joint.length_ratio_sigma for joint in joints]) * height_m
    for name, value in measured_m.items():
        for j in _measured_joints(packed.tree, name):
            length[j], sigma[j], grows[j] = value, _MEASURED_M, 0.0
    zero = (0.0, 0.0, 0.0)
    offset = np.array([p.offset_ratio if p else zero for p in placements]).reshape(-1, 3) * height_m
    offset_sigma = np.array([p.sigma_ratio if p else zero for p in placements]).reshape(-1, 3) * height_m
    free = _free(packed, offset_sigma)
    mean, spread = _listed(free, length, offset), _listed(free, sigma, offset_sigma)
    together = mean * np.array([grows[i] if what == 0 else 1.0 for what, i in free]) * height_sigma_m / height_m
    information = np.linalg.inv(np.diag(spread**2) + np.outer(together, together))
    information += _symmetry(packed, placements, free)
    habits = habitual(packed)
    free = np.r_[free, [(HABIT, c) for c in habits]]
    return Measures(
        height_m,
        length,
        offset,
        np.zeros(packed.n),
        packed.ease,
        packed.ease_turn,
        free,
        _movers(packed, free),
        np.r_[mean, np.zeros(len(habits))],
        sigma,
        np.asarray(block_diag(information, np.diag([1 / among**2 for among in habits.values()]))),
    )


def _listed(free: np.ndarray, of_length: np.ndarray, of_offset: np.ndarray) -> np.ndarray:
    """The values of lengths and parts of offsets, in the order of ``Measures.free``."""
    return np.array([of_length[i] if what == 0 else of_offset[i, what - 1] for what, i in free if what != HABIT])


def told_height_m(packed: PackedTree, p: np.ndarray) -> float:
    """Body height that the limbs between keypoints p (t k 3) agree on, or a usual one."""
    ratios = [joint.length_ratio for joint in packed.tree.joints]
    told = [told_length_m(packed, p, j) / ratios[j] for j in range(1, len(ratios))]
    told = [value for value in told if np.isfinite(value)]
    return float(np.median(told)) if told else USUAL_HEIGHT_M


def told_length_m(packed: PackedTree, p: np.ndarray, j: int) -> float:
    """Median distance of the keypoints at a limb's two joint centres; NaN where there are none."""
    at = {int(anchor): k for k, anchor in enumerate(packed.anchor) if anchor >= 0 and packed.is_centre[k]}
    k, m = at.get(j), at.get(int(packed.parent[j]))
    if k is None or m is None:
        return np.nan
    apart = np.linalg.norm(p[:, k] - p[:, m], axis=-1)
    return float(np.median(apart[np.isfinite(apart)])) if np.isfinite(apart).any() else np.nan


def check_lengths(people: Iterable[Person]) -> None:
    """Refuses lengths of what is no segment of the body: better before hours of detection than after."""
    tree = load_body()
    for person in people:
        for name in person.length_m:
            _measured_joints(tree, name)


def _measured_joints(tree: KinematicTree, name: str) -> list[int]:
    """The far ends of a segment, or of both sides'; only a segment with one far end has a length."""
    ends = {joint.segment: tree.children(j) for j, joint in enumerate(tree.joints) if joint.segment}
    known = {segment: far[0] for segment, far in ends.items() if len(far) == 1}
    if found := [
        j for segment, j in known.items() if name in (segment, segment.removesuffix("_r"), segment.removesuffix("_l"))
    ]:
        return found
    raise FusionError(f"length_m.{name}: no such segment has a length to state.{did_you_mean(name, sorted(known))}")


def _free(packed: PackedTree, offset_sigma: np.ndarray) -> np.ndarray:
    below = ancestors(packed.parent)
    anchors = packed.anchor[packed.anchor >= 0]
    lengths = [(0, j) for j in range(1, len(packed.parent)) if below[j, anchors].any()]
    parts = [
        (1 + axis, k)
        for k in range(len(offset_sigma))
        if packed.anchor[k] >= 0
        for axis in range(3)
        if offset_sigma[k, axis] > 0
    ]
    return np.array(lengths + parts, np.int64).reshape(-1, 2)


def _movers(packed: PackedTree, free: np.ndarray) -> np.ndarray:
    below = ancestors(packed.parent)
    lists = [
        [m for m, (what, i) in enumerate(free) if what != HABIT and (below[i, anchor] if what == 0 else i == k)]
        if anchor >= 0
        else []
        for k, anchor in enumerate(packed.anchor)
    ]
    longest = max(map(len, lists), default=0)
    return np.array([row + [-1] * (longest - len(row)) for row in lists], np.int64).reshape(len(lists), longest)


def _symmetry(packed: PackedTree, placements: tuple[Placement | None, ...], free: np.ndarray) -> np.ndarray:
    """(m m): left and right are alike; offsets to the side are mirror images."""
    place = {(int(what), int(i)): m for m, (what, i) in enumerate(free)}
    out = np.zeros((len(free), len(free)))
    for (what, i), m in place.items():
        other = place.get(
            (what, packed.tree.joints[i].mirror if what == 0 else _mirror_keypoint(packed, placements, i))
        )
        if other is None or other <= m:
            continue
        sign = -1.0 if what == 3 else 1.0
        row = np.zeros(len(free))
        row[m], row[other] = 1.0, -sign
        out += np.outer(row, row) / SYMMETRY_M**2
    return out


def _mirror_keypoint(packed: PackedTree, placements: tuple[Placement | None, ...], k: int) -> int:
    """The keypoint with the mirrored placement; itself where there is none."""
    own = placements[k]
    assert own is not None
    x, y, z = own.offset_ratio
    for other, p in enumerate(placements):
        if p and p.anchor == packed.tree.joints[own.anchor].mirror and p.offset_ratio == (x, y, -z) and other != k:
            return other
    return k
