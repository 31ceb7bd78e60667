"""A second model reviews a change that passed; the review cannot withhold the change."""

from pydantic import Field

from agent.editing import forms, opening, prompting, rounds
from agent.editing.forms import Forms
from agent.editing.loop import Conversation
from agent.editing.rounds import Round, explain_stop
from agent.editing.run_context import RunContext
from agent.editing.tools import ToolExecutor
from agent.errors import ROUND_ENDS
from agent.models.change import Change, Finding, Severity
from agent.models.chat import UserTurn
from agent.models.record import replace
from agent.models.review import Remark, ReviewNotes, SettledFinding
from agent.models.step import Step
from agent.text.check_summary import format_count, summarize_check

_MOST_TURNS = 15
_LONGEST_REMARK = 1_000
_LONGEST_QUOTE = 600
_NUMBERED = (
    "Some open findings have a number. In `findings`, answer each of these in one sentence."
    " `settled` is true where ticket and diff show that the change is right as it is: the ticket"
    " asks for the changed test or contradicts its old assertion, nothing needs a removed file any"
    " more, a refactoring does in every case what the base did and the ticket asks for no more. It"
    " is false where a person has to check. Skip findings without a number. Your words are quoted"
    " in the pull request, where findings have no numbers."
)
_ANSWERED = "Remarks of the last review, which this version answers: repeat those that still apply"
SECOND_REVIEW = "second-review"
"""Rule of the findings that a review makes."""


class FindingVerdict(forms.Form):
    number: int
    settled: bool
    why: str


class SubmittedReview(forms.Form):
    """Submit the review."""

    approve: bool
    findings: tuple[FindingVerdict, ...] = Field(default=(), max_length=50)
    """One for each finding that has a number."""
    remarks: tuple[Remark, ...] = Field(default=(), max_length=20)


FORMS: Forms = {"submit_review": SubmittedReview}


def review_change(
    best: Round, run_context: RunContext, earlier: tuple[Remark, ...] = ()
) -> ReviewNotes:
    """Review a model's passed change, made after `earlier` remarks; no model error ends the run."""
    if not run_context.account.uses:
        return ReviewNotes(ran=False, sentence="Not run: no model edited anything.")
    if not best.is_passed:
        return ReviewNotes(ran=False, sentence="Not run: the change did not pass.")
    if "reviewer" not in run_context.roles:
        return ReviewNotes(ran=False, sentence="Not run: no model is configured for reviews.")
    try:
        return _make_notes(_request_review(best, run_context, earlier), best, run_context)
    except ROUND_ENDS as problem:
        if not run_context.history.keeps_passed_change(problem):
            raise
        sentence = f"Did not finish: {explain_stop(problem)}."
        return ReviewNotes(ran=False, sentence=sentence, unfinished=True)


def complete_review(
    best: Round, answered: Round, notes: ReviewNotes, run_context: RunContext
) -> tuple[Round, ReviewNotes]:
    """Choose the change that answers a review if it passes and is no worse than an approved one."""
    if not answered.is_passed:
        how = "was not fully checked" if answered.unfinished else "did not pass"
        more = f"A change that addresses this {how}, so the reviewed version was kept."
        return best, replace(notes, sentence=f"{notes.sentence} {more}")
    second = review_change(answered, run_context, notes.remarks)
    if notes.approves and (answered.rank < best.rank or not second.approves):
        more = "An edit for its remarks was no better, so the approved version was kept."
        return best, replace(notes, sentence=f"{notes.sentence} {more}")
    count = format_count(len(notes.remarks), "remark")
    sentence = f"{notes.model} made {count}, and another edit was made. {second.sentence}"
    remarks = second.remarks if second.ran else notes.remarks
    model = second.model or notes.model
    return answered, replace(second, ran=True, sentence=sentence, remarks=remarks, model=model)


def find_open_remarks(notes: ReviewNotes, change: Change) -> tuple[Finding, ...]:
    """Return what a review leaves to people as findings, with the model's words in quotes."""
    if not notes.open:
        return ()
    if notes.unfinished:
        return (_make_finding(f"A second review started but did not finish. {notes.sentence}"),)
    if not notes.blocking:
        words = "does not approve the change, but has no blocking remark."
        return (_make_finding(f"{notes.model} {words}"),)
    findings = []
    for remark in notes.blocking:
        words = forms.flatten_text(remark.text, _LONGEST_QUOTE)
        file = next((file for file in change.files if file.path == remark.path), None)
        lines = (file.after or b"").count(b"\n") + 1 if file else 0
        line = remark.line if remark.line and 1 <= remark.line <= lines else None
        message = f'{notes.model} has a blocking remark that no edit has addressed.\n"{words}"'
        findings.append(_make_finding(message, file.path if file else "", line))
    return tuple(findings)


