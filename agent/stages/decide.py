"""Decide over all facts: publish, or withhold and say why.

Pure, and no opinion: the first row of `TABLE` that holds decides; REFERENCE.md prints the same
rows. Owns the order of the reasons and the sentence for maintainers; the facts come from
`checks` and `policy`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from agent.checks import comparison, fastapi_endpoints, reruns
from agent.editing import reviewing
from agent.editing.rounds import RED_BASE, Round
from agent.models.change import ClearedChange, Finding, Severity
from agent.models.checks import CheckItem, Comparison, Status
from agent.models.environment import Contract
from agent.models.outcome import Verdict
from agent.models.proof import Proof
from agent.models.review import ReviewNotes
from agent.models.run import Reason
from agent.policy.layout import is_migration
from agent.text.check_summary import count_things, name_check, summarize_check
from agent.text.sanitise import list_some

PROOF = "proof"
"""Stands for a rule in the finding that a change is not proved."""


@dataclass(frozen=True)
class Facts:
    """The facts that a decision rests on."""

    compared: tuple[Comparison, ...]
    cleared: ClearedChange
    contract: Contract
    proof: Proof = field(default_factory=Proof)
    """Of a model's change."""
    review: ReviewNotes | None = None
    """Of a second model, once there is one."""
    left_open: tuple[Finding, ...] = ()
    """What that leaves for a person."""

    @property
    def tests(self) -> tuple[Comparison, ...]:
        return tuple(check for check in self.compared if check.counts_tests)

    @property
    def tests_are_off(self) -> bool:
        """Whether `checks.tests.runner` is off."""
        return self.contract.config.checks.tests.runner == "off"

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """What a person has to look at before the change is merged."""
        told = (
            one
            for one in (*self.rule_findings, *self.flaky_tests)
            if one.severity is Severity.REVIEW
        )
        measured = (*self.unmeasured_files, *self.mostly_red)
        more = (*measured, *self.unproved_hunks, *self.contract.scouted, *self.left_open)
        return (*told, *more, *_not_done(self.cleared))

    @property
    def unmeasured_files(self) -> tuple[Finding, ...]:
        """Touched files of which nothing could tell what the contract asks."""
        unmeasured = (one for one in self.compared if one.verdict is Status.UNMEASURABLE)
        names = {one.name.removesuffix(comparison.BASE_RULES) for one in unmeasured}
        found: list[Finding] = []
        for path in self.cleared.change.paths:
            is_model = is_migration(path) or "models" in path.removesuffix(".py").split("/")
            if "makemigrations" in names and is_model:
                message = "Base does not let it be measured whether models and migrations agree."
                fix = "Run `makemigrations --check` where it works, and compare by hand."
                found.append(_make_remark("makemigrations", message, fix, path))
        is_python = any(path.endswith(".py") for path in self.cleared.change.paths)
        if fastapi_endpoints.NAME in names and is_python:
            message = "Base does not let it be measured which dependencies endpoints have."
            fix = "Check by hand that every new endpoint has what fastapi.auth demands."
            found.append(_make_remark(fastapi_endpoints.NAME, message, fix))
        return tuple(found)

    @property
    def mostly_red(self) -> tuple[Finding, ...]:
        """Tests of base of which most fail, on both sides: they say little of the change."""
        return tuple(
            _make_remark(
                RED_BASE,
                f"{one.base_failures:,} of {one.base_count - one.base_skipped:,} tests fail on"
                " base, so they say little of the change.",
                "Add what they need to the configuration: `services`, `env`, `setup`.",
            )
            for one in self.tests
            if one.head_failures >= one.base_failures > (one.base_count - one.base_skipped) / 2
        )

    @property
    def unproved_hunks(self) -> tuple[Finding, ...]:
        """Hunks of source that no test notices; the whole change where no test shows anything.

        Hunks that there was no time for are a note in the proof, once anything is shown; so are
        mistakes in code that is not changed: tests of one matter need not notice all of them.
        """
        hunks = self.proof.hunks
        is_shown = bool(hunks.noticed) or any(row.is_proof for row in self.proof.rows)
        found: list[tuple[str, int | None, str]] = [
            (one.path, one.line, f"No test notices {one.mistake or 'when this is taken back'}.")
            for one in hunks.unnoticed
            if not (one.mistake and is_shown)
        ]
        if (untried := hunks.untried) and not is_shown:
            parts = count_things(len(untried), "part")
            message = f"Whether tests notice {parts} of the code, from here on, was not tried."
            found.append((untried[0].path, untried[0].line, message))
        if self.proof.missing and not (hunks.noticed or found):
            found.append(("", None, f"The change is not proved: {self.proof.missing}."))
        fix = "Add a test that fails without it, or look at it closely."
        return tuple(_make_remark(PROOF, message, fix, path, line) for path, line, message in found)

    @property
    def rule_findings(self) -> tuple[Finding, ...]:
        return (*self.cleared.findings, *(one for check in self.compared for one in check.findings))

    @property
    def flaky_tests(self) -> tuple[Finding, ...]:
        """Findings on tests that fail at times, on either side."""
        return tuple(
            reruns.make_finding(one)
            for check in self.compared
            for one in dict.fromkeys((*check.flaky, *check.unsure))
        )


