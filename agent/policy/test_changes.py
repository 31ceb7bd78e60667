"""What a change does to the tests of base: as it is written, and as the runs of both show it. Pure.

A test that the change's own code breaks may be wrong by now, and one that goes may have had its
time. Only people know: so each is for the reviewer. What runs is left to `agent.checks`.
"""

import ast
import difflib
from collections.abc import Iterator
from itertools import islice

from agent.models.change import Finding, Severity
from agent.models.checks import RewrittenTest, TestComparison, TestRun
from agent.policy.change_context import ChangeContext
from agent.policy.layout import is_test
from agent.policy.rule import Rule
from agent.policy.source import is_python
from agent.text.sanitise import list_some
from repo_config.foreign_python import list_functions

REWRITTEN = Rule(
    id="test-rewritten",
    demands="Existing tests pass unmodified; a test that passes only in its changed version is"
    " shown in both versions.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    is_reading=True,
)
REMOVED = Rule(
    id="test-removed",
    demands="Existing tests still exist and run.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    is_reading=True,
)
SURROUNDINGS = Rule(
    id="test-surroundings",
    demands="Tests run as before: same runner, plugins, migrations and databases.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
NOT_RUN = Rule(
    id="test-not-run",
    demands="All existing tests run with the change within the time limit.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
NOT_COLLECTED = Rule(
    id="test-not-collected",
    demands="New tests are collected and run.",
    severity=Severity.BLOCK,
)
OF_TESTS = (REWRITTEN, REMOVED, SURROUNDINGS, NOT_RUN, NOT_COLLECTED)
EDITED = Rule(
    id="test-edited",
    demands="Existing tests, and their data, that the change edits are listed.",
    severity=Severity.INFO,
)
RULES = (EDITED,)
_MOST = 20
_READ = "Compare both versions: does the ticket ask for the new behaviour?"
_MISSED = "Check whether what it tested is still needed."
_COLLECTED = (
    "Check the test discovery settings (testpaths, python_files, python_classes, checks.tests),"
    " or add a missing __init__.py."
)
_OTHER = "Check that the tests still prove the same."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    fix = "Check that each still tests what it did."
    for file in change_context.change.files:
        if not is_test(file.path) or file.before is None:
            continue
        if not is_python(file.path, file.after):
            does = "deletes" if file.after is None else "edits"
            yield EDITED.make_finding(file.path, f"{does} data of tests", fix)
            continue
        before, after = (
            dict(list_functions(source.module)) if source else {}
            for source in (
                change_context.read_source(file.path, side) for side in (file.before, file.after)
            )
        )
        both = [name for name in before if name in after]
        edited = [name for name in both if ast.dump(before[name]) != ast.dump(after[name])]
        if edited:
            yield EDITED.make_finding(file.path, f"edits {list_some(edited)}", fix)


def find_problems(found: TestComparison, base: TestRun, head: TestRun) -> Iterator[Finding]:
    """Yield a finding for each test that behaves differently from base."""
    alike: dict[tuple[str, str], list[RewrittenTest]] = {}
    for blocked_test in found.rewritten:
        said = blocked_test.text.strip().partition("\n")[0] or blocked_test.outcome
        test = "" if blocked_test.cause else blocked_test.item_id.partition("[")[0]
        alike.setdefault((test, said), []).append(blocked_test)
    for (_, said), tests in list(alike.items())[:_MOST]:
        ids = [test.item_id for test in tests]
        many = f"{len(ids):,} tests pass" if len(ids) > 1 else f"{ids[0]} passes"
        named = f" ({list_some(ids)})" if len(ids) > 1 else ""
        message = f"{many} only in the changed version{named}; the old version: {said}"
        yield REWRITTEN.make_finding("", message, _READ, source=_show_versions(tests[0]))
    if len(alike) > _MOST:
        yield REWRITTEN.make_finding("", f"{len(alike) - _MOST:,} more such tests", _READ)
    if found.gone:
        many = f"{len(found.gone):,} tests" if len(found.gone) > 1 else "1 test"
        said = f"{many} from the base branch did not run: {list_some(found.gone, _MOST)}"
        yield REMOVED.make_finding("", said, _MISSED)
    if found.unrun:
        named = list_some(found.unrun)
        yield NOT_RUN.make_finding(
            "",
            f"{len(found.unrun):,} of {found.base_count + len(base.unrun):,} tests did not run in"
            f" time, such as {named}",
            "Run them, or raise `checks.minutes` (and `limits.minutes`, for the whole run).",
            asks_author=False,
        )
    for said in head.uncollected:
        yield NOT_COLLECTED.make_finding(said.partition(" ")[0], said, _COLLECTED)
    for doubt in head.doubts:
        yield SURROUNDINGS.make_finding("", doubt, _OTHER)


def _show_versions(test: RewrittenTest) -> str:
    """Give the lines of a test that differ, old next to new."""
    sides = test.before.splitlines(), test.after.splitlines()
    return "\n".join(islice(difflib.unified_diff(*sides, n=2, lineterm=""), 2, None))
