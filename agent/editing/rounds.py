"""The results of judged changes, and the findings for their author. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

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
from agent.models.checks import AnyComparison, AnyRun, CheckItem
from agent.models.model_use import AuthorWords
from agent.models.outcome import Verdict
from agent.models.review import Judgement, Proof, Remark
from agent.text.check_summary import format_count, list_new
from agent.text.failures import find_error_line, strip_numbers
from agent.text.sanitise import list_some

#: Maximum characters of an answer to a submit, and of the output of a check without items.
_MOST_WORDS, _MOST_PRINTED = 28_000, 4_000
#: Maximum number of names of similar failures after the first.
_MOST_ALIKE = 8
_FAILED = "withheld until it is fixed"
_PASSES = (
    "The change passes, but a person will have to check this. Fix what you can, or submit it as it"
    " is."
)


@dataclass(frozen=True)
class Draft:
    plan: Plan
    change: Change


@dataclass(frozen=True)
class Round:
    number: int
    draft: Draft
    refused: tuple[Finding, ...] = ()
    """Findings that prevent the checks: of blocking rules or an error; no field below is set."""
    cleared: ClearedChange | None = None
    judged: Judgement | None = None
    verdict: Verdict | None = None
    unfinished: bool = False
    """Whether the run's minutes ended before the result."""

    @property
    def is_passed(self) -> bool:
        return self.verdict is not None and self.verdict.publish

    @property
    def compared(self) -> tuple[AnyComparison, ...]:
        return self.judged.compared if self.judged else ()

    @property
    def proof(self) -> Proof:
        return self.judged.proof if self.judged else Proof()

    @property
    def failure_count(self) -> int:
        """Number of failures and findings that block the change."""
        new = sum(max(len(list_new(check)), check.is_in_the_way) for check in self.compared)
        blocking = (item for item in self.findings if item.severity is Severity.BLOCK)
        return 0 if self.is_passed else new + sum(finding.asks_author for finding in blocking)

    @property
    def objection(self) -> str:
        """Text with the findings that the author can fix, in order of importance; empty: none."""
        messages: list[str] = []
        # Checks that fail only with the change come first, then the findings that block it.
        for check in () if self.is_passed else self.compared:
            result = self.judged.ran.result(check.name) if self.judged else None
            messages += _describe_failures(check, result)
        messages += () if self.is_passed else self._list_findings(Severity.BLOCK)
        messages += self._list_findings(Severity.REVIEW)
        if self.is_passed and not messages:
            return ""
        messages += self._list_findings(Severity.INFO)
        head = _PASSES if self.is_passed else self.verdict.sentence if self.verdict else ""
        return "\n\n".join(filter(None, (head, *_cut_list(messages))))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings of rules, checks and the decision, without duplicates."""
        sources = (self.cleared, *self.compared, self.verdict)
        findings = chain(self.refused, *(source.findings for source in sources if source))
        return tuple(dict.fromkeys(findings))

    @property
    def remarks(self) -> tuple[Finding, ...]:
        return tuple(item for item in self.findings if item.severity is Severity.REVIEW)

    def _list_findings(self, severity: Severity) -> Iterator[str]:
        """Describe the findings of a severity that an edit may resolve, similar ones together."""
        alike: dict[tuple[str, str, str], list[Finding]] = {}
        for finding in self.findings:
            if finding.severity is severity and finding.asks_author:
                kind = finding.rule, strip_numbers(finding.message), finding.fix
                alike.setdefault(kind, []).append(finding)
        for first, *others in alike.values():
            places = list_some((item.place or item.message for item in others), _MOST_ALIKE)
            also = f"\nAlso: {places}" * bool(others)
            yield format_finding(first, self.draft.change) + also

    @property
    def rank(self) -> tuple[bool, bool, int, int]:
        """Sort key, the best last: passed, checked, fewest failures, fewest remarks."""
        wrong, remarked = self.failure_count, len(self.remarks)
        return self.is_passed, self.cleared is not None, -wrong, -remarked

    @property
    def summary(self) -> str:
        if self.unfinished:
            return "not fully checked"
        if self.is_passed:
            asked = [finding.message for finding in self.remarks if finding.asks_author]
            findings = format_count(len(asked), "finding")
            return f"passed, with {findings}: {asked[0]}" if asked else "passed"
        count = self.failure_count
        if self.verdict is None:
            return f"blocked by rules before any check: {format_count(count, 'finding')}"
        return f"{format_count(count, 'problem')}. {self.verdict.sentence}"


class RoundHistory:
    """The judged changes of a run so far."""

    def __init__(self) -> None:
        self.rounds: list[Round] = []
        self.latest: Change | None = None
        """The change after a model's last calls."""
        self.losses: list[str] = []
        """Sentences for the pull request about what could not be done."""
        self.words: dict[str, AuthorWords] = {}
        """The model's last description of each change, by the digest of the change."""
        self._conversations = 0

    @property
    def round_number(self) -> int:
        """Number of the next round."""
        return len(self.rounds) + 1

    def begin_conversation(self) -> int:
        """Return the number of the next conversation about a change."""
        self._conversations += 1
        return self._conversations

    @property
    def has_passed(self) -> bool:
        return any(judged.is_passed for judged in self.rounds)

    @property
    def best_change(self) -> Change | None:
        """The best change that was checked; if there is none, the latest."""
        checked = [judged for judged in self.rounds if judged.cleared is not None]
        return choose_best(checked).draft.change if checked else self.latest

    def record_round(self, judged: Round) -> Round:
        self.rounds.append(judged)
        return judged

    def keeps_passed_change(self, problem: AgentError) -> bool:
        """Whether a change that passed is published in spite of an error."""
        return self.has_passed and not isinstance(problem, RUN_ENDS)

    @contextmanager
    def keep_passed_change(self, before: str) -> Iterator[None]:
        """Catch an error of the block if a change has passed, and note the loss.

        Args:
            before: What the error prevented; the note says "... before {before}".
        """
        try:
            yield
        except ROUND_ENDS as problem:
            if not self.keeps_passed_change(problem):
                raise
            self.losses.append(f"{explain_stop(problem)} before {before}.")


