"""Judge a run of a test suite, whatever ran it.

Exit code, report and ids must agree. A run counts only when it came to its end and every collected
test has an outcome. The test that must pass passed, and the other, which must fail, failed. The
runner's counts and exit code fit.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agent.checks import check, sealed
from agent.checks.sealed import Id, ReportEvent, Secret, Text
from agent.models.checks import COLLECTION, Bits, CheckItem, Status, SuiteFacts, TestReach, TestRun
from agent.models.record import replace
from agent.models.sandbox import SANDBOX_TREE, SandboxResult
from agent.text import sanitise

_FAILING = ("failed", "error")
_RANK = ("passed", "xpassed", "xfailed", "skipped", "unrun", "error", "failed")
#: How unittest names the failure of a module that cannot be imported.
_LOST = ("unittest.loader._FailedTest.", "unittest.loader.ModuleImportFailure.")

Ending = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "unrun"]


class SuiteEvent(ReportEvent):
    """A run of a suite begins; scripts may have several."""

    event: Literal["session"]


class CollectedEvent(ReportEvent):
    event: Literal["collected"]
    ids: list[Id]


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
    hidden: bool = False
    """Its report says other than what its call did."""


class SuiteEnd(ReportEvent):
    """The suite came to its end."""

    event: Literal["finish"]
    failed: int
    stopped: Text
    late: bool
    """Tests were left out, since time was nearly up."""
    replaced: list[Text] = []
    """What the change's tests have altered in the product, in sentences."""


class Facts(ReportEvent):
    """What belongs to the tests."""

    event: Literal["suite"]
    files: list[Id]
    product: list[Id] = []
    conditions: dict[Id, Text] = {}
    doctests: dict[Id, Text] = {}
    plugins: dict[Id, Text] = {}
    settings: dict[Id, Text]


class StartsEvent(ReportEvent):
    """The functions that a test has started on base: bits, by the numbers of names."""

    event: Literal["starts"]
    id: Id
    starts: Bits


class ReachEvent(ReportEvent):
    event: Literal["reach"]
    names: list[Id]
    by_name: list[Id]
    shared: Bits


KINDS: tuple[type[ReportEvent], ...] = (
    SuiteEvent, CollectedEvent, Test, SuiteEnd, Facts, StartsEvent, ReachEvent
)  # fmt: skip


def judge_suite(
    suite: check.Check[TestRun],
    site: check.Site,
    secret: Secret,
    result: SandboxResult,
    codes: range,
) -> TestRun:
    """Say how a run of the tests ended.

    `codes` are the exit codes with which a run may end in which a test failed; one always does.
    """
    report = sealed.read_report(result, secret, KINDS)
    runs = _split_runs(report, secret)
    items = _join_items(runs)
    status, reason = _judge_runs(report, runs, items, result, codes)
    return replace(
        check.make_result(suite, site, result, status, reason),
        items=items,
        touched=tuple(path.removeprefix(f"{SANDBOX_TREE}/") for path in result.touched),
        suite=join_facts([*report.iterate_events(Facts)], result.new),
        reach=_read_reach(report),
        doubts=tuple(
            f"{said}: tests that run later use it"
            for end in report.iterate_events(SuiteEnd)
            for said in end.replaced
        ),
        unrun=tuple(
            dict.fromkeys(test_id for run in runs if run.finish for test_id in run.list_pending())
        ),
    )


def _read_reach(report: sealed.SealedReport) -> TestReach | None:
    found = report.first(ReachEvent)
    if found is None:
        return None
    tests = {each.id: each.starts for each in report.iterate_events(StartsEvent)}
    return TestReach.model_validate(found.model_dump(exclude={"event"}) | {"tests": tests})


@dataclass
class _SuiteRun:
    """The events between one `session` and the next."""

    secret: Secret
    collected: list[list[str]] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)
    fixtures: list[Test] = field(default_factory=list)
    modules: list[Test] = field(default_factory=list)
    finish: SuiteEnd | None = None

    def is_ours(self, test_id: str) -> bool:
        return test_id.startswith(self.secret.module)

    def list_ids(self) -> list[str]:
        first = self.collected[0] if self.collected else []
        return [test_id for test_id in first if not self.is_ours(test_id)]

    def list_pending(self, *, covered: bool = False) -> list[str]:
        """List collected tests without an outcome, in the order in which they were to run.

        Args:
            covered: Whether the tests behind a failed set-up are among them.
        """
        done = {test.id for test in self.tests if test.outcome != "unrun"}
        left = [test_id for test_id in self.list_ids() if test_id not in done]
        if covered:
            return left
        return [one for one in left if not any(_covers(each, one) for each in self.fixtures)]

    def list_items(self) -> Iterator[CheckItem]:
        for test in self.tests:
            if not self.is_ours(test.id) and test.outcome != "unrun":
                yield _make_item(test.id, test)
        pending = self.list_pending(covered=True) if self.fixtures else []
        for fixture in self.fixtures:
            covered = [name for name in pending if _covers(fixture, name)]
            for test_id in covered or [fixture.id]:
                yield _make_item(test_id, fixture)
        for module in self.modules:
            yield _make_item(module.id + COLLECTION, module)


def _split_runs(report: sealed.SealedReport, secret: Secret) -> list[_SuiteRun]:
    runs: list[_SuiteRun] = []
    for event in report.events:
        if isinstance(event, SuiteEvent):
            runs.append(_SuiteRun(secret))
        if not runs:
            continue
        run = runs[-1]
        match event:
            case CollectedEvent():
                run.collected.append(event.ids)
            case Test(kind="test"):
                run.tests.append(event)
            case Test(kind="fixture"):
                run.fixtures.append(event)
            case Test(kind="module"):
                run.modules.append(event)
            case SuiteEnd():
                run.finish = event
    return runs


