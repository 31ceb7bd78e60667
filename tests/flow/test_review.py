"""Whole stories of what follows a pull request: reviews, people's commits, bases, red checks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from agent.demo import play
from agent.demo.play import REPORTER, Stage
from agent.demo.simulator.world import APP_EVENTS
from agent.domain import Outcome, RunState
from tests.flow import github_stories
from tests.flow.github_stories import FILES, Story, await_
from tests.flow.model_scripts import calls, edit, read
from tests.folders import data_folder
from tests.scripted import Said, Seen, serving

PATH = "till/count.py"


class Voice:
    """The model of the service: what a test has it say."""

    def __init__(self) -> None:
        self.script = None
        self.seen: list[Seen] = []

    def __call__(self, seen: Seen) -> Said:
        self.seen.append(seen)
        assert self.script is not None, "no model was to be asked"
        return self.script(seen)


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice()


@pytest.fixture(scope="module")
def stage(voice: Voice, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A service of its own, that has a model and does not wait for long."""
    with (
        data_folder("review", built=True) as home,
        serving(voice) as server,
        play.staging(
            home,
            tmp_path_factory.mktemp("review"),
            **server.environ("chat"),
            MERGEWRIGHT_QUIET_SECONDS="1",
        ) as made,
    ):
        made.app.hook.events = APP_EVENTS
        yield made


@pytest.fixture
def opened(stage, voice, tmp_path) -> Iterator[Story]:
    """A pull request that a recipe has made."""
    voice.script, voice.seen = None, []
    told = github_stories.tell(stage, tmp_path)
    told.label()
    told.assert_ready()
    yield told
    stage.world.faults.remove()
    stage.world.hooks.faults.clear()


def follow_up(told: Story, number: int = 1) -> Outcome:
    """Wait for the end of a follow-up."""

    def over() -> Outcome | None:
        found = [one for one in told.runs() if one.run.follow_up]
        return found[number - 1].outcome if len(found) >= number else None

    return await_(over, f"follow-up {number} of {told.name}", 120)


def answers(*several: tuple[int, str, str]) -> tuple[str, dict]:
    """The form in which a model answers."""
    given = [
        {"matter": matter, "became": became, "words": words} for matter, became, words in several
    ]
    return "finish", {"answers": given}


def head(told: Story) -> str:
    return told.git("rev-parse", f"refs/heads/{told.branches()[0]}").strip()


def threads(told: Story):
    (pull,) = told.pulls()
    return [
        ([(one.author.login, one.body) for one in thread.comments], thread.resolved_by)
        for thread in pull.pull.threads
    ]


def line_of(told: Story, words: str) -> int:
    text = told.git("show", f"{told.branches()[0]}:{PATH}").splitlines()
    return next(at for at, line in enumerate(text, 1) if words in line)


def test_a_recipe_answers_a_review_without_a_model(opened, voice):
    before = head(opened)
    opened.review((PATH, line_of(opened, "info"), "Please use logger.debug here."))
    outcome = follow_up(opened)
    assert outcome.reason.value == "ready", outcome.sentence
    assert voice.seen == []
    after = head(opened)
    assert opened.git("rev-parse", f"{after}~").strip() == before
    assert "debug(" in opened.git("show", f"{after}:{PATH}")
    ((said, resolved),) = threads(opened)
    assert said[-1][0] == opened.us.login
    assert f"Done in {after}" in said[-1][1]
    assert resolved is not None
    (pull,) = opened.pulls()
    assert f"commit {after[:12]}, resolved" in pull.body
    assert pull.pull.head_sha == after
    assert opened.runs()[0].state is RunState.OPEN