def explain_stop(problem: AgentError) -> str:
    """Explain an error that ended requests to models, for the pull request."""
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
    """Return the best round; of equals the first."""
    return max(rounds, key=lambda judged: (judged.rank, -judged.number))


def make_stop_finding(problem: RunStopped) -> Finding:
    """Turn an error that prevents the checks of a change into a finding."""
    return Finding(
        rule=problem.reason.value,
        severity=Severity.BLOCK,
        message=problem.message,
        fix="Change what it names, or do without.",
    )


def format_remarks(remarks: tuple[Remark, ...], change: Change) -> str:
    """List a reviewer's remarks for the author, blocking ones first."""
    head = (
        "A reviewer has read the change. Fix what is blocking, and of the rest what is right; if"
        " nothing is, submit again as it is."
    )
    lines = (
        f"- {'blocking: ' * remark.blocking}{f'{remark.place}: ' * bool(remark.path)}{remark.text}"
        f"{_quote_line(change, remark.path, remark.line)}"
        for remark in sorted(remarks, key=lambda remark: not remark.blocking)
    )
    return "\n".join((head, *lines))


def format_finding(finding: Finding, change: Change) -> str:
    """Describe a finding: its effect, who can resolve it, its message, and its line."""
    quoted = _quote_line(change, finding.path, finding.line)
    text = f"{finding.place} {finding.message} ({finding.rule}) {finding.fix}".strip()
    return f"[{_name_effect(finding)}] {text}{quoted}"


def _name_effect(finding: Finding) -> str:
    if finding.severity is Severity.BLOCK:
        return _FAILED
    if finding.severity is Severity.INFO:
        return "note"
    ways = ["an edit resolves it"] * finding.asks_author
    ways += ["the reviewer accepts it"] * finding.is_reading
    return f"draft for a person{', unless ' * bool(ways)}{' or '.join(ways)}"


def _describe_failures(check: AnyComparison, result: AnyRun | None) -> Iterator[str]:
    """Describe the new failures of a check; failures with the same cause are one text."""
    alike: dict[tuple[str, str], list[CheckItem]] = {}
    for item in list_new(check):
        cause = strip_numbers(find_error_line(item.text)) or item.item_id
        alike.setdefault((cause, item.source), []).append(item)
    for first, *others in alike.values():
        names = list_some((item.item_id for item in others), _MOST_ALIKE)
        also = f"\nAlso: {names}" * bool(others)
        yield _format_failure(check, first) + also + _describe_command(result)
    if check.is_in_the_way and not alike:
        why = check.reason or f"{check.name} ended {check.head.value}"
        printed = result.output.strip()[-_MOST_PRINTED:] if result else ""
        words = "\n".join(filter(None, (f"[{_FAILED}] {check.name}: {why}", printed)))
        yield words + _describe_command(result)


def _format_failure(check: AnyComparison, item: CheckItem) -> str:
    place = f" at {item.place}" if item.place and item.place not in item.item_id else ""
    text = item.text.partition("\n(run again: ")[0].strip()
    head = f"[{_FAILED}] {check.name}: {item.item_id}{place}"
    source = f"    {item.source}" if item.source else ""
    return "\n".join(filter(None, (head, source, "" if text in head else text)))


def _describe_command(result: AnyRun | None) -> str:
    """Return the command of the check, for the model's shell."""
    return f"\nRun: {shlex.join(result.command)}" if result and result.command else ""


def _quote_line(change: Change, path: str, line: int | None) -> str:
    """Return a line of a changed file, indented; empty: there is none."""
    file = next((file for file in change.files if file.path == path), None)
    lines = (file.after or b"").decode("utf-8", "replace").splitlines() if file and line else []
    text = "".join(lines[line - 1 : line] if line else []).strip()
    return f"\n    {text}" if text else ""


def _cut_list(messages: Iterable[str]) -> Iterator[str]:
    """Yield the first texts within the limit, then the number of the others."""
    left, several = _MOST_WORDS, list(messages)
    for number, text in enumerate(several):
        left -= len(text)
        if left < 0 and number:
            yield f"and {len(several) - number} more"
            return
        yield text
