"""Networks behind one door: the same for any batch, exported and read back, and told apart by their weights."""

from dataclasses import asdict

import cv2
import numpy as np
import pytest
import torch

from mocap3d.cli import main
from mocap3d.detection import weights
from mocap3d.detection.crops import Crops
from mocap3d.detection.estimators.open import open_estimator, open_models
from mocap3d.detection.heatmaps import Modes
from mocap3d.detection.options import DetectOptions
from mocap3d.detection.runtime import deployed
from mocap3d.detection.sapenet import CONFIGS, Sapenet
from mocap3d.errors import DetectionError
from mocap3d.skeletons.skeleton import load_skeleton

CPU = torch.device("cpu")
FIELDS = ("uv_px", "cov_px2", "log_weight")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A small network of random weights, on disk."""
    torch.manual_seed(0)
    net = Sapenet(CONFIGS["sapenet-xs"])
    for head in net.heads:
        torch.nn.init.normal_(head.weight, std=30.0)  # peaks that stand out
    torch.nn.init.normal_(net.neck.prior.weight)  # it can be told; a network just made cannot
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    weights.save(path, net.state_dict(), {"name": "tiny", "network": asdict(net.config)})
    return path


@pytest.fixture(scope="module")
def crops():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (7, 256, 192, 3), dtype=np.uint8)
    return np.stack([cv2.normalize(cv2.GaussianBlur(crop, (0, 0), 6), None, 0, 255, cv2.NORM_MINMAX) for crop in noise])


def assert_same(some, others):
    for name in FIELDS:
        torch.testing.assert_close(getattr(some, name), getattr(others, name), rtol=0, atol=0, equal_nan=True)


def test_the_result_is_the_same_for_any_batch_bit_by_bit(tiny, crops):
    estimator = open_estimator(str(tiny), DetectOptions(), CPU)
    whole = estimator(crops)
    assert whole.uv_px.shape == (7, 26, 3, 2)
    assert whole.uv_px[:, :, 0].isfinite().all()
    for sizes in ((1,) * 7, (3, 4), (5, 2)):
        parts = [estimator(part) for part in np.split(crops, np.cumsum(sizes)[:-1])]
        assert_same(Modes(*(torch.cat([getattr(part, name) for part in parts]) for name in FIELDS)), whole)


def test_the_deployed_network_is_the_network(tiny, crops):
    """Batch norms folded, layouts changed. Measured: 3e-5, of logits of some tens."""
    net = Sapenet(CONFIGS["sapenet-xs"])
    weights.fill(net, weights.load(tiny))
    image = torch.from_numpy(crops[:3]).permute(0, 3, 1, 2).float() / 255

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net.eval()

        def forward(self, image):
            return self.net(image).logits[0]

    with torch.no_grad():
        expected = Logits()(image)
    (found,) = deployed(Logits(), image[:1])(image)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-4)


def test_scores_are_confidences_shared_out(tiny, crops):
    score = open_estimator(str(tiny), DetectOptions(), CPU)(crops).log_weight.exp()
    assert score.max() <= 1
    assert (score[..., 0] >= score[..., 1]).all()
    assert (score.sum(-1) > 0).all()


def test_a_network_that_is_told_whom_to_look_at_looks_elsewhere(tiny, crops):
    estimator = open_estimator(str(tiny), DetectOptions(), CPU)
    alone = estimator(crops[:1])
    expected_px = torch.full((1, 26, 2), 60.0)
    assert not torch.equal(estimator(crops[:1], expected_px).uv_px.nan_to_num(), alone.uv_px.nan_to_num())
    assert_same(estimator(crops[:1], torch.full((1, 26, 2), torch.nan)), alone)


def test_with_flip_mirrored_people_get_mirrored_keypoints(tiny, crops):
    mirror = list(load_skeleton("halpe26").mirror)
    apart_px = {}
    for flip in (True, False):
        estimator = open_estimator(str(tiny), DetectOptions(flip=flip), CPU)
        found, mirrored = estimator(crops), estimator(np.ascontiguousarray(crops[:, :, ::-1]))
        back = mirrored.uv_px[:, mirror] * torch.tensor([-1, 1]) + torch.tensor([191, 0])
        clear = found.log_weight[..., 0] > 0.1 + found.log_weight[..., 1]  # no ties between peaks
        apart_px[flip] = (back - found.uv_px)[:, :, 0].norm(dim=-1)[clear].max()
        if flip:
            torch.testing.assert_close(mirrored.log_weight[:, mirror, 0], found.log_weight[..., 0], rtol=0, atol=1e-3)
    assert clear.sum() > 20
    assert apart_px[True] < 0.01
    assert apart_px[False] > 10


def test_a_detector_that_knows_no_mirror_images_says_so():
    with pytest.raises(DetectionError, match=r"'blazepose' was asked .*only SAPENet does"):
        open_estimator("blazepose", DetectOptions(flip=True), CPU)


def test_keypoints_that_the_detector_does_not_find_are_refused(tiny):
    with pytest.raises(DetectionError, match=r"finds the keypoints of halpe26, not of coco17"):
        open_estimator(str(tiny), DetectOptions(keypoints="coco17"), CPU)
    assert open_estimator(str(tiny), DetectOptions(keypoints="halpe26"), CPU).keypoint_set == "halpe26"


@pytest.mark.slow
def test_an_export_finds_what_the_network_finds(tiny, crops, tmp_path):
    """Measured: 0.0013 px on a trained sapenet-s, of which the exporter takes 10 s."""
    pytest.importorskip("onnxscript")
    path = tmp_path / "tiny.onnx"
    assert main(["export-onnx", str(tiny), "--out", str(path), "--quiet"]) == 0
    expected_px = torch.rand(len(crops), 26, 2, generator=torch.Generator().manual_seed(0)) * 150
    expected_px[:, ::3] = torch.nan
    exported = open_estimator(f"onnx:{path}", DetectOptions(), CPU)
    assert (exported.keypoint_set, exported.size_px) == ("halpe26", (192, 256))
    for told in (None, expected_px):
        assert_near(exported(crops, told), open_estimator(str(tiny), DetectOptions(), CPU)(crops, told))
    assert not torch.equal(exported(crops).uv_px.nan_to_num(), exported(crops, expected_px).uv_px.nan_to_num())


def assert_near(found, expected):
    """To a hundredth of a pixel."""
    sure = expected.log_weight[..., 0] > np.log(2) + expected.log_weight[..., 1]  # no ties between peaks
    assert sure.sum() > 20
    assert (found.uv_px - expected.uv_px)[..., 0, :][sure].abs().max() < 0.01
    assert (found.log_weight - expected.log_weight)[..., 0][sure].abs().max() < 1e-3


def test_blazepose_is_an_estimator_too(crops):
    models = open_models("blazepose", DetectOptions(), CPU)
    assert (models.estimator.keypoint_set, models.estimator.size_px) == ("blazepose33", (256, 256))
    square = np.stack([cv2.resize(crop, (256, 256)) for crop in crops[:2]])
    found = models.estimator(square)
    assert found.uv_px.shape == (2, 33, 1, 2)
    assert (found.log_weight <= 0).all()
    assert models.fingerprint != open_models("blazepose", DetectOptions(), CPU).estimator.fingerprint


def test_weights_of_something_else_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    weights.save(path, {"a": torch.zeros(2)}, {"name": "other"})
    with pytest.raises(DetectionError, match=r"not a SAPENet: its card describes no network"):
        open_estimator(str(path), DetectOptions(), CPU)
    weights.save(path, {"a": torch.zeros(2)}, {"network": {**asdict(CONFIGS["sapenet-xs"]), "afl": 3}})
    with pytest.raises(DetectionError, match=r"'network\.afl' is 3; needed true or false"):
        open_estimator(str(path), DetectOptions(), CPU)


@pytest.mark.parametrize("size_px", [[100, 128], [192], "big", [0, 256], [192.0, 256]])
def test_a_card_with_impossible_crops_is_refused(tiny, size_px, tmp_path):
    file, path = weights.load(tiny), tmp_path / "other.safetensors"
    weights.save(path, file.tensors, {**file.card, "size_px": size_px})
    with pytest.raises(DetectionError, match=r"crops of size_px .*multiples of 32, like \[192, 256\]"):
        open_estimator(str(path), DetectOptions(), CPU)


def test_an_onnx_file_without_its_mark_is_told_how_to_be_called():
    with pytest.raises(DetectionError, match=r"say onnx:models/rtmpose\.onnx"):
        open_estimator("models/rtmpose.onnx", DetectOptions(), CPU)


def test_covariances_of_crops_and_pictures_agree():
    """A crop of half the picture's resolution: sigmas double."""
    crops = Crops(torch.tensor([[[2.0, 0, 10], [0, 2, 20]]]).double(), (8, 8))
    cov = crops.cov_to_image(torch.eye(2)[None, None].double())
    assert cov[0, 0].tolist() == [[4, 0], [0, 4]]
