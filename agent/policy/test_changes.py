"""Find what a change does to the tests of base: from runs, or else from the source. Pure.

A test that the change breaks or removes may be out of date: a person or the reviewing model decides
that. `agent.checks` runs the tests.
"""

import ast
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import RewrittenTest, TestComparison, TestRun
from agent.policy.change_context import ChangeContext
from agent.policy.layout import is_test
from agent.policy.rule import Rule
from agent.policy.source import read_module
from agent.text.sanitise import list_some
from repo_config.foreign_python import list_functions

REWRITTEN = Rule(
    "test-rewritten",
    "Existing tests pass unmodified; a test that passes only in its changed version is named.",
    Severity.REVIEW,
    minimum=Severity.REVIEW,
    is_reading=True,
)
REMOVED = Rule(
    "test-removed",
    "Existing tests still exist and run.",
    Severity.REVIEW,
    minimum=Severity.REVIEW,
    is_reading=True,
)
SURROUNDINGS = Rule(
    "test-surroundings",
    "Base's versions of the tests that a change touches run to their end.",
    Severity.REVIEW,
    minimum=Severity.REVIEW,
)
NOT_RUN = Rule(
    "test-not-run",
    "All existing tests run with the change within the time limit.",
    Severity.REVIEW,
    minimum=Severity.REVIEW,
)
NOT_COLLECTED = Rule("test-not-collected", "New tests are collected and run.", Severity.BLOCK)
RULES = (REWRITTEN, REMOVED)
OF_TESTS = (SURROUNDINGS, NOT_RUN, NOT_COLLECTED)
_MOST = 20
_NEEDED = "Check whether what it tested is still needed."
_HIDDEN = "no run shows whether it passes as the base branch has it"
_READ = "Compare both versions in the diff: does the ticket ask for the new behaviour?"
_COLLECTED = (
    "Check the test discovery settings (testpaths, python_files, python_classes, checks.tests),"
    " or add a missing __init__.py."
)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Find edits of tests where no run reports each test by name."""
    suites, fix = change_context.project.suites, "Check that each still tests what it did."
    if suites and all(suite.runner != "command" for suite in suites):
        return
    removed, _ = change_context.changed_lines
    edited = {path for path, _ in removed}
    for file in change_context.change.files:
        if not is_test(file.path) or file.before is None:
            continue
        if file.after is None:
            yield REMOVED.make_finding(file.path, "is deleted", _NEEDED)
            continue
        before, after = (
            {name: ast.dump(node) for name, node in list_functions(read_module(side))}
            for side in (file.before, file.after)
        )
        names = [name for name in before if before[name] != after.get(name)]
        if names or file.path in edited or not file.path.endswith(".py"):
            text = f"edits or removes {list_some(names) or 'lines'}; {_HIDDEN}"
            yield REWRITTEN.make_finding(file.path, text, fix)


def find_problems(compared: TestComparison, head: TestRun) -> Iterator[Finding]:
    """Yield findings for tests that do not behave as on base."""
    alike: dict[tuple[str, str], list[RewrittenTest]] = {}
    for test in compared.rewritten:
        words = test.text.strip().partition("\n")[0] or test.outcome
        family = "" if test.cause else test.item_id.partition("[")[0]
        alike.setdefault((family, words), []).append(test)
    for (_, words), tests in list(alike.items())[:_MOST]:
        ids = [test.item_id for test in tests]
        many = f"{len(ids):,} tests pass" if len(ids) > 1 else f"{ids[0]} passes"
        named = f" ({list_some(ids)})" if len(ids) > 1 else ""
        message = f"{many} only in the changed version{named}; the old version: {words}"
        yield REWRITTEN.make_finding("", message, _READ)
    if len(alike) > _MOST:
        yield REWRITTEN.make_finding("", f"{len(alike) - _MOST:,} more such tests", _READ)
    if compared.gone:
        many = f"{len(compared.gone):,} tests" if len(compared.gone) > 1 else "1 test"
        text = f"{many} from the base branch did not run: {list_some(compared.gone, _MOST)}"
        yield REMOVED.make_finding("", text, _NEEDED)
    if compared.unrun:
        total = compared.base_count + compared.base_unrun
        text = f"{len(compared.unrun):,} of {total:,} tests did not run in time, such as"
        fix = "Run them, or raise `checks.minutes` (and `limits.minutes`, for the whole run)."
        text = f"{text} {list_some(compared.unrun)}"
        yield NOT_RUN.make_finding("", text, fix, asks_author=False)
    for text in head.uncollected:
        yield NOT_COLLECTED.make_finding(text.partition(" ")[0], text, _COLLECTED)
    for text in head.doubts:
        fix = "Check that the tests still prove the same."
        yield SURROUNDINGS.make_finding("", text, fix)
