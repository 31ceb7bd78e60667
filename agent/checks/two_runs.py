"""Run the tests of a change twice: as base has them, and as the change has them.

The first run decides: what passes there has not been broken, whatever the change does to tests.
Where it is known what each test of base reaches, only tests that reach the change run in it; the
others run with all tests of the exact commit. What does not pass as base has it, and tests that
the change adds or edits, run as the change has them. Owns what runs in which of these, and one
result made of all. What follows from it is left to `comparison`.
"""

import dataclasses
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from agent.checks import comparison, joining, red_copies, rule_changes, test_files
from agent.checks.check import Part, Selection, Site
from agent.checks.own_tests import (
    Scope,
    choose_scope,
    find_uncollected,
    merge_results,
    not_passed,
)
from agent.checks.reach import ReachedTests
from agent.checks.reruns import (
    FAILING,
    MOST_TESTS,
    PASSING,
    SuiteRerunner,
    is_flaky,
    is_proved,
    list_failing,
    list_red,
)
from agent.checks.runners import Suite
from agent.checks.suite import join_facts, pardon_nothing
from agent.checks.test_files import BaseTestFiles, Imports, SuitePlaces
from agent.checks.whole_commit import WHOLE, WHOLE_PART
from agent.models.change import Change, ChangedFile
from agent.models.checks import (
    TESTS,
    BlockedTest,
    CheckItem,
    Status,
    SuiteFacts,
    TestReach,
    TestRun,
)
from agent.models.record import replace
from agent.text.sanitise import list_some
from repo_config.detect import Project
from repo_config.test_files import has_test_name, is_test
from repo_config.tree import Tree

OWN, COPIES = "tests as changed", "control tests, which must fail"
"""Names of what runs in addition to the tests as base has them."""
NEAR = "tests that the change reaches"
"""Name of those of base's tests that run as base has them, or first."""
_MOST_COPIES = 20
#: New test files that run each by itself; more of them run together.
_MOST_ALONE = 8
#: Without a record of what tests reach: a suite that takes less answers soon anyway.
_LEAST_SECONDS = 15.0

Runs = tuple[tuple[Suite, Site], ...]
"""Checks with their places; the longest comes last."""


