"""Judge by base's tests how well a repository is set up."""

from __future__ import annotations

from agent.editing import scouting
from agent.models.checks import CheckReport, CheckResult, Status
from agent.models.environment import Contract

#: More of base's tests than these are red: then other versions are tried.
_MOST_RED = 0.05
#: At most this part of them passes: then another Python is tried.
_HARDLY = 0.1
#: Suites that take more than this part of the run's minutes are measured once, if most pass.
_MOST_TIME = 1 / 6


def is_poor(report: CheckReport, contract: Contract) -> bool:
    """Whether other versions may have more of base's tests pass, in reasonable time."""
    tests = scouting.find_tests(report)
    if tests.status is Status.ABSENT:
        return False
    lost, read = scouting.count_modules(tests)
    if lost > read:
        return True
    passed, red = tests.count("passed"), tests.count("failed", "error")
    if passed > red and _is_slow(tests, contract):
        return False
    # Of few tests, a single red one is rarely a matter of versions.
    return not passed or red > max(1, _MOST_RED * len(tests.items))


def may_improve(report: CheckReport, contract: Contract) -> bool:
    """Whether there is something to try: also where a single module cannot be imported."""
    tests = scouting.find_tests(report)
    has_lost = scouting.count_modules(tests)[0] > 0
    return is_poor(report, contract) or (has_lost and not _is_slow(tests, contract))


def _is_slow(tests: CheckResult, contract: Contract) -> bool:
    return tests.seconds > contract.config.limits.minutes * 60 * _MOST_TIME


def is_hopeless(report: CheckReport) -> bool:
    """Whether hardly any test passes, so that versions alone may not be the cause."""
    tests = scouting.find_tests(report)
    return tests.count("passed") <= _HARDLY * tests.count("passed", "failed", "error")
