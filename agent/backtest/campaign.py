"""Carry out a backtest: a dry run for each task, measured by the merged tests.

Each run is a command of its own. All use the data folder of the backtests, so that they share
environments and mirrors, and do not count in statistics. The row of a task is on disk before the
next task begins. If continued, a backtest takes the tasks without a row, and continues their runs.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from agent.backtest import folders
from agent.backtest.merged_tests import ExpectedTests, MergedTests
from agent.backtest.tasks import PastChange
from agent.desk import Desk
from agent.errors import AgentError, Cancelled, RequestRefused
from agent.models.backtest import BacktestResult, End, find_end
from agent.models.change import Severity
from agent.models.clock import read_clock
from agent.models.environment import OpenedRepository, Prepared
from agent.models.outcome import Outcome
from agent.models.record import Record, replace
from agent.models.run import Reason, Run, make_run_id
from agent.models.sandbox import Flag
from agent.models.step import AnyStep
from agent.runs import commands
from agent.runs.folders import lock_trees
from agent.settings import Settings
from agent.stages import checkout, environment
from agent.steps import BREAK_OFF_SECONDS, Cancellation
from agent.store.sql_run_store import open_store
from agent.telemetry.private_files import write_private_file

T = TypeVar("T")
P = ParamSpec("P")

_LOOK_SECONDS = 0.5


class Order(Record):
    """The request for a backtest, stored so that it can continue."""

    tasks: tuple[PastChange, ...]
    config_text: str | None = None
    config_name: str | None = None
    model: str | None = None
    usd: float | None = None
    """Limit of cost: once it is reached, or a cost is unknown, no run begins; None: no limit."""
    command: str = ""
    """The command that began it."""
    version: str = ""
    """The version of Mergewright."""


@dataclass
class Campaign:
    """A backtest on this machine, in a folder of its own."""

    folder: Path
    order: Order
    settings: Settings
    """Those of the service, with the data folder of the backtests in place of its own."""
    make_desk: Callable[[Settings, Callable[[str], None], Flag], Desk]
    say: Callable[[str], None]
    _children: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: Cancellation = field(default_factory=Cancellation)

    def run_tasks(
        self, jobs: int, show: Callable[[BacktestResult], None]
    ) -> tuple[BacktestResult, ...]:
        """Carry out the tasks without a row; return all rows, in the order of the tasks.

        Ctrl-C ends the tasks that are running; these get no rows.
        """
        rows = {row.instance_id: row for row in folders.load_rows(self.folder)}
        left = [task for task in self.order.tasks if task.instance_id not in rows]

        def run_one(task: PastChange) -> BacktestResult | None:
            if self._stopped.is_set() or self._find_limit(list(rows.values())):
                return None
            row = self._run_task(task)
            with self._lock:
                folders.add_row(self.folder, row)
                # Added here, so that the cost counts before this thread begins the next task.
                rows[row.instance_id] = row
            return row

        pool = ThreadPoolExecutor(jobs)
        under_way = {pool.submit(run_one, task) for task in left}
        try:
            while under_way:
                # A signal does not always end a wait, so it has a time limit.
                done, under_way = wait(under_way, _LOOK_SECONDS, FIRST_COMPLETED)
                for row in filter(None, (future.result() for future in done)):
                    show(row)
        except BaseException:
            self._break_off()
            wait(under_way, BREAK_OFF_SECONDS)
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if missing := len(self.order.tasks) - len(rows):
            self.say(f"{missing} tasks did not start: {self._find_limit(rows.values())}")
        names = [task.instance_id for task in self.order.tasks]
        return tuple(rows[name] for name in names if name in rows)

    def _break_off(self) -> None:
        with self._lock:
            self._stopped.break_off()
            # SIGTERM ends a run as Ctrl-C does: its results so far are kept.
            for child in self._children:
                child.terminate()

    def _find_limit(self, rows: Iterable[BacktestResult]) -> str:
        """Return why no further run may begin; "": it may."""
        if (most := self.order.usd) is None:
            return ""
        costs = [row.usd for row in rows]
        if None in costs:
            return f"a model's price is unknown, so the limit of ${most:g} cannot be enforced"
        spent = sum(cost or 0.0 for cost in costs)
        return f"the limit of ${most:g} is reached" if spent >= most else ""

    # --- one task ---------------------------------------------------------------------------------

    def _run_task(self, task: PastChange) -> BacktestResult:
        def say(line: str) -> None:
            self.say(f"{task.instance_id}: {line}")

        desk = self.make_desk(self.settings, say, self._stopped)
        wanted, set_up = self._ask_merged_tests(task, desk, MergedTests.find_wanted)
        if wanted and wanted.why_not:
            return _make_row(task, wanted, set_up)
        reported = self._run(task, say)
        if wanted is None:
            # The run may have found a set-up.
            wanted, set_up = self._ask_merged_tests(task, desk, MergedTests.find_wanted)
        if wanted is None:
            why = f"the tests of the base commit could not be run: {set_up}"
            wanted = ExpectedTests(why_not=why)
        row = _add_end(_make_row(task, wanted, set_up), reported)
        if wanted.why_not:
            return row
        failing, problem = self._ask_merged_tests(
            task, desk, lambda merged: merged.list_failing(row.patch, wanted)
        )
        if failing is None:
            # The patch does not apply, or the machine has a problem: the change is not judged.
            return replace(row, why_not=problem)
        return replace(row, resolved=not failing, failing=failing)

    def _ask_merged_tests(
        self, task: PastChange, desk: Desk, ask: Callable[[MergedTests], T]
    ) -> tuple[T | None, str]:
        """Set up the base commit without a model, and run the merged tests there.

        Returns:
            The result, and the origin of the set-up; or None, and why there is no result.

        Raises:
            Cancelled: The backtest was interrupted.
        """
        answer: T | None = None
        try:
            with self._prepare(task, desk) as prepared:
                answer, words = ask(MergedTests(task, prepared, desk)), _name_set_up(prepared)
        except AgentError as problem:
            words = problem.message
        if self._stopped.is_set():
            raise Cancelled
        return answer, words

    @contextmanager
    def _prepare(self, task: PastChange, desk: Desk) -> Iterator[Prepared]:
        started = int(read_clock())
        run = Run(
            run_id=make_run_id(started),
            repository=task.repo,
            ticket="",
            base=task.base_commit,
            config_text=self.order.config_text,
            config_name=self.order.config_name,
            dry_run=True,
            started=started,
        )
        with lock_trees(desk.base_folder(run).parent):
            base = checkout.prepare_checkout(run, desk)
            contract = checkout.read_contract(run, base, desk)
            opened = OpenedRepository(run=run, checkout=base, contract=contract)
            yield environment.prepare_environment(opened, None, _do_step, desk)[0]

    def _run(self, task: PastChange, say: Callable[[str], None]) -> dict[str, Any]:
        """Carry out the task by a command; return its JSON report."""
        name = task.file_name
        ticket = self.folder / f"{name}.md"
        write_private_file(ticket, task.problem_statement)
        # If this process ends, the command gets a SIGTERM, and ends as with Ctrl-C.
        bound = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        argv = [*bound, sys.executable, "-m", "agent", "run"]
        argv += ["--repo", task.repo, "--ticket", str(ticket)]
        with closing(open_store(self.settings)) as store:
            begun = commands.find_latest(store, task.repo, str(ticket.resolve()))
        if begun is not None:
            say("the run continues")
            argv += ["--resume"]
        else:
            argv += ["--base", task.base_commit, "--dry-run"]
            if self.order.config_text is not None:
                place = self.folder / Path(self.order.config_name or "mergewright.yml").name
                write_private_file(place, self.order.config_text)
                argv += ["--config", str(place)]
        argv += ["--model", self.order.model] if self.order.model else []
        environ = {**os.environ, "MERGEWRIGHT_HOME": str(self.settings.home)}
        with (self.folder / f"{name}.log").open("ab") as log:
            with self._lock:
                if self._stopped.is_set():
                    raise Cancelled
                child = subprocess.Popen(  # a process group of its own would outlive Ctrl-C
                    [*argv, "--json"], stdout=subprocess.PIPE, stderr=log, env=environ
                )
                self._children.add(child)
            try:
                printed = child.communicate()[0]
            finally:
                with self._lock:
                    self._children.discard(child)
        try:
            reported = json.loads(printed)
        except ValueError:
            reported = {"problem": f"the command ended with exit code {child.returncode}"}
        if self._stopped.is_set() or reported.get("reason") == Reason.INTERRUPTED:
            raise KeyboardInterrupt
        return dict(reported)


def _do_step(name: AnyStep, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do the work without a record."""
    return work(*args, **kwargs)


