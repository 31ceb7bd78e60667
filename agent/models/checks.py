"""Records of checks: their results, and the comparison of base and head."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from agent.models.change import Finding
from agent.models.record import Record

TESTS = "tests"
"""Name of the check that runs the suite."""
COLLECTION = " (collection)"
"""End of the id of a test module that could not be imported."""


class Status(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNVERIFIED = "unverified"
    """Its report contradicts itself, or it proved nothing; never counted as passed."""
    ABSENT = "absent"
    """The repository does not have this check."""
    UNMEASURABLE = "not measurable"
    """On base the tool itself failed, or the run's minutes ended first: it blocks no change."""


class CheckItem(Record):
    """An item of a check: a test, a type error, a lint finding, a missing migration."""

    item_id: str
    """Stable between base and head: no line numbers."""
    outcome: str
    """For tests `passed | failed | error | skipped | xfailed | xpassed`; else `finding`, or
    `warning` for a Django system check below the level of errors."""
    text: str = ""
    place: str = ""
    """`path:line`, if the tool names it."""
    source: str = ""
    """The source line at the place of a finding."""
    file: str = ""
    digest: str = ""
    """Digest of the text of a doctest in a product module."""

    @property
    def is_collection(self) -> bool:
        return self.item_id.endswith(COLLECTION)


UNPROVED = "unproved"
"""Outcome of a test whose run had no clear result, or did not include the test."""


class RepeatedTest(Record):
    """A test that failed with the change, and its outcomes when it ran once more."""

    item_id: str
    base: str = ""
    """Outcome as in a CheckItem, or `unproved`; "": it did not run once more on base."""
    head: str = ""
    place: str = ""

    @property
    def summary(self) -> str:
        """Return how often it failed on each side, its first run in the whole suite included."""
        is_skip = self.head == "skipped"
        outcomes = ("skipped",) if is_skip else ("failed", "error")

        def count(again: str, at_first: int) -> str:
            runs = "1 run" if again in ("", UNPROVED) else "2 runs"
            return f"{at_first + (again in outcomes)} of {runs}"

        verb = "was skipped" if is_skip else "failed"
        with_change, on_base = count(self.head, 1), count(self.base, 0)
        return f"{verb} in {with_change} with the change and in {on_base} on the base branch"


def split_place(place: str) -> tuple[str, int | None]:
    """Return path and line of `path:line`; the line is None if there is none."""
    path, _, line = place.rpartition(":")
    return (path, int(line)) if line.isdecimal() else (place, None)


#: Outcome of a test of base that is missing on head; runners do not report such a test.
GONE = "gone"


class RewrittenTest(Record):
    """A test whose version of base does not pass with the change."""

    item_id: str
    outcome: str
    """As in a CheckItem; `gone`: it is missing; `other text`: a doctest was edited."""
    text: str = ""

    @property
    def cause(self) -> str:
        return self.text if self.outcome == GONE else ""


class Package(Record):
    """A package that a change adds, or whose version it changes."""

    name: str
    version: str
    is_new: bool = True
    before: str = ""


class AddedPackages(Record):
    packages: tuple[Package, ...]
    altered: tuple[str, ...] = ()
    """Installed files that differ from those of the packages of base and of the index."""
    unasked: tuple[str, ...] = ()
    """New packages that no declared package requires, some with their address."""


class CheckRun(Record):
    name: str
    status: Status
    exit_code: int | None = None
    limit: str = ""
    """The limit that ended it, as in a SandboxResult; "": none."""
    seconds: float = 0.0
    command: tuple[str, ...] = ()
    """The command by which a person gets the same result."""
    reason: str = ""
    output: str = ""


class ServerKnock(Record):
    """A server that tests connect to, and that is not configured."""

    name: str
    user: str = ""
    database: str = ""


class TestRun(CheckRun):
    __test__: ClassVar[bool] = False

    kind: Literal["tests"] = "tests"
    items: tuple[CheckItem, ...] = ()
    files: tuple[str, ...] | None = None
    """Sorted files of the tree with tests; None: the run ended before they were known."""
    left_behind: tuple[str, ...] = ()
    """Files that the tests left in the tree."""
    unrun: tuple[str, ...] = ()
    unexecuted: dict[str, tuple[int, ...]] = {}
    """1-based executable lines of traced files that did not run, by path."""
    is_partial: bool = False
    """On head: whether only the tests near the change ran."""
    knock: ServerKnock | None = None
    """On base: the missing server for which the run was ended."""
    repeated: tuple[RepeatedTest, ...] = ()
    """Tests that ran once more on both sides; like the fields below, only on head."""
    uncollected: tuple[str, ...] = ()
    """Sentences about new tests that the runner did not collect."""
    doubts: tuple[str, ...] = ()
    """Sentences for the reviewer about runs of tests without a result."""

    def count(self, *outcomes: str) -> int:
        return sum(item.outcome in outcomes for item in self.items)

    @property
    def cut(self) -> str:
        """Return how many tests ran before a limit ended the run; "": it ran to its end."""
        ran = sum(not item.is_collection for item in self.items)
        total = ran + len(self.unrun)
        return f"{ran:,} of {total:,} tests ran" if self.unrun or self.limit else ""


class LintRun(CheckRun):
    """The findings of a linter, a type checker or Django."""

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
    """The results of all checks on a side, in order."""

    side: str
    commit: str
    """The commit of base, on both sides: the change is committed later."""
    results: tuple[AnyRun, ...]
    is_partial: bool = False
    """Whether checks may be missing, since others run first."""

    def result(self, name: str) -> AnyRun | None:
        return next((result for result in self.results if result.name == name), None)

    @property
    def tests(self) -> TestRun:
        run = self.result(TESTS)
        return run if isinstance(run, TestRun) else TestRun(name=TESTS, status=Status.ABSENT)


class Comparison(Record):
    """The comparison of a check on base and head."""

    name: str
    base: Status
    head: Status
    verdict: Status
    """`passed`: head has no failure that base does not have; `unverified`: that is not proved."""
    reason: str = ""
    unfinished: bool = False
    """Whether the run's minutes ended before the check."""
    findings: tuple[Finding, ...] = ()
    """Findings of rules; where they replace new failures, their severity decides."""
    seconds: float = 0.0

    @property
    def is_in_the_way(self) -> bool:
        return self.verdict not in (Status.PASSED, Status.UNMEASURABLE)


class ItemComparison(Comparison):
    base_count: int = 0
    """Number of tests that ran, or of findings."""
    head_count: int = 0
    known: int = 0
    """Number of failures or findings of head that base has too."""
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
    """Modules that could not be collected; they count as failures, not as tests."""
    head_uncollected: int = 0
    base_unrun: int = 0
    head_unrun: int = 0
    flaky: tuple[RepeatedTest, ...] = ()
    """Tests that failed with the change and that also fail at times on base."""
    gone: tuple[str, ...] = ()
    """Tests of base that the change removes, or that no longer pass and do not fail."""
    rewritten: tuple[RewrittenTest, ...] = ()
    """Tests that pass only in the changed version."""
    unrun: tuple[str, ...] = ()
    """Tests without an outcome, for lack of time."""
    is_partial: bool = False
    """Whether only near tests ran: the result answers the author, and is never published."""
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
