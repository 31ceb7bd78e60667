"""GitHub's published webhook payloads go through the listener's parser."""

from __future__ import annotations

import json

import pytest

from agent.conversation.said import Said
from agent.intake import TAKES_BACK
from tests.contract import operations, schemas
from webhooks.refusals import Refused
from webhooks.sources import github_events, github_issues, github_payloads

EXAMPLES = [
    pytest.param(event, payload, id=f"{event}-{payload.get('action', 'plain')}-{number}")
    for event, payloads in sorted(schemas.webhook_examples().items())
    for number, payload in enumerate(payloads)
]


@pytest.mark.parametrize(("event", "payload"), EXAMPLES)
def test_a_published_payload_is_taken_or_ignored_with_a_reason(event, payload):
    parsed = github_events.parse(event, json.dumps(payload).encode())
    if event == "issues" and payload["action"] == "labeled":
        assert isinstance(parsed, github_issues.IssueLabeled)
        assert parsed.label == payload["label"]["name"]
        assert parsed.snapshot.issue.number == payload["issue"]["number"]
        assert parsed.snapshot.issue.repository == payload["repository"]["full_name"]
        assert parsed.snapshot.actor == payload["sender"]["login"]
    elif event == "issues" and payload["action"] in ("reopened", "unlocked"):
        assert isinstance(parsed, github_issues.IssueLabeled)
        assert parsed.snapshot.issue.number == payload["issue"]["number"]
    elif event == "issues" and payload["action"] in TAKES_BACK:
        assert isinstance(parsed, github_issues.IssueTakenBack)
        assert parsed.withdrawal.issue.number == payload["issue"]["number"]
        assert parsed.withdrawal.actor == payload["sender"]["login"]
    elif isinstance(parsed, github_payloads.Told):
        assert payload.get("action") in github_events.READS[event]
        told = parsed.about
        subject = told.subject if isinstance(told, Said) else told
        assert subject.repository_id == payload["repository"]["id"]
        assert subject.installation_id == payload.get("installation", {}).get("id")
        assert (told.author if isinstance(told, Said) else told.actor) == _sender(payload)
    else:
        assert isinstance(parsed, github_payloads.Ignored)
        assert parsed.action == payload.get("action")
        assert parsed.reason.strip()


def _sender(payload):
    return payload.get("sender", {"login": "ghost"})["login"]


def test_every_event_that_we_read_has_an_example_that_is_kept():
    kept = {
        event
        for event, payloads in schemas.webhook_examples().items()
        for payload in payloads
        if not isinstance(
            github_events.parse(event, json.dumps(payload).encode()), github_payloads.Ignored
        )
    }
    assert kept == set(github_events.READS)


@pytest.mark.parametrize(("event", "payload"), EXAMPLES)
def test_a_published_payload_under_another_events_name_starts_nothing(event, payload):
    body = json.dumps(payload).encode()
    for other in sorted(set(schemas.webhook_examples()) - {event}):
        try:
            parsed = github_events.parse(other, body)
        except Refused as refused:
            assert refused.status == 422
        else:
            assert isinstance(parsed, github_payloads.Ignored), f"{event} passed as {other}"


@pytest.mark.parametrize("missing", ["action", "issue", "label", "repository", "sender"])
def test_a_labeled_payload_with_a_part_missing_starts_nothing(missing):
    labeled = next(p for p in schemas.webhook_examples()["issues"] if p["action"] == "labeled")
    body = json.dumps({key: value for key, value in labeled.items() if key != missing}).encode()
    try:
        parsed = github_events.parse("issues", body)
    except Refused as refused:
        assert refused.status == 422
        assert missing in refused.message
    else:
        assert isinstance(parsed, github_payloads.Ignored)
        assert missing in parsed.reason


def test_every_event_that_we_listen_to_has_examples():
    published = schemas.webhook_examples()
    assert set(published) == set(operations.EXAMPLE_EVENTS)
    assert len(EXAMPLES) >= 100
    assert any(payload["action"] == "labeled" for payload in published["issues"])
