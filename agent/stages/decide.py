"""Decide over all facts: publish, or withhold and say why. Pure.

The first row of `TABLE` that applies decides; REFERENCE.md prints the same rows. Owns their order
and the sentence for maintainers; the facts come from `checks` and `policy`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from agent.checks import test_verdicts
from agent.editing import reviewing
from agent.editing.rounds import Round
from agent.models.change import ClearedChange, Finding, Severity
from agent.models.checks import TESTS, AnyComparison, CheckItem, Status, TestComparison
from agent.models.environment import Contract
from agent.models.outcome import Verdict
from agent.models.record import replace
from agent.models.review import Judgement, ReviewNotes, SourcePart
from agent.models.run import Reason
from agent.policy.layout import is_migration
from agent.text.check_summary import (
    format_count,
    is_of_tests,
    list_new,
    name_check,
    summarize_all,
    summarize_check,
)
from agent.text.sanitise import list_some

PROOF = "proof"
"""In place of a rule's id, in the finding that a change is not proved."""
_ADD_TEST = "Add a test that fails without it, or review it closely."


@dataclass(frozen=True)
class VerdictRule:
    fact: str
    """When it applies, in words."""
    reason: Reason
    tell: Callable[[VerdictFacts], str]
    """The sentence for maintainers; empty where the row does not apply."""
    draft: bool = False
    """Whether the pull request waits for a person to look at what is named in it."""

    @property
    def publish(self) -> bool:
        return self.reason is Reason.READY


#: The decision table: the first row that applies decides.
TABLE: tuple[VerdictRule, ...] = (
    VerdictRule(
        "a test fails, or a finding appears, that is not on the base branch",
        Reason.NEW_FAILURES,
        lambda facts: facts.describe_new_failures(),
    ),
    VerdictRule(
        "a check did not complete, or no longer exists",
        Reason.NEW_FAILURES,
        lambda facts: facts.describe_failed(),
    ),
    VerdictRule(
        "a check's result is unverified, before or after the change",
        Reason.UNVERIFIED,
        lambda facts: facts.describe_unverified(),
    ),
    VerdictRule(
        "a check reports a finding of a rule with severity `block`",
        Reason.POLICY,
        lambda facts: facts.describe_blocked(),
    ),
    VerdictRule(
        "no tests exist or ran, and tests are not turned off",
        Reason.NO_TESTS,
        lambda facts: facts.describe_no_tests(),
    ),
    VerdictRule(
        "a person must review: a `review` finding, no test proves the change, most tests fail "
        "on the base branch, the ticket is only partly done, the second review did not approve, "
        "or the set-up is unconfirmed",
        Reason.READY,
        lambda facts: facts.describe_to_review(),
        draft=True,
    ),
    VerdictRule("none of these", Reason.READY, lambda facts: facts.describe_ready()),
)


def decide_verdict(
    judged: Judgement,
    cleared: ClearedChange,
    contract: Contract,
    review: ReviewNotes | None = None,
) -> Verdict:
    """Publish only what is proved to break nothing; otherwise name what is in the way.

    Args:
        review: A second model's; whatever it says, it withholds nothing.
    """
    facts = VerdictFacts(judged, cleared, contract, review)
    row, sentence = next((row, said) for row in TABLE if (said := row.tell(facts)))
    return Verdict(
        publish=row.publish,
        reason=row.reason,
        sentence=sentence,
        findings=facts.own_findings,
        review=_name_places(facts.remarks) if row.draft else (),
    )


def with_review(chosen: Round, notes: ReviewNotes, contract: Contract) -> Round:
    """Weigh a change that passed once more, where its review leaves something for a person."""
    is_settled = notes.open or notes.settled
    if not (chosen.cleared and chosen.judged and chosen.is_passed and is_settled):
        return chosen
    found = reviewing.apply_reviewer_answers(chosen.cleared.findings, notes)
    cleared = replace(chosen.cleared, findings=found)
    compared = tuple(
        replace(one, findings=reviewing.apply_reviewer_answers(one.findings, notes))
        for one in chosen.compared
    )
    judged = replace(chosen.judged, compared=compared)
    verdict = decide_verdict(judged, cleared, contract, notes)
    return dataclasses.replace(chosen, cleared=cleared, judged=judged, verdict=verdict)


