"""Good, usable, or film again: a reconstruction's numbers against limits that are written here and nowhere else."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from jaxtyping import Float
from torch import Tensor

from mocap3d.session.records import Points3D, Quality


class Grade(StrEnum):
    """What a lab may do with a recording; the order of the class is from best to worst."""

    GOOD = "good"
    USABLE = "usable"
    FILM_AGAIN = "film again"


HEADLINES = {
    Grade.GOOD: "The views agree, hardly anything is missing, and the stated doubt is small.",
    Grade.USABLE: "The motion is there, but look at the points below before relying on every keypoint.",
    Grade.FILM_AGAIN: "Too much is missing or in disagreement for this recording to be trusted.",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of the whole recording, and how bad it may be."""

    what: str
    unit: str
    good: float
    usable: float
    larger_is_better: bool = False

    def grade(self, value: float) -> Grade:
        """NaN is not known, and thereby not good."""
        sign = -1 if self.larger_is_better else 1
        if sign * value <= sign * self.good:
            return Grade.GOOD
        return Grade.USABLE if math.isnan(value) or sign * value <= sign * self.usable else Grade.FILM_AGAIN


LIMITS = (
    Limit("of the keypoints were measured by two views or more", "%", 90.0, 50.0, larger_is_better=True),
    Limit("of what the views saw agrees with the 3D points", "%", 80.0, 40.0, larger_is_better=True),
    Limit("views agree on a point, on average", "", 2.5, 2.0, larger_is_better=True),
    Limit("typical doubt of a keypoint (one sigma, worst direction)", "mm", 20.0, 60.0),
    Limit("typical change of a limb's length over time", "mm", 8.0, 30.0),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One number of the verdict."""

    value: float
    limit: Limit
    grade: Grade


@dataclass(frozen=True, slots=True)
class Verdict:
    """The worst grade of all findings, and why."""

    grade: Grade
    findings: tuple[Finding, ...]
    doubts: tuple[str, ...]
    """What to look at and what to do, in words."""

    @property
    def headline(self) -> str:
        """One sentence; says so where only what is told in words is in the way of a better grade."""
        if self.grade is Grade.USABLE and all(finding.grade is Grade.GOOD for finding in self.findings):
            return "The numbers are good, but something should be looked at before they are relied on."
        return HEADLINES[self.grade]

    def reasons(self) -> Iterator[str]:
        """Every finding as a sentence, the worst first."""
        for finding in sorted(self.findings, key=lambda finding: -list(Grade).index(finding.grade)):
            yield told(finding)


def judge(points: Points3D, quality: Quality) -> Verdict:
    """Medians over keypoints, views and limbs against the limits; with warnings usable at best.

    Nobody found, or somebody never measured, is filmed again.
    """
    if not points.people:
        return Verdict(Grade.FILM_AGAIN, (), ("nobody was found by two views at once.", *quality.warnings))
    values = (
        100 * float(quality.coverage.mean()),
        100 * _median(quality.inlier_fraction),
        quality.views_per_point,
        _median(quality.sigma_mm),
        1000 * _median(quality.limb_spread_m),
    )
    pairs = zip(values, LIMITS, strict=True)
    # Without covariances, or without limbs in the keypoint set, a number is unknown through no fault of the recording.
    findings = tuple(Finding(v, limit, limit.grade(v)) for v, limit in pairs if not math.isnan(v))
    grades = [
        *(finding.grade for finding in findings),
        Grade.USABLE if quality.warnings or not findings else Grade.GOOD,
    ]
    worst = max(grades, key=list(Grade).index)
    if not (quality.coverage > 0).any(1).all():
        worst = Grade.FILM_AGAIN
    return Verdict(worst, findings, quality.warnings)


def told(finding: Finding) -> str:
    """The number, what it is of, and the limit that it meets or misses."""
    limit, value = finding.limit, finding.value
    digits = 0 if limit.unit == "%" else 1
    unit = {"%": " %", "": ""}.get(limit.unit, f" {limit.unit}")
    needed = limit.good if finding.grade is not Grade.FILM_AGAIN else limit.usable
    side = "at least" if limit.larger_is_better else "at most"
    number = f"{value:.{digits}f}{unit}"
    sentence = f"{number} {limit.what}" if limit.larger_is_better else f"{limit.what}: {number}"
    return sentence if finding.grade is Grade.GOOD else f"{sentence} ({finding.grade}: {side} {needed:g}{unit} needed)"


def _median(values: Float[Tensor, "..."]) -> float:
    return float(values.nanmedian()) if values.numel() else math.nan
