"""Prove a change: its tests fail without it, and a test notices when a part is taken back.

If the ticket asks for tests, no parts are taken back: small mistakes are made in the functions that
the new tests call, and a test has to notice them.
"""

import dataclasses
import itertools
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import cast

from agent.checks import change_split, hunk_reverts
from agent.checks.change_split import SplitChange
from agent.checks.check import Selection, Site
from agent.checks.hunk_reverts import Unit
from agent.checks.imports import read_python_sources
from agent.checks.runners import Suite
from agent.checks.running import Bench, Job
from agent.checks.suite import FAILING, accept_empty
from agent.checks.test_pairs import PairedTest
from agent.checks.test_verdicts import NEAR, find_tests, is_conclusive, list_red
from agent.models.checks import TESTS, AnyRun, CheckItem, Status, TestRun
from agent.models.record import replace
from agent.models.review import Proof, ProofRow
from agent.policy.layout import is_migration, is_test

PROSE = (".md", ".rst", ".txt")
"""Endings of files that need no test."""
OWN_ON_BASE = "changed tests without the change"
_MOST_ROWS = 30
_LONGEST_ERROR = 200
#: These read annotations at run time. FastAPI, Django Ninja and Litestar use one of them.
_READERS = frozenset({"pydantic", "msgspec", "typer"})
#: Runs without a part may begin during this share of the time left, and at least so many seconds.
_NEAR_SHARE, _LEAST_SECONDS = 0.1, 60.0
#: A run without a part may hang: its limit is so many times the near run's seconds, plus these.
_MOST_SLOWER, _MOST_SLOWER_SECONDS = 5, 10
_MOST_MISTAKES = 10


