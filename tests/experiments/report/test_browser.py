"""Pages in a real browser: quiet, offline, readable on a phone, in the dark and by keyboard."""

import os
import re
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from datamodules import SyntheticMocap
from datamodules.skeletons import H36M17
from experiments.report.viewer import Scene, viewer_page
from tests.browser import MISSING, find
from tests.experiments.conftest import make_tiny, make_up, run

TABLE = """
title: a table of two rows
paper: nowhere
unit: mm
ruler: MPJPE
method: srnet
rows:
  FC: {network: fc}
  SR with a rather long name: {network: sr}
columns:
  subject: {protocol: subject, metric: mpjpe_action}
  rare: {title: All poses (100 %), protocol: rare_pose, set: {rarest: 100}, metric: mpjpe}
published:
  FC: {subject: 46.8}
  Another: {subject: 40.1}
curves:
  lines:
    title: error by rareness
    axis: rareness
    rows: [FC]
    measured: {protocol: rare_pose, set: {rarest: 100}, metric: mpjpe_by_rarity}
    running: true
  bars:
    title: error by action
    axis: action
    rows: [FC, SR with a rather long name]
    measured: {protocol: subject, metric: mpjpe_by_action}
    bars: true
claims:
  - text: Rare poses are harder
    comparisons: [{kind: rise, rows: [FC, SR with a rather long name], along: [subject, rare]}]
  - text: Nothing is above a metre
    comparisons: [{kind: below, rows: [FC], columns: [subject], limit: 10000}]
"""
PAGES = ("report", "clip", "pictures")
WIDTHS = (360, 1280)

# Every visible text with the contrast of its colour to each colour that it stands on (WCAG 2.2).
CONTRASTS = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => numbers(color).slice(0, 3).map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const under = (element) => {
    for (; element; element = element.parentElement) {
      const style = getComputedStyle(element);
      const image = style.backgroundImage.match(/rgb\\([^)]*\\)/);
      const own = numbers(style.backgroundColor)[3] === 0 ? [] : [style.backgroundColor];
      if (image) return [image[0], ...(own.length ? own : under(element.parentElement))];
      if (own.length) return own;
    }
    return ["rgb(255, 255, 255)"];
  };
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || !element.checkVisibility() || element.closest("script, style, title")) continue;
    const style = getComputedStyle(element);
    const ink = luminance(element.closest("svg") ? style.fill : style.color);
    for (const ground of under(element).map(luminance))
      found.push([text, (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05)]);
  }
  return found;
}"""
# Whatever can be operated or is a picture, and what a screen reader calls it.
NAMES = """() => [...document.querySelectorAll(
  "a, button, input, summary, img, [role=img], [role=application], [role=region], .viewer")]
  .map((e) => [e.tagName, e.closest("[aria-hidden]") ? "hidden" :
    e.getAttribute("aria-label") ?? e.getAttribute("alt") ?? e.textContent.trim()])"""
# Curves are drawn, and drawn again for another width, after the page has been laid out.
DRAWN_TO_FIT = """() => {
  const curves = [...document.querySelectorAll(".plot .main-svg")];
  return curves.length >= 2 && curves.every((e) => e.clientWidth <= window.innerWidth);
}"""
# Where the predicted joints are drawn in a view; null where they are not.
DRAWN = """(svg) => [...svg.querySelectorAll("circle")]
  .sort((a, b) => a.textContent < b.textContent ? -1 : 1)
  .map((c) => c.getAttribute("display") === "none" ? null :
    [Number(c.getAttribute("cx")), Number(c.getAttribute("cy"))])"""


@contextmanager
def open_browser():
    """A running browser; without one, the tests fail in CI and are skipped elsewhere."""
    path = find()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def browser():
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def motion(tmp_path_factory):
    """Frames of one take: 2D input and joints."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        held = SyntheticMocap(frames=5).load()
    return held.keypoints[:5, :, :2].copy(), held.joints[:5] - held.joints[:5, :1]