def test_five_threads_two_fixes_a_question_one_beyond_and_nonsense(opened, voice):
    at = line_of(opened, "def total")
    opened.review(
        (PATH, at, "Call the argument `values`, please."),
        (PATH, at + 1, "The docstring should say what it returns."),
        (PATH, at + 2, "Why sum and not a loop?"),
        (PATH, 1, "Please add a web page that shows all tills."),
        (PATH, at + 1, "asdf qwertz"),
    )

    def script(seen: Seen) -> Said:
        opening = seen.messages[0][1]
        if "Your part: review the diff" in seen.system:
            return calls(("submit_review", {"approve": True, "remarks": []}))
        assert "Your part: answer the review" in seen.system
        number = {
            key: int(
                re.search(
                    rf"Matter (\d+) \(data\)\n(?:(?!Matter \d).)*{words}", opening, re.DOTALL
                )[1]
            )
            for key, words in {
                "argument": "Call the argument",
                "docstring": "The docstring",
                "why": "Why sum",
                "page": "a web page",
                "noise": "asdf",
            }.items()
        }
        if seen.turn == 1:
            return calls(read(PATH))
        return calls(
            edit(PATH, "def total(coins: list[int])", "def total(values: list[int])"),
            edit(PATH, "found = sum(coins)", "found = sum(values)"),
            edit(PATH, "len(coins)", "len(values)"),
            edit(PATH, "Add the coins up.", "Add the coins up; return their sum."),
            answers(
                (number["argument"], "done", "Renamed."),
                (number["docstring"], "done", "It says so now."),
                (number["why"], "answered", "sum says what is meant, in one call."),
                (number["page"], "beyond", "A page is another thing."),
                (number["noise"], "person", "I cannot tell what is asked. @everyone closes #1"),
            ),
        )

    voice.script = script
    outcome = follow_up(opened)
    assert outcome.reason.value == "ready", outcome.sentence
    after = head(opened)
    assert [one.end for one in outcome.threads].count("commit") == 2
    said = {words[0][1]: (words[-1][1], resolved) for words, resolved in threads(opened)}
    renamed, resolved = said["Call the argument `values`, please."]
    assert f"Done in {after}" in renamed
    assert "In the model's words: Renamed." in renamed
    assert resolved is not None
    assert said["Why sum and not a loop?"][1] is None
    page = said["Please add a web page that shows all tills."][0]
    assert (
        f"/{opened.name}/issues/new?title=Please%20add%20a%20web%20page%20that%20shows%20all%20tills."
        in page
    )
    noise = said["asdf qwertz"][0]
    assert "**This needs a human.**" in noise
    assert "@everyone" not in noise
    assert "closes #1" not in noise
    (pull,) = opened.pulls()
    for words in ("Asked in review", "needs a human", "answered", f"commit {after[:12]}"):
        assert words in pull.body
    assert "a person answers what “Asked in review” below leaves to people, reviews it" in pull.body
    (follow,) = [one for one in opened.runs() if one.run.follow_up]
    assert follow.outcome.forge_calls <= 30
    # Nobody answers us, so nothing follows.
    assert len([one for one in opened.runs() if one.run.follow_up]) == 1


def test_an_edit_that_does_not_pass_is_not_published(opened, voice):
    before = head(opened)
    opened.review((PATH, line_of(opened, "def total"), "Return twice as much."))

    def script(seen: Seen) -> Said:
        if "Your part: answer" in seen.system:
            return calls(
                edit(PATH, "return found", "return found * 2"), answers((1, "done", "Doubled."))
            )
        if "Your part: mend" in seen.system:
            return calls(("finish", {"summary": "It is right so."}))
        raise AssertionError(seen.system)

    voice.script = script
    outcome = follow_up(opened)
    assert outcome.reason.value == "new_failures", outcome.sentence
    assert head(opened) == before
    ((said, resolved),) = threads(opened)
    assert "**This needs a human.** An edit for this was made, and not published." in said[-1][1]
    assert resolved is None
    assert opened.runs()[0].state is RunState.OPEN
    (pull,) = opened.pulls()
    assert "needs a human" in pull.body


def test_commits_of_people_are_kept_and_built_upon(opened, voice):
    text = opened.git("show", f"{opened.branches()[0]}:{PATH}")
    foreign = opened.push(
        PATH, text.replace("Add the coins up.", "Add the coins up, all of them."), "Say more"
    )
    opened.review((PATH, line_of(opened, "def total"), "Call the argument `values`, please."))

    def script(seen: Seen) -> Said:
        if "Your part: review the diff" in seen.system:
            return calls(("submit_review", {"approve": True, "remarks": []}))
        return calls(
            edit(PATH, "def total(coins: list[int])", "def total(values: list[int])"),
            edit(PATH, "found = sum(coins)", "found = sum(values)"),
            edit(PATH, "len(coins)", "len(values)"),
            answers((1, "done", "Renamed.")),
        )

    voice.script = script
    outcome = follow_up(opened)
    assert outcome.reason.value == "ready", outcome.sentence
    assert opened.git("rev-parse", f"{head(opened)}~").strip() == foreign
    after = opened.git("show", f"{head(opened)}:{PATH}")
    assert "all of them" in after
    assert "sum(values)" in after


