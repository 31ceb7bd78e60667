"""GitHub's published webhook payloads go through the listener's parser."""

import json

import pytest

from agent.conversation import deliveries
from agent.conversation.events import Comment, Request, Withdrawal
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
            assert isinstance(parsed, Request)
            assert parsed.snapshot.issue.number == payload["issue"]["number"]
            assert parsed.snapshot.issue.repository == payload["repository"]["full_name"]
            assert parsed.snapshot.actor == payload["sender"]["login"]
            assert parsed.label == payload["label"]["name"]
        elif isinstance(parsed, github_events.Ignored):
            assert parsed.reason.strip()
        elif isinstance(parsed, Withdrawal):
            assert event == "issues"
            assert parsed.issue.number == payload["issue"]["number"]
        else:
            assert action in deliveries.READS[event]
            subject = parsed.subject if isinstance(parsed, Comment) else parsed
            assert subject.repository_id == payload["repository"]["id"]
            if isinstance(parsed, Comment):
                assert parsed.author == payload.get("sender", {"login": "ghost"})["login"]
    # The one review among them has no text, and no such check failed.
    not_read = {"pull_request_review", "check_suite", "status"}
    assert bool(kept) == (event in deliveries.READS.keys() - not_read)
