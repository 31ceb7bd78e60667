"""Run the checks of a repository, each in a fresh sandbox, and show their last lines live."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from threading import Event
from typing import NamedTuple, Self, cast

from agent.checks.check import (
    LEAST_SECONDS,
    MINUTES_LIMIT,
    Check,
    RunT,
    Site,
    explain_limit,
    make_result,
)
from agent.checks.commands import ShellCheck, make_check
from agent.checks.django_state import DJANGO_CHECK, MAKEMIGRATIONS
from agent.checks.runners import Suite
from agent.checks.suite import FAILING, accept_empty, join_runs
from agent.models.change import Change, Hunk, Plan
from agent.models.checks import (
    TESTS,
    AnyRun,
    CheckItem,
    CommandRun,
    LintRun,
    RepeatedTest,
    Status,
    TestRun,
    split_place,
)
from agent.models.environment import Contract
from agent.models.record import replace
from agent.models.sandbox import Flag, Sandbox
from agent.setup import sandbox_services
from agent.telemetry import run_log
from agent.text import sanitise
from repo_config.command_lines import CheckCommand
from repo_config.tree import Tree

#: Shows a line to people who watch the run. Several threads call it.
Say = Callable[[str], None]

#: Seconds after which the output of a check begins to be shown.
QUIET_SECONDS = 5.0
EVERY_SECONDS = 1.0
LONGEST = 300
_TAIL_BYTES = 8 * 1024


AnyCheck = Check[AnyRun]


class Job(NamedTuple):
    """A check with its site, which is laid out when the check begins."""

    check: AnyCheck
    lay_out: Callable[[], Site]
    until: Callable[[], float] = lambda: math.inf
    """Time by the monotonic clock after which the check does not begin."""

    @classmethod
    def at(cls, check: AnyCheck, site: Site) -> "Job":
        """Make a job for a site that is laid out already."""
        return cls(check, lambda: site)


@dataclass
class Bench:
    """All that the judging of a change needs besides the change."""

    base: Site
    """Base in its own environment."""
    head: Site
    """The change, in the environment that it declares."""
    tree: Tree
    """Files of base."""
    hunks: Mapping[str, tuple[Hunk, ...]]
    """The hunks of each file of the change, by its path."""
    lay_out: Callable[[Change, str], Site]
    """Lays out a change, with the environment that it declares, in a folder of this name; if the
    name is "", in the thread's own folder, whose content it replaces."""
    contract: Contract
    plan: Plan
    jobs: "Jobs"
    say: Say
    human_changes: Change | None = None
    """The branch's change so far, if people committed to it; its lines never block."""
    measure_anew: Callable[[], TestRun] | None = None
    """Measures base's tests once more; None: this run has measured them."""
    repeated: dict[str, RepeatedTest] = field(default_factory=dict)
    """Tests that ran once more on both sides, by id."""

    def run_all(self, jobs: Sequence[Job]) -> dict[str, AnyRun]:
        """Run checks at the same time; return their results by name."""
        self.jobs.start(jobs)
        return self.jobs.wait(jobs)


