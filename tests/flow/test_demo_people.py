"""The scenarios of the demo in which people act: each is played, and ends as it says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from rich.console import Console

from agent.cli import demo
from agent.demo import play
from agent.demo.acts import COLLEAGUE, MAINTAINER, REPORTER, ROBOT
from agent.demo.play import OWNER, Play, Stage
from agent.demo.scenarios import SCENARIOS
from agent.demo.simulator import git_store
from agent.demo.simulator.records import Comment
from agent.domain import StoredRun
from tests.folders import data_folder

_CONFIG = ".github/mergewright.yml"
#: What else would be checked takes most of the time, and is played by the other scenarios.
_TESTS_ALONE = "checks: {lint: off, types: {tool: off}, makemigrations: off}\n"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage for all of them: their stand-in for a model has one script."""
    # Of its own: another stage's repositories have the same numbers.
    with (
        data_folder("people", built=True) as home,
        play.ready_for(SCENARIOS["review"], home, tmp_path_factory.mktemp("people")) as made,
    ):
        yield made


@pytest.fixture
def played(stage: Stage, tmp_path: Path):
    """Play a scenario to its end."""

    def to_the_end(name: str) -> tuple[Play, StoredRun]:
        scenario = SCENARIOS[name]
        given = scenario.files.get(_CONFIG, "")
        files = MappingProxyType({**scenario.files, _CONFIG: given + _TESTS_ALONE})
        made = play.put_on(
            stage, replace(scenario, files=files), tmp_path / "source", f"{OWNER}/of-{name}"
        )
        made.begin()
        run, refusal, _ = demo._follow(made, Console(quiet=True), time.monotonic())
        assert demo._ended_as_told(made, run, refusal), (run, made.follow_ups())
        assert run is not None
        return made, run

    return to_the_end


def said_by(made: Play, *logins: str) -> list[Comment]:
    return [one for one in made.issue.comments if one.author.login in logins]


def ours(made: Play) -> list[Comment]:
    return said_by(made, made.stage.app.bot.login)


def signs(comments: list[Comment]) -> list[list[str]]:
    return [[each.content for each in one.reactions] for one in comments]


def git(made: Play, *args: str) -> str:
    return git_store.text(made.repository.git_dir, *args).strip()


def head(made: Play) -> str:
    pull = made.the_pull().pull
    assert pull is not None
    assert git(made, "rev-parse", f"refs/heads/{pull.head_ref}") == pull.head_sha
    return pull.head_sha


def commits(made: Play) -> list[str]:
    return git(made, "log", "--format=%an", f"refs/heads/main..{head(made)}").splitlines()


def threads(made: Play) -> list[tuple[str, str, bool]]:
    """What was remarked first, what was said last, and whether it is resolved."""
    pull = made.the_pull().pull
    assert pull is not None
    return [
        (one.comments[0].body, one.comments[-1].body, one.resolved_by is not None)
        for one in pull.threads
    ]


def test_all_that_people_do_is_played_here_or_with_the_other_scenarios():
    with_people = {one.name for one in SCENARIOS.values() if one.acts}
    assert with_people == {
        "answered", "approved", "ci", "closed", "conflict", "human-commit", "review",
        "second-bot", "stopped", "stopped-early", "stopped-late", "stranger", "two-people",
        "unlabelled", "unreliable",
    }  # fmt: skip
    scripts = {one.model for one in SCENARIOS.values() if one.model}
    assert scripts == {SCENARIOS["review"].model}


@pytest.mark.parametrize("name", ["answered", "approved"])
def test_what_is_said_while_the_run_waits_has_it_go_on(played, name):
    made, _ = played(name)
    said = said_by(made, MAINTAINER)
    assert len(said) == len(made.scenario.acts)
    assert "{plan}" not in "".join(one.body for one in said)
    assert all(signs(said))
    assert made.pull() is not None


@pytest.mark.parametrize("name", ["stopped", "stopped-early", "stopped-late"])
def test_a_run_is_stopped_and_nothing_is_published(played, name):
    made, run = played(name)
    assert signs(said_by(made, MAINTAINER)) == [["+1"]]
    assert f"{MAINTAINER} has stopped this run." in run.outcome.sentence
    assert made.pull() is None
    assert len(git(made, "for-each-ref").splitlines()) == 1


