"""Prove a change: its tests fail without it, and tests notice when an edit is taken back.

Annotations alone are listed. Of a ticket that asks for tests, small mistakes in the
functions that the new tests call take the place of edits.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Self, TypeVar

from agent.checks import (
    comparison,
    edits,
    measuring,
    mutants,
    own_tests,
    reports,
    reruns,
    running,
    test_files,
)
from agent.checks.check import Part, Selection, Site, count_sandboxes, make_site
from agent.checks.edits import PROSE, Edit
from agent.checks.reach import ReachedTests
from agent.checks.reruns import is_proved
from agent.checks.test_files import Imports, SuitePlaces
from agent.desk import Desk
from agent.editing import rebuilding
from agent.git import worktree
from agent.models.change import Change, ChangedFile, Plan
from agent.models.checks import (
    COLLECTION,
    AnyComparison,
    CheckItem,
    CheckReport,
    Status,
    SuiteFacts,
    TestRun,
)
from agent.models.environment import Prepared
from agent.models.record import replace
from agent.models.review import Proof, ProofRow, RevertTrials, SourcePart
from agent.policy import meaning
from agent.policy.layout import is_migration, is_test
from agent.telemetry.run_log import keep_log_context
from agent.text.check_summary import is_of_tests, summarize_check
from agent.text.sanitise import list_some
from repo_config.tree import Tree

T = TypeVar("T")

_MOST_ROWS = 30
#: What Python raises where a name or a parameter is not there.
_LONGEST_ERROR = 200
#: FastAPI, Django Ninja, Litestar and Typer stand on these.
_READERS = frozenset({"pydantic", "msgspec", "typer"})
#: For all edits together, of the seconds of the run.
_PART = 0.1
_MOST_IDS = 200
#: For all of it, and for the parts of functions where the suite takes less.
_LEAST_SECONDS = 60
#: A run without a part that takes so much longer than the whole suite will not end.
_MOST_SLOWER, _MOST_SLOWER_SECONDS = 5, 10


class EarlyProof:
    """The proof of a change, which may begin while its whole suite still runs."""

    def __init__(
        self, plan: Plan, change: Change, prepared: Prepared, desk: Desk, seconds: float = math.inf
    ) -> None:
        """Prepare it.

        Args:
            seconds: Left of the run's minutes.
        """
        self._plan, self._change = plan, change
        self._prepared, self._desk = prepared, desk
        self._until = time.monotonic() + seconds
        self._begun: Future[Proof] | None = None
        self._doubtful: frozenset[str] = frozenset()
        self._pool = ThreadPoolExecutor(1, "early-proof")
        self.stopped = threading.Event()
        """Once it is set, nothing more is tried."""
        self.slots = threading.Semaphore(count_sandboxes(desk.settings))
        """Slots of the sandboxes, shared with the checks."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._pool.shutdown(cancel_futures=True)

    def begin(self, compared: tuple[AnyComparison, ...], expected: CheckReport) -> None:
        """Begin, as if what still runs said what it said on base."""
        if _alters_code(self._change, self._prepared, self._desk):
            self._doubtful = _list_doubtful(expected.tests)
            prove = keep_log_context(self._prove)
            self._begun = self._pool.submit(prove, compared, expected)

    def finish(self, compared: tuple[AnyComparison, ...], after: CheckReport) -> Proof:
        """Return what it says, now that all checks have ended."""
        if any(one.is_in_the_way for one in compared):
            return Proof(unneeded="the change does not pass its checks")
        found = self._begun.result() if self._begun else None
        # What fails by chance, as is known only now, has noticed nothing.
        is_valid = _list_doubtful(after.tests) <= self._doubtful
        return found if found and is_valid else self._prove(compared, after)

    def _prove(self, compared: tuple[AnyComparison, ...], after: CheckReport) -> Proof:
        reports = compared, after, self._prepared, self._desk
        left = self._until - time.monotonic()
        return prove_change(self._plan, self._change, *reports, left, early=self)


