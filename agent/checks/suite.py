"""Read a run of a test suite from the events of its report, for every runner.

A run counts only if it ran to its end, every collected test has an outcome, and our own test, which
must fail, was reported as failed.
"""

import shlex
from collections.abc import Iterator, Sequence
from typing import Literal

from agent.checks import check, report
from agent.checks.check import Site
from agent.checks.report import Id, ReportEvent, Text
from agent.models.checks import CheckItem, Status, TestRun
from agent.models.record import replace
from agent.models.sandbox import SandboxResult
from agent.text import sanitise

SENTINEL = "mergewright_sentinel"
#: `SuiteEnd.stopped` of a run that ended at its first failure, as requested.
ENOUGH = "a test failed"
PASSING = ("passed", "xpassed")
FAILING = ("failed", "error")
#: The first of these that any of the runs has is the status of the joined run.
_ORDER = (Status.UNVERIFIED, Status.FAILED, Status.PASSED)
_RANK = ("passed", "xpassed", "xfailed", "skipped", "error", "failed")

Ending = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "unrun"]


class SuiteBegin(ReportEvent):
    """A run of a suite begins; a script may run several suites."""

    event: Literal["session"]


class Collected(ReportEvent):
    """The tests that are to run; each of several workers reports them."""

    event: Literal["collected"]
    ids: list[Id]
    files: list[Id]
    """The files of these tests, in the same order; "": unknown."""


class Test(ReportEvent):
    """A test has ended, or a collection or set-up failed in its place."""

    __test__ = False

    event: Literal["test"]
    id: Id
    outcome: Ending
    text: Text = ""
    place: Text = ""
    file: Id = ""
    digest: Text = ""
    """Digest of the text of a doctest in a module."""


class SuiteEnd(ReportEvent):
    """The suite ran to its end."""

    event: Literal["finish"]
    stopped: Text
    late: bool
    """Whether tests were left out because time was nearly up."""


class Coverage(ReportEvent):
    event: Literal["coverage"]
    file: Id
    missing: list[int]


KINDS: tuple[type[ReportEvent], ...] = (SuiteBegin, Collected, Test, SuiteEnd, Coverage)


class _Suite:
    """Tests and outcomes of all suites that a command has run."""

    def __init__(self, events: report.Report) -> None:
        self.begun = len([*events.iterate_events(SuiteBegin)])
        self.ends = [*events.iterate_events(SuiteEnd)]
        self.files: dict[str, str] = {}
        """Files of collected tests by id, in the order in which they were to run."""
        for collected in events.iterate_events(Collected):
            self.files |= zip(collected.ids, collected.files, strict=False)
        self.items: dict[str, CheckItem] = {}
        """Tests by id; if several suites run a test, with its worst outcome."""
        self.sentinels: list[str] = []
        """Outcomes of our own test."""
        for test in events.iterate_events(Test):
            if test.id == SENTINEL:
                self.sentinels.append(test.outcome)
            elif test.outcome != "unrun":
                self._add(test)
        self.pending = tuple(test_id for test_id in self.files if test_id not in self.items)

    def _add(self, test: Test) -> None:
        before = self.items.get(test.id)
        if before is None or _RANK.index(test.outcome) > _RANK.index(before.outcome):
            facts = test.model_dump(exclude={"event", "id"})
            facts["file"] = test.file or self.files.get(test.id, "")
            self.items[test.id] = CheckItem(item_id=test.id, **facts)

    def find_disagreements(self, words: str, *, may_stop: bool) -> Iterator[str]:
        """Yield the reasons for which a run is unverified.

        Args:
            may_stop: Whether the run was to end with its first failure.
        """
        if len(self.ends) < self.begun:
            yield f"the test run ended early: {words}"
        if not (self.files or self.items or self.sentinels):
            # For example, a path on the command line does not exist.
            yield f"no tests were collected: {words}"
        stopped = next((end.stopped for end in self.ends if end.stopped), "")
        if may_stop and stopped == ENOUGH:
            return
        if self.pending and not any(end.late for end in self.ends):
            why = f" ({stopped})" if stopped else ""
            yield f"{sanitise.list_some(self.pending, 1)} has no outcome{why}"
        if {*self.sentinels} != {"failed"} or len(self.sentinels) < self.begun:
            ends = " and ".join(sorted({*self.sentinels} - {"failed"})) or "not run"
            yield f"our own test, which must fail, ended as {ends}"


