"""Each call that a run makes is refused: what is left, and how it goes on."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import NamedTuple

import pytest

from tests.faulty_github import Asked, Fault
from tests.flow.github_stories import MODELS, Story, await_

pytestmark = pytest.mark.deep
_VARIABLE = re.compile(r"/(?:[0-9a-f]{40}|[0-9]+|mergewright[^/]*)(?=/|$)")
_numbers = count(1)


class Call(NamedTuple):
    """A kind of call: its path begins below the repository, or is that of another one."""

    method: str
    path: str
    sent: str = "*"

    def __str__(self) -> str:
        return " ".join((self.method, self.path, self.sent.strip("*"))).strip()


def read_call(asked: Asked, told: Story) -> Call | None:
    """Say which kind of call it was; None: none of a run."""
    top, git = f"/api/v3/repos/{told.name}/", f"/{told.name}.git/"
    if asked.path.startswith(top):
        return Call(asked.method, _VARIABLE.sub("/*", f"/{asked.path.removeprefix(top)}")[1:])
    if asked.path.startswith(git):
        sent = f"*{asked.query.removeprefix('service=')}*"
        return Call(asked.method, asked.path.replace(told.name, "NAME"), sent)
    if asked.path.endswith("/access_tokens"):
        return Call(asked.method, "/api/v3/app/installations/ID/access_tokens")
    return None


def list_calls(told: Story) -> list[Call]:
    """List the kinds of calls that a whole run makes, in their order."""
    calls = (read_call(asked, told) for asked in told.requests())
    return [call for call in dict.fromkeys(calls) if call]


def refuse(told: Story, call: Call, status: int, times: int | None) -> Fault:
    world = told.stage.world
    (installation,) = (
        installed.id
        for installed in world.installations.values()
        if installed.account is told.repository.owner
    )
    path = call.path.replace("NAME", told.name).replace("/ID/", f"/{installation}/")
    if status == 401 and times and call.path.endswith("/info/refs"):
        times += 1  # git asks without a token first
    return told.fault("answer", call.method, path, status=status, count=times, sent=call.sent)


def is_settled(told: Story) -> bool | None:
    """True: the run has ended, or its label was turned away; None: neither yet."""
    runs = told.runs()
    if runs and runs[-1].outcome is not None:
        return True
    turned_away = any(outcome == "ignored" for outcome, _ in told.list_decided())
    return True if turned_away and not runs else None


def go_on(told: Story) -> None:
    """Do what the end asks for."""
    if told.runs() and not told.pulls():
        told.comment("/mergewright retry")
    elif not told.pulls():
        told.unlabel()
        time.sleep(1.1)  # within a second a delivery of the same content is a duplicate
        told.label()


def go_through(told: Story, call: Call, status: int, seconds: float) -> str:
    """Refuse a call of a run once, or for so long; return what is wrong then, or nothing."""
    fault = refuse(told, call, status, None if seconds else 1)
    told.label()
    if seconds:
        await_(lambda: fault.hits or None, f"{call} of {told.name}", 600)
        time.sleep(seconds)
        fault.count = fault.hits
    await_(lambda: is_settled(told), f"what becomes of {told.name}", 600)
    fault.count = fault.hits
    go_on(told)
    try:
        (pull,) = await_(lambda: told.pulls() or None, "a pull request", 300)
        await_(lambda: is_settled(told), "the end", 300)
        assert told.branches() == [pull.pull.head_ref], "nothing is there twice"
        assert len([text for text in told.comments() if "mergewright:status" in text.body]) == 1
        folders = (told.stage.home / "runs" / run.run.run_id for run in told.runs())
        made = sum((folder / "run.log").read_text().count("[edit]") for folder in folders)
        assert made == 1, "no work is done twice"
    except AssertionError as problem:
        return f"{call}: {problem} {told.list_decided()}"
    return ""


@pytest.mark.parametrize(
    ("status", "seconds"),
    # What is refused for another reason is not asked for again within a run: once is enough.
    [(401, 0), (403, 0), (404, 0), (422, 0), (502, 0), (401, 60), (502, 60)],
)
def test_a_refused_call_loses_nothing_and_does_nothing_twice(story, stage, status, seconds):
    plain = story()
    plain.label()
    plain.assert_ready()
    calls = list_calls(plain)
    assert len(calls) > 12

    def begin() -> Story:
        """Begin a story that goes on beside others only if it has an owner of its own."""
        if not seconds:
            return story()
        owner = f"owner-{next(_numbers)}"
        stage.world.add_user(owner, "Organization")
        stage.world.install(stage.app, owner)
        return story(owner=owner)

    with ThreadPoolExecutor(len(calls) if seconds else 1) as pool:
        wrong = pool.map(lambda call: go_through(begin(), call, status, seconds), calls)
        assert list(filter(None, wrong)) == []


@pytest.mark.parametrize("status", [401, 403, 404, 422, 502])
def test_a_refused_query_of_graphql_loses_no_command(story, status):
    told = story()
    told.fault("answer", "POST", "/api/graphql", status=status, sent="*query Text*")
    told.comment("/mergewright retry")
    try:
        await_(lambda: told.runs() or None, "a run", 20)
    except AssertionError:
        told.comment("/mergewright retry")
    await_(lambda: (told.runs() and is_settled(told)) or None, "the end", 300)
    (pull,) = told.pulls()

    threads = told.fault("answer", "POST", "/api/graphql", status=status, sent="*query Threads*")
    lines = told.git("show", f"{pull.pull.head_ref}:{MODELS}").splitlines()
    at = next(at for at, line in enumerate(lines, 1) if " note = " in line)
    told.review((MODELS, at, "Why?"))
    await_(lambda: (len(told.runs()) > 1 and is_settled(told)) or None, "the follow-up", 300)
    assert threads.hits
    if not told.runs()[-1].outcome.is_done:
        told.say("/mergewright retry")
        await_(lambda: (len(told.runs()) > 2 and is_settled(told)) or None, "the next one", 300)
    (thread,) = pull.pull.threads
    assert [comment.author is told.us for comment in thread.comments] == [False, True]
    assert told.branches() == [pull.pull.head_ref]