def prove_change(
    plan: Plan,
    change: Change,
    compared: tuple[AnyComparison, ...],
    after: CheckReport,
    prepared: Prepared,
    desk: Desk,
    seconds: float = math.inf,
    early: EarlyProof | None = None,
) -> Proof:
    """Run the tests of a change without it and without its edits, where all else has passed.

    Args:
        seconds: Left of the run's minutes.
    """
    if prepared.contract.config.checks.tests == "off":
        return Proof(unneeded="tests are turned off in the configuration")
    if plan.recipe and not list_test_files(change, after.test_run):
        return Proof()  # its edits are known beforehand
    added = {name for check in compared if is_of_tests(check) for name in check.added}
    added.update(_list_altered(change, after.tests))
    runs = _alters_code(change, prepared, desk)
    types = {command.name for command in prepared.contract.project.types}
    no_code = Proof(unneeded=_explain_no_code(compared, types))
    if not runs and not any(map(after.result, types)):
        return no_code
    trials = PartRunner(change, after, prepared, desk, seconds)
    if early:
        trials = dataclasses.replace(trials, stopped=early.stopped, slots=early.slots)
    with trials.pool:
        tests = partial(prove_tests, added, trials)
        found = trials.begin(tests if runs else lambda: no_code)
        if plan.recipe:
            return found.result()
        asks_for_tests = plan.category == "tests"
        proof = found.result()
        shown = tuple(row.name for row in proof.rows if row.is_proof)
        # Where a test sees a difference, behaviour has changed, whatever the plan calls it.
        is_refactoring = plan.category == "refactor" and not shown
        taken_back = revert_edits(
            trials, shown, added if asks_for_tests else None, breaks=is_refactoring
        )
    unneeded = "" if any(part.mistake for part in taken_back.tried) else proof.unneeded
    # No test of a refactoring fails without it; nor does one of code that only goes.
    asks = taken_back.tried or taken_back.untried or any(map(is_migration, change.paths))
    is_shown = (is_refactoring and taken_back.noticed) or not asks
    missing = "" if is_shown else proof.missing
    return replace(
        proof, hunks=taken_back, unneeded=unneeded, missing=missing, is_refactoring=is_refactoring
    )


def _list_doubtful(head: TestRun) -> frozenset[str]:
    """List the tests that fail with the whole change, if only at times.

    A test that fails as base has it, and passes as the change has it, is none of them.
    """
    by_chance = {test.item_id for test in head.repeated}
    by_chance -= {test.item_id for test in head.blocked_tests}
    return reruns.list_red(head) | by_chance


def _alters_code(change: Change, prepared: Prepared, desk: Desk) -> bool:
    annotations = find_read_annotations(prepared, desk)
    return any(
        file.path.endswith(".py") and not meaning.is_same(file.before, file.after, annotations)
        for file in change.files
    )


def find_read_annotations(prepared: Prepared, desk: Desk) -> meaning.Annotations:
    """Find which annotations may act: all of them where an installed library reads signatures."""
    return "read" if _READERS.isdisjoint(desk.environment(prepared).versions) else "all"


def _explain_no_code(compared: tuple[AnyComparison, ...], names: Collection[str]) -> str:
    counts = (
        f"; {check.name}: {said.base} on the base branch, {said.head} with the change"
        for check in compared
        if check.name in names
        for said in (summarize_check(check),)
    )
    return f"no Python code was changed{''.join(counts)}"


@dataclass(frozen=True)
class PartRunner:
    """Runs parts of a change in sandboxes, several side by side."""

    change: Change
    after: CheckReport
    prepared: Prepared
    desk: Desk
    seconds: float = math.inf
    """Left of the run's minutes."""
    stopped: threading.Event = field(default_factory=threading.Event)
    slots: AbstractContextManager[object] = field(default_factory=nullcontext)

    @cached_property
    def end(self) -> float:
        config = self.prepared.contract.config
        minutes = self.desk.budget.find_minutes(config, self.desk.facts.suite_seconds)
        return time.monotonic() + min(max(_LEAST_SECONDS, _PART * 60 * minutes), self.seconds)

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.at_once, "proof")

    @property
    def at_once(self) -> int:
        return count_sandboxes(self.desk.settings)

    @cached_property
    def processes(self) -> int:
        """Number of processes that have shared all tests."""
        return reports.load_processes(self.prepared, self.desk.settings)

    def begin(self, work: Callable[[], T]) -> Future[T]:
        def run() -> T:
            with self.slots:
                return work()

        return self.pool.submit(keep_log_context(run))

    def lay_out(self, change: Change, prepared: Prepared) -> Site:
        """Lay a part of the change out in a folder of this thread, in an environment."""
        folder = self.desk.head_folder(prepared.run).with_name(threading.current_thread().name)
        worktree.lay_out(prepared.checkout, folder, self.desk.stopped).replay(change)
        environment = self.desk.environment(prepared)
        return make_site(folder, environment, prepared.contract, self.desk.settings)

    def run_tests(self, site: Site, part: Part, name: str) -> TestRun | None:
        """Run tests; None: there are none.

        Args:
            name: Under which lines are shown that they print.
        """
        suite = measuring.suite_of(site)
        if suite is None:
            return None
        check = suite.select(part, name)
        return running.run_check(check, site, self.desk.sandbox, self.desk.say, self.stopped)


