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
from dataclasses import dataclass, replace
from functools import cached_property

from agent.checks import red_copies, reruns, rule_changes, test_files
from agent.checks.check import Part, PartOfSuite, Selection, Site, count_sandboxes
from agent.checks.own_tests import (
    choose_scope,
    find_uncollected,
    merge_results,
    not_passed,
    run_own,
)
from agent.checks.reruns import MOST_TESTS, Reruns, is_proved
from agent.checks.test_files import BaseTestFiles, Imports, Places
from agent.models.change import Change, ChangedFile
from agent.models.checks import CheckItem, CheckResult, RepeatedTest, Status, SuiteFacts
from agent.telemetry import run_log
from agent.text.sanitise import list_some
from repo_config.detect import Project
from repo_config.test_files import has_test_name, is_test
from repo_config.tree import Tree


@dataclass
class TwoRuns:
    """The tests of base and those of a change, and what runs both."""

    change: Change
    base: CheckResult
    sites: Reruns
    """Base beside the whole change."""
    tree: Tree
    """Of base."""
    lay_out: Callable[[Change, str], Site]
    """Lays a part of the change out, under a name."""
    project: Project

    @cached_property
    def facts(self) -> SuiteFacts:
        return self.base.suite or SuiteFacts()

    @cached_property
    def places(self) -> Places:
        return Places(self.facts)

    @cached_property
    def of_tests(self) -> BaseTestFiles:
        sources, imports = self._sources or {}, Imports(self._imports_by_file)
        return test_files.find_test_files(self.facts, sources, imports, self.tree.paths())

    @cached_property
    def imports(self) -> Imports | None:
        """Of the files with the change."""
        if self._sources is None:
            return None
        files = self.change.files
        own = {one.path: one.after or b"" for one in files if one.path.endswith(".py")}
        return Imports({**self._imports_by_file, **test_files.read_imports(own)})

    @cached_property
    def _sources(self) -> dict[str, bytes] | None:
        return test_files.read_python_files(self.tree)

    @cached_property
    def _imports_by_file(self) -> dict[str, tuple[str, ...]]:
        return test_files.read_imports(self._sources or {})

    @cached_property
    def rules(self) -> frozenset[str]:
        """What the change touches of the files that tests are configured by."""
        return rule_changes.test_rules(self.change, self.project)

    @cached_property
    def _touched_test_files(self) -> frozenset[str]:
        """What the change touches of files that belong to tests."""
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
        part = rule_changes.drop_files(self.change, self._touched_test_files - stay)
        return rule_changes.under_rules_of_base(part, self.rules)

    @cached_property
    def shared_files(self) -> frozenset[str]:
        """What it touches of files that may belong to tests, beside what is of the product."""
        paths = frozenset(self.product.paths)
        found = self.of_tests.shared & paths
        return found if found < paths else frozenset()

    @cached_property
    def site(self) -> Site:
        """The change without what it does to tests, laid out."""
        if self.product.files == self.change.files:
            return self.sites.head
        return self.lay_out(self.product, "base-tests")

    @cached_property
    def of_base(self) -> Part:
        return Part(base=self.facts)

    def as_base_has_them(self) -> PartOfSuite:
        return PartOfSuite(self.sites.suite, self.of_base, self.site)

    def finish(self, held: CheckResult, rounds: int) -> CheckResult:
        """Run again what failed, as the change has it what is left, and copies that must fail.

        Args:
            held: How the first run ended.
            rounds: How often a test may be run again.
        """
        held = self._with_reached(held)
        if held.status is Status.UNVERIFIED or held.exit_code is None:
            return held
        if touched := self._newly_touched(held):
            reason = f"while the tests ran, {', '.join(sorted(touched))} was written to or hidden"
            return held.model_copy(update={"status": Status.UNVERIFIED, "reason": reason})
        left = not_passed(self.base, held)
        failing = tuple(item for item in left if item.outcome in reruns.FAILING)
        repeated: tuple[RepeatedTest, ...] = ()
        if rounds and not held.reason and 0 < len(failing) <= MOST_TESTS:
            repeated = replace(self.sites, head=self.site).repeat(failing, rounds)
        held = held.model_copy(update={"repeated": repeated})
        by_chance = {one.item_id for one in repeated if _passes_at_times(one)}
        left = tuple(item for item in left if item.item_id not in by_chance)
        unended = ""
        if self.shared_files:
            strict = self._with_shared_of_base()
            if strict.status is Status.UNVERIFIED:
                return strict
            if strict.limit:
                unended = (
                    f"the tests with {list_some(sorted(self.shared_files))} as on base did not end"
                )
            else:
                seen = by_chance | {item.item_id for item in left}
                more = (one for one in not_passed(self.base, strict) if one.item_id not in seen)
                left = (*left, *more)
        with ThreadPoolExecutor(min(2, count_sandboxes(self.sites.head))) as pool:
            own = pool.submit(run_log.carried_along(self._as_the_change_has_them), held, left)
            copies = pool.submit(run_log.carried_along(self._not_red), held)
            result = self._with_repeated(own.result(), rounds)
            if not is_proved(result) or self._list_worse(result):
                copies.cancel()
                return result
        problem, doubt = copies.result()
        if problem:
            return result.model_copy(update={"status": Status.UNVERIFIED, "reason": problem})
        doubts = tuple(
            filter(
                None,
                (*result.doubts, self._unknown_helpers(), self._explain_shadowed(), unended, doubt),
            )
        )
        return result.model_copy(update={"doubts": doubts})

    def _explain_shadowed(self) -> str:
        """Say which new files tests of base import, that passed when these were not there."""
        gone = {
            test_files.name_module(file.path) for file in self.change.files if file.after is None
        }
        new = [file.path for file in self.product.files if file.before is None]
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

    def _newly_touched(self, held: CheckResult) -> frozenset[str]:
        """Return the files of tests that are touched as they run with the change, and not on base.

        Base is asked only then: few tests write beside themselves.
        """
        if not held.touched:
            return frozenset()
        site = self.sites.base
        base = self.sites.run(site, self.of_base)
        return frozenset(held.touched) - frozenset(base.touched)

    def _with_repeated(self, result: CheckResult, rounds: int) -> CheckResult:
        """Run again what fails as the change has it alone: new and edited tests."""
        known = {one.item_id for one in result.repeated} | {
            one.item_id for one in result.blocked_tests
        }
        failing = tuple(one for one in self._list_worse(result) if one.item_id not in known)
        if not rounds or not is_proved(result) or not 0 < len(failing) <= MOST_TESTS:
            return result
        known = {*self.base.unrun, *(item.item_id for item in self.base.items)}
        new = {one.item_id for one in failing} - known
        repeated = self.sites.repeat(failing, rounds, new)
        return result.model_copy(update={"repeated": (*result.repeated, *repeated)})

    def _unknown_helpers(self) -> str:
        """Say which files may be helpers of tests, where nobody knows."""
        changed = [
            file.path
            for file in self.product.files
            if file.path.endswith(".py") and file.before is not None
        ]
        if self._sources is not None or not changed:
            return ""
        named = list_some(changed)
        return (
            f"There is too much Python here to know who imports whom: {named} may be there for"
            " tests alone, and was taken for the product's"
        )

    def _with_reached(self, held: CheckResult) -> CheckResult:
        """Run what the change reaches of the tests for which there was no time."""
        changed = self.product.paths
        reached = (
            self.imports.list_reached_files(changed)
            if self.imports
            else frozenset(self.facts.files)
        )
        late = dict.fromkeys((*held.unrun, *self.base.unrun))
        done = {item.item_id for item in held.items}
        locate = self.places.locate_test
        ids = tuple(one for one in late if one not in done and locate(one)[0] in reached)
        if not ids or not is_proved(held):
            return held
        self.sites.say(f"tests: time is up; {len(ids):,} more that the change reaches run")
        more = self.sites.run_some(self.site, Selection(ids=ids))
        if not is_proved(more):
            return more
        items = (*held.items, *(one for one in more.items if one.item_id not in done))
        done |= {item.item_id for item in more.items}
        facts = {
            "items": items,
            "unrun": tuple(one for one in held.unrun if one not in done),
            "status": Status.FAILED if _find_failed_ids(more) else held.status,
        }
        return held.model_copy(update=facts)

    def _with_shared_of_base(self) -> CheckResult:
        """Run the tests of base once more, with files of base that may belong to them."""
        self.sites.say(f"tests: once more with {list_some(sorted(self.shared_files))} as on base")
        part = rule_changes.drop_files(self.product, self.shared_files)
        return self.sites.run(self.lay_out(part, "base-shared"), self.of_base)

    def _as_the_change_has_them(
        self, held: CheckResult, left: tuple[CheckItem, ...]
    ) -> CheckResult:
        """Run what the change adds, edits, or does not pass as base has it."""
        touched = (self._touched_test_files | self.shared_files) - self.rules
        ids = tuple(item.item_id for item in left)
        conftests = frozenset(path for path in self.rules if path.endswith("conftest.py"))
        wanted = choose_scope(
            self.change,
            touched | conftests,
            ids,
            self.facts,
            self.imports,
            other_rules=bool(self.rules - conftests),
        )
        if wanted.is_empty and not wanted.deleted:
            return held
        if left:
            self.sites.say(f"tests: {len(left):,} of base do not pass as base has them")
        own = (
            held.model_copy(update={"items": (), "status": Status.PASSED, "reason": ""})
            if wanted.is_empty
            else run_own(wanted, self.sites)
        )
        if not is_proved(own):
            return own
        sides = {file.path: (file.before, file.after) for file in self.change.files}
        result = merge_results(held, own, wanted, left, sides, self.facts)
        return result.model_copy(update={"uncollected": find_uncollected(self.change, own)})

    def _list_worse(self, result: CheckResult) -> tuple[CheckItem, ...]:
        """Return what fails and did not fail on base, at no time."""
        no_matter = _find_failed_ids(self.base)
        repeated = {one.item_id: one for one in result.repeated}
        return tuple(
            item
            for item in result.items
            if item.outcome in reruns.FAILING
            and item.item_id not in no_matter
            and reruns.judge_failure(item, repeated.get(item.item_id)) is not reruns.Proof.FLAKY
        )

    # --- copies that must fail --------------------------------------------------------------------

    def _not_red(self, held: CheckResult) -> tuple[str, str]:
        """Say which copies of tests did not fail, and do on base; and which say nothing."""
        find = self.places.locate_test
        passed = {item.item_id: find(item.item_id) for item in _find_passed_items(self.base, held)}
        wanted = self._to_copy(passed)
        sources = {path: self.tree.read(path) for path in {passed[one][0] for one in wanted}}
        copies = red_copies.write_copies(sources, (passed[one] for one in wanted))
        ids = tuple(one for one in wanted if passed[one] in copies.names)
        if not ids:
            return "", ""
        self.sites.say(
            f"tests: {len(ids):,} copies of base's tests are broken on purpose and run: failures"
            " are right here"
        )
        head = self._run_copies(ids, _add_copies(self.product, copies, sources), self.sites.head)
        seen = _rate_copies(head, copies.mute)
        left = frozenset(one for one in ids if seen.get(one, 0) < _RED)
        if not left:
            return "", ""
        nothing = rule_changes.drop_files(self.change, frozenset(self.change.paths))
        alone = _add_copies(nothing, copies, sources)
        base = self._run_copies(tuple(sorted(left)), alone, self.sites.base)
        silent = left - {item.item_id for item in head.items}
        # What a limit ended with the change says nothing of it.
        on_base = _rate_copies(base, copies.mute)
        green = {one for one in left if on_base.get(one, 0) > seen.get(one, 0)}
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

    def _run_copies(self, ids: tuple[str, ...], change: Change, site: Site) -> CheckResult:
        laid = self.lay_out(change, "red-copies")
        laid = replace(laid, environment=site.environment)
        return self.sites.run_some(laid, Selection(ids=ids), "tests broken on purpose")

    def _to_copy(self, passed: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
        """Choose tests that reach what the change edits; of each file one, where none seems to."""
        changed = [path for path in self.product.paths if path.endswith(".py")]
        by_file: dict[str, list[str]] = {}
        for item_id, (path, _) in passed.items():
            if path in self.of_tests.sure:
                by_file.setdefault(path, []).append(item_id)
        found: dict[str, None] = {}
        for path in changed:
            reached = (
                self.imports.list_reached_files([path]) & by_file.keys() if self.imports else ()
            )
            for file in reached:
                found.update(dict.fromkeys(by_file[file]))
            if not reached:
                found.update((ids[0], None) for ids in by_file.values())
        return tuple(found)


def _passes_at_times(one: RepeatedTest) -> bool:
    return any(run.outcome in reruns.PASSING for run in one.head)


def _find_failed_ids(result: CheckResult) -> frozenset[str]:
    return frozenset(item.item_id for item in result.items if item.outcome in reruns.FAILING)


#: Of a copy: it fails as it must, but for what `assert` says where that does nothing.
_RED, _MUTE = 2, 1


def _rate_copies(result: CheckResult, mute: str) -> dict[str, int]:
    return {
        item.item_id: _MUTE if mute in item.text else _RED
        for item in result.items
        if item.outcome in reruns.FAILING
    }


def list_passed(result: CheckResult) -> Iterable[CheckItem]:
    return (item for item in result.items if item.outcome == "passed")


def _find_passed_items(base: CheckResult, held: CheckResult) -> Iterable[CheckItem]:
    left = {item.item_id for item in not_passed(base, held)} | {*held.unrun}
    return (
        item for item in base.items if item.outcome == "passed" and item.item_id not in left
    )  # fmt: skip


def _add_copies(change: Change, copies: red_copies.Copies, sources: Mapping[str, bytes]) -> Change:
    files = {file.path: file for file in change.files}
    for path, content in copies.files.items():
        files[path] = ChangedFile(path=path, before=sources[path], after=content)
    return change.model_copy(update={"files": tuple(files[path] for path in sorted(files))})
