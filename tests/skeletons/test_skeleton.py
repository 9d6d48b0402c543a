"""Every table is sound, in the official order, and mistakes in a table are named."""

import math
from pathlib import Path

import pytest

from mocap3d.errors import FormatError, Mocap3dError
from mocap3d.skeletons.skeleton import Skeleton, load_skeleton, read_skeleton, skeleton_names

COCO = "Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle RAnkle"
# Typed from the detectors' own documentation, not from our tables.
OFFICIAL = {
    "coco17": COCO,
    "halpe26": f"{COCO} Head Neck Hip LBigToe RBigToe LSmallToe RSmallToe LHeel RHeel",
    "body25b": f"{COCO} UpperNeck HeadTop LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel",
    "body25": "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist Hip RHip RKnee RAnkle LHip LKnee LAnkle REye "
    "LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel",
    "coco18": "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle LHip LKnee LAnkle REye LEye "
    "REar LEar",
    "blazepose33": "Nose LEyeInner LEye LEyeOuter REyeInner REye REyeOuter LEar REar LMouth RMouth LShoulder RShoulder "
    "LElbow RElbow LWrist RWrist LPinky RPinky LIndex RIndex LThumb RThumb LHip RHip LKnee RKnee LAnkle RAnkle LHeel "
    "RHeel LFootIndex RFootIndex",
    "h36m17": "Hip RHip RKnee RAnkle LHip LKnee LAnkle Spine Thorax Nose Head LShoulder LElbow LWrist RShoulder RElbow "
    "RWrist",
    "lsp14": "RAnkle RKnee RHip LHip LKnee LAnkle RWrist RElbow RShoulder LShoulder LElbow LWrist Neck Head",
    "smpl24": "Pelvis LHip RHip Spine1 LKnee RKnee Spine2 LAnkle RAnkle Spine3 LFoot RFoot Neck LCollar RCollar Head "
    "LShoulder RShoulder LElbow RElbow LWrist RWrist LHand RHand",
}
# (roots, limbs, rigid pairs): trees that no constant distance joins stay apart.
SIZES = {"halpe26": (1, 25, 25), "body25b": (1, 26, 23), "coco17": (2, 16, 8), "smpl24": (1, 23, 6)}


@pytest.fixture(params=sorted(OFFICIAL))
def skeleton(request: pytest.FixtureRequest) -> Skeleton:
    return load_skeleton(request.param)


def mirrored(skeleton: Skeleton, pair: tuple[int, int]) -> frozenset[int]:
    return frozenset(skeleton.mirror[k] for k in pair)


def test_every_table_is_tested():
    assert skeleton_names() == tuple(sorted(OFFICIAL))


def test_order_is_the_detectors_own(skeleton):
    assert skeleton.keypoints == tuple(OFFICIAL[skeleton.name].split())
    assert len(set(skeleton.keypoints)) == len(skeleton.keypoints)


def test_parents_make_a_forest(skeleton):
    for k in range(len(skeleton.keypoints)):
        steps = 0
        while k >= 0:
            k, steps = skeleton.parents[k], steps + 1
            assert steps <= len(skeleton.keypoints)


def test_mirror_is_an_involution_that_swaps_sides(skeleton):
    assert tuple(skeleton.mirror[k] for k in skeleton.mirror) == tuple(range(len(skeleton.keypoints)))
    for k, name in enumerate(skeleton.keypoints):
        other = skeleton.keypoints[skeleton.mirror[k]]
        assert other == name or {other[0], name[0]} == {"L", "R"}
        assert (other == name) == (name[0] not in "LR")


def test_mirror_preserves_limbs_and_rigid_pairs(skeleton):
    for pairs in (skeleton.limbs, skeleton.rigid):
        assert {mirrored(skeleton, pair) for pair in pairs} == set(map(frozenset, pairs))


def test_mirror_preserves_ratios(skeleton):
    ratio_of = dict(zip(map(frozenset, skeleton.limbs), skeleton.length_ratio, strict=True))
    for limb in skeleton.limbs:
        here, there = ratio_of[frozenset(limb)], ratio_of[mirrored(skeleton, limb)]
        assert here == there or (math.isnan(here) and math.isnan(there))


def test_mirror_preserves_angle_limits(skeleton):
    limits = {(a.first, a.vertex, a.last): (a.min_rad, a.max_rad) for a in skeleton.angle_limits}
    for angle, bounds in limits.items():
        assert limits[tuple(skeleton.mirror[k] for k in angle)] == bounds
        assert 0 <= bounds[0] < bounds[1] <= math.pi