def pardon_nothing(found: TestRun) -> TestRun:
    """Let a run pass that came to its end, and did not find what was asked for any more."""
    if found.reason and not found.items and found.suite is not None and not found.limit:
        return replace(found, status=Status.PASSED, reason="")
    return found


def _join_items(runs: list[_SuiteRun]) -> tuple[CheckItem, ...]:
    """Join the items of all runs: each test once, with its worst outcome."""
    found: dict[str, CheckItem] = {}
    for item in (item for run in runs for item in run.list_items()):
        present = found.get(item.item_id)
        if present is None or _RANK.index(item.outcome) > _RANK.index(present.outcome):
            found[item.item_id] = item
    return tuple(found.values())


def _covers(fixture: Test, test_id: str) -> bool:
    """Whether `setUpClass (package.module.Class)` is in place of a test that never ran."""
    kind, _, rest = fixture.id.partition(" (")
    return kind in {"setUpClass", "setUpModule"} and test_id.startswith(rest.rstrip(")") + ".")


def _make_item(test_id: str, event: Test) -> CheckItem:
    if module := next((test_id.removeprefix(one) for one in _LOST if test_id.startswith(one)), ""):
        # unittest's words are a whole traceback; its last line says what is wrong.
        lines = event.text.strip().splitlines() or [""]
        return CheckItem(item_id=module + COLLECTION, outcome="error", text=lines[-1])
    known = {name: getattr(event, name) for name in ("outcome", "text", "place", "details")}
    return CheckItem(item_id=test_id, **known)


def join_facts(
    every: Sequence[Facts] | Sequence[SuiteFacts], left_behind: Iterable[str]
) -> SuiteFacts | None:
    """Join what several runs say belongs to the tests; None where none says anything."""
    if not every:
        return None
    lists = {
        name: tuple(dict.fromkeys(path for facts in every for path in getattr(facts, name)))
        for name in ("files", "product")
    }
    tables = {
        name: {key: text for facts in every for key, text in getattr(facts, name).items()}
        for name in ("conditions", "doctests", "plugins", "settings")
    }
    return SuiteFacts.model_validate({**lists, **tables, "left_behind": tuple(left_behind)})


def _judge_runs(
    report: sealed.SealedReport,
    runs: list[_SuiteRun],
    items: tuple[CheckItem, ...],
    result: SandboxResult,
    codes: range,
) -> tuple[Status, str]:
    if not runs and not report.problem and report.first(sealed.RefusedEvent) is None:
        # A red exit without a session claims nothing that would need a proof.
        status = Status.UNVERIFIED if result.exit_code == 0 else Status.FAILED
        return status, f"no test was run: {check.get_last_lines(result)}"
    if problem := next(_find_problems(report, runs, result, codes), ""):
        return Status.UNVERIFIED, problem
    if not items:
        is_late = any(run.list_pending() for run in runs)
        said = "no test started in time" if is_late else "no tests were collected"
        return Status.FAILED, f"{said}: {check.get_last_lines(result)}"
    failed = any(item.outcome in _FAILING for item in items)
    return (Status.FAILED if failed else Status.PASSED), ""


def _find_problems(
    report: sealed.SealedReport, runs: list[_SuiteRun], result: SandboxResult, codes: range
) -> Iterator[str]:
    for refused in report.iterate_events(sealed.RefusedEvent):
        yield refused.text
    for run in runs:
        yield from _find_disagreements(run, check.get_last_lines(result))
    if report.problem:
        yield report.problem
    if result.exit_code not in codes:
        yield f"the deliberately failing test failed, but the exit code was {result.exit_code}"


def _find_disagreements(run: _SuiteRun, words: str) -> Iterator[str]:
    hidden = [
        "a control test" if run.is_ours(test.id) else test.id for test in run.tests if test.hidden
    ]
    if hidden := [*dict.fromkeys(hidden)]:
        yield f"the outcome of {sanitise.list_some(hidden, 1)} was changed after the test ran"
    if run.finish is None:
        yield f"the test run ended early: {words}"
        return
    if any(ids != run.collected[0] for ids in run.collected):
        yield "the workers did not collect the same tests"
    if not run.finish.late and (pending := run.list_pending()):
        stopped = f" ({run.finish.stopped})" if run.finish.stopped else ""
        yield f"{sanitise.list_some(pending, 1)} has no outcome{stopped}"
    yield from _find_unproved(run)
    least = sum(test.outcome in _FAILING for test in run.tests)
    least += len(run.modules) + sum(fix.outcome == "error" for fix in run.fixtures)
    if run.finish.failed < least:
        yield f"{least} tests failed, but the runner counted {run.finish.failed}"


def _find_unproved(run: _SuiteRun) -> Iterator[str]:
    """Yield what our own tests did other than they must."""
    secret, ran = run.secret, {test.id for test in run.tests}
    collected = run.collected[0] if run.collected else []
    if any(run.is_ours(test_id) and test_id not in ran for test_id in collected):
        yield "a control test was not run"
    for name, wanted in ((secret.must_pass, "passed"), (secret.must_fail, "failed")):
        starts = (f"{secret.module}.py::{name}", f"{secret.module}.{secret.module}.{name}")
        became = {test.outcome for test in run.tests if test.id.startswith(starts)}
        if became != {wanted}:
            verb = "pass" if wanted == "passed" else "fail"
            others = " and ".join(sorted(became - {wanted})) or "not run"
            yield f"a control test that must {verb} ended as {others}"
