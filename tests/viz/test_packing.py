"""Numbers on the page come back within half a step, and what is unknown stays unknown."""

import base64

import numpy as np
import pytest

from mocap3d.viz.packing import packed, packed_bits, unpacked

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "values", [RNG.normal(size=(7, 3, 2)), np.full((4,), 2.5), np.zeros((0, 3)), np.full((2, 2), np.nan)]
)
def test_numbers_come_back(values):
    table = packed(values)
    assert unpacked(table).shape == values.shape
    np.testing.assert_allclose(unpacked(table), values, atol=0.51 * table["step"])


def test_missing_and_infinite_are_unknown():
    back = unpacked(packed(np.array([1.0, np.nan, -np.inf, 3.0])))
    np.testing.assert_array_equal(np.isnan(back), [False, True, True, False])


def test_a_room_of_six_metres_is_exact_to_a_twentieth_of_a_millimetre():
    assert packed(np.array([-3.0, 3.0]))["step"] / 2 < 5e-5


def test_bits_are_ordered_from_the_highest():
    assert (
        base64.b64decode(packed_bits(np.array([True, False, False, False, False, False, False, True, True]))["bits"])
        == b"\x81\x80"
    )
