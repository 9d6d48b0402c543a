"""Views of one moment: what agrees costs nothing, whatever was done to the crops, and the rest is drawn together."""

from dataclasses import replace

import torch
from pictured import MATRIX, N_INSTANTS, SIZE_PX, labels, poses_at, prediction_at

from mocap3d.detection.losses import LossOptions, total
from mocap3d.detection.multiview import Views, consistency, point_error, project, triangulated
from mocap3d.detection.poses import SKELETON
from mocap3d.geometry import Camera, Lens, Rigid

index = SKELETON.index


def views_of(target):
    return Views.of(target.instant, target.matrix, target.cam_from_world)


def agreement(uv_px, target, *, fuse=triangulated, through=False):
    usable = torch.ones(len(uv_px), 26, dtype=torch.bool)
    return consistency(poses_at(uv_px, target), usable, views_of(target), SIZE_PX, fuse=fuse, through=through)


def test_views_that_agree_cost_nothing():
    target = labels()
    term, p_in_world = agreement(target.uv_px, target)
    assert term < 1e-6
    assert point_error(p_in_world, views_of(target), target.p_in_cam) < 1e-6


def test_views_agree_in_crops_that_were_turned_and_mirrored():
    """By 0.4 rad, scaled by 0.8, moved; one of the views mirrored as well: no lens has such a matrix."""
    target = labels()
    c, s = 0.8 * torch.cos(torch.tensor(0.4)).item(), 0.8 * torch.sin(torch.tensor(0.4)).item()
    turn = torch.tensor([[c, -s, 60.0], [s, c, -10.0], [0, 0, 1.0]])
    mirror = torch.tensor([[-1.0, 0, 191.0], [0, 1, 0], [0, 0, 1]])
    crop = torch.stack([turn, mirror]).repeat_interleave(N_INSTANTS, 0)
    warped = target.uv_px @ crop[:, :2, :2].mT + crop[:, None, :2, 2]
    term, p_in_world = agreement(warped, replace(target, uv_px=warped, matrix=crop @ target.matrix))
    assert term < 1e-6
    assert point_error(p_in_world, views_of(target), target.p_in_cam) < 1e-6


def test_a_view_is_drawn_towards_agreement():
    """One view's wrist is 12 px off across its epipolar lines: each step back costs less, and that is downhill."""
    target, wrist = labels(), index("LWrist")
    costs = []
    for off_px in (12.0, 6.0, 3.0):
        uv_px = target.uv_px.clone()
        uv_px[:N_INSTANTS, wrist, 1] += off_px
        uv_px.requires_grad_()
        term, _ = agreement(uv_px, target)
        term.backward()
        assert (uv_px.grad[:N_INSTANTS, wrist, 1] > 0).all()
        costs.append(term.item())
    assert costs[0] > costs[1] > costs[2] > 0


def test_only_through_fusion_does_the_gradient_move_the_point():
    """At least squares' own minimum, moving the point changes nothing: so the two differ where confidences do."""
    target = labels()
    gradients = []
    for through in (False, True):
        uv_px = target.uv_px + 3 * torch.randn(target.uv_px.shape, generator=torch.Generator().manual_seed(0))
        uv_px = uv_px.requires_grad_()
        agreement(uv_px, target, through=through)[0].backward()
        gradients.append(uv_px.grad)
    assert gradients[1].isfinite().all()
    assert (gradients[0] - gradients[1]).abs().max() > 1e-3 * gradients[0].abs().max()


def test_another_fusion_can_be_handed_in():
    """It is given every view's image points at depth 1, with cameras that know where they stood."""
    target, seen = labels(), []

    def fuse(uv, sigma, cameras):
        seen.append((uv, sigma, cameras))
        return triangulated(uv, sigma, cameras)

    total(prediction_at(target.uv_px), target, LossOptions(), progress=1.0, fuse=fuse)
    ((uv, sigma, cameras),) = seen
    assert uv.shape == (2, N_INSTANTS * 26, 2)
    assert (sigma > 0).all()
    p_in_world = (
        target.p_in_cam[:N_INSTANTS] - target.cam_from_world[:N_INSTANTS, None, :, 3]
    ) @ target.cam_from_world[:N_INSTANTS, :, :3]
    for view, camera in zip(uv, cameras, strict=True):
        torch.testing.assert_close(camera.project(p_in_world.flatten(0, 1).double()), view, rtol=0, atol=2e-4)


def test_instants_may_have_different_numbers_of_views():
    target = labels()
    lonely = torch.tensor([0, 1, 2, -1, 0, 1, -1, -1])
    views = views_of(replace(target, instant=lonely))
    assert views.sample.tolist() == [[0, 4], [1, 5]]
    three = views_of(replace(target, instant=torch.tensor([0, 0, 0, -1, 5, 5, -1, -1])))
    assert three.sample.tolist() == [[0, 1, 2], [4, 5, -1]]
    assert views_of(replace(target, instant=torch.arange(8))) is None
    assert views_of(replace(target, matrix=torch.full_like(target.matrix, torch.nan))) is None


def test_projection_is_the_cameras():
    target = labels()
    camera = Camera(
        Lens.pinhole(MATRIX.diagonal()[:2], MATRIX[:2, 2]),
        Rigid(target.cam_from_world[0, :, :3], target.cam_from_world[0, :, 3]),
        SIZE_PX,
    )
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    uv_px, ahead = project(MATRIX, target.cam_from_world[0], points)
    assert ahead.all()
    torch.testing.assert_close(uv_px, camera.project(points), rtol=1e-4, atol=1e-2)
    assert not project(MATRIX, target.cam_from_world[0], torch.tensor([[0.0, 0.0, -9.0]]))[1].any()
