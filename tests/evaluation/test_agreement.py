"""Two recordings of one motion whose offset in time and space is known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.evaluation.agreement import Signals, compare_angles, compare_joints
from mocap3d.evaluation.agreement_plot import write_bland_altman
from mocap3d.synthesis.activity import lively_person
from mocap3d.synthesis.walk import Gait, walking_person

NAMES = ("LKnee", "RKnee", "LWrist", "RWrist", "Hip", "Neck")
TURN = Rotation.from_euler("xyz", [20, -40, 130], degrees=True)
SHIFT_M = np.array([0.4, -1.2, 2.0])


def recordings(*, offset_s: float = 0.2137, noise_m: float = 0.0, scale: float = 1.0) -> tuple[Signals, Signals]:
    """The same person at 60 Hz, and at 100 Hz with another clock, in other axes."""
    fine = lively_person(1200, seed=1, fps=600.0)
    p = np.stack([fine[name] for name in NAMES], 1)
    t_s = np.arange(1200) / 600
    rng = np.random.default_rng(0)
    ours = p[::10] + rng.normal(0, noise_m, p[::10].shape)
    theirs = scale * p[::6] @ TURN.as_matrix().T + SHIFT_M
    return Signals(NAMES, t_s[::10] + offset_s, ours), Signals(NAMES[::-1], t_s[::6], theirs[:, ::-1])


@pytest.mark.parametrize("offset_s", [0.0, 0.2137, -0.5013])
def test_offset_and_axes_are_found(offset_s):
    """Measured: 0.03 ms and 0.07 mm worst; a frame is 17 ms."""
    comparison = compare_joints(*recordings(offset_s=offset_s))
    assert comparison.offset_s == pytest.approx(offset_s, abs=5e-4)
    assert max(one.rmse for one in comparison.agreements) < 0.5
    assert comparison.reference_from_ours is not None
    assert comparison.reference_from_ours.rotation.numpy() == pytest.approx(TURN.as_matrix(), abs=1e-3)


def test_noise_is_reported_as_it_is():
    comparison = compare_joints(*recordings(noise_m=0.01))
    by_name = {one.name: one for one in comparison.agreements}
    assert set(by_name) == set(NAMES)
    for one in by_name.values():
        assert one.rmse == pytest.approx(10 * 3**0.5, rel=0.15)
        assert np.subtract(one.high, one.low) == pytest.approx(2 * 1.96 * 10, rel=0.25)


def test_bias_and_limits_are_those_of_bland_and_altman():
    ours, reference = recordings(offset_s=0.0)
    shifted = Signals(ours.names, ours.t_s, ours.values + np.random.default_rng(1).normal(0, 0.01, ours.values.shape))
    comparison = compare_joints(shifted, reference, offset_s=0.0)
    k = ours.names.index("LKnee")
    difference = comparison.difference[:, k]
    one = comparison.agreements[k]
    assert one.bias == pytest.approx(difference.mean(0), abs=1e-9)
    assert one.high == pytest.approx(difference.mean(0) + 1.96 * difference.std(0, ddof=1), abs=1e-9)
    assert one.rmse == pytest.approx(np.sqrt((difference**2).sum(1).mean()), abs=1e-9)


def test_scale_is_only_forgiven_when_asked():
    ours, reference = recordings(scale=1.02)
    assert max(one.rmse for one in compare_joints(ours, reference).agreements) > 5
    assert compare_joints(ours, reference, scale=True).scale == pytest.approx(1.02, abs=1e-4)


def test_a_missing_joint_is_missing_and_the_others_stay():
    ours, reference = recordings()
    ours.values[:, 2] = np.nan
    ours.values[30:40, 0] = np.nan
    by_name = {one.name: one for one in compare_joints(ours, reference).agreements}
    assert (by_name["LWrist"].n, by_name["RKnee"].n - by_name["LKnee"].n) == (0, 10)
    assert by_name["LKnee"].rmse < 0.5


def test_a_gap_in_a_walk_does_not_put_it_a_stride_off():
    """Markers are lost for a third of a second, one throughout; a stride takes 1.05 s."""
    walk = walking_person(1800, rate_hz=600.0, height_m=1.75, gait=Gait(cadence_hz=1.9), seed=1)
    p = np.stack([walk[name] for name in NAMES], 1)
    t_s, rng = np.arange(1800) / 600, np.random.default_rng(0)
    theirs = p[120:1560:6] + rng.normal(0, 0.01, p[120:1560:6].shape)
    theirs[30:60], theirs[:, 3] = np.nan, np.nan
    reference = Signals(NAMES, t_s[120:1560:6] - 0.3371, theirs)
    comparison = compare_joints(Signals(NAMES, t_s[::10], p[::10]), reference)
    assert comparison.offset_s == pytest.approx(0.3371, abs=5e-3)


def test_angles_with_their_offset():
    t_s = np.arange(300) / 100
    knee = 30 + 25 * np.sin(5 * t_s) + 5 * np.sin(17 * t_s)
    hip = 170 + 20 * np.sin(5 * t_s + 1)
    ours = Signals(("knee", "hip"), t_s + 0.155, np.stack([knee + 2, (hip + 180) % 360 - 180], 1)[..., None])
    reference = Signals(("hip", "knee"), t_s, np.stack([hip, knee], 1)[..., None])
    comparison = compare_angles(ours, reference)
    by_name = {one.name: one for one in comparison.agreements}
    assert by_name["knee"].bias[0] == pytest.approx(2, abs=0.05)
    assert by_name["hip"].rmse < 0.2
    assert comparison.offset_s == pytest.approx(0.155, abs=1e-3)


def test_recordings_that_share_nothing_are_named():
    ours, reference = recordings()
    other = Signals(tuple(f"m{n}" for n in range(6)), reference.t_s, reference.values)
    with pytest.raises(FormatError, match="--pair"):
        compare_joints(ours, other)
    with pytest.raises(FormatError, match="share 0 instants"):
        compare_joints(ours, reference, offset_s=60.0)
    late = Signals(ours.names, ours.t_s + 100, ours.values)
    with pytest.raises(FormatError, match="max-offset"):
        compare_joints(late, reference)


def test_the_plot_shows_every_limit(tmp_path):
    from xml.etree import ElementTree

    comparison = compare_joints(*recordings(noise_m=0.01))
    path = tmp_path / "plot.svg"
    write_bland_altman(path, comparison.agreements[0], comparison.mean[:, 0], comparison.difference[:, 0])
    tree = ElementTree.parse(path)
    lines = tree.findall(".//{http://www.w3.org/2000/svg}line")
    dots = tree.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(lines) == 9
    assert len(dots) == 3 * comparison.agreements[0].n
