"""Results of checks, and the comparison of base and head."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from agent.models.change import Finding
from agent.models.record import Record

TESTS = "tests"
"""Name of the check that runs the suite."""
COLLECTION = " (collection)"
"""Ends the id of a test module that could not be imported."""


class Status(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNVERIFIED = "unverified"
    """Its parts do not agree, or it proved nothing; never counted as passed."""
    ABSENT = "absent"
    """The repository does not have this check."""
    UNMEASURABLE = "not measurable"
    """On base the tool itself failed, or the run's minutes ended first: it blocks no change."""


class CheckItem(Record):
    """One thing a check speaks of: a test, a type error, a lint finding, a missing migration."""

    item_id: str
    """Stable between base and head: no line numbers."""
    outcome: str
    """For tests `passed | failed | error | skipped | xfailed | xpassed`; else `finding`, for a
    system check below error `warning`."""
    text: str = ""
    place: str = ""
    """`path:line` where the tool names one."""
    source: str = ""
    """The line at the place of a finding."""
    file: str = ""
    digest: str = ""
    """Of a doctest in a module: of its text."""

    @property
    def is_collection(self) -> bool:
        return self.item_id.endswith(COLLECTION)


UNPROVED = "unproved"
"""Outcome of a test whose sandbox proves nothing, or did not have it."""


class RepeatedTest(Record):
    """A test that failed with the change, and how it ended when it ran once more."""

    item_id: str
    base: str = ""
    """Outcome as in a CheckItem, or `unproved`; empty: it did not run once more there."""
    head: str = ""
    place: str = ""

    @property
    def summary(self) -> str:
        """Say how often it failed; the runs of the whole suites, that began it, count as well."""
        return (
            f"failed in {_format_failures(self.head, 1)} with the change"
            f" and in {_format_failures(self.base, 0)} on the base branch"
        )


def _format_failures(again: str, at_first: int) -> str:
    failures = at_first + (again in ("failed", "error"))
    return f"{failures} of {'1 run' if again in ('', UNPROVED) else '2 runs'}"


def split_place(place: str) -> tuple[str, int | None]:
    """Return path and line of `path:line`; without a line None."""
    path, _, line = place.rpartition(":")
    return (path, int(line)) if line.isdecimal() else (place, None)


#: Outcome of a test of base that no runner gives: it did not come up.
GONE = "gone"


class RewrittenTest(Record):
    """A test of base that does not pass with the change as base has it."""

    item_id: str
    outcome: str
    """As in a CheckItem; `gone` where it did not come up, `other text` of a doctest."""
    text: str = ""

    @property
    def cause(self) -> str:
        return self.text if self.outcome == GONE else ""


class Package(Record):
    """A package that comes with a change, or comes in another version."""

    name: str
    version: str
    is_new: bool = True
    before: str = ""


class AddedPackages(Record):
    packages: tuple[Package, ...]
    altered: tuple[str, ...] = ()
    """Installed files that are not as the packages of base or of an index have them."""
    unasked: tuple[str, ...] = ()
    """Packages of the change alone that nothing in its files asks for, some with their address."""


class CheckRun(Record):
    name: str
    status: Status
    exit_code: int | None = None
    limit: str = ""
    """As in a SandboxResult, where one ended it."""
    seconds: float = 0.0
    command: tuple[str, ...] = ()
    """What a person runs to see the same, without our sentinels."""
    reason: str = ""
    output: str = ""


class ServerKnock(Record):
    """A server that tests connect to, and that nobody has configured."""

    name: str
    user: str = ""
    database: str = ""


