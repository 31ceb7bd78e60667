"""Names of libraries: what a change newly takes from them is asked of the installed versions.

What is asked comes from the change (see `agent.policy.upkeep.library_names`), so this is a check
of head alone; what it finds is weighed by rules of the policy. That the script looks at all is
proved by names that it must find, and by names that it must not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from agent.checks import check, scripts, sealed, suite
from agent.checks.sealed import Event, Secret, Text
from agent.domain import CalledMethod, CheckItem, CheckResult, LibraryName, Status
from agent.ports import RoomOrder, RoomResult

NAME = "names"
#: By what the script says of a name; the ids of the rules that weigh it.
RULE_OF = {"missing": "invented-api", "absent": "unknown-module"}


class Answer(Event):
    """What was found of one name."""

    event: Literal["name"]
    number: int
    state: Literal["there", "missing", "absent", "unknown"]
    text: Text


@dataclass(frozen=True)
class LibraryNames:
    """The names that one change takes from libraries."""

    asked: tuple[LibraryName, ...]
    name: str = NAME

    def absent(self, site: check.Site) -> str:
        """Say why nobody is asked."""
        if all(site.config.rules.get(rule) == "off" for rule in RULE_OF.values()):
            return f"the rules {' and '.join(RULE_OF.values())} are off"
        return "" if self.asked else "the change takes nothing new from libraries"

    def command(self, site: check.Site) -> tuple[str, ...]:
        """What a person runs to see the same."""
        modules = dict.fromkeys(one.name.partition(".")[0] for one in self.asked)
        return ("python", "-c", f"import {', '.join(modules)}")

    def order(self, site: check.Site, secret: Secret) -> RoomOrder:
        """Ask by a script of ours, in the repository's environment."""
        asked = (*self.asked, *_sentinels(secret))
        names = [one.model_dump(include={"name", "keyword", "called"}) for one in asked]
        return scripts.order(
            site,
            secret,
            ("mergewright_names.py",),
            limits=site.tool_limits(),
            told={"names": names},
            collect=(secret.report,),
        )

    def judge(self, site: check.Site, secret: Secret, result: RoomResult) -> CheckResult:
        """Say which names are missing."""
        report = sealed.read(result, secret, (Answer,))
        answers = {one.number: one for one in report.of(Answer)}
        reason = check.limit_reached(result, site.tool_limits(), "the look at libraries was")
        reason = reason or report.problem or _problem(answers, len(self.asked))
        if reason:
            return check.unverified(self, site, result, reason)
        items = tuple(self._items(answers))
        lines = [f"{item.place}: {item.text}" for item in items]
        return CheckResult(
            name=self.name,
            status=Status.FAILED if items else Status.PASSED,
            items=items,
            exit_code=result.exit_code,
            seconds=result.seconds,
            command=self.command(site),
            output=suite.shortened("\n".join(lines) or self._summary(answers)),
        )

    def _items(self, answers: dict[int, Answer]) -> Iterator[CheckItem]:
        told: set[tuple[str, str]] = set()
        for number, one in enumerate(self.asked):
            found = answers[number]
            rule = RULE_OF.get(found.state)
            # A module that is not there is told where it is imported, and once in a file.
            late = found.state == "absent" and not one.is_import
            if rule is None or late or (one.path, found.text) in told:
                continue
            told.add((one.path, found.text))
            yield CheckItem(
                item_id=sealed.clean_id(f"{one.path}: {rule}: {found.text}"),
                outcome="finding",
                text=found.text,
                place=sealed.clean_text(f"{one.path}:{one.line}"),
            )

    def _summary(self, answers: dict[int, Answer]) -> str:
        there = sum(answers[number].state == "there" for number in range(len(self.asked)))
        return f"{there} of {len(self.asked)} names are there, of the others nothing can be said"


def _sentinels(secret: Secret) -> tuple[LibraryName, ...]:
    """Return what must be there, and what must not."""
    there = LibraryName(path="", line=1, name="shlex.quote", keyword="s")
    formatter = LibraryName(path="", line=1, name="string.Formatter")
    return (
        there,
        there.model_copy(update={"keyword": secret.must_fail}),
        there.model_copy(update={"name": f"shlex.{secret.must_fail}", "keyword": ""}),
        there.model_copy(update={"name": secret.module, "keyword": ""}),
        formatter.model_copy(update={"called": CalledMethod(name="format", by="made")}),
        formatter.model_copy(update={"called": CalledMethod(name=secret.must_fail, by="made")}),
    )


def _problem(answers: dict[int, Answer], count: int) -> str:
    """Say what makes the answers worth nothing."""
    expected = ["there", "missing", "missing", "absent", "there", "missing"]
    numbers = range(count + len(expected))
    states = [answers[number].state if number in answers else "" for number in numbers]
    if "" in states:
        return "not every name was answered for"
    if states[count:] != expected:
        return "names that are there and names that are not were not told apart"
    return ""
