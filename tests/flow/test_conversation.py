"""Whole runs that people talk with on the issue: answers, approvals, other plans, commands."""

from __future__ import annotations

import re
import time

import httpx

from agent.demo.play import LABEL, MAINTAINER, REPORTER
from agent.demo.simulator import actions
from agent.demo.simulator.hooks import HookFault
from agent.domain import RunState
from tests.flow.github_stories import BODY, FILES, Story, await_

WRONG = "Replace print with logging in `till/cuont.py`.\n"
ALWAYS = {**FILES, ".github/mergewright.yml": "plan: {approval: always}\n"}


def planned(told: Story, besides: str = "") -> str:
    """Wait until a plan is shown that is another one; return its number."""

    def shown() -> str | None:
        for comment in told.comments():
            found = re.search(r"waits for a word on its plan `([0-9a-f]{8})`", comment.body)
            if found and found[1] != besides and _waits(told):
                return found[1]
        return None

    return await_(shown, f"the plan of {told.name}", 120)


def _waits(told: Story) -> bool:
    return told.runs()[-1].state is RunState.AWAITING_APPROVAL


def page(told: Story) -> str:
    address = told.stage.service.address
    return httpx.get(f"{address}/runs/{told.runs()[-1].run.run_id}", timeout=10).text


def reaction(told: Story, comment) -> list[str]:
    """Wait for our reaction to a comment."""
    await_(lambda: comment.reactions or None, f"a reaction in {told.name}")
    assert all(one.user is told.us for one in comment.reactions)
    return [one.content for one in comment.reactions]


def test_an_unclear_issue_is_answered_and_then_done(story):
    told = story(body=WRONG)
    told.label()
    assert told.ended().reason.value == "unclear"
    (comment,) = told.comments()
    assert "answer in a comment here" in comment.body
    (call,) = told.calls()
    assert "**The issue leaves something open.** This calls a person;" in call.body
    assert f"/issues/{told.issue.number}#issuecomment-{comment.id})" in call.body
    answer = told.comment(BODY)
    assert reaction(told, answer) == ["eyes"]
    done = await_(lambda: told.pulls() or None, "the pull request", 120)
    assert len(done) == 1
    pull = told.assert_ready()
    said = f"Added by comments of people with write permission: an answer of {MAINTAINER}, "
    assert said in pull.body
    (run,) = told.runs()
    assert (run.run.attempt, run.retries) == (1, 1)
    assert told.calls() == [call]


def test_an_answer_that_leaves_it_open_calls_a_person_once_more(story):
    told = story(body=WRONG)
    told.label()
    assert told.ended().reason.value == "unclear"
    told.comment("Do it soon, please.")
    await_(lambda: told.runs()[0].retries or None, "the second try")
    assert told.ended().reason.value == "unclear"
    await_(lambda: len(told.calls()) == 2 or None, "the second call")
    assert len(told.comments()) == 1


def test_an_answer_of_who_may_not_write_changes_nothing(story):
    told = story(body=WRONG)
    told.label()
    assert told.ended().reason.value == "unclear"
    answer = told.comment(BODY, by=REPORTER)
    time.sleep(3)
    assert answer.reactions == []
    (run,) = told.runs()
    assert not run.active
    told.assert_nothing_pushed()


def test_a_plan_is_approved_and_then_carried_out(story):
    told = story(files=ALWAYS)
    told.label()
    number = planned(told)
    (comment,) = told.comments()
    assert "Nothing was edited so far." in comment.body
    await_(lambda: "Waiting for approval of the plan" in page(told) or None, "the page")
    assert f"/mergewright approve {number}" in comment.body
    assert told.labels() == {LABEL, "mergewright: needs human"}
    (call,) = told.calls()
    assert f"waits for a word on its plan `{number}`.** This calls a person;" in call.body
    told.assert_nothing_pushed()
    refused = told.comment(f"/mergewright approve {number}", by=REPORTER)
    word = told.comment(f"/mergewright approve {number}")
    assert reaction(told, word) == ["+1"]
    told.assert_ready()
    assert refused.reactions == []
    assert told.calls() == [call]
    # The wait has a share of its own: the plan is shown and called for, words are heard.
    assert len(told.requests(path="/api/*")) <= 55
    assert (told.ended().forge_calls or 0) <= 40
    assert f"plan {number} was approved by {MAINTAINER}" in told.log()


