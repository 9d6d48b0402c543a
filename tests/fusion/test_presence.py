"""When somebody is there, and samples spread over it."""

import numpy as np
import pytest

from mocap3d.fusion.presence import runs_of, spread_over, up_to_the_ends


def there(*runs: tuple[int, int], n_times: int = 100) -> np.ndarray:
    mask = np.zeros(n_times, bool)
    for first, last in runs:
        mask[first:last] = True
    return mask


@pytest.mark.parametrize(
    ("runs", "bridged", "found"),
    [
        ((), 5, []),
        (((0, 100),), 0, [slice(0, 100)]),
        (((3, 4), (5, 9)), 0, [slice(3, 4), slice(5, 9)]),
        (((3, 4), (5, 9), (11, 12)), 1, [slice(3, 9), slice(11, 12)]),
        (((3, 4), (99, 100)), 95, [slice(3, 100)]),
        (((3, 4), (99, 100)), 94, [slice(3, 4), slice(99, 100)]),
    ],
)
def test_runs_with_short_gaps_are_one(runs, bridged, found):
    assert runs_of(there(*runs), bridged=bridged) == found


def test_only_what_is_near_an_end_reaches_it():
    runs = [slice(5, 20), slice(40, 60), slice(80, 95)]
    assert up_to_the_ends(runs, 100, near=5) == [slice(0, 20), slice(40, 60), slice(80, 100)]
    assert up_to_the_ends(runs, 100, near=4) == runs


def test_of_one_run_the_first_and_the_last_stretch_touch_its_ends():
    assert spread_over([slice(10, 90)], 3, 20) == [slice(10, 30), slice(40, 60), slice(70, 90)]


def test_the_middle_of_every_stretch_lies_in_a_run():
    """Somebody who is there for 60 of 10,000 instants, twice."""
    runs = [slice(2000, 2060), slice(7000, 7060)]
    stretches = spread_over(runs, 4, 30)
    middles = [(s.start + s.stop) // 2 for s in stretches]
    assert [any(run.start <= m < run.stop for run in runs) for m in middles] == [True] * 4
    assert sum(m < 5000 for m in middles) == 2
