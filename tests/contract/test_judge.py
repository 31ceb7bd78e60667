"""The judge: what breaks the contract is found, and its place named."""

import json

from tests.contract import schemas

ISSUE = "PATCH /repos/{owner}/{repo}/issues/{issue_number}"


def faults(value, status=200, kind="application/json"):
    return schemas.response_faults(ISSUE, status, kind, json.dumps(value).encode())


def test_what_github_would_not_send_or_take_is_found():
    true = {
        "number": 1347, "title": "x", "state": "open", "created_at": "2011-04-22T13:33:48Z",
        "labels": [], "user": {"login": "octocat", "id": 1, "type": "User"},
    }  # fmt: skip
    assert faults({**true, "body": None, "assignee": None}) == ()
    for wrong in ({"number": "1347"}, {"created_at": "yesterday"}, {"labels": {"name": "bug"}}):
        assert any(next(iter(wrong)) in fault for fault in faults({**true, **wrong}))
    assert faults({key: value for key, value in true.items() if key != "user"}) == ()
    assert "at user" in faults({**true, "user": {**true["user"], "login": 7}})[0]
    assert "never answers 203" in faults({}, 203)[0]
    assert "is JSON at GitHub" in faults({}, kind="text/html")[0]
    assert "documentation_url" in faults({"message": "Not Found"}, 404)[0]
    opening = "POST /repos/{owner}/{repo}/pulls"
    assert schemas.request_faults(opening, b'{"title": "t", "head": "h", "base": "b"}') == ()
    assert schemas.request_faults(opening, b'{"title": "t", "head": "h"}')

    payloads = schemas.webhook_examples()["issues"]
    labeled = next(payload for payload in payloads if payload["action"] == "labeled")
    assert schemas.hook_faults("issues", json.dumps(labeled).encode()) == ()
    assert schemas.hook_faults("issues", json.dumps({**labeled, "issue": 7}).encode())
