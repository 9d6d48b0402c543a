"""Labels stay true to the picture whatever is done to it: a dot on a keypoint is found again where its label says."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from painted_people import SKELETON, STANDING, painted_people

from mocap3d.detection.training.augment import (
    MIRROR,
    NO_AUGMENTATION,
    AugmentOptions,
    Geometry,
    draw_geometry,
    drawn_prior,
    lowered,
    torso_px,
    varied,
    warped,
)
from mocap3d.detection.training.data import Heap, Sample
from mocap3d.session.samples import Visibility

SIZE = (192, 256)
ONLY = {
    name: replace(NO_AUGMENTATION, **{name: 1.0})
    for name in ("grey", "blur", "low_resolution", "noise", "occluder", "prior")
}


def dotted(k: int | None = None) -> Sample:
    """Black, with a soft white dot on keypoint k, or without any."""
    v, u = np.mgrid[: SIZE[1], : SIZE[0]].astype(np.float32)
    uv_px = (STANDING + 0.3).astype(np.float32)
    grey = np.zeros_like(u)
    if k is not None:
        grey = 250 * np.exp(-((u - uv_px[k, 0]) ** 2 + (v - uv_px[k, 1]) ** 2) / (2 * 2.5**2))
    return Sample(
        image=np.repeat(grey[..., None], 3, -1).round().astype(np.uint8),
        uv_px=uv_px,
        visibility=np.full(26, Visibility.VISIBLE, np.int8),
        weight=np.ones(26, np.float32),
        p_in_cam=np.column_stack([(uv_px - [96, 128]) / 400 * 3, np.full(26, 3.0)]).astype(np.float32),
        matrix=np.array([[400, 0, 96], [0, 400, 128], [0, 0, 1]], np.float32),
        cam_from_world=np.eye(3, 4, dtype=np.float32),
    )


def centroid(image: np.ndarray) -> np.ndarray:
    """Of the brightness."""
    v, u = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image[..., 0].astype(float)
    return np.array([(u * weight).sum(), (v * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size_px", [SIZE, (96, 128)])
def test_a_dot_stays_on_its_keypoint(seed, size_px):
    """Measured worst: 0.013 px."""
    geometry = draw_geometry(np.random.default_rng(seed), AugmentOptions(flip=0.5, rotated=1.0))
    k = SKELETON.index("LElbow")
    moved = warped(dotted(k), geometry, size_px, border=(0, 0, 0))
    now = MIRROR[k] if geometry.is_flipped else k
    assert np.abs(centroid(moved.image) - moved.uv_px[now]).max() < 0.1


def test_the_camera_moves_with_the_picture():
    """Measured 2e-5 px."""
    for seed in range(4):
        geometry = draw_geometry(np.random.default_rng(seed), AugmentOptions(rotated=1.0))
        moved = warped(dotted(), geometry, (96, 128))
        projected = moved.p_in_cam @ moved.matrix.T
        assert np.abs(projected[:, :2] / projected[:, 2:] - moved.uv_px).max() < 1e-3


def test_flipping_twice_gives_the_sample_back():
    rng = np.random.default_rng(0)
    sample = Heap("people", [painted_people(1)]).sample(0)
    sample = replace(
        sample, visibility=rng.integers(1, 3, 26).astype(np.int8), weight=rng.random(26).astype(np.float32)
    )
    once = warped(sample, Geometry(is_flipped=True), SIZE)
    twice = warped(once, Geometry(is_flipped=True), SIZE)
    assert np.array_equal(once.image, sample.image[:, ::-1])
    assert np.array_equal(twice.image, sample.image)
    assert np.abs(twice.uv_px - sample.uv_px).max() < 1e-4
    for name in ("visibility", "weight"):
        assert np.array_equal(getattr(twice, name), getattr(sample, name))
    assert np.abs(twice.matrix - sample.matrix).max() < 1e-4


def test_flipping_exchanges_left_and_right():
    sample = dotted()
    sample.visibility[SKELETON.index("LWrist")] = Visibility.HIDDEN
    flipped = warped(sample, Geometry(is_flipped=True), SIZE)
    left, right = SKELETON.index("LWrist"), SKELETON.index("RWrist")
    assert (flipped.visibility[left], flipped.visibility[right]) == (Visibility.VISIBLE, Visibility.HIDDEN)
    assert flipped.uv_px[right] == pytest.approx([191 - sample.uv_px[left, 0], sample.uv_px[left, 1]])
    assert flipped.uv_px[left, 0] > flipped.uv_px[right, 0]  # still facing the camera


def test_what_leaves_the_picture_is_unknown_but_keeps_its_place():
    moved = warped(dotted(), Geometry(shift=(0.0, 0.2)), SIZE)
    ankle, nose = SKELETON.index("LAnkle"), SKELETON.index("Nose")
    assert (moved.visibility[ankle], moved.visibility[nose]) == (Visibility.UNKNOWN, Visibility.VISIBLE)
    assert moved.uv_px[ankle, 1] == pytest.approx(STANDING[ankle, 1] + 0.3 + 0.2 * 256, abs=1e-3)
    assert moved.weight[ankle] == 1


def test_the_shown_part_is_as_large_as_drawn():
    for seed in range(40):
        geometry = draw_geometry(np.random.default_rng(seed), AugmentOptions(crop_scale=(0.8, 1.0), rotated=0.0))
        zoom = geometry.input_from_crop(SIZE, SIZE)[1, 1]
        assert 1.0 <= zoom <= 1.25


def test_keypoints_behind_things_become_hidden():
    """A keypoint is hidden exactly where the picture around it changed."""
    sample = Heap("people", [painted_people(1)]).sample(0)
    sample = replace(sample, visibility=np.full(26, Visibility.VISIBLE, np.int8))
    n_hidden = 0
    for seed in range(20):
        covered = varied(sample, None, np.random.default_rng(seed), ONLY["occluder"])
        at = np.round(sample.uv_px).astype(int)
        changed = (covered.image[at[:, 1], at[:, 0]] != sample.image[at[:, 1], at[:, 0]]).any(-1)
        hidden = covered.visibility == Visibility.HIDDEN
        assert not (changed & ~hidden).any()
        n_hidden += hidden.sum()
    assert n_hidden > 20


def test_a_second_person_hides_the_first_and_moves_no_label():
    """Stick people beside each other touch rarely. Measured: 3 % of the keypoints."""
    one, other = (Heap("people", [painted_people(2)]).sample(i) for i in range(2))
    one = replace(one, visibility=np.full(26, Visibility.VISIBLE, np.int8))
    seen = [varied(one, other, np.random.default_rng(seed), NO_AUGMENTATION) for seed in range(40)]
    assert all(np.array_equal(sample.uv_px, one.uv_px) for sample in seen)
    share = np.mean([sample.visibility == Visibility.HIDDEN for sample in seen])
    assert 0.005 < share < 0.4


@pytest.mark.parametrize("name", ["grey", "blur", "low_resolution", "noise"])
def test_looks_change_and_labels_do_not(name):
    sample = Heap("people", [painted_people(1)]).sample(0)
    changed = varied(sample, None, np.random.default_rng(0), ONLY[name])
    assert (changed.image != sample.image).mean() > 0.2
    assert np.array_equal(changed.uv_px, sample.uv_px)
    assert np.array_equal(changed.visibility, sample.visibility)


def test_nothing_asked_for_is_nothing_done():
    sample = Heap("people", [painted_people(1)]).sample(0)
    same = varied(warped(sample, Geometry(), SIZE), None, np.random.default_rng(0), NO_AUGMENTATION)
    assert np.array_equal(same.image, sample.image)
    assert np.allclose(same.uv_px, sample.uv_px, atol=1e-4)


def test_grey_has_no_colour_and_low_resolution_no_detail():
    sample = Heap("people", [painted_people(1)]).sample(0)
    grey = varied(sample, None, np.random.default_rng(0), ONLY["grey"]).image.astype(int)
    assert np.abs(grey - grey[..., :1]).max() <= 1
    detail = [cv2.Laplacian(image, cv2.CV_64F).std() for image in (sample.image, lowered(sample.image, 64))]
    assert detail[1] < 0.5 * detail[0]


def test_priors_are_as_rough_as_asked_and_sometimes_absent():
    sample = dotted()
    options = replace(NO_AUGMENTATION, prior=0.5, prior_sigma=(0.1, 0.1), prior_missing=0.2)
    drawn = np.stack([drawn_prior(sample, np.random.default_rng(seed), options) for seed in range(400)])
    told = np.isfinite(drawn).all(-1)
    assert told.any(1).mean() == pytest.approx(0.5, abs=0.08)
    assert told[told.any(1)].mean() == pytest.approx(0.8, abs=0.03)
    off = (drawn - sample.uv_px)[told]
    assert off.std() == pytest.approx(0.1 * torso_px(sample), rel=0.1)


def test_unlabelled_keypoints_are_not_told():
    sample = dotted()
    sample.weight[5] = 0
    assert np.isnan(drawn_prior(sample, np.random.default_rng(1), replace(ONLY["prior"], prior_missing=0.0))[5]).all()


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match=r"crop_scale is 1\.2 to 0\.8"):
        AugmentOptions(crop_scale=(1.2, 0.8))
    with pytest.raises(ValueError, match="blur is -1; needed a number from 0 to 1"):
        AugmentOptions(blur=-1.0)
