"""Run the tests of a change twice: as base has them, and as the change has them.

The first run decides: what passes there has not been broken, whatever the change does to tests.
Only what does not pass there, and tests that the change adds or edits, run as the change has
them. Owns what runs in which of the two, and one result made of both. What follows from it is left
to `comparison`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property

from agent.checks import red_copies, rule_changes, test_files
from agent.checks.check import Part, Selection, Site, Suite, count_sandboxes
from agent.checks.own_tests import (
    choose_scope,
    find_uncollected,
    merge_results,
    not_passed,
    run_own,
)
from agent.checks.reruns import (
    FAILING,
    MOST_TESTS,
    PASSING,
    SuiteRerunner,
    is_flaky,
    is_proved,
    list_failing,
)
from agent.checks.test_files import BaseTestFiles, Imports, Places
from agent.models.change import Change, ChangedFile
from agent.models.checks import CheckItem, CheckResult, RepeatedTest, Status, SuiteFacts
from agent.telemetry.run_log import carried_along
from agent.text.sanitise import list_some
from repo_config.detect import Project
from repo_config.test_files import has_test_name, is_test
from repo_config.tree import Tree

#: Of a copy that must fail: it does, and it does but for `assert`, which does nothing there.
_RED, _MUTE = 2, 1


@dataclass
class TwoRuns:
    """The tests of base and those of a change, and what runs both."""

    change: Change
    base: CheckResult
    sites: SuiteRerunner
    """Base beside the whole change."""
    tree: Tree
    """Of base."""
    lay_out: Callable[[Change, str], Site]
    """Lays a part of the change out, under a name."""
    project: Project
    _unstable_ids: set[str] = field(default_factory=set, init=False)
    """Of base; no run finds them again."""

    def prepare_first(self) -> tuple[Suite, Site]:
        """Return what runs the tests as base has them, and where."""
        return self.sites.suite.select(self._part), self._site

    def finish(self, held: CheckResult, rounds: int) -> CheckResult:
        """Run again what failed, as the change has it what is left, and copies that must fail.

        Args:
            held: How the first run ended.
            rounds: How often a test may be run again.
        """
        held = self._add_reached(held)
        if held.status is Status.UNVERIFIED or held.exit_code is None:
            return held
        held = self._match_unstable_ids(held)
        if touched := self._find_touched(held):
            named = ", ".join(sorted(touched))
            return _refuse(held, f"while the tests ran, {named} was written to or hidden")
        left = not_passed(self.base, held)
        failing = list_failing(left)
        repeated: tuple[RepeatedTest, ...] = ()
        if rounds and not held.reason and 0 < len(failing) <= MOST_TESTS:
            repeated = replace(self.sites, head=self._site).repeat(failing, rounds)
        held = held.model_copy(update={"repeated": repeated})
        by_chance = {one.item_id for one in repeated if _passes_at_times(one)}
        left = tuple(item for item in left if item.item_id not in by_chance)
        doubts = [self._explain_unknown_helpers(), self._explain_shadowed()]
        if self._shared_files:
            shared = list_some(sorted(self._shared_files))
            self.sites.say(f"tests: once more with {shared} as on base")
            part = rule_changes.drop_files(self.product, self._shared_files)
            strict = self.sites.run_part(self.lay_out(part, "base-shared"), self._part)
            if strict.status is Status.UNVERIFIED:
                return strict
            if strict.limit:
                doubts.append(f"the tests with {shared} as on base did not end")
            else:
                seen = by_chance | {item.item_id for item in left}
                more = not_passed(self.base, self._match_unstable_ids(strict))
                left += tuple(one for one in more if one.item_id not in seen)
        with ThreadPoolExecutor(min(2, count_sandboxes(self.sites.head))) as pool:
            own = pool.submit(carried_along(self._run_own), held, left)
            copies = pool.submit(carried_along(self._try_copies), held)
            result = self._repeat_own(own.result(), rounds)
            if not is_proved(result) or self._list_worse(result):
                copies.cancel()
                return result
        problem, doubt = copies.result()
        if problem:
            return _refuse(result, problem)
        every = tuple(filter(None, (*result.doubts, *doubts, doubt)))
        return result.model_copy(update={"doubts": every})

    # --- what is known ----------------------------------------------------------------------------

    @cached_property
    def facts(self) -> SuiteFacts:
        return self.base.suite or SuiteFacts()

    @cached_property
    def places(self) -> Places:
        return Places(self.facts)

    @cached_property
    def _sources(self) -> dict[str, bytes] | None:
        return test_files.read_python_files(self.tree)

    @cached_property
    def _imports_by_file(self) -> dict[str, tuple[str, ...]]:
        return test_files.read_imports(self._sources or {})

    @cached_property
    def imports(self) -> Imports | None:
        """Of the files with the change."""
        if self._sources is None:
            return None
        files = self.change.files
        own = {one.path: one.after or b"" for one in files if one.path.endswith(".py")}
        return Imports({**self._imports_by_file, **test_files.read_imports(own)})

    @cached_property
    def of_tests(self) -> BaseTestFiles:
        sources, imports = self._sources or {}, Imports(self._imports_by_file)
        return test_files.find_test_files(self.facts, sources, imports, self.tree.paths())

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
        own = self._touched_test_files
        if self.imports is not None:
            own = self.of_tests.without_imported(own, self.imports)
        return frozenset(path for path in self.change.paths if is_test(path)) - own - self.rules

    @cached_property
    def product(self) -> Change:
        """The change without what it does to tests.

        New helpers stay: tests of base do not know them, and source may do something else where
        they are not.
        """
        new = {file.path for file in self.change.files if file.before is None}
        stay = {path for path in new if not (has_test_name(path) or path.endswith("__init__.py"))}
        gone = (self._touched_test_files - stay) | self.rules
        return rule_changes.drop_files(self.change, gone)

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
    def _part(self) -> Part:
        return Part(base=self.facts)

    # --- as base has them -------------------------------------------------------------------------

    def _add_reached(self, held: CheckResult) -> CheckResult:
        """Run what the change reaches of the tests for which there was no time."""
        reached = frozenset(self.facts.files)
        if self.imports:
            reached = self.imports.list_reached_files(self.product.paths)
        done, locate = {item.item_id for item in held.items}, self.places.locate_test
        late = dict.fromkeys((*held.unrun, *self.base.unrun))
        ids = tuple(one for one in late if one not in done and locate(one)[0] in reached)
        if not ids or not is_proved(held):
            return held
        self.sites.say(f"tests: time is up; {len(ids):,} more that the change reaches run")
        more = self.sites.run_some(self._site, Selection(ids=ids))
        if not is_proved(more):
            return more
        items = (*held.items, *(one for one in more.items if one.item_id not in done))
        done = {item.item_id for item in items}
        facts = {
            "items": items,
            "unrun": tuple(one for one in held.unrun if one not in done),
            "status": Status.FAILED if list_failing(more.items) else held.status,
        }
        return held.model_copy(update=facts)

    def _match_unstable_ids(self, held: CheckResult) -> CheckResult:
        """Give tests the ids that they had on base, where base itself finds others each time.

        Values of chance make such ids. Base is asked only where ids of a family, the test before
        `[`, are missing and others are new; as many are matched as ended alike.
        """
        ids, known = ({item.item_id for item in one.items} for one in (held, self.base))
        fresh: dict[tuple[str, str], list[str]] = {}
        for item in held.items:
            if item.item_id not in known and "[" in item.item_id:
                fresh.setdefault(_describe_family(item), []).append(item.item_id)
        lost = [
            item
            for item in self.base.items
            if item.item_id not in {*ids, *held.unrun} and _describe_family(item) in fresh
        ]
        files = sorted({self.places.locate_test(item.item_id)[0] for item in lost} - {""})
        if not files or not is_proved(held):
            return held
        self.sites.say(f"tests: ids of {list_some(files)} are others than on base, which is asked")
        again = self.sites.run_some(self.sites.base, Selection(files=tuple(files)))
        # What base finds again is stable, and gone with the change.
        stable = {item.item_id for item in again.items}
        names: dict[str, str] = {}
        for item in lost if is_proved(again) else ():
            if item.item_id not in stable and (some := fresh[_describe_family(item)]):
                names[some.pop()] = item.item_id
        self._unstable_ids |= {*names.values()}
        items = tuple(
            item.model_copy(update={"item_id": names.get(item.item_id, item.item_id)})
            for item in held.items
        )
        return held.model_copy(update={"items": items})

    def _find_touched(self, held: CheckResult) -> frozenset[str]:
        """Return the files of tests that are touched as they run with the change, and not on base.

        Base is asked only then: few tests write beside themselves.
        """
        if not held.touched:
            return frozenset()
        base = self.sites.run_part(self.sites.base, self._part)
        return frozenset(held.touched) - frozenset(base.touched)

    def _explain_unknown_helpers(self) -> str:
        files = self.product.files
        changed = [one.path for one in files if one.path.endswith(".py") and one.before is not None]
        if self._sources is not None or not changed:
            return ""
        return (
            f"The project is too large to trace imports; {list_some(changed)} are treated as"
            " product code, though they may be test helpers"
        )

    def _explain_shadowed(self) -> str:
        """Say which new files tests of base import, that passed when these were not there."""
        files = self.change.files
        gone = {test_files.name_module(one.path) for one in files if one.after is None}
        new = [one.path for one in self.product.files if one.before is None]
        passed = {self.places.locate_test(item.item_id)[0] for item in list_passed(self.base)}
        known = {**self._imports_by_file, **dict.fromkeys(new, ())}
        packages = {posixpath.dirname(path) for path in known if path.endswith("/__init__.py")}
        # A folder within a package is a part of it, and nothing that modules are looked for in.
        parts = {
            f"{folder}/__init__.py"
            for path in new
            for folder in test_files.list_folders(path)
            if not packages.isdisjoint(test_files.list_folders(folder))
        }
        imports = Imports({**known, **dict.fromkeys(parts - known.keys(), ())})
        found = [
            path
            for path in new
            if test_files.name_module(path) not in gone
            and not passed.isdisjoint(imports.importers_of(path))
        ]
        if not found:
            return ""
        return (
            f"Tests of base import {list_some(found)}, and passed before that was there:"
            " they may look at it in the place of what they were written for"
        )

    # --- as the change has them -------------------------------------------------------------------

    def _run_own(self, held: CheckResult, left: tuple[CheckItem, ...]) -> CheckResult:
        """Run what the change adds, edits, or does not pass as base has it."""
        touched = (self._touched_test_files | self._shared_files) - self.rules
        conftests = frozenset(path for path in self.rules if path.endswith("conftest.py"))
        wanted = choose_scope(
            self.change,
            touched | conftests,
            tuple(item.item_id for item in left),
            self.facts,
            self.imports,
            other_rules=bool(self.rules - conftests),
        )
        if wanted.is_empty and not wanted.deleted:
            return held
        if left:
            self.sites.say(f"tests: {len(left):,} of base do not pass as base has them")
        nothing = {"items": (), "status": Status.PASSED, "reason": "", "output": ""}
        is_nothing = wanted.is_empty
        own = held.model_copy(update=nothing) if is_nothing else run_own(wanted, self.sites)
        if not is_proved(own):
            return own
        sides = {file.path: (file.before, file.after) for file in self.change.files}
        result = merge_results(held, own, wanted, left, sides, self.places)
        return result.model_copy(update={"uncollected": find_uncollected(self.change, own)})

    def _repeat_own(self, result: CheckResult, rounds: int) -> CheckResult:
        """Run again what fails as the change has it alone: new and edited tests."""
        known = {one.item_id for one in result.repeated}
        known |= {one.item_id for one in result.blocked_tests}
        failing = tuple(one for one in self._list_worse(result) if one.item_id not in known)
        if not rounds or not is_proved(result) or not 0 < len(failing) <= MOST_TESTS:
            return result
        on_base = {*self.base.unrun, *(item.item_id for item in self.base.items)}
        repeated = self.sites.repeat(failing, rounds, {one.item_id for one in failing} - on_base)
        return result.model_copy(update={"repeated": (*result.repeated, *repeated)})

    def _list_worse(self, result: CheckResult) -> tuple[CheckItem, ...]:
        """Return what fails and did not fail on base, at no time."""
        no_matter = {item.item_id for item in list_failing(self.base.items)}
        repeated = {one.item_id: one for one in result.repeated}
        return tuple(
            item
            for item in list_failing(result.items)
            if item.item_id not in no_matter and not is_flaky(item, repeated.get(item.item_id))
        )

    # --- copies that must fail --------------------------------------------------------------------

    def _try_copies(self, held: CheckResult) -> tuple[str, str]:
        """Say which copies of tests did not fail, and do on base; and which say nothing."""
        left_out = {item.item_id for item in not_passed(self.base, held)}
        left_out |= {*held.unrun} | self._unstable_ids
        passed = {
            item.item_id: self.places.locate_test(item.item_id)
            for item in list_passed(self.base)
            if item.item_id not in left_out
        }
        wanted = self._choose_copied(passed)
        sources = {path: self.tree.read(path) for path in {passed[one][0] for one in wanted}}
        copies = red_copies.write_copies(sources, (passed[one] for one in wanted))
        ids = tuple(one for one in wanted if passed[one] in copies.names)
        if not ids:
            return "", ""

        def run(
            some: Iterable[str], part: Change, site: Site
        ) -> tuple[CheckResult, dict[str, int]]:
            laid = self.lay_out(_add_copies(part, copies, sources), "red-copies")
            laid = replace(laid, environment=site.environment)
            only = Selection(ids=tuple(some))
            result = self.sites.run_some(laid, only, "tests broken on purpose")
            return result, {
                item.item_id: _MUTE if copies.mute in item.text else _RED
                for item in list_failing(result.items)
            }

        self.sites.say(
            f"tests: {len(ids):,} copies of base's tests are broken on purpose and run: failures"
            " are right here"
        )
        head, seen = run(ids, self.product, self.sites.head)
        left = frozenset(one for one in ids if seen.get(one, 0) < _RED)
        if not left:
            return "", ""
        nothing = rule_changes.drop_files(self.change, frozenset(self.change.paths))
        base, on_base = run(sorted(left), nothing, self.sites.base)
        silent = left - {item.item_id for item in head.items}
        green = {one for one in left if on_base.get(one, 0) > seen.get(one, 0)}
        # What a limit ended with the change says nothing of it.
        green -= silent if head.limit else frozenset()
        if base.limit:
            silent |= left - {item.item_id for item in base.items}
        if green:
            problem = (
                f"{len(green):,} of {len(ids):,} copies of tests that must fail did not, such as"
                f" that of {min(green)}: the change decides itself how tests end"
            )
            return problem, ""
        if not silent:
            return "", ""
        return "", (
            f"{len(silent):,} of {len(ids):,} copies of tests that must fail did not come to their"
            f" end, such as that of {min(silent)}: nothing shows that their failures are seen"
        )

    def _choose_copied(self, passed: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
        """Choose tests that reach what the change edits; of each file one, where none seems to."""
        by_file: dict[str, list[str]] = {}
        for item_id, (path, _) in passed.items():
            if path in self.of_tests.sure:
                by_file.setdefault(path, []).append(item_id)
        found: dict[str, None] = {}
        for path in self.product.paths:
            if not path.endswith(".py"):
                continue
            reached = self.imports.list_reached_files([path]) if self.imports else frozenset()
            ids = [one for file in reached & by_file.keys() for one in by_file[file]]
            found.update(dict.fromkeys(ids or [some[0] for some in by_file.values()]))
        return tuple(found)


def list_passed(result: CheckResult) -> Iterable[CheckItem]:
    return (item for item in result.items if item.outcome == "passed")


def _describe_family(item: CheckItem) -> tuple[str, str]:
    """Return what a test is called for all sets of parameters, and how it ended."""
    outcome = "failed" if item.outcome in FAILING else item.outcome
    return item.item_id.partition("[")[0], outcome


def _refuse(result: CheckResult, reason: str) -> CheckResult:
    return result.model_copy(update={"status": Status.UNVERIFIED, "reason": reason})


def _passes_at_times(one: RepeatedTest) -> bool:
    return any(run.outcome in PASSING for run in one.head)


def _add_copies(change: Change, copies: red_copies.Copies, sources: Mapping[str, bytes]) -> Change:
    files = {file.path: file for file in change.files}
    for path, content in copies.files.items():
        files[path] = ChangedFile(path=path, before=sources[path], after=content)
    return change.model_copy(update={"files": tuple(files[path] for path in sorted(files))})
