"""A real browser without a window, where there is one: Playwright with Chromium."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--no-sandbox", "--enable-unsafe-swiftshader")
"""As root, and WebGL without a graphics card."""


@contextmanager
def opened_browser() -> Iterator[Any]:
    """Playwright's browser; skips the test, and says why, where Playwright or Chromium is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    with ExitStack() as stack:
        try:
            playwright = stack.enter_context(sync_api.sync_playwright())
            browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        except Exception as error:  # of a driver that lacks a system library, Playwright raises nothing finer
            pytest.skip(f"no Chromium: apt-get install chromium, or playwright install chromium ({str(error)[:80]})")
        yield browser
        browser.close()
