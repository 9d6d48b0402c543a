"""Names that come close to a mistyped one."""

from collections.abc import Sequence
from difflib import get_close_matches


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """`` Did you mean ...? Known: ...`` for an error text."""
    by_lower = {known_name.lower(): known_name for known_name in known}
    near = [by_lower[match] for match in get_close_matches(name.lower(), by_lower, n=2, cutoff=0.5)]
    return (f" Did you mean {' or '.join(near)}?" if near else "") + f" Known: {', '.join(known)}."
