"""Loss terms: least at the truth, moved by their own fault only, without dimension, blind to what is not labelled."""

from dataclasses import replace

import pytest
import torch
from pictured import SIZE_PX, labels, moved, poses_at, prediction_at

from mocap3d.detection import structural_priors
from mocap3d.detection.heatmaps import gaussian_maps
from mocap3d.detection.losses import (
    LossOptions,
    Target,
    attention,
    confidence,
    coordinate,
    critic_loss,
    divergence,
    heatmap_terms,
    square,
    total,
    visibility,
)
from mocap3d.detection.poses import SKELETON, Poses, expected_px

index = SKELETON.index
SPI = ["structure", "angle", "deformation", "sure_structure", "smoothness", "projection", "acceleration"]


def prior_terms(poses, target):
    known = (target.p_in_cam, target.matrix, target.cam_from_world, target.clip, target.frame)
    return dict(structural_priors.terms(poses, *known))


def test_everything_is_least_at_the_truth():
    """Every term; of confidence and visibility what is left is that logits are finite."""
    target = labels()
    _, terms = total(prediction_at(target.uv_px), target, LossOptions(loops=1.0, centre=1.0), progress=1.0)
    assert set(terms) >= {*SPI, "heatmap_4", "heatmap_8", "heatmap_16", "heatmap_coarse", "coordinate", "loops"}
    assert set(terms) >= {"multi_view", "triangulation", "centre", "visibility", "confidence"}
    slack = {"attention": 1.0, "confidence": 0.03}
    for name, term in terms.items():
        assert -1e-6 < term < slack.get(name, 2e-3), name


def test_everything_rises_off_the_truth():
    target = labels()
    wrong = target.uv_px + 6 * torch.randn(target.uv_px.shape, generator=torch.Generator().manual_seed(1))
    options = LossOptions(loops=1.0, centre=1.0)
    _, at_truth = total(prediction_at(target.uv_px), target, options, progress=1.0)
    _, off = total(prediction_at(wrong), target, options, progress=1.0)
    for name in set(off) - {"attention", "visibility"}:
        assert off[name] > 3 * at_truth[name] + 1e-3, name


@pytest.mark.parametrize("heatmap", ["divergence", "square"])
def test_gradients_are_finite(heatmap):
    """From logits of an untrained network, and from maps that are exact."""
    target = labels()
    untrained = prediction_at(torch.full_like(target.uv_px, 90.0), background=1e9, noise=1.0)
    for said in (untrained, prediction_at(target.uv_px)):
        options = LossOptions(heatmap=heatmap, loops=1.0, centre=1.0, through_fusion=True)
        loss, _ = total(said, target, options, progress=1.0)
        loss.backward()
        for tensor in (*said.logits, said.coarse, said.visibility_logit, said.confidence_logit, said.scale_weights):
            assert tensor.grad.isfinite().all()


def test_a_point_is_found_where_its_map_is():
    uv_px = labels().uv_px
    torch.testing.assert_close(expected_px(prediction_at(uv_px).logits[0], 4), uv_px, rtol=0, atol=0.02)


def test_divergence_is_the_relative_entropy():
    """Two Gaussians, d apart, in units of sigma: d^2 / 2."""
    target = labels()
    for by_px in (4.0, 12.0):
        said = prediction_at(target.uv_px + torch.tensor([by_px, 0.0]))
        found = divergence(said.logits[0], poses_at(target.uv_px), stride=4, sigma_cells=1.5)
        assert found.item() == pytest.approx((by_px / 6) ** 2 / 2, rel=0.01)


def test_square_is_least_at_the_taught_map():
    target = labels()
    maps = gaussian_maps(target.uv_px, SIZE_PX)
    poses = poses_at(target.uv_px)
    assert square(torch.logit(maps, eps=1e-6), poses, stride=4, sigma_cells=1.5) < 1e-4
    nothing = square(torch.full_like(maps, -20.0), poses, stride=4, sigma_cells=1.5)
    assert nothing.item() == pytest.approx(0.5, rel=0.02)  # sum of a squared Gaussian is half the sum of one


def test_the_unit_is_a_tenth_of_the_torso():
    """And of a fifth of the picture's height where someone is seen from above, or torso joints are not labelled."""
    target = labels()
    torso = target.uv_px[:, [5, 6]].mean(1) - target.uv_px[:, [11, 12]].mean(1)
    torch.testing.assert_close(poses_at(target.uv_px).unit_px, 0.1 * torso.norm(dim=-1).clamp(min=51.2))
    without = replace(target, visibility=target.visibility.index_fill(1, torch.tensor([5]), 0))
    torch.testing.assert_close(poses_at(target.uv_px, without).unit_px, torch.full((8,), 5.12))


