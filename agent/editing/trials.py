"""Run tests or one check on the present tree, while a change is being made.

Each trial is a room like that of any check, with the same proofs; what it says goes to the model
and decides nothing. Which tests may be named, and how their words are cut, is here.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter

from pydantic import ValidationError

from agent import cleaning
from agent.checks import again, check, measuring, reports, running, type_cache
from agent.checks.check import Selection, Site
from agent.checks.sealed import Secret
from agent.domain import CheckItem, CheckResult, Prepared, Record, Status
from agent.editing import minutes
from agent.editing.gate import PathGate, Refused, shown
from agent.ports import RoomLimits
from agent.repository.tree import WorkTree
from agent.services import Services

#: A trial is ended after this long, however long the whole suite may take.
SECONDS = 600.0
_MOST_TESTS = 40
_MOST_ID = 400
_MOST_FAILURES = 8
_MOST_NAMED = 20
_MOST_TEXT = 1_500
_MOST_OUTPUT = 3_000
_FAILING = ("failed", "error")
#: Of pytest: `path::Case::name[case]`; of unittest: `package.module.Case.name`.
_BY_PATH = re.compile(r"(?P<path>[^:\[\]]+\.py)(?:::(?P<name>\w+(?:::\w+)*(?:\[[^\r\n]*\])?))?")
_PYTEST_REPORT = re.compile(r"^=+ (?:FAILURES|ERRORS) =+$\n", re.MULTILINE)
_PYTEST_SUMMARY = re.compile(r"^=+ short test summary info =+$", re.MULTILINE)
_DOTTED = re.compile(r"\w+(?:\.\w+)+")


class RunTest(Record):
    """Tests by their ids, or files of tests."""

    tests: tuple[str, ...]


class RunCheck(Record):
    """A check by its name."""

    name: str


class Trials:
    """Rooms for one work tree."""

    def __init__(
        self,
        gate: PathGate,
        tree: WorkTree,
        prepared: Prepared,
        svc: Services,
        seconds_left: minutes.SecondsLeft = minutes.unbounded,
    ) -> None:
        self._gate = gate
        self._tree = tree
        self._prepared = prepared
        self._svc = svc
        self._seconds_left = seconds_left

    def tests(self, asked: RunTest) -> str:
        """Run tests in a room of their own.

        Raises:
            Refused: What is named is no test, or the run has no time for it.
            SandboxLost: The room ended without a word, or the run was stopped.
        """
        if not asked.tests:
            raise Refused("name at least one test, as in tests/test_a.py::test_b, or a file")
        if len(asked.tests) > _MOST_TESTS:
            raise Refused(f"{len(asked.tests)} tests are named; {_MOST_TESTS} are the most")
        places = [self._place(test) for test in asked.tests]
        site = self._site()
        suite = measuring.suite_of(site)
        if suite is None:
            raise Refused("the repository has no tests that pytest or Django's runner would find")
        only = Selection(
            files=tuple(sorted({path for path, name in places if not name})),
            names=tuple(sorted({(path, name) for path, name in places if name})),
        )
        secret = Secret()
        order = suite.some_order(site, secret, only)
        result = running.heard(order, check.TESTS, secret, self._svc.sandbox, self._svc.say)
        found = running.judged(suite, site, secret, order, result)
        return _told_tests(found) + self._cut_short(found, site)

    def check(self, asked: RunCheck) -> str:
        """Run one check; say what it finds that base does not have.

        Raises:
            Refused: There is no such check, or the run has no time for it.
            SandboxLost: The room ended without a word, or the run was stopped.
        """
        site = self._site()
        names = measuring.names(site)
        if asked.name not in names:
            there = ", ".join(names) or "none"
            raise Refused(f"there is no check {shown(asked.name)}; there are {there}")
        svc = self._svc
        result = measuring.single(asked.name, site, svc.sandbox, show=svc.say)
        return _told_check(result, self._on_base(asked.name)) + self._cut_short(result, site)

    def _place(self, test: str) -> tuple[str, str]:
        """Return file and name of a test; the name is empty where the file is meant."""
        if len(test) <= _MOST_ID and test.isprintable():
            if found := _BY_PATH.fullmatch(test):
                self._gate.size(found["path"])
                return found["path"], found["name"] or ""
            if _DOTTED.fullmatch(test) and (place := self._dotted(test)):
                return place
        raise Refused(
            f"{shown(test)} is no test: name it as in tests/test_a.py::Case::test_b, or its file"
        )

    def _dotted(self, test: str) -> tuple[str, str] | None:
        """Find the file of a dotted name, from the root of the project."""
        parts = test.split(".")
        root = self._prepared.contract.project.root
        for count in range(len(parts), 0, -1):
            path = posixpath.join(root, *parts[:count]) + ".py"
            if self._gate.has(path):
                return path, "::".join(parts[count:])
        return None

    def _site(self) -> Site:
        prepared, settings = self._prepared, self._svc.settings
        whole = Site(
            tree=self._tree.folder,
            environment=self._svc.environment(prepared),
            config=prepared.contract.config,
            project=prepared.contract.project,
            limits=self._granted,
            type_cache=type_cache.of(prepared, self._tree.folder, settings, base=False),
        )
        return whole.within(minutes.bounded(SECONDS, self._seconds_left))

    def _cut_short(self, result: CheckResult, site: Site) -> str:
        """Say that the run's minutes left less time than a trial has else; empty: they did not."""
        had = site.limits.seconds
        if not result.reason or had >= min(SECONDS, self._granted.seconds):
            return ""
        return f"\nIt had {had:g} seconds: no more are left of the run's minutes (limits.minutes)."

    @property
    def _granted(self) -> RoomLimits:
        return check.granted(self._svc.settings)

    def _on_base(self, name: str) -> CheckResult | None:
        try:
            report = reports.load(self._svc.run_folder(self._prepared.run), "base")
        except (OSError, ValidationError):
            return None
        return report.result(name)