# --- facts ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class VerdictFacts:
    """The facts that a decision rests on, and what each row of the table makes of them."""

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
        """What a person has to look at before the change is merged."""
        every = (*self._rule_findings, *self.own_findings)
        return tuple(finding for finding in every if finding.severity is Severity.REVIEW)

    @property
    def own_findings(self) -> tuple[Finding, ...]:
        """Findings that are not from rules."""
        found = (
            *self._flaky_tests, *self._unfinished, *self._unmeasured_files,
            *self._mostly_red,
            *self._unproved_parts, *self.contract.scouted,
            *self._left_open, *self._not_done,
        )  # fmt: skip
        return reviewing.apply_reviewer_answers(found, self.review)

    @property
    def _tests(self) -> tuple[TestComparison, ...]:
        return tuple(check for check in self.compared if is_of_tests(check))

    @property
    def _are_tests_off(self) -> bool:
        return self.contract.config.checks.tests == "off"

    @property
    def _rule_findings(self) -> tuple[Finding, ...]:
        return (
            *self.cleared.findings,
            *(finding for check in self.compared for finding in check.findings),
        )

    @property
    def _flaky_tests(self) -> tuple[Finding, ...]:
        seen = dict.fromkeys(test for each in self._tests for test in each.flaky)
        return tuple(map(test_verdicts.make_finding, seen))

    @property
    def _unfinished(self) -> tuple[Finding, ...]:
        fix = "Run it before merging, or raise `limits.minutes`."
        return tuple(
            _make_remark(
                "unfinished",
                f"{name_check(check)} did not finish: {check.reason}.",
                fix,
            )
            for check in self.compared
            if check.unfinished
        )

    @property
    def _unmeasured_files(self) -> tuple[Finding, ...]:
        """Touched files of which nothing could tell what the contract asks."""
        unmeasured = (
            one
            for one in self.compared
            if one.verdict is Status.UNMEASURABLE and not one.unfinished
        )
        names = {one.name for one in unmeasured}
        paths, found = self.cleared.change.paths, []
        for path in paths if "makemigrations" in names else ():
            if is_migration(path) or "models" in path.removesuffix(".py").split("/"):
                message = (
                    "`makemigrations --check` cannot run on the base branch, so model and "
                    "migration drift is unchecked."
                )
                fix = "Run `makemigrations --check` by hand."
                found.append(_make_remark("makemigrations", message, fix, path))
        return tuple(found)

    @property
    def _mostly_red(self) -> tuple[Finding, ...]:
        """Tests of base of which most fail, on both sides: they say little of the change."""
        return tuple(
            _make_remark(
                "base branch tests",
                f"{test.base_failures:,} of {test.base_count - test.base_skipped:,} tests fail on "
                "the base branch, so they prove little about the change.",
                "Configure what they need: `services`, `env`, `setup`.",
            )
            for test in self._tests
            if test.head_failures >= test.base_failures > (test.base_count - test.base_skipped) / 2
        )

    @property
    def _unproved_parts(self) -> tuple[Finding, ...]:
        """Parts of source that no test needs; the whole change where no test shows anything.

        Parts that there was no time for are a note in the proof, once anything is shown; so are
        mistakes in code that is not changed: tests of one matter need not notice all of them.
        """
        proof = self.judged.proof
        more = self._describe_uncounted()
        found = [
            _make_unneeded(part, more, is_reading=part.is_removal or proof.is_refactoring)
            for part in proof.unneeded_parts
            if not (part.kind == "mistake" and proof.is_shown)
        ]
        if proof.missing and not (proof.needed or found):
            message = f"No test proves the change: {proof.missing}.{more}"
            is_reading = proof.is_refactoring
            more_facts = {"asks_author": True, "is_reading": is_reading}
            found.append(_make_remark(PROOF, message, _ADD_TEST, "", None, **more_facts))
        if (untried := proof.untried) and not proof.is_shown:
            parts = format_count(len(untried), "part")
            message = (
                f"{parts} of the code, starting here, could not be tested by reverting: "
                "no test is near, or the time was up."
            )
            fix = "Review it closely, or raise `limits.minutes`: a tenth is for this."
            found.append(_make_remark(PROOF, message, fix, untried[0].path, untried[0].line))
        # What was removed at one place is listed once.
        return tuple(dict.fromkeys(found))

    def _describe_uncounted(self) -> str:
        """Name the tests that count as noticing nothing."""
        flaky = [f"{test.item_id} is flaky" for each in self._tests for test in each.flaky]
        return f" Not counted: {list_some(flaky)}." if flaky else ""

    @property
    def _left_open(self) -> tuple[Finding, ...]:
        """What a second review leaves for a person."""
        review, change = self.review, self.cleared.change
        return reviewing.find_open_remarks(review, change) if review else ()

    @property
    def _not_done(self) -> tuple[Finding, ...]:
        """Sentences of the ticket that were not carried out."""
        fix = "If it asks for more, state that in the form, or in a separate ticket."
        return tuple(
            _make_remark("rest of the ticket", f"The recipe reads no sentences: “{sentence}”", fix)
            for sentence in self.cleared.change.not_done
        )

    # --- sentences --------------------------------------------------------------------------------

    def describe_new_failures(self) -> str:
        failing = [check for check in self.compared if list_new(check)]
        if not failing:
            return ""
        first = failing[0]
        count = len(list_new(first))
        said = format_count(count, "new finding")
        if is_of_tests(first):
            verb = "fails" if count == 1 else "fail"
            said = f"{format_count(count, 'test')} {verb} with the change but not without it"
        shown = list_some([_format_item(item) for item in list_new(first)])
        others = ", ".join(check.name for check in failing[1:])
        also = f" Also failing: {others}." if others else ""
        return f"{name_check(first)}: {said}: {shown}.{also}"

    def describe_failed(self) -> str:
        for check in self.compared:
            if check.verdict is Status.FAILED:
                why = check.reason or "it passed before the change and fails now"
                return f"{name_check(check)}: {why.rstrip('.')}."
        if self.judged.is_partial and not self.describe_unverified():
            return "Not all checks have run: one of the first had failed."
        return ""

    def describe_unverified(self) -> str:
        for check in self.compared:
            is_proved = check.verdict is Status.PASSED
            is_row = check.unfinished or not is_of_tests(check)
            if check.verdict is Status.UNMEASURABLE and is_row:
                continue
            if not is_proved or Status.UNVERIFIED in (check.base, check.head):
                return (
                    summarize_check(check).sentence or f"{name_check(check)} could not be verified."
                )
        return ""

    def describe_blocked(self) -> str:
        found = [finding for finding in self._rule_findings if finding.severity is Severity.BLOCK]
        shown = list_some(
            f"{finding.place} {finding.message.rstrip('.')} ({finding.rule})".strip()
            for finding in found
        )
        return f"A rule blocks the change: {shown}." if found else ""

    def describe_no_tests(self) -> str:
        switch = "To work without tests, set `checks.tests` to `off`."
        if self._are_tests_off:
            return ""
        if not any(check.name == TESTS for check in self.compared):
            return f"No test suite was found. {switch}"
        whole = (test for test in self._tests if not (test.unrun or test.unfinished))
        if any(
            test_comparison.head_count == test_comparison.head_skipped for test_comparison in whole
        ):
            return f"The test suite ran no tests. {switch}"
        return ""

    def describe_to_review(self) -> str:
        if not self.remarks:
            return ""
        places = list_some(_name_places(self.remarks))
        said = f"{self.describe_ready()} Opened as a draft: please check {places}."
        review = f" Second review: {self.review.sentence}" if self.review else ""
        return said + (review if self._left_open else "")

    def describe_ready(self) -> str:
        said = [f"{summarize_all(self.compared)}."]
        if self._are_tests_off:
            said.append("Tests are turned off in the configuration.")
        said += [summarize_check(check).sentence for check in self.compared]
        return " ".join(filter(None, said))


