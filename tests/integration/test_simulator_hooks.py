"""What the simulated GitHub delivers, to whom, in which order, and what goes wrong on demand."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.demo.simulator import actions
from agent.demo.simulator.hooks import HookFault
from tests.integration.simulator_samples import SECRET, Place, Received, git, place, receiver


@pytest.fixture
def came(tmp_path: Path) -> Iterator[tuple[Place, list[Received]]]:
    with receiver() as (url, received), place(tmp_path, url) as hub:
        hub.world.hooks.drain()
        received.clear()
        yield hub, received


def told(received: list[Received]) -> list[str]:
    names = []
    for one in received:
        action = json.loads(one.body).get("action")
        names.append(one.headers["X-GitHub-Event"] + (f".{action}" if action else ""))
    return names


def json_of(one: Received) -> Any:
    return json.loads(one.body)


def guids(received: list[Received]) -> list[str]:
    return [one.headers["X-GitHub-Delivery"] for one in received]


def test_a_delivery_has_githubs_headers_and_a_valid_signature(
    came: tuple[Place, list[Received]],
) -> None:
    hub, received = came
    hub.issue(title="☃")
    assert hub.world.hooks.drain()
    (one,) = received
    headers = one.headers
    assert headers["X-GitHub-Event"] == "issues"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["X-GitHub-Delivery"])
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("GitHub-Hookshot/")
    assert headers["X-GitHub-Hook-ID"] == str(hub.app.hook.id)
    assert headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
    assert headers["X-GitHub-Hook-Installation-Target-ID"] == str(hub.app.id)
    expected = hmac.new(SECRET.encode(), one.body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={expected}"
    payload = json.loads(one.body)
    assert payload["installation"]["id"] == hub.installation.id
    assert payload["issue"]["title"] == "☃"
    assert payload["sender"]["login"] == "ada"
    assert "☃" in one.body.decode()


def test_everything_that_happens_is_told_in_order(came: tuple[Place, list[Received]]) -> None:
    hub, received = came
    number = hub.issue(labels=["bug"])
    path = f"{hub.repo}/issues/{number}"
    ada = hub.person("ada")
    hub.done("POST", f"{path}/labels", ada, json=["mergewright"])
    made = hub.done("POST", f"{path}/comments", ada, json={"body": "x"})
    comment = f"{hub.repo}/issues/comments/{made['id']}"
    hub.done("PATCH", comment, ada, json={"body": "y"})
    hub.done("DELETE", f"{path}/labels/mergewright", ada)
    hub.done("PATCH", path, ada, json={"title": "New", "state": "closed"})
    with hub.world.lock:
        issue = hub.repository.issues[number]
        actions.lock(hub.world, hub.repository, issue, hub.world.user("ada"), None)
    assert hub.world.hooks.drain()
    assert told(received) == [
        "issues.opened",
        "issues.labeled",
        "issues.labeled",
        "issue_comment.created",
        "issue_comment.edited",
        "issues.unlabeled",
        "issues.edited",
        "issues.closed",
        "issues.locked",
    ]
    labelled = json.loads(received[2].body)
    assert labelled["label"]["name"] == "mergewright"
    assert json.loads(received[6].body)["changes"] == {"title": {"from": "A title"}}


def test_the_life_of_a_pull_request_is_told(came: tuple[Place, list[Received]]) -> None:
    hub, received = came
    made = hub.pull("work", draft=True)
    path = f"{hub.repo}/pulls/{made['number']}"
    new = hub.commit(made["head"]["sha"], "class Customer:\n    name = 5\n    age = 2\n")
    hub.move("work", new)
    hub.pygithub(hub.bot()).get_repo("acme/shop").get_pull(made["number"]).mark_ready_for_review()
    wanted = {"reviewers": ["will"]}
    hub.done("POST", f"{path}/requested_reviewers", hub.bot(), json=wanted)
    line = {"path": "shop/models.py", "line": 2, "body": "x"}
    review = {"event": "COMMENT", "body": "x", "comments": [line]}
    hub.done("POST", f"{path}/reviews", hub.person("will"), json=review)
    run = {"name": "gate", "head_sha": new, "conclusion": "success"}
    hub.done("POST", f"{hub.repo}/check-runs", hub.bot(), json=run)
    hub.done("PUT", f"{path}/merge", hub.person("will"), json={})
    assert hub.world.hooks.drain()
    assert told(received) == [
        "push",
        "pull_request.opened",
        "push",
        "pull_request.synchronize",
        "pull_request.ready_for_review",
        "pull_request.review_requested",
        "pull_request_review.submitted",
        "pull_request_review_comment.created",
        "check_run.created",
        "check_run.completed",
        "push",
        "pull_request.closed",
    ]
    synchronized = json.loads(received[3].body)
    assert (synchronized["before"], synchronized["after"]) == (made["head"]["sha"], new)
    assert json.loads(received[-1].body)["pull_request"]["merged"] is True
    assert json.loads(received[0].body)["created"] is True


def test_each_reference_of_a_push_is_told_once(
    came: tuple[Place, list[Received]], tmp_path: Path
) -> None:
    hub, received = came
    tree = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", hub.git_url(hub.bot()), str(tree))
    git(tree, "commit", "--quiet", "--allow-empty", "--message", "One")
    git(tree, "tag", "--annotate", "v1", "--message", "v1")
    git(tree, "push", "origin", "HEAD:one", "HEAD:main", "v1")
    git(tree, "push", "origin", "HEAD:one")
    git(tree, "push", "origin", ":one")
    assert hub.world.hooks.drain()
    refs = [(one["ref"], one["created"], one["deleted"]) for one in map(json_of, received)]
    assert sorted(refs) == [
        ("refs/heads/main", False, False),
        ("refs/heads/one", False, True),
        ("refs/heads/one", True, False),
        ("refs/tags/v1", True, False),
    ]
    assert json_of(received[0])["sender"]["login"] == "mergewright[bot]"


def test_only_events_that_are_subscribed_come(came: tuple[Place, list[Received]]) -> None:
    hub, received = came
    hub.control("PATCH", f"/apps/{hub.app.id}", json={"events": ["issue_comment"]})
    hub.done(
        "POST", f"{hub.repo}/issues/{hub.issue()}/comments", hub.person("ada"), json={"body": "x"}
    )
    assert hub.world.hooks.drain()
    assert told(received) == ["issue_comment.created"]


def test_installing_narrowing_and_removing_the_app_is_told(
    came: tuple[Place, list[Received]],
) -> None:
    hub, received = came
    other = hub.world.add_repository("acme/other")
    hub.world.narrow(hub.installation, [other])
    hub.world.uninstall(hub.installation)
    hub.issue()
    assert hub.world.hooks.drain()
    assert told(received) == [
        "installation_repositories.added",
        "installation_repositories.removed",
        "installation.deleted",
    ]


def test_a_hook_of_a_repository_gets_a_ping_and_its_events_without_any_app(
    came: tuple[Place, list[Received]],
) -> None:
    hub, _ = came
    hub.world.uninstall(hub.installation)
    with receiver() as (url, mine):
        hub.control("POST", "/repositories/acme/shop/hooks", json={"url": url, "secret": "s"})
        hub.issue()
        assert hub.world.hooks.drain()
        assert told(mine) == ["ping", "issues.opened"]
        assert mine[1].headers["X-GitHub-Hook-Installation-Target-Type"] == "repository"
        assert "installation" not in json.loads(mine[1].body)


# the log and redelivery


def app_header(hub: Place) -> dict[str, str]:
    return {"Authorization": f"Bearer {hub.app_jwt()}"}


def test_a_redelivery_has_the_same_guid_body_and_signature(
    came: tuple[Place, list[Received]],
) -> None:
    hub, received = came
    hub.issue()
    hub.world.hooks.drain()
    (first,) = hub.done("GET", "/app/hook/deliveries", headers=app_header(hub))
    assert (first["status"], first["status_code"], first["redelivery"]) == ("OK", 202, False)
    path = f"/app/hook/deliveries/{first['id']}"
    answer = hub.ask("POST", f"{path}/attempts", headers=app_header(hub))
    assert answer.status_code == 202
    hub.world.hooks.drain()
    assert received[0].body == received[1].body
    assert len(set(guids(received))) == 1
    listed = hub.done("GET", "/app/hook/deliveries", headers=app_header(hub))
    assert [one["redelivery"] for one in listed] == [True, False]
    assert len({one["guid"] for one in listed}) == 1
    detail = hub.done("GET", path, headers=app_header(hub))
    assert detail["request"]["payload"]["action"] == "opened"
    assert detail["response"]["headers"]["content-length"] == "0"


def test_what_failed_is_in_the_log_and_not_repeated(tmp_path: Path) -> None:
    with receiver(status=503) as (url, received), place(tmp_path, url) as hub:
        hub.world.hooks.drain()
        received.clear()
        hub.issue()
        hub.world.hooks.drain()
        wanted = "/app/hook/deliveries?status=failure&per_page=1"
        (one,) = hub.done("GET", wanted, headers=app_header(hub))
        assert (one["status_code"], one["status"]) == (503, "Invalid HTTP Response: 503")
        assert told(received) == ["issues.opened"]


def test_a_receiver_that_is_not_there_is_logged(tmp_path: Path) -> None:
    with place(tmp_path, "http://127.0.0.1:9/hook") as hub:
        hub.issue()
        hub.world.hooks.drain()
        (one, *_) = hub.done("GET", "/app/hook/deliveries", headers=app_header(hub))
        assert one["status_code"] == 0
        assert "failed to connect" in one["status"]


def test_the_log_is_read_page_by_page(came: tuple[Place, list[Received]]) -> None:
    hub, _ = came
    for _ in range(3):
        hub.issue()
    hub.world.hooks.drain()
    first = hub.ask("GET", "/app/hook/deliveries?per_page=2", headers=app_header(hub))
    next_page = re.search(r'<([^>]+)>; rel="next"', first.headers["Link"])
    assert next_page
    rest = hub.client.get(next_page[1], headers=app_header(hub)).json()
    seen = [one["id"] for one in [*first.json(), *rest]]
    assert len(seen) == len(set(seen)) == 3


def test_after_three_days_nothing_is_redelivered(came: tuple[Place, list[Received]]) -> None:
    hub, _ = came
    hub.issue()
    hub.world.hooks.drain()
    (one,) = hub.done("GET", "/app/hook/deliveries", headers=app_header(hub))
    hub.control("POST", "/clock", json={"advance": 3 * 24 * 3_600 + 60})
    path = f"/app/hook/deliveries/{one['id']}/attempts"
    hub.refused(422, "POST", path, headers=app_header(hub))


# faults


def test_a_lost_delivery_never_comes_until_it_is_redelivered(
    came: tuple[Place, list[Received]],
) -> None:
    hub, received = came
    hub.control("POST", "/hook-faults", json={"kind": "lose", "event": "issues.opened"})
    hub.issue()
    hub.world.hooks.drain()
    assert received == []
    (one,) = hub.done("GET", "/app/hook/deliveries?status=failure", headers=app_header(hub))
    hub.ask("POST", f"/app/hook/deliveries/{one['id']}/attempts", headers=app_header(hub))
    hub.world.hooks.drain()
    assert guids(received) == [one["guid"]]


def test_a_duplicated_delivery_comes_twice(came: tuple[Place, list[Received]]) -> None:
    hub, received = came
    hub.world.hooks.faults.append(HookFault("duplicate"))
    hub.issue()
    hub.issue()
    hub.world.hooks.drain()
    assert len(received) == 3
    assert guids(received)[0] == guids(received)[1] != guids(received)[2]


def test_a_reordered_delivery_comes_after_the_next(came: tuple[Place, list[Received]]) -> None:
    hub, received = came
    hub.world.hooks.faults.append(HookFault("reorder", "issues.opened"))
    hub.issue(labels=["bug"])
    hub.world.hooks.drain()
    assert told(received) == ["issues.labeled", "issues.opened"]


def test_a_reordered_delivery_that_is_the_last_comes_all_the_same(
    came: tuple[Place, list[Received]],
) -> None:
    hub, received = came
    hub.world.hooks.faults.append(HookFault("reorder"))
    hub.issue()
    assert hub.world.hooks.drain(8)
    assert told(received) == ["issues.opened"]


def test_a_delayed_delivery_comes_late(came: tuple[Place, list[Received]]) -> None:
    hub, received = came
    hub.world.hooks.faults.append(HookFault("delay", seconds=0.6))
    begun = time.monotonic()
    hub.issue()
    assert not received
    hub.world.hooks.drain()
    assert time.monotonic() - begun >= 0.6
    assert len(received) == 1
