"""Models in ONNX files: what their outputs mean, what is asked of them, and our own exports."""

import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from mocap3d.detection.estimators.onnx import OnnxEstimator
from mocap3d.detection.estimators.onnx_file import METADATA
from mocap3d.detection.estimators.outputs import modes_of_maps, modes_of_simcc, pixels_of_cells
from mocap3d.detection.options import OnnxOptions
from mocap3d.errors import DetectionError

WIDTH, HEIGHT = 96, 128
CPU = torch.device("cpu")
PLAIN = OnnxOptions(mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0))


def save(
    path,
    nodes,
    outputs,
    *,
    constants=(),
    batch="b",
    size=(HEIGHT, WIDTH),
    kind=TensorProto.FLOAT,
    channels=3,
    card=None,
):
    """A model of one picture, with a ``card`` as our own exports have."""
    image = helper.make_tensor_value_info("image", kind, [batch, channels, *size])
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    held = [numpy_helper.from_array(value, name) for name, value in constants]
    graph = helper.make_graph(nodes, "model", [image], given, initializer=held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if card is not None:
        helper.set_model_props(model, {METADATA: card})
    onnx.save(model, str(path))
    return path


def heatmap_model(path, *, channel=0, count=17, **options):
    """Each keypoint's heatmap is one channel of the picture, averaged over 4 x 4 pixels."""
    weight = np.zeros((count, 3, 4, 4), np.float32)
    weight[:, channel] = 1 / 16
    conv = helper.make_node("Conv", ["image", "weight"], ["maps"], strides=[4, 4])
    return save(path, [conv], ["maps"], constants=[("weight", weight)], **options)


def simcc_model(path, *, swapped=False):
    """Columns and rows of the red channel's maximum, twice as fine as pixels, for 17 keypoints."""
    finer = {n: np.float32(np.arange(2 * n)[None] // 2 == np.arange(n)[:, None]) for n in (WIDTH, HEIGHT)}
    nodes = [
        helper.make_node("Slice", ["image", "zero", "one", "one"], ["red"]),
        helper.make_node("ReduceMax", ["red"], ["columns"], axes=[2], keepdims=0),
        helper.make_node("ReduceMax", ["red"], ["rows"], axes=[3], keepdims=0),
        helper.make_node("MatMul", ["columns", "across"], ["fine_x"]),
        helper.make_node("MatMul", ["rows", "down"], ["fine_y"]),
        helper.make_node("Concat", ["fine_x"] * 17, ["x"], axis=1),
        helper.make_node("Concat", ["fine_y"] * 17, ["y"], axis=1),
    ]
    constants = [("across", finer[WIDTH]), ("down", finer[HEIGHT]), ("zero", np.array([0])), ("one", np.array([1]))]
    return save(path, nodes, ["y", "x"] if swapped else ["x", "y"], constants=constants)


def spot(u, v, *, channel=0, sigma_px=5.0):
    """A crop with a bright spot."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    crop = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    crop[..., channel] = np.rint(204 * np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * sigma_px**2)))
    return crop


def opened(path, keypoints=None, options=PLAIN, batch=4):
    return OnnxEstimator(path, keypoints, options, batch=batch, device=CPU)


@pytest.mark.parametrize("batch", ["b", 1, 4])
def test_heatmaps_are_read(batch, tmp_path):
    """A spot of sigma 5 px, in cells of 4. Measured: 0.11 px beside it at most."""
    estimator = opened(heatmap_model(tmp_path / "model.onnx", batch=batch), options=with_cells("centres"))
    crops = np.stack([spot(30.0, 50.0), spot(61.5, 77.25), spot(44.0, 90.0)])
    found = estimator(crops)
    assert (estimator.keypoint_set, estimator.size_px) == ("coco17", (WIDTH, HEIGHT))
    expected = torch.tensor([[30.0, 50.0], [61.5, 77.25], [44.0, 90.0]])[:, None]
    assert (found.uv_px[:, :, 0] - expected).norm(dim=-1).max() < 0.2
    assert found.log_weight[:, :, 0].exp() == pytest.approx(0.75, abs=0.06)  # 204 of 255, averaged
    assert found.cov_px2[:, :, 0].diagonal(dim1=-2, dim2=-1) == pytest.approx(25 + 16 / 12, rel=0.2)


@pytest.mark.parametrize("swapped", [False, True])
def test_simcc_is_read_in_either_order(swapped, tmp_path):
    """Bins of half a pixel; bin n is pixel n / 2, so the two bins of a pixel mean 0.25 px more. Measured: 0.04 px."""
    estimator = opened(simcc_model(tmp_path / "model.onnx", swapped=swapped))
    found = estimator(np.stack([spot(30.0, 50.0, sigma_px=2.0), spot(61.0, 77.0, sigma_px=2.0)]))
    expected = torch.tensor([[30.25, 50.25], [61.25, 77.25]])[:, None]
    assert found.uv_px.shape == (2, 17, 1, 2)
    assert (found.uv_px[:, :, 0] - expected).norm(dim=-1).max() < 0.1
    assert found.cov_px2[:, :, 0].diagonal(dim1=-2, dim2=-1) == pytest.approx(4.0, rel=0.1)
    assert found.log_weight.exp() == pytest.approx(0.8, abs=0.02)


def test_a_simcc_keypoint_without_a_peak_is_missing():
    x, y = np.zeros((1, 2, 2 * WIDTH), np.float32), np.zeros((1, 2, 2 * HEIGHT), np.float32)
    x[0, 0, 40], y[0, 0, 60] = 0.5, 0.6
    found = modes_of_simcc(x, y, bins_per_px=2.0)
    assert found.uv_px[0, 0, 0].tolist() == [20.0, 30.0]
    assert found.log_weight[0, 0, 0].exp() == pytest.approx(0.5)
    assert found.uv_px[0, 1].isnan().all()
    assert found.log_weight[0, 1] == -torch.inf


def test_two_peaks_are_two_alternatives():
    maps = np.zeros((1, 1, 32, 24), np.float32)
    maps[0, 0, 5:8, 5:8], maps[0, 0, 20:23, 15:18] = 0.3, 0.2
    maps[0, 0, 6, 6], maps[0, 0, 21, 16] = 0.8, 0.4
    found = modes_of_maps(maps, (WIDTH, HEIGHT), "corners")
    assert found.uv_px[0, 0, :2].tolist() == [pytest.approx([24, 24], abs=0.1), pytest.approx([64, 84], abs=0.1)]
    score = found.log_weight[0, 0].exp()
    assert score[0] == pytest.approx(0.8)
    assert score[1] == pytest.approx(0.8 * 2.0 / 3.2, rel=1e-3)
    assert score[2] == 0


@pytest.mark.parametrize(("cells", "first", "last"), [("aligned", 0, 95), ("corners", 0, 92), ("centres", 1.5, 93.5)])
def test_cells_mean_pixels(cells, first, last):
    """Of 24 cells across 96 px."""
    scale, shift = pixels_of_cells((WIDTH, HEIGHT), (24, 32), cells)
    assert (shift[0].item(), (23 * scale[0] + shift[0]).item()) == pytest.approx((first, last))


def with_cells(cells):
    return OnnxOptions(mean=PLAIN.mean, std=PLAIN.std, cells=cells)


def test_colours_and_normalisation_reach_the_model(tmp_path):
    path = heatmap_model(tmp_path / "model.onnx", channel=2)
    blue = spot(40.0, 40.0, channel=2)[None]
    for options, sees_blue in ((PLAIN, True), (OnnxOptions("bgr", PLAIN.mean, PLAIN.std), False)):
        score = opened(path, options=options)(blue).log_weight[:, :, 0].exp()
        assert (score > 0.5).all() == sees_blue
    shifted = OnnxOptions("rgb", (0.0, 0.0, 51.0), (1.0, 1.0, 255.0))  # 0.2 less
    plain = opened(path)(blue).log_weight[:, :, 0].exp()
    assert opened(path, options=shifted)(blue).log_weight[:, :, 0].exp() == pytest.approx(plain - 0.2, abs=0.01)


def test_crops_do_not_depend_on_each_other(tmp_path):
    estimator = opened(heatmap_model(tmp_path / "model.onnx"))
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 255, (5, HEIGHT, WIDTH, 3), dtype=np.uint8)
    together = estimator(crops)
    for n in range(5):
        alone = estimator(crops[n : n + 1])
        assert torch.equal(alone.uv_px[0].nan_to_num(), together.uv_px[n].nan_to_num())


def test_other_files_are_others(tmp_path):
    a = opened(heatmap_model(tmp_path / "a.onnx"))
    b = opened(heatmap_model(tmp_path / "b.onnx", channel=1))
    c = opened(tmp_path / "a.onnx", options=with_cells("corners"))
    assert len({a.fingerprint, b.fingerprint, c.fingerprint}) == 3


def pictureless(path):
    value = numpy_helper.from_array(np.zeros((1, 17, 4, 4), np.float32), "value")
    given = helper.make_tensor_value_info("maps", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Identity", ["value"], ["maps"])], "model", [], [given], [value])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


WRONG = {
    "no file": (lambda p: p, None, r"model\.onnx cannot be read"),
    "no model": (
        lambda p: p.write_text("not a model", encoding="utf-8") and p,
        None,
        r"no model that ONNX Runtime .* can run",
    ),
    "other count": (heatmap_model, "halpe26", r"gives 17 keypoints, but keypoint set 'halpe26' has 26.*coco17"),
    "unknown count": (lambda p: heatmap_model(p, count=7), None, r"gives 7 keypoints, and no known .*--keypoints"),
    "ambiguous count": (lambda p: heatmap_model(p, count=25), None, r"may be body25 or body25b.*--keypoints"),
    "grey": (
        lambda p: save(p, [helper.make_node("Identity", ["image"], ["out"])], ["out"], channels=1),
        None,
        r"takes the inputs image .*Needed: one picture, \(batch, 3, height, width\)",
    ),
    "decoded": (
        lambda p: save(p, [helper.make_node("GlobalMaxPool", ["image"], ["a"]), flat("a", "out")], ["out"]),
        None,
        r"outputs of the shapes .*Needed: heatmaps",
    ),
    "no input": (pictureless, None, r"takes the inputs none\. Needed: one picture"),
    "failing": (
        lambda p: save(
            p, [helper.make_node("Reshape", ["image", "shape"], ["out"])], ["out"], constants=[("shape", np.array([7]))]
        ),
        None,
        r"fails on 1 crops of 96x128 px \(.*Export it again",
    ),
    "damaged export": (lambda p: heatmap_model(p, card="{"), None, r"mocap3d wrote it.*damaged.*mocap3d export-onnx"),
    "other export": (lambda p: heatmap_model(p, card="{}"), None, r"mocap3d wrote it.*damaged.*mocap3d export-onnx"),
}


def flat(source, target):
    return helper.make_node("Flatten", [source], [target])


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used_is_told(case, tmp_path):
    make, keypoints, message = WRONG[case]
    with pytest.raises(DetectionError, match=message):
        opened(make(tmp_path / "model.onnx"), keypoints)


def test_without_onnxruntime_the_extra_is_named(tmp_path, monkeypatch):
    path = heatmap_model(tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DetectionError, match=r"onnxruntime.*pip install 'mocap3d\[onnx\]'"):
        opened(path)
