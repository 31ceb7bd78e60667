"""Judge a run of a test suite, whatever ran it.

Owns the agreement of exit code, report and ids: a run counts only when it came to its end, every
collected test has an outcome, the test that must pass passed, the one that must fail failed, and
what the runner counted and returned fits all that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from agent.checks import check, sealed
from agent.checks.sealed import Event, Id, Secret, Text
from agent.models.checks import COLLECTION, CheckItem, CheckResult, Status, SuiteFacts
from agent.models.sandbox import SANDBOX_TREE, SandboxResult
from agent.text import sanitise

_FAILING = ("failed", "error")
_OUTPUT_LIMIT = 60_000
_RANK = ("passed", "xpassed", "xfailed", "skipped", "unrun", "error", "failed")

Ending = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "unrun"]


class Session(Event):
    """A run of a suite begins; scripts may have several."""

    event: Literal["session"]
    tool: Text
    collect_only: bool
    setup_only: bool


class Collected(Event):
    event: Literal["collected"]
    ids: list[Id]


class Uncollected(Event):
    """A module that could not be collected."""

    event: Literal["uncollected"]
    id: Id
    text: Text


class Test(Event):
    """One test is over."""

    __test__ = False

    event: Literal["test"]
    id: Id
    outcome: Ending
    text: Text = ""
    place: Text = ""
    hidden: bool = False
    """Its report says other than what its call did."""


class Fixture(Event):
    """The set-up or tear-down of a class or a module failed or was skipped."""

    event: Literal["fixture"]
    id: Id
    outcome: Ending
    text: Text = ""
    place: Text = ""


class SuiteEnd(Event):
    """The suite came to its end."""

    event: Literal["finish"]
    failed: int
    stopped: Text
    late: bool
    """Tests were left out, since time was nearly up."""


class Facts(Event):
    """What belongs to the tests."""

    event: Literal["suite"]
    files: list[Id]
    product: list[Id]
    empty: list[Id]
    doctests: dict[Id, Text]
    plugins: dict[Id, Text]
    settings: dict[Id, Text]


KINDS: tuple[type[Event], ...] = (
    Session, Collected, Uncollected, Test, Fixture, SuiteEnd, Facts,
)  # fmt: skip


@dataclass
class _Run:
    """The events between one `session` and the next."""

    session: Session
    collected: list[list[str]] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)
    fixtures: list[Fixture] = field(default_factory=list)
    uncollected: list[Uncollected] = field(default_factory=list)
    finish: SuiteEnd | None = None

    def proofs(self, secret: Secret, name: str) -> list[Test]:
        starts = (f"{secret.module}.py::{name}", f"{secret.module}.{secret.module}.{name}")
        return [test for test in self.tests if test.id.startswith(starts)]

    def ids(self, secret: Secret) -> list[str]:
        first = self.collected[0] if self.collected else []
        return [test_id for test_id in first if not test_id.startswith(secret.module)]

    def lost_proofs(self, secret: Secret) -> bool:
        """Whether one of ours was collected and then not run."""
        first = self.collected[0] if self.collected else []
        ran = {test.id for test in self.tests}
        return any(test_id.startswith(secret.module) and test_id not in ran for test_id in first)


def _runs(report: sealed.Report) -> list[_Run]:
    runs: list[_Run] = []
    for event in report.events:
        if isinstance(event, Session):
            runs.append(_Run(event))
        if not runs:
            continue
        run = runs[-1]
        match event:
            case Collected():
                run.collected.append(event.ids)
            case Test():
                run.tests.append(event)
            case Fixture():
                run.fixtures.append(event)
            case Uncollected():
                run.uncollected.append(event)
            case SuiteEnd():
                run.finish = event
    return runs


def judge_suite(
    suite: check.Check, site: check.Site, secret: Secret, result: SandboxResult, codes: range
) -> CheckResult:
    """Say how a run of the tests ended.

    `codes` are the exit codes with which a run may end in which a test failed; one always does.
    """
    report = sealed.read_report(result, secret, KINDS)
    runs = _runs(report)
    items = tuple(_list_items(runs, secret))
    status, reason = _verdict(report, runs, items, secret, result, codes)
    stopped = check.explain_limit(result, site.test_limits(), "the tests were")
    found = check.make_result(
        suite,
        site,
        result,
        status,
        reason,
        limit=stopped,
        items=items,
        output=shorten_result_output(result),
    )
    touched = tuple(path.removeprefix(f"{SANDBOX_TREE}/") for path in result.touched)
    unrun = tuple(
        names[one]
        for run, names in zip(runs, _number_ids(runs, secret), strict=True)
        if run.finish
        for one in _list_pending(run, secret)
    )
    facts = {"touched": touched, "suite": _facts(report), "unrun": unrun}
    return found.model_copy(update=facts)


def _facts(report: sealed.Report) -> SuiteFacts | None:
    reported = list(report.iterate_events(Facts))
    if not reported:
        return None
    return SuiteFacts(
        files=tuple(dict.fromkeys(path for one in reported for path in one.files)),
        product=tuple(dict.fromkeys(path for one in reported for path in one.product)),
        empty=tuple(dict.fromkeys(path for one in reported for path in one.empty)),
        doctests={name: text for one in reported for name, text in one.doctests.items()},
        plugins={name: text for one in reported for name, text in one.plugins.items()},
        settings={name: text for one in reported for name, text in one.settings.items()},
    )


def find_collected_ids(result: SandboxResult, secret: Secret) -> frozenset[str] | None:
    """Return the ids that a collecting run found, or None if it did not come to its end."""
    report = sealed.read_report(result, secret, KINDS)
    runs = _runs(report)
    if not any(run.collected for run in runs):
        return None
    return frozenset(name for names in _number_ids(runs, secret) for name in names.values())


def _verdict(
    report: sealed.Report,
    runs: list[_Run],
    items: tuple[CheckItem, ...],
    secret: Secret,
    result: SandboxResult,
    codes: range,
) -> tuple[Status, str]:
    if not runs and not report.problem and report.first(sealed.Refused) is None:
        # A red exit without a session claims nothing that would need a proof.
        status = Status.UNVERIFIED if result.exit_code == 0 else Status.FAILED
        return status, f"no test was run: {get_last_lines(result)}"
    if problem := next(_problems(report, runs, secret, result, codes), ""):
        return Status.UNVERIFIED, problem
    if not items:
        return Status.FAILED, f"no tests were collected: {get_last_lines(result)}"
    failed = any(item.outcome in _FAILING for item in items)
    return (Status.FAILED if failed else Status.PASSED), ""


def _problems(
    report: sealed.Report, runs: list[_Run], secret: Secret, result: SandboxResult, codes: range
) -> Iterator[str]:
    for refused in report.iterate_events(sealed.Refused):
        yield refused.text
    for run in runs:
        yield from _disagreements(run, secret, get_last_lines(result))
    if report.problem:
        yield report.problem
    if result.exit_code not in codes:
        yield f"a test that must fail did fail, and still the exit code was {result.exit_code}"


def _disagreements(run: _Run, secret: Secret, words: str) -> Iterator[str]:
    if run.session.collect_only:
        yield "the tests were only collected, not run (--collect-only)"
    if run.session.setup_only:
        yield "the tests were only set up, not run (--setup-only)"
    if hidden := [test.id for test in run.tests if test.hidden]:
        yield f"the outcome of {sanitise.list_some(hidden, 1)} was changed after the test had run"
    if run.finish is None:
        yield f"the run ended before all tests were over: {words}"
        return
    if any(ids != run.collected[0] for ids in run.collected):
        yield "the workers did not collect the same tests"
    if not run.finish.late and (pending := _list_pending(run, secret)):
        stopped = f" ({run.finish.stopped})" if run.finish.stopped else ""
        yield f"{sanitise.list_some(pending, 1)} never got an outcome{stopped}"
    yield from _find_unproved(run, secret)
    least = sum(test.outcome in _FAILING for test in run.tests)
    least += len(run.uncollected) + sum(fix.outcome == "error" for fix in run.fixtures)
    if run.finish.failed < least:
        yield f"{least} tests failed, but the runner counted {run.finish.failed}"


def _find_unproved(run: _Run, secret: Secret) -> Iterator[str]:
    """Yield what our own tests did other than they must."""
    if run.lost_proofs(secret):
        yield "a test of ours was not run"
    for name, wanted in ((secret.must_pass, "passed"), (secret.must_fail, "failed")):
        became = {test.outcome for test in run.proofs(secret, name)}
        if became != {wanted}:
            verb = "pass" if wanted == "passed" else "fail"
            others = " and ".join(sorted(became - {wanted})) or "not run"
            yield f"a test of ours that must {verb} was {others}"


def _list_pending(run: _Run, secret: Secret) -> list[str]:
    """Collected tests without an outcome, in the order in which they were to run."""
    return [
        test_id
        for test_id in _without_outcome(run, secret)
        if not any(_is_covered_by(fixture, test_id) for fixture in run.fixtures)
    ]


def _without_outcome(run: _Run, secret: Secret) -> list[str]:
    done = {test.id for test in run.tests if test.outcome != "unrun"}
    return [test_id for test_id in run.ids(secret) if test_id not in done]


def _is_covered_by(fixture: Fixture, test_id: str) -> bool:
    """Whether `setUpClass (package.module.Class)` stands for a test that never ran."""
    kind, _, rest = fixture.id.partition(" (")
    return kind in {"setUpClass", "setUpModule"} and test_id.startswith(rest.rstrip(")") + ".")


def _number_ids(runs: list[_Run], secret: Secret) -> Iterator[dict[str, str]]:
    """Yield names by id for each run, with its number where an earlier run had the same id.

    So a test that one run of a script breaks is not hidden by another run that fails on base.
    """
    seen: set[str] = set()
    for number, run in enumerate(runs, 1):
        ids = {*run.ids(secret), *_by_id(run, secret)}
        yield {one: f"{one} #{number}" if one in seen else one for one in ids}
        seen |= ids


def _list_items(runs: list[_Run], secret: Secret) -> Iterator[CheckItem]:
    for run, names in zip(runs, _number_ids(runs, secret), strict=True):
        for test_id, item in _by_id(run, secret).items():
            yield item.model_copy(update={"item_id": names[test_id]})


def _by_id(run: _Run, secret: Secret) -> dict[str, CheckItem]:
    """Collect each test of a run once, with its worst outcome."""
    found: dict[str, CheckItem] = {}
    for test in run.tests:
        if not test.id.startswith(secret.module) and test.outcome != "unrun":
            _keep_worst(found, _item(_loader_id(test.id), test))
    pending = _without_outcome(run, secret) if run.fixtures else []
    for fixture in run.fixtures:
        covered = [name for name in pending if _is_covered_by(fixture, name)]
        for test_id in covered or [fixture.id]:
            _keep_worst(found, _item(test_id, fixture))
    for module in run.uncollected:
        item_id = module.id + COLLECTION
        _keep_worst(found, CheckItem(item_id=item_id, outcome="error", text=module.text))
    return found


def _loader_id(test_id: str) -> str:
    """Name the module where unittest makes a test of one that cannot be imported."""
    for prefix in ("unittest.loader._FailedTest.", "unittest.loader.ModuleImportFailure."):
        if test_id.startswith(prefix):
            return test_id.removeprefix(prefix) + COLLECTION
    return test_id


def _item(test_id: str, event: Test | Fixture) -> CheckItem:
    if test_id.endswith(COLLECTION):
        # unittest's words are a whole traceback; its last line says what is wrong.
        lines = event.text.strip().splitlines() or [""]
        return CheckItem(item_id=test_id, outcome="error", text=lines[-1])
    return CheckItem(item_id=test_id, outcome=event.outcome, text=event.text, place=event.place)


def _keep_worst(found: dict[str, CheckItem], item: CheckItem) -> None:
    present = found.get(item.item_id)
    if present is None or _RANK.index(item.outcome) > _RANK.index(present.outcome):
        found[item.item_id] = item


def shorten_result_output(result: SandboxResult) -> str:
    return shorten_output(result.output)


def shorten_output(text: str) -> str:
    """Head and tail of a text, as it is kept in a result."""
    return sanitise.shorten_middle(text, _OUTPUT_LIMIT, where="not kept")


def get_last_lines(result: SandboxResult) -> str:
    lines = [line.strip() for line in sanitise.strip_terminal_codes(result.output).splitlines()]
    words = [line for line in lines if line.strip("=-_ ")]
    return " / ".join(words[-3:])[-600:] or f"nothing was printed, exit code {result.exit_code}"
