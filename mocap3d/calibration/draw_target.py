"""A target as PDF or SVG, to be printed at exactly its size, with a ruler to check that it was."""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import Float

from mocap3d.calibration.ink import Print, prints_of
from mocap3d.calibration.targets import PAPERS_MM, Target
from mocap3d.errors import CalibrationError
from mocap3d.session.files import write_atomically, write_text

RULER_MM, BAND_MM, EDGE_MM = 100.0, 14.0, 6.0
"""Length of the ruler, height of the strip for it below the pattern, and what printers leave blank."""
POINT_MM = 25.4 / 72
Rectangles = Float[np.ndarray, "_ 4"]


@dataclass(frozen=True, slots=True)
class Page:
    """One sheet: rectangles in mm from its top left corner, y down."""

    size_mm: tuple[float, float]
    black_mm: Rectangles
    white_mm: Rectangles
    """On top of the black ones."""
    texts: tuple[tuple[float, float, str], ...]
    """(x, y of the base line, text), 3 mm high."""


def draw_target(target: Target, path: Path) -> tuple[Path, ...]:
    """Writes a board as ``.pdf`` (a page per side or marker) or ``.svg`` (a file per side or marker); the files."""
    pages = pages_of(target)
    if path.suffix.lower() == ".pdf":
        with write_atomically(path) as file:
            file.write(pdf(pages))
        return (path,)
    if path.suffix.lower() == ".svg":
        paths = [path, *(path.with_name(f"{path.stem}-{number}.svg") for number in range(2, len(pages) + 1))]
        for one, page in zip(paths, pages, strict=True):
            write_text(one, svg(page))
        return tuple(paths)
    raise CalibrationError(f"{path}: boards are written as .pdf or .svg. Give --out such a name.")


def pages_of(target: Target) -> tuple[Page, ...]:
    """Every side or marker on its sheet; CalibrationError where the paper is too small."""
    return tuple(_page(target, one) for one in prints_of(target))


def svg(page: Page) -> str:
    """The sheet as a drawing in millimetres."""
    width, height = page.size_mm
    body = [
        f'<path fill="{colour}" d="{"".join(map(_svg_shape, boxes))}"/>'
        for colour, boxes in (("#000", page.black_mm), ("#fff", page.white_mm))
        if len(boxes)
    ]
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="3"'
    texts = [f'<text x="{_mm(x)}" y="{_mm(y)}" {font}>{escape(text)}</text>' for x, y, text in page.texts]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_mm(width)}mm" height="{_mm(height)}mm" '
        f'viewBox="0 0 {_mm(width)} {_mm(height)}">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *body, *texts, "</svg>", ""])


def pdf(pages: tuple[Page, ...]) -> bytes:
    """The sheets as PDF 1.4, written by hand: filled rectangles and a few words need no library."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        width, height = (_mm(side / POINT_MM) for side in page.size_mm)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        content = _pdf_content(page)
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    return _pdf_file(objects)


def _page(target: Target, one: Print) -> Page:
    paper = PAPERS_MM[target.paper]
    (width, height), (sheet_width, sheet_height) = one.size_mm, paper
    rim = one.size_mm[0] / 40 if one.inverted else 0.0  # black around white squares, as white is around black ones
    free = (sheet_width - width - 2 * rim - 2 * EDGE_MM, sheet_height - height - 2 * rim - EDGE_MM - BAND_MM)
    if min(free) < 0:
        raise CalibrationError(
            f"'{target.name}' is {width + 2 * rim:g} x {height + 2 * rim:g} mm; on {target.paper} "
            f"{sheet_width - 2 * EDGE_MM:g} x {sheet_height - EDGE_MM - BAND_MM:g} mm are free beside the ruler. Make "
            "its squares smaller, or take a larger paper."
        )
    corner = np.array([(sheet_width - width) / 2, EDGE_MM + rim + free[1] / 2, 0, 0])
    pattern = one.black_mm + corner
    field = np.array([[corner[0] - rim, corner[1] - rim, width + 2 * rim, height + 2 * rim]])
    ruler, texts = _ruler(sheet_height - BAND_MM + 4)
    caption = f"{target.name}: {one.caption}"
    black, white = (field, pattern) if one.inverted else (pattern, np.empty((0, 4)))
    texts = (*texts, (EDGE_MM, sheet_height - EDGE_MM, caption))
    return Page(paper, np.concatenate([black, ruler]), white, texts)


def _ruler(y_mm: float) -> tuple[Rectangles, tuple[tuple[float, float, str], ...]]:
    """A line of 100 mm with a tick per centimetre."""
    heights_mm = [3.0 if centimetre % 5 == 0 else 1.5 for centimetre in range(11)]
    ticks = [[EDGE_MM + 10.0 * k - 0.1, y_mm - height, 0.2, height] for k, height in enumerate(heights_mm)]
    line = [[EDGE_MM - 0.1, y_mm - 0.1, RULER_MM + 0.2, 0.2]]
    words = "between the outer ticks: 100 mm?"
    return np.array(line + ticks, np.float64), ((EDGE_MM + RULER_MM + 2, y_mm, words),)


def _pdf_content(page: Page) -> str:
    """Millimetres from the top left, by one matrix; the rectangles of a colour as one shape: no seams."""
    scale = 1 / POINT_MM
    parts = [f"{scale:.8f} 0 0 {-scale:.8f} 0 {page.size_mm[1] * scale:.6f} cm"]
    for grey, boxes in ((0, page.black_mm), (1, page.white_mm)):
        if len(boxes):
            shapes = "\n".join(" ".join(map(_mm, box)) + " re" for box in boxes)
            parts.append(f"{grey} g\n{shapes}\nf")
    for x, y, text in page.texts:
        safe = re.sub(r"([\\()])", r"\\\1", text.encode("cp1252", "replace").decode("cp1252"))
        parts.append(f"BT /F1 3 Tf 0 g 1 0 0 -1 {_mm(x)} {_mm(y)} Tm ({safe}) Tj ET")
    return "\n".join(parts)


def _pdf_file(objects: list[str]) -> bytes:
    content, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(content))
        content += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    end = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(content)}\n%%EOF\n"
    return content + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{end}".encode("cp1252")


def _svg_shape(box: Float[np.ndarray, "4"]) -> str:
    x, y, width, height = map(_mm, box)
    return f"M{x} {y}h{width}v{height}h-{width}z"


def _mm(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")
