"""An attempt: one conversation in which a model plans, edits, and answers what judges find."""

from __future__ import annotations

from agent.editing import base_state, opening, prompting, submissions
from agent.editing.loop import Conversation
from agent.editing.rounds import Draft
from agent.editing.run_context import RunContext
from agent.editing.submissions import SubmittedAnswers
from agent.editing.tools import Forms, Submit, ToolExecutor
from agent.editing.turn_records import OpeningMessage
from agent.errors import EditFailed
from agent.models.change import Change, Plan
from agent.models.review_items import ItemAnswer, ReviewItem

_SUBMIT = "Have the change judged, with ignored files to include."
_GIVEN_UP = "An earlier attempt was given up and is gone; take another way. At its best, it met:"
_EDITING: Forms = {"submit": (_SUBMIT, Submit), **submissions.FORMS}
_UNCHANGED = (
    "Nothing has changed since the last submit. Edit first, or submit once more to leave it so."
)


class Attempt:
    """One conversation about one change, through all of its rounds."""

    def __init__(
        self,
        talk: Conversation,
        plan: Plan,
        run_context: RunContext,
        items: tuple[ReviewItem, ...] = (),
    ) -> None:
        """Take a conversation whose plan is agreed.

        Args:
            items: What a review asks; each needs an answer with the first submit.
        """
        self.plan = plan
        self.answers: tuple[ItemAnswer, ...] = ()
        """To the matters of a review."""
        self.why = ""
        """Why nothing more comes."""
        self._talk, self._run_context, self._items = talk, run_context, items
        self._begun = self._last = talk.change.digest
        self._may_stay = False

    def go_on(self) -> None:
        """Let the plan be carried out."""
        run_context = self._run_context
        name = f"edit {run_context.round_number}"
        base = run_context.step(f"{name} base", base_state.describe_base, run_context)
        self._talk.go_on_as(name)
        self._talk.answer(f"agreed\n{base.text}", run_context, accepted=True)
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
        self._talk.answer(words, self._run_context)

    def next_draft(self) -> Draft | None:
        """Have a change submitted; None: none comes that is new.

        Raises:
            TicketUnclear: The model has questions.
            ForPeople: The model leaves it to people.
            TooLarge: The model takes it for several tickets.
        """
        talk, run_context = self._talk, self._run_context
        while (handed := talk.next_form(run_context)).name:
            if handed.name == "submit":
                draft, words = self._read_submission(handed.form)
                if not words:
                    return draft
            elif handed.name == "plan":
                words = "A plan is agreed. Carry it out; say in the summary what differs."
            elif run_context.has_passed:
                words = "The change has passed. Call `submit`."
            else:
                raise submissions.read_refusal(handed.name, handed.form, run_context)
            talk.answer(words, run_context)
        self.why = handed.why
        is_whole = bool(self.answers) or not self._items
        return self._draft("") if self._has_news and is_whole else None

    def close(self) -> None:
        """End the sandbox."""
        self._talk.tools.close()

    @property
    def _has_news(self) -> bool:
        return self._talk.change.digest != self._last

    def _read_submission(self, form: str) -> tuple[Draft | None, str]:
        """Return what was submitted, or why it is not taken."""
        talk, items = self._talk, self._items
        found = (SubmittedAnswers if items else Submit).model_validate_json(form)
        talk.include += found.include
        if isinstance(found, SubmittedAnswers) and not self.answers:
            edited = talk.change.digest != self._begun
            if problems := submissions.find_answer_problems(found, items, is_edited=edited):
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


def begin_attempt(run_context: RunContext) -> Attempt:
    """Have the ticket planned.

    Raises:
        TicketUnclear: The model has questions.
        ForPeople: The model leaves it to people.
        TooLarge: The model takes it for several tickets.
        EditFailed: No plan came that the rules allow.
    """
    told = run_context.step("plan opening", opening.of_ticket, run_context)
    talk = _start_conversation("plan", "agent", told, None, _EDITING, run_context)
    talk.tools.are_open = False
    words = ""
    while (handed := talk.next_form(run_context)).name:
        if handed.name == "submit":
            words = "Call `plan` first."
        elif handed.name != "plan":
            raise submissions.read_refusal(handed.name, handed.form, run_context)
        elif not (
            words := submissions.find_plan_problems(submissions.read_plan(handed.form), run_context)
        ):
            return Attempt(
                talk, run_context.step("plan", submissions.read_plan, handed.form), run_context
            )
        talk.answer(words, run_context)
    against = f" Against the last one stood:\n{words}" if words else ""
    raise EditFailed(f"The model made no plan that holds: {handed.why}.{against}")


def begin_anew(plan: Plan, failed: str, run_context: RunContext) -> Attempt:
    """Begin from the base once more, with the next model.

    Args:
        failed: What stood against the earlier attempt, in words for the model.
    """
    run_context.try_another()
    return _carry_on(plan, None, (), f"{_GIVEN_UP}\n{failed}", run_context)


def on_pull(
    draft: Draft, items: tuple[ReviewItem, ...], failed: str, run_context: RunContext
) -> Attempt:
    """Go on with the change of a pull request.

    Args:
        items: What people ask of it; nothing where only judges do.
        failed: What stands against it, in words for the model; empty: nothing.
    """
    return _carry_on(draft.plan, draft.change, items, failed, run_context)


def _carry_on(
    plan: Plan,
    change: Change | None,
    items: tuple[ReviewItem, ...],
    failed: str,
    run_context: RunContext,
) -> Attempt:
    """Begin with a plan that is agreed, from a change or from the base."""
    name = f"{'answer' if items else 'edit'} {run_context.round_number}"
    told = run_context.step(
        f"{name} opening", opening.of_change, plan, change, items, failed, run_context
    )
    submit: Forms = {"submit": (_SUBMIT, SubmittedAnswers if items else Submit)}
    prompt = "answer" if items else "agent"
    talk = _start_conversation(
        name, prompt, told, change, submit if change else _EDITING, run_context
    )
    return Attempt(talk, plan, run_context, items)


def _start_conversation(
    name: str,
    prompt: str,
    told: OpeningMessage,
    change: Change | None,
    forms: Forms,
    run_context: RunContext,
) -> Conversation:
    return Conversation(
        name=name,
        role="editor",
        prompt=prompting.prompt(prompt, run_context.base.contract),
        tools=ToolExecutor(run_context, forms),
        opening=told,
        change=change or Change(base_commit=run_context.base.checkout.commit, files=()),
    )
