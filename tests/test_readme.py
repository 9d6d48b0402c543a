"""Every code block of README.md and docs/ is run: commands in a shell, Python as it stands, TOML through its schema."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tiny_session import copy_of_tiny_session, run

from mocap3d.pipeline import ReconstructOptions
from mocap3d.session.schema import SessionTable
from mocap3d.session.toml import typed

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language):
    """(page, number, text) of the code blocks of a language, with names for the test report."""
    found = [(page, n, m) for page in PAGES for n, m in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")))]
    return [pytest.param(page, m[2], id=f"{page.stem}-{n}") for page, n, m in found if m[1] == language]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A place to run in, in which a session was reconstructed as demo/session."""
    copy_of_tiny_session(tmp_path / "demo" / "session")
    assert run("reconstruct", tmp_path / "demo" / "session", "--quiet") == 0
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_blocks_are_of_languages_that_are_tested():
    languages = {m[1] for page in PAGES for m in BLOCK.finditer(page.read_text(encoding="utf-8"))}
    assert languages <= {"sh", "python", "toml"}


@pytest.mark.parametrize(("page", "text"), blocks("sh"))
def test_commands_run(page, text, tmp_path):
    """In one shell per block, in an empty folder; ./run's own commands are only looked up, since they run this."""
    commands = [line for line in text.splitlines() if line.strip()]
    known = re.findall(r"^(\w+)\)$", (ROOT / "run").read_text(encoding="utf-8"), re.MULTILINE)
    for command in commands:
        if command.startswith("./run "):
            assert command.split()[1] in known
    script = "\n".join(["set -e", *(command for command in commands if not command.startswith("./run "))])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(["bash", "-c", script], cwd=tmp_path, env={**os.environ, "PATH": path}, check=False)
    assert ended.returncode == 0, page


@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_python_runs(page, text, folder):
    exec(compile(text, f"{page.name} in {folder}", "exec"), {"__name__": "readme"})


@pytest.mark.parametrize(("page", "text"), blocks("toml"))
def test_toml_is_what_the_schema_takes(page, text):
    table = typed(tomllib.loads(text), SessionTable, source=page)
    assert table.rate is not None
    typed(table.reconstruct, ReconstructOptions, source=page, key="reconstruct")


def test_the_picture_is_small():
    assert (ROOT / "docs" / "images" / "demo.png").stat().st_size < 200_000


def test_run_is_a_program():
    for name in ("run", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK)
        subprocess.run(["bash", "-n", str(ROOT / name)], check=True)
