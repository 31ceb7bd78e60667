"""Say how much of what a change adds or edits is run by tests, where the repository asks for it.

The suite runs once more on head, in a sandbox of its own, so that the run whose verdict counts is
never measured. The figure comes from the process that the tests run in and proves nothing; one that
is too low is for the reviewer.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from agent.checks import check, sealed, suite
from agent.checks.check import Part, Site, Suite
from agent.checks.sealed import Event, Id, Secret, Text
from agent.models.checks import CheckItem, CheckResult, Status
from agent.models.sandbox import SANDBOX_TREE, SandboxRequest, SandboxResult
from agent.text.sanitise import list_some

RULE = "coverage-of-change"
_SHOWN = 8


class Covered(Event):
    event: Literal["covered"]
    path: Id
    lines: list[int]
    """Of the change, those that hold statements."""
    missed: list[int]


class Unmeasured(Event):
    event: Literal["unmeasured"]
    text: Text


@dataclass(frozen=True)
class CoverageOfChange:
    """The new lines of one change."""

    lines: Mapping[str, tuple[int, ...]]
    """By path; those that hold no statement do not count."""
    suite: Suite
    wanted: int
    """Percent."""
    name: str = "coverage of the change"

    def explain_absence(self, site: Site) -> str:
        is_off = site.config.rules.get(RULE) == "off"
        return f"the rule {RULE} is off" if is_off else self.suite.explain_absence(site)

    def command(self, site: Site) -> tuple[str, ...]:
        words = self.suite.command(site)
        at = len(words) - words[::-1].index("python") if "python" in words else 0
        return (*words[:at], "-m", "coverage", "run", *words[at:]) if at else words

    def make_request(self, site: Site, secret: Secret) -> SandboxRequest:
        files = {posixpath.join(SANDBOX_TREE, path): lines for path, lines in self.lines.items()}
        return self.suite.select(Part(covered=files)).make_request(site, secret)

    def judge(self, site: Site, secret: Secret, result: SandboxResult) -> CheckResult:
        report = sealed.read_report(result, secret, (*suite.KINDS, Covered, Unmeasured))
        files = tuple(report.iterate_events(Covered))
        unmeasured = report.first(Unmeasured)
        reason = check.explain_limit(result, site.test_limits(), "the tests were")
        reason = reason or (unmeasured.text if unmeasured else "")
        if {one.path for one in files} != set(self.lines):
            reason = reason or report.problem or "the tests ended before it was known"
        every = sum(len(one.lines) for one in files)
        run = every - sum(len(one.missed) for one in files)
        items: tuple[CheckItem, ...] = ()
        if reason:
            items = (_make_item(f"it is not known which lines the tests run: {reason}"),)
        elif run * 100 < self.wanted * every:
            share = (
                f"the tests run {run * 100 // every} % of the change, and"
                f" tests.coverage_of_change is {self.wanted}"
            )
            missed = (one for one in files if one.missed)
            items = tuple(
                _make_item(f"no test runs {_format_lines(one)}; {share}", one) for one in missed
            )
        figures = "not known" if reason else f"{run} of {every} lines run"
        status = Status.FAILED if items else Status.PASSED
        output = suite.shorten_output("\n".join(item.text for item in items) or figures)
        found = check.make_result(self, site, result, status, items=items, output=output)
        return found.model_copy(update={"counts": figures})


def _make_item(message: str, file: Covered | None = None) -> CheckItem:
    text = sealed.clean_text(message)
    path = f"{file.path}: " if file else ""
    place = f"{file.path}:{file.missed[0]}" if file else ""
    item_id = sealed.clean_id(f"{path}{RULE}: {text}")
    return CheckItem(item_id=item_id, outcome="finding", text=text, place=sealed.clean_text(place))


def _format_lines(file: Covered) -> str:
    """Write lines as `lines 3-5, 9`."""
    groups = groupby(enumerate(file.missed), lambda pair: pair[1] - pair[0])
    runs = [[line for _, line in some] for _, some in groups]
    parts = [f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return f"line{'s' * (len(file.missed) > 1)} {list_some(parts, _SHOWN)}"
