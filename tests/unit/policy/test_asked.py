"""What a ticket asks for by naming it is a note; what the reviewer may accept is marked."""

import pytest

from agent.models.change import Severity
from agent.stages import policy
from tests.unit.policy.cases import Snippet


@pytest.mark.parametrize(
    ("ticket", "path", "severity"),
    [
        ("Block the network in `tests/conftest.py`.", "tests/conftest.py", Severity.INFO),
        ("Block the network in conftest.py.", "tests/conftest.py", Severity.INFO),
        ("Block the network.", "tests/conftest.py", Severity.REVIEW),
        ("Block the network in other_conftest.py.", "tests/conftest.py", Severity.REVIEW),
        ("Add it to the .gitignore.", ".gitignore", Severity.INFO),
    ],
)
def test_a_file_that_the_ticket_names_is_no_reason_for_a_draft(ticket, path, severity):
    files = {path: "import socket\n", "app/a.py": "x = 1  # noqa\n"}
    snippet = Snippet(files, ticket=f"{ticket} And see app/a.py.")
    findings = policy.apply_rules(snippet.change_context()).findings
    assert {finding.severity for finding in findings if finding.path == path} == {severity}
    assert Severity.REVIEW in {finding.severity for finding in findings if finding.path != path}


@pytest.mark.parametrize(
    ("ticket", "severity"),
    [("Export with `Tab_Lib`.", Severity.INFO), ("A tab-lib of exports.", Severity.REVIEW)],
)
def test_a_package_that_the_ticket_names_as_code_is_no_reason_for_a_draft(ticket, severity):
    files = {"requirements.txt": "httpx\ntab-lib\n"}
    snippet = Snippet(files, base={"requirements.txt": "httpx\n"}, ticket=ticket)
    findings = policy.apply_rules(snippet.change_context()).findings
    weights = {finding.rule: finding.severity for finding in findings}
    assert weights["new-dependency"] is severity


@pytest.mark.parametrize(
    ("ticket", "severity"),
    [
        ("Sort imports with `ruff`, in pyproject.toml.", Severity.INFO),
        ("Add httpx to pyproject.toml.", Severity.REVIEW),
    ],
)
def test_a_ticket_that_names_pyproject_asks_for_no_settings_of_tools(ticket, severity):
    files = {"pyproject.toml": "[tool.ruff.lint]\nignore = ['S']\n"}
    snippet = Snippet(files, base={"pyproject.toml": "[tool.ruff.lint]\n"}, ticket=ticket)
    [finding] = policy.apply_rules(snippet.change_context()).findings
    assert (finding.rule, finding.severity) == ("gate-files", severity)


@pytest.mark.parametrize(
    ("path", "before", "after", "is_reading"),
    [
        ("build.sh", "make\n", None, True),
        ("build.sh", "make\n", "run\n", False),
        ("a.py", "x = 1\n", "x = load()  # noqa: E501\n", True),
        ("a.py", "x = 1\n", "x = load()  # noqa\n", False),
    ],
)
def test_what_the_reviewer_may_accept_from_ticket_and_diff(path, before, after, is_reading):
    snippet = Snippet({path: after}, base={path: before}, ticket="Go.")
    [finding] = policy.apply_rules(snippet.change_context()).findings
    assert (finding.severity, finding.is_reading) == (Severity.REVIEW, is_reading)
