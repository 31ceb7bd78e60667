"""The judge: what is vendored is whole, and what breaks the contract is found."""

from __future__ import annotations

import copy
import json
import re

import pytest

from tests.contract import make_slice, operations, schemas

ISSUE = schemas.described("PATCH /repos/{owner}/{repo}/issues/{issue_number}")
MOST_BYTES = 1_500_000


def example(operation, name="default"):
    return copy.deepcopy(
        next(each.value for each in schemas.examples_of(operation) if each.name == name)
    )


def faults(operation, status, value, kind="application/json; charset=utf-8"):
    return schemas.response_faults(operation, status, kind, json.dumps(value).encode())


def test_the_slice_holds_the_named_operations_and_no_other():
    assert {str(each) for each in schemas.operations()} == set(operations.OPERATIONS)
    assert set(schemas.description()["x-webhooks"]) == set(operations.HOOKS)


def test_every_reference_of_the_slice_leads_somewhere():
    components = schemas.description()["components"]
    text = json.dumps(schemas.description())
    references = set(re.findall(r'"\$ref": "#/components/(\w+)/([^"]+)"', text))
    assert len(references) > 100
    assert [each for each in references if each[1] not in components.get(each[0], {})] == []


def test_the_notice_names_source_version_and_licence():
    notice = (schemas.HERE / "NOTICE.md").read_text()
    for package, version, member in (make_slice.OPENAPI, make_slice.PAYLOADS, make_slice.SCHEMA):
        assert f"`{package}`" in notice
        assert version in notice
        assert member in notice
    assert schemas.description()["info"]["version"] == make_slice.OPENAPI[1]
    assert "MIT" in notice


def test_what_is_vendored_stays_small():
    vendored = [make_slice.SLICE, make_slice.EXAMPLES, make_slice.GRAPHQL]
    assert sum(path.stat().st_size for path in vendored) < MOST_BYTES


def test_githubs_own_examples_pass_but_for_those_that_are_older_than_the_description():
    shown = [each for operation in schemas.operations() for each in schemas.examples_of(operation)]
    failing = [each for each in shown if faults(each.operation, each.status, each.value)]
    assert len(shown) >= 40
    assert len(failing) <= len(shown) * 0.2


def test_githubs_own_payloads_pass_but_for_those_that_are_older_than_the_description():
    verdicts = [
        schemas.hook_faults(event, json.dumps(payload).encode())
        for event in ("issues", "issue_comment", "check_run")
        for payload in schemas.webhook_examples()[event]
    ]
    judged = [each for each in verdicts if not any("not in the vendored slice" in f for f in each)]
    assert len(judged) >= 30
    assert sum(not each for each in judged) >= len(judged) * 0.8


def test_a_true_answer_passes():
    assert faults(ISSUE, 200, example(ISSUE)) == ()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("number",), "1347"),
        (("number",), None),
        (("user", "login"), 7),
        (("state_reason",), "because"),
        (("created_at",), "yesterday"),
        (("html_url",), "not an address"),
        (("labels",), {"name": "bug"}),
        (("closed_at",), 5),
    ],
)
def test_a_wrong_value_is_found_and_its_place_named(place, value):
    broken = example(ISSUE)
    inner = broken
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    found = faults(ISSUE, 200, broken)
    assert found
    assert any(place[0] in fault for fault in found)


@pytest.mark.parametrize("missing", ["id", "user", "labels", "url", "comments", "created_at"])
def test_a_missing_field_is_found(missing):
    broken = example(ISSUE)
    del broken[missing]
    assert any(f'"{missing}"' in fault for fault in faults(ISSUE, 200, broken))


def test_null_passes_only_where_github_sends_null():
    answer = example(ISSUE)
    answer.update(body=None, assignee=None, state_reason=None, closed_at=None)
    assert faults(ISSUE, 200, answer) == ()


def test_a_hand_made_minimal_issue_is_far_from_passing():
    assert len(faults(ISSUE, 200, {"id": 1, "number": 1, "title": "t"})) > 10