@dataclass
class TwoRuns:
    """The tests of base and those of a change, and what runs both."""

    change: Change
    base: TestRun
    sites: SuiteRerunner
    """Base next to the whole change."""
    tree: Tree
    """Tree of base."""
    lay_out: Callable[[Change, str], Site]
    """Lays a part of the change out, under a name."""
    project: Project
    reach: TestReach | None = None
    """Names that the tests of base reach; None: not known."""
    processes: int = 1
    """Number of processes that share all tests."""
    is_part: bool = False
    """Whether what ran first is judged alone."""

    @cached_property
    def answers_early(self) -> bool:
        """Whether what runs first says enough where it fails."""
        is_near = self._near is not None and not self._shared_files
        return is_near and not self._choose_own().whole

    def list_first(self) -> Runs:
        """List what runs the tests that the change adds, edits and reaches, and where."""
        near = (
            self._list_part(self._near, NEAR)
            if self._near is not None and self._has_existing
            else ()
        )
        wanted = self._choose_own()
        # If these are all tests, the whole run has them.
        if wanted.is_empty or wanted.whole:
            return near
        # A test that passes only after others would fail for a developer who runs it alone.
        new = {file.path for file in self.change.files if file.before is None}
        alone = new.intersection(wanted.files)
        alone = alone if len(alone) <= _MOST_ALONE else set()
        rest = {*wanted.files} - alone
        parts = {f"{OWN}: {path}": Selection(files=(path,)) for path in sorted(alone)}
        if rest:
            parts[OWN] = Selection(files=tuple(sorted(rest)))
        suite, site = self.sites.suite, self.sites.head
        return (*((suite.select(Part(only), name), site) for name, only in parts.items()), *near)

    def judge_near(self, ran: Mapping[str, TestRun]) -> TestRun:
        """Judge these tests alone; what did not run has no outcome, and says nothing."""
        first = {name: result for name, result in ran.items() if name.startswith(OWN)}
        if near := ran.get(NEAR):
            first[TESTS] = replace(near, name=TESTS)
        alone = dataclasses.replace(self, is_part=True)
        if NEAR in ran:  # others still run there: it is not laid out anew
            vars(alone)["_site"] = self._site
        return replace(alone.finish(first), is_partial=True)

    def expect(self, near: TestRun) -> TestRun:
        """Return the result of all tests if the ones that still run end as on base."""
        seen = {item.item_id for item in near.items}
        items = (
            item
            for item in self.base.items
            if item.item_id not in seen
            and self._located[item.item_id] not in self._touched_test_files
        )
        facts = join_facts([self.facts, *filter(None, [near.suite])], {})
        return replace(
            near,
            items=(*near.items, *items),
            seconds=self.base.seconds,
            suite=facts,
            is_partial=False,
        )

    def list_rest(self) -> Runs:
        """List what runs copies that must fail, and base's tests of which more may notice it."""
        found: list[tuple[Suite, Site]] = []
        if self._drawn:
            site = self._lay_out_broken_tests(self.product, self.sites.head)
            found.append((self.sites.suite.select(Part(Selection(ids=self._drawn)), COPIES), site))
        if self._has_existing and self._reached is None:
            near = self._near
            rest = near and Selection(files=tuple(sorted({*self._files}.difference(near.files))))
            found += self._list_part(rest, TESTS)
        return tuple(found)

    def list_whole(self) -> Runs:
        """List what runs all tests of the exact commit, and where."""
        edited = tuple(sorted(self._touched_test_files))
        watched = tuple(sorted({*self._watched_files}.difference(self.change.paths)))
        part = dataclasses.replace(
            WHOLE_PART, watched=watched, own_files=edited, processes=self.processes
        )
        return ((self.sites.suite.select(part, WHOLE), self.sites.head),)

    def finish(self, ran: Mapping[str, TestRun]) -> TestRun:
        """Run again what failed, and as the change has it what is left; join all results.

        Args:
            ran: How the first runs ended, by name.
        """
        parts = [result for name, result in ran.items() if name.startswith(OWN)]
        own = joining.join_runs(parts, is_part=True) if len(parts) > 1 else next(iter(parts), None)
        own = ran.get(WHOLE) if self._choose_own().whole else own
        existing = self._judge_existing(self._join_existing(ran), ran.get(COPIES))
        seen = (doubt for result in ran.values() for doubt in result.doubts)
        doubts = tuple(dict.fromkeys((*existing.doubts, *seen)))
        tests = self._judge_own(replace(existing, doubts=doubts), own)
        return replace(tests, disguised=tuple(sorted(self.disguised_files)))

    def note_unseen(self, tests: TestRun, runs: Collection[TestRun]) -> TestRun:
        """Note in the result which tests of base have no outcome on the exact commit.

        Args:
            runs: All runs of all tests there.
        """
        seen = {item.item_id: item for run in runs for item in run.items}
        unseen = comparison.list_unseen(self.base, seen)
        # One that a limit ended cannot tell which tests are gone.
        late = unseen if any(run.limit for run in runs) else ()
        late = (*late, *(test for run in runs for test in run.unrun if test not in seen))
        unrun = tuple(dict.fromkeys((*tests.unrun, *late)))
        return replace(tests, unseen=unseen, unrun=unrun)

    def _join_existing(self, ran: Mapping[str, TestRun]) -> TestRun:
        """Join what shows whether the change breaks tests of base."""
        near, whole = ran.get(NEAR), ran.get(WHOLE)
        if self._reached is None or not self._has_existing or whole is None:
            # If no source is changed, base's own result counts.
            existing = ran.get(TESTS, self.base)
            return joining.join_parts([near, existing]) if near else existing
        locate = SuitePlaces(whole.suite or self.facts).locate_test
        elsewhere = self._touched_test_files | self._unknown_files
        # A test that the whole run skips shows nothing, whatever it did before.
        far = tuple(
            item
            for item in whole.items
            if locate(item.item_id)[0] not in elsewhere
            and (item.item_id not in self._reached or item.outcome not in (*PASSING, *FAILING))
        )
        existing = replace(whole, items=far, name=TESTS)
        if near is None:
            return existing
        seen = {item.item_id for item in far}
        left = tuple(item for item in near.items if item.item_id not in seen)
        return joining.join_parts([replace(near, items=left), existing])

    def _judge_existing(self, existing: TestRun, copied: TestRun | None) -> TestRun:
        """Judge the tests as base has them; what does not pass is among the blocked ones."""
        if existing.status is Status.UNVERIFIED or existing.exit_code is None:
            return existing
        if touched := self._find_touched(existing):
            named = ", ".join(sorted(touched))
            return _refuse(existing, f"{named} was modified or hidden while the tests ran")
        left = not_passed(self.base, existing)
        if self.is_part:
            left = tuple(item for item in left if self._is_near(item))
        existing = self._repeat_existing(existing, list_failing(left))
        by_chance = {
            test.item_id
            for test in existing.repeated
            if any(run.outcome in PASSING for run in test.head)
        }
        existing, pardoned = self._pardon_order(existing, by_chance)
        left = tuple(item for item in left if item.item_id not in by_chance | pardoned)
        problem, doubt = self._judge_copies(copied, existing) if copied else ("", "")
        if problem:
            return _refuse(existing, problem)
        doubts = [self._explain_shadowed(), doubt]
        if self._shared_files:
            strict = self._run_with_shared_files_of_base()
            if strict.status is Status.UNVERIFIED:
                return strict
            if strict.limit:
                doubts.append("the tests with the base branch's helpers did not finish")
            else:
                items = {item.item_id: item for item in (*existing.items, *strict.items)}
                strict = replace(strict, items=tuple(items.values()))
                seen = by_chance | {item.item_id for item in left}
                more = not_passed(self.base, strict)
                left += tuple(item for item in more if item.item_id not in seen)
        blocked = tuple(
            BlockedTest(item_id=item.item_id, outcome=item.outcome, text=item.text) for item in left
        )
        return replace(existing, blocked_tests=blocked, doubts=tuple(filter(None, doubts)))

    def _pardon_order(
        self, existing: TestRun, by_chance: Collection[str]
    ) -> tuple[TestRun, frozenset[str]]:
        """Let pass what fails among some tests, and passes with all of base's tests; say what.

        Some tests need what others have done before them: alone they pass, or fail on base as well.
        """
        suspects = {*by_chance}
        for test in existing.repeated:
            if test.base and all(run.outcome in FAILING for run in test.base):
                suspects.add(test.item_id)
        is_some = self.is_part or self._near or self.processes > 1
        if not (suspects and is_some):
            return existing, frozenset()
        whole = self.sites.run_part(self._site, Part(watched=self._watched_files))
        if not is_proved(whole) or whole.touched:
            return existing, frozenset()
        passed = {item.item_id for item in whole.items if item.outcome in PASSING}
        same = frozenset(passed & suspects)
        items = tuple(
            replace(item, outcome="passed", text="", details="") if item.item_id in same else item
            for item in existing.items
        )
        status = Status.FAILED if list_failing(items) else Status.PASSED
        return replace(existing, items=items, status=status if same else existing.status), same

    def _run_with_shared_files_of_base(self) -> TestRun:
        """Run tests that use what they share with the product, with that as base has it."""
        shared = self._shared_files
        self.sites.say(f"tests: running again with the base branch's {list_some(sorted(shared))}")
        site = self.lay_out(rule_changes.drop_files(self.product, shared), "base-shared")
        reached = self.imports.list_reached_files(shared)
        files = tuple(sorted({*self.facts.files, *self.facts.product}.intersection(reached)))
        only = Selection(files=files) if files else None
        return self.sites.run_part(site, Part(only, watched=self._watched_files))

    # --- what is known ----------------------------------------------------------------------------

    @cached_property
    def facts(self) -> SuiteFacts:
        return self.base.suite or SuiteFacts()

    @cached_property
    def places(self) -> SuitePlaces:
        return SuitePlaces(self.facts)

    @cached_property
    def _sources(self) -> dict[str, bytes]:
        return test_files.read_python_sources(self.tree)

    @cached_property
    def _imports_by_file(self) -> dict[str, tuple[str, ...]]:
        return test_files.read_imports(self._sources)

    @cached_property
    def imports(self) -> Imports:
        """Imports of the files with the change."""
        files = self.change.files
        own = {file.path: file.after or b"" for file in files if file.path.endswith(".py")}
        return Imports({**self._imports_by_file, **test_files.read_imports(own)})

    @cached_property
    def _located(self) -> dict[str, str]:
        """The file of each of base's tests, by its id; "": it is not known."""
        return {item.item_id: self.places.locate_test(item.item_id)[0] for item in self.base.items}

    @cached_property
    def _files(self) -> Counter[str]:
        """How many of base's tests there are in each file."""
        return Counter(self._located.values())

    @cached_property
    def _has_existing(self) -> bool:
        """Whether the change alters what tests of base run on."""
        return bool(self.product.files) or not self._is_alike

    @cached_property
    def _is_alike(self) -> bool:
        """Whether both sides have the same environment."""
        return self.sites.head.environment == self.sites.base.environment

    @cached_property
    def _reached(self) -> frozenset[str] | None:
        """The ids of base's tests that may notice the change; None: any may."""
        can_tell = self._is_alike and not self.base.unrun
        if self.reach is None or not can_tell or self._alters_shared_tests:
            return None
        touched = self._touched_test_files
        by_name = tuple(sorted({*self.reach.by_name}.difference(self.facts.files)))
        known = replace(self.reach, by_name=by_name)
        paths = frozenset(self.tree.paths())
        tests = ReachedTests(known, self.imports, paths, self._located.__getitem__)
        found = tests.find(self.product)
        if found is None:
            return None
        files = touched | self._unknown_files
        by_place = {one for one, path in self._located.items() if path in files}
        return frozenset((found & self._located.keys()) | by_place | self._unknown)

    @cached_property
    def _alters_shared_tests(self) -> bool:
        """Whether it touches what several files of tests use."""
        touched = self._touched_test_files
        # Without a test of its own it is a plugin, whoever names it.
        plugins = touched.intersection(self.facts.files).difference(self._files)
        imported = any(map(self.imports.importers_of, touched)) or bool(plugins)
        return bool(self.rules or self._shared_files) or self._choose_own().whole or imported

    @cached_property
    def _unknown(self) -> frozenset[str]:
        """Tests that the record does not have, or not as they ended."""
        return frozenset(self._located.keys() - (self.reach.tests if self.reach else {}).keys())

    @cached_property
    def _unknown_files(self) -> frozenset[str]:
        return frozenset(self._located[one] for one in self._unknown) - {""}

    @cached_property
    def _reached_selection(self) -> Selection:
        files = self._unknown_files
        ids = (one for one in self._reached or () if self._located[one] not in files)
        return Selection(ids=tuple(sorted(ids)), files=tuple(sorted(files)))

    @cached_property
    def _near(self) -> Selection | None:
        """Those of base's tests that run before the others; None: none do."""
        if self._reached is not None:
            return self._reached_selection
        edited = [path for path in self.product.paths if path.endswith(".py")]
        # Only all tests together are ended in time, where base had none for the last.
        if self.base.seconds < _LEAST_SECONDS or self._files[""] or self.base.unrun:
            return None
        files = self.imports.choose_near(edited, self._files)
        return Selection(files=files) if files else None

    def _is_near(self, item: CheckItem) -> bool:
        if self._reached is not None:
            return item.item_id in self._reached
        return self._near is not None and self._located[item.item_id] in self._near.files

    def _list_part(self, only: Selection | None, name: str) -> Runs:
        """List what runs tests as base has them, and where; None: all."""
        if only == Selection():
            return ()
        part = Part(only, self._watched_files, processes=1 if only else self.processes)
        return ((self.sites.suite.select(part, name), self._site),)

    @cached_property
    def of_tests(self) -> BaseTestFiles:
        imports = Imports(self._imports_by_file)
        return test_files.find_test_files(self.facts, self._sources, imports, self.tree.paths())

    @cached_property
    def rules(self) -> frozenset[str]:
        """What the change touches of the files that tests are configured by."""
        return rule_changes.test_rules(self.change, self.project)

    @cached_property
    def _touched_test_files(self) -> frozenset[str]:
        return self.of_tests.list_touched(self.change)

    @cached_property
    def disguised_files(self) -> frozenset[str]:
        """Files of the product with names of tests that it touches."""
        own = self.of_tests.without_imported(self._touched_test_files, self.imports)
        return frozenset(path for path in self.change.paths if is_test(path)) - own - self.rules

    @cached_property
    def product(self) -> Change:
        """The change without what it does to tests.

        New helpers stay: tests of base do not know them, and source may do something else where
        they are not.
        """
        new = {file.path for file in self.change.files if file.before is None}
        stay = {path for path in new if not (has_test_name(path) or path.endswith("__init__.py"))}
        tests = self._touched_test_files - stay
        return rule_changes.drop_files(self.change, tests | self.rules)

    @cached_property
    def _shared_files(self) -> frozenset[str]:
        """Files that it touches and that may belong to tests as well as to the product."""
        paths = frozenset(self.product.paths)
        found = self.of_tests.shared & paths
        return found if found < paths else frozenset()

    @cached_property
    def _site(self) -> Site:
        """The change without what it does to tests, laid out."""
        if self.product.files == self.change.files:
            return self.sites.head
        return self.lay_out(self.product, "base-tests")

    @cached_property
    def _watched_files(self) -> tuple[str, ...]:
        """Files of base's tests and the data among them, as far as the change leaves them alone."""
        return tuple(
            sorted({*self.facts.files, *self.of_tests.sure}.difference(self.product.paths))
        )

    # --- as base has them -------------------------------------------------------------------------

    def _repeat_existing(self, existing: TestRun, failing: tuple[CheckItem, ...]) -> TestRun:
        """Run again what base has passed."""
        if existing.reason or not 0 < len(failing) <= MOST_TESTS:
            return existing
        again = dataclasses.replace(self.sites, head=self._site).repeat(failing)
        return replace(existing, repeated=again)

    def _find_touched(self, existing: TestRun) -> frozenset[str]:
        """Return the files of tests that are touched as they run with the change, and not on base.

        Base is asked only then: few tests write files of the tree.
        """
        if not existing.touched:
            return frozenset()
        base = self.sites.run_part(self.sites.base, Part(watched=self._watched_files))
        return frozenset(existing.touched) - frozenset(base.touched)

    def _explain_shadowed(self) -> str:
        """Say which new files tests of base import, that passed when these were not there."""
        files = self.change.files
        gone = {test_files.name_module(file.path) for file in files if file.after is None}
        new = [file.path for file in self.product.files if file.before is None]
        passed = {self.places.locate_test(item.item_id)[0] for item in list_passed(self.base)}
        known = {**self._imports_by_file, **dict.fromkeys(new, ())}
        imports = Imports(known)
        found = [
            path
            for path in new
            if test_files.name_module(path) not in gone
            and not passed.isdisjoint(imports.importers_of(path))
        ]
        if not found:
            return ""
        return (
            f"Existing tests import the new {list_some(found)} and passed without it: they may"
            " now test it instead of the original"
        )

    # --- as the change has them -------------------------------------------------------------------

    def _choose_own(self, left: tuple[str, ...] = ()) -> Scope:
        """Choose what the change adds or edits, and what it does not pass as base has it."""
        touched = (self._touched_test_files | self._shared_files) - self.rules
        conftests = frozenset(path for path in self.rules if path.endswith("conftest.py"))
        return choose_scope(
            self.change,
            touched | conftests,
            left,
            self.facts,
            self.imports,
            other_rules=bool(self.rules - conftests),
        )

    def _judge_own(self, existing: TestRun, own: TestRun | None) -> TestRun:
        """Run what is left, and join both results."""
        if existing.status is Status.UNVERIFIED or existing.exit_code is None:
            return existing
        # The others are as base has them.
        left = tuple(
            test.item_id
            for test in existing.blocked_tests
            if self._alters_shared_tests or self._located[test.item_id] in self._touched_test_files
        )
        wanted = self._choose_own(left)
        if wanted.is_empty and not wanted.deleted:
            return existing
        own = (
            pardon_nothing(own)
            if own
            else replace(existing, items=(), status=Status.PASSED, reason="", output="")
        )
        known = {item.item_id for item in own.items}
        locate = self.places.locate_test
        ids = tuple(
            one
            for one in (() if wanted.whole else wanted.ids)
            if one not in known and locate(one)[0] not in wanted.files
        )
        if left:
            self.sites.say(f"tests: {len(left):,} existing tests do not pass unmodified")
        if ids and is_proved(own):
            more = pardon_nothing(self.sites.run_some(self.sites.head, Selection(ids=ids)))
            own = replace(more, items=(*own.items, *more.items))
        if not is_proved(own):
            return replace(own, name=TESTS)
        sides = {file.path: (file.before, file.after) for file in self.change.files}
        result = merge_results(existing, own, wanted, sides, self.places)
        uncollected = find_uncollected(self.change, own)
        return self._repeat_own(replace(result, uncollected=uncollected))

    def _repeat_own(self, result: TestRun) -> TestRun:
        """Run again tests of base that fail as the change has them alone: edited ones."""
        open_ids = {*self.base.unrun, *(item.item_id for item in self.base.items)}
        open_ids -= {test.item_id for test in result.repeated}
        open_ids -= {test.item_id for test in result.blocked_tests}
        failing = tuple(item for item in self._list_worse(result) if item.item_id in open_ids)
        if not is_proved(result) or not 0 < len(failing) <= MOST_TESTS:
            return result
        repeated = self.sites.repeat(failing)
        return replace(result, repeated=(*result.repeated, *repeated))

    @cached_property
    def _known_red(self) -> frozenset[str]:
        return list_red(self.base)

    def _list_worse(self, result: TestRun) -> tuple[CheckItem, ...]:
        """Return what fails and did not fail on base, at no time."""
        repeated = {test.item_id: test for test in result.repeated}
        return tuple(
            item
            for item in list_failing(result.items)
            if item.item_id not in self._known_red
            and not is_flaky(item, repeated.get(item.item_id))
        )

    # --- copies that must fail --------------------------------------------------------------------

    @cached_property
    def _passed(self) -> dict[str, tuple[str, str]]:
        """File and name of each test that base passes, by its id."""
        found = {
            item.item_id: self.places.locate_test(item.item_id) for item in list_passed(self.base)
        }
        return {item_id: at for item_id, at in found.items() if at[0] in self.of_tests.sure}

    @cached_property
    def _copies(self) -> red_copies.FailingCopies:
        """Copies of tests that reach what the change edits, or of any where none seems to."""
        edited = [path for path in self.product.paths if path.endswith(".py")]
        reached = self.imports.list_reached_files(edited)
        near = [
            one
            for one, (path, _) in self._passed.items()
            if (path in reached if self._reached is None else one in self._reached)
        ]
        every = (near or [*self._passed]) if edited else []
        # More than run: some tests are not written out where they are found.
        drawn = secrets.SystemRandom().sample(every, min(len(every), 10 * _MOST_COPIES))
        sources = {path: self.tree.read(path) for path in {self._passed[one][0] for one in drawn}}
        return red_copies.write_copies(sources, (self._passed[one] for one in drawn))

    @cached_property
    def _drawn(self) -> tuple[str, ...]:
        ids = [one for one, at in self._passed.items() if at in self._copies.names]
        return tuple(secrets.SystemRandom().sample(ids, min(len(ids), _MOST_COPIES)))

    def _lay_out_broken_tests(self, part: Change, site: Site) -> Site:
        files = {file.path: file for file in part.files}
        for path, content in self._copies.files.items():
            files[path] = ChangedFile(path=path, before=self.tree.read(path), after=content)
        every = replace(part, files=tuple(files[path] for path in sorted(files)))
        laid = self.lay_out(every, "red-copies")
        return dataclasses.replace(laid, environment=site.environment)

    def _judge_copies(self, copied: TestRun, existing: TestRun) -> tuple[str, str]:
        """Say which copies of tests did not fail, and do on base; and which say nothing."""
        passed = {item.item_id for item in list_passed(existing)}
        ids = [drawn for drawn in self._drawn if drawn in passed]
        left = frozenset(ids) - list_red(copied)
        if not left:
            return "", ""
        nothing = rule_changes.drop_files(self.change, frozenset(self.change.paths))
        site = self._lay_out_broken_tests(nothing, self.sites.base)
        base = self.sites.run_some(site, Selection(ids=tuple(sorted(left))), COPIES)
        # A run that a limit ended says nothing about tests that did not run.
        silent = left - {item.item_id for item in copied.items}
        green = (left & list_red(base)) - (silent if copied.limit else frozenset())
        if base.limit:
            silent |= left - {item.item_id for item in base.items}
        if green:
            problem = (
                f"{len(green):,} of {len(ids):,} deliberately broken tests passed, such as the"
                f" copy of {min(green)}: the change controls test results"
            )
            return problem, ""
        blind = left - silent - list_red(base)
        if not (silent or blind):
            return "", ""
        doubt = (
            f"did not finish, such as the copy of {min(silent)}: their failures may go unseen"
            if silent
            else f"pass on the base branch too, such as the copy of {min(blind)}: these tests"
            " cannot fail, so they prove nothing"
        )
        named = f"{len(silent or blind):,} of {len(ids):,} deliberately broken tests"
        return "", f"{named} {doubt}"


def list_passed(result: TestRun) -> Iterable[CheckItem]:
    return (item for item in result.items if item.outcome == "passed")


def _refuse(result: TestRun, reason: str) -> TestRun:
    return replace(result, status=Status.UNVERIFIED, reason=reason)
