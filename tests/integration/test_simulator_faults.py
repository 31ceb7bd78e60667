"""Faults on demand, rate limits, conditional requests and the request log."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import github
import httpx
import pytest

from agent.demo.simulator import git_store
from tests.integration.simulator_samples import Place, git, place


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def fault(hub: Place, kind: str, **more: Any) -> None:
    hub.control("POST", "/faults", json={"kind": kind, **more})


def comments(hub: Place, number: int) -> int:
    return len(hub.repository.issues[number].comments)


# what is answered in place of GitHub's answer


def test_a_refusal_is_given_as_often_as_asked_and_nothing_is_done(hub: Place) -> None:
    number = hub.issue()
    path = f"{hub.repo}/issues/{number}/comments"
    fault(
        hub, "refuse", method="POST", path="/api/v3/repos/*/comments", count=2, after=1,
        status=503, body={"message": "Busy"}, headers={"X-Mark": "1"},
    )  # fmt: skip
    answers = [hub.ask("POST", path, hub.bot(), json={"body": "x"}) for _ in range(4)]
    assert [one.status_code for one in answers] == [201, 503, 503, 201]
    assert answers[1].json()["message"] == "Busy"
    assert answers[1].headers["X-Mark"] == "1"
    assert comments(hub, number) == 2


def test_a_fault_meets_only_the_body_it_names(hub: Place) -> None:
    hub.pull(draft=True)
    fault(hub, "refuse", path="/api/graphql", contains="markPullRequestReadyForReview", status=502)
    assert hub.graphql(hub.bot(), '{ repository(owner: "acme", name: "shop") { id } }')["data"]
    headers = {"Authorization": f"token {hub.bot()}"}
    sent = {"query": "mutation { markPullRequestReadyForReview }"}
    answer = hub.client.post(f"{hub.url}/api/graphql", json=sent, headers=headers)
    assert answer.status_code == 502


def test_a_html_page_comes_in_place_of_json(hub: Place) -> None:
    fault(hub, "html")
    answer = hub.ask("GET", hub.repo)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_leads_where_it_is_told(hub: Place, status: int) -> None:
    target = f"{hub.api}/repos/acme/elsewhere"
    fault(hub, "redirect", status=status, location=target)
    answer = hub.ask("GET", hub.repo)
    assert (answer.status_code, answer.headers["Location"]) == (status, target)


def test_a_cut_answer_is_well_formed_http_and_broken_json(hub: Place) -> None:
    fault(hub, "cut", method="POST")
    answer = hub.ask("POST", f"{hub.repo}/issues", hub.bot(), json={"title": "x"})
    assert answer.status_code == 201
    with pytest.raises(ValueError, match="Unterminated|Expecting"):
        answer.json()
    assert len(hub.repository.issues) == 1


def test_a_truncated_answer_ends_in_the_middle(hub: Place) -> None:
    fault(hub, "truncate")
    with pytest.raises(httpx.RemoteProtocolError):
        hub.ask("GET", hub.repo)
    hub.done("GET", hub.repo)


def test_a_delay_delays_and_then_performs(hub: Place) -> None:
    fault(hub, "delay", seconds=0.4)
    begun = time.monotonic()
    hub.done("GET", hub.repo)
    assert time.monotonic() - begun >= 0.4


def test_a_dropped_connection_gives_not_a_byte_and_nothing_is_done(hub: Place) -> None:
    fault(hub, "drop", method="POST")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        hub.ask("POST", f"{hub.repo}/issues", hub.bot(), json={"title": "x"})
    assert hub.repository.issues == {}
    hub.done("POST", f"{hub.repo}/issues", hub.bot(), json={"title": "x"})


WRITES = [
    ("comment", "/issues/1/comments", {"body": "x"}),
    ("label", "/issues/1/labels", {"labels": ["bug"]}),
    ("issue", "/issues", {"title": "again"}),
    ("pull request", "/pulls", {"title": "x", "head": "work", "base": "main"}),
]


@pytest.mark.parametrize("kind", ["perform_refuse", "perform_drop"])
@pytest.mark.parametrize(("what", "path", "body"), WRITES)
def test_a_lost_reply_leaves_exactly_one_effect(
    hub: Place, kind: str, what: str, path: str, body: dict[str, object]
) -> None:
    hub.issue()
    hub.branch("work")
    before = len(hub.world.requests.find())
    fault(hub, kind, method="POST", path="/api/v3/repos/acme/shop" + path)
    try:
        answer = hub.ask("POST", hub.repo + path, hub.bot(), json=body)
        assert (kind, answer.status_code) == ("perform_refuse", 502)
    except (httpx.RemoteProtocolError, httpx.ReadError):
        assert kind == "perform_drop"
    issue = hub.repository.issues[1]
    done = {
        "comment": len(issue.comments),
        "label": len(issue.labels),
        "issue": len(hub.repository.issues) - 1,
        "pull request": len(hub.repository.pulls()),
    }
    assert done[what] == 1
    (logged,) = hub.world.requests.find()[before:]
    assert logged.fault == kind
    assert logged.status == (502 if kind == "perform_refuse" else 0)


def test_pygithubs_own_retry_repeats_a_post_as_it_does_at_github(hub: Place) -> None:
    number = hub.issue()
    fault(hub, "perform_refuse", method="POST", count=2)
    client = github.Github(
        base_url=hub.api,
        auth=github.Auth.Token(hub.bot()),
        retry=github.GithubRetry(total=3, backoff_factor=0),
        seconds_between_requests=0,
        seconds_between_writes=0,
    )
    client.get_repo("acme/shop").get_issue(number).create_comment("x")
    assert comments(hub, number) == 3


def test_a_push_can_be_refused_dropped_or_performed_without_a_word(
    hub: Place, tmp_path: Path
) -> None:
    tree = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", hub.git_url(hub.bot()), str(tree))
    git(tree, "commit", "--quiet", "--allow-empty", "--message", "x")
    where = "/acme/shop.git/git-receive-pack"
    fault(hub, "refuse", path=where, status=503, body="no")
    assert "503" in git(tree, "push", "origin", "HEAD:work", fails=True)
    # Git's HTTP library tries again by itself where a connection ends without a byte.
    fault(hub, "drop", path=where, count=None)
    git(tree, "push", "origin", "HEAD:work", fails=True)
    hub.refused(404, "GET", f"{hub.repo}/git/ref/heads/work")
    hub.control("DELETE", "/faults")
    fault(hub, "perform_drop", path=where, count=None)
    git(tree, "push", "origin", "HEAD:work", fails=True)
    hub.control("DELETE", "/faults")
    assert hub.tip("work") == git(tree, "rev-parse", "HEAD").strip()
    assert "[up to date]" in git(tree, "push", "--porcelain", "origin", "HEAD:work")


def test_tokens_can_end_at_a_certain_request(hub: Place) -> None:
    number = hub.issue()
    token = hub.bot()
    fault(hub, "expire", method="POST", path="/api/v3/repos/*/comments")
    hub.done("GET", hub.repo, token)
    path = f"{hub.repo}/issues/{number}/comments"
    hub.refused(401, "POST", path, token, json={"body": "x"})
    assert comments(hub, number) == 0
    hub.done("POST", path, hub.bot(), json={"body": "x"})


def test_the_app_can_be_removed_at_a_certain_request(hub: Place) -> None:
    token = hub.bot()
    fault(hub, "uninstall", path="/*/git-upload-pack")
    hub.done("GET", hub.repo, token)
    hub.client.post(f"{hub.url}/acme/shop.git/git-upload-pack", content=b"0000")
    hub.refused(401, "GET", hub.repo, token)
    headers = {"Authorization": f"Bearer {hub.app_jwt()}"}
    hub.refused(404, "GET", f"{hub.repo}/installation", headers=headers)


def test_many_at_once_are_all_served(hub: Place, tmp_path: Path) -> None:
    number = hub.issue()
    token = hub.bot()
    tree = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", hub.git_url(token), str(tree))

    def write(turn: int) -> None:
        if turn % 6:
            path = f"{hub.repo}/issues/{number}/comments"
            hub.done("POST", path, token, json={"body": f"{turn}"})
        else:
            git(tree, "push", "--quiet", "origin", f"HEAD:refs/heads/b{turn}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(36)))
    issue = hub.repository.issues[number]
    assert len({one.id for one in issue.comments}) == len(issue.comments) == 30
    branches = git_store.references(hub.repository.git_dir, "refs/heads/")
    pushed = {f"refs/heads/b{turn}" for turn in range(0, 36, 6)}
    assert set(branches) == {"refs/heads/main", *pushed}


# limits


def test_the_primary_limit_fault_looks_like_the_real_one(hub: Place) -> None:
    fault(hub, "primary", seconds=3_000)
    answer = hub.ask("GET", hub.repo, hub.bot())
    assert answer.status_code == 403
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert 2_900 < int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 3_000
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(("status", "seconds"), [(403, 30), (429, 30), (403, None), (429, None)])
def test_the_secondary_limit_fault_has_retry_after_or_not(
    hub: Place, status: int, seconds: int | None
) -> None:
    fault(hub, "secondary", status=status, seconds=seconds)
    answer = hub.ask("GET", hub.repo, hub.bot())
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == (None if seconds is None else str(seconds))
    assert "secondary rate limit" in answer.json()["message"]


def test_the_hourly_limit_counts_down_refuses_and_comes_back(hub: Place) -> None:
    hub.control("PATCH", "/limits", json={"core": 3})
    token = hub.bot()
    left = [hub.ask("GET", hub.repo, token).headers["X-RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = hub.ask("GET", hub.repo, token)
    assert refused.status_code == 403
    assert f"installation ID {hub.installation.id}" in refused.json()["message"]
    hub.done("GET", hub.repo, hub.person("ada"))
    hub.control("POST", "/clock", json={"advance": 3_601})
    hub.done("GET", hub.repo, hub.bot())


def test_writes_cost_five_points_a_minute_and_reads_one(hub: Place) -> None:
    number = hub.issue()
    hub.control("PATCH", "/limits", json={"points": 11})
    token = hub.bot()
    path = f"{hub.repo}/issues/{number}/labels"
    hub.done("POST", path, token, json=["bug"])
    hub.done("POST", path, token, json=["bug"])
    hub.done("GET", hub.repo, token)
    refused = hub.ask("GET", hub.repo, token)
    assert refused.status_code == 403
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    hub.control("POST", "/clock", json={"advance": 61})
    hub.done("GET", hub.repo, token)


def test_content_is_made_only_so_often_a_minute_and_an_hour(hub: Place) -> None:
    hub.control("PATCH", "/limits", json={"content": 2, "content_hourly": 3})
    path = f"{hub.repo}/issues"
    token = hub.bot()
    made = [hub.ask("POST", path, token, json={"title": "x"}).status_code for _ in range(3)]
    assert made == [201, 201, 403]
    hub.control("POST", "/clock", json={"advance": 61})
    hub.done("POST", path, token, json={"title": "x"})
    refused = hub.ask("POST", path, token, json={"title": "x"})
    assert int(refused.headers["Retry-After"]) > 3_000


def test_what_has_not_changed_is_304_and_costs_nothing(hub: Place) -> None:
    token = hub.bot()
    number = hub.issue()
    path = f"{hub.repo}/issues/{number}"
    first = hub.ask("GET", path, token)
    headers = {"If-None-Match": first.headers["ETag"]}
    second = hub.ask("GET", path, token, headers=headers)
    assert (second.status_code, second.content) == (304, b"")
    remaining = first.headers["X-RateLimit-Remaining"]
    assert second.headers["X-RateLimit-Remaining"] == remaining
    hub.done("POST", f"{path}/labels", hub.person("ada"), json=["bug"])
    assert hub.ask("GET", path, token, headers=headers).status_code == 200


# looking in, and set-up


def test_the_log_tells_what_was_asked_by_whom(hub: Place) -> None:
    number = hub.issue()
    since = hub.control("GET", "/requests")["requests"][-1]["number"]
    hub.done("POST", f"{hub.repo}/issues/{number}/comments", hub.bot(), json={"body": "words"})
    hub.ask("GET", "/nothing", "ghp_wrong")
    found = hub.control("GET", f"/requests?since={since}&path=/api/v3/*")["requests"]
    assert [(one["method"], one["status"]) for one in found] == [("POST", 201), ("GET", 401)]
    assert found[0]["caller"] == f"installation:{hub.installation.id}"
    assert "words" in found[0]["body"]
    hub.control("DELETE", "/requests")
    assert hub.control("GET", "/requests")["total"] == 0


def test_faults_are_listed_with_their_hits_and_taken_away(hub: Place) -> None:
    fault(hub, "refuse", count=None)
    hub.ask("GET", hub.repo)
    hub.ask("GET", hub.repo)
    (listed,) = hub.control("GET", "/faults")["faults"]
    assert listed["hits"] == 2
    hub.control("DELETE", f"/faults/{listed['id']}")
    hub.done("GET", hub.repo)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/faults", {"kind": "explode"}),
        ("POST", "/faults", {"kind": "refuse", "statsu": 500}),
        ("POST", "/faults", {"kind": "redirect"}),
        ("POST", "/hook-faults", {"kind": "explode"}),
        ("POST", "/users", {"login": "ada"}),
        ("POST", "/repositories", {"full_name": "acme/shop"}),
        ("POST", "/repositories", {"full_name": "acme/new", "source": "/no/such/folder"}),
        ("PUT", "/repositories/acme/shop/roles/nobody", {"role": "read"}),
        ("PUT", "/repositories/acme/shop/roles/ada", {"role": "king"}),
        ("POST", "/repositories/acme/none/labels", {"name": "x"}),
        ("POST", "/installations", {"app_id": 1, "account": "acme"}),
        ("DELETE", "/installations/1", None),
        ("POST", "/transfers", {"repository": "acme/shop", "number": 9, "to": "acme/shop"}),
    ],
)
def test_set_up_says_what_it_cannot_do(
    hub: Place, method: str, path: str, body: dict[str, object] | None
) -> None:
    answer = hub.client.request(method, f"{hub.url}/_simulator{path}", json=body)
    assert answer.status_code == 422
    assert answer.json()


def test_a_whole_world_can_be_set_up_over_http(hub: Place, tmp_path: Path) -> None:
    eve = hub.control("POST", "/users", json={"login": "eve"})
    sent = {"full_name": "eve/thing", "source": str(tmp_path / "source"), "private": True}
    made = hub.control("POST", "/repositories", json=sent)
    app = hub.control("POST", "/apps", json={"slug": "helper", "owner": "eve"})
    wanted = {"app_id": app["id"], "account": "eve", "repositories": ["eve/thing"]}
    hub.control("POST", "/installations", json=wanted)
    auth = github.Auth.AppAuth(app["id"], app["private_key"])
    integration = github.GithubIntegration(auth=auth, base_url=hub.api)
    assert integration.get_repo_installation("eve", "thing").id
    assert hub.done("GET", "/repos/eve/thing", eve["token"])["id"] == made["id"]
    assert "eve/thing" in hub.control("GET", "")["repositories"]


def test_the_simulator_is_an_island() -> None:
    """Nothing of the product is loaded by it, so no mistake of the client can hide in it."""
    code = """
import sys
import agent.demo.simulator.app, agent.demo.simulator.serving, agent.demo.simulator.push_rules
ours = [m for m in sys.modules if m.split(".")[0] in ("agent", "webhooks", "repo_config")]
print(sorted(m for m in ours if m not in ("agent", "agent.demo")
             and not m.startswith("agent.demo.simulator")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
