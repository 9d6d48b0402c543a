"""The sections of the report as HTML text."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from os.path import relpath
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from mocap3d.session.records import Points3D, Quality
from mocap3d.viz.bodies import side_of
from mocap3d.viz.charts import heatmap, histogram, stacked_bars
from mocap3d.viz.content import ReportContent
from mocap3d.viz.elements import section, table
from mocap3d.viz.gait_table import gait_section
from mocap3d.viz.provenance import flat, inputs, versions
from mocap3d.viz.time_charts import time_chart

_HISTOGRAM_SAMPLE = 4000


def sections(content: ReportContent, folder: Path) -> Iterator[str]:
    """Every section that there is something to say in; ``folder`` is the report's, for its links."""
    yield _reprojection(content)
    yield _coverage(content.points, content.quality)
    yield _bones(content.points)
    for number, (title, charts) in enumerate(content.curves.items()):
        drawn = f'<div class="multiples">{"".join(f"<figure>{time_chart(chart)}</figure>" for chart in charts)}</div>'
        told = "Bands: one standard deviation."
        if any(chart.follows_time for chart in charts):
            told += " Click a curve to go there."
        yield section(f"curves-{number}", title, told, drawn)
    for number, (person, gait) in enumerate(content.gait.items()):
        yield gait_section(f"gait-{number}", person, gait)
    yield _synchronisation(content)
    if content.files:
        yield _files(content.files, folder)
    yield _making(content)


def _reprojection(content: ReportContent) -> str:
    quality, tracks = content.quality, content.tracks
    names = tracks.skeleton.keypoints
    error = heatmap(
        quality.reprojection_px.numpy(), tracks.views, names, unit="px", title="Reprojection error by view and keypoint"
    )
    agreeing = heatmap(
        100 * (1 - quality.inlier_fraction.numpy()), tracks.views, names, unit="% rejected", worst=60.0,
        title="Share of detections that disagree", write=lambda value: f"{value:.0f}",
    )  # fmt: skip
    body = (
        f'<h3>Median distance, px</h3><div class="wide">{error}</div>'
        f'<h3>Detections that disagree with the other views, %</h3><div class="wide">{agreeing}</div>'
    )
    told = (
        "How far what each view saw lies from the reprojected 3D keypoint. A bright row is a camera to look at, a "
        "bright column a keypoint that the views place differently."
    )
    return section("reprojection", "Do the views agree?", told, body)


def _coverage(points: Points3D, quality: Quality) -> str:
    figures = []
    for person, name in enumerate(points.people):
        measured, filled = quality.coverage[person], quality.filled[person]
        shares = torch.stack([measured, filled, (1 - measured - filled).clamp(min=0)], -1).numpy()
        bars = stacked_bars(shares, points.skeleton.keypoints, title=f"Coverage of {name}")
        figures.append(f"<figure><figcaption>{escape(name)}</figcaption>{bars}</figure>")
    told = (
        '<span class="key measured"></span>measured: two views or more agree '
        '<span class="key filled"></span>filled: bridged by body and motion '
        '<span class="key missing"></span>missing: unknown; from when somebody was first seen to when they were last'
    )
    return section("coverage", "How much was really seen?", told, f'<div class="multiples">{"".join(figures)}</div>')


def _bones(points: Points3D) -> str:
    blocks = []
    for person, name in enumerate(points.people):
        charts = [f"<figure>{chart}</figure>" for chart in _bone_charts(points, person)]
        blocks.append(f'<h3>{escape(name)}</h3><div class="multiples small">{"".join(charts)}</div>')
    told = (
        "Lengths over the whole recording, in mm. Bones do not stretch: narrow is good. "
        '<span class="key left"></span>left <span class="key right"></span>right <span class="key middle"></span>middle'
    )
    return section("bones", "Do bones keep their length?", told, "".join(blocks))


def _bone_charts(points: Points3D, person: int) -> Iterator[str]:
    """Both sides of a limb in one chart."""
    names, step = points.skeleton.keypoints, max(1, len(points.t_s) // _HISTOGRAM_SAMPLE)
    groups: dict[str, list[tuple[str, str, Float[np.ndarray, " n"]]]] = {}
    for a, b in points.skeleton.limbs:
        length_m = (points.p_in_world[::step, person, a] - points.p_in_world[::step, person, b]).norm(dim=-1)
        sides = {side_of(names[a]), side_of(names[b])} - {"middle"}
        side = sides.pop() if len(sides) == 1 else "middle"
        title = " - ".join(
            name if side_of(name) == "middle" or side == "middle" else name[1:] for name in (names[a], names[b])
        )
        groups.setdefault(title, []).append((f"{names[a]}-{names[b]}", side, (1000 * length_m).numpy()))
    for title, group in groups.items():
        yield histogram(group, title=title, unit="mm")


def _synchronisation(content: ReportContent) -> str:
    rows = [_delay_row(number, view, content) for number, view in enumerate(content.tracks.views)]
    heads = ("view", "rate", "starts", "records", "delay left", "in frames")
    told = (
        "What moves in a view that is late lags behind the 3D motion. The delay that is left should be well below one "
        "frame; otherwise <code>mocap3d synchronise</code> measures when each view was started."
    )
    return section("synchronisation", "Were the views in step?", told, table(heads, rows))


def _delay_row(number: int, view: str, content: ReportContent) -> tuple[str, ...]:
    session, delay_s = content.session, float(content.quality.delay_s[number])
    video = session.videos.get(view)
    rate = session.view_rate.get(view) or (video.rate if video else None) or session.rate
    start = f"{session.offset_s[view]:+.4f} s" if view in session.offset_s else "as the others"
    if math.isnan(delay_s):
        left, in_frames = "too little moved to tell", "-"
    else:
        left = f"{1000 * delay_s:+.1f} ± {1000 * float(content.quality.delay_sigma_s[number]):.1f} ms"
        in_frames = f"{delay_s * float(content.points.rate):+.2f}"
    told_rate = f"{float(rate):.6g} Hz" if rate else "unknown"
    frames = content.timeline.frame_of_view.get(view)
    records = "100%" if frames is None else f"{frames.isfinite().double().mean():.0%}"
    return view, told_rate, start, records, left, in_frames


def _files(files: Sequence[Path], folder: Path) -> str:
    links = []
    for path in files:
        address = Path(relpath(path, folder)).as_posix()
        size = f" <small>{path.stat().st_size / 1024:,.0f} KB</small>" if path.is_file() else ""
        links.append(f'<li><a href="{escape(address, quote=True)}">{escape(path.name)}</a>{size}</li>')
    told = "Beside this page, as long as it stays in its folder."
    return section("files", "Exported files", told, f'<ul class="files">{"".join(links)}</ul>')


def _making(content: ReportContent) -> str:
    hashes = table(("input", "content"), inputs(content.session))
    used = table(("program", "version"), versions().items())
    options = table(("option", "value"), flat(content.options))
    body = "".join(
        f"<details><summary>{title}</summary>{table}</details>"
        for title, table in (("Inputs and their hashes", hashes), ("Versions", used), ("Settings", options))
    )
    told = "The same inputs, settings and versions give the same result."
    return section("making", "How it was made", told, body)