def _make_unneeded(part: SourcePart, more: str, *, is_reading: bool) -> Finding:
    verb = "Emptying this function" if part.kind == "empty" else "Reverting this"
    message = f"{verb} breaks no test."
    if part.is_near_only:
        message = f"{verb} breaks no test near it, and there was no time for all tests."
    if part.kind == "mistake":
        message = f"No test catches {part.text}."
    place: dict[str, Any] = {"path": part.path, "line": part.line, "asks_author": True}
    return _make_remark(PROOF, message + more, _ADD_TEST, is_reading=is_reading, **place)


def _make_remark(
    rule: str, message: str, fix: str, path: str = "", line: int | None = None, **more: bool
) -> Finding:
    """Make a finding for people; the author sees it only where that is said."""
    place: dict[str, Any] = {"path": path, "line": line, "asks_author": False, **more}
    return Finding(rule=rule, severity=Severity.REVIEW, message=message, fix=fix, **place)


def _name_places(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Name the places of findings, each once; for a whole change the name of its rule."""
    return tuple(dict.fromkeys(finding.place or finding.rule for finding in findings))


def _format_item(item: CheckItem) -> str:
    """Name a test by its id, a finding by what it says and where."""
    if item.outcome != "finding":
        return item.item_id
    said = item.text.strip().partition("\n")[0].rstrip(".") or item.item_id
    return f"{said} at {item.place}" if item.place else said
