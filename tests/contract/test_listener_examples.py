"""GitHub's published webhook payloads go through the listener's parser."""

from __future__ import annotations

import json

import pytest

from agent.conversation import deliveries
from agent.conversation.events import TAKES_BACK, Comment, Request, Withdrawal
from tests.contract import operations, schemas
from webhooks import events as github_events

EXAMPLES = schemas.webhook_examples()
assert EXAMPLES.keys() == set(operations.EXAMPLE_EVENTS)


@pytest.mark.parametrize("event", sorted(EXAMPLES))
def test_published_payloads_are_taken_or_ignored_with_a_reason(event):
    kept = 0
    for payload in EXAMPLES[event]:
        parsed = github_events.parse_event(event, json.dumps(payload).encode())
        action = payload.get("action")
        kept += not isinstance(parsed, github_events.Ignored)
        if event == "issues" and action == "labeled":
            assert isinstance(parsed, github_events.ParsedEvent)
            request = parsed.about
            assert isinstance(request, Request)
            assert request.snapshot.issue.number == payload["issue"]["number"]
            assert request.snapshot.issue.repository == payload["repository"]["full_name"]
            assert request.snapshot.actor == payload["sender"]["login"]
            assert request.label == payload["label"]["name"]
        elif event == "issues" and action in TAKES_BACK:
            assert isinstance(parsed, github_events.ParsedEvent)
            assert isinstance(parsed.about, Withdrawal)
            assert parsed.about.issue.number == payload["issue"]["number"]
        elif isinstance(parsed, github_events.ParsedEvent):
            assert action in deliveries.READS[event]
            told = parsed.about
            subject = told.subject if isinstance(told, Comment) else told
            assert subject.repository_id == payload["repository"]["id"]
            if isinstance(told, Comment):
                assert told.author == _sender(payload)
        else:
            assert isinstance(parsed, github_events.Ignored)
            assert parsed.action == action
            assert parsed.reason.strip()
    # The one review among them has no text, and no such check failed.
    not_read = {"pull_request_review", "check_suite", "status"}
    assert bool(kept) == (event in deliveries.READS.keys() - not_read)


def _sender(payload):
    return payload.get("sender", {"login": "ghost"})["login"]
