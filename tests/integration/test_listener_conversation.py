"""A conversation on a simulated GitHub, as it lies in the inbox of a real listener."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.conversation import said
from agent.conversation.said import Happened, Said
from agent.demo.simulator import check_actions, pull_actions, serving
from agent.demo.simulator.hooks import HookFault
from agent.demo.simulator.world import World
from tests.contract import hub as places
from tests.contract.hub import API, PATH, Hub
from tests.contract.recording import JudgedClient
from tests.integration import test_listener as listeners
from tests.integration.test_listener import Listener
from tests.unit.webhooks.deliveries import SECRET


class Heard:
    """A simulated GitHub whose App, and whose repository as well, deliver to a listener."""

    def __init__(self, hub: Hub, listener: Listener) -> None:
        self.hub = hub
        self.listener = listener
        self.world = hub.world

    def rows(self, event: str) -> list[tuple[str | None, str, bytes]]:
        """Give outcome, reason and body of all deliveries of an event, as they arrived."""
        assert self.world.hooks.drain(30)
        with sqlite3.connect(self.listener.home / "inbox.sqlite") as database:
            return database.execute(
                "SELECT outcome, reason, body FROM deliveries WHERE event = ? ORDER BY number",
                (event,),
            ).fetchall()

    def kept(self, event: str) -> list[Said | Happened]:
        """Give what waits for the intake."""
        return [said.read(body) for outcome, _, body in self.rows(event) if outcome is None]

    def ignored(self, event: str) -> set[str]:
        """Give the reasons of what does not."""
        return {reason for outcome, reason, _ in self.rows(event) if outcome == "ignored"}


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heard]:
    folder = tmp_path_factory.mktemp("heard")
    (folder / "files").mkdir()
    world = World(folder)
    with (
        listeners.running(folder / "home") as listener,
        serving.running(world) as base_url,
        JudgedClient(base_url) as client,
    ):
        hub = places.build(world, folder / "files", client, "")
        url = f"{listener.url}/webhooks/github"
        hub.app.hook.url, hub.app.hook.secret = url, SECRET
        world.add_repository_hook(hub.repository, url, SECRET)
        yield Heard(hub, listener)


def test_WH3_a_comment_that_two_hooks_deliver_late_and_twice_is_kept_once(heard: Heard) -> None:
    hub = heard.hub
    number = hub.issue("To be talked about")
    faults = heard.world.hooks.faults
    faults.append(HookFault("reorder", "issue_comment.created"))
    faults.append(HookFault("duplicate", "issue_comment.created", count=2))
    body = {"body": "/mergewright plan\n\nplease, with caf\u00e9 <!-- hidden -->"}
    made = hub.ask("POST", f"{API}/issues/{number}/comments", hub.stranger, json=body, expect=201)
    hub.ask("PATCH", f"{API}/issues/comments/{made['id']}", json={"body": "/mergewright stop"})
    (told,) = heard.kept("issue_comment")
    issue = hub.repository.issues[number]
    assert isinstance(told, Said)
    assert (told.subject.number, told.subject.issue_id) == (number, issue.id)
    assert told.subject.repository_id == hub.repository.id
    assert (told.place, told.on_pull, told.comment_id) == ("issue", False, made["id"])
    assert (told.author, told.author_id) == ("strange", heard.world.user("strange").id)
    assert (told.body, told.at) == (body["body"], made["created_at"])
    assert told.clone_url == f"{heard.world.base_url}/octo/shop.git"
    assert "nothing here acts on issue_comment.edited" in heard.ignored("issue_comment")
    assert "another delivery said the same" in {row[1] for row in heard.rows("issue_comment")}


def test_GH8_what_we_and_other_bots_write_lies_in_the_inbox_as_ignored(heard: Heard) -> None:
    hub = heard.hub
    number = hub.issue("To be answered")
    before = len(heard.kept("issue_comment"))
    for _ in range(10):
        body = {"body": "/mergewright retry"}
        hub.ask("POST", f"{API}/issues/{number}/comments", hub.acting, json=body, expect=201)
    assert len(heard.kept("issue_comment")) == before
    assert "a bot wrote it" in heard.ignored("issue_comment")


def test_a_review_is_kept_with_its_text_and_each_of_its_remarks(heard: Heard) -> None:
    hub = heard.hub
    number = hub.pull("reviewed")
    one = f"{API}/pulls/{number}"
    line = {"path": PATH, "line": 1, "body": "Why?"}
    wanted = {"event": "REQUEST_CHANGES", "body": "Please", "comments": [line]}
    review = hub.ask("POST", f"{one}/reviews", hub.writer, json=wanted)
    hub.ask("POST", f"{one}/reviews", hub.writer, json={"event": "APPROVE"})
    told = heard.kept("pull_request_review")
    (text,) = [each for each in told if isinstance(each, Said)]
    assert (text.place, text.comment_id, text.body) == ("review", review["id"], "Please")
    assert (text.on_pull, text.subject.number, text.author) == (True, number, "wanda")
    # Both hooks tell of the verdict: it is only an occasion to look.
    verdicts = [each for each in told if isinstance(each, Happened)]
    assert [(each.number, each.event) for each in verdicts] == [
        (number, "pull_request_review.submitted")
    ] * 2
    (remark,) = heard.kept("pull_request_review_comment")
    assert isinstance(remark, Said)
    (comment,) = hub.ask("GET", f"{one}/comments")
    assert (remark.place, remark.comment_id, remark.body) == ("inline", comment["id"], "Why?")
    assert remark.subject == text.subject

    issue, wanda = hub.repository.issues[number], heard.world.user("wanda")
    assert issue.pull is not None
    (thread,) = issue.pull.threads
    with heard.world.lock:
        pull_actions.resolve(heard.world, hub.repository, issue, thread, wanda)
        pull_actions.unresolve(heard.world, hub.repository, issue, thread, wanda)
    events = [
        one.event
        for one in heard.kept("pull_request_review_thread")
        if isinstance(one, Happened) and one.actor == "wanda" and one.number == number
    ]
    assert sorted(events) == sorted(
        2 * ["pull_request_review_thread.resolved", "pull_request_review_thread.unresolved"]
    )


def test_what_happens_to_a_pull_request_and_its_commit_is_an_occasion_to_look(
    heard: Heard,
) -> None:
    hub = heard.hub
    number = hub.pull("watched")
    one = f"{API}/pulls/{number}"
    head = hub.ask("GET", one)["head"]["sha"]
    red = {"name": "tests", "head_sha": head, "status": "completed", "conclusion": "failure"}
    hub.ask("POST", f"{API}/check-runs", hub.acting, json=red, expect=201)
    status = {"state": "failure", "context": "ci"}
    hub.ask("POST", f"{API}/statuses/{head}", hub.owner, json=status, expect=201)
    with heard.world.lock:
        check_actions.conclude_workflow(
            heard.world, hub.repository, "watched", head, "CI", "action_required",
            heard.world.user("wanda"),
        )  # fmt: skip
    for event, action in (
        ("check_run", "completed"),
        ("check_suite", "completed"),
        ("status", ""),
        ("workflow_run", "requested"),
    ):
        told = heard.kept(event)[-1]
        assert isinstance(told, Happened)
        assert (told.commit, told.number) == (head, None)
        assert told.event == f"{event}.{action}".rstrip(".")
        of_app = event in ("check_run", "check_suite")
        assert told.app_id == (hub.app.id if of_app else None)

    made = {"ref": "refs/heads/elsewhere", "sha": hub.tip()}
    hub.ask("POST", f"{API}/git/refs", hub.acting, json=made, expect=201)
    hub.ask("PATCH", one, json={"title": "Another"})
    hub.ask("PATCH", one, json={"base": "elsewhere"})
    hub.ask("PATCH", one, json={"state": "closed"})
    hub.ask("PATCH", one, json={"state": "open"})
    hub.ask("PUT", f"{API}/pulls/{number}/merge", hub.owner)
    told_of_pull = [
        (one.number, one.event.partition(".")[2], one.actor)
        for one in heard.kept("pull_request")
        if isinstance(one, Happened) and one.number == number and one.installation_id
    ]
    assert sorted(told_of_pull) == [
        (number, action, "octo") for action in ("closed", "closed", "edited", "reopened")
    ]
    assert "only the words of a pull request were edited" in heard.ignored("pull_request")


def test_WH1_nothing_of_it_is_kept_without_the_secret(heard: Heard, tmp_path: Path) -> None:
    hook = heard.world.add_repository_hook(
        heard.hub.repository, heard.hub.app.hook.url, "another secret"
    )
    heard.hub.app.hook.active = False
    for other in heard.hub.repository.hooks:
        other.active = other is hook
    before = len(heard.rows("issue_comment"))
    number = heard.hub.issue("Forged")
    body = {"body": "/mergewright plan"}
    heard.hub.ask("POST", f"{API}/issues/{number}/comments", json=body, expect=201)
    assert len(heard.rows("issue_comment")) == before
    assert [one.status_code for one in heard.world.hooks.log if one.hook is hook] == [401, 401]