# --- words ----------------------------------------------------------------------------------------


def _told_tests(result: CheckResult) -> str:
    failing = [item for item in result.items if item.outcome in _FAILING]
    others = Counter(item.outcome for item in result.items if item.outcome not in _FAILING)
    counts = [f"{len(failing)} failed"] if failing else []
    counts += [f"{count} {outcome}" for outcome, count in sorted(others.items())]
    head = f"{', '.join(counts) or 'no test was run'} in {result.seconds:.1f} s"
    if not again.is_proved(result):
        return f"{head}; this proves nothing: {result.reason}\n{_output(result)}"
    lines = [head]
    output = _output(result)
    for item in failing[:_MOST_FAILURES]:
        place = f" ({item.place})" if item.place else ""
        text = _text(item)
        # Pytest's report has it as well, unless that was cut.
        said = text.partition("\n")[0] in output
        lines.append(f"{item.outcome} {item.item_id}{place}" + ("" if said else f"\n{text}"))
    lines += _left(failing)
    if failing:
        lines.append(output)
    elif len(result.items) <= _MOST_NAMED:
        lines += [f"{item.outcome} {item.item_id}" for item in result.items]
    return "\n".join(lines)


def _left(failing: list[CheckItem]) -> list[str]:
    left = failing[_MOST_FAILURES:]
    named = [item.item_id for item in left[:_MOST_NAMED]]
    return [
        f"{len(left)} more: {', '.join(named)}{', …' if len(left) > len(named) else ''}"
    ] * bool(left)


def new_items(result: CheckResult, base: CheckResult | None) -> list[CheckItem]:
    """Return the findings that base does not have as often."""
    before = Counter(item.item_id for item in base.items) if base else Counter[str]()
    new = []
    for item in result.items:
        if before[item.item_id] > 0:
            before[item.item_id] -= 1
        else:
            new.append(item)
    return new


def _told_check(result: CheckResult, base: CheckResult | None) -> str:
    if result.status is Status.UNVERIFIED or (result.reason and not result.items):
        return f"{result.name}: {result.status}; {result.reason}\n{_output(result)}"
    new = new_items(result, base)
    had = len(result.items) - len(new)
    known = f"; {had} more are there without the change" if had else ""
    found = f"{len(new)} new finding{'s' * (len(new) != 1)}{known}"
    lines = [f"{result.name}: {found} ({result.seconds:.1f} s)"]
    for item in new[:_MOST_NAMED]:
        lines.append(f"{item.place or item.item_id}: {_text(item)}")
    if len(new) > _MOST_NAMED:
        lines.append(f"{len(new) - _MOST_NAMED} more are not shown")
    return "\n".join(lines)


def _text(item: CheckItem) -> str:
    return cleaning.cut(cleaning.terminal(item.text).strip(), _MOST_TEXT, where="not kept")


def _output(result: CheckResult) -> str:
    printed = _without_frame(cleaning.terminal(result.output)).strip()
    return f"printed:\n{cleaning.cut(printed, _MOST_OUTPUT, where='not kept')}" if printed else ""


def _without_frame(printed: str) -> str:
    """Leave out the head and the summary of pytest's report; what they tell has been said."""
    begins = _PYTEST_REPORT.search(printed)
    told = printed[begins.end() :] if begins else printed
    ends = _PYTEST_SUMMARY.search(told)
    return told[: ends.start()] if ends else told