def list_test_files(change: Change, head: TestRun | None) -> frozenset[str]:
    """Return the files of a change that only tests use, by their names and by the tests' run."""
    disguised = head.disguised if head else ()
    return frozenset(path for path in change.paths if is_test(path) and path not in disguised)


def prove_tests(added: Collection[str], trials: PartRunner) -> Proof:
    """Run the tests of the change on the base, and compare that with the head.

    Args:
        added: Ids of the tests that base does not have, or has otherwise.
    """
    change, head = trials.change, trials.after.test_run
    own = list_test_files(change, head)
    if not any(path not in own and not path.endswith(PROSE) for path in change.paths):
        return Proof(unneeded="only tests were changed")
    kept = tuple(file for file in change.files if file.path in own)
    tests = replace(change, files=kept, notes=())
    files = tuple(file.path for file in kept if file.path.endswith(".py") and file.after)
    site = trials.lay_out(tests, trials.prepared) if head and files else None
    part = Part(Selection(files=files))
    on_base = trials.run_tests(site, part, "tests on the base branch") if site else None
    if head is None or on_base is None:
        return Proof(missing="the change adds no test")
    places = SuitePlaces(head.suite or SuiteFacts())
    if not any(places.locate_test(item.item_id)[0] in files for item in head.items):
        return Proof(missing="the files of tests that it edits have no test left")
    if not is_proved(on_base):
        return Proof(missing=f"its tests cannot run without the change: {on_base.reason}")
    rows = sorted(
        _make_rows(files, added, on_base, head),
        key=lambda row: (not row.is_proof, row.name not in added),
    )
    if not rows:
        return Proof(missing="it edits no test, and its test files cannot be imported without it")
    missing = ""
    if not any(row.is_proof for row in rows):
        descriptions = (
            f"{row.name} {row.without} without it, {row.with_change} with it" for row in rows
        )
        missing = (
            f"none of its tests fails without it and passes with it: {list_some(descriptions)}"
        )
    # A new test's result is always listed.
    more = [row for row in rows[_MOST_ROWS:] if row.name in added]
    return Proof(rows=(*rows[:_MOST_ROWS], *more[:_MOST_IDS]), missing=missing)


def _list_altered(change: Change, head: TestRun) -> Iterator[str]:
    """List the tests that base has with another source."""
    places = SuitePlaces(head.suite or SuiteFacts())
    files = {file.path: file for file in change.files if file.before and file.after}
    for item in head.items:
        path, name = places.locate_test(item.item_id)
        if (file := files.get(path)) and own_tests.is_altered(file, comparison.name_family(name)):
            yield item.item_id