def apply_reviewer_answers(
    findings: tuple[Finding, ...], notes: ReviewNotes | None
) -> tuple[Finding, ...]:
    """Turn findings that an approving review accepts into notes, each with the reason."""
    if notes is None or not notes.approves:
        return findings
    reviewed = f"Reviewed by {notes.model}:"
    reasons = {answer.finding: f'{reviewed} "{answer.why}"' for answer in notes.settled}
    return tuple(
        replace(finding, severity=Severity.INFO, message=f"{finding.message}\n{reasons[finding]}")
        if finding in reasons
        else finding
        for finding in findings
    )


def _describe_findings(best: Round) -> str:
    """List the open findings of the gate; those that the reviewer can accept have numbers."""
    numbers = {finding: number for number, finding in _number_readings(best).items()}
    lines = (
        f"{numbers.get(finding, '-')}. {rounds.format_finding(finding, best.draft.change)}"
        for finding in best.remarks
    )
    return "\n".join(lines)


def _number_readings(best: Round) -> dict[int, Finding]:
    return dict(enumerate((finding for finding in best.remarks if finding.is_reading), 1))


def _make_finding(message: str, path: str = "", line: int | None = None) -> Finding:
    return Finding(
        rule=SECOND_REVIEW,
        severity=Severity.REVIEW,
        path=path,
        line=line,
        message=message,
        fix="A model's opinion blocks nothing. Check it before merging.",
    )


def _request_review(
    best: Round, run_context: RunContext, earlier: tuple[Remark, ...]
) -> SubmittedReview:
    name = Step.REVIEW.named(best.number)
    checks, findings = summarize_checks(best), _describe_findings(best)
    step = name.named("opening")
    message = run_context.once(step, opening.open_review, best.draft, checks, findings, run_context)
    if earlier:
        remarks = "\n".join(f"- {remark.place} {remark.text}" for remark in earlier)
        fenced = prompting.fence_text(_ANSWERED, remarks, run_context.base.run.run_id)
        message += f"\n\n{fenced}"
    if _number_readings(best):
        message += f"\n\n{_NUMBERED}"
    conversation = Conversation(
        name=name,
        role="reviewer",
        prompt=prompting.make_prompt("review", run_context.base.contract),
        run_context=run_context,
        tools=ToolExecutor(run_context, FORMS, role="reviewer", edits=False),
        change=best.draft.change,
        messages=(UserTurn(text=message),),
        most_turns=_MOST_TURNS,
    )
    try:
        form = conversation.ask()
    finally:
        conversation.tools.close()
    assert isinstance(form, SubmittedReview)  # noqa: S101
    return form


def _make_notes(form: SubmittedReview, best: Round, run_context: RunContext) -> ReviewNotes:
    redact = run_context.desk.redactor
    readings = _number_readings(best)
    answers = tuple(
        SettledFinding(
            finding=readings[finding.number],
            why=forms.flatten_text(redact(finding.why), _LONGEST_QUOTE),
        )
        for finding in form.findings
        if finding.settled and finding.number in readings
    )
    reviewer = run_context.account.find_last_model("reviewer")
    # Redacted before the cut: half of a secret is not recognised.
    remarks = tuple(
        replace(remark, text=redact(remark.text)[:_LONGEST_REMARK]) for remark in form.remarks
    )
    blocking = sum(remark.blocking for remark in remarks)
    approves = form.approve and not blocking
    count = format_count(len(remarks), "remark") if remarks else "no remarks"
    sentences = [f"{reviewer} reviewed the change: {count}."]
    if blocking:
        sentences.append(f"{blocking} of them blocking.")
    sentences.append(f"It {'approves' if approves else 'does not approve'} the change.")
    return ReviewNotes(
        ran=True,
        sentence=" ".join(sentences),
        approves=approves,
        remarks=remarks,
        settled=answers,
        model=reviewer,
    )


def summarize_checks(best: Round) -> str:
    checks = "; ".join(
        f"{comparison.name} {comparison.verdict.value}"
        f" (new failures: {summarize_check(comparison).new})"
        for comparison in best.compared
    )
    shown = ", ".join(row.name for row in best.proof.rows if row.is_proof)
    words = f"Tests that fail without the change: {shown}." if shown else best.proof.missing
    idle = ", ".join(best.proof.unexecuted)
    more = f" Tests near the change do not run these lines: {idle}." if idle else ""
    return f"Checks of the change: {checks}. {words or best.proof.exemption}{more}"