class Jobs:
    """Runs checks at the same time, begun in their order; leaving the `with` block ends all."""

    def __init__(self, sandbox: Sandbox, say: Say, at_once: int, until: float = math.inf) -> None:
        self._sandbox, self._say, self._until = sandbox, say, until
        self._pool = ThreadPoolExecutor(max(1, at_once), "gate")
        self._futures: dict[str, Future[AnyRun]] = {}
        """Checks whose results have not been read, by name."""
        self._cancelled = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._cancelled.set()
        # After an error, such as an interruption, the other checks are not waited for.
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def start(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            run = run_log.keep_log_context(self._run)
            self._futures[job.check.name] = self._pool.submit(run, job)

    def iterate_results(self, jobs: Iterable[Job] | None = None) -> Iterator[AnyRun]:
        """Yield the results of started checks as they end; None: of all of them."""
        names = [*self._futures] if jobs is None else [job.check.name for job in jobs]
        for future in as_completed([self._futures.pop(name) for name in names]):
            result = future.result()
            _say_result(result, self._say)
            yield result

    def wait(self, jobs: Iterable[Job] | None = None) -> dict[str, AnyRun]:
        """Wait for started checks, None: for all; return their results by name."""
        return {result.name: result for result in self.iterate_results(jobs)}

    def _run(self, job: Job) -> AnyRun:
        if time.monotonic() >= min(self._until, job.until()):
            reason = "there was no time left for it"
            facts = {"name": job.check.name, "status": Status.UNVERIFIED, "reason": reason}
            return job.check.kind.model_validate(facts | {"limit": MINUTES_LIMIT})
        site = job.lay_out()
        if reason := job.check.explain_absence(site):
            return CommandRun(name=job.check.name, status=Status.ABSENT, reason=reason)
        return run_check(job.check, site, self._sandbox, self._say, self._cancelled)


def list_others(site: Site) -> tuple[Job, ...]:
    """List all checks but the tests, in the order of reports: usually the quickest first."""
    project = site.project
    of_django = (DJANGO_CHECK, MAKEMIGRATIONS) if project.django else ()
    lint, others = project.lint, (*project.types, *project.extra)
    checks: tuple[AnyCheck, ...] = (*map(make_check, lint), *of_django, *map(make_check, others))
    return tuple(Job.at(check, site) for check in checks)


def list_tests(site: Site) -> tuple[Job]:
    if site.project.test_runner == "command":
        line = CheckCommand(name=TESTS, line=str(site.config.checks.tests))
        return (Job.at(ShellCheck(line), site),)
    return (Job.at(Suite(), site),)


def run_checks(
    jobs: Sequence[Job],
    sandbox: Sandbox,
    say: Say,
    *,
    at_once: int = 1,
    is_enough: Callable[[AnyRun], bool] = lambda _: False,
) -> tuple[AnyRun, ...]:
    """Run checks, the last first; return results in the order of `jobs`, absent checks included.

    Args:
        is_enough: The first result for which it is true ends the other checks, which are left out.
    """
    ran: dict[str, AnyRun] = {}
    with Jobs(sandbox, say, at_once) as started:
        started.start(jobs[::-1])
        for result in started.iterate_results():
            ran[result.name] = result
            if is_enough(result):
                break
    return tuple(ran[job.check.name] for job in jobs if job.check.name in ran)


def _say_result(result: AnyRun, say: Say) -> None:
    if result.status is Status.ABSENT:
        return
    counts = result.cut if isinstance(result, TestRun) else ""
    if isinstance(result, TestRun | LintRun) and result.items and not counts:
        counts = f"{len(result.items)} items"
    ending = f"{result.status.value}{f', {counts}' * bool(counts)}"
    say(f"{result.name}: {ending} in {result.seconds:.1f} s")


def run_check(
    check: Check[RunT], site: Site, sandbox: Sandbox, say: Say, cancelled: Flag | None = None
) -> RunT:
    """Run a check; run it again if it reached a limit other than time.

    Other sandboxes of the machine may have used up memory, disk or processes. A check whose
    services did not start is unverified. The commands of the tests run one after another, each in
    a sandbox of its own.
    """
    if isinstance(check, Suite) and site.project.more_tests:
        runs = _run_each(check, site, sandbox, say, cancelled)
        return cast(RunT, join_runs(runs))
    for is_last in (False, True):
        order = check.make_request(site)
        result = sandbox.run(order, cancelled, LiveOutput(check.name, say))
        if is_last or result.limit in (None, "time"):
            break
    limit, knock = result.limit or "", None
    ended = explain_limit(check.name, limit, order.limits) if limit else ""
    problem = ""
    if words := sandbox_services.not_started(order, result):
        problem = f"the check did not start: {words}"
    elif knock := sandbox_services.read_knock(order, result):
        problem = f"the tests connect to {knock.name}, which `services` does not name"
    if problem:
        run = make_result(check, site, result, Status.UNVERIFIED, problem)
    else:
        run = check.read_result(site, result)
        if ended:
            run = replace(run, status=Status.FAILED, reason=ended)
    if knock and isinstance(run, TestRun):
        run = replace(run, knock=knock)
    if limit == "time" and time.monotonic() >= site.until:
        limit = MINUTES_LIMIT
    return _add_lines(replace(run, limit=limit), site)


def _run_each(
    suite: Suite, site: Site, sandbox: Sandbox, say: Say, cancelled: Flag | None
) -> list[TestRun]:
    """Run the tests command by command; a command may have none of the selected tests."""
    runs: list[TestRun] = []
    until = time.monotonic() + site.test_limits().seconds
    for command in site.project.suites:
        place = dataclasses.replace(site, project=site.project.with_suite(command))
        left = max(until - time.monotonic(), LEAST_SECONDS)
        run = run_check(suite, place.limit_seconds(left), sandbox, say, cancelled)
        runs.append(accept_empty(run) if suite.only else run)
        red = {item.item_id for item in run.items if item.outcome in FAILING}
        if suite.known_red is not None and red - suite.known_red:
            break
    return runs


def _add_lines(run: RunT, site: Site) -> RunT:
    """Add the source lines of findings and failing tests."""
    if not isinstance(run, TestRun | LintRun):
        return run
    read = cache(lambda path: (site.text(path) or "").splitlines())

    def add_line(item: CheckItem) -> CheckItem:
        path, number = split_place(item.place)
        if item.outcome not in ("finding", "failed", "error") or number is None:
            return item
        line = "".join(read(path)[number - 1 : number]).strip()
        return replace(item, source=line)

    return replace(run, items=tuple(map(add_line, run.items)))


class LiveOutput:
    """Shows the last line that a sandbox has printed, at most once a second.

    It spends little time on each piece, since it delays its caller, which enforces the sandbox's
    limits. The result of the check has the whole output.
    """

    def __init__(
        self,
        name: str,
        say: Say,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._say, self._now = name, say, now
        self._next = now() + QUIET_SECONDS
        self._tail, self._last, self._has_key = b"\n", "", False

    def __call__(self, piece: bytes) -> None:
        text = self._tail + piece
        # A single line of a key cannot be recognized as secret, so nothing more is shown.
        self._has_key = self._has_key or b"PRIVATE KEY" in text
        self._tail = text[-_TAIL_BYTES:]
        if self._has_key or self._now() < self._next:
            return
        whole = self._tail.split(b"\n")[-2:0:-1]
        line = next(filter(None, map(_show, whole)), self._last)
        if line != self._last:
            self._say(f"{self._name} | {line}")
            self._last, self._next = line, self._now() + EVERY_SECONDS


def _show(raw: bytes) -> str:
    text = raw[: 4 * LONGEST].decode("utf-8", "replace")
    line = sanitise.strip_terminal_codes(text).strip()
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
