"""The answers that GitHub shows in its description go through our client layer.

Each example is served by a real server to the real adapter. What fits the description must be
understood; whatever else comes ends in an error that the adapter declares.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from agent.adapters.github import (
    access,
    branch_rules,
    checks_report,
    live_issue,
    pull_requests,
    state_labels,
    status_comment,
)
from agent.adapters.github.answers import Refused
from agent.adapters.github.gatekeeper import GithubGatekeeper
from agent.adapters.github.retrying import Pacing
from agent.adapters.github.session import Scope
from agent.domain import IssueRef
from agent.errors import AgentError, ForgeUnavailable
from agent.ports import Proposal
from agent.settings import Settings
from tests.contract import example_server, schemas

SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
REPO = "/repos/{owner}/{repo}"
ISSUE = IssueRef(repository="octocat/Hello-World", repository_id=1296269, number=1347, issue_id=1)
PROPOSAL = Proposal(
    branch="new-topic", commit=SHA, base_branch="main", title="Amazing new feature", body="Body",
    reviewers=("hubot",), labels=("bug",), summary="All green",
)  # fmt: skip
QUICK = Pacing(attempts=2, first_wait=0.001, longest_limit=0.01, seconds_between_writes=0.0,
               mark_seconds=0.0, timeout_seconds=5)  # fmt: skip


def gatekeeper(hub):
    return GithubGatekeeper(hub.access, hub.settings)


def show_label(hub):
    return state_labels.show(hub.session, state_labels.StateLabel.WORKING)


def open_new(hub):
    hub.server.shown[f"GET {REPO}/pulls"] = schemas.Example(
        schemas.described(f"GET {REPO}/pulls"), "none yet", 200, []
    )
    return pull_requests.open_or_update(hub.session, PROPOSAL)


def report(hub, *, anew):
    return checks_report.report(hub.session, PROPOSAL, "http://127.0.0.1/runs/1", anew=anew)


# What of our client layer reads the answer of an operation.
AS_PERSON = {
    f"GET {REPO}": lambda hub: live_issue.repository_facts(hub.session, Scope.READ),
    f"GET {REPO}/branches/{{branch}}": lambda hub: live_issue.remote(hub.session),
    f"GET {REPO}/rules/branches/{{branch}}": lambda hub: branch_rules.read(hub.session, "topic"),
    f"GET {REPO}/collaborators/{{username}}/permission": (
        lambda hub: gatekeeper(hub).permission(ISSUE, "octocat")
    ),
    f"GET {REPO}/contents/{{path}}": lambda hub: gatekeeper(hub).label(ISSUE),
    f"GET {REPO}/issues/{{issue_number}}": lambda hub: live_issue.read(hub.session, Scope.READ),
    f"GET {REPO}/issues/{{issue_number}}/comments": (
        lambda hub: status_comment.find(hub.session, "<!-- mark -->", None)
    ),
    f"POST {REPO}/issues/{{issue_number}}/comments": (
        lambda hub: status_comment.create(hub.session, "<!-- mark -->", "<!-- mark -->\nText")
    ),
    f"POST {REPO}/issues/{{issue_number}}/reactions": lambda hub: state_labels.react(hub.session),
    f"POST {REPO}/labels": show_label,
    f"POST {REPO}/issues/{{issue_number}}/labels": show_label,
    f"GET {REPO}/pulls": lambda hub: pull_requests.open_or_update(hub.session, PROPOSAL),
    f"POST {REPO}/pulls": open_new,
    f"GET {REPO}/commits/{{ref}}/statuses": lambda hub: report(hub, anew=False),
    f"POST {REPO}/statuses/{{sha}}": lambda hub: report(hub, anew=True),
    "GET /user": lambda hub: hub.access.login(),
    "GET /users/{username}": lambda hub: hub.access.address(hub.session),
}
AS_APP = {
    "GET /app": lambda hub: hub.access.login(),
    f"GET {REPO}/installation": lambda hub: hub.access.installation(ISSUE),
    "POST /app/installations/{installation_id}/access_tokens": (
        lambda hub: hub.session.token(Scope.READ)
    ),
    f"POST {REPO}/check-runs": lambda hub: report(hub, anew=True),
    f"GET {REPO}/commits/{{ref}}/check-runs": lambda hub: report(hub, anew=False),
}


def filled(example):
    """Put a content where the description shows one that is cut, which is no base64."""
    if isinstance(example.value, dict) and example.value.get("encoding") == "base64":
        content = base64.b64encode(b"version: 1\n").decode()
        return dataclasses.replace(example, value={**example.value, "content": content})
    return example


CASES = [
    pytest.param(mode, filled(example), id=f"{example.operation}-{example.name}-{example.status}")
    for mode, calls in (("person", AS_PERSON), ("app", AS_APP))
    for name in calls
    for example in schemas.examples_of(schemas.described(name))
]


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "app.pem"
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def server():
    with example_server.running() as running:
        yield running


def hub_of(server, mode, key, tmp_path):
    server.shown, server.asked, server.unknown, server.not_taken = {}, set(), set(), set()
    who: dict[str, Any] = {"github_token": SecretStr("token")}
    if mode == "app":
        who = {"github_app_id": 1, "github_private_key_file": key}
    settings = Settings(home=tmp_path, github_url=server.base_url + example_server.API, **who)
    way = access.connect(settings, pacing=QUICK)
    return SimpleNamespace(
        server=server, settings=settings, access=way, session=way.session(ISSUE, "run-1")
    )


@pytest.mark.parametrize(("mode", "example"), CASES)
def test_an_answer_that_github_shows_is_understood(server, key, tmp_path, mode, example):
    hub = hub_of(server, mode, key, tmp_path)
    name = str(example.operation)
    server.shown[name] = example
    work = (AS_APP if mode == "app" else AS_PERSON)[name]
    fits = not schemas.response_faults(
        example.operation, example.status, "application/json", json.dumps(example.value).encode()
    )
    try:
        work(hub)
    except ForgeUnavailable as problem:
        assert not (fits and example.status < 300), f"not understood: {problem}"
    except (AgentError, Refused) as problem:
        assert str(problem).strip()
    assert name in server.asked
    # What the client calls is what the simulator has routes for.
    assert server.unknown == set()
    assert server.not_taken == set()


def test_the_first_examples_are_read_as_what_they_say(server, key, tmp_path):
    hub = hub_of(server, "person", key, tmp_path)
    assert hub.access.login() == "octocat"
    assert gatekeeper(hub).permission(ISSUE, "octocat") == "admin"
    facts = live_issue.repository_facts(hub.session, Scope.READ)
    assert facts["full_name"] == "octocat/Hello-World"
    issue = live_issue.read(hub.session, Scope.READ)
    assert issue is not None
    assert (issue.issue.number, issue.state) == (1347, "open")
    assert issue.labels == ("bug",)
    assert open_new(hub)[0].number == 1347
    assert status_comment.create(hub.session, "<!-- mark -->", "Text") == 1


def test_examples_are_there_for_what_our_client_reads():
    without = [
        name for name in (AS_PERSON | AS_APP) if not schemas.examples_of(schemas.described(name))
    ]
    assert without == []
    assert len(CASES) >= len(AS_PERSON) + len(AS_APP)
