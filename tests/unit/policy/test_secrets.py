"""A change that would publish a credential is held back, without repeating it."""

from __future__ import annotations

from agent.models.change import Severity
from agent.policy.change_context import ChangeContext
from agent.policy.content import secrets
from tests.unit.policy import cases

TOKEN = "ghp_" + "aB3dE6gH9" * 4


def found(after, base=None):
    change, tree = cases.change(after, base)
    return list(
        secrets.check_change(ChangeContext(change, cases.config(), cases.project(), tree))
    ), tree


def test_a_credential_is_named_by_file_and_line_and_stays_unsaid():
    findings, _ = found({"shop/mail.py": f"import os\n\nTOKEN = '{TOKEN}'\n"})
    assert [(one.severity, one.path, one.line) for one in findings] == [
        (Severity.BLOCK, "shop/mail.py", 3),
    ]
    for finding in findings:
        assert TOKEN not in f"{finding.message} {finding.fix}"


def test_a_credential_in_a_new_path_is_found_and_stays_unsaid():
    findings, _ = found({f"docs/{TOKEN}.md": "hello\n"})
    assert [finding.severity for finding in findings] == [Severity.BLOCK]
    assert TOKEN not in repr(findings)
