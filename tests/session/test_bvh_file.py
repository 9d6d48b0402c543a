"""BVH and Acclaim as other programs write them; how they turn is tested with the clips made of them."""

from fractions import Fraction

import numpy as np
import pytest

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.amc import read_amc
from mocap3d.session.motion_files.bvh import read_bvh

HIERARCHY = """HIERARCHY
ROOT Hips
{
\tOFFSET 0 90 0
\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
\tJOINT LeftUpLeg
\t{
\t\tOFFSET 10 -80 0
\t\tCHANNELS 3 Zrotation Xrotation Yrotation
\t\tEnd Site
\t\t{
\t\t\tOFFSET 0 -40 5
\t\t}
\t}
}
"""
MOTION = "MOTION\nFrames: 2\nFrame Time: 0.016666667\n1 90 3 0 0 0 0 0 0\n1 91 3 0 0 0 0 0 0\n"
TEXT = HIERARCHY + MOTION
VARIATIONS = {
    "as it should be": TEXT,
    "CRLF": TEXT.replace("\n", "\r\n"),
    "blank lines": TEXT.replace("\n", "\n\n"),
    "tabs after Frames:": TEXT.replace("Frames: ", "Frames:\t\t"),
    "exponents": TEXT.replace("-80", "-8.0e1").replace("91", "9.1E+01"),
    "brace behind ROOT": TEXT.replace("ROOT Hips\n{", "ROOT Hips {"),
    "comment before": "# made somewhere\n" + TEXT,
    "byte order mark": "\ufeff" + TEXT,
    "restated offsets": TEXT.replace("CHANNELS 3 ", "CHANNELS 6 Xposition Yposition Zposition ").replace(
        " 0 0 0 0 0 0\n", " 0 0 0 10 -80 0 0 0 0\n"
    ),
}


@pytest.mark.parametrize("variation", VARIATIONS)
def test_variations_that_are_read(variation, tmp_path):
    (tmp_path / "a.bvh").write_bytes(VARIATIONS[variation].encode())
    motion = read_bvh(tmp_path / "a.bvh")
    assert motion.tree.joints == ("Hips", "LeftUpLeg", "LeftUpLeg_end")
    assert motion.rate == Fraction(60)
    np.testing.assert_allclose(motion.posed()[0][1], [[1, 91, 3], [11, 11, 3], [11, -29, 8]], atol=1e-12)


def test_names_with_blanks_and_names_that_come_again(tmp_path):
    text = TEXT.replace("LeftUpLeg", "left up:leg-1.x").replace("Hips", "left up:leg-1.x")
    (tmp_path / "a.bvh").write_text(text, encoding="utf-8")
    assert read_bvh(tmp_path / "a.bvh").tree.joints == (
        *("left_up:leg-1.x", "left_up:leg-1.x_2", "left_up:leg-1.x_end"),
    )


@pytest.mark.parametrize(
    ("frame_s", "rate"),
    [
        ("0.01668335", Fraction(60000, 1001)),
        (".0083333", Fraction(120)),
        ("0.001", Fraction(1000)),
        ("0.0333", Fraction(30)),
    ],
)
def test_rounded_frame_times_stand_for_their_rate(frame_s, rate, tmp_path):
    """0.0333 is 30.03 by its digits and 30 by what anybody means."""
    (tmp_path / "a.bvh").write_text(TEXT.replace("0.016666667", frame_s), encoding="utf-8")
    assert float(read_bvh(tmp_path / "a.bvh").rate) == pytest.approx(float(rate), rel=1.1e-3)


def test_nan_is_missing(tmp_path):
    (tmp_path / "a.bvh").write_text(TEXT.replace("91 3 0 0 0", "91 3 nan 0 0"), encoding="utf-8")
    motion = read_bvh(tmp_path / "a.bvh")
    assert np.isfinite(motion.posed()[0][0]).all()
    assert np.isnan(motion.posed()[0][1, 1]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HIERARCHY, "no MOTION"),
        (TEXT.replace("Frame Time: 0.016666667\n", ""), "no MOTION with 'Frames:' and 'Frame Time:'"),
        (TEXT.replace("Frames: 2", "Frames: 5"), "18 numbers, but 5 frames of 9"),
        (TEXT.replace("Frame Time: 0.016666667", "Frame Time: 0"), "division by zero"),
        (TEXT.replace("91 3", "ninety 3"), "could not convert"),
        (HIERARCHY + HIERARCHY.removeprefix("HIERARCHY\n") + MOTION, "two roots"),
        (
            TEXT.replace("CHANNELS 3 ", "CHANNELS 6 Xposition Yposition Zposition ").replace(
                " 0 0 0 0 0 0\n", " 0 0 0 10 -70 0 0 0 0\n"
            ),
            "the bone to 'LeftUpLeg' changes its length",
        ),
        ("MOTION\n", "no joint found"),
    ],
)
def test_what_is_refused_is_named_and_explained(text, message, tmp_path):
    (tmp_path / "a.bvh").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match="Needed") as caught:
        read_bvh(tmp_path / "a.bvh")
    assert message in str(caught.value)


def test_an_unknown_joint_gets_a_hint(tmp_path):
    (tmp_path / "a.bvh").write_text(TEXT, encoding="utf-8")
    with pytest.raises(FormatError, match=r"no joint 'Hip'.*Hips"):
        read_bvh(tmp_path / "a.bvh").index("Hip")


ASF = """:units
  length 0.45
  angle deg
:root
  order {order}
  axis XYZ
  position 0 0 0
  orientation {orientation}
:bonedata
  begin
    id 1
    name leg
    direction 0 -1 0
    length 10
    axis 0 0 90 XYZ
    dof rx rz
  end
:hierarchy
  begin
    root leg
  end
"""


def acclaim(folder, *, order="TX TY TZ RX RY RZ", orientation="0 0 0", root="1 2 3 10 20 30", leg="30 0"):
    (folder / "7.asf").write_text(ASF.format(order=order, orientation=orientation), encoding="utf-8")
    (folder / "7_01.amc").write_text(f":FULLY-SPECIFIED\n:DEGREES\n1\nroot {root}\nleg {leg}\n", encoding="utf-8")
    return folder / "7_01.amc"


def test_the_roots_numbers_follow_their_order(tmp_path):
    usual = read_amc(acclaim(tmp_path))
    other = read_amc(acclaim(tmp_path, order="RX RY RZ TX TY TZ", root="10 20 30 1 2 3"))
    np.testing.assert_allclose(other.posed()[0], usual.posed()[0], atol=1e-12)
    assert usual.unit_m == pytest.approx(0.0254 / 0.45)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"orientation": "0 90 0"}, "its root is moved in the rest pose"),
        ({"leg": "30 0 5"}, "does not fit its skeleton 7.asf"),
        ({"root": "1 2 3"}, "does not fit its skeleton 7.asf"),
    ],
)
def test_what_would_be_misread_is_refused(change, message, tmp_path):
    with pytest.raises(FormatError, match="Needed") as caught:
        read_amc(acclaim(tmp_path, **change))
    assert message in str(caught.value)