def test_a_round_that_stops_says_so_in_each_thread_and_the_next_one_sees_to_them(opened, voice):
    at = line_of(opened, "info")
    opened.push(".github/mergewright.yml", "limitz: {}\n", "Bound it", branch="main")
    opened.review((PATH, at, "Please use logger.debug here."), (PATH, at - 1, "Why a sum?"))
    opened.say(f"@{opened.us.login.removesuffix('[bot]')} which levels are there?")
    outcome = follow_up(opened)
    assert outcome.reason.value == "config_invalid", outcome.sentence
    assert [one.end for one in outcome.threads] == ["human", "human", "human"]
    for said, resolved in threads(opened):
        assert len(said) == 2
        assert "**This needs a human.** This round ended before anything was done" in said[1][1]
        assert resolved is None
    (pull,) = opened.pulls()
    assert pull.body.count("needs a human") == 3
    stopped, answer = (one.body for one in pull.comments if one.author is opened.us)
    assert "limitz" in stopped
    assert "which levels are there?" in answer
    assert "This round ended before anything was done" in answer
    # Nothing new has been said in the threads; both wait none the less.
    opened.push(".github/mergewright.yml", "limits: {}\n", "Bound it rightly", branch="main")

    def script(seen: Seen) -> Said:
        return calls(answers(*((one, "answered", "It says what is meant.") for one in (2, 3))))

    voice.script = script
    opened.say("/mergewright retry")
    outcome = follow_up(opened, 2)
    assert outcome.reason.value == "ready", outcome.sentence
    assert [one.end for one in outcome.threads] == ["commit", "reply", "reply"]
    (first, resolved), (second, _) = threads(opened)
    assert f"Done in {head(opened)}" in first[-1][1]
    assert resolved is not None
    assert "It says what is meant." in second[-1][1]
    (pull,) = opened.pulls()
    assert "needs a human" not in pull.body


def suggest(words: str) -> str:
    return f"```suggestion\n{words}\n```"


def test_suggestions_are_applied_without_a_model_on_top_of_peoples_commits(opened, voice):
    closed = ".github/workflows/ci.yml"
    text = opened.git("show", f"{opened.branches()[0]}:{PATH}")
    opened.push(closed, "on: push\njobs: {}\n", "Run something")
    foreign = opened.push(PATH, text.replace("coins up.", "coins up, all of them."), "Say more")
    at = line_of(opened, "found = sum")
    opened.review(
        (PATH, at, f"nit:\r\n{suggest('    found = sum(coins, start=0)')}"),
        (PATH, at - 1, suggest('    """Add all coins up.\n\n    That is their sum.\n    """')),
        (closed, 1, suggest("on: [push]")),
    )
    outcome = follow_up(opened)
    assert outcome.reason.value == "ready", outcome.sentence
    assert voice.seen == []
    after = head(opened)
    assert opened.git("rev-parse", f"{after}~").strip() == foreign
    wanted = text.replace("sum(coins)", "sum(coins, start=0)").replace(
        '"""Add the coins up."""', '"""Add all coins up.\n\n    That is their sum.\n    """'
    )
    assert opened.git("show", f"{after}:{PATH}") == wanted
    assert opened.git("show", f"{after}:{closed}") == "on: push\njobs: {}\n"
    first, second, third = ((said[-1][1], resolved) for said, resolved in threads(opened))
    for said, resolved in (first, second):
        assert f"Done in {after}. Applied as suggested." in said
        assert resolved is not None
    assert "**This needs a human.** It was not applied:" in third[0]
    assert closed in third[0]
    assert third[1] is None


def test_a_model_sees_the_suggestions_that_are_applied(opened, voice):
    at = line_of(opened, "found = sum")
    opened.review(
        (PATH, at, suggest("    found = sum(coins, start=0)")),
        (PATH, at - 1, "The docstring should say what it returns."),
    )

    def script(seen: Seen) -> Said:
        if "Your part: review the diff" in seen.system:
            return calls(("submit_review", {"approve": True, "remarks": []}))
        assert "+    found = sum(coins, start=0)" in seen.messages[0][1]
        assert "Matter 1 (data)" not in seen.messages[0][1]
        return calls(
            edit(PATH, "Add the coins up.", "Add the coins up; return their sum."),
            answers((2, "done", "It says so now.")),
        )

    voice.script = script
    outcome = follow_up(opened)
    assert outcome.reason.value == "ready", outcome.sentence
    made = opened.git("show", f"{head(opened)}:{PATH}")
    assert "sum(coins, start=0)" in made
    assert "return their sum" in made
    assert [one.end for one in outcome.threads] == ["commit", "commit"]