@pytest.mark.parametrize("name", ["closed", "unlabelled"])
def test_an_issue_that_is_taken_back_ends_its_run(played, name):
    made, _ = played(name)
    assert made.pull() is None
    assert len(git(made, "for-each-ref").splitlines()) == 1


def test_what_is_too_large_is_declined_and_costs_nothing(played):
    made, run = played("declined")
    assert made.pull() is None
    assert "environment" not in made.seconds(run)
    assert "first small ticket" in ours(made)[0].body


@pytest.mark.deep
def test_of_two_people_at_once_one_has_an_effect_and_the_other_is_told(played):
    made, _ = played("two-people")
    assert signs(said_by(made, MAINTAINER, COLLEAGUE)) == [["+1"], ["confused"]]
    assert len(commits(made)) == 1


@pytest.mark.deep
def test_nobody_listens_to_strangers(played):
    made, _ = played("stranger")
    assert signs(said_by(made, REPORTER)) == [[], []]
    assert signs(said_by(made, MAINTAINER)) == [["+1"]]
    ((_, last, resolved),) = threads(made)
    assert (last, resolved) == ("Please use logger.debug here.", False)


def test_webhooks_that_go_wrong_make_one_pull_request(played):
    made, run = played("unreliable")
    sent = [one for one in made.stage.world.hooks.log if one.repository_id == made.repository.id]
    (label, *_) = [one for one in sent if one.action == "labeled"]
    assert label.state == "lost"
    assert [one.redelivery for one in sent if one.guid == label.guid][1:] == [True]
    assert not made.stage.world.hooks.faults[-1].count
    assert signs(said_by(made, MAINTAINER)) == [["+1"], ["+1"]]
    assert len([one for one in made.repository.issues.values() if one.pull]) == 1
    assert run.segment == 3
    assert len(commits(made)) == 1


def test_another_program_that_answers_ten_times_gets_nothing(played):
    made, run = played("second-bot")
    assert signs(said_by(made, ROBOT)) == [[]] * 10
    # The status, and the call for a person.
    assert len(ours(made)) == 2
    assert (run.retries, len(made.runs())) == (0, 1)


def test_five_remarks_end_as_two_fixes_an_answer_one_beyond_and_one_for_a_person(played):
    made, _ = played("review")
    (follow_up,) = made.follow_ups()
    ends = [one.end for one in follow_up.outcome.threads]
    assert sorted(ends) == ["commit", "commit", "human", "reply", "reply"]
    fixes = [first for first, _, resolved in threads(made) if resolved]
    assert fixes == [
        "Please use logger.debug here.",
        "Say here what becomes of rows without a customer.",
    ]
    (page,) = [last for first, last, _ in threads(made) if "web page" in first]
    assert f"/{made.repository.full_name}/issues/new?" in page
    (noise,) = [last for first, last, _ in threads(made) if first.startswith("asdf")]
    assert "needs a human" in noise
    text = git(made, "show", f"{head(made)}:shop/services.py")
    assert "logger.debug(" in text
    assert "Rows without a customer are left out" in text


@pytest.mark.deep
def test_a_commit_of_a_person_between_rounds_is_built_on(played):
    made, _ = played("human-commit")
    assert commits(made) == [made.stage.app.bot.login, MAINTAINER, made.stage.app.bot.login]
    text = git(made, "show", f"{head(made)}:shop/services.py")
    assert "is refused, and logged." in text
    assert "Rows without a customer are left out" in text


@pytest.mark.deep
def test_a_conflict_with_the_base_is_said_and_nothing_is_forced(played):
    made, run = played("conflict")
    assert head(made) == run.outcome.commit
    (told,) = [one.body for one in made.the_pull().comments if one.author is made.stage.app.bot]
    assert "`shop/services.py`" in told


@pytest.mark.deep
def test_a_red_check_is_mended_and_passes(played):
    made, run = played("ci")
    assert git(made, "rev-parse", f"{head(made)}~") == run.outcome.commit
    states = [(one.sha, one.state) for one in made.repository.statuses if one.context == "docs"]
    assert states == [(run.outcome.commit, "failure"), (head(made), "success")]
    assert "check docs" in (made.the_pull().body or "")
