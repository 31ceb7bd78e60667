"""GitHub's deliveries of comments, pull requests and checks: what is kept, ignored and refused."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from agent.conversation import events
from agent.conversation.deliveries import MOST_CHARACTERS, READS, Ignored
from agent.conversation.events import Comment, ConversationEvent
from agent.models.record import replace
from tests.unit.webhooks.deliveries import (
    HEAD,
    checked,
    commented,
    labeled,
    of_pull,
    raw,
    remarked,
    reviewed,
    status,
)
from webhooks.admission import RefusedDelivery
from webhooks.events import parse_event

WRITTEN = {
    "issue_comment": commented,
    "pull_request_review_comment": remarked,
    "pull_request_review": reviewed,
}
BOT = {"id": 8, "login": "helper[bot]", "type": "Bot"}


def heard(event: str, payload: dict[str, Any]) -> Comment | ConversationEvent:
    """Parse what must be kept, and have it read as the intake does."""
    kept = parse_event(event, raw(payload))
    assert isinstance(kept, Comment | ConversationEvent), kept
    assert events.read_event(kept.model_dump_json().encode()) == kept
    return kept


@pytest.mark.parametrize(
    ("event", "payload", "place", "at"),
    [
        ("pull_request_review_comment", remarked(), "inline", "2026-11-01T10:00:00Z"),
        ("pull_request_review", reviewed(), "review", "2026-11-01T11:00:00Z"),
    ],
)
def test_remarks_on_lines_and_texts_of_reviews_are_words_on_a_pull_request(
    event, payload, place, at
):
    told = heard(event, payload)
    assert isinstance(told, Comment)
    assert (told.place, told.on_pull, told.at) == (place, True, at)
    assert (told.subject.number, told.subject.issue_id) == (40, 4001)
    words = payload.get("comment") or payload["review"]
    assert (told.comment_id, told.body) == (words["id"], "/mergewright plan")


@pytest.mark.parametrize(("event", "make"), WRITTEN.items())
def test_TC8_a_text_that_is_too_long_is_cut_and_no_failure(event, make):
    told = heard(event, make(body="é" * (MOST_CHARACTERS + 5000)))
    assert isinstance(told, Comment)
    assert told.body == "é" * MOST_CHARACTERS


@pytest.mark.parametrize(("event", "make"), WRITTEN.items())
@pytest.mark.parametrize("who", [BOT, {**BOT, "type": "User"}, {**BOT, "login": "Copilot"}])
def test_TC3_GH8_what_a_bot_writes_is_not_even_kept(event, make, who):
    ignored = parse_event(event, raw({**make(user=who), "sender": who}))
    assert ignored == Ignored(reason="a bot wrote it")


@pytest.mark.parametrize(("event", "make"), WRITTEN.items())
def test_TC3_words_under_another_name_than_the_senders_are_nobodys(event, make):
    stranger = {"id": 666, "login": "mallory", "type": "User"}
    for payload in (make(user=stranger), {**make(), "sender": stranger}):
        ignored = parse_event(event, raw(payload))
        assert isinstance(ignored, Ignored)
        assert "other than its author" in ignored.reason
    # A name says nothing, the number counts.
    named_alike = {**make(user={**stranger, "login": "octo"})}
    assert isinstance(parse_event(event, raw(named_alike)), Ignored)


def test_TC2_a_strangers_words_are_kept_as_his():
    stranger = {"id": 666, "login": "mallory", "type": "User"}
    payload = {**commented(user=stranger, author_association="OWNER"), "sender": stranger}
    told = heard("issue_comment", payload)
    assert isinstance(told, Comment)
    assert (told.author, told.author_id) == ("mallory", 666)


@pytest.mark.parametrize("event", WRITTEN)
def test_TC4_editing_a_comment_never_triggers(event):
    for action in ("edited", "deleted", "dismissed"):
        ignored = parse_event(event, raw({**WRITTEN[event](), "action": action}))
        assert isinstance(ignored, Ignored)


@pytest.mark.parametrize("action", ["closed", "reopened"])
def test_the_end_of_a_pull_request_is_an_occasion_to_look(action):
    kept = heard("pull_request", of_pull(action))
    assert kept == ConversationEvent(repository="octo/shop", repository_id=5, number=40)


RED = ConversationEvent(repository="octo/shop", repository_id=5, commit=HEAD)


def test_checks_that_failed_are_an_occasion_to_look_at_their_commit():
    for conclusion in ("failure", "timed_out"):
        told = heard("check_suite", checked("check_suite", conclusion))
        assert told == replace(RED, app_id=15368)
    for other in ("success", None):
        assert isinstance(parse_event("check_suite", raw(checked("check_suite", other))), Ignored)


def test_a_status_is_an_occasion_to_look_at_its_commit_once_it_is_no_longer_pending():
    assert heard("status", status("failure")) == RED
    assert isinstance(parse_event("status", raw(status("pending"))), Ignored)
    # It has no action.
    payload = {**status("failure"), "action": "created"}
    assert isinstance(parse_event("status", raw(payload)), Ignored)


SAMPLES = [
    *((event, make()) for event, make in WRITTEN.items()),
    ("issues", labeled()),
    ("pull_request", of_pull("closed")),
    ("check_suite", checked("check_suite", "failure")),
    ("status", status("failure")),
]
SECRET = "do not repeat me"
ODD = [..., None, True, -1, 10**30, f"{SECRET}\n\0", "x" * 70_000, [SECRET], {"id": SECRET}]


def places(part: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the way to every value of a payload."""
    if way:
        yield way
    if isinstance(part, dict):
        for key, value in part.items():
            yield from places(value, (*way, key))


def with_odd(payload: dict[str, Any], way: tuple[str, ...], value: object) -> dict[str, Any]:
    made = copy.deepcopy(payload)
    part = made
    for key in way[:-1]:
        part = part[key]
    if value is ...:
        del part[way[-1]]
    else:
        part[way[-1]] = value
    return made


@pytest.mark.parametrize(("event", "payload"), SAMPLES)
def test_WH6_any_odd_value_anywhere_is_kept_ignored_or_refused_and_never_repeated(event, payload):
    outcomes = set()
    for way in places(payload):
        for value in ODD:
            try:
                parsed = parse_event(event, raw(with_odd(payload, way, value)))
            except RefusedDelivery as refused:
                outcomes.add("refused")
                assert refused.status == 422
                assert SECRET not in refused.message
                continue
            outcomes.add("ignored" if isinstance(parsed, Ignored) else "kept")
            if isinstance(parsed, Ignored):
                assert SECRET not in parsed.reason
                assert len(parsed.reason) < 200
            else:
                kept = parsed.model_dump_json()
                assert len(kept) < 400_000
                assert events.read_event(kept.encode()) == parsed
    assert outcomes == {"refused", "ignored", "kept"}


def test_WH2_under_another_events_name_nothing_is_kept():
    for event, payload in SAMPLES:
        for other in sorted({*READS, "ping", "push"} - {event}):
            with pytest.raises(RefusedDelivery) as refused:
                parse_event(other, raw(payload))
            assert refused.value.status == 422
