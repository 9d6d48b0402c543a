"""``report.html``: one file that opens in any browser, without a network and without anything installed."""

import json
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from mocap3d.session.files import write_text
from mocap3d.viz.content import ReportContent
from mocap3d.viz.scene_data import scene_data
from mocap3d.viz.sections import sections
from mocap3d.viz.verdict import LIMITS, Finding, Grade, Verdict, judge, told
from mocap3d.viz.view_data import view_data

_SCRIPTS = ("data", "figures", "colours", "surroundings", "solid", "painted", "scene", "views", "player", "page")
_MARKS = {Grade.GOOD: "✓", Grade.USABLE: "!", Grade.FILM_AGAIN: "✕"}


def write_report(content: ReportContent, path: Path) -> None:
    """The page as a whole or not at all; the same content gives the same bytes."""
    write_text(path, report_html(content, path.parent))


def report_html(content: ReportContent, folder: Path) -> str:
    """The page; ``folder`` is where it will lie, for the links to exported files."""
    verdict = judge(content.points, content.quality)
    body = list(sections(content, folder))
    views = view_data(content.session, content.timeline, content.rig, content.tracks, content.points)
    data = {"scene": scene_data(content.points, content.rig), "views": views}
    return Template(_asset("page.html")).substitute(
        title=escape(content.session.root.resolve().name),
        facts=_facts(content),
        verdict=_verdict(verdict),
        sections="\n".join(body),
        contents=_contents(body),
        style=_asset("style.css"),
        library=_asset("three.bundle.js"),
        script="\n".join(_asset(f"{name}.js") for name in _SCRIPTS),
        data=script_safe(data),
    )


def script_safe(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in, whatever people and views are called."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _asset(name: str) -> str:
    return (resources.files("mocap3d.viz") / "assets" / name).read_text(encoding="utf-8")


def _facts(content: ReportContent) -> str:
    points = content.points
    n_people, n_views = len(points.people), len(content.tracks.views)
    facts = (
        f"{len(points.t_s) / float(points.rate):.1f} s",
        f"{len(points.t_s):,} frames at {float(points.rate):.6g} Hz",
        f"{n_views} view{'s' * (n_views != 1)}",
        "1 person" if n_people == 1 else f"{n_people} people",
        f"{len(points.skeleton.keypoints)} keypoints ({points.skeleton.name})",
    )
    return "".join(f"<li>{escape(fact)}</li>" for fact in facts)


def _verdict(verdict: Verdict) -> str:
    grade = verdict.grade
    chips = "".join(_chip(finding) for finding in verdict.findings)
    doubts = "".join(f"<li>{escape(_sentence(doubt))}</li>" for doubt in verdict.doubts)
    reasons = "".join(f"<li>{escape(_sentence(reason))}</li>" for reason in verdict.reasons())
    n = len(verdict.doubts)
    title = f"{n} thing{'s' * (n != 1)} to look at" if n else "Reasons"
    looked_at = f"<h3>Look at</h3><ol>{doubts}</ol>" if n else ""
    return (
        f'<section id="verdict" class="verdict {_css(grade)}" aria-label="Verdict">'
        f'<div class="grade"><span class="mark" aria-hidden="true">{_MARKS[grade]}</span>'
        f"<strong>{grade.value.capitalize()}</strong></div>"
        f'<div class="why"><p>{escape(verdict.headline)}</p><ul class="chips">{chips}</ul></div>'
        f'<details class="doubts"><summary>{title}</summary>'
        f"<div>{looked_at}<h3>Reasons</h3><ul>{reasons}</ul></div></details></section>"
    )


def _css(grade: Grade) -> str:
    return grade.value.replace(" ", "-")


_CHIPS = ("measured", "agreeing", "views per point", "doubt (1 sigma)", "limbs vary by")


def _chip(finding: Finding) -> str:
    name, limit = _CHIPS[LIMITS.index(finding.limit)], finding.limit
    digits, unit = (0, " %") if limit.unit == "%" else (1, f" {limit.unit}".rstrip())
    return (
        f'<li class="{_css(finding.grade)}" title="{escape(told(finding), quote=True)}">'
        f"<b>{finding.value:.{digits}f}{unit}</b> {escape(name)}</li>"
    )


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _contents(body: list[str]) -> str:
    """Links to the sections, from their own headings."""
    links = []
    for section in body:
        anchor = section.split('id="', 1)[1].split('"', 1)[0]
        heading = section.split("<h2>", 1)[1].split("</h2>", 1)[0]
        links.append(f'<a href="#{anchor}">{heading}</a>')
    return "".join(links)