@pytest.mark.parametrize(
    ("status", "kind", "body", "words"),
    [
        (203, "application/json", b"{}", "never answers 203"),
        (200, "text/html", b"{}", "is JSON at GitHub"),
        (200, "application/json", b"<html>", "is not JSON"),
        (304, "application/json", b"{}", "has no body"),
        (404, "application/json", b"{}", "without message"),
        (404, "application/json", b'{"message": "Not Found"}', "documentation_url"),
        (404, "application/json", b"[]", "is an object"),
    ],
)
def test_a_wrong_form_of_answer_is_found(status, kind, body, words):
    found = schemas.response_faults(ISSUE, status, kind, body)
    assert any(words in fault for fault in found)


def test_a_refusal_that_the_operation_does_not_list_is_held_to_the_common_shape():
    refusal = {
        "message": "No",
        "documentation_url": "https://docs.github.com/rest",
        "status": "403",
    }
    assert faults(ISSUE, 403, refusal) == ()
    assert faults(ISSUE, 403, {**refusal, "status": 403})
    assert faults(ISSUE, 422, {**refusal, "errors": [{"field": "title"}]})


def test_a_field_that_github_does_not_know_is_named():
    answer = example(ISSUE)
    assert schemas.invented_fields(ISSUE, 200, json.dumps(answer).encode()) == ()
    answer["milestone"]["celebrated"] = True
    (found,) = schemas.invented_fields(ISSUE, 200, json.dumps(answer).encode())
    assert "milestone" in found
    assert "celebrated" in found


def test_among_alternatives_the_fault_of_the_nearest_is_told():
    answer = example(ISSUE)
    answer["user"]["login"] = 7
    (found,) = faults(ISSUE, 200, answer)
    assert "user/login" in found


def test_a_request_is_held_against_what_github_takes():
    opening = schemas.described("POST /repos/{owner}/{repo}/pulls")
    assert schemas.request_faults(opening, b'{"title": "t", "head": "h", "base": "b"}') == ()
    assert schemas.request_faults(opening, b'{"title": "t", "head": "h"}')
    assert schemas.request_faults(opening, b'{"title": 1, "head": "h", "base": "b"}')
    assert schemas.request_faults(opening, b"")


def test_label_names_may_come_as_a_bare_list_too():
    labelling = schemas.described("POST /repos/{owner}/{repo}/issues/{issue_number}/labels")
    assert schemas.request_faults(labelling, b'["bug"]') == ()
    assert schemas.request_faults(labelling, b'{"labels": ["bug"]}') == ()
    assert schemas.request_faults(labelling, b"[5]")
    assert schemas.request_faults(labelling, b'{"labels": "bug"}')


def test_a_hook_is_held_against_the_schema_of_its_event_and_action():
    payloads = schemas.webhook_examples()["issues"]
    labeled = copy.deepcopy(next(each for each in payloads if each["action"] == "labeled"))
    assert schemas.hook_faults("issues", json.dumps(labeled).encode()) == ()
    del labeled["issue"]["user"]
    assert schemas.hook_faults("issues", json.dumps(labeled).encode())
    labeled["action"] = "celebrated"
    assert "operations.HOOKS" in schemas.hook_faults("issues", json.dumps(labeled).encode())[0]


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("GET", "/repos/o/r/issues/5", "/repos/{owner}/{repo}/issues/{issue_number}"),
        (
            "GET",
            "/repos/o/r/contents/.github/mergewright.yml",
            "/repos/{owner}/{repo}/contents/{path}",
        ),
        ("GET", "/repos/o/r/git/ref/heads/a/b", "/repos/{owner}/{repo}/git/ref/{ref}"),
        (
            "PATCH",
            "/repos/o/r/issues/comments/9",
            "/repos/{owner}/{repo}/issues/comments/{comment_id}",
        ),
        ("DELETE", "/repos/o/r/issues/5", None),
        ("GET", "/repos/o/r/nothing", None),
    ],
)
def test_a_path_leads_to_its_most_literal_operation(method, path, template):
    found = schemas.operation_of(method, path)
    assert (found.template if found else None) == template
