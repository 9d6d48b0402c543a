"""The verdict follows the numbers, and says which of them."""

from dataclasses import replace

import pytest
import torch
from reported import small_content

from mocap3d.viz.verdict import LIMITS, Grade, judge


@pytest.fixture
def content():
    return small_content()


def test_a_good_recording_is_good(content):
    verdict = judge(content.points, replace(content.quality, warnings=()))
    assert verdict.grade is Grade.GOOD
    assert len(verdict.findings) == len(LIMITS)
    assert not any("needed" in reason for reason in verdict.reasons())


def test_with_doubts_it_is_usable_at_best(content):
    verdict = judge(content.points, replace(content.quality, warnings=("view 'cam01' is odd.",)))
    assert verdict.grade is Grade.USABLE
    assert "numbers are good, but" in verdict.headline


@pytest.mark.parametrize(
    ("field", "values", "grade", "reason"),
    [
        ("coverage", 0.7, Grade.USABLE, "70 % of the keypoints were measured"),
        ("coverage", 0.3, Grade.FILM_AGAIN, "at least 50 % needed"),
        ("inlier_fraction", 0.3, Grade.FILM_AGAIN, "30 % of what the views saw agrees"),
        ("sigma_mm", 35.0, Grade.USABLE, "35.0 mm (usable: at most 20 mm needed)"),
        ("sigma_mm", 90.0, Grade.FILM_AGAIN, "at most 60 mm needed"),
        ("limb_spread_m", 0.05, Grade.FILM_AGAIN, "50.0 mm"),
    ],
)
def test_one_bad_number_decides_and_comes_first(content, field, values, grade, reason):
    quality = replace(content.quality, **{field: torch.full_like(getattr(content.quality, field), values)})
    verdict = judge(content.points, quality)
    assert verdict.grade is grade
    assert reason in next(iter(verdict.reasons()))


def test_few_views_are_not_good(content):
    assert judge(content.points, replace(content.quality, views_per_point=2.2)).grade is Grade.USABLE


def test_somebody_never_measured_is_filmed_again(content):
    quality = small_content(n_people=2).quality
    coverage = torch.ones_like(quality.coverage)
    coverage[1] = 0
    verdict = judge(content.points, replace(quality, coverage=coverage))
    assert verdict.grade is Grade.FILM_AGAIN
    assert all(finding.grade is not Grade.FILM_AGAIN for finding in verdict.findings)


def test_nobody_is_filmed_again(content):
    points = replace(content.points, people=())
    verdict = judge(points, content.quality)
    assert verdict.grade is Grade.FILM_AGAIN
    assert "nobody was found" in verdict.doubts[0]


def test_what_was_not_computed_is_left_out(content):
    quality = replace(content.quality, sigma_mm=torch.full_like(content.quality.sigma_mm, torch.nan), warnings=())
    verdict = judge(content.points, quality)
    assert len(verdict.findings) == len(LIMITS) - 1
    assert verdict.grade is Grade.GOOD