def test_a_plan_is_changed_before_it_is_approved(story):
    files = {**ALWAYS, "till/sum.py": FILES["till/count.py"]}
    told = story(files=files)
    told.label()
    first = planned(told)
    wish = told.comment("Change the plan: Replace print with logging in `till/sum.py` instead.")
    assert reaction(told, wish) == ["+1"]
    second = planned(told, besides=first)
    old = told.comment(f"/mergewright approve {first}")
    assert reaction(told, old) == ["confused"]
    told.comment(f"/mergewright approve {second}")
    outcome = told.ended()
    assert outcome.reason.value == "ready", outcome.sentence
    changed = told.git("diff", "--name-only", f"main..{outcome.branch}").split()
    assert changed == ["till/sum.py"]
    assert [first in told.calls()[0].body, second in told.calls()[1].body] == [True, True]
    assert len(told.calls()) == 2


def test_a_plan_is_asked_for_where_none_is_shown_otherwise(story):
    told = story()
    told.comment("/mergewright plan")
    number = planned(told)
    assert LABEL in told.labels()
    two = [told.comment(f"/mergewright approve {number}") for _ in range(2)]
    assert [reaction(told, one) for one in two] == [["+1"], ["+1"]]
    told.assert_ready()


def test_taking_the_label_off_ends_a_run_that_a_command_has_begun(story):
    told = story()
    told.comment("/mergewright plan")
    planned(told)
    told.unlabel()
    assert told.ended().reason.value == "superseded"
    told.assert_nothing_pushed()


def test_a_run_is_stopped_while_its_plan_waits(story):
    told = story(files=ALWAYS)
    told.label()
    planned(told)
    assert reaction(told, told.comment("/mergewright stop")) == ["+1"]
    outcome = told.ended()
    assert outcome.reason.value == "cancelled"
    assert f"{MAINTAINER} has stopped this run." in outcome.sentence
    assert told.labels() == {LABEL, "mergewright: stopped"}
    told.assert_nothing_pushed()


def test_taking_the_label_off_ends_the_wait_for_an_approval(story):
    told = story(files=ALWAYS)
    told.label()
    planned(told)
    told.unlabel()
    assert told.ended().reason.value == "superseded"
    told.assert_nothing_pushed()


def test_a_word_that_comes_twice_late_and_edited_counts_once(story, stage):
    told = story(files=ALWAYS)
    told.label()
    number = planned(told)
    hooks = stage.world.hooks
    hooks.faults.append(HookFault("lose", "issue_comment.created"))
    word = told.comment(f"/mergewright approve {number}")
    assert hooks.drain(10)
    world = stage.world
    with world.lock:
        word.body = "/mergewright stop"
    lost = next(one for one in reversed(list(hooks.log)) if one.event == "issue_comment")
    hooks.redeliver(lost)
    hooks.redeliver(lost)
    told.assert_ready()


def test_retry_takes_the_text_as_it_is_now(story):
    told = story(title="Nothing that a recipe knows", body="Make it faster.\n")
    told.label()
    assert told.ended().reason.value == "no_recipe"
    told.edit(title="Log instead of printing", body=BODY)
    time.sleep(1.1)
    assert reaction(told, told.comment("/mergewright retry")) == ["+1"]
    assert told.ended(attempt=2).reason.value == "ready"
    assert len(told.pulls()) == 1


def test_a_pull_request_that_people_close_ends_its_run(story, stage):
    told = story()
    told.label()
    pull = told.assert_ready()
    world = stage.world
    with world.lock:
        actions.set_state(world, told.repository, pull, "closed", None, world.user(MAINTAINER))
    await_(lambda: told.runs()[0].state is RunState.CLOSED or None, "the end of the run")
    await_(lambda: told.labels() == {LABEL} or None, "labels without a state")
    assert "Closed without merging" in page(told)
    with world.lock:
        actions.set_state(world, told.repository, pull, "open", None, world.user(MAINTAINER))
    await_(lambda: told.runs()[0].state is RunState.OPEN or None, "the run that is open again")


def test_GH8_two_bots_that_answer_each_other_start_nothing(story, stage):
    told = story(body=WRONG)
    told.label()
    assert told.ended().reason.value == "unclear"
    other = stage.world.add_user(f"other-{told.issue.id}[bot]", "Bot")
    stage.world.grant(told.repository, other.login, "admin")
    before = len(told.comments())
    for cycle in range(10):
        for author in (other, told.us):
            with stage.world.lock:
                actions.comment(
                    stage.world, told.repository, told.issue, author,
                    f"/mergewright retry\n\n(cycle {cycle})",
                )  # fmt: skip
    assert stage.world.hooks.drain(20)
    time.sleep(2)
    assert len(told.comments()) == before + 10, "the ten that were written here in our name"
    (run,) = told.runs()
    assert (run.retries, run.active) == (0, False)
