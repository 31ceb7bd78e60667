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

from agent.errors import AgentError, ForgeUnavailable
from agent.github import (
    access,
    app_registration,
    branch_rules,
    checks_report,
    comments,
    conversations,
    deliveries,
    labelled,
    live_issue,
    project_checks,
    pull_requests,
    state_labels,
)
from agent.github.answers import Refused
from agent.github.gatekeeper import GithubGatekeeper
from agent.github.retrying import Pacing
from agent.github.session import Scope
from agent.models.forge import NewPullRequest
from agent.models.polling import Subject
from agent.models.ticket import IssueRef
from agent.settings import Settings
from tests.contract import example_server, schemas

SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
#: Of the run of a workflow that GitHub's description shows.
HEAD = "acb5820ced9479c074f688cc328bf03f341a511d"
REPO = "/repos/{owner}/{repo}"
ISSUE = IssueRef(repository="octocat/Hello-World", repository_id=1296269, number=1347, issue_id=1)
PROPOSAL = NewPullRequest(
    branch="new-topic", commit=SHA, base_branch="main", title="Amazing new feature", body="Body",
    reviewers=("hubot",), labels=("bug",), summary="All green",
)  # fmt: skip
QUICK = Pacing(attempts=2, first_wait=0.001, longest_limit=0.01, seconds_between_writes=0.0,
               mark_seconds=0.0, timeout_seconds=5)  # fmt: skip


def gatekeeper(hub):
    return GithubGatekeeper(hub.access, hub.settings)


def labelled_issues(hub):
    return labelled.GithubLabelledIssues(hub.access, hub.settings)


def report(hub, *, anew):
    return checks_report.report(hub.session, PROPOSAL, "http://127.0.0.1/runs/1", anew=anew)


def heard(hub):
    """List what people have written in a pull request."""
    subject = Subject(
        ref=ISSUE, on_pull=True, is_closed=False, updated_at="", clone_url="https://x"
    )
    return conversations.GithubConversations(hub.access).written(subject, "2001-01-01T00:00:00Z")


# One operation of each family, and what of our client layer reads its answer.
AS_PERSON = {
    "GET /user": lambda hub: hub.access.login(),
    "GET /users/{username}": lambda hub: hub.access.address(hub.session),
    f"GET {REPO}": lambda hub: live_issue.repository_facts(hub.session),
    f"GET {REPO}/branches/{{branch}}": lambda hub: live_issue.remote(hub.session),
    f"GET {REPO}/rules/branches/{{branch}}": lambda hub: branch_rules.read(hub.session, "topic"),
    f"GET {REPO}/collaborators/{{username}}/permission": (
        lambda hub: gatekeeper(hub).permission(ISSUE, "octocat")
    ),
    f"GET {REPO}/contents/{{path}}": lambda hub: gatekeeper(hub).label(ISSUE),
    f"GET {REPO}/issues/{{issue_number}}": lambda hub: live_issue.read(hub.session),
    f"GET {REPO}/issues": lambda hub: list(labelled_issues(hub).new("octocat/Hello-World")),
    f"GET {REPO}/issues/{{issue_number}}/events": (
        lambda hub: labelled_issues(hub)._set_by(hub.session, 1347, "label")
    ),
    f"GET {REPO}/issues/{{issue_number}}/comments": (
        lambda hub: comments.find(hub.session, "<!-- mark -->")
    ),
    f"POST {REPO}/issues/{{issue_number}}/comments": (
        lambda hub: comments.create(hub.session, "<!-- mark -->", "Text")
    ),
    f"POST {REPO}/issues/{{issue_number}}/reactions": lambda hub: state_labels.react(hub.session),
    f"GET {REPO}/pulls": lambda hub: pull_requests.open_or_update(hub.session, PROPOSAL),
    f"GET {REPO}/pulls/{{pull_number}}": lambda hub: gatekeeper(hub).pull(ISSUE),
    f"GET {REPO}/pulls/{{pull_number}}/reviews": heard,
    f"GET {REPO}/actions/runs": lambda hub: project_checks.of_commit(hub.session, HEAD),
    f"GET {REPO}/commits/{{ref}}/status": lambda hub: project_checks.of_commit(hub.session, SHA),
    f"POST {REPO}/statuses/{{sha}}": lambda hub: report(hub, anew=True),
}
AS_APP = {
    "POST /app-manifests/{code}/conversions": lambda hub: app_registration.exchange(
        hub.settings.github_url, "a" * 40, "http://127.0.0.1/settings/apps", connect_seconds=1.0
    ),
    "GET /app/hook/deliveries": lambda hub: deliveries.AppDeliveries(hub.access).page(),
    "POST /app/installations/{installation_id}/access_tokens": (
        lambda hub: hub.session.token(Scope.TALK)
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
    server.shown, server.asked = {}, set()
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


def test_the_first_examples_are_read_as_what_they_say(server, key, tmp_path):
    hub = hub_of(server, "person", key, tmp_path)
    assert hub.access.login() == "octocat"
    assert gatekeeper(hub).permission(ISSUE, "octocat").level == "admin"
    facts = live_issue.repository_facts(hub.session)
    assert facts["full_name"] == "octocat/Hello-World"
    issue = live_issue.read(hub.session)
    assert issue is not None
    assert (issue.issue.number, issue.state) == (1347, "open")
    assert issue.labels == ("bug",)
    assert comments.create(hub.session, "<!-- mark -->", "Text").number == 1