def read_run(
    check_of_tests: check.Check[TestRun],
    site: Site,
    result: SandboxResult,
    *,
    is_selection: bool,
    may_stop: bool,
) -> TestRun:
    """Read the result of a run of tests.

    Args:
        is_selection: Whether only selected tests were to run.
        may_stop: Whether the run was to end with its first failure.
    """
    events = report.read_report(result, KINDS)
    suite, words = _Suite(events), check.get_last_lines(result)
    is_red = any(item.outcome in FAILING for item in suite.items.values())
    reason, is_proved = events.problem, False
    if suite.begun:
        reason = next(suite.find_disagreements(words, may_stop=may_stop), reason)
        if is_red and result.exit_code == 0 and not is_selection:
            reason = reason or "tests failed, but the exit code was 0"
        if is_proved := not reason:
            cause = "no test started in time" if suite.files else "no tests were collected"
            reason = "" if suite.items else f"{cause}: {words}"
    elif not reason:
        # A red exit code without a run of tests is believed: it only counts against the change.
        reason, is_proved = f"no test was run: {words}", result.exit_code != 0
    status = Status.FAILED if is_red or reason else Status.PASSED
    return replace(
        check.make_result(
            check_of_tests, site, result, status if is_proved else Status.UNVERIFIED, reason
        ),
        items=tuple(suite.items.values()),
        files=tuple(sorted({*suite.files.values()} - {""})) if suite.ends else None,
        left_behind=result.new,
        unexecuted={file.file: tuple(file.missing) for file in events.iterate_events(Coverage)},
        unrun=suite.pending if suite.ends else (),
    )


def accept_empty(run: TestRun) -> TestRun:
    """Return the run, as passed if it ran to its end but has none of the selected tests."""
    if run.reason and not run.items and run.files is not None and not run.limit:
        return replace(run, status=Status.PASSED, reason="")
    return run


# --- several commands ------------------------------------------------------------------------


def join_runs(runs: Sequence[TestRun]) -> TestRun:
    """Join the runs of several commands on the same tree, in their order."""
    items, twice = _join_items(runs)
    named = [f"`{shlex.join(run.command)}`: {run.reason}" for run in runs if run.reason]
    statuses = {run.status for run in runs}
    status = next(status for status in _ORDER if status in statuses)
    if twice:
        status = Status.UNVERIFIED
        named.insert(0, f"{twice} is run by several commands of checks.tests: leave it out of one")
    files = dict.fromkeys(path for run in runs for path in run.files or ())
    output = "\n".join(f"$ {shlex.join(run.command)}\n{run.output}" for run in runs)
    return replace(
        runs[0],
        status=status,
        exit_code=next((run.exit_code for run in runs if run.exit_code != 0), 0),
        limit=next((run.limit for run in runs if run.limit), ""),
        seconds=sum(run.seconds for run in runs),
        command=("bash", "-c", "; ".join(shlex.join(run.command) for run in runs)),
        reason="; ".join(named),
        output=check.shorten_output(output),
        items=items,
        files=tuple(files) if any(run.files is not None for run in runs) else None,
        left_behind=tuple(dict.fromkeys(path for run in runs for path in run.left_behind)),
        unexecuted=_join_unexecuted(runs),
        unrun=tuple(dict.fromkeys(test_id for run in runs for test_id in run.unrun)),
    )


def _join_unexecuted(runs: Sequence[TestRun]) -> dict[str, tuple[int, ...]]:
    """Return the lines that none of the commands has run, by path."""
    first, *later = [run.unexecuted for run in runs if run.unexecuted] or [{}]
    return {
        path: tuple(sorted({*lines}.intersection(*(table.get(path, ()) for table in later))))
        for path, lines in first.items()
    }


def _join_items(runs: Sequence[TestRun]) -> tuple[tuple[CheckItem, ...], str]:
    """Join the tests; return also the id of the first test that two commands have run, or "".

    Not counted: a module that cannot be imported, and a test that all commands but one skip.
    """
    items: dict[str, CheckItem] = {}
    twice = ""
    for item in (item for run in runs for item in run.items):
        before = items.setdefault(item.item_id, item)
        if before.outcome == "skipped":
            items[item.item_id] = item
        elif before is not item and item.outcome != "skipped" and not item.is_collection:
            twice = twice or item.item_id
    return tuple(items.values()), twice
