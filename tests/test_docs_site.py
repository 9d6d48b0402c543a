"""The documentation builds as a site in which every link leads somewhere, and every page loads in a browser."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from browser import opened_browser

ROOT = Path(__file__).parents[1]
NEEDED = ("mkdocs", "material", "mkdocstrings_handlers")


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
    return folder


@pytest.mark.slow
def test_every_page_of_docs_is_in_the_navigation(site):
    listed = (ROOT / "mkdocs.yml").read_text()
    assert [page.name for page in (ROOT / "docs").glob("*.md") if page.name not in listed] == []
    assert (site / "index.html").exists()


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
