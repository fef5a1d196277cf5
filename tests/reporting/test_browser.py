"""The tiny study's report as a reader sees it: Debian's chromium opens the file from disk, without a network."""

import csv
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tiny_study import ROOT, Study

CHROMIUM = shutil.which("chromium")
SCREENSHOTS = ROOT / "build" / "report"  # kept, to be looked at
WIDTHS = (400, 1280, 1920)
MASK = "mask-tiny_omni"
SECTIONS = (
    *("summary", "filters", "bins", "along", "calibration", "estimated_r2", "estimates", "painting"),
    *("trainings", "training", "monitors", "loss_study"),
    *("input", "times", "methods", "provenance"),
)

# how much of the page was moved by what was drawn later; not what moved right after a click
COUNT_SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""

pytestmark = [
    pytest.mark.xdist_group("workflow"),
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def report(tiny: Study) -> Path:
    return tiny.results / "report.html"


@pytest.fixture(scope="module")
def page(browser: Browser, report: Path) -> Page:
    return opened(browser, report)


def opened(browser: Browser, report: Path, width: int = 1280, scheme: str = "light") -> Page:
    """The report with all figures drawn; what it asked of the network or complained of is in `page.trouble`."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    page.trouble = []
    page.on("console", lambda message: page.trouble.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    page.add_init_script(COUNT_SHIFTS)
    page.on("request", lambda request: page.trouble.append(request.url) if not is_local(request.url) else None)
    page.goto(report.as_uri())
    page.wait_for_selector(".chart svg")
    page.wait_for_selector("html[data-drawn=all]", state="attached")
    return page


def is_local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:"))


def rows_of_summary(tiny: Study) -> list[dict[str, str]]:
    with open(tiny.results / "summary.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_it_is_small(report: Path) -> None:
    assert report.stat().st_size <= 8e6  # how fast it opens: benchmarks/report.py


def test_all_sections_are_there_and_the_first_screen_tells_the_result(page: Page) -> None:
    for section in SECTIONS:
        assert page.locator(f"#{section}, #{MASK}-{section}").count() == 1, section
    assert page.locator(".sentence").is_visible()
    first = page.locator(".chart svg").first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] <= 900
    assert page.locator(".chart").count() == page.locator(".chart svg").count()
    assert page.trouble == []


def test_numbers_equal_the_summary(page: Page, tiny: Study) -> None:
    columns = ["r2_overall", "r2_rare", "r2_common", "r2_variant_rare", "f1_overall", "f1_rare", "f1_common"]
    rows = rows_of_summary(tiny)
    seeds = ["n_seeds"] if any(int(row["n_seeds"]) > 1 for row in rows) else []
    columns = [*seeds, *columns]
    for row in rows:
        cells = page.locator(f'table.sortable tr[data-method="{row["method"]}"] td')
        shown = [cells.nth(i).get_attribute("data-value") for i in range(cells.count())]
        assert shown[:-3] == [row[name] for name in columns]  # then concordance, NRD and IQS
        assert all(0 <= float(value) <= 1 for value in shown[-3:])


def test_the_table_sorts_by_mouse_and_by_keyboard(page: Page, tiny: Study) -> None:
    rare = {row["method"]: float(row["r2_rare"]) for row in rows_of_summary(tiny)}
    order = "[...document.querySelectorAll('table.sortable tbody tr')].map(row => row.dataset.method)"
    button = page.get_by_role("button", name=re.compile("^r², rare"))
    button.click()
    assert [rare[name] for name in page.evaluate(order)] == sorted(rare.values(), reverse=True)
    button.focus()
    page.keyboard.press("Enter")
    assert [rare[name] for name in page.evaluate(order)] == sorted(rare.values())
    page.get_by_role("button", name=re.compile("^method\\b")).press("Space")
    assert page.evaluate(order) == sorted(rare)


def test_figures_follow_the_width_of_the_window(browser: Browser, report: Path) -> None:
    page = opened(browser, report, width=1280)
    page.get_by_role("checkbox", name="Minimac4").press("Space")
    sizes = "[...document.querySelectorAll('.chart svg')].map(svg => svg.getAttribute('viewBox').split(' ')[2])"
    wide = [float(width) for width in page.evaluate(sizes)]
    page.set_viewport_size({"width": 400, "height": 900})
    deadline = time.monotonic() + 60
    while max(map(float, page.evaluate(sizes))) > 450:  # not wait_for_function: it evals, which the policy forbids
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    page.wait_for_selector("html[data-drawn=all]", state="attached")
    narrow = [float(width) for width in page.evaluate(sizes)]
    assert len(narrow) == len(wide)
    # text is nearly as large as it was drawn for this width, or larger
    scale = "[...document.querySelectorAll('.chart svg')].map(svg => svg.getScreenCTM().a)"
    assert min(page.evaluate(scale)) > 0.75
    assert "minimac4" in page.evaluate("[...views.values()][0][0].signal('hidden')")
    assert page.trouble == []
    page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_moves_while_figures_are_drawn(browser: Browser, report: Path, width: int) -> None:
    page = opened(browser, report, width)
    assert page.evaluate("shifted") < 0.005
    different = """[...document.querySelectorAll('.chart')].filter(host => {
      const height = Number(host.querySelector('svg').getAttribute('viewBox').split(' ')[3]);
      const reserved = Number(getComputedStyle(host).getPropertyValue('--' + layout()).split('/')[1]);
      return !(Math.abs(height / reserved - 1) < 0.03);
    }).map(host => host.dataset.name)"""
    assert page.evaluate(different) == []
    page.context.close()


def test_a_button_shows_all_methods_in_figures_and_tables(browser: Browser, report: Path, tiny: Study) -> None:
    page = opened(browser, report)
    n_methods = len(rows_of_summary(tiny))
    visible = "[...document.querySelectorAll('table.sortable tbody tr')].filter(row => row.offsetParent).length"
    assert page.evaluate(visible) == min(5, n_methods)
    hidden = "[...views.values()][0][0].signal('hidden').length"
    assert page.evaluate(hidden) == n_methods - min(5, n_methods)
    page.get_by_role("button", name=f"Show all {n_methods} methods").first.click()
    assert page.evaluate(visible) == n_methods
    assert page.evaluate(hidden) == 0
    assert page.get_by_role("checkbox", checked=True).count() == n_methods
    page.get_by_role("button", name="Show only the main 5").first.click()
    assert page.evaluate(visible) == 5
    assert page.trouble == []
    page.context.close()


def test_tables_fit_the_page_or_scroll(browser: Browser, report: Path) -> None:
    """At 1280 pixels only the tables of the loss study are wider than the page."""
    page = opened(browser, report, width=1280)
    wider = """[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth)
      .map(one => one.getAttribute('aria-label'))"""
    assert [name for name in page.evaluate(wider) if not name.startswith(("Claims about", "Losses of"))] == []
    page.context.close()


def test_the_summary_shows_on_a_phone_that_it_scrolls_and_its_head_has_two_lines(
    browser: Browser, report: Path
) -> None:
    page = opened(browser, report, width=400)
    box = page.locator(".scroll:has(table.sortable)").first
    head = box.locator("thead")
    line = head.evaluate("one => parseFloat(getComputedStyle(one).lineHeight)")
    assert head.evaluate("one => one.getBoundingClientRect().height") < 3 * line
    assert box.evaluate("one => one.scrollWidth > one.clientWidth")
    head.scroll_into_view_if_needed()
    at_start = right_end(page, head, box)
    box.evaluate("one => { one.scrollLeft = one.scrollWidth; }")
    assert right_end(page, head, box) != at_start
    page.context.close()


def right_end(page: Page, head: Locator, box: Locator) -> bytes:
    """A picture of the last pixels of a table's head, below its words: a shadow or none."""
    words, visible = head.bounding_box(), box.bounding_box()
    assert words is not None
    assert visible is not None
    right = visible["x"] + visible["width"]
    bottom = words["y"] + words["height"]
    return page.screenshot(clip={"x": right - 8, "y": bottom - 5, "width": 4, "height": 2})


def test_a_method_can_be_switched_off_in_all_figures(page: Page) -> None:
    points = "[...document.querySelectorAll('.chart')].map(host => host.querySelectorAll('.mark-symbol path').length)"
    before = page.evaluate(points)
    page.get_by_role("checkbox", name="Minimac4").press("Space")
    page.wait_for_timeout(300)
    without = page.evaluate(points)
    assert sum(fewer < all_ for fewer, all_ in zip(without, before, strict=True)) >= 4
    page.get_by_role("checkbox", name="Minimac4").press("Space")
    page.wait_for_timeout(300)
    assert page.evaluate(points) == before


def test_table_and_figures_are_saved_as_files(page: Page, tiny: Study) -> None:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as TSV").click()
    assert download.value.path().read_text() == (tiny.results / "summary.tsv").read_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as SVG: Accuracy by minor allele frequency").click()
    svg = download.value.path().read_text()
    assert svg.startswith("<svg")
    assert "var(" not in svg
    assert page.trouble == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_violation_of_accessibility(browser: Browser, report: Path, scheme: str) -> None:
    found = Axe().run(opened(browser, report, scheme=scheme)).response["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    assert [(rule["id"], rule["nodes"][0]["html"][:300]) for rule in serious] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_every_screen(browser: Browser, report: Path, width: int, scheme: str) -> None:
    page = opened(browser, report, width, scheme)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{width}.{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.trouble == []
