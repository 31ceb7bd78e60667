"""GitHub's issue deliveries: what is kept, ignored and refused."""

import pytest

from agent.conversation.deliveries import Ignored
from agent.conversation.events import Request, Withdrawal
from tests.unit.webhooks.deliveries import labeled, raw
from webhooks.admission import RefusedDelivery
from webhooks.events import parse_event


def changed(path: str, value: object) -> bytes:
    """Give a labelled issue's body with one field changed; `...` takes it away."""
    payload = labeled()
    *way, last = path.split(".")
    part = payload
    for key in way:
        part = part[key]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return raw(payload)


def asked(body: bytes) -> Request:
    """Read a delivery that asks for a run."""
    kept = parse_event("issues", body)
    assert isinstance(kept, Request)
    return kept


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("sender", ..., "sender"),
        ("repository.full_name", "--upload-pack/x\n", "repository.full_name"),
        ("repository.clone_url", "https://user:pass@host/x.git", "repository.clone_url"),
        ("repository.clone_url", "ext::sh -c x", "repository.clone_url"),
    ],
)
def test_WH6_a_missing_or_odd_field_is_ignored_by_its_place(path, value, named):
    ignored = parse_event("issues", changed(path, value))
    assert ignored == Ignored(reason=f"issues.labeled without a usable {named}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"action":1,"\\u0061ction":2}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_WH4_what_is_no_plain_json_is_refused(body):
    with pytest.raises(RefusedDelivery, match="not valid JSON") as refused:
        parse_event("issues", body)
    assert refused.value.status == 400
    assert len(refused.value.message) < 300


def of(action, label=None, **issue):
    payload = labeled(**issue)
    del payload["label"]
    payload["action"] = action
    if label:
        payload["label"] = {"id": 2, "name": label}
    return payload


@pytest.mark.parametrize("action", ["unlabeled", "closed", "deleted", "transferred", "locked"])
def test_GH7_what_takes_an_issue_back_is_kept_as_an_occasion_to_look(action):
    payload = of(action, "mergewright" if action == "unlabeled" else None, title="t" * 9000)
    told = parse_event("issues", raw(payload))
    assert isinstance(told, Withdrawal)
    assert (told.issue.repository, told.issue.repository_id) == ("octo/shop", 5)
    assert told.issue.number == payload["issue"]["number"]
