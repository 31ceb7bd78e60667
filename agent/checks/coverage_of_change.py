"""How much of what a change adds or edits is run by the tests, where the repository asks for it.

The suite runs once more on head, in a sandbox of its own, so that the run whose verdict counts is
never measured. The figure comes from the process that the tests run in and proves nothing; too low
a one is for the reviewer. Which files count is left to those who ask.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from agent.checks import check, sealed, suite
from agent.checks.sealed import Event, Id, Secret, Text
from agent.models.checks import CheckItem, CheckResult, Status
from agent.models.sandbox import SANDBOX_TREE, SandboxRequest, SandboxResult
from agent.text.sanitise import list_some

NAME = "coverage of the change"
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
    suite: check.Suite
    wanted: int
    """Percent."""
    name: str = NAME

    def explain_absence(self, site: check.Site) -> str:
        if site.config.rules.get(RULE) == "off":
            return f"the rule {RULE} is off"
        return self.suite.explain_absence(site) or (
            "" if self.lines else "the change edits no code"
        )

    def command(self, site: check.Site) -> tuple[str, ...]:
        words = list(self.suite.command(site))
        at = len(words) - words[::-1].index("python") if "python" in words else 0
        return (*words[:at], "-m", "coverage", "run", *words[at:]) if at else tuple(words)

    def make_request(self, site: check.Site, secret: Secret) -> SandboxRequest:
        files = {posixpath.join(SANDBOX_TREE, path): lines for path, lines in self.lines.items()}
        return self.suite.request_part(site, secret, check.Part(covered=files))

    def judge(self, site: check.Site, secret: Secret, result: SandboxResult) -> CheckResult:
        report = sealed.read_report(result, secret, (*suite.KINDS, Covered, Unmeasured))
        reason = check.explain_limit(result, site.test_limits(), "the tests were")
        if unmeasured := report.first(Unmeasured):
            reason = reason or unmeasured.text
        files = tuple(report.iterate_events(Covered))
        if {one.path for one in files} != set(self.lines):
            reason = reason or report.problem or "the tests ended before it was known"
        every = sum(len(one.lines) for one in files)
        run = every - sum(len(one.missed) for one in files)
        items: tuple[CheckItem, ...] = ()
        if reason:
            items = (_make_unknown(reason),)
        elif run * 100 < self.wanted * every:
            items = tuple(_find_missed_lines(files, run * 100 // every, self.wanted))
        figures = "not known" if reason else f"{run} of {every} lines run"
        status = Status.FAILED if items else Status.PASSED
        output = suite.shorten_output("\n".join(item.text for item in items) or figures)
        found = check.make_result(self, site, result, status, items=items, output=output)
        return found.model_copy(update={"counts": figures})


def _make_unknown(reason: str) -> CheckItem:
    message = sealed.clean_text(f"it is not known which lines the tests run: {reason}")
    return CheckItem(item_id=sealed.clean_id(f"{RULE}: {message}"), outcome="finding", text=message)


def _find_missed_lines(files: tuple[Covered, ...], share: int, wanted: int) -> Iterator[CheckItem]:
    for one in files:
        if not one.missed:
            continue
        several = len(one.missed) > 1
        message = (
            f"no test runs line{'s' * several} {format_ranges(one.missed, one.lines)}; the tests "
            f"run {share} % of the change, and tests.coverage_of_change is {wanted}"
        )
        yield CheckItem(
            item_id=sealed.clean_id(f"{one.path}: {RULE}: {message}"),
            outcome="finding",
            text=message,
            place=sealed.clean_text(f"{one.path}:{one.missed[0]}"),
        )


def format_ranges(missed: list[int], lines: list[int]) -> str:
    """Write lines as `3-5, 9`; those between which no other line of the change stands are one."""
    runs: list[list[int]] = []
    before: int | None = None
    gone = set(missed)
    for number in lines:
        if number in gone:
            if before is not None and before in gone:
                runs[-1][1] = number
            else:
                runs.append([number, number])
        before = number
    parts = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return list_some(parts, _SHOWN)