def test_what_is_not_labelled_does_not_count():
    """Wherever it is predicted, and NaN in its label does not spread."""
    target, lost = labels(), [index("LWrist"), index("RBigToe")]
    uv_px, visibility, p_in_cam = target.uv_px.clone(), target.visibility.clone(), target.p_in_cam.clone()
    uv_px[:, lost], visibility[:, lost], p_in_cam[:, lost] = torch.nan, 0, torch.nan
    weight = torch.where(uv_px.isfinite().all(-1), 1.0, 0.0)
    holes = replace(target, uv_px=uv_px, visibility=visibility, p_in_cam=p_in_cam, weight=weight)
    elsewhere = target.uv_px.clone()
    elsewhere[:, lost] += 40.0
    said, other = prediction_at(target.uv_px), prediction_at(elsewhere)
    loss, terms = total(said, holes, LossOptions(multi_view=0.0), progress=1.0)
    _, other_terms = total(other, holes, LossOptions(multi_view=0.0), progress=1.0)
    for name in set(terms) - {"multi_view"}:
        torch.testing.assert_close(terms[name], other_terms[name], rtol=0, atol=2e-4)
    loss.backward()
    assert said.logits[0].grad.isfinite().all()


def test_a_batch_without_any_label_costs_nothing_but_attention():
    target = labels()
    nothing = Target(torch.full_like(target.uv_px, torch.nan), 0 * target.visibility, 0 * target.weight)
    loss, terms = total(prediction_at(target.uv_px), nothing, LossOptions(attention=0.0), progress=1.0)
    assert loss.abs() < 1e-6
    assert all(term.abs() < 1e-6 for name, term in terms.items() if name != "attention")


def test_coordinates_are_weighted_by_confidence_but_never_ignored():
    """A far miss of an unsure keypoint counts c_min = 0.05 as much as if it were sure."""
    target, wrist = labels(), index("LWrist")
    said = prediction_at(moved("LWrist", [30.0, 0.0]))

    def cost(logit, pcaos):
        unsure = said.confidence_logit.detach().clone().fill_(20.0)
        unsure[:, wrist] = logit
        options = LossOptions(pcaos=pcaos)
        return total(replace(said, confidence_logit=unsure), target, options, progress=0.0)[1]["coordinate"]

    assert (cost(-20.0, True) / cost(20.0, True)).item() == pytest.approx(0.05 * 26 / 25.05, rel=0.02)
    torch.testing.assert_close(cost(-20.0, False), cost(20.0, False))


def test_confidence_learns_how_far_off_the_peak_is():
    """exp(-1) where the wrist is one unit off; the loss is least there, and is 0."""
    target, wrist = labels(), index("LWrist")
    unit = poses_at(target.uv_px).unit_px[:, None]
    said = prediction_at(moved("LWrist", torch.cat([unit, 0 * unit], 1)))
    poses = replace(poses_at(target.uv_px), weight=torch.zeros(8, 26).index_fill(1, torch.tensor([wrist]), 1.0))

    def cost(probability):
        logit = torch.full((8, 26), probability).logit()
        return confidence(replace(said, confidence_logit=logit), poses).item()

    assert cost(0.368) == pytest.approx(0, abs=1e-3)
    assert cost(0.2) > 0.05
    assert cost(0.6) > 0.05


def test_visibility_counts_where_it_is_known():
    target = labels()
    said = replace(prediction_at(target.uv_px), visibility_logit=torch.zeros(8, 26))
    outside = replace(target, visibility=0 * target.visibility)
    assert visibility(said, outside).item() == pytest.approx(0.6931, abs=1e-3)
    assert visibility(said, replace(outside, weight=0 * target.weight)) == 0


def test_attention_is_alike_for_maps_of_any_size():
    said = prediction_at(labels().uv_px)
    sizes = replace(said, attention=(torch.full((8, 8, 64, 48), 0.3), torch.full((8, 8, 8, 6), 0.3)))
    assert attention(sizes).item() == pytest.approx(0.3)


