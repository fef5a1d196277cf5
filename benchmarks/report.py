"""How fast a report opens in headless Chromium, against an empty page and against the limit of 2 s."""

import shutil
import time
from pathlib import Path

import click
from playwright.sync_api import Browser, sync_playwright

LIMIT = 2.0  # s until the first figure is seen
ROUNDS = 5


def seconds(browser: Browser, url: str, drawn: tuple[str, ...]) -> list[float]:
    """Wall seconds from nothing until each selector of `drawn` is in the page, in a new page without a network."""
    page = browser.new_page(offline=True)
    start = time.perf_counter()
    page.goto(url)
    taken = []
    for selector in drawn:
        page.wait_for_selector(selector, state="attached")
        taken.append(time.perf_counter() - start)
    page.close()
    return taken


@click.command()
@click.argument("report", type=click.Path(exists=True, dir_okay=False, path_type=Path), default="results/report.html")
def main(report: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        rounds = [
            seconds(browser, report.resolve().as_uri(), (".chart svg", "html[data-drawn=all]")) for _ in range(ROUNDS)
        ]
        empty = min(seconds(browser, "about:blank", ("body",))[0] for _ in range(ROUNDS))
        browser.close()
    first, everything = (min(times) for times in zip(*rounds, strict=True))
    print(f"{report}, {report.stat().st_size / 1e6:.1f} MB, least of {ROUNDS}")
    for name, taken in ("an empty page", empty), ("first figure seen", first), ("all figures drawn", everything):
        print(f"  {name:<20}{taken:6.2f} s   ratio to the limit of {LIMIT:.0f} s {taken / LIMIT:5.2f}")


if __name__ == "__main__":
    main()
