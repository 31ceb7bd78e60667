"""What a maintainer sees of a pull request in a browser before the first turn of the wheel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, sync_playwright

from tests.browsers import launched
from tests.flow.github_stories import FILES

#: A laptop's window.
WIDTH, HEIGHT = 1280, 900
CONFTEST = '''"""What the tests share."""


def pytest_sessionstart(session):
    """Say where the tests begin."""
    print(f"begin in {session.startpath}")
'''


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = launched(driver)
        yield browser
        browser.close()


def bottom(found: Locator) -> float:
    """How far down the page something ends, in pixels."""
    box = found.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def test_decision_checks_and_first_finding_are_seen_without_scrolling(story, browser):
    told = story(
        title="Log instead of printing in conftest.py",
        body="Replace print with logging in `conftest.py`.\n",
        files={**FILES, "conftest.py": CONFTEST},
    )
    told.label()
    outcome = told.ended()
    assert outcome.reason.value == "ready", outcome.sentence
    (pull,) = told.pulls()
    assert pull.pull is not None and pull.pull.draft
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.goto(f"{told.stage.world.base_url}/{told.name}/pull/{pull.number}")
    body = page.locator(".body.text").first
    decision = body.get_by_text("Decision: open as draft.")
    table = body.locator("table").first
    finding = body.locator("li", has_text="gate-files").first
    assert "conftest.py" in finding.inner_text()
    assert bottom(decision) < bottom(table) < bottom(finding) < HEIGHT
    page.close()
