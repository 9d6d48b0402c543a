"""SAPENet's size and shape, what each of its parts does, and that it can be exported."""

import copy
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

import mocap3d
from mocap3d.detection.sapenet import (
    CONFIGS,
    STRIDES,
    Confidence,
    CrossModalAttention,
    Discriminator,
    LocalisationAttention,
    Sapenet,
    skeleton_image,
)
from mocap3d.errors import DetectionError

TINY = CONFIGS["sapenet-xs"]


@cache
def on_paper(config):
    """A network without memory, to be counted."""
    with torch.device("meta"):
        return Sapenet(config).eval()


def million_parameters(net):
    return sum(parameter.numel() for parameter in net.parameters()) / 1e6


def giga_flops(net, height, width):
    """Twice the multiply-adds of one picture and a prior."""
    image, prior = torch.zeros(1, 3, height, width), torch.zeros(1, 26, height // 8, width // 8)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(image.to("meta"), prior.to("meta"))
    return counter.get_total_flops() / 1e9


def net_of(config=TINY, seed=0):
    torch.manual_seed(seed)
    return Sapenet(config).eval()


def pictures(n=2, height=64, width=96, seed=0):
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_large_has_the_size_the_paper_states():
    """45.0 M parameters, 38.2 GFLOPs, 24.7 or 24.8 without SPI and PCAOS; here 45.16, 38.36 and 24.92."""
    large = on_paper(CONFIGS["sapenet-l"])
    assert million_parameters(large) == pytest.approx(45.0, rel=0.02)
    assert giga_flops(large, 256, 256) == pytest.approx(38.2, rel=0.02)
    without = copy.copy(large)
    without._modules = {**large._modules, "refiner": None, "confidence": None}
    assert giga_flops(without, 256, 256) == pytest.approx(24.8, rel=0.02)


@pytest.mark.parametrize(("name", "most_giga_flops", "most_million"), [("s", 1.15, 2.4), ("m", 3.3, 11.5)])
def test_small_ones_stay_small(name, most_giga_flops, most_million):
    """Whole, on 256x192: s 1.11 GFLOPs and 2.26 M parameters, m 3.24 and 11.3."""
    config = CONFIGS[f"sapenet-{name}"]
    assert config.afl
    assert config.spi
    assert config.akcr
    assert config.prior
    assert giga_flops(on_paper(config), 256, 192) < most_giga_flops
    assert million_parameters(on_paper(config)) < most_million


@pytest.mark.parametrize("name", CONFIGS)
def test_maps_have_their_strides(name):
    with torch.no_grad():
        said = on_paper(CONFIGS[name])(torch.zeros(2, 3, 256, 192, device="meta"))
    n_scales = CONFIGS[name].n_scales
    assert [tuple(x.shape) for x in said.logits] == [(2, 26, 256 // s, 192 // s) for s in STRIDES[:n_scales]]
    assert [tuple(x.shape) for x in said.attention] == [(2, 8, 256 // s, 192 // s) for s in STRIDES]
    assert said.visibility_logit.shape == said.confidence_logit.shape == (2, 26)


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(DetectionError, match=r"100x64 px.*multiples of 32"):
        net_of()(torch.zeros(1, 3, 64, 100))


def test_kept_features_give_what_the_whole_gives():
    net, image = net_of(), pictures()
    with torch.no_grad():
        features = net.features(image)
    torch.testing.assert_close(net.head(features).logits, net(image).logits, rtol=0, atol=0)


def test_a_prior_of_nothing_changes_nothing():
    """To the bit, also once the network has learnt to use priors."""
    net, image = net_of(), pictures()
    torch.nn.init.normal_(net.neck.prior.weight)
    without, nothing = net(image), net(image, torch.zeros(2, 26, 8, 12))
    for a, b in zip(without.logits, nothing.logits, strict=True):
        assert torch.equal(a, b)
    there = torch.zeros(2, 26, 8, 12)
    there[:, :, 3, 5] = 1
    assert not torch.allclose(net(image, there).logits[0], without.logits[0])


def test_a_fresh_prior_is_not_believed_but_learns():
    net, image = net_of(), pictures()
    said = net(image, torch.rand(2, 26, 8, 12))
    torch.testing.assert_close(said.logits, net(image).logits, rtol=0, atol=0)
    said.logits[0].square().sum().backward()
    assert net.neck.prior.weight.grad.abs().sum() > 0


def test_attention_is_the_papers_formula():
    """Against heads as groups, spread by repeating: F + F (a sigmoid(W_m * F_m + b_m) + (1 - a) g_m)."""
    torch.manual_seed(0)
    attention, x = LocalisationAttention(24, 4), torch.randn(2, 24, 6, 5)
    torch.nn.init.normal_(attention.mix)
    torch.nn.init.normal_(attention.bias)
    a = torch.sigmoid(attention.mix)[:, None, None]
    local = torch.sigmoid(F.conv2d(x, attention.weight, attention.bias, padding=1, groups=4))
    shared = torch.sigmoid(x.mean((2, 3)) @ attention.gate.weight.T + attention.gate.bias)[..., None, None]
    expected = a * local + (1 - a) * shared
    out, weights = attention(x)
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(out, x + x * expected.repeat_interleave(6, 1))


def test_refiner_starts_as_the_identity_and_learns():
    net = net_of()
    said = net(pictures())
    torch.testing.assert_close(said.logits[0], said.coarse, rtol=0, atol=0)
    said.logits[0].square().sum().backward()
    assert net.refiner.leave[-1].weight.grad.abs().sum() > 0


def test_refiner_says_the_same_as_on_what_is_concatenated():
    refiner = net_of().refiner
    x, maps = torch.randn(1, 32, 8, 8), torch.rand(1, 26, 8, 8)
    kernel = torch.cat([refiner.from_features.weight, refiner.from_maps.weight], 1)
    together = F.conv2d(torch.cat([x, maps], 1), kernel, refiner.from_features.bias)
    torch.testing.assert_close(refiner.from_features(x) + refiner.from_maps(maps), together)


def test_confidence_leaves_the_heatmaps_alone():
    """Else a peak could move to where confidence is high."""
    confidence, logits = Confidence(16, 8), torch.randn(2, 26, 8, 8, requires_grad=True)
    features = torch.randn(2, 16, 4, 4, requires_grad=True)
    confidence(features, logits).sum().backward()
    assert logits.grad is None
    assert features.grad.abs().sum() > 0


def test_confidence_is_read_at_the_peak():
    """Features elsewhere, out of reach of the dilated and axial kernels, do not matter."""
    torch.manual_seed(0)
    confidence = Confidence(16, 8).eval()
    logits = torch.full((1, 26, 32, 32), -60.0)
    logits[..., 4, 4] = 60.0
    features = torch.randn(1, 16, 16, 16)
    far = features.clone()
    far[..., 8:, 8:] += 1
    near = features.clone()
    near[..., 2, 2] += 1
    here = confidence(features, logits)
    torch.testing.assert_close(confidence(far, logits), here)
    assert not torch.allclose(confidence(near, logits), here, atol=1e-3)


@pytest.mark.parametrize("without", ["afl", "spi", "akcr", "prior"])
def test_parts_can_be_left_out(without):
    net = net_of(replace(TINY, **{without: False}))
    said = net(pictures(), torch.rand(2, 26, 8, 12))
    assert million_parameters(net) < million_parameters(net_of())
    assert bool(said.attention) == (without != "afl")
    assert (said.coarse is said.logits[0]) == (without == "spi")
    assert (said.confidence_logit is said.visibility_logit) == (without == "akcr")


def test_depth_counts_where_it_is_given():
    net, image = net_of(replace(TINY, depth=True)), pictures()
    without = net(image).logits[0]
    near, far = (net(image, None, torch.full((2, 1, 64, 96), per_m)).logits[0] for per_m in (0.5, 0.1))
    assert not torch.allclose(near, far)
    assert not torch.allclose(without, far)


def test_one_modality_can_take_all_the_attention():
    join = CrossModalAttention(4)
    torch.nn.init.zeros_(join.choose.weight)
    join.choose.bias.data[:] = torch.tensor([50.0, -50.0])
    image, depth = torch.rand(2, 1, 4, 5, 5)
    torch.testing.assert_close(join(image, depth), join(image, depth + 1))


def test_skeleton_image_of_a_sure_keypoint_peaks_at_about_one():
    cells = torch.arange(32.0)
    gaussian = -((cells[:, None] - 12) ** 2 + (cells - 20) ** 2) / (2 * 1.5**2)
    image = skeleton_image(gaussian.expand(1, 26, 32, 32))
    assert image.max() == pytest.approx(1.0, abs=0.02)


def test_half_precision_says_nearly_the_same():
    """Measured: 0.013 standard deviations of the logits at most."""
    net, image = net_of(), pictures(1, 256, 192)
    net, image = (x.to(memory_format=torch.channels_last) for x in (net, image))
    with torch.no_grad():
        exact = net(image).logits[0]
        with torch.autocast("cpu", torch.bfloat16):
            half = net(image).logits[0]
    assert (half.float() - exact).abs().max() < 0.05 * exact.std()


def test_channels_stay_last():
    """A copy to another layout and back costs as much as a convolution."""
    net, image = (x.to(memory_format=torch.channels_last) for x in (net_of(), pictures()))
    level, weights = net.neck.attention[0](net.neck.laterals[0](net.features(image)[0]))
    assert level.is_contiguous(memory_format=torch.channels_last)
    assert weights.is_contiguous(memory_format=torch.channels_last)


def test_discriminator_judges_patches():
    judge = Discriminator()
    heatmaps = torch.rand(2, 26, 64, 48, requires_grad=True)
    said = judge(heatmaps)
    assert said.shape == (2, 8, 6)
    said.sum().backward()
    assert heatmaps.grad.abs().sum() > 0


class Answers(torch.nn.Module):
    """The network with tensors for an answer, as exporters need them."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image, prior):
        said = self.net(image, prior)
        return said.logits[0], said.visibility_logit, said.confidence_logit


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.torch.jit:DeprecationWarning")
def test_traced_it_takes_any_batch():
    net = net_of()
    with torch.no_grad():
        traced = torch.jit.trace(Answers(net), (pictures(2), torch.rand(2, 26, 8, 12)), check_trace=False)
        image, prior = pictures(3, seed=1), torch.rand(3, 26, 8, 12)
        torch.testing.assert_close(traced(image, prior), Answers(net)(image, prior))


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")  # of the older exporter
def test_onnx_says_the_same(tmp_path):
    """Measured: 1e-6 at most."""
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    answers, inputs = Answers(net_of()).eval(), (pictures(1), torch.rand(1, 26, 8, 12))
    torch.nn.init.normal_(answers.net.neck.prior.weight)
    path = tmp_path / "net.onnx"
    torch.onnx.export(answers, inputs, path, input_names=["image", "prior"], dynamo=False, opset_version=17)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    said = session.run(None, {"image": inputs[0].numpy(), "prior": inputs[1].numpy()})
    for found, expected in zip(said, answers(*inputs), strict=True):
        np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-3)


PAGE = Path(__file__).parents[2] / "docs" / "sapenet.md"
ROW = re.compile(r"^\| (\d+) \|[^|]*\|([^|]*)\|", re.MULTILINE)
CITED = re.compile(r"\bEq (\d+)")


def cited():
    """Equation numbers in the code, each with the file that names it."""
    files = sorted((Path(mocap3d.__file__).parent / "detection").rglob("*.py"))
    return [(int(m[1]), file.stem) for file in files for m in CITED.finditer(file.read_text(encoding="utf-8"))]


def test_every_equation_of_the_paper_is_named_once():
    numbers = [number for number, _ in cited()]
    assert sorted(numbers) == sorted(set(numbers)), "an equation is named twice"
    assert set(numbers) == set(range(1, 51))


def test_the_page_says_where_each_equation_lives():
    rows = {int(number): where.strip().strip("`") for number, where in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    assert set(rows) == set(range(1, 51))
    for number, file in cited():
        module, _, name = rows[number].partition(".")
        assert module == file, f"Eq {number} is in {file}, the page says {module}"
        assert re.search(
            rf"(def|class) {name.split('.')[-1]}\b",
            (PAGE.parents[1] / "mocap3d/detection" / f"{file}.py").read_text(encoding="utf-8"),
        )
