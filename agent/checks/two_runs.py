"""Run the tests of a change twice: as base has them, and as the change has them.

The first run decides: what passes there has not been broken, whatever the change does to tests.
Only what does not pass there, and tests that the change adds or edits, run as the change has
them. Owns what runs in which of the two, and one result made of both. What follows from it is left
to `comparison`.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from agent.checks import joining, red_copies, rule_changes, test_files
from agent.checks.check import Part, Selection, Site, Suite
from agent.checks.own_tests import (
    Scope,
    choose_scope,
    find_uncollected,
    merge_results,
    not_passed,
)
from agent.checks.reruns import (
    MOST_TESTS,
    PASSING,
    SuiteRerunner,
    is_flaky,
    is_proved,
    list_failing,
)
from agent.checks.suite import pardon_nothing
from agent.checks.test_files import BaseTestFiles, Imports, SuitePlaces
from agent.models.change import Change, ChangedFile
from agent.models.checks import (
    TESTS,
    BlockedTest,
    CheckItem,
    Status,
    SuiteFacts,
    TestRun,
)
from agent.text.sanitise import list_some
from repo_config.detect import Project
from repo_config.test_files import has_test_name, is_test
from repo_config.tree import Tree

OWN, COPIES = "tests as changed", "control tests, which must fail"
"""Names of what runs beside the tests as base has them."""
NEAR = "tests that the change reaches"
"""Name of the part of base's tests that runs first."""
_MOST_COPIES = 20
#: A suite that takes less answers soon anyway.
_LEAST_SECONDS = 15.0

Runs = tuple[tuple[Suite, Site], ...]
"""What runs, each with where; the longest comes last."""


