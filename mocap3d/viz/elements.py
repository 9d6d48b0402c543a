"""What the sections of the report are put together from."""

from collections.abc import Iterable, Sequence
from html import escape


def section(anchor: str, title: str, told: str, body: str) -> str:
    """A card with its heading, and a sentence on how to read it; ``told`` and ``body`` are HTML."""
    return f'<section id="{anchor}"><h2>{escape(title)}</h2><p class="told">{told}</p>{body}</section>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Plain text in rows and columns."""
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