class TestRun(CheckRun):
    __test__: ClassVar[bool] = False

    kind: Literal["tests"] = "tests"
    items: tuple[CheckItem, ...] = ()
    files: tuple[str, ...] | None = None
    """Files of the tree with tests, sorted; None: the run ended before they were known."""
    left_behind: tuple[str, ...] = ()
    """Files of the tree that were not there before the tests ran."""
    unrun: tuple[str, ...] = ()
    unexecuted: dict[str, tuple[int, ...]] = {}
    """1-based executable lines of traced files that did not run, by path."""
    is_partial: bool = False
    """On head: whether only the tests near the change ran."""
    knock: ServerKnock | None = None
    """On base: what they connected to, at which the run was ended."""
    repeated: tuple[RepeatedTest, ...] = ()
    """On head, as all that follows: tests that were run again, on both sides."""
    uncollected: tuple[str, ...] = ()
    """New tests that no runner has collected, in sentences."""
    doubts: tuple[str, ...] = ()
    """What the runs of the tests could not show, in sentences for the reviewer."""

    def count(self, *outcomes: str) -> int:
        return sum(item.outcome in outcomes for item in self.items)

    @property
    def cut(self) -> str:
        """Say how far a run that a limit ended came; empty: to its end."""
        ran = sum(not item.is_collection for item in self.items)
        every = ran + len(self.unrun)
        return f"{ran:,} of {every:,} tests ran" if self.unrun or self.limit else ""


class LintRun(CheckRun):
    """What a linter, a type checker or Django objects to."""

    kind: Literal["findings"] = "findings"
    items: tuple[CheckItem, ...] = ()
    """Equal ids may occur more than once."""


class CommandRun(CheckRun):
    kind: Literal["command"] = "command"


class PackageRun(CheckRun):
    kind: Literal["packages"] = "packages"
    counts: str
    added_packages: AddedPackages


AnyRun = Annotated[TestRun | LintRun | CommandRun | PackageRun, Field(discriminator="kind")]


class CheckReport(Record):
    """All checks of one side, in the order in which they ran."""

    side: str
    commit: str
    """Of base, on both sides: what is checked with the change becomes a commit later."""
    results: tuple[AnyRun, ...]
    is_partial: bool = False
    """Whether checks may be missing, since others are asked first."""

    def result(self, name: str) -> AnyRun | None:
        return next((result for result in self.results if result.name == name), None)

    @property
    def tests(self) -> TestRun:
        run = self.result(TESTS)
        return run if isinstance(run, TestRun) else TestRun(name=TESTS, status=Status.ABSENT)


class Comparison(Record):
    """One check, base against head."""

    name: str
    base: Status
    head: Status
    verdict: Status
    """`passed` when head has nothing that base has not; `unverified` when that is not proved."""
    reason: str = ""
    unfinished: bool = False
    """Whether the run's minutes ended before the change was checked."""
    findings: tuple[Finding, ...] = ()
    """What a rule makes of it; where it replaces new failures, its weight decides."""
    seconds: float = 0.0

    @property
    def is_in_the_way(self) -> bool:
        return self.verdict not in (Status.PASSED, Status.UNMEASURABLE)


class ItemComparison(Comparison):
    base_count: int = 0
    """Tests that ran, or findings."""
    head_count: int = 0
    known: int = 0
    """Failures or findings of head that base has as well."""
    new_failures: tuple[CheckItem, ...] = ()


class TestComparison(ItemComparison):
    __test__: ClassVar[bool] = False

    kind: Literal["tests"] = "tests"
    base_failures: int = 0
    head_failures: int = 0
    base_skipped: int = 0
    head_skipped: int = 0
    base_xfailed: int = 0
    head_xfailed: int = 0
    base_uncollected: int = 0
    """Modules that could not be collected; they are among the failures and no tests."""
    head_uncollected: int = 0
    base_unrun: int = 0
    head_unrun: int = 0
    flaky: tuple[RepeatedTest, ...] = ()
    """Tests that failed with the change, and on base in the same way at times: no new failures."""
    gone: tuple[str, ...] = ()
    """Tests of base that the change removes, or that no longer pass without failing."""
    rewritten: tuple[RewrittenTest, ...] = ()
    """Tests that pass as the change has them, and not as base has them."""
    unrun: tuple[str, ...] = ()
    """Tests that may have an outcome in a whole run."""
    is_partial: bool = False
    """Whether the tests were ended early: the result answers a model, and decides nothing."""
    added: tuple[str, ...] = ()


class LintComparison(ItemComparison):
    kind: Literal["findings"] = "findings"


class CommandComparison(Comparison):
    kind: Literal["command"] = "command"


class PackageComparison(Comparison):
    kind: Literal["packages"] = "packages"
    counts: str = ""


AnyComparison = Annotated[
    TestComparison | LintComparison | CommandComparison | PackageComparison,
    Field(discriminator="kind"),
]
