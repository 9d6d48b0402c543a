"""A person seen by two cameras: labels, and what a network would say that finds each keypoint at a given place."""

from dataclasses import replace

import torch

from mocap3d.detection.heatmaps import gaussian_maps
from mocap3d.detection.losses import SIGMA_CELLS, Target
from mocap3d.detection.poses import SKELETON, Poses
from mocap3d.detection.sapenet import Prediction

SIZE_PX = (192, 256)
STANDING_M = {
    "Nose": (0, -0.72, 0.1), "LEye": (0.03, -0.75, 0.08), "REye": (-0.03, -0.75, 0.08), "LEar": (0.07, -0.73, 0),
    "REar": (-0.07, -0.73, 0), "LShoulder": (0.18, -0.5, 0), "RShoulder": (-0.18, -0.5, 0), "LElbow": (0.3, -0.25, 0),
    "RElbow": (-0.3, -0.25, 0), "LWrist": (0.35, 0, 0.1), "RWrist": (-0.35, 0, 0.1), "LHip": (0.1, 0, 0),
    "RHip": (-0.1, 0, 0), "LKnee": (0.12, 0.42, 0.03), "RKnee": (-0.12, 0.42, 0.03), "LAnkle": (0.13, 0.82, 0),
    "RAnkle": (-0.13, 0.82, 0), "Head": (0, -0.87, 0), "Neck": (0, -0.52, 0), "Hip": (0, 0, 0),
    "LBigToe": (0.17, 0.85, 0.18), "RBigToe": (-0.17, 0.85, 0.18), "LSmallToe": (0.22, 0.86, 0.14),
    "RSmallToe": (-0.22, 0.86, 0.14), "LHeel": (0.12, 0.86, -0.06), "RHeel": (-0.12, 0.86, -0.06),
}  # fmt: skip
MATRIX = torch.tensor([[300.0, 0.0, 95.5], [0.0, 300.0, 127.5], [0.0, 0.0, 1.0]])
TURNS_RAD = (0.2, 1.4)
N_INSTANTS = 4


def pose_of(turn_rad):
    """A camera 2.9 m from the origin, turned about the upright."""
    c, s = torch.cos(torch.tensor(turn_rad)), torch.sin(torch.tensor(turn_rad))
    return torch.stack(
        [torch.stack([c, 0 * c, s, 0 * c]), torch.tensor([0.0, 1, 0, 0]), torch.stack([-s, 0 * c, c, 2.9 + 0 * c])]
    )


def labels():
    """Two views of four consecutive instants of someone who moves a little; all labelled and visible."""
    generator = torch.Generator().manual_seed(0)
    still = torch.tensor([STANDING_M[name] for name in SKELETON.keypoints])
    p_in_world = still + 0.04 * torch.randn(N_INSTANTS, 26, 3, generator=generator)
    pose = torch.stack([pose_of(turn) for turn in TURNS_RAD]).repeat_interleave(N_INSTANTS, 0)
    p_in_cam = p_in_world.repeat(2, 1, 1) @ pose[..., :3].mT + pose[:, None, :, 3]
    image = p_in_cam @ MATRIX.T
    n, instant = 2 * N_INSTANTS, torch.arange(N_INSTANTS).repeat(2)
    return Target(
        uv_px=image[..., :2] / image[..., 2:],
        visibility=torch.full((n, 26), 2),
        weight=torch.ones(n, 26),
        p_in_cam=p_in_cam,
        matrix=MATRIX.expand(n, 3, 3),
        cam_from_world=pose,
        instant=instant,
        clip=torch.zeros(n, dtype=torch.long),
        frame=instant,
    )


def prediction_at(uv_px, *, wide=1.0, background=0.0, noise=0.0, seed=0):
    """What a network would say that finds each keypoint there, with a map as wide as taught."""
    generator = torch.Generator().manual_seed(seed)
    logits = []
    for stride, sigma in zip((4, 8, 16), SIGMA_CELLS, strict=False):
        maps = gaussian_maps(uv_px.double(), SIZE_PX, stride=stride, sigma_cells=wide * sigma) + background
        maps = maps.clamp(min=1e-300).log().float()
        logits.append((maps + noise * torch.randn(maps.shape, generator=generator)).requires_grad_())
    n = len(uv_px)
    return Prediction(
        tuple(logits),
        logits[0].detach().clone().requires_grad_(),
        torch.full((n, 26), 20.0, requires_grad=True),
        torch.full((n, 26), 4.0, requires_grad=True),
        (torch.rand(n, 8, 64, 48, generator=generator),),
        torch.full((3,), 1 / 3, requires_grad=True),
    )


def poses_at(uv_px, target=None, *, sure=0.9):
    """The poses that losses compare, at given places."""
    target = target or labels()
    logits = prediction_at(uv_px).logits[0]
    poses = Poses.of(logits, target.uv_px, target.visibility, target.weight, torch.full_like(target.weight, sure))
    return replace(poses, uv_px=uv_px)


def moved(name, by_px):
    """The truth, but for one keypoint."""
    uv_px = labels().uv_px.clone()
    uv_px[:, SKELETON.index(name)] += torch.as_tensor(by_px)
    return uv_px