@dataclass(frozen=True)
class Row:
    fact: str
    """When it holds, in words."""
    reason: Reason
    sentence: Callable[[Facts], str | None]
    """The sentence for maintainers; None where the row does not hold."""
    draft: bool = False
    """Whether the pull request waits for a person to look at what is named in it."""

    @property
    def publish(self) -> bool:
        return self.reason is Reason.READY


def decide_verdict(
    compared: tuple[Comparison, ...],
    cleared: ClearedChange,
    contract: Contract,
    proof: Proof | None = None,
    review: ReviewNotes | None = None,
) -> Verdict:
    """Publish only what is proved to break nothing; otherwise name what is in the way.

    Args:
        proof: That the tests of a model's change fail without it; None: a recipe made the change.
        review: A second model's; whatever it says, it withholds nothing.
    """
    left_open = reviewing.find_open_remarks(review, cleared.change) if review else ()
    facts = Facts(compared, cleared, contract, proof or Proof(), review, left_open)
    for row in TABLE:
        sentence = row.sentence(facts)
        if sentence is not None:
            findings = (
                *facts.flaky_tests,
                *facts.unmeasured_files,
                *facts.mostly_red,
                *facts.unproved_hunks,
                *contract.scouted,
                *facts.left_open,
                *_not_done(cleared),
            )
            return Verdict(
                publish=row.publish,
                reason=row.reason,
                sentence=sentence,
                findings=findings,
                review=_places(facts.remarks) if row.draft else (),
            )
    raise AssertionError("the last row of the decision table always holds")


def with_review(chosen: Round, notes: ReviewNotes, contract: Contract) -> Round:
    """Weigh a change that passed once more, where its review leaves something for a person."""
    if chosen.cleared is None or not chosen.is_passed or not notes.open:
        return chosen
    verdict = decide_verdict(chosen.compared, chosen.cleared, contract, chosen.proof, notes)
    return replace(chosen, verdict=verdict)


# --- rows -------------------------------------------------------------------------------------


def _new_failures(facts: Facts) -> str | None:
    failing = [check for check in facts.compared if check.new_failures]
    if not failing:
        return None
    first = failing[0]
    count = len(first.new_failures)
    if first.counts_tests:
        verb = "fails" if count == 1 else "fail"
        said = f"{count_things(count, 'test')} {verb} with the change and not so without it"
    else:
        said = count_things(count, "new finding")
    shown = list_some([_format_item(item) for item in first.new_failures])
    others = [check.name for check in failing[1:]]
    also = f" Also red: {', '.join(others)}." if others else ""
    return f"{name_check(first)}: {said}: {shown}.{also}"


def _explain_failed(facts: Facts) -> str | None:
    for check in facts.compared:
        if check.verdict is Status.FAILED:
            why = check.reason or "it fails with the change and did not before"
            return f"{name_check(check)}: {why.rstrip('.')}."
    return None


def _explain_unsure(facts: Facts) -> str | None:
    for check in facts.compared:
        if check.unsure:
            shown = list_some([f"{one.item_id} {one.summary}" for one in check.unsure])
            return f"{name_check(check)}, run again, do not agree, so nothing is proved: {shown}."
    return None


def _explain_unverified(facts: Facts) -> str | None:
    for check in facts.compared:
        if check.verdict is Status.UNMEASURABLE and not check.counts_tests:
            continue
        sides = (check.base, check.head)
        if check.verdict is not Status.PASSED or Status.UNVERIFIED in sides:
            return summarize_check(check).sentence
    return None


def _explain_blocked(facts: Facts) -> str | None:
    blocking = [one for one in facts.rule_findings if one.severity is Severity.BLOCK]
    if not blocking:
        return None
    return (
        f"A rule of the repository stands against it: {list_some(map(_format_finding, blocking))}."
    )


