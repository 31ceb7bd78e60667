"""A lock that lacks what a change declares."""

from __future__ import annotations

from agent.models.change import Severity
from agent.models.checks import AddedPackages
from agent.policy.contract import added_packages


def test_a_lock_that_lacks_something_is_for_the_reviewer():
    said = AddedPackages(packages=(), lock="pdm.lock", unlocked=("six>=2 (has 1.16)",))
    (found,) = added_packages.find_package_problems(said)
    assert (found.rule, found.path) == ("lock-behind", "pdm.lock")
    assert found.severity is Severity.REVIEW
    assert "six>=2 (has 1.16)" in found.message
