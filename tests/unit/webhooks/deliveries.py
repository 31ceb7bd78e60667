"""Signed deliveries as GitHub sends them, for the tests of the listener."""

import hashlib
import hmac
import itertools
import json
import uuid
from typing import Any

SECRET = "0123456789abcdef-of-the-tests"
_numbers = itertools.count(1000)


def labeled(**issue: Any) -> dict[str, Any]:
    """Give the payload of a label set on an issue, a new issue each time."""
    number = next(_numbers)
    account = {"id": 7, "login": "octo", "type": "User"}
    return {
        "action": "labeled",
        "issue": {
            "id": number * 10,
            "number": number,
            "title": "Add a field",
            "body": "Model: Order",
            "user": {"id": 9, "login": "reporter", "type": "User"},
            "labels": [{"id": 1, "name": "bug"}, {"id": 2, "name": "mergewright"}],
            "state": "open",
            "locked": False,
            "updated_at": "2026-11-01T10:00:00Z",
            "html_url": f"https://github.example/octo/shop/issues/{number}",
            **issue,
        },
        "label": {"id": 2, "name": "mergewright"},
        "repository": {
            "id": 5,
            "full_name": "octo/shop",
            "private": True,
            "clone_url": "https://github.example/octo/shop.git",
            "default_branch": "main",
        },
        "sender": account,
        "installation": {"id": 3},
    }


_PERSON = {"id": 7, "login": "octo", "type": "User"}
#: What GitHub tells of an issue, where it tells little.
_PULL = {"id": 4001, "number": 40}
HEAD = "ab" * 20


def delivered(**told: Any) -> dict[str, Any]:
    """Give a payload of a repository, sent by a person to an App."""
    return {
        "action": "created",
        "repository": {
            "id": 5,
            "full_name": "octo/shop",
            "clone_url": "https://github.example/octo/shop.git",
        },
        "sender": dict(_PERSON),
        "installation": {"id": 3},
        **told,
    }


def _comment(**comment: Any) -> dict[str, Any]:
    return {
        "id": next(_numbers),
        "user": dict(_PERSON),
        "body": "/mergewright plan",
        "created_at": "2026-11-01T10:00:00Z",
        **comment,
    }


def commented(**comment: Any) -> dict[str, Any]:
    """Give the payload of a comment on an issue, a new comment each time."""
    return delivered(issue={"id": 901, "number": 9}, comment=_comment(**comment))


def remarked(**comment: Any) -> dict[str, Any]:
    """Give the payload of a comment on a line."""
    return delivered(pull_request=dict(_PULL), comment=_comment(**comment))


def reviewed(**review: Any) -> dict[str, Any]:
    """Give the payload of a review."""
    whole = _comment(state="commented", submitted_at="2026-11-01T11:00:00Z", **review)
    del whole["created_at"]
    return delivered(action="submitted", pull_request=dict(_PULL), review=whole)


def of_pull(action: str, **told: Any) -> dict[str, Any]:
    """Give the payload of something that happened to a pull request."""
    return delivered(action=action, pull_request=dict(_PULL), **told)


def checked(name: str, conclusion: str | None, action: str = "completed") -> dict[str, Any]:
    """Give the payload of a `check_suite`."""
    told = {"id": 6, "head_sha": HEAD, "conclusion": conclusion, "app": {"id": 15368}}
    return delivered(action=action, **{name: told})


def status(state: str) -> dict[str, Any]:
    """Give the payload of a status."""
    payload = delivered(sha=HEAD, state=state, context="ci/circle")
    del payload["action"]
    return payload


def raw(payload: Any) -> bytes:
    """Give the body of a payload."""
    return json.dumps(payload).encode()


def signature(body: bytes, secret: str = SECRET) -> str:
    """Give the value of the signature's header."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(body: bytes, **changed: str | None) -> dict[str, str]:
    """Give the headers of a signed delivery; None takes one away."""
    whole: dict[str, str | None] = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": signature(body),
    }
    whole.update({name.replace("_", "-"): value for name, value in changed.items()})
    return {name: value for name, value in whole.items() if value is not None}
