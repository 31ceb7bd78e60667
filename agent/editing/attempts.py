"""An attempt: one conversation in which a model plans, edits, and answers what judges find."""

from __future__ import annotations

from agent.editing import base_state, opening, prompting, submissions
from agent.editing.called import Opening
from agent.editing.job import Job
from agent.editing.loop import Conversation
from agent.editing.rounds import Draft
from agent.editing.submissions import SubmittedAnswers
from agent.editing.tools import Forms, Submit, Tools
from agent.errors import EditFailed
from agent.models.agenda import Answer, Matter
from agent.models.change import Change, Plan

_SUBMIT = "Have the change judged, with ignored files to include."
_GIVEN_UP = "An earlier attempt was given up and is gone; take another way. At its best, it met:"
_EDITING: Forms = {"submit": (_SUBMIT, Submit), **submissions.FORMS}
_UNCHANGED = (
    "Nothing has changed since the last submit. Edit first, or submit once more to leave it so."
)


class Attempt:
    """One conversation about one change, through all of its rounds."""

    def __init__(
        self, talk: Conversation, plan: Plan, job: Job, matters: tuple[Matter, ...] = ()
    ) -> None:
        """Take a conversation whose plan is agreed.

        Args:
            matters: What a review asks; each needs an answer with the first submit.
        """
        self.plan = plan
        self.answers: tuple[Answer, ...] = ()
        """To the matters of a review."""
        self.why = ""
        """Why nothing more comes."""
        self._talk, self._job, self._matters = talk, job, matters
        self._begun = self._last = talk.change.digest
        self._may_stay = False

    def go_on(self) -> None:
        """Let the plan be carried out."""
        job = self._job
        name = f"edit {job.number}"
        base = job.step(f"{name} base", base_state.describe, job)
        self._talk.go_on_as(name)
        self._talk.answer(f"agreed\n{base.text}", job, accepted=True)
        self._talk.tools.are_open = True

    def answer(self, words: str, draft: Draft, *, passed: bool = False) -> None:
        """Answer the last submit.

        Args:
            draft: What the words are about; where that is not the last one, it is laid out again.
            passed: Whether it may stay as it is.
        """
        self._may_stay = passed
        if draft.submitted and draft.submitted.digest != self._talk.change.digest:
            self._talk.change, self._last = draft.submitted, draft.submitted.digest
            words = f"The tree is again as it was at an earlier submit, which is better.\n\n{words}"
        self._talk.answer(words, self._job)

    def next_draft(self) -> Draft | None:
        """Have a change submitted; None: none comes that is new.

        Raises:
            TicketUnclear: The model has questions.
            ForPeople: The model leaves it to people.
            TooLarge: The model takes it for several tickets.
        """
        talk, job = self._talk, self._job
        while (handed := talk.next_form(job)).name:
            if handed.name == "submit":
                draft, words = self._submitted(handed.form)
                if not words:
                    return draft
            elif handed.name == "plan":
                words = "A plan is agreed. Carry it out; say in the summary what differs."
            elif job.has_passed:
                words = "The change has passed. Call `submit`."
            else:
                raise submissions.read_refusal(handed.name, handed.form, job)
            talk.answer(words, job)
        self.why = handed.why
        is_whole = bool(self.answers) or not self._matters
        return self._draft("") if self._has_news and is_whole else None

    def close(self) -> None:
        """End the sandbox."""
        self._talk.tools.close()

    @property
    def _has_news(self) -> bool:
        return self._talk.change.digest != self._last

    def _submitted(self, form: str) -> tuple[Draft | None, str]:
        """Return what was submitted, or why it is not taken."""
        talk, matters = self._talk, self._matters
        found = (SubmittedAnswers if matters else Submit).model_validate_json(form)
        talk.include += found.include
        if isinstance(found, SubmittedAnswers) and not self.answers:
            edited = talk.change.digest != self._begun
            if problems := submissions.find_answer_problems(found, matters, is_edited=edited):
                return None, "\n".join(f"- {one}" for one in problems)
            self.answers = submissions.read_answers(found)
            done = (one.words.strip() for one in found.answers if one.became == "done")
            return self._draft("\n".join(done)), ""
        if self._has_news:
            return self._draft(found.summary), ""
        if self._may_stay:
            self.why = "it submits nothing new"
            return None, ""
        self._may_stay = True
        return None, _UNCHANGED

    def _draft(self, words: str) -> Draft:
        self._last = self._talk.change.digest
        change = self._talk.change
        return Draft(plan=self.plan, change=change, words=words, by=self, submitted=change)


def begin(job: Job) -> Attempt:
    """Have the ticket planned.

    Raises:
        TicketUnclear: The model has questions.
        ForPeople: The model leaves it to people.
        TooLarge: The model takes it for several tickets.
        EditFailed: No plan came that the rules allow.
    """
    told = job.step("plan opening", opening.of_ticket, job)
    talk = _converse("plan", "agent", told, None, _EDITING, job)
    talk.tools.are_open = False
    words = ""
    while (handed := talk.next_form(job)).name:
        if handed.name == "submit":
            words = "Call `plan` first."
        elif handed.name != "plan":
            raise submissions.read_refusal(handed.name, handed.form, job)
        elif not (words := submissions.find_plan_problems(submissions.read_plan(handed.form), job)):
            return Attempt(talk, job.step("plan", submissions.read_plan, handed.form), job)
        talk.answer(words, job)
    against = f" Against the last one stood:\n{words}" if words else ""
    raise EditFailed(f"The model made no plan that holds: {handed.why}.{against}")


def begin_anew(plan: Plan, failed: str, job: Job) -> Attempt:
    """Begin from the base once more, with the next model.

    Args:
        failed: What stood against the earlier attempt, in words for the model.
    """
    job.try_another()
    return _carry_on(plan, None, (), f"{_GIVEN_UP}\n{failed}", job)


def on_pull(draft: Draft, matters: tuple[Matter, ...], failed: str, job: Job) -> Attempt:
    """Go on with the change of a pull request.

    Args:
        matters: What people ask of it; nothing where only judges do.
        failed: What stands against it, in words for the model; empty: nothing.
    """
    return _carry_on(draft.plan, draft.change, matters, failed, job)


def _carry_on(
    plan: Plan, change: Change | None, matters: tuple[Matter, ...], failed: str, job: Job
) -> Attempt:
    """Begin with a plan that is agreed, from a change or from the base."""
    name = f"{'answer' if matters else 'edit'} {job.number}"
    told = job.step(f"{name} opening", opening.of_change, plan, change, matters, failed, job)
    submit: Forms = {"submit": (_SUBMIT, SubmittedAnswers if matters else Submit)}
    prompt = "answer" if matters else "agent"
    talk = _converse(name, prompt, told, change, submit if change else _EDITING, job)
    return Attempt(talk, plan, job, matters)


def _converse(
    name: str, prompt: str, told: Opening, change: Change | None, forms: Forms, job: Job
) -> Conversation:
    return Conversation(
        name=name,
        role="editor",
        prompt=prompting.prompt(prompt, job.base.contract),
        tools=Tools(job, forms),
        opening=told,
        change=change or Change(base_commit=job.base.checkout.commit, files=()),
    )