def _name_set_up(prepared: Prepared) -> str:
    if why := prepared.environment.why.partition(":")[0]:
        return f"{why[0].lower()}{why[1:]}"
    return "configured" if prepared.contract.config.setup else "by a template"


def _make_row(task: PastChange, wanted: ExpectedTests, set_up: str) -> BacktestResult:
    """Make the row of a task without a run."""
    return BacktestResult(
        instance_id=task.instance_id,
        title=task.title,
        end=End.NOT_RUN,
        why_not=wanted.why_not,
        fail_to_pass=len(wanted.fail_to_pass),
        pass_to_pass=len(wanted.pass_to_pass),
        unsteady=wanted.unsteady,
        set_up=set_up,
        merged=task.patch,
    )


def _add_end(row: BacktestResult, reported: dict[str, Any]) -> BacktestResult:
    """Add the result of a run to a row.

    Args:
        reported: The JSON of `mergewright run --json`.
    """
    if "state" not in reported:
        words = str(reported.get("problem", ""))
        reason = reported.get("reason") or "failed"
        return replace(row, end=End.FAILED, reason=reason, sentence=words)
    # The report lacks fields that only the service needs.
    outcome = Outcome.model_validate(
        {name: reported[name] for name in Outcome.model_fields & reported.keys()}
    )
    usage, findings = outcome.figures.total_usage, outcome.judged.findings
    has_remarks = any(finding.severity is Severity.REVIEW for finding in findings)
    path = outcome.files.patch_path if outcome.reason is Reason.DRY_RUN else None
    return replace(
        row,
        end=find_end(outcome.reason, has_remarks=has_remarks),
        reason=outcome.reason.value,
        sentence=outcome.sentence,
        run_id=outcome.run_id,
        model=", ".join(dict.fromkeys(use.model for use in outcome.figures.models)),
        usd=usage.usd,
        requests=usage.calls,
        seconds=sum(reported["seconds"].values()),
        patch=Path(path).read_bytes().decode() if path else "",  # bytes keep its line ends
    )


