"""Decide by all facts whether to publish a change, or to withhold it and why. Pure.

The first row of `TABLE` that applies decides, and writes the sentence for maintainers. REFERENCE.md
prints the same rows. The facts come from `checks` and `policy`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agent.checks import test_verdicts
from agent.editing import reviewing
from agent.editing.rounds import Round
from agent.models.change import ClearedChange, Finding, Severity
from agent.models.checks import (
    GONE,
    TESTS,
    AnyComparison,
    CheckItem,
    RepeatedTest,
    Status,
    TestComparison,
)
from agent.models.environment import Contract
from agent.models.outcome import Verdict
from agent.models.record import replace
from agent.models.review import Judgement, ReviewNotes, SourcePart
from agent.models.run import Reason
from agent.policy.layout import is_migration, is_revision
from agent.policy.migrations import has_columns
from agent.text.check_summary import (
    format_count,
    is_of_tests,
    list_new,
    name_check,
    summarize_all,
    summarize_check,
)
from agent.text.sanitise import list_some
from repo_config import alembic_checks

PROOF = "proof"
"""`rule` of the findings that no test proves a change or a part of it."""
#: Checks that compare models with migrations, with the command for each.
_DRIFT_CHECKS = {"makemigrations": "makemigrations --check", alembic_checks.CHECK: "alembic check"}
_ADD_TEST = "Add a test that fails without it, or review it closely."


def decide_verdict(
    judged: Judgement, cleared: ClearedChange, contract: Contract, review: ReviewNotes | None = None
) -> Verdict:
    """Publish a change only if it is proved to break nothing; else name the obstacle.

    Args:
        review: A second model's review: it can make a pull request a draft, not withhold a change.
    """
    facts = VerdictFacts(judged, cleared, contract, review)
    rows = ((reason, describe(facts)) for reason, describe in TABLE)
    reason, sentence = next(row for row in rows if row[1])
    return Verdict(
        publish=reason is Reason.READY,
        reason=reason,
        sentence=sentence,
        findings=facts.own_findings,
        review=_name_places(facts.remarks) if reason is Reason.READY else (),
    )


def with_review(chosen: Round, notes: ReviewNotes, contract: Contract) -> Round:
    """Decide again on a change that passed, if its review settles findings or leaves some open."""
    is_settled = notes.open or notes.settled
    if not (chosen.cleared and chosen.judged and chosen.is_passed and is_settled):
        return chosen
    findings = reviewing.apply_reviewer_answers(chosen.cleared.findings, notes)
    cleared = replace(chosen.cleared, findings=findings)
    compared = tuple(
        replace(check, findings=reviewing.apply_reviewer_answers(check.findings, notes))
        for check in chosen.compared
    )
    judged = replace(chosen.judged, compared=compared)
    verdict = decide_verdict(judged, cleared, contract, notes)
    return dataclasses.replace(chosen, cleared=cleared, judged=judged, verdict=verdict)


# --- facts ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class VerdictFacts:
    """The facts of a decision, and the sentence of each row of the table.

    The docstring of a method `describe_…` says when its row applies, as REFERENCE.md prints it. The
    method returns an empty sentence if its row does not apply.
    """

    judged: Judgement
    cleared: ClearedChange
    contract: Contract
    review: ReviewNotes | None = None
    """The review of a second model, if any."""

    @property
    def compared(self) -> tuple[AnyComparison, ...]:
        return self.judged.compared

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """Findings that a person has to review before the change is merged."""
        every = (*self._rule_findings, *self.own_findings)
        return tuple(finding for finding in every if finding.severity is Severity.REVIEW)

    @cached_property
    def own_findings(self) -> tuple[Finding, ...]:
        """Findings of the decision itself, not of rules."""
        findings = (
            *map(test_verdicts.make_finding, self._flaky_tests),
            *self._find_unmeasured(),
            *self._find_unproved_parts(),
            *self.contract.scouted,
            *(reviewing.find_open_remarks(self.review, self.cleared.change) if self.review else ()),
            *self._find_undone(),
        )
        # Several removals at the same place are listed once.
        return reviewing.apply_reviewer_answers(tuple(dict.fromkeys(findings)), self.review)

    @property
    def _tests(self) -> tuple[TestComparison, ...]:
        return tuple(check for check in self.compared if is_of_tests(check))

    @property
    def _are_tests_off(self) -> bool:
        return self.contract.config.checks.tests == "off"

    @property
    def _rule_findings(self) -> tuple[Finding, ...]:
        return sum((check.findings for check in self.compared), self.cleared.findings)

    @property
    def _flaky_tests(self) -> dict[RepeatedTest, None]:
        return dict.fromkeys(test for check in self._tests for test in check.flaky)

    def _find_unmeasured(self) -> Iterator[Finding]:
        """Yield findings for checks that did not finish, or that prove little about the change."""
        for check in self.compared:
            if check.unfinished:
                message = f"{name_check(check)} did not finish: {check.reason}."
                fix = "Run it before merging, or raise `limits.minutes`."
                yield _make_remark("unfinished", message, fix)
            elif check.verdict is Status.UNMEASURABLE:
                command = _DRIFT_CHECKS.get(check.name)
                for path in self._list_unmatched(check.name):
                    message = (
                        f"`{command}` does not pass on the base branch, so model and migration "
                        "drift is unchecked."
                    )
                    yield _make_remark(check.name, message, f"Run `{command}` by hand.", path)
        for test in self._tests:
            ran = test.base_count - test.base_skipped
            if test.head_failures >= test.base_failures > ran / 2:
                message = (
                    f"{test.base_failures:,} of {ran:,} tests fail on the base branch, so they "
                    "prove little about the change."
                )
                fix = "Configure what they need: `services`, `env`, `setup`."
                yield _make_remark("base branch tests", message, fix)

    def _list_unmatched(self, name: str) -> Iterator[str]:
        """Yield files with models and migrations, if the check that compares them cannot run."""
        files, upgrade = self.cleared.change.files, alembic_checks.UPGRADE
        applied = {check.name for check in self.compared if check.verdict is Status.PASSED}
        for file in files if name == "makemigrations" else ():
            if is_migration(file.path) or "models" in file.path.removesuffix(".py").split("/"):
                yield file.path
        new = [file for file in files if file.before is None and is_revision(file.after)]
        if name == alembic_checks.CHECK and not (new and upgrade in applied):
            yield from (file.path for file in files if is_revision(file.after) or has_columns(file))

    def _find_unproved_parts(self) -> Iterator[Finding]:
        """Yield findings for parts that no test needs, or for a change that no test proves.

        If a test proves any part, these are no findings: parts not tried for lack of time, and
        mistakes put into unchanged code that no test catches, since tests need not catch each.
        """
        proof = self.judged.proof
        flaky = [f"{test.item_id} is flaky" for test in self._flaky_tests]
        more = f" Not counted: {list_some(flaky)}." if flaky else ""
        is_shown = proof.is_shown
        of_author: dict[str, Any] = {"asks_author": True, "is_reading": proof.is_refactoring}
        parts = [part for part in proof.unneeded_parts if not (part.kind == "mistake" and is_shown)]
        for part in parts:
            of_author["is_reading"] = part.is_removal or proof.is_refactoring
            message = _describe_unneeded(part) + more
            yield _make_remark(PROOF, message, _ADD_TEST, part.path, part.line, **of_author)
        if proof.missing and not (proof.needed or parts):
            message = f"No test proves the change: {proof.missing}.{more}"
            yield _make_remark(PROOF, message, _ADD_TEST, **of_author)
        if (untried := proof.untried) and not is_shown:
            message = (
                f"{format_count(len(untried), 'part')} of the code, starting here, could not be "
                "tested by reverting: the time was up, or the tests had no clear result."
            )
            fix = "Review it closely, or raise `limits.minutes`: a tenth of the rest is for this."
            yield _make_remark(PROOF, message, fix, untried[0].path, untried[0].line)

    def _find_undone(self) -> Iterator[Finding]:
        """Yield a finding for each sentence of the ticket that was not carried out."""
        fix = "If it asks for more, state that in the form, or in a separate ticket."
        for sentence in self.cleared.change.not_done:
            message = f"The recipe reads no sentences: “{sentence}”"
            yield _make_remark("rest of the ticket", message, fix)

    # --- sentences --------------------------------------------------------------------------------

    def describe_new_failures(self) -> str:
        """A test fails, or a finding appears, that is not on the base branch.

        Or a test that passes there no longer runs, though no edit touches it.
        """
        failing = [check for check in self.compared if list_new(check)]
        if not failing:
            return ""
        first, new = failing[0], list_new(failing[0])
        what = format_count(len(new), "new finding")
        if is_of_tests(first):
            lost = sum(item.outcome in (GONE, "skipped") for item in new)
            only_here = _count_tests(len(new) - lost, "fail{} with the change but not without it")
            what = ", and ".join(filter(None, (only_here, _count_tests(lost, "no longer run{}"))))
        shown = list_some(map(_format_item, new))
        others = ", ".join(check.name for check in failing[1:])
        also = f" Also failing: {others}." if others else ""
        return f"{name_check(first)}: {what}: {shown}.{also}"

    def describe_failed(self) -> str:
        """A check fails as a whole, is unverified or no longer exists, and only with the change."""
        for check in self.compared:
            if check.verdict is Status.FAILED:
                why = check.reason or "it passed before the change and fails now"
                return f"{name_check(check)}: {why.rstrip('.')}."
        if self.judged.is_partial and not (self.describe_unverified() or self.describe_blocked()):
            return "Not all checks have run: one of the first had failed."
        return ""

    def describe_unverified(self) -> str:
        """A check has no verified result on the base branch to compare with."""
        for check in self.compared:
            # For these `_find_unmeasured` yields a finding.
            is_named = check.unfinished or not is_of_tests(check)
            if check.verdict is Status.UNMEASURABLE and is_named:
                continue
            if check.verdict is not Status.PASSED or Status.UNVERIFIED in (check.base, check.head):
                unverified = f"{name_check(check)} could not be verified."
                return summarize_check(check).sentence or unverified
        return ""

    def describe_blocked(self) -> str:
        """A check reports a finding of a rule with severity `block`."""
        shown = list_some(
            f"{finding.place} {finding.message.rstrip('.')} ({finding.rule})".strip()
            for finding in self._rule_findings
            if finding.severity is Severity.BLOCK
        )
        return f"A rule blocks the change: {shown}." if shown else ""

    def describe_no_tests(self) -> str:
        """No tests exist or ran, and tests are not turned off."""
        switch = "To work without tests, set `checks.tests` to `off`."
        if self._are_tests_off:
            return ""
        if not any(check.name == TESTS for check in self.compared):
            return f"No test suite was found. {switch}"
        whole = (test for test in self._tests if not (test.unrun or test.unfinished))
        if any(test.head_count == test.head_skipped for test in whole):
            return f"The test suite ran no tests. {switch}"
        return ""

    def describe_to_review(self) -> str:
        """A person must review something.

        That is: a `review` finding, no test proves the change or a part of it, a check did not
        finish, a flaky test never passed with the change, most tests fail on the base branch, the
        ticket is only partly done, the second review did not approve, or the set-up is unconfirmed.
        """
        if not self.remarks:
            return ""
        places = list_some(_name_places(self.remarks))
        sentence = f"{self.describe_ready()} Opened as a draft: please check {places}."
        if self.review and self.review.open:
            sentence += f" Second review: {self.review.sentence}"
        return sentence

    def describe_ready(self) -> str:
        """None of these."""
        sentences = [f"{summarize_all(self.compared)}."]
        if self._are_tests_off:
            sentences.append("Tests are turned off in the configuration.")
        sentences += [summarize_check(check).sentence for check in self.compared]
        return " ".join(filter(None, sentences))


#: The decision table: the first row with a sentence decides.
TABLE: tuple[tuple[Reason, Callable[[VerdictFacts], str]], ...] = (
    (Reason.NEW_FAILURES, VerdictFacts.describe_new_failures),
    (Reason.NEW_FAILURES, VerdictFacts.describe_failed),
    (Reason.UNVERIFIED, VerdictFacts.describe_unverified),
    (Reason.POLICY, VerdictFacts.describe_blocked),
    (Reason.NO_TESTS, VerdictFacts.describe_no_tests),
    (Reason.READY, VerdictFacts.describe_to_review),
    (Reason.READY, VerdictFacts.describe_ready),
)


def _count_tests(count: int, words: str) -> str:
    return f"{format_count(count, 'test')} {words.format('s' * (count == 1))}" if count else ""


def _describe_unneeded(part: SourcePart) -> str:
    if part.kind == "mistake":
        return f"No test catches {part.text}."
    verb = "Emptying this function" if part.kind == "empty" else "Reverting this"
    near = " near it, and there was no time for all tests" if part.is_near_only else ""
    return f"{verb} breaks no test{near}."


def _make_remark(
    rule: str, message: str, fix: str, path: str = "", line: int | None = None, **more: bool
) -> Finding:
    """Make a finding for review; `asks_author` shows it to the author too."""
    place: dict[str, Any] = {"path": path, "line": line, "asks_author": False, **more}
    return Finding(rule=rule, severity=Severity.REVIEW, message=message, fix=fix, **place)


def _name_places(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return the places of findings, each once; of a finding about the whole change, its rule."""
    return tuple(dict.fromkeys(finding.place or finding.rule for finding in findings))


def _format_item(item: CheckItem) -> str:
    """Return the id of a test, or message and place of a finding."""
    if item.outcome != "finding":
        return item.item_id
    text = item.text.strip().partition("\n")[0].rstrip(".") or item.item_id
    return f"{text} at {item.place}" if item.place else text
