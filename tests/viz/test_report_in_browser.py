"""The report in a real browser: no errors, nothing asked of the network, somebody upright on the floor, who moves."""

import io

import cv2
import numpy as np
import pytest
from browser import opened_browser
from reported import small_content

from mocap3d.viz.report import write_report

WIDTH, HEIGHT = 1280, 800
LEFT, RIGHT = (0, 114, 178), (213, 94, 0)
"""The colours of the sides, red green blue."""


class Shown:
    """A page, with all that it said and asked for."""

    def __init__(self, browser, path, scheme="light", asked=""):
        self.page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
        self.complaints, self.requests = [], []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri() + asked, timeout=120_000)

    def _heard(self, message):
        if "GPU stall" not in message.text:  # the driver's, where WebGL is drawn by the processor
            self.complaints.append(message.text)

    def tell(self, script):
        return self.page.evaluate(script)

    def picture(self):
        png = np.frombuffer(io.BytesIO(self.page.screenshot(timeout=120_000)).getvalue(), np.uint8)
        return cv2.cvtColor(cv2.imdecode(png, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("results") / "report.html"
    write_report(small_content(has_videos=True), path)
    return path


@pytest.fixture(scope="module")
def browser():
    with opened_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def shown(browser, report):
    return Shown(browser, report)


def test_it_loads_without_a_complaint_and_asks_for_nothing(shown, report):
    shown.page.wait_for_timeout(300)
    assert shown.complaints == []
    assert [url for url in shown.requests if not url.startswith("data:")] == [report.as_uri()]


@pytest.mark.parametrize("asked", ["?painted", pytest.param("?webgl", marks=pytest.mark.slow)])
def test_somebody_stands_upright_on_the_floor(browser, report, asked):
    """Where the scene says that head and feet are, the screenshot has limbs in the colours of their sides."""
    shown = Shown(browser, report, asked=asked)
    assert shown.tell("mocap3d.scene.isPainted") is (asked == "?painted")
    places = {
        name: shown.tell(f"mocap3d.keypoint(0, '{name}')")
        for name in ("Head", "Neck", "LAnkle", "RAnkle", "LKnee", "RKnee")
    }
    on_screen = {name: shown.tell(f"mocap3d.scene.onScreen({place})") for name, place in places.items()}
    picture = shown.picture()
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in on_screen.values())
    assert on_screen["Head"][1] < on_screen["Neck"][1] < on_screen["LKnee"][1] < on_screen["LAnkle"][1]
    assert on_screen["LAnkle"][1] - on_screen["Head"][1] > HEIGHT / 4
    for side, colour in (("L", LEFT), ("R", RIGHT)):
        shin = np.mean([on_screen[f"{side}Knee"], on_screen[f"{side}Ankle"]], 0)
        assert nearest_hue(picture, shin) == colour
    assert 0 <= min(place[2] for place in places.values()) < 0.25  # by the floor, Z up
    assert shown.complaints == []


def nearest_hue(picture, at):
    """Which side's colour prevails about a place; light and shade change its brightness only."""
    x, y = np.round(at).astype(int)
    pixels = picture[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3).astype(float)
    return max((LEFT, RIGHT), key=lambda colour: np.median(_alike(pixels, colour)))


def _alike(pixels, colour):
    centred, wanted = pixels - pixels.mean(1, keepdims=True), np.array(colour) - np.mean(colour)
    return centred @ wanted


def test_the_person_faces_us(shown):
    """Seen from the front, the left side is on the right of the screen."""
    shoulders = [shown.tell(f"mocap3d.scene.onScreen(mocap3d.keypoint(0, '{side}Shoulder'))")[0] for side in "LR"]
    assert shoulders[0] > shoulders[1]


def test_play_moves_the_skeleton(shown):
    shown.tell("mocap3d.seek(0), mocap3d.player.speed = 0.1")  # a second of wall clock per six frames
    before = shown.tell("mocap3d.keypoint(0, 'Hip')")
    shown.page.click("#play")
    for _ in range(200):
        shown.page.wait_for_timeout(50)
        if shown.tell("mocap3d.player.frame") > 2:
            break
    shown.page.click("#play")
    assert shown.tell("[mocap3d.player.playing, mocap3d.player.frame > 2]") == [False, True]
    after = shown.tell("mocap3d.keypoint(0, 'Hip')")
    assert np.linalg.norm(np.subtract(after, before)) > 0.02


@pytest.mark.slow
def test_scripts_leave_time_for_drawing(browser, tmp_path):
    """Eight views, two people: 16.7 ms per frame at 60 Hz. Measured 0.5 to 0.8 ms of scripts, the machine busy."""
    write_report(small_content(n_people=2, n_views=8, has_videos=True), tmp_path / "report.html")
    shown = Shown(browser, tmp_path / "report.html")
    shown.tell("mocap3d.play(true)")
    shown.page.wait_for_timeout(3000)
    drawn, draw_ms = shown.tell("[mocap3d.player.drawn, mocap3d.player.draw_ms]")
    assert drawn > 10
    assert draw_ms / drawn < 6


@pytest.mark.slow
def test_frames_that_come_late_make_the_scene_coarser_while_it_plays(shown):
    full = shown.tell("document.getElementById('canvas').width")
    shown.tell("mocap3d.play(true), mocap3d.scene.coarser()")
    assert shown.tell("document.getElementById('canvas').width") < 0.8 * full
    shown.tell("mocap3d.play(false)")
    assert shown.tell("document.getElementById('canvas').width") == full


@pytest.mark.slow
def test_the_keyboard_is_enough(shown):
    shown.tell("mocap3d.seek(0)")
    shown.page.focus("#canvas")
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        shown.page.keyboard.press(key)
    assert shown.tell("mocap3d.player.frame") == 1
    shown.page.keyboard.press("End")
    assert shown.tell("mocap3d.player.frame") == 29
    shown.page.keyboard.press("e")
    shown.page.keyboard.press("3")
    assert shown.tell("[mocap3d.scene.options.ellipsoids, mocap3d.scene.options.colour]") == [True, "provenance"]
    shown.page.keyboard.press("e")
    shown.page.keyboard.press("1")


def test_nothing_is_cut_off_on_a_narrow_page(browser, report):
    """A phone's width: the page does not scroll sideways, and drawings hold their own words."""
    shown = Shown(browser, report)
    shown.page.set_viewport_size({"width": 400, "height": 800})
    assert shown.tell("document.documentElement.scrollWidth") == 400
    beyond = """[...document.querySelectorAll("section svg text")].filter(
        text => text.getBoundingClientRect().right > text.ownerSVGElement.getBoundingClientRect().right + 1
    ).map(text => text.textContent)"""
    assert shown.tell(beyond) == []


def test_every_control_has_a_name(shown):
    nameless = shown.tell(
        "[...document.querySelectorAll('button, select, input')].filter((e) => !(e.getAttribute('aria-label')"
        " || e.textContent.trim() || e.closest('label'))).map((e) => e.outerHTML)"
    )
    assert nameless == []


@pytest.mark.slow
def test_dark_is_dark(browser, report):
    shown = Shown(browser, report, scheme="dark")
    assert shown.picture().mean() < 80
    assert shown.complaints == []


def test_on_a_phone_tables_keep_their_words_and_charts_can_be_read(browser, report):
    """The name of a view is one line, nothing wider than the page, letters of charts 9 px or more."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(report.as_uri(), timeout=120_000)
    lines_of_names = page.evaluate(
        "[...document.querySelectorAll('#synchronisation td:first-child')].map(td =>"
        " { const r = document.createRange(); r.selectNodeContents(td); return r.getClientRects().length; })"
    )
    assert set(lines_of_names) == {1}
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    letters = page.evaluate(
        "[...document.querySelectorAll('#coverage .tick')].map(t =>"
        " parseFloat(getComputedStyle(t).fontSize) * t.ownerSVGElement.getScreenCTM().a)"
    )
    assert min(letters) > 9
