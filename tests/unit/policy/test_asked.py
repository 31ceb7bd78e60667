"""What a ticket asks for by naming the file is a note."""

from __future__ import annotations

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
    found = policy.judge_change(snippet.change_context(), {}).findings
    weights = {one.rule: one.severity for one in found}
    assert weights["gate-files"] is severity
    assert weights["suppression"] is Severity.REVIEW, "guards the gate whatever is named"
