"""Signed deliveries as GitHub sends them, for the tests of the listener."""

from __future__ import annotations

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
