"""What checks of ours find in a change, in a real sandbox."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.models.change import Severity
from agent.models.checks import Status
from tests.integration.check_samples import GREEN, Stage


@pytest.mark.deep
def test_without_a_type_checker_invented_names_of_new_lines_make_a_draft(
    stage: Callable[..., Stage],
) -> None:
    files = {**GREEN, "old.py": "import json\n\njson.load_all('1')\n"}
    made = stage(files, test_runner="pytest")
    code = "import json\nimport ruff_tools\n\njson.load_all('1')\njson.parse('1')\n"
    found = made.weighed(old_DOT_py=code)["names"]
    assert (found.verdict, found.new_failures) == (Status.PASSED, ())
    facts = [(one.rule, one.severity, one.path, one.line) for one in found.findings]
    assert facts == [
        ("unknown-module", Severity.REVIEW, "old.py", 2),
        ("missing-name", Severity.REVIEW, "old.py", 5),
    ]


@pytest.mark.deep
def test_the_type_checker_of_a_repository_decides_on_names(stage: Callable[..., Stage]) -> None:
    made = stage(GREEN, test_runner="pytest", type_tools=("mypy",))
    found = made.compared(new_DOT_py="import json\n\njson.parse('1')\n")
    assert "names" not in found
    assert len(found["mypy"].new_failures) == 1
