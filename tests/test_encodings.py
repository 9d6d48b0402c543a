"""Text files are UTF-8 on every system: whoever opens one says so, as Windows would take another encoding."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "mocap3d").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "examples").rglob("*.py")])
PLACE = {"read_text": 0, "write_text": 1}  # of the encoding among a method's arguments


def silent(source: str) -> list[int]:
    """Lines that read or write text without naming its encoding."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and _is_silent(node)]


def _is_silent(call: ast.Call) -> bool:
    named = {keyword.arg for keyword in call.keywords}
    if "encoding" in named:
        return False
    if isinstance(call.func, ast.Attribute) and call.func.attr in PLACE:
        return len(call.args) <= PLACE[call.func.attr]
    if isinstance(call.func, ast.Name) and call.func.id == "open":
        return _reads_text(call.args[1]) if len(call.args) > 1 else True
    if isinstance(call.func, ast.Attribute) and call.func.attr == "open":  # a path's, or another library's
        return _reads_text(call.args[0]) if call.args else not named
    return False


def _reads_text(mode: ast.expr) -> bool:
    return isinstance(mode, ast.Constant) and mode.value in ("r", "w", "a", "x")


def test_text_files_name_their_encoding():
    found = {path: silent(path.read_text(encoding="utf-8")) for path in FILES}
    assert not [f"{path.relative_to(ROOT)}:{line}" for path, lines in found.items() for line in lines]


def test_a_silent_one_is_caught():
    silent_ways = "path.read_text()\npath.write_text(text)\nopen(path)\nopen(path, 'w')\npath.open()\npath.open('w')"
    assert silent(silent_ways) == [1, 2, 3, 4, 5, 6]
    loud = "path.read_text('utf-8')\npath.write_text(text, encoding='utf-8')\nopen(path, 'rb')\npath.open('rb')"
    assert not silent(loud)
