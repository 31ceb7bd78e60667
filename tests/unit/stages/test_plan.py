"""What a model is not asked about, since nothing could come of it."""

from __future__ import annotations

import pytest

from agent.domain import CheckReport, CheckResult, Status
from agent.errors import RepositoryUnfit
from agent.stages import plan


def report(**by_name: Status) -> CheckReport:
    results = tuple(
        CheckResult(name=name, status=status, reason="no report came back.")
        for name, status in by_name.items()
    )
    return CheckReport(side="base", commit="c", change_digest=None, results=results)


def test_a_check_that_proves_nothing_on_base_ends_the_run_before_anything_is_edited():
    with pytest.raises(RepositoryUnfit) as refused:
        plan.require_proofs(report(mypy=Status.PASSED, tests=Status.UNVERIFIED))
    for named in ("check tests", "no report came back", ".github/mergewright.yml"):
        assert named in refused.value.message
    assert "mypy" not in refused.value.message


def test_a_check_that_is_red_or_absent_on_base_is_no_hindrance():
    plan.require_proofs(report(tests=Status.FAILED, lint=Status.ABSENT))
