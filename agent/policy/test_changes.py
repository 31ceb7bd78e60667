"""What a change does to the tests of base, as the runs of both have shown it. Pure.

A test that the change's own code breaks may be wrong by now, and one that goes may have had its
time. Only people know: so each is for the reviewer. What runs is left to `agent.checks`.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import TestComparison, TestRun
from agent.policy.rule import Rule
from agent.text.sanitise import list_some

REWRITTEN = Rule(
    id="test-rewritten",
    demands="Tests of base pass as base has them; those that pass only as the change has them are "
    "shown in both versions.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    is_reading=True,
)
REMOVED = Rule(
    id="test-removed",
    demands="Tests of base are still there and run.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    is_reading=True,
)
SURROUNDINGS = Rule(
    id="test-surroundings",
    demands="Tests run as on base: by the same runner and plugins, with the same migrations and "
    "databases.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
NOT_RUN = Rule(
    id="test-not-run",
    demands="All tests of base run with the change, in the minutes that they have.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
NOT_COLLECTED = Rule(
    id="test-not-collected",
    demands="Tests that the change adds are run.",
    severity=Severity.BLOCK,
)
IN_USE = Rule(
    id="test-module-in-use",
    demands="A module that is named like a test is used by tests alone.",
    severity=Severity.REVIEW,
)
OF_TESTS = (REWRITTEN, REMOVED, SURROUNDINGS, NOT_RUN, NOT_COLLECTED, IN_USE)
_MOST = 20
_READ = "Read both versions: see that the ticket asks for what the new one says."
_MISSED = "Look whether what it held is still wanted."
_COLLECTED = (
    "Check what the runner collects (testpaths, python_files, python_classes, checks.tests). "
    "Or the folder lacks an __init__.py."
)
_OTHER = "See that the tests still show what they showed."


def find_problems(found: TestComparison, base: TestRun, head: TestRun) -> Iterator[Finding]:
    """Yield a finding for each test that behaves differently from base."""
    alike: dict[tuple[str, str], list[str]] = {}
    for one in found.rewritten:
        said = one.text.strip().partition("\n")[0] or one.outcome
        test = "" if one.cause else one.item_id.partition("[")[0]
        alike.setdefault((test, said), []).append(one.item_id)
    for (_, said), ids in list(alike.items())[:_MOST]:
        many = f"{len(ids):,} tests pass" if len(ids) > 1 else f"{ids[0]} passes"
        named = f" ({list_some(ids)})" if len(ids) > 1 else ""
        yield REWRITTEN.make_finding(
            "", f"{many} only as the change has it{named}; as base has it: {said}", _READ
        )
    if len(alike) > _MOST:
        yield REWRITTEN.make_finding("", f"{len(alike) - _MOST:,} more tests like these", _READ)
    if found.gone:
        many = f"{len(found.gone):,} tests" if len(found.gone) > 1 else "A test"
        said = f"{many} of base no longer run: {list_some(found.gone, _MOST)}"
        yield REMOVED.make_finding("", said, _MISSED)
    if found.unrun:
        named = list_some(found.unrun)
        yield NOT_RUN.make_finding(
            "",
            f"{len(found.unrun):,} of {found.base_count + len(base.unrun):,} tests did not run in"
            f" time, such as {named}",
            "Run them, or give the tests more time in checks.minutes.",
        )
    for said in head.uncollected:
        yield NOT_COLLECTED.make_finding(said.partition(" ")[0], said, _COLLECTED)
    for path in head.disguised:
        yield IN_USE.make_finding(
            path,
            "is named like a test but used by the application, so some rules do not read it",
            "Move what the application needs to a module of another name.",
        )
    for doubt in head.doubts:
        yield SURROUNDINGS.make_finding("", doubt, _OTHER)
    if base.suite is None or head.suite is None:
        return
    before = {**base.suite.settings, **base.suite.plugins}
    after = {**head.suite.settings, **head.suite.plugins}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            was, now = before.get(name, "not there"), after.get(name, "not there")
            yield SURROUNDINGS.make_finding("", f"{name} is {now} and was {was} on base", _OTHER)
