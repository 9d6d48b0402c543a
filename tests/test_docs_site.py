"""The documentation builds as a site in which every link leads somewhere, and every page loads in a browser."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from browser import opened_browser

from mocap3d.cli.app import COMMANDS

ROOT = Path(__file__).parents[1]
NEEDED = ("mkdocs", "material", "mkdocstrings_handlers")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def broken_links(page: Path) -> list[str]:
    """The links of a page that lead to no file beside it, or to no heading there; other sites are not asked."""
    broken = []
    for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        place, _, anchor = link.partition("#")
        target = page.parent / place if place else page
        if "://" in link or link.startswith("mailto:"):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def anchors(page: Path) -> set[str]:
    """Of its headings, as the site and GitHub name them."""
    headings = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    plain = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings)
    return {re.sub(r"\s+", "-", heading) for heading in plain}


def test_every_link_leads_to_a_page_and_a_heading():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "rigs").glob("*.md")]
    assert {page.name: broken for page in pages if (broken := broken_links(page))} == {}


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "there.md").write_text("# A `name` of it\n```sh\n# no heading\n```\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md#a-name-of-it) [b](there.md#no-heading) [c](gone.md) [d](#here) [e](https://x.org/#y)\n## Here\n",
        encoding="utf-8",
    )
    assert broken_links(page) == ["there.md#no-heading", "gone.md"]


def test_every_command_is_on_its_page():
    named = set(re.findall(r"`([a-z-]+)`", (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")))
    assert set(COMMANDS) <= named


def test_every_page_is_in_the_navigation():
    listed = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if page.name not in listed] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}; pip install .[docs]")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    told = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert (folder / "index.html").exists()
    return folder


@pytest.mark.slow
def test_the_reference_shows_docstrings(site):
    page = (site / "api.html").read_text(encoding="utf-8")
    assert page.count("doc-object") > 100
    assert "Writes nothing" in page  # of pipeline.reconstruct


@pytest.mark.slow
def test_pages_load_without_a_network(site):
    with opened_browser() as browser:
        page = browser.new_page()
        requests, errors = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        for path in sorted(site.glob("*.html")):
            if path.name != "404.html":  # its addresses are absolute, for a server
                page.goto(path.as_uri())
                assert page.locator("h1").first.inner_text()
        assert errors == []
        assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