def test_scales_share_what_they_learn():
    """Weights come from the network; evenly shared, each scale counts fully; all weight on one is not for free."""
    target = labels()
    wrong = prediction_at(target.uv_px + 5.0)
    poses, options = poses_at(target.uv_px), LossOptions(coarse=0.0)
    loss, terms = heatmap_terms(wrong, poses, options)
    expected = sum(terms[f"heatmap_{stride}"] for stride in (4, 8, 16))
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert wrong.scale_weights.grad.abs().sum() > 0
    right = prediction_at(target.uv_px)
    one_sided = heatmap_terms(replace(right, scale_weights=torch.tensor([0.998, 0.001, 0.001])), poses, options)[0]
    assert one_sided > heatmap_terms(right, poses, options)[0] + 0.1


def test_gradients_are_of_one_order():
    """On the finest logits of a network that is 3 (8) px off. Measured: terms 3.1e-3 to 1.8e-2 (4.7e-3 to 2.1e-2).

    All structural priors as weighted have 23 % (17 %) of the heatmap's, the coordinates 62 % (31 %).
    """
    target = labels()
    for off_px in (3.0, 8.0):
        wrong = target.uv_px + off_px * torch.randn(target.uv_px.shape, generator=torch.Generator().manual_seed(1))
        said = prediction_at(wrong, wide=1.1, background=5e-4, noise=0.1)
        poses = Poses.of(said.logits[0], target.uv_px, target.visibility, target.weight, torch.full((8, 26), 0.7))
        terms = prior_terms(poses, target)
        options = LossOptions()
        spi = sum(options.spi_weight * w * term for w, term in zip(options.lambdas, terms.values(), strict=True))

        def size(term, logits=said.logits[0]):
            return torch.autograd.grad(term, logits, retain_graph=True)[0].norm().item()

        heatmap = size(heatmap_terms(said, poses, options)[1]["heatmap_4"])
        sizes = [size(term) for term in (*terms.values(), coordinate(poses))]
        assert max(sizes) < 10 * min(sizes)
        assert 0.1 < size(spi) / heatmap < 0.4
        assert 0.2 < size(options.coordinate * coordinate(poses)) / heatmap < 1


def test_flags_leave_terms_out():
    target, said = labels(), prediction_at(labels().uv_px)

    def names(options, progress=1.0):
        return set(total(said, target, options, progress=progress)[1])

    everything = names(LossOptions())
    assert everything - names(LossOptions(spi=False)) == set(SPI)
    assert everything - names(LossOptions(pcaos=False)) == {"confidence", "multi_view", "triangulation"}
    assert everything - names(LossOptions(), progress=0.1) == {*SPI, "multi_view", "triangulation"}


def test_priors_rise_slowly():
    target, wrong = labels(), prediction_at(labels().uv_px + 6.0)
    only = LossOptions(coordinate=0.0, visibility=0.0, attention=0.0, confidence=0.0, pcaos=False, heatmap="square")
    start, half, full = (total(wrong, target, only, progress=p)[0].item() for p in (0.0, 0.3, 0.4))
    assert half - start == pytest.approx((full - start) / 2, rel=1e-3)
    assert full > start


@pytest.mark.parametrize("wrong", [{"ramp": (0.4, 0.2)}, {"c_min": 0.0}])
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="needed"):
        LossOptions(**wrong)


def test_autocast_changes_nothing():
    target, said = labels(), prediction_at(labels().uv_px + 4.0)
    exact = total(said, target, LossOptions(), progress=1.0)[0]
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(total(said, target, LossOptions(), progress=1.0)[0], exact, rtol=0, atol=0)


def test_the_judge_learns_true_from_predicted():
    """Hinge: a judge that gives 1 to true maps and -1 to predicted ones has nothing to learn."""
    target, said = labels(), prediction_at(labels().uv_px, wide=2.0)

    def judge(maps):
        return torch.where(maps.amax((1, 2, 3)) > 0.9, 1.0, -1.0)[:, None, None]

    assert critic_loss(judge, said, target) == 0
    assert critic_loss(lambda maps: -judge(maps), said, target) == 4


def test_the_judge_moves_the_heatmaps_only_when_asked():
    target, said = labels(), prediction_at(labels().uv_px + 4.0)

    def judge(maps):
        return maps.amax((2, 3)).mean(1)[:, None, None]

    assert "adversarial" not in total(said, target, LossOptions(), progress=1.0, critic=judge)[1]
    options = LossOptions(adversarial=0.01)
    assert total(said, target, options, progress=1.0, critic=judge)[1]["adversarial"] < 0
