"""The running median is that of a general rank filter."""

import numpy as np
import pytest
from scipy.ndimage import median_filter

from mocap3d.solve.running_median import running_median


@pytest.mark.parametrize(("n_times", "half"), [(100, 7), (9, 8), (40, 0), (30, 1)])
def test_it_is_the_median_of_the_neighbours(n_times, half):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n_times, 5)).round(1)  # with ties
    out = np.empty_like(x)
    running_median(x, half, out)
    np.testing.assert_array_equal(out, median_filter(x, size=(2 * half + 1, 1), mode="mirror"))
