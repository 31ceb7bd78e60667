"""Make the picture of a pull request for the README: `make picture` plays the demo for it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from agent import settings
from tests.browsers import launched
from tests.demo import play
from tests.demo.scenarios import SCENARIOS

_WIDTH = 1000
_LONGEST_SECONDS = 300.0


def main(target: Path) -> None:
    """Play the first scenario and take the page of its pull request, down to the folded parts."""
    with (
        TemporaryDirectory() as folder,
        sync_playwright() as driver,
        play.playing(SCENARIOS["add-field"], settings.load_settings(), Path(folder)) as played,
        launched(driver) as browser,
    ):
        played.label()
        end = time.monotonic() + _LONGEST_SECONDS
        while not (run := played.run()) or run.active:
            if time.monotonic() > end:
                sys.exit("The run has not ended.")
            time.sleep(0.2)
        pull = played.pull()
        assert pull is not None
        page = browser.new_page(viewport={"width": _WIDTH, "height": 1200})
        page.goto(f"{played.issue_url.rpartition('/issues/')[0]}/pull/{pull.number}")
        body = page.locator("article").first.bounding_box()
        assert body is not None
        height = body["y"] + body["height"] + 4
        page.screenshot(
            path=target, clip={"x": 0, "y": 0, "width": _WIDTH, "height": height}, full_page=True
        )
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