def test_pairs_are_named_once_and_never_both_limb_and_rigid(skeleton):
    pairs = [*map(frozenset, skeleton.limbs), *map(frozenset, skeleton.rigid)]
    assert len(set(pairs)) == len(pairs)
    assert all(len(pair) == 2 for pair in pairs)


def test_every_tree_edge_is_a_limb(skeleton):
    limbs = set(map(frozenset, skeleton.limbs))
    assert all(frozenset((k, p)) in limbs for k, p in enumerate(skeleton.parents) if p >= 0)


def test_ratios_are_human(skeleton):
    """Sums of two limbs against Winter (2009), Fig. 4.1, where only the ends of the sum are well defined."""
    ratio_of = dict(zip(skeleton.limb_names, skeleton.length_ratio, strict=True))
    assert ratio_of["LHip-LKnee"] + ratio_of["LKnee-LAnkle"] == pytest.approx(0.530 - 0.039, abs=0.02)  # Winter
    assert ratio_of["LShoulder-LElbow"] + ratio_of["LElbow-LWrist"] == pytest.approx(0.186 + 0.146, abs=0.03)
    for mean, sigma in zip(skeleton.length_ratio, skeleton.length_ratio_sigma, strict=True):
        assert math.isnan(mean) == math.isnan(sigma)
        assert math.isnan(mean) or 0.02 < sigma / mean < 0.25


@pytest.mark.parametrize("name", sorted(SIZES))
def test_sizes(name):
    skeleton = load_skeleton(name)
    assert (skeleton.parents.count(-1), len(skeleton.limbs), len(skeleton.rigid)) == SIZES[name]


def test_source_is_cited(skeleton):
    assert "Leva" in skeleton.source
    assert "Order" in skeleton.source


def test_names_of_limbs_and_index():
    halpe = load_skeleton("halpe26")
    assert halpe.limb_names[halpe.limbs.index((halpe.index("LHip"), halpe.index("LKnee")))] == "LHip-LKnee"
    assert load_skeleton("halpe26") is halpe


def test_unknown_skeleton_gets_a_hint():
    with pytest.raises(Mocap3dError, match=r"no skeleton 'Halpe_26'\. Did you mean halpe26\?"):
        load_skeleton("Halpe_26")


def test_unknown_keypoint_gets_a_hint():
    with pytest.raises(Mocap3dError, match=r"coco17 has no keypoint 'left_knee'\. Did you mean .*LKnee"):
        load_skeleton("coco17").index("left_knee")


STICK = {"source": '"x"', "keypoints": '["Hip", "LKnee", "RKnee"]', "parents": '{LKnee = "Hip", RKnee = "Hip"}'}


def write_table(path: Path, **changes: str | None) -> Path:
    lines = [f"{key} = {value}" for key, value in {**STICK, **changes}.items() if value is not None]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_own_table_is_read_from_a_file(tmp_path):
    table = write_table(tmp_path / "stick.toml", length_ratio='{"LKnee-Hip" = [0.25, 0.02]}')
    stick = read_skeleton(table)
    assert (stick.name, stick.parents, stick.mirror, stick.length_ratio) == (
        "stick",
        (-1, 0, 0),
        (0, 2, 1),
        (0.25,) * 2,
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limbs": "[]"}, "unknown key 'limbs'"),
        ({"parents": None}, "has no 'parents'"),
        ({"parents": '{LKne = "Hip"}'}, "'LKne' is not among its keypoints. Did you mean LKnee"),
        ({"parents": '{LKnee = "RKnee", RKnee = "LKnee"}'}, "own ancestor"),
        ({"keypoints": '["Hip", "Hip"]'}, "listed twice"),
        ({"keypoints": '["Hip", "LKnee"]'}, "'RKnee' is not among"),
        ({"length_ratio": '{"LKnee-RKnee" = [0.1, 0.1]}'}, "is no limb"),
        ({"rigid": '[{keypoints = ["Hip"]}]'}, "needs name, keypoints"),
        ({"angle_limits": '[{at = "Hip"}]'}, "needs from, at, to"),
        ({"source": "x"}, "not a readable TOML"),
    ],
)
def test_mistakes_in_a_table_are_named(tmp_path, changes, message):
    with pytest.raises(FormatError, match=message) as error:
        read_skeleton(write_table(tmp_path / "stick.toml", **changes))
    assert "stick.toml" in str(error.value)
