"""Frame rates are exact."""

from fractions import Fraction

import pytest

from mocap3d.session.rate import exact_rate, frame_times, regular_times


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (60, 60),
        (60.0, 60),
        (12.5, Fraction(25, 2)),
        (29.97, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (59.9401, Fraction(60000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (119.88, Fraction(120000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        (" 59.94 ", Fraction(60000, 1001)),
        ("2997/100", Fraction(2997, 100)),  # a fraction is taken at its word
        (Fraction(100, 3), Fraction(100, 3)),
        (0.001, Fraction(1, 1000)),
    ],
)
def test_a_rate_is_what_was_meant(said, meant):
    assert exact_rate(said) == meant


@pytest.mark.parametrize("said", [0, -30, float("nan"), float("inf"), "", "fast", "30/0", True, "30 fps"])
def test_no_rate_is_refused(said):
    with pytest.raises(ValueError, match="frames per second"):
        exact_rate(said)


def test_times_do_not_drift():
    """An hour at 59.94: adding up a rounded interval would be off by milliseconds."""
    rate = Fraction(60000, 1001)
    times_s = regular_times(215785, rate)
    assert all(float(times_s[i]) == float(i / rate) for i in (0, 1, 12345, 215784))


def test_rounded_stamps_mean_regular_times():
    rate, times_s = frame_times([0, 33, 67, 100, 133], Fraction(1, 1000), [Fraction(30)])
    assert rate == 30
    assert times_s.tolist() == [i / 30 for i in range(5)]


def test_the_declared_rate_is_not_believed_against_the_stamps():
    rate, times_s = frame_times([0, 40, 80, 120], Fraction(1, 1000), [Fraction(30)])
    assert rate == 25
    assert times_s.tolist() == [0, 0.04, 0.08, 0.12]


def test_a_left_out_frame_breaks_the_grid_even_in_ticks_of_a_frame():
    """The mean rate, 22.5, would explain these four stamps just as well."""
    _, times_s = frame_times([0, 1, 3, 4], Fraction(1, 30), [Fraction(30), Fraction(45, 2)])
    assert times_s.tolist() == pytest.approx([0, 1 / 30, 3 / 30, 4 / 30])


@pytest.mark.parametrize(("declared", "rate"), [([Fraction(50)], 50), ([], None)])
def test_one_frame_is_at_zero(declared, rate):
    found, times_s = frame_times([512], Fraction(1, 1000), declared)
    assert found == rate
    assert times_s.tolist() == [0]
