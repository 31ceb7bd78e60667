"""The rule `python-syntax`: what can be parsed, and what only a newer Python than ours can."""

import sys

import pytest

from agent.models.change import Finding
from agent.policy.change_context import ChangeContext
from agent.policy.contract import python_version
from tests.unit.policy import cases

HOST = sys.version_info.minor


def findings(after: str | bytes, version: str | None) -> list[Finding]:
    made, tree = cases.change({"app/a.py": after}, {})
    return list(
        python_version.check_change(
            ChangeContext(made, cases.config(), cases.project(version), tree)
        )
    )


@pytest.mark.parametrize("broken", ["print 'a'\n", "  x = 1\n y = 2\n", b"x = 1\0\n"])
@pytest.mark.parametrize("version", ["3.8", None])
def test_what_no_python_can_parse_is_refused(broken, version):
    (finding,) = findings(broken, version)
    assert cases.blocking([finding])
    assert finding.path == "app/a.py"
    assert f"3.{HOST}" in finding.message


def test_what_a_newer_python_than_ours_may_parse_is_for_review():
    found = findings("print 'a'\n", f"3.{HOST + 1}")
    assert found == cases.review(found) != []
