"""Each call that a run makes is refused once: what is left, and how it goes on."""

import re
import time
from typing import NamedTuple

import pytest

from tests.faulty_github import Asked
from tests.flow.github_stories import MODELS, Story
from tests.processes import wait_until

pytestmark = pytest.mark.deep
_VARIABLE = re.compile(r"/(?:[0-9a-f]{40}|[0-9]+|mergewright[^/]*)(?=/|$)")


class Call(NamedTuple):
    """A kind of call: its path begins below the repository, or is that of another one."""

    method: str
    path: str
    sent: str = "*"

    def __str__(self) -> str:
        return " ".join((self.method, self.path, self.sent.strip("*"))).strip()


def read_call(request: Asked, story: Story) -> Call | None:
    """Return which kind of call it was; None: none of a run."""
    top, git = f"/api/v3/repos/{story.name}/", f"/{story.name}.git/"
    if request.path.startswith(top):
        return Call(request.method, _VARIABLE.sub("/*", f"/{request.path.removeprefix(top)}")[1:])
    if request.path.startswith(git):
        sent = f"*{request.query.removeprefix('service=')}*"
        return Call(request.method, request.path.replace(story.name, "NAME"), sent)
    if request.path.endswith("/access_tokens"):
        return Call(request.method, "/api/v3/app/installations/ID/access_tokens")
    return None


def list_calls(story: Story) -> list[Call]:
    """List the kinds of calls that a whole run makes, in their order."""
    calls = (read_call(request, story) for request in story.requests())
    return [call for call in dict.fromkeys(calls) if call]


def refuse(story: Story, call: Call, status: int) -> None:
    world = story.stage.world
    (installation,) = (
        installed.id
        for installed in world.installations.values()
        if installed.account is story.repository.owner
    )
    path = call.path.replace("NAME", story.name).replace("/ID/", f"/{installation}/")
    # Git asks without a token first.
    times = 2 if status == 401 and call.path.endswith("/info/refs") else 1
    story.fault("answer", call.method, path, status=status, count=times, sent=call.sent)


def is_settled(story: Story) -> bool | None:
    """Return True where the run has ended or its label was turned away; None: neither yet."""
    runs = story.runs()
    if runs and runs[-1].outcome is not None:
        return True
    turned_away = any(outcome == "ignored" for outcome, _ in story.list_decided())
    return True if turned_away and not runs else None


def go_on(story: Story) -> None:
    """Do what the end asks for."""
    if story.runs():
        story.comment("/mergewright retry")
        return
    story.unlabel()
    time.sleep(1.1)  # GitHub's times are whole seconds
    story.label()


def go_through(story: Story, call: Call, status: int) -> str:
    """Refuse a call of a run once; return what is wrong then, or nothing."""
    refuse(story, call, status)
    story.label()
    wait_until(lambda: is_settled(story), 600, f"what becomes of {story.name}")
    if not story.pulls():
        go_on(story)
    try:
        (pull,) = wait_until(story.pulls, 300, "a pull request")
        wait_until(lambda: is_settled(story), 300, "the end")
        assert story.branches() == [pull.pull.head_ref], "nothing is there twice"
        assert len([text for text in story.comments() if "mergewright:status" in text.body]) == 1
        folders = (story.stage.home / "runs" / run.run.run_id for run in story.runs())
        made = sum((folder / "run.log").read_text().count("[edit]") for folder in folders)
        assert made == 1, "no work is done twice"
    except AssertionError as problem:
        return f"{call}: {problem} {story.list_decided()}"
    return ""


# What is refused for another reason is not asked for again within a run.
@pytest.mark.parametrize("status", [401, 403, 404, 422, 502])
def test_a_refused_call_loses_nothing_and_does_nothing_twice(begin_story, status):
    plain = begin_story()
    plain.label()
    plain.assert_ready()
    calls = list_calls(plain)
    assert len(calls) > 12
    wrong = [go_through(begin_story(), call, status) for call in calls]
    assert list(filter(None, wrong)) == []


@pytest.mark.parametrize("status", [401, 403, 404, 422, 502])
def test_a_refused_query_of_graphql_loses_no_command(begin_story, status):
    story = begin_story()
    story.fault("answer", "POST", "/api/graphql", status=status, sent="*query Text*")
    story.comment("/mergewright retry")
    try:
        wait_until(story.runs, 20, "a run")
    except AssertionError:
        story.comment("/mergewright retry")
    wait_until(lambda: story.runs() and is_settled(story), 300, "the end")
    (pull,) = story.pulls()

    threads = story.fault("answer", "POST", "/api/graphql", status=status, sent="*query Threads*")
    lines = story.git("show", f"{pull.pull.head_ref}:{MODELS}").splitlines()
    at = next(at for at, line in enumerate(lines, 1) if " note = " in line)
    story.review((MODELS, at, "Why?"))
    wait_until(lambda: len(story.runs()) > 1 and is_settled(story), 300, "the follow-up")
    assert threads.hits
    if not story.runs()[-1].outcome.is_done:
        story.say("/mergewright retry")
        wait_until(lambda: len(story.runs()) > 2 and is_settled(story), 300, "the next one")
    (thread,) = pull.pull.threads
    assert [comment.author is story.us for comment in thread.comments] == [False, True]
    assert story.branches() == [pull.pull.head_ref]
