"""Which frames of a 3DPW track count: published work has several rules, so its numbers are over other frames."""

from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from mocap3d.evaluation.threedpw.read import Track

FrameRule = Literal["challenge", "spin", "vibe", "all"]
"""challenge: 2D keypoints there and camera pose valid (evaluate.py of the ECCV 2020 challenge); spin: camera pose valid
(Kolotouros et al. 2019; 4D-Humans); vibe: camera pose valid, and more than 6 keypoints with a score above 0.3 between
the first and the last frame that has any (Kocabas et al. 2020; WHAM); all: every frame."""
MIN_KEYPOINTS, MIN_SCORE = 6, 0.3


def counting_frames(track: Track, rule: FrameRule) -> Bool[Tensor, " n"]:
    """True where a frame counts."""
    if rule == "challenge":
        return track.detected & track.valid
    if rule == "spin":
        return track.valid
    if rule == "vibe":
        return track.valid & _well_seen(track)
    return torch.ones_like(track.valid)


def _well_seen(track: Track) -> Bool[Tensor, " n"]:
    good = track.score > MIN_SCORE
    any_good = good.any(-1).nonzero().flatten()
    inside = torch.zeros_like(track.valid)
    if len(any_good):
        inside[int(any_good[0]) : int(any_good[-1]) + 1] = True
    return inside & (good.sum(-1) > MIN_KEYPOINTS)