@dataclass
class TwoRuns:
    """The tests of base and those of a change, and what runs both."""

    change: Change
    base: TestRun
    sites: SuiteRerunner
    """Base beside the whole change."""
    tree: Tree
    """Of base."""
    lay_out: Callable[[Change, str], Site]
    """Lays a part of the change out, under a name."""
    project: Project

    def list_near(self) -> Runs:
        """List what runs the tests that the change reaches before all others, and where.

        None where that answers no sooner.
        """
        if not self._near or self._shared_files or self._choose_own().whole:
            return ()
        part = Part(Selection(files=self._near), self._watched_files)
        return (*self.list_own(), (self.sites.suite.select(part, NEAR), self._site))

    def judge_near(self, ran: Mapping[str, TestRun]) -> tuple[TestRun, TestRun]:
        """Judge these tests alone: on base, and with the change."""
        some = tuple(item for item in self.base.items if self._located[item.item_id] in self._near)
        base = self.base.model_copy(update={"items": some})
        own = {name: result for name, result in ran.items() if name != NEAR}
        near = ran[NEAR].model_copy(update={"name": TESTS})
        found = replace(self, base=base).finish({**own, TESTS: near})
        return base, found.model_copy(update={"is_partial": True})

    def list_own(self) -> Runs:
        """List what runs the tests that the change adds or edits, as it has them, and where."""
        wanted = self._choose_own()
        part = Part(None if wanted.whole else Selection(files=wanted.files))
        own = self.sites.suite.select(part, OWN), self.sites.head
        return () if wanted.is_empty else (own,)

    def list_held(self, ran: Collection[str] = ()) -> Runs:
        """List what runs base's tests, but for those that have run, and copies that must fail."""
        suite, found = self.sites.suite, []
        if self._drawn:
            only = Part(Selection(ids=self._drawn))
            site = self._lay_out_broken_tests(self.product, self.sites.head)
            found.append((suite.select(only, COPIES), site))
        is_alike = self.sites.head.environment == self.sites.base.environment
        if self.product.files or not is_alike:
            rest = Selection(files=tuple(sorted({*self._files} - {*self._near})))
            part = Part(rest if NEAR in ran else None, self._watched_files)
            found.append((suite.select(part), self._site))
        return tuple(found)

    def finish(self, ran: Mapping[str, TestRun]) -> TestRun:
        """Run again what failed, and as the change has it what is left; join all results.

        Args:
            ran: How the first runs ended, by name.
        """
        # Where no source is changed, base has shown it.
        held = ran.get(TESTS, self.base)
        if near := ran.get(NEAR):
            held = joining.join_parts([near, held])
        held = self._settle(held, ran.get(COPIES))
        return self._judge_own(held, ran.get(OWN))

    def _settle(self, held: TestRun, copied: TestRun | None) -> TestRun:
        """Judge the tests as base has them; what does not pass is among the blocked ones."""
        if held.status is Status.UNVERIFIED or held.exit_code is None:
            return held
        if touched := self._find_touched(held):
            named = ", ".join(sorted(touched))
            return _refuse(held, f"{named} was modified or hidden while the tests ran")
        left = not_passed(self.base, held)
        held = self._repeat_held(held, list_failing(left))
        by_chance = {
            test.item_id
            for test in held.repeated
            if any(run.outcome in PASSING for run in test.head)
        }
        left = tuple(item for item in left if item.item_id not in by_chance)
        problem, doubt = self._judge_copies(copied, held) if copied else ("", "")
        if problem:
            return _refuse(held, problem)
        doubts = [self._explain_shadowed(), doubt]
        if self._shared_files:
            strict = self._run_with_shared_files_of_base()
            if strict.status is Status.UNVERIFIED:
                return strict
            if strict.limit:
                doubts.append("the tests with the base branch's helpers did not finish")
            else:
                items = {item.item_id: item for item in (*held.items, *strict.items)}
                strict = strict.model_copy(update={"items": tuple(items.values())})
                seen = by_chance | {item.item_id for item in left}
                more = not_passed(self.base, strict)
                left += tuple(item for item in more if item.item_id not in seen)
        blocked = tuple(
            BlockedTest(item_id=item.item_id, outcome=item.outcome, text=item.text) for item in left
        )
        return held.model_copy(
            update={"blocked_tests": blocked, "doubts": tuple(filter(None, doubts))}
        )

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
        """Of the files with the change."""
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
    def _near(self) -> tuple[str, ...]:
        """The files of base's tests that reach the edited source, the nearest of them."""
        edited = [path for path in self.product.paths if path.endswith(".py")]
        # Only all tests together are ended in time, where base had none for the last.
        if self.base.seconds < _LEAST_SECONDS or self._files[""] or self.base.unrun:
            return ()
        return self.imports.choose_near(edited, self._files)

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
        """What it touches of the product under names that tests have."""
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
        """What it touches of files that may belong to tests, beside what is of the product."""
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

    def _repeat_held(self, held: TestRun, failing: tuple[CheckItem, ...]) -> TestRun:
        """Run again what base has passed."""
        if held.reason or not 0 < len(failing) <= MOST_TESTS:
            return held
        again = replace(self.sites, head=self._site).repeat(failing)
        return held.model_copy(update={"repeated": again})

    def _find_touched(self, held: TestRun) -> frozenset[str]:
        """Return the files of tests that are touched as they run with the change, and not on base.

        Base is asked only then: few tests write beside themselves.
        """
        if not held.touched:
            return frozenset()
        base = self.sites.run_part(self.sites.base, Part(watched=self._watched_files))
        return frozenset(held.touched) - frozenset(base.touched)

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

    def _judge_own(self, held: TestRun, own: TestRun | None) -> TestRun:
        """Run what is left, and join both results."""
        if held.status is Status.UNVERIFIED or held.exit_code is None:
            return held
        left = tuple(test.item_id for test in held.blocked_tests)
        wanted = self._choose_own(left)
        if wanted.is_empty and not wanted.deleted:
            return held
        nothing = {"items": (), "status": Status.PASSED, "reason": "", "output": ""}
        own = pardon_nothing(own) if own else held.model_copy(update=nothing)
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
            own = more.model_copy(update={"items": (*own.items, *more.items)})
        if not is_proved(own):
            return own.model_copy(update={"name": TESTS})
        sides = {file.path: (file.before, file.after) for file in self.change.files}
        result = merge_results(held, own, wanted, sides, self.places)
        uncollected = find_uncollected(self.change, own)
        return self._repeat_own(result.model_copy(update={"uncollected": uncollected}))

    def _repeat_own(self, result: TestRun) -> TestRun:
        """Run again tests of base that fail as the change has them alone: edited ones."""
        open_ids = {*self.base.unrun, *(item.item_id for item in self.base.items)}
        open_ids -= {test.item_id for test in result.repeated}
        open_ids -= {test.item_id for test in result.blocked_tests}
        failing = tuple(item for item in self._list_worse(result) if item.item_id in open_ids)
        if not is_proved(result) or not 0 < len(failing) <= MOST_TESTS:
            return result
        repeated = self.sites.repeat(failing)
        return result.model_copy(update={"repeated": (*result.repeated, *repeated)})

    @cached_property
    def _known_red(self) -> frozenset[str]:
        return frozenset(item.item_id for item in list_failing(self.base.items))

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
        near = [one for one, (path, _) in self._passed.items() if path in reached]
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
        every = part.model_copy(update={"files": tuple(files[path] for path in sorted(files))})
        laid = self.lay_out(every, "red-copies")
        return replace(laid, environment=site.environment)

    def _judge_copies(self, copied: TestRun, held: TestRun) -> tuple[str, str]:
        """Say which copies of tests did not fail, and do on base; and which say nothing."""
        passed = {item.item_id for item in list_passed(held)}
        ids = [drawn for drawn in self._drawn if drawn in passed]
        left = frozenset(ids) - _list_red(copied)
        if not left:
            return "", ""
        nothing = rule_changes.drop_files(self.change, frozenset(self.change.paths))
        site = self._lay_out_broken_tests(nothing, self.sites.base)
        base = self.sites.run_some(site, Selection(ids=tuple(sorted(left))), COPIES)
        # What a limit ended says nothing of those that did not run.
        silent = left - {item.item_id for item in copied.items}
        green = (left & _list_red(base)) - (silent if copied.limit else frozenset())
        if base.limit:
            silent |= left - {item.item_id for item in base.items}
        if green:
            problem = (
                f"{len(green):,} of {len(ids):,} deliberately broken tests passed, such as the"
                f" copy of {min(green)}: the change controls test results"
            )
            return problem, ""
        blind = left - silent - _list_red(base)
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


def _list_red(result: TestRun) -> frozenset[str]:
    return frozenset(item.item_id for item in list_failing(result.items))


def list_passed(result: TestRun) -> Iterable[CheckItem]:
    return (item for item in result.items if item.outcome == "passed")


def _refuse(result: TestRun, reason: str) -> TestRun:
    return result.model_copy(update={"status": Status.UNVERIFIED, "reason": reason})