@pytest.fixture(scope="module")
def pages(tmp_path_factory, motion):
    """A report of a table that was run, a clip with a missing joint, and pictures."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiny = make_tiny(tmp_path_factory, monkeypatch)
        make_up(tiny, monkeypatch, table=TABLE)
        run(tiny, "table", "--jobs=1")
    keypoints, joints = motion
    seen = keypoints.copy()
    seen[2, 3] = np.nan
    clip = Scene("walk.json", H36M17, seen, joints, fps=10)
    image = np.full((16, 16, 3), 200, np.uint8)
    pose = Scene("S9", H36M17, keypoints[0], joints[0], joints[1], 20.0, image, image[..., 0])
    (folder / "clip.html").write_text(viewer_page([clip], "A clip", "Of one's own."))
    (folder / "pictures.html").write_text(viewer_page([pose, pose], "Pictures"))
    return {
        "report": tiny / "results/table/index.html",
        "clip": folder / "clip.html",
        "pictures": folder / "pictures.html",
    }


@pytest.fixture(scope="module")
def opened(browser, pages):
    """Every page, opened once, and what it has complained of."""
    held = {}
    for name, path in pages.items():
        page, wrong, asked = browser.new_page(), [], []
        page.on("console", lambda message, wrong=wrong: wrong.append(message.text))
        page.on("pageerror", lambda error, wrong=wrong: wrong.append(str(error)))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(path.as_uri())
        held[name] = page, wrong, asked
    return held


@pytest.fixture
def visit(opened, pages):
    """A page as it is when it is opened; in the end it has neither complained nor asked around."""
    visited = set()

    def go(name, width=1280, scheme="light", media="screen"):
        page = opened[name][0]
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme, media=media)
        if name != "report":
            page.reload()
        else:
            page.wait_for_function(DRAWN_TO_FIT)
        visited.add(name)
        return page

    yield go
    for name in visited:
        _, wrong, asked = opened[name]
        assert wrong == []
        others = {each for each in asked if not each.startswith(("data:", "blob:"))}
        assert others == {pages[name].as_uri()}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_is_in_order(visit, name, width):
    page = visit(name, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.lang") == "en"
    levels = [int(tag[1]) for tag in page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map((e) => e.tagName)"
    )]  # fmt: skip
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.locator("main").count() == 1
    assert [tag for tag, said in page.evaluate(NAMES) if not said] == []
    ids = page.evaluate("[...document.querySelectorAll('body [id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    links = page.evaluate("[...document.querySelectorAll('a')].map((e) => e.hash.slice(1))")
    assert set(filter(None, links)) <= set(ids)
    # what is wider than the page scrolls by itself, and by keyboard
    regions = "[...document.querySelectorAll('.wide')].every((e) => e.tabIndex === 0)"
    assert page.evaluate(regions)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_texts_stand_out(visit, name, scheme):
    page = visit(name, scheme=scheme)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 20
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []


def test_the_judge_of_contrast_knows_known_contrasts(visit):
    page = visit("clip")
    page.evaluate("""document.body.innerHTML = `<p style="color: #767676; background: #fff">a</p>
      <p style="color: #fff; background: linear-gradient(90deg, #777, transparent) #000">b</p>`""")
    found = [(text, round(ratio, 2)) for text, ratio in page.evaluate(CONTRASTS)]
    assert found == [("a", 4.54), ("b", 4.48), ("b", 21.0)]


def test_a_report_has_its_figures_and_draws_predictions_when_they_are_opened(visit):
    page = visit("report")
    assert page.locator(".plot").first.locator(".scatterlayer .trace").count() == 2
    assert page.locator(".plot").last.locator(".barlayer .trace").count() == 2
    assert page.locator(".comparisons svg .mark").count() == 3
    shown, folded = page.locator("details:has(.viewer)").all()
    assert shown.locator("circle").count() == 2 * 17 * 12
    assert folded.locator("circle").count() == 0
    folded.locator("summary").press("Enter")
    page.wait_for_function("document.querySelectorAll('circle').length === 2 * 2 * 17 * 12")
    kinds = re.findall(r"(Best|Median|Worst|Rarest): ", shown.inner_text())
    assert kinds == [kind for kind in ("Best", "Median", "Worst", "Rarest") for _ in range(3)]
    # the bars and the intervals are what the page says in figures
    lengths = page.evaluate("""[...document.querySelectorAll("td.bar")].map((e) =>
        [parseFloat(e.textContent), parseFloat(e.style.getPropertyValue("--share"))])""")
    joints = lengths[: 2 * 17]
    largest = max(value for value, _ in joints)
    assert all(abs(share - 100 * value / largest) < 1 for value, share in joints)


def test_a_printed_page_has_no_buttons(visit):
    page = visit("report", media="print")
    assert not page.locator(".tools").first.is_visible()
    assert page.locator(".scenes").first.is_visible()


def alike(a, b):
    return np.corrcoef(a, b)[0, 1]


def test_views_show_the_pose_from_where_they_say(visit, motion):
    """From the front as the camera saw it; from the side and from above, unmirrored."""
    page = visit("pictures")
    order = np.argsort(np.char.replace(np.array(H36M17.joints), "_", " "))
    keypoints, (x, y, z) = motion[0][0][order], motion[1][0][order].T
    views = page.locator("figure").first.locator("svg[data-draw]").all()
    two, front, side, above, turned = (np.array(view.evaluate(DRAWN)).T for view in views)
    assert alike(two[0], keypoints[:, 0]) > 0.9999
    assert alike(two[1], keypoints[:, 1]) > 0.9999
    # a little perspective is in them
    for axis, drawn in ((x, front[0]), (y, front[1]), (z, side[0]), (y, side[1]), (x, above[0])):
        assert alike(axis, drawn) > 0.99
    assert alike(-z, above[1]) > 0.99
    page.get_by_role("button", name="Side").first.click()
    np.testing.assert_allclose(np.array(views[-1].evaluate(DRAWN)).T, side)
    assert not np.allclose(turned, side)


def test_left_and_right_are_told_by_more_than_colour(visit):
    view = visit("pictures").locator("[data-draw=turned]").first
    dashes = "(e) => getComputedStyle(e).strokeDasharray"
    assert view.locator("path.left:not(.truth)").first.evaluate(dashes) == "none"
    assert view.locator("path.right:not(.truth)").first.evaluate(dashes) != "none"
    assert sorted(view.locator("text").all_text_contents()) == ["L", "L", "R", "R"]


def test_poses_turn_together_by_keyboard_and_by_pointer(visit):
    page = visit("pictures")
    first, second = page.locator("[data-draw=turned]").all()
    start = first.evaluate(DRAWN)
    first.focus()
    page.keyboard.press("ArrowRight")
    turned = first.evaluate(DRAWN)
    assert turned != start
    assert second.evaluate(DRAWN) == turned
    page.keyboard.press("ArrowUp")
    assert first.evaluate(DRAWN) != turned
    page.keyboard.press("Home")
    assert first.evaluate(DRAWN) == start
    box = first.bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 70, box["y"] + 50)
    page.mouse.up()
    # 20 pixels to the right are one arrow to the right
    np.testing.assert_allclose(first.evaluate(DRAWN), turned)
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    np.testing.assert_allclose(first.evaluate(DRAWN), turned)


def test_a_clip_steps_plays_and_pauses_by_keyboard(visit):
    page = visit("clip")
    view, seen = page.locator("[data-draw=turned]"), page.locator("[data-draw=input]")
    slider, output = page.get_by_role("slider", name="Frame"), page.locator("output")
    assert output.inner_text() == "1 of 5, 0.00 s"
    view.focus()
    page.keyboard.press(".")
    page.keyboard.press(".")
    assert output.inner_text() == "3 of 5, 0.20 s"
    assert slider.input_value() == "2"
    assert seen.evaluate(DRAWN).count(None) == 1, "a joint that is missing"
    page.keyboard.press(",")
    assert seen.evaluate(DRAWN).count(None) == 0
    slider.press("End")
    assert output.inner_text() == "5 of 5, 0.40 s"
    before = view.evaluate(DRAWN)
    view.press(" ")
    assert page.get_by_role("button", name="Pause").is_visible()
    page.wait_for_function("document.querySelector('output').value.startsWith('2 of 5')")
    assert view.evaluate(DRAWN) != before
    view.press(" ")
    stopped = output.inner_text()
    page.wait_for_timeout(250)
    assert output.inner_text() == stopped
    assert page.get_by_role("button", name="Play").is_visible()