@dataclass
class ProofTrials:
    """Lists the runs that prove a change, and reads their results."""

    split: SplitChange
    bench: Bench
    near: Selection
    """Test files near the change; empty: there are none."""
    _end: float = 0.0
    """Time by the monotonic clock until which runs without a part may begin; 0.0: none has."""

    @cached_property
    def asks_for_tests(self) -> bool:
        """Whether the ticket asks only for tests, and the change has only tests and prose."""
        return self.bench.plan.category == "tests" and self._is_without_code

    @property
    def _is_without_code(self) -> bool:
        """Whether the change has only tests and prose."""
        return all(path.endswith(PROSE) for path in self.split.product)

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The parts to be reverted, in the order of the files; none for a recipe's change."""
        bench, split = self.bench, self.split
        if bench.plan.recipe:
            return ()
        if self.asks_for_tests:
            return tuple(itertools.islice(self._list_mistakes(), _MOST_MISTAKES))
        is_read = not _READERS.isdisjoint(bench.base.environment.versions)
        human_files = bench.human_changes.files if bench.human_changes else ()
        human = {file.path: file for file in human_files}
        units: list[Unit] = []
        for file in split.sources:
            if human.get(file.path) != file:
                hunks = bench.hunks.get(file.path, ())
                units += hunk_reverts.list_units(file, hunks, reads_signatures=is_read)
        return tuple(units)

    def _list_mistakes(self) -> Iterator[Unit]:
        tests = {file.path: file.after or b"" for file in self.split.change.files}
        for path, source in read_python_sources(self.bench.tree).items():
            users = self.split.imports.importers_of(path).intersection(self.split.own_tests)
            if users and not is_test(path):
                names = (hunk_reverts.list_called_names(tests[user]) for user in users)
                yield from hunk_reverts.make_mistakes(path, source, {*itertools.chain(*names)})

    @cached_property
    def _tried(self) -> dict[str, Unit]:
        """The parts whose absence a test has to notice, by the names of the runs without them."""
        asked = [unit for unit in self.units if not unit.is_note]
        return {
            f"tests without part {number} of {len(asked)}": unit
            for number, unit in enumerate(asked, 1)
        }

    def list_jobs(self, ran: Mapping[str, AnyRun], pairs: Collection[PairedTest]) -> list[Job]:
        """List the runs of the proof that need no results but those so far.

        Args:
            ran: Results so far, with those of the tests near the change, if any.
            pairs: The tests in these results, paired with base's.
        """
        near, jobs = find_tests(ran, NEAR), list[Job]()
        if not self.bench.base.names_tests:
            return []
        if self.split.own_tests and not self._is_without_code:
            on_base = Suite(OWN_ON_BASE, Selection(files=self.split.own_tests))
            jobs.append(Job(on_base, self._lay_out_tests))
        selection = self.near
        if self.asks_for_tests:
            ids = tuple(pair.current_id for pair in pairs if pair.head and not pair.base)
            selection = Selection(ids=ids, files=() if ids else self.split.own_tests)
        if near is None or not is_conclusive(accept_empty(near)) or selection == Selection():
            return jobs
        red = list_red(near) | {*self.bench.repeated}
        for name, unit in self._tried.items():
            # The first failure ends the run, so tests that import the file come first.
            users = self.split.imports.importers_of(unit.part.path)
            files = tuple(sorted(selection.files, key=lambda path: path not in users))
            suite = Suite(name, Selection(selection.ids, files), known_red=red)
            lay_out = partial(self._lay_out_without, [unit], near)
            jobs.append(Job(suite, lay_out, until=self._find_end))
        return jobs

    def _find_end(self) -> float:
        """Return the time until which runs without a part may begin; the first call sets it."""
        if not self._end:
            now = time.monotonic()
            self._end = now + max(_LEAST_SECONDS, _NEAR_SHARE * (self.bench.base.until - now))
        return self._end

    def _lay_out_tests(self) -> Site:
        """Lay out base with the change's tests."""
        site = self.bench.lay_out(change_split.keep_tests(self.split), "")
        return dataclasses.replace(site, environment=self.bench.base.environment)

    def _lay_out_without(self, units: Sequence[Unit], run: TestRun) -> Site:
        """Lay out the change without parts of it.

        Args:
            run: An earlier run of the same tests; its seconds set the limit.
        """
        seconds = _MOST_SLOWER * run.seconds + _MOST_SLOWER_SECONDS
        change = hunk_reverts.take_back(self.split.change, units)
        return self.bench.lay_out(change, "").limit_seconds(seconds)

    def finish(self, ran: Mapping[str, AnyRun], pairs: Collection[PairedTest]) -> Proof:
        """Return the proof; parts that no near test needs are tried with all tests."""
        split, tests, near = self.split, find_tests(ran, TESTS), find_tests(ran, NEAR)
        if tests is None or not self.bench.base.names_tests:
            if self.bench.head.config.checks.tests == "off":
                return Proof(exemption="tests are turned off in the configuration")
            is_code = any(path.endswith(".py") for path in self.split.product)
            why = "no runner of its tests is known"
            return Proof(missing=why) if is_code else Proof(exemption="no code was changed")
        if self.bench.plan.recipe and not self.split.own_tests:
            return Proof()  # nothing to prove: the edits of a recipe are always the same
        of_near = list_red(near) if near else frozenset[str]()
        red = list_red(tests) | of_near | {*self.bench.repeated}
        trials = [(unit, _is_noticed(ran.get(name), red)) for name, unit in self._tried.items()]
        needed = [unit.part for unit, noticed in trials if noticed]
        silent = [unit for unit, noticed in trials if noticed is False]
        silent_parts = [unit.part for unit in silent]
        if silent and not self.asks_for_tests:
            answers = self._ask_all(silent, tests, red)
            asked = [*zip(silent_parts, answers, strict=True)]
            needed += [part for part, answer in asked if answer]
            # If all tests take too long, a part counts as unneeded: slow suites excuse none.
            silent_parts = [
                replace(part, is_near_only=answer is None) for part, answer in asked if not answer
            ]
        proof = replace(
            self._prove_tests(ran.get(OWN_ON_BASE), tests, pairs),
            needed=tuple(needed),
            unneeded_parts=tuple(silent_parts),
            untried=tuple(unit.part for unit, noticed in trials if noticed is None),
            notes=tuple(unit.part for unit in self.units if unit.is_note),
            is_refactoring=self.bench.plan.category == "refactor",
            unexecuted=tuple(self._list_unexecuted(near)) if near else (),
        )
        if self.asks_for_tests and not needed:
            why = "no test notices a mistake" if self._tried else "no mistake could be made"
            return replace(proof, missing=f"{why} in what the new tests call", exemption="")
        files = (file for file in split.change.files if file.path in split.product)
        asks = bool(self._tried) or any(is_migration(file.path, file.after) for file in files)
        return proof if asks else replace(proof, missing="")

    # --- the change's own tests ---------------------------------------------------------------

    def _prove_tests(
        self, run: AnyRun | None, tests: TestRun, pairs: Collection[PairedTest]
    ) -> Proof:
        """List how each test of the change ended on both sides, and what is missing for a proof."""
        if self._is_without_code:
            what = "only tests were changed" if self.split.own_tests else "no code was changed"
            return Proof(exemption=what)
        if not isinstance(run, TestRun):
            return Proof(missing="the change adds no test")
        if run.status is Status.UNVERIFIED or (run.reason and run.files is None):
            return Proof(missing=f"its tests cannot run without the change: {run.reason}")
        new = {pair.current_id for pair in pairs if not pair.base}
        rows = sorted(
            self._make_rows(run, tests, new),
            key=lambda row: (not row.is_proof, row.name not in new),
        )
        missing = "" if rows else "the change adds no test"
        if rows and not rows[0].is_proof:
            missing = "none of its tests fails without it and passes with it"
        return Proof(rows=tuple(rows[:_MOST_ROWS]), missing=missing)

    def _make_rows(self, run: TestRun, tests: TestRun, new: Collection[str]) -> Iterator[ProofRow]:
        """Yield how each test of the change ended without the change, and with it.

        A file that cannot be imported without the change tells nothing about its old tests.
        """
        without = {item.item_id: item for item in run.items}
        lost = {item.file: item for item in run.items if item.is_collection}
        for item in tests.items:
            if item.file not in self.split.own_tests or item.is_collection:
                continue
            before = without.get(item.item_id)
            if before is None and item.item_id in new:
                before = lost.get(item.file)
            if before is not None:
                yield ProofRow(
                    name=item.item_id,
                    without=before.outcome,
                    error=_quote_error(before),
                    with_change=item.outcome,
                )

    # --- parts ------------------------------------------------------------------------------------

    def _ask_all(
        self, units: list[Unit], tests: TestRun, red: Collection[str]
    ) -> list[bool | None]:
        """Return which parts any test notices, None: unknown; all are taken back at once first."""
        if self._end and {item.file for item in tests.items} <= {*self.near.files}:
            return [False] * len(units)  # the near tests were all tests
        if tests.seconds > self.bench.base.until - time.monotonic():
            return [None] * len(units)
        # Tests that fail anyway say nothing, and many of them wait for a server that is missing.
        ids = (item.item_id for item in tests.items if item.outcome not in FAILING)
        every = Selection(ids=tuple(ids)) if red else None
        whole = self._try(units, "tests without what no test near the change needs", every, tests)
        noticed = _is_noticed(whole, red)
        failing = [item for item in whole.items if item.outcome in FAILING]
        failing = [item for item in failing if item.item_id not in red]
        if not noticed or len(units) == 1:
            return [noticed] * len(units)
        if not failing:
            return [None] * len(units)
        only = Selection(
            ids=tuple(item.item_id for item in failing if not item.is_collection),
            files=tuple({item.file for item in failing if item.is_collection}),
        )
        runs = (self._try([unit], f"tests without {unit.part.name}", only, tests) for unit in units)
        return [_is_noticed(run, red) for run in runs]

    def _try(self, units: list[Unit], name: str, only: Selection | None, tests: TestRun) -> TestRun:
        job = Job(Suite(name, only), partial(self._lay_out_without, units, tests))
        return cast(TestRun, self.bench.run_all([job])[name])

    def _list_unexecuted(self, near: TestRun) -> Iterator[str]:
        """Yield ranges of added lines that the tests near the change have not run."""
        for path, lines in near.unexecuted.items():
            hunks = self.bench.hunks.get(path, ())
            added = [line for line in lines if any(line in hunk.after for hunk in hunks)]
            for _, group in itertools.groupby(enumerate(added), key=lambda pair: pair[1] - pair[0]):
                numbers = [line for _, line in group]
                end = f"-{numbers[-1]}" if len(numbers) > 1 else ""
                yield f"{path}:{numbers[0]}{end}"


def _is_noticed(run: AnyRun | None, red: Collection[str]) -> bool | None:
    """Whether a test fails, or the suite cannot run; None: the run is inconclusive.

    False also if there is no run: then all tests are tried.
    """
    if not isinstance(run, TestRun):
        return False
    run = accept_empty(run)
    if run.limit == "time":
        return True  # probably a loop that does not end
    if run.limit or run.status is Status.UNVERIFIED:
        return None
    is_red = bool((run.reason and run.exit_code) or list_red(run).difference(red))
    return None if run.unrun and not is_red else is_red


def _quote_error(item: CheckItem) -> str:
    """Return a failure's first line; of an import error the last line, which names the cause."""
    lines = item.text.strip().splitlines() or [""]
    return lines[-1 if item.is_collection else 0][:_LONGEST_ERROR]
