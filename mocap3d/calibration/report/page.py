"""The report as one HTML page: nothing is loaded from elsewhere, nothing runs; it is made of the JSON alone."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from mocap3d.calibration.report.drawings import coverage, from_above, in_perspective, turns

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1f2933;max-width:1080px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem;border-bottom:1px solid #d9dee4}
table{border-collapse:collapse;margin:.4rem 0}th,td{padding:.25rem .5rem;text-align:right;white-space:nowrap}
th{font-weight:600;color:#52606d}td:first-child,th:first-child{text-align:left}tr+tr td{border-top:1px solid #eef1f4}
.grade{display:inline-block;border-radius:.7rem;padding:0 .7rem;color:#fff;font-weight:600}
.good{background:#1e8449}.usable{background:#b9770e}.film{background:#b03a2e}
.camera{display:flex;gap:1.4rem;flex-wrap:wrap;align-items:flex-start;border-top:1px solid #d9dee4;padding:.9rem 0}
.camera>div{flex:1 1 22rem}.finding{border-left:4px solid #b03a2e;background:#fdf3f2;padding:.5rem .9rem;margin:.6rem 0}
.small{color:#52606d;font-size:.88rem}svg{max-width:100%;height:auto}figure{margin:0}figcaption{font-size:.85rem;color:#52606d}
.rig{display:flex;gap:1.5rem;flex-wrap:wrap}.rig figure{flex:1 1 26rem}.wide{overflow-x:auto}
@media print{body{margin:0}.camera{break-inside:avoid}}
"""

GRADES = ("good", "usable", "film again")
Report = Mapping[str, Any]


def page(report: Report) -> str:
    """The whole page."""
    parts = (
        "<h1>Calibration</h1>", _summary(report), _found(report), "<h2>Cameras</h2>", _numbers(report),
        *(_camera(view, camera) for view, camera in report["cameras"].items()),
        "<h2>Where they stand</h2>", _rig(report), _shared(report), "<h2>How to read this</h2>", _how(),
    )  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>Calibration report</title><style>{STYLE}</style></head>\n'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _summary(report: Report) -> str:
    grades = [camera["grade"] for camera in report["cameras"].values()]
    counted = ", ".join(f"{grades.count(grade)} {grade}" for grade in GRADES if grade in grades)
    rows = [
        ("corners are off by, fitted frames", f"{_px(report['rms_px'])} RMS", f"{_px(report['median_px'])} median"),
        ("the same, frames not fitted", f"{_px(report['held_out_rms_px'])} RMS",
         f"{_px(report['held_out_median_px'])} median"),
        ("the board comes out rigid to", _mm(report["rigidity_mm"]), ""),
        ("and too large by", _number(report["scale_error_percent"], "%", 2), _mm(report["scale_error_mm"])),
    ]  # fmt: skip
    lost = f" Not calibrated: {escape(', '.join(report['not_calibrated']))}." if report["not_calibrated"] else ""
    return f"<p>{len(grades)} cameras: {counted}.{lost} World: {escape(report['world'])}.</p>{_table((), rows)}"


def _found(report: Report) -> str:
    if not report["findings"]:
        return "<h2>Found</h2><p>Nothing is wrong with the recordings.</p>"
    found = (
        f'<div class="finding"><b>{escape(finding["code"])}</b><br>{escape(finding["text"])}</div>'
        for finding in report["findings"]
    )
    return f"<h2>Found</h2>{''.join(found)}"


def _numbers(report: Report) -> str:
    heads = ("camera", "verdict", "lens", "frames", "RMS", "median", "held out", "median", "f",
             "sigma f", "sigma centre", "sigma place")  # fmt: skip
    rows = [
        (view, camera["grade"], camera["lens"], str(camera["n_pictures"]), _px(camera["rms_px"]),
         _px(camera["median_px"]), _px(camera["held_out_rms_px"]), _px(camera["held_out_median_px"]),
         _px(sum(camera["f_px"]) / 2, 1), _px(camera["focal_sigma_px"], 2), _px(camera["centre_sigma_px"], 2),
         _mm(camera["place_sigma_mm"]))
        for view, camera in report["cameras"].items()
    ]  # fmt: skip
    return f'<div class="wide">{_table(heads, rows)}</div>'


def _camera(view: str, camera: Report) -> str:
    name, grade = escape(view), camera["grade"]
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in camera["reasons"])
    seen = f"{100 * camera['coverage']:.0f} % of the picture"
    return (
        f'<div class="camera"><div><b>{name}</b> <span class="grade {grade.split()[0]}">{escape(grade)}</span>'
        f"<ul>{reasons or '<li>nothing to film again</li>'}</ul>"
        f'<p class="small">{escape(camera["how_the_lens_was_chosen"])}</p></div>'
        f"<figure>{coverage(camera['coverage_map'], camera['size_px'], f'where {view} saw corners')}"
        f"<figcaption>corners seen in {seen}</figcaption></figure>"
        f"<figure>{turns(camera['facing'], f'how the board was turned before {view}')}"
        f"<figcaption>turns of the board, up to {_number(camera['tilt_deg'], 'deg', 0)}</figcaption></figure></div>"
    )


def _rig(report: Report) -> str:
    return (
        f'<div class="rig"><figure>{from_above(report)}<figcaption>From above; a square is a metre (in halls more), '
        f"orange is where the board was.</figcaption></figure><figure>{in_perspective(report)}<figcaption>The world's "
        "axes are red (x), green (y) and blue (z, up).</figcaption></figure></div>"
    )


def _shared(report: Report) -> str:
    views, title = list(report["shared_frames"]), "<h2>Frames in which two cameras saw the board</h2>"
    if not views:
        return f"{title}<p>There was no recording of all views together.</p>"
    rows = [(view, *(str(report["shared_frames"][view][other]) for other in views)) for view in views]
    need = "Every camera needs some ten frames with one of the others, and all must hang together."
    return f'{title}<div class="wide">{_table(("", *views), rows)}</div><p class="small">{need}</p>'


def _how() -> str:
    return (
        '<p class="small">Held out: the cameras were fitted to three quarters of the frames and judged on the rest, in '
        "turn; these errors are what new recordings will have. Sigma is one standard deviation: of the focal length f, "
        "of the principal point (centre), and of the camera's place, measured from the first camera. Rigid: how far "
        "distances between the board's corners, each triangulated for itself, miss the true ones.</p>"
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"


def _number(value: float | None, unit: str, digits: int) -> str:
    return "not known" if value is None else f"{value:.{digits}f} {unit}"


def _px(value: float | None, digits: int = 2) -> str:
    return _number(value, "px", digits)


def _mm(value: float | None) -> str:
    return _number(value, "mm", 2)
