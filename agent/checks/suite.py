"""Read a run of a test suite from its events, whatever ran it.

A run counts only when it came to its end, every collected test has an outcome, and our own test,
which must fail, was seen to fail.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from agent.checks import check, report
from agent.checks.check import Site, TestRequest
from agent.checks.report import Id, ReportEvent, Text
from agent.models.checks import COLLECTION, CheckItem, Status, TestRun
from agent.models.record import replace
from agent.models.sandbox import SandboxResult
from agent.text import sanitise

SENTINEL = "mergewright_sentinel"
PASSING = ("passed", "xpassed")
FAILING = ("failed", "error")
_RANK = ("passed", "xpassed", "xfailed", "skipped", "unrun", "error", "failed")
#: How unittest names the failure of a module that cannot be imported.
_LOST = ("unittest.loader._FailedTest.", "unittest.loader.ModuleImportFailure.")

Ending = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "unrun"]


class SuiteBegin(ReportEvent):
    """A run of a suite begins; scripts may have several."""

    event: Literal["session"]


class Collected(ReportEvent):
    event: Literal["collected"]
    ids: list[Id]
    files: list[Id]
    """The file of each; "": it is not known."""


class Test(ReportEvent):
    """One test is over, or a failure in place of tests."""

    __test__ = False

    event: Literal["test"]
    id: Id
    kind: Literal["test", "fixture", "module"] = "test"
    """`fixture`: the set-up or tear-down of a class or a module failed or was skipped; `module`:
    it could not be collected."""
    outcome: Ending
    text: Text = ""
    place: Text = ""
    details: Text = ""
    file: Id = ""


class SuiteEnd(ReportEvent):
    """The suite came to its end."""

    event: Literal["finish"]
    stopped: Text
    late: bool
    """Tests were left out, since time was nearly up."""
    files: list[Id]
    """Test modules and plugins of the tree."""
    doctests: dict[Id, Text] = {}
    """Digest of the text of each doctest in a module, by id."""


class Coverage(ReportEvent):
    event: Literal["coverage"]
    file: Id
    missing: list[int]


KINDS: tuple[type[ReportEvent], ...] = (SuiteBegin, Collected, Test, SuiteEnd, Coverage)


@dataclass
class _Session:
    """The events between one `session` and the next."""

    collected: list[list[str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    """By the ids of tests."""
    tests: list[Test] = field(default_factory=list)
    fixtures: list[Test] = field(default_factory=list)
    modules: list[Test] = field(default_factory=list)
    end: SuiteEnd | None = None

    def list_pending(self, *, covered: bool = False) -> list[str]:
        """List collected tests without an outcome, in the order in which they were to run.

        Args:
            covered: Whether the tests behind a failed set-up are among them.
        """
        done = {test.id for test in self.tests if test.outcome != "unrun"}
        ids = self.collected[0] if self.collected else []
        left = [one for one in ids if one not in done and not one.startswith(SENTINEL)]
        if covered:
            return left
        return [one for one in left if not any(_covers(each, one) for each in self.fixtures)]

    def list_items(self) -> Iterator[CheckItem]:
        for test in self.tests:
            if not test.id.startswith(SENTINEL) and test.outcome != "unrun":
                yield self._make_item(test.id, test)
        pending = self.list_pending(covered=True) if self.fixtures else []
        for fixture in self.fixtures:
            covered = [name for name in pending if _covers(fixture, name)]
            for test_id in covered or [fixture.id]:
                yield self._make_item(test_id, fixture)
        for module in self.modules:
            yield self._make_item(module.id + COLLECTION, module)

    def _make_item(self, test_id: str, event: Test) -> CheckItem:
        facts = event.model_dump(include={"outcome", "text", "place", "details"})
        file = event.file or self.files.get(test_id, "")
        if name := next(
            (test_id.removeprefix(one) for one in _LOST if test_id.startswith(one)), ""
        ):
            # unittest's words are a whole traceback; its last line says what is wrong.
            test_id, facts["outcome"] = name + COLLECTION, "error"
            facts["text"] = (event.text.strip().splitlines() or [""])[-1]
        digest = self.end.doctests.get(test_id, "") if self.end else ""
        return CheckItem(item_id=test_id, file=file, digest=digest, **facts)


def read_run(
    suite: check.Check[TestRun], request: TestRequest, site: Site, result: SandboxResult
) -> TestRun:
    """Say how a run of the tests ended."""
    read = report.read_report(result, KINDS)
    sessions = _split_sessions(read)
    items = _join_items(sessions)
    ends = [session.end for session in sessions if session.end]
    status, reason = _judge(read, sessions, items, result, request)
    files = dict.fromkeys(path for end in ends for path in end.files)
    return replace(
        check.make_result(suite, site, result, status, reason),
        items=items,
        files=tuple(files) if ends else None,
        left_behind=result.new,
        unexecuted={event.file: tuple(event.missing) for event in read.iterate_events(Coverage)},
        unrun=tuple(
            dict.fromkeys(one for each in sessions if each.end for one in each.list_pending())
        ),
    )


def _split_sessions(read: report.Report) -> list[_Session]:
    sessions: list[_Session] = []
    for event in read.events:
        if isinstance(event, SuiteBegin):
            sessions.append(_Session())
        if not sessions:
            continue
        session = sessions[-1]
        match event:
            case Collected():
                session.collected.append(event.ids)
                session.files.update(zip(event.ids, event.files, strict=False))
            case Test(kind="test"):
                session.tests.append(event)
            case Test(kind="fixture"):
                session.fixtures.append(event)
            case Test(kind="module"):
                session.modules.append(event)
            case SuiteEnd():
                session.end = event
    return sessions


def _join_items(sessions: list[_Session]) -> tuple[CheckItem, ...]:
    """Join the items of all sessions: each test once, with its worst outcome."""
    joined: dict[str, CheckItem] = {}
    for item in (item for session in sessions for item in session.list_items()):
        present = joined.get(item.item_id)
        if present is None or _RANK.index(item.outcome) > _RANK.index(present.outcome):
            joined[item.item_id] = item
    return tuple(joined.values())


def _covers(fixture: Test, test_id: str) -> bool:
    """Whether `setUpClass (package.module.Class)` is in place of a test that never ran."""
    kind, _, rest = fixture.id.partition(" (")
    return kind in {"setUpClass", "setUpModule"} and test_id.startswith(rest.rstrip(")") + ".")


def accept_empty(run: TestRun) -> TestRun:
    """Let a run pass that came to its end, and did not find what was asked for any more."""
    if run.reason and not run.items and run.files is not None and not run.limit:
        return replace(run, status=Status.PASSED, reason="")
    return run


def _judge(
    read: report.Report,
    sessions: list[_Session],
    items: tuple[CheckItem, ...],
    result: SandboxResult,
    request: TestRequest,
) -> tuple[Status, str]:
    words = check.get_last_lines(result)
    if not sessions and not read.problem:
        # A red exit without a session claims nothing that would need a proof.
        status = Status.UNVERIFIED if result.exit_code == 0 else Status.FAILED
        return status, f"no test was run: {words}"
    failed = any(item.outcome in FAILING for item in items)
    disagreements = (
        said for each in sessions for said in _find_disagreements(each, request, words)
    )
    if problem := next(disagreements, read.problem):
        return Status.UNVERIFIED, problem
    if failed and result.exit_code == 0 and not request.only:
        return Status.UNVERIFIED, "tests failed, but the exit code was 0"
    if not items:
        is_late = any(session.list_pending() for session in sessions)
        said = "no test started in time" if is_late else "no tests were collected"
        return Status.FAILED, f"{said}: {words}"
    return (Status.FAILED if failed else Status.PASSED), ""


def _find_disagreements(session: _Session, request: TestRequest, words: str) -> Iterator[str]:
    if session.end is None:
        yield f"the test run ended early: {words}"
        return
    if any(ids != session.collected[0] for ids in session.collected):
        yield "the workers did not collect the same tests"
    is_ended = request.known_red is not None and session.end.stopped
    if not (session.end.late or is_ended) and (pending := session.list_pending()):
        stopped = f" ({session.end.stopped})" if session.end.stopped else ""
        yield f"{sanitise.list_some(pending, 1)} has no outcome{stopped}"
    became = {test.outcome for test in session.tests if test.id.startswith(SENTINEL)}
    if became != {"failed"} and not is_ended:
        others = " and ".join(sorted(became)) or "not run"
        yield f"our own test, which must fail, ended as {others}"