def revert_edits(
    trials: PartRunner,
    shown: tuple[str, ...],
    mistaken: Collection[str] | None = None,
    *,
    breaks: bool = False,
) -> RevertTrials:
    """Take edits of source back, one at a time, as long as there is time.

    Args:
        shown: Ids of tests that fail without the whole change.
        mistaken: Ids of the new and altered tests that have to notice mistakes, where there are no
            edits; None: no mistakes are made.
        breaks: What is to behave as before is emptied: no test can tell it from base.
    """
    change, prepared, desk = trials.change, trials.prepared, trials.desk
    head = trials.after.test_run
    if head is None:
        return RevertTrials()
    ours = list_test_files(change, head)
    found = [
        edit
        for file in change.files
        if file.path not in ours and not is_migration(file.path)
        for edit in edits.list_edits(file, breaks=breaks)
        if not (breaks and edit.outer)
    ]
    if not found and not mistaken:
        return RevertTrials()
    base = desk.open_base(prepared)
    sources = _read_sources(change, base)
    imports = Imports(test_files.read_imports(sources))
    judges = frozenset(() if found else mistaken or ())
    found = found or _make_mistakes(judges, head, sources, imports)
    if rebuilding.make_declaration_mark(change, prepared, desk):
        # Base's packages lack what the change needs: every test would seem to notice.
        rebuilt, _ = rebuilding.rebuild_environment(change, prepared, desk)
        if rebuilt is prepared:
            return RevertTrials(untried=tuple(edit.part for edit in found))
        prepared = rebuilt
    attempts = _TestRuns(trials, prepared, head, judges, shown, ours, imports)
    if known := reports.load_reach(trials.prepared, desk.settings):
        paths = frozenset(base.paths())
        reach = ReachedTests(known, imports, paths, attempts.locate_test)
        attempts = dataclasses.replace(attempts, reach=reach)
    attempts = dataclasses.replace(attempts, readers=trials.begin(attempts.list_readers).result())
    annotations = find_read_annotations(prepared, desk)
    types = [
        edit for edit in found if not (edit.outer or edit.mistake) and edit.is_same(annotations)
    ]
    units = [edit for edit in found if not edit.outer and edit not in types]
    notes = [edit for edit in units if not edit.mistake and edit.is_note]
    units = [edit for edit in units if edit not in notes]
    code = attempts.try_all(units)
    missed = attempts.list_missed(units, code.unnoticed)
    silent = [edit for edit in units if edit.part in missed]
    needed = attempts.list_needed(silent, found)
    inner = [*notes, *(edit for edit in found if edit.outer and edit.outer not in silent)]
    code = replace(
        code,
        typed=tuple(edit.part for edit in types),
        noticed=(*code.noticed, *(part for part in code.unnoticed if part not in missed)),
        unnoticed=tuple(part for part in missed if part not in needed),
        readers=attempts.readers,
    )
    code = attempts.try_inner(inner, code)
    unmissed = (*needed, *attempts.list_missed(inner, code.unmissed))
    return replace(code, unmissed=unmissed)


