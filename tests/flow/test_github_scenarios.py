"""The scenarios of the demo, whole: from the label to what is to be seen on GitHub."""

from __future__ import annotations

import re

import httpx
import pytest

from agent.demo import play
from agent.demo.play import LABEL, OWNER
from agent.demo.scenarios import SCENARIOS
from tests.flow.github_stories import Story


@pytest.fixture
def played(stage, tmp_path):
    """Put a scenario on, set the label, and hand the story back."""

    def begin(name: str) -> Story:
        made = play.put_on(stage, SCENARIOS[name], tmp_path / "source", f"{OWNER}/{name}")
        since = stage.world.requests.next_number()
        told = Story(stage, tmp_path, made.repository, made.issue, since)
        told.label()
        return told

    return begin


def assert_log_is_served(told: Story, text: str) -> str:
    """Hold the log that a text links to against what it must and must not show."""
    (address,) = set(re.findall(r"http://[^\s<>()]+/runs/[^\s<>()/]+/log", text))
    answer = httpx.get(address, timeout=10)
    assert answer.status_code == 200
    world = told.stage.world
    for secret in (
        *world.tokens,
        world_secret(told),
        *told.stage.app.private_key.splitlines()[1:3],
    ):
        assert secret not in answer.text
        assert secret not in text
    return answer.text


def world_secret(told: Story) -> str:
    return told.stage.app.hook.secret


def test_a_labelled_issue_becomes_a_checked_pull_request(played):
    told = played("add-field")
    pull = told.assert_ready()
    body = pull.body
    assert pull.title == "Add nickname to Customer"
    assert "| Check | Base | With the change | New failures | Verdict |" in body
    assert "| tests | 4 passed | 6 passed, 2 new | 0 | passed |" in body
    changed = told.git("diff", "--name-status", f"main..{pull.pull.head_ref}").splitlines()
    assert changed == [
        "M\tshop/admin.py",
        "A\tshop/migrations/0002_customer_nickname.py",
        "M\tshop/models.py",
        "A\tshop/tests/test_customer_nickname.py",
    ]
    assert "[head] tests: passed" in assert_log_is_served(told, body)
    (check,) = told.checks()
    assert (check.name, check.external_id) == ("Mergewright", told.runs()[0].run.run_id)
    assert "| tests | 4 passed | 6 passed, 2 new |" in check.summary
    page = httpx.get(check.details_url, timeout=10)
    assert page.status_code == 200
    assert "Customers need a nickname" in page.text
    assert [one.event for one in told.issue.happenings if one.actor is told.us] == [
        "labeled", "labeled", "unlabeled",
    ]  # fmt: skip


def test_prints_become_log_messages_in_a_pull_request_within_forty_requests(played, capsys):
    told = played("logging")
    pull = told.assert_ready()
    assert told.git("diff", "--name-only", f"main..{pull.pull.head_ref}").split() == [
        "shop/services.py"
    ]
    assert "Left alone, shop/services.py:38" in pull.body
    assert_log_is_served(told, pull.body)
    asked = told.requests(path="/api/*")
    over_git = told.requests(path=f"/{told.name}.git/*")
    first = min(one.at for one in asked if one.path.endswith("/reactions"))
    labelled = next(one.created for one in told.issue.happenings if one.event == "labeled")
    with capsys.disabled():
        print(
            f"\nrequests: {len(asked)} to the API, {len(over_git)} by git;"
            f" first sign {first - labelled:.2f} s after the label"
        )
    assert len(asked) <= 40
    # The eyes come before anything else is written.
    written = [one.path for one in asked if one.method == "POST" and "/issues/" in one.path]
    assert written[0].endswith("/reactions")


def test_a_change_that_breaks_a_test_is_not_published(played):
    told = played("red")
    outcome = told.ended()
    assert outcome.reason.value == "new_failures"
    told.assert_nothing_pushed()
    (comment,) = told.comments()
    assert "test_export" in comment.body
    assert "Closes #" not in comment.body
    assert told.labels() == {LABEL, "mergewright: failed"}
    assert "test_the_export_has_a_column_for_every_field" in assert_log_is_served(
        told, comment.body
    )


def test_an_unclear_ticket_is_asked_about_in_one_comment(played):
    told = played("unclear")
    assert told.ended().reason.value == "unclear"
    told.assert_nothing_pushed()
    (comment,) = told.comments()
    assert comment.body.count("\n- ") >= 1
    assert "type" in comment.body
    assert told.labels() == {LABEL, "mergewright: needs human"}
    assert not any("baseline" in one for one in told.log().splitlines())


def test_a_mistake_in_the_configuration_is_named_by_line_and_column(played):
    told = played("bad-config")
    assert told.ended().reason.value == "config_invalid"
    told.assert_nothing_pushed()
    (comment,) = told.comments()
    assert re.search(r"mergewright\.yml.{0,5}:2:1", comment.body), comment.body
    assert "http_client" in comment.body.replace("\\_", "_")
    assert told.labels() == {LABEL, "mergewright: needs human"}


def test_TC1_a_label_by_the_triage_role_starts_nothing(played):
    told = played("unauthorised")
    ((outcome, reason),) = told.decided()
    assert outcome == "ignored"
    assert "triage" in reason
    assert told.runs() == []
    told.assert_nothing_pushed()
    (comment,) = told.comments()
    assert "write permission" in comment.body
    assert told.labels() == {LABEL}


def test_what_no_recipe_fits_goes_back_to_a_person(played):
    told = played("no-recipe")
    assert told.ended().reason.value == "no_recipe"
    told.assert_nothing_pushed()
    assert len(told.comments()) == 1
    assert told.labels() == {LABEL, "mergewright: needs human"}
