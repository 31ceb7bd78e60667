"""What became of each change that was judged, and what stands against it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from agent.errors import (
    ROUND_ENDS,
    RUN_ENDS,
    AgentError,
    BudgetSpent,
    ModelRefused,
    ModelUnusable,
    RunStopped,
    TimeSpent,
)
from agent.models.change import Change, ClearedChange, Finding, Plan, Severity
from agent.models.checks import AnyComparison, CheckItem, CheckReport
from agent.models.outcome import Verdict
from agent.models.review import Proof, Remark
from agent.text.check_summary import format_count, is_of_tests, list_new

if TYPE_CHECKING:
    from agent.editing.attempts import Attempt

_MOST_FAILURES = 5
_MOST_FINDINGS = 10
_MOST_LINES = 30
_LONGEST_LINE = 240


@dataclass(frozen=True)
class Draft:
    plan: Plan
    change: Change
    by: Attempt | None = None
    """The conversation that it comes from; None: no model has edited it."""
    submitted: Change | None = None
    """As it came from there, before anything of ours was added."""

    @property
    def words(self) -> str:
        """What the model said of it last: claims, no facts."""
        if self.by is None or self.submitted is None:
            return ""
        return self.by.summaries.get(self.submitted.digest, "")


@dataclass(frozen=True)
class Round:
    number: int
    draft: Draft
    refused: tuple[Finding, ...] = ()
    """Why policy did not let it through; then there is nothing else."""
    cleared: ClearedChange | None = None
    after: CheckReport | None = None
    compared: tuple[AnyComparison, ...] = ()
    proof: Proof = field(default_factory=Proof)
    verdict: Verdict | None = None
    unfinished: bool = False
    """Whether the run's minutes ended before all that was known."""

    @property
    def is_passed(self) -> bool:
        return self.verdict is not None and self.verdict.publish

    @property
    def failures(self) -> dict[str, str]:
        """All that stands against it, in foreign words for the model, by stable names."""
        if self.is_passed:
            return {}
        if self.verdict is None or self.after is None:
            return dict(_find_blocking(self.refused))
        red = (_list_failures(check, self.after) for check in self.compared)
        return dict(chain(*red, _find_blocking(self.verdict.findings)))

    @property
    def objection(self) -> str:
        """What stands against it, as one text that is cut."""
        found = list(self.failures.values())
        more = [f"and {len(found) - _MOST_FINDINGS} more"] if found[_MOST_FINDINGS:] else []
        said = [self.verdict.sentence] if self.verdict else []
        return "\n\n".join((*said, *found[:_MOST_FINDINGS], *more))

    @property
    def remarks(self) -> tuple[Finding, ...]:
        said = (self.cleared, *self.compared, self.verdict)
        found = dict.fromkeys(finding for one in said if one for finding in one.findings)
        return tuple(one for one in found if one.severity is Severity.REVIEW)

    @property
    def rank(self) -> tuple[bool, bool, int, int]:
        """The greater, the better: what was checked, then what is wrong, then what is remarked."""
        wrong, remarked = len(self.failures), len(self.remarks)
        return self.is_passed, self.cleared is not None, -wrong, -remarked

    @property
    def feedback(self) -> str:
        if self.unfinished:
            return "not fully checked"
        if self.is_passed:
            return "passed"
        count = len(self.failures)
        if self.verdict is None:
            return f"blocked by rules before any check: {format_count(count, 'finding')}"
        return f"{format_count(count, 'problem')}. {self.verdict.sentence}"


class RoundHistory:
    """What a run's changes have come to so far."""

    def __init__(self) -> None:
        self.rounds: list[Round] = []
        self.latest: Change | None = None
        """As the last calls of a model have left it."""
        self.losses: list[str] = []
        """What could not be done, in sentences for the pull request."""
        self._given_up = 0

    @property
    def round_number(self) -> int:
        return len(self.rounds) + self._given_up + 1

    @property
    def has_passed(self) -> bool:
        return any(judged.is_passed for judged in self.rounds)

    @property
    def best_change(self) -> Change | None:
        """The best one that was checked, else the latest."""
        checked = [judged for judged in self.rounds if judged.cleared is not None]
        return choose_best(checked).draft.change if checked else self.latest

    def record_round(self, judged: Round) -> Round:
        self.rounds.append(judged)
        return judged

    def give_up(self) -> None:
        """Count a round that came to nothing: the steps of the next have other names."""
        self._given_up += 1

    def keeps_passed_change(self, problem: AgentError) -> bool:
        """Whether a change that has passed is published in spite of an error."""
        return self.has_passed and not isinstance(problem, RUN_ENDS)

    @contextmanager
    def keep_passed_change(self, before: str) -> Iterator[None]:
        """Have an error end the block alone, once a change has passed.

        Args:
            before: What did not come about any more, in words.
        """
        try:
            yield
        except ROUND_ENDS as problem:
            if not self.keeps_passed_change(problem):
                raise
            self.record_loss(f"{explain_stop(problem)} before {before}.")

    def record_loss(self, sentence: str) -> None:
        self.losses.append(sentence)


