"""Five questions, answered by a page alone: of issue and pull request, at start, middle and end.

Whoever knows nothing of the product and sees only the page can tell how things stand, what comes
next, who has to act, what it costs, and where the log is. `PICTURES=DIR` keeps what was seen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from agent.demo.play import MAINTAINER
from agent.domain import Outcome
from tests.browsers import launched
from tests.flow.github_stories import FILES, Story, await_
from tests.flow.test_conversation import planned

#: So that there is a middle to be seen.
SLOW = """\
import time


def test_slow():
    time.sleep(4)
"""
LASTING = {**FILES, "tests/test_slow.py": SLOW}
PLANNED = {**LASTING, ".github/mergewright.yml": "plan: {approval: always}\n"}

Look = Callable[[str, str], str]


@pytest.fixture(scope="module")
def look() -> Iterator[Look]:
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

    with sync_playwright() as driver:
        browser: Browser = launched(driver)
        yield looking
        browser.close()


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


def shows(told: Story, words: str) -> None:
    await_(lambda: words in told.comments()[-1].body or None, f"{words!r} in {told.name}", 120)


def is_at_work(told: Story) -> None:
    """Wait until one stage is done and another one under way; edits are seconds apart."""

    def middle() -> bool | None:
        body = told.comments()[-1].body
        return ("- [x] " in body and "** …" in body) or None

    await_(middle, f"the middle of {told.name}", 120)


WORKING = {
    "state": r"Mergewright is working on this issue\.",
    "next": r"a link to the pull request, or the reason why there is none, will stand here",
    "who": r"Nobody has to do anything now",
    "cost": r"Used (as of \d\d:\d\d UTC|so far): \d+ s( of at most \d+ minutes)?, \$0\.00",
    "log": r"Log of the run",
}
READY = {
    "state": r"A checked pull request is ready: #\d+",
    "next": r"What to do next: a person reviews it, and merges or closes it\.",
    "who": r"a person reviews it",
    "cost": r"The run took \d+ s and cost \$0\.00: no model was asked\.",
    "log": r"Log of the run",
}
OPEN = {
    "state": r"Decision: open\.",
    "next": r"What to do next: a person reviews it, and merges or closes it\.",
    "who": r"a person reviews it",
    "cost": r"Cost: \$0\.00: no model was asked\.",
    "log": r"The whole log of the run:",
}
ASKED = {
    **OPEN,
    "next": r"a person answers what “Asked in review” below leaves to people, reviews it, and merges",
    "who": r"a person answers",
}


def test_the_pages_of_a_run_without_a_hitch(story, look):
    told = story(files=LASTING)
    told.label()
    told.announced()
    assert_answered(look(issue_page(told), "1-happy-1-start"), WORKING)
    is_at_work(told)
    assert_answered(look(issue_page(told), "1-happy-2-middle"), WORKING)
    told.assert_ready()
    assert_answered(look(issue_page(told), "1-happy-3-end-issue"), READY)
    assert_answered(look(pull_page(told), "1-happy-3-end-pull"), OPEN)


def test_the_pages_of_a_plan_that_is_changed_and_approved(story, look):
    told = story(files=PLANNED)
    told.label()
    number = planned(told)
    waits = {
        "state": rf"Mergewright waits for a word on its plan {number}\.",
        "next": rf"What to do next: .* writes /mergewright approve {number}",
        "who": r"somebody with write permission",
        "cost": r"Used .*: \d+ s of at most \d+ minutes, \$0\.00",
        "log": r"Log of the run",
    }
    await_(lambda: told.calls() or None, "the call")
    assert_answered(look(issue_page(told), "2-plan-1-waits"), waits)
    told.comment(f"/mergewright approve {number}")
    is_at_work(told)
    text = look(issue_page(told), "2-plan-2-approved")
    assert_answered(text, WORKING)
    assert "Plan: Log instead of printing" in text
    told.assert_ready()
    assert_answered(look(issue_page(told), "2-plan-3-end-issue"), READY)
    assert_answered(look(pull_page(told), "2-plan-3-end-pull"), OPEN)


def review(told: Story, *threads: tuple[int, str]) -> None:
    """Ask for changes, as the maintainer, with remarks on lines of the one changed file."""
    world = told.stage.world
    (pull,) = told.pulls()
    answer = httpx.post(
        f"{world.base_url}/api/v3/repos/{told.name}/pulls/{pull.number}/reviews",
        headers={"Authorization": f"Bearer {world.token_for(MAINTAINER)}"},
        json={
            "event": "REQUEST_CHANGES",
            "body": "",
            "comments": [
                {"path": "till/count.py", "line": line, "side": "RIGHT", "body": words}
                for line, words in threads
            ],
        },
        timeout=10,
    )
    assert answer.status_code == 200, answer.text


def ended(told: Story, number: int) -> Outcome:
    """Wait until a round is over and told."""
    shows(told, f"round {number} of its review is over")

    def outcome() -> Outcome | None:
        found = [one for one in told.runs() if one.run.follow_up]
        return found[number - 1].outcome

    return await_(outcome, f"the end of round {number}")


def line_of(told: Story, words: str) -> int:
    """Number of the one line of the changed file, on the branch, that has the words."""
    (branch,) = told.branches()
    lines = told.git("show", f"{branch}:till/count.py").splitlines()
    (at,) = [number for number, line in enumerate(lines, 1) if words in line]
    return at


def test_the_pages_of_later_rounds_of_review(story, look):
    told = story(files=LASTING)
    told.label()
    pull = told.assert_ready()
    at = line_of(told, "logger.info(")
    review(
        told,
        (at, "use logger.debug here instead of info"),
        (at, "Would a counter per currency be of use to the till one day?"),
    )
    shows(told, "round 1 of its review is under way")
    under_way = {
        "state": rf"#{pull.number} is open; round 1 of its review is under way\.",
        "next": r"what comes of it will stand here and in the pull request",
        "who": r"Nobody has to do anything now",
        "cost": r"Used .*: \d+ s( of at most \d+ minutes)?, \$0\.00",
        "log": r"Log of the run",
    }
    assert_answered(look(issue_page(told), "3-review-1-start"), under_way)
    assert (ended(told, 1).forge_calls or 0) <= 30
    left = {
        "state": rf"#{pull.number} is open; round 1 of its review is over: 1 commit, 1 for a person",
        "next": r"What to do next: a person answers what is left to people, then reviews",
        "who": r"a person answers what is left to people",
        "cost": r"The run took \d+ s and cost \$0\.00: no model was asked\.",
        "log": r"Log of the run",
    }
    assert_answered(look(issue_page(told), "3-review-2-middle-issue"), left)
    text = look(pull_page(told), "3-review-2-middle-pull")
    assert_answered(text, ASKED)
    assert "needs a human" in text
    review(told, (line_of(told, "logger.debug("), "use logger.warning here instead of debug"))
    assert (ended(told, 2).forge_calls or 0) <= 30
    over = {
        **left,
        "state": rf"#{pull.number} is open; round 2 of its review is over: 1 commit\.",
        # The question of the first round is open all the same.
        "next": rf"a person answers what is left to people, then reviews #{pull.number}\.",
    }
    assert_answered(look(issue_page(told), "3-review-3-end-issue"), over)
    assert_answered(look(pull_page(told), "3-review-3-end-pull"), ASKED)
    assert (len(told.comments()), told.calls()) == (1, [])
    (now,) = told.pulls()
    assert "People have edited the text" not in (now.body or ""), "nobody has"