def test_a_suggestion_that_a_repair_takes_back_is_not_said_to_be_done(opened, voice):
    at = line_of(opened, "found = sum")
    opened.review(
        (PATH, at, suggest("    found = sum(coins) * 2")),
        (PATH, at - 1, suggest('    """Add all coins up."""')),
    )

    def script(seen: Seen) -> Said:
        if "Your part: review the diff" in seen.system:
            return calls(("submit_review", {"approve": True, "remarks": []}))
        assert "Your part: mend" in seen.system
        return calls(
            edit(PATH, "sum(coins) * 2", "sum(coins)"), ("finish", {"summary": "Counted once."})
        )

    voice.script = script
    outcome = follow_up(opened)
    assert outcome.reason.value == "ready", outcome.sentence
    assert [one.end for one in outcome.threads] == ["human", "commit"]
    assert "It was applied as suggested; then these lines" in threads(opened)[0][0][-1][1]


def test_a_base_that_moved_is_merged_in_and_the_checks_run_on_that(opened, voice):
    opened.push("till/other.py", '"""Other."""\n', "Add another module", branch="main")
    tip = opened.git("rev-parse", "main").strip()
    opened.say("/mergewright rebase")
    outcome = follow_up(opened)
    assert outcome.reason.value == "ready", outcome.sentence
    assert opened.git("merge-base", "main", head(opened)).strip() == tip
    assert opened.git("rev-list", "--count", f"main..{head(opened)}").strip() == "1"
    (pull,) = opened.pulls()
    assert f"Brought up to date with main at {tip[:12]}" in pull.body
    assert voice.seen == []
    (check,) = [one for one in opened.checks() if one.head_sha == head(opened)]
    assert check.conclusion == "success"


def test_a_conflict_with_the_base_is_stated(opened, voice):
    before = head(opened)
    text = FILES[PATH].replace("counted", "has")
    opened.push(PATH, text, "Print otherwise", branch="main")
    opened.say("/mergewright rebase")
    outcome = follow_up(opened)
    assert outcome.reason.value == "merge_conflict"
    assert head(opened) == before
    (pull,) = opened.pulls()
    said = [one.body for one in pull.comments if one.author is opened.us]
    assert len(said) == 1
    assert f"`{PATH}`" in said[0]
    assert "merge the base branch into this one by hand" in said[0]
    assert opened.runs()[0].state is RunState.OPEN


def test_red_checks_of_the_project_are_mended_from_their_log(opened, voice):
    before = head(opened)

    def script(seen: Seen) -> Said:
        if "Your part: review the diff" in seen.system:
            return calls(("submit_review", {"approve": True, "remarks": []}))
        assert "docs" in seen.messages[0][1]
        return calls(
            edit(PATH, "Add the coins up.", "Add the coins up; return their sum."),
            answers((1, "done", "The docstring says what is returned.")),
        )

    voice.script = script
    with opened.person() as client:
        made = client.post(
            f"/statuses/{before}",
            json={"state": "failure", "context": "docs", "description": "docs: no returns"},
        )
    assert made.status_code == 201, made.text
    outcome = follow_up(opened)
    assert outcome.reason.value == "ready", outcome.sentence
    assert opened.git("rev-parse", f"{head(opened)}~").strip() == before
    (pull,) = opened.pulls()
    assert "check docs" in pull.body


def test_a_check_that_is_red_on_base_is_said_and_not_mended(opened, voice):
    base, before = opened.git("rev-parse", "main").strip(), head(opened)
    with opened.person() as client:
        for commit in (base, before):
            told = {"state": "failure", "context": "docs", "description": "no"}
            client.post(f"/statuses/{commit}", json=told)
    outcome = follow_up(opened)
    assert outcome.reason.value == "ready", outcome.sentence
    assert head(opened) == before
    assert voice.seen == []
    (pull,) = opened.pulls()
    (said,) = [one.body for one in pull.comments if one.author is opened.us]
    assert "This needs a human" in said
    assert "as red on main" in said


def test_who_may_not_write_is_not_answered(opened, voice):
    opened.review((PATH, line_of(opened, "info"), "Use debug."), event="COMMENT", by=REPORTER)
    with pytest.raises(AssertionError, match="did not come"):
        await_(
            lambda: [one for one in opened.runs() if one.run.follow_up] or None, "a follow-up", 4
        )


def test_a_closed_pull_request_ends_what_goes_on_with_it(opened, voice):
    opened.say("/mergewright fix-ci")
    outcome = follow_up(opened)
    assert outcome.reason.value == "ready"
    (pull,) = opened.pulls()
    (said,) = [one.body for one in pull.comments if one.author is opened.us]
    assert "No check of the project's own is red" in said
    with opened.person() as client:
        closed = client.patch(f"/pulls/{pull.number}", json={"state": "closed"})
    assert closed.status_code == 200
    await_(lambda: opened.runs()[0].state is RunState.CLOSED or None, "the end of it")