@dataclass(frozen=True)
class _TestRuns:
    """Tries edits, and says which of them are noticed."""

    trials: PartRunner
    prepared: Prepared
    """With what the change declares."""
    head: TestRun
    judges: frozenset[str]
    """The tests that have to notice mistakes; none: any may notice an edit."""
    shown: tuple[str, ...]
    """The tests that fail without the whole change, which most likely notice a part of it."""
    ours: frozenset[str]
    imports: Imports
    from_models: bool = False
    """Whether no migration makes the tables."""
    readers: tuple[str, ...] = ()
    """Those of the shown tests that read the source's text."""
    reach: ReachedTests | None = None
    """What base's tests reach; None: it is not known."""
    _controls: dict[Part, bool] = field(default_factory=dict, init=False)
    """Whether tests fail with the whole change, where no others run."""
    _control_lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    """Has edits that the same tests have noticed wait for one answer."""

    @cached_property
    def _red(self) -> set[str]:
        """The tests that fail with the whole change, if only at times, or for its text alone."""
        return {*_list_doubtful(self.head), *self.readers}

    @property
    def _seconds(self) -> float:
        """How long all tests take here at most, in one process."""
        return self.head.seconds * self.trials.processes

    @cached_property
    def _places(self) -> SuitePlaces:
        return SuitePlaces(self.head.suite or SuiteFacts())

    def locate_test(self, test_id: str) -> str:
        return self._places.locate_test(test_id)[0]

    @cached_property
    def _files(self) -> Counter[str]:
        """How many tests there are in each file."""
        return Counter(self._places.locate_test(item.item_id)[0] for item in self.head.items)

    def try_all(self, found: list[Edit]) -> RevertTrials:
        """Take each back alone, for the tests that most likely notice it; what is left, in groups.

        What the suite does not notice of several, it hardly notices of one.
        """
        noticed: dict[Edit, bool | None] = {}
        if self.shown and not self.judges:
            noticed = self.find_shown(found)
        left = [edit for edit in found if noticed.get(edit) is not True]
        chosen = {edit: part for edit in left if (part := self._choose_tests(edit.path))}
        noticed |= self._try_each(chosen)
        if not self.judges:
            left = [edit for edit in found if noticed.get(edit) is not True]
            left = [edit for edit in left if self._reaching.get(edit.path) is None]
            noticed |= dict.fromkeys(left) | self._try_rest(left)
        return RevertTrials(
            noticed=_list_parts(found, noticed, wanted=True),
            unnoticed=_list_parts(found, noticed, wanted=False),
            untried=_list_parts(found, noticed, wanted=None),
        )

    def list_readers(self) -> tuple[str, ...]:
        """List the shown tests that read what they should run."""
        if self.judges or not self.shown:
            return ()
        files = tuple(
            file if file.path in self.ours or is_migration(file.path) else mutants.hide_text(file)
            for file in self.trials.change.files
        )
        change = replace(self.trials.change, files=files)
        site, part = self.trials.lay_out(change, self.prepared), Part(Selection(ids=self.shown))
        result = self._run_at(site, part, "tests without the source's text")
        failing = reruns.list_red(result) - self._red
        return tuple(test for test in self.shown if test in failing)

    def list_missed(
        self, found: list[Edit], missed: tuple[SourcePart, ...]
    ) -> tuple[SourcePart, ...]:
        """List what is missed also where tables are made from the models, by the shown tests.

        Migrations leave in the tables what a model no longer declares, such as a constraint. That
        both agree is Django's own question.
        """
        left = [edit for edit in found if edit.part in missed]
        has_tables = self.prepared.contract.project.django is not None and any(
            map(is_migration, self.trials.change.paths)
        )
        if not (left and self.shown and has_tables):
            return missed
        without = self._without_migrations
        noticed = without.find_shown(left) if is_proved(without.head) else {}
        seen = _list_parts(left, noticed, wanted=True)
        return tuple(part for part in missed if part not in seen)

    @cached_property
    def _without_migrations(self) -> _TestRuns:
        """The same with tables from the models, once the shown tests have run so."""

        def run() -> TestRun:
            site = dataclasses.replace(self._lay_out([]), from_models=True)
            part = Part(Selection(ids=self.shown))
            return self._run_at(site, part, "tests with tables from the models")

        return dataclasses.replace(self, from_models=True, head=self.trials.begin(run).result())

    def find_shown(self, found: list[Edit]) -> dict[Edit, bool | None]:
        return self._try_each(dict.fromkeys(found, Part(Selection(ids=self.shown))))

    def _try_rest(self, rest: list[Edit]) -> dict[Edit, bool | None]:
        """Ask the whole suite, in as many groups as run side by side.

        Neighbours are in different ones: of a part and what uses it, one stays. Of a group that is
        noticed, each part is taken back for the tests that failed.
        """
        if self._seconds > self.trials.end - time.monotonic():
            return {}
        groups = [
            some
            for first in range(self.trials.at_once)
            if (some := rest[first :: self.trials.at_once])
        ]
        trials = [
            self.trials.begin(partial(self._run, some, Part(), fails_fast=len(some) == 1))
            for some in groups
        ]
        found: dict[Edit, bool | None] = {}
        for some, trial in zip(groups, trials, strict=True):
            is_noticed = self._is_noticed(trial.result())
            if is_noticed and self.trials.begin(partial(self._fails_anyway, Part())).result():
                is_noticed = None
            found |= dict.fromkeys(some, is_noticed)
            if is_noticed and len(some) > 1:
                part = Part(self._select_failing(trial.result()))
                found |= self._try_each(dict.fromkeys(some, part))
        return found

    def _select_failing(self, result: TestRun) -> Selection | None:
        """Select what has failed; None, all of them, where nothing could."""
        failing = reruns.list_red(result) - self._red
        lost = {one for one in failing if one.endswith(COLLECTION)}
        files = sorted({self._places.locate_module(one) for one in lost} - {""})
        ids = sorted(failing - lost)[:_MOST_IDS]
        return Selection(ids=tuple(ids), files=tuple(files)) if ids or files else None

    def _try_each(
        self, chosen: Mapping[Edit, Part], end: float = math.inf
    ) -> dict[Edit, bool | None]:
        """Return for each edit whether some tests notice it; None: the run had no result."""

        def attempt(edit: Edit, part: Part) -> bool | None:
            if self.trials.stopped.is_set() or time.monotonic() > min(end, self.trials.end):
                return None
            if edit.outer and (edit.without is None or edit.is_same()):
                return True  # there is nothing to miss
            if part.only == Selection():
                return False  # no test reaches it
            is_noticed = self._is_noticed(self._run([edit], part, fails_fast=True))
            return None if is_noticed and self._fails_anyway(part) else is_noticed

        begun = {
            edit: self.trials.begin(partial(attempt, edit, part)) for edit, part in chosen.items()
        }
        return {edit: trial.result() for edit, trial in begun.items()}

    def _fails_anyway(self, part: Part) -> bool:
        """Whether chosen tests fail with the whole change as well, for want of the others.

        The shown ones have run so, and all of them, unless processes shared them.
        """
        is_known = (
            self.trials.processes == 1 if part == Part() else part.only == Selection(self.shown)
        )
        if is_known:
            return False
        with self._control_lock:
            if part not in self._controls:
                self._controls[part] = bool(self._is_noticed(self._run([], part, fails_fast=True)))
            return self._controls[part]

    def _choose_tests(self, path: str) -> Part | None:
        """Choose the tests of the change and the ones that reach what is edited in a file, or some.

        What a framework loads by itself is imported nowhere: only the whole suite shows that no
        test notices.
        """
        if self.judges:
            return Part(Selection(ids=tuple(sorted(self.judges))))
        if reaching := self._reaching.get(path):
            return Part(reaching)
        files = self.imports.choose_near([path], self._files, sorted(self.ours))
        return Part(Selection(files=files)) if files else None

    @cached_property
    def _reaching(self) -> dict[str, Selection | None]:
        """All tests that reach what is edited in each file; None: many may, or any."""
        files = self.trials.change.files if self.reach else ()
        return {file.path: self._find_reaching(file) for file in files}

    def _find_reaching(self, file: ChangedFile) -> Selection | None:
        if self.reach is None:
            return None
        found = self.reach.find(replace(self.trials.change, files=(file,)))
        if found is None:
            return None
        tests = {item.item_id for item in self.head.items}
        reaching = tests & found
        new = {self.locate_test(test) for test in tests - self.reach.reach.tests.keys()} - {""}
        if len(reaching) > min(_MOST_IDS, len(tests) / 4):
            return None
        files = (new | self.ours) & self._files.keys()
        return Selection(ids=tuple(sorted(reaching)), files=tuple(sorted(files)))

    def _run(self, several: list[Edit], part: Part, *, fails_fast: bool) -> TestRun:
        name = several[0].part.name if len(several) == 1 else f"{len(several)} parts"
        site = dataclasses.replace(self._lay_out(several), from_models=self.from_models)
        site = dataclasses.replace(site, may_fail=frozenset(self._red) if fails_fast else None)
        verb = "with" if several and several[0].mistake else "without"
        said = f"tests {verb} {name}" if several else "tests with the whole change"
        return self._run_at(site, part, said)

    def _run_at(self, site: Site, part: Part, said: str) -> TestRun:
        left = max(1.0, self.trials.end - time.monotonic())
        site = site.limit_seconds(min(left, _MOST_SLOWER * self._seconds + _MOST_SLOWER_SECONDS))
        return self.trials.run_tests(site, part, said) or self.head

    def _lay_out(self, several: list[Edit]) -> Site:
        return self.trials.lay_out(edits.revert_edits(self.trials.change, several), self.prepared)

    def _is_noticed(self, result: TestRun) -> bool | None:
        """Whether a test fails, or the suite cannot run; None: the run says nothing."""
        if result.limit == "time" and time.monotonic() < self.trials.end:
            return True  # as where a loop does not end
        # Without a session something else has ended it, such as a server that did not start.
        is_silent = result.exit_code == 0 or result.suite is None
        if result.limit or (result.status is Status.UNVERIFIED and is_silent):
            return None
        failing = reruns.list_red(result) - self._red
        if self.judges:
            return not self.judges.isdisjoint(failing)
        return bool(result.reason or failing)

    def list_needed(self, silent: list[Edit], found: list[Edit]) -> tuple[SourcePart, ...]:
        """List the edits that no test misses, although tests notice each of their parts.

        Base's text does as well where code has only moved into another function.
        """
        parts = {edit: [one for one in found if one.outer is edit] for edit in silent}
        asked = {edit: [one for one in some if not one.is_note] for edit, some in parts.items()}
        asked = {edit: some for edit, some in asked.items() if some and not edit.breaks}
        end = time.monotonic() + _LEAST_SECONDS
        noticed = self._find_near([one for some in asked.values() for one in some], end)
        return tuple(
            edit.part
            for edit, some in asked.items()
            if all(one.without is not None and noticed.get(one) for one in some)
        )

    def _find_near(self, found: list[Edit], end: float) -> dict[Edit, bool | None]:
        """Ask the tests that most likely notice, then those near the change."""
        few = Part(Selection(ids=self.shown)) if self.shown else None
        noticed = self._try_each(dict.fromkeys(found, few), end) if few else {}
        found = [edit for edit in found if noticed.get(edit) is not True]
        suite = Part() if self._seconds < _LEAST_SECONDS else None
        parts = {edit: self._choose_tests(edit.path) or suite for edit in found}
        return noticed | self._try_each({edit: part for edit, part in parts.items() if part}, end)

    def try_inner(self, found: list[Edit], code: RevertTrials) -> RevertTrials:
        """Take parts of functions back, each alone, for as long as the suite takes at most.

        Only the tests near the change are asked: they reach new code, if any do. Where there are
        none, a short suite is.
        """
        end = time.monotonic() + max(_LEAST_SECONDS, self._seconds)
        noticed = self._find_near(found, end)
        missed = [edit for edit in found if noticed.get(edit) is False]
        return replace(
            code,
            unmissed=tuple(edit.part for edit in edits.list_outermost(missed)),
            untried=(*code.untried, *_list_parts(found, noticed, wanted=None)),
        )


