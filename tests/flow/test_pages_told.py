"""Five questions, answered by a page alone: of issue and pull request, at start, middle and end.

Whoever knows nothing of the product and sees only the page can tell how things stand, what comes
next, who has to act, what it costs, and where the log is. `PICTURES=DIR` keeps what was seen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browsers import launched
from tests.flow.github_stories import FILES, Story, await_

#: So that there is a middle to be seen.
SLOW = """\
import time


def test_slow():
    time.sleep(4)
"""
LASTING = {**FILES, "tests/test_slow.py": SLOW}

pytestmark = pytest.mark.deep
Look = Callable[[str, str], str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        made = launched(driver)
        yield made
        made.close()


@pytest.fixture(scope="module")
def look(browser: Browser) -> Look:
    """Give what opens a page in a browser, keeps its picture under a name, and returns its text."""
    kept = os.environ.get("PICTURES")

    def looking(address: str, name: str) -> str:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        if kept:
            page.screenshot(path=Path(kept) / f"{name}.png", full_page=True)
        # What is folded is not seen.
        text = page.inner_text("body")
        page.close()
        return text

    return looking


def issue_page(told: Story) -> str:
    return f"{told.stage.world.base_url}/{told.name}/issues/{told.issue.number}"


def pull_page(told: Story) -> str:
    (pull,) = told.pulls()
    return f"{told.stage.world.base_url}/{told.name}/pull/{pull.number}"


def assert_answered(text: str, answers: Mapping[str, str]) -> None:
    """Hold a page against the answers to the five questions, as patterns."""
    assert set(answers) == {"state", "next", "who", "cost", "log"}
    missing = [question for question, answer in answers.items() if not re.search(answer, text)]
    assert missing == [], text


def is_at_work(told: Story) -> None:
    """Wait until one stage is done and another one under way; edits are seconds apart."""

    def middle() -> bool | None:
        body = told.comments()[-1].body
        return ("Done: " in body and "**Now: " in body) or None

    await_(middle, f"the middle of {told.name}", 120)


WORKING = {
    "state": r"Mergewright is working on this issue\.",
    "next": r"Then: .*Publish",
    "who": r"Nothing is needed from you",
    "cost": r"Used \d+ s( of \d+ minutes)?, \$0\.00",
    "log": r"\bLog\b",
}
READY = {
    "state": r"Pull request #\d+ is ready for review\.",
    "next": r"Next: review it, then merge or close it\.",
    "who": r"review it",
    "cost": r"It took \d+ s and cost \$0\.00: no model was asked\.",
    "log": r"\bLog\b",
}
OPEN = {
    "state": r"Ready for review",
    "next": r"merge it, close it, or comment",
    "who": r"Ready for review",
    "cost": r"Cost\n+\$0\.00: no model was asked\.",
    "log": r"Log of the run",
}


def test_the_pages_of_a_run_without_a_hitch(story, look):
    told = story(files=LASTING)
    told.label()
    told.begun("triage")
    assert_answered(look(issue_page(told), "1-happy-1-start"), WORKING)
    is_at_work(told)
    assert_answered(look(issue_page(told), "1-happy-2-middle"), WORKING)
    told.assert_ready()
    assert_answered(look(issue_page(told), "1-happy-3-end-issue"), READY)
    assert_answered(look(pull_page(told), "1-happy-3-end-pull"), OPEN)