# --- folders --------------------------------------------------------------------------------------


def make_home(home: Path) -> Path:
    """Make and return the data folder of the backtests, in that of the service."""
    folder = home / "backtest"
    folder.mkdir(parents=True, exist_ok=True, mode=0o711)
    # Caches are shared with the service.
    for name in ("environments", "mirrors", "pythons"):
        (home / name).mkdir(exist_ok=True, mode=0o711)
        with suppress(FileExistsError):
            (folder / name).symlink_to(Path("..", name))
    return folder


def begin(order: Order, backtests: Path) -> Path:
    """Make the folder of a new backtest, with its order; `find` finds it by its name."""
    folder = backtests / "campaigns" / make_run_id(int(read_clock()))
    folder.mkdir(parents=True, mode=0o700)
    write_private_file(folder / folders.ORDER, order.model_dump_json())
    return folder


def find(home: Path, name: str | None) -> Path:
    """Find a backtest by the beginning of its name; None: the newest.

    Raises:
        RequestRefused: There is none, or several.
    """
    named = [place for place in folders.list_folders(home) if place.name.startswith(name or "")]
    if name and len(named) > 1:
        last = ", ".join(place.name for place in named[-5:])
        raise RequestRefused(f"{len(named)} backtests start with {name}: {last}")
    if not named:
        raise RequestRefused("No such backtest; start one with --repo, --commits or --tasks.")
    return named[-1]


def write_predictions(rows: Sequence[BacktestResult], file: Path) -> None:
    """Write the input of SWE-bench's public harness."""
    predictions = (
        {
            "instance_id": row.instance_id,
            "model_name_or_path": f"mergewright {row.model}".strip(),
            "model_patch": row.patch,
        }
        for row in rows
    )
    lines = "".join(f"{json.dumps(prediction)}\n" for prediction in predictions)
    file.write_text(lines, encoding="utf-8")