def _list_parts(
    found: Iterable[Edit], noticed: Mapping[Edit, bool | None], *, wanted: bool | None
) -> tuple[SourcePart, ...]:
    return tuple(edit.part for edit in found if noticed.get(edit) is wanted)


def _make_rows(
    files: tuple[str, ...], added: Collection[str], on_base: TestRun, head: TestRun
) -> Iterator[ProofRow]:
    """Give what each test of these files did without the change, and with it.

    Where a file cannot be imported without the change, that says nothing of its old tests.
    """
    places = SuitePlaces(head.suite or SuiteFacts())
    without = {item.item_id: item for item in on_base.items}
    lost = {
        places.locate_module(name): item
        for name, item in without.items()
        if name.endswith(COLLECTION)
    }
    for item in head.items:
        path = places.locate_test(item.item_id)[0]
        before = without.get(item.item_id)
        if before is None and item.item_id in added:
            before = lost.get(path)
        if before is not None and path in files:
            yield ProofRow(
                name=item.item_id,
                without=before.outcome,
                error=_quote_error(before),
                with_change=item.outcome,
            )


def _quote_error(item: CheckItem) -> str:
    """Quote a failure's first line; a module that cannot be imported says why in its last."""
    lines = item.text.strip().splitlines() or [""]
    return lines[-1 if item.item_id.endswith(COLLECTION) else 0][:_LONGEST_ERROR]


def _read_sources(change: Change, base: Tree) -> dict[str, bytes]:
    sources = test_files.read_python_sources(base)
    for file in change.files:
        sources.pop(file.path, None)
        if file.after is not None and file.path.endswith(".py"):
            sources[file.path] = file.after
    return sources


def _make_mistakes(
    judges: Iterable[str], head: TestRun, sources: Mapping[str, bytes], imports: Imports
) -> list[Edit]:
    """Make mistakes in what new tests call, of the modules that their files import."""
    functions: dict[str, set[str]] = {}
    for test_id in judges:
        path, name = SuitePlaces(head.suite or SuiteFacts()).locate_test(test_id)
        functions.setdefault(path, set()).add(name)
    called = {
        path: mutants.list_called_names(sources.get(path, b""), names)
        for path, names in functions.items()
    }
    made = (
        mistake
        for path, source in sources.items()
        if not is_test(path)
        for test in called.keys() & imports.importers_of(path)
        for mistake in mutants.make_mutants(path, source, called[test])
    )
    return list(dict.fromkeys(made))
