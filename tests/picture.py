"""Make README.md's picture: `make picture` plays the demo."""

import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright
from rich.console import Console

from agent import settings
from tests.browsers import launched
from tests.demo import play
from tests.demo.__main__ import show_play
from tests.demo.scenarios import SCENARIOS, USUAL

_WIDTH = 1000


def main(target: Path) -> None:
    """Play the demo; take the page of the bug's pull request, down to the folded parts."""
    with (
        TemporaryDirectory() as folder,
        sync_playwright() as driver,
        play.playing(
            [SCENARIOS[name] for name in USUAL], settings.load_settings(), Path(folder)
        ) as plays,
        launched(driver) as browser,
    ):
        screen = io.StringIO()
        out = Console(file=screen, width=88)
        ends = [show_play(played, out) for played in plays]
        if not all(ends):
            sys.exit(f"Unexpected outcome of the demo:\n{screen.getvalue()}")
        pull = plays[-1].pull()
        assert pull is not None
        page = browser.new_page(viewport={"width": _WIDTH, "height": 1200})
        page.goto(plays[-1].get_pull_url(pull))
        body = page.locator("article").first.bounding_box()
        assert body is not None
        height = body["y"] + body["height"] + 4
        page.screenshot(
            path=target, clip={"x": 0, "y": 0, "width": _WIDTH, "height": height}, full_page=True
        )
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
