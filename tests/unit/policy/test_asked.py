"""What a ticket asks for by naming the file is a note."""

import pytest

from agent.models.change import Severity
from agent.stages import policy
from tests.unit.policy.cases import Snippet

CONFTEST = {"tests/conftest.py": "import socket\n", "app/a.py": "x = 1  # noqa\n"}


@pytest.mark.parametrize(
    ("ticket", "severity"),
    [
        ("Block the network in `tests/conftest.py`.", Severity.INFO),
        ("Block the network in conftest.py.", Severity.INFO),
        ("Block the network.", Severity.REVIEW),
        ("Block the network in other_conftest.py.", Severity.REVIEW),
    ],
)
def test_a_file_that_the_ticket_names_is_no_reason_for_a_draft(ticket, severity):
    snippet = Snippet(dict(CONFTEST), ticket=f"{ticket} And see app/a.py.")
    found = policy.judge_change(snippet.change_context()).findings
    weights = {one.rule: one.severity for one in found}
    assert weights["gate-files"] is severity
    assert weights["suppression"] is Severity.REVIEW, "guards the gate whatever is named"


def test_a_hidden_file_is_named_like_any_other():
    snippet = Snippet({".gitignore": "*.pyc\n"}, ticket="Add it to the .gitignore.")
    found = policy.judge_change(snippet.change_context()).findings
    assert {one.severity for one in found if one.path == ".gitignore"} == {Severity.INFO}


@pytest.mark.parametrize(("content", "is_reading"), [(None, True), ("run\n", False)])
def test_whether_a_file_of_an_unusual_type_may_go_is_for_who_reads_the_ticket(content, is_reading):
    snippet = Snippet({"build.sh": content}, base={"build.sh": "make\n"}, ticket="Go.")
    [found] = policy.judge_change(snippet.change_context()).findings
    assert (found.rule, found.is_reading) == ("other-files", is_reading)


@pytest.mark.parametrize(
    ("ticket", "severity"),
    [("Export with `Tab_Lib`.", Severity.INFO), ("A tab-lib of exports.", Severity.REVIEW)],
)
def test_a_package_that_the_ticket_names_as_code_is_no_reason_for_a_draft(ticket, severity):
    files = {"requirements.txt": "httpx\ntab-lib\n"}
    snippet = Snippet(files, base={"requirements.txt": "httpx\n"}, ticket=ticket)
    found = policy.judge_change(snippet.change_context()).findings
    assert {one.severity for one in found if one.rule == "new-dependency"} == {severity}


@pytest.mark.parametrize(("comment", "is_reading"), [("noqa: E501", True), ("noqa", False)])
def test_a_suppression_of_named_findings_is_for_who_reads_the_ticket(comment, is_reading):
    snippet = Snippet(f"x = load()  # {comment}\n")
    [found] = policy.judge_change(snippet.change_context()).findings
    assert (found.severity, found.is_reading) == (Severity.REVIEW, is_reading)
