"""How fast a report opens in headless Chromium, against an empty page and against the limit of 2 s.

The page itself takes the times, from the start of navigation to the frame that shows what is asked for: a driver that
asks from outside waits until the page is idle.
"""

import shutil
from pathlib import Path

import click
from playwright.sync_api import Browser, sync_playwright

LIMIT = 2.0  # s until the first figure is seen
ROUNDS = 5
FIRST, EVERYTHING = ".chart svg[aria-hidden]", "html[data-drawn=all]"  # both are set when the drawing is done
WATCH = """
    globalThis.shown = {};
    new MutationObserver(() => {
        for (const selector of %s)
            if (!(selector in shown) && document.querySelector(selector)) {
                shown[selector] = Infinity;
                requestAnimationFrame(() => setTimeout(() => { shown[selector] = performance.now() / 1000; }));
            }
    }).observe(document, {
        subtree: true, childList: true, attributes: true, attributeFilter: ["aria-hidden", "data-drawn"]
    });
"""


def seconds(browser: Browser, url: str, drawn: tuple[str, ...]) -> list[float]:
    """Seconds from the start of navigation until each selector of `drawn` is seen, in a new page without a network."""
    page = browser.new_page(offline=True)
    page.add_init_script(WATCH % list(drawn))
    page.goto(url)
    taken = [
        page.wait_for_function("s => Number.isFinite(shown[s]) && shown[s]", arg=selector).json_value()
        for selector in drawn
    ]
    page.close()
    return taken


@click.command()
@click.argument("report", type=click.Path(exists=True, dir_okay=False, path_type=Path), default="results/report.html")
def main(report: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        rounds = [seconds(browser, report.resolve().as_uri(), (FIRST, EVERYTHING)) for _ in range(ROUNDS)]
        empty = min(seconds(browser, "data:text/html,<body>", ("body",))[0] for _ in range(ROUNDS))
        browser.close()
    first, everything = (min(times) for times in zip(*rounds, strict=True))
    print(f"{report}, {report.stat().st_size / 1e6:.1f} MB, least of {ROUNDS}")
    for name, taken in ("an empty page", empty), ("first figure seen", first), ("all figures drawn", everything):
        print(f"  {name:<20}{taken:6.2f} s   ratio to the limit of {LIMIT:.0f} s {taken / LIMIT:5.2f}")


if __name__ == "__main__":
    main()
