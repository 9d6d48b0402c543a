"""A small reconstruction as a report takes it, made once per test run."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch
from clips import make_clip
from scene import small_scene

from mocap3d.evaluation.quality import assess
from mocap3d.fusion.fit import fit_sequence
from mocap3d.fusion.points import triangulate_tracks
from mocap3d.session.records import Session, Timeline
from mocap3d.session.session import load_session
from mocap3d.viz.content import ReportContent


@cache
def small_content(*, n_people: int = 1, n_views: int = 3, has_videos: bool = False) -> ReportContent:
    """Half a second of walking; its videos, where wanted, are small and show nothing of it."""
    scene = small_scene(n_people=n_people, n_views=n_views, duration_s=0.5)
    root = Path(mkdtemp(prefix="mocap3d-test-")) / "Anna & <Bob>"
    root.mkdir()
    tracks, rig = scene.tracks, scene.rig
    session = Session(root, tracks.views, {}, {}, None, scene.rate, scene.people)
    if has_videos:
        for view in tracks.views:
            make_clip(root / "videos" / f"{view}.mp4", n=len(scene.t_s), rate=60)
        session = load_session(root)
    points = fit_sequence(tracks, rig, triangulate_tracks(tracks, rig))
    frames = torch.arange(len(scene.t_s), dtype=torch.float64)
    timeline = Timeline(scene.t_s, scene.rate, dict.fromkeys(tracks.views, frames))
    options = {"fit": {"max_gap_s": 0.5}, "detect": {"detector": "auto"}}
    return ReportContent(session, timeline, rig, tracks, points, assess(points, tracks, rig), options)
