"""Fewer views of the same recording."""

from collections.abc import Sequence
from dataclasses import replace

from mocap3d.session.records import Tracks2D


def of_views(tracks: Tracks2D, numbers: Sequence[int]) -> Tracks2D:
    """What only these views saw, in this order."""
    rows = list(numbers)
    return replace(
        tracks,
        views=tuple(tracks.views[number] for number in rows),
        uv_px=tracks.uv_px[rows],
        cov_px2=tracks.cov_px2[rows],
        log_weight=tracks.log_weight[rows],
    )