def _explain_unproved(facts: Facts) -> str | None:
    if not facts.unproved_hunks or not facts.proof.is_required:
        return None
    parts = [one.name for one in facts.proof.hunks.unnoticed]
    said = f"No test notices {list_some(parts)}" if parts else "No test shows the change"
    return f"{said}, and tests.proof is require."


def _no_tests(facts: Facts) -> str | None:
    if facts.tests_are_off:
        return None
    switch = "To work without tests, set checks.tests.runner to off."
    if not facts.tests:
        return f"The repository has no test suite that was found. {switch}"
    if any(check.head_count == check.head_skipped and not check.unrun for check in facts.tests):
        return f"The test suite ran no test at all. {switch}"
    return None


def _to_review(facts: Facts) -> str | None:
    if not facts.remarks:
        return None
    places = list_some(_places(facts.remarks))
    said = f"{_describe_ready(facts)} A draft, since a person has to look at this first: {places}."
    if facts.review is None or not facts.left_open:
        return said
    return f"{said} Second review: {facts.review.sentence}"


def _not_done(cleared: ClearedChange) -> tuple[Finding, ...]:
    """Have a person look at what the ticket says besides."""
    rule, fix = "the rest of the ticket", "Do it in a change of its own."
    said = (f"Not done by this change: “{sentence}”" for sentence in cleared.change.not_done)
    return tuple(_make_remark(rule, message, fix) for message in said)


def _make_remark(
    rule: str, message: str, fix: str, path: str = "", line: int | None = None
) -> Finding:
    return Finding(
        rule=rule, severity=Severity.REVIEW, path=path, line=line, message=message, fix=fix
    )


def _describe_ready(facts: Facts) -> str:
    measured = [check for check in facts.compared if check.verdict is Status.PASSED]
    flaky = sum(len(check.flaky) for check in measured)
    but = f" but {count_things(flaky, 'flaky test')}" if flaky else ""
    said = [
        f"Nothing new fails{but} in {count_things(len(measured), 'check')}."
        if measured
        else "No check could be measured."
        if facts.compared
        else "No check runs in this repository."
    ]
    if facts.tests_are_off:
        said.append("Tests are switched off in the configuration.")
    told = [summarize_check(check).sentence for check in facts.compared]
    # What a check says by the rules of either side is said once.
    said += [
        one
        for one in told
        if one.replace(comparison.BASE_RULES, "", 1) not in told or comparison.BASE_RULES not in one
    ]
    return " ".join(filter(None, said))


#: The decision table: the first row that holds decides.
TABLE: tuple[Row, ...] = (
    Row(
        "a test or a finding fails that did not fail on base",
        Reason.NEW_FAILURES,
        _new_failures,
    ),
    Row("a check fails as a whole, or is gone", Reason.NEW_FAILURES, _explain_failed),
    Row(
        "a test fails at times with the change, and was not seen to do so on base",
        Reason.UNVERIFIED,
        _explain_unsure,
    ),
    Row(
        "a check does not prove its result, on either side", Reason.UNVERIFIED, _explain_unverified
    ),
    Row("a rule that blocks speaks of what a tool has found", Reason.POLICY, _explain_blocked),
    Row(
        "no test notices a part of the source, and `tests.proof` is `require`",
        Reason.UNVERIFIED,
        _explain_unproved,
    ),
    Row(
        "there are no tests, or none ran, and they are not switched off",
        Reason.NO_TESTS,
        _no_tests,
    ),
    Row(
        "a rule asks for a person's look, no test shows the change, none of base's passes, the"
        " ticket says more than is done, a second review does not end in approval, or no person has"
        " confirmed the set-up",
        Reason.READY,
        _to_review,
        draft=True,
    ),
    Row("none of these", Reason.READY, _describe_ready),
)


# --- words ------------------------------------------------------------------------------------


def _places(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Name the places of findings, each once; of a whole change its rule stands for it."""
    named = ((f"{one.path}:{one.line}" if one.line else one.path) or one.rule for one in findings)
    return tuple(dict.fromkeys(named))


def _format_finding(finding: Finding) -> str:
    place = f"{finding.path}:{finding.line}" if finding.line else finding.path
    return f"{place} {finding.message.rstrip('.')} ({finding.rule})".strip()


def _format_item(item: CheckItem) -> str:
    """Name a test by its id, a finding by what it says and where."""
    if item.outcome in {"failed", "error"}:
        return item.item_id
    said = item.text.strip().partition("\n")[0].rstrip(".") or item.item_id
    return f"{said} at {item.place}" if item.place else said
