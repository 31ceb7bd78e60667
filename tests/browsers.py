"""A real browser for the tests of pages: Debian's Chromium, without a window."""

import shutil

from playwright.sync_api import Browser, Playwright


def launched(driver: Playwright) -> Browser:
    """Start the browser of this machine; `make test` sees to it that there is one."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "Tests of pages need Chromium: apt-get install chromium"
    # Its own sandbox refuses to start for root; the pages are ours.
    return driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