def explain_stop(problem: AgentError) -> str:
    """Say why no model is asked any more, for people who get a change all the same."""
    match problem:
        case ModelRefused():
            return "The model refused to continue"
        case TimeSpent():
            return "The run reached its time limit (limits.minutes)"
        case BudgetSpent():
            return "The run reached its model budget"
        case ModelUnusable():
            return "The model was unavailable (see the service's log)"
    return problem.message.partition("\n")[0].rstrip(".:")


def choose_best(rounds: Sequence[Round]) -> Round:
    """Return the best one; of equals the first."""
    return max(rounds, key=lambda one: (one.rank, -one.number))


def find_obstacle(problem: RunStopped) -> Finding:
    """Make a finding of what keeps a change from being checked: packages, or edits that fail."""
    return Finding(
        rule=problem.reason.value,
        severity=Severity.BLOCK,
        message=problem.message,
        fix="Change what it names, or do without.",
    )


def format_remarks(remarks: tuple[Remark, ...]) -> str:
    """List a reviewer's remarks for the author, blocking ones first."""
    lines = (
        f"- {'blocking: ' * remark.blocking}{f'{remark.place}: ' * bool(remark.path)}{remark.text}"
        for remark in sorted(remarks, key=lambda remark: not remark.blocking)
    )
    head = "A reviewer has read the change. Fix what is blocking, and of the rest what is right:"
    return "\n".join((head, *lines))


def format_draft_reasons(findings: tuple[Finding, ...]) -> str:
    """List for the model what makes a change that passes a draft; empty: nothing does."""
    open_to_edits = [finding for finding in findings if finding.asks_author]
    said = [_format_finding(edit) for edit in open_to_edits[:_MOST_FINDINGS]]
    head = "The change passes, but a person will have to check this. Fix what you can, or submit"
    return "\n\n".join((f"{head} it as it is.", *said)) if said else ""


def _find_blocking(findings: tuple[Finding, ...]) -> Iterator[tuple[str, str]]:
    for finding in findings:
        if finding.severity is Severity.BLOCK:
            yield f"{finding.rule} {finding.path} {finding.message}", _format_finding(finding)


def _list_failures(check: AnyComparison, after: CheckReport) -> Iterator[tuple[str, str]]:
    new, gone = list_new(check), check.gone if is_of_tests(check) else ()
    for number, item in enumerate(new):
        yield f"{check.name} {item.item_id}", _format_failure(check, item, number)
    for name in gone:
        yield f"gone {name}", f"{name} ran on the base commit but no longer runs."
    yield from _find_blocking(check.findings)
    if check.is_in_the_way and not (new or gone):
        said = check.reason or f"{check.name} ended {check.head.value}"
        result = after.result(check.name)
        last = _shorten_lines(result.output.strip().splitlines()[-_MOST_LINES:]) if result else []
        yield f"{check.name} as a whole", "\n".join((f"{check.name}: {said}", *last))


def _format_failure(check: AnyComparison, item: CheckItem, number: int) -> str:
    place = f" at {item.place}" if item.place else ""
    text = item.text.partition("\n(run again: ")[0] if number < _MOST_FAILURES else ""
    lines = _shorten_lines(text.strip().splitlines()[:_MOST_LINES])
    return "\n".join((f"{check.name}: {item.item_id}{place}", *lines))


def _shorten_lines(lines: list[str]) -> list[str]:
    return [line[:_LONGEST_LINE] for line in lines]


def _format_finding(one: Finding) -> str:
    return f"{one.place} {one.message} ({one.rule}) {one.fix}".strip()
