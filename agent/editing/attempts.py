"""An attempt: one conversation in which a model plans, edits, and answers what judges find."""

from collections.abc import Callable

from agent.editing import opening, prompting, submissions
from agent.editing.loop import Conversation, SubmittedForm
from agent.editing.memory import PLAN
from agent.editing.rounds import Draft, explain_stop
from agent.editing.run_context import RunContext
from agent.editing.submissions import FollowUpSubmission
from agent.editing.tools import MOST_SUMMARY, Forms, Submit, ToolExecutor, limit_batch
from agent.errors import BudgetSpent, EditFailed, TimeSpent
from agent.models.change import Change, Finding, Plan, Severity
from agent.models.model_use import AuthorWords
from agent.models.record import replace
from agent.models.step import Step, StepName
from agent.models.task import FollowUpItem, ItemAnswer
from agent.text.cutting import cut_sentences

_GIVEN_UP = (
    "An earlier attempt was abandoned and discarded; take another approach. Its best result:"
)
_KNOWN = "Meanwhile the base commit was set up and checked; there is an environment after the plan."
_EDITING: Forms = {"submit": Submit, **submissions.FORMS}
_UNCHANGED = (
    "Nothing has changed since the last submit. Edit first, or submit again to keep it as it is."
)


class Attempt:
    def __init__(
        self,
        talk: Conversation,
        tools: ToolExecutor,
        plan: Plan,
        run_context: RunContext,
        items: tuple[FollowUpItem, ...] = (),
        base: str = "",
    ) -> None:
        """Take a conversation whose plan is accepted.

        Args:
            items: What a review asks; each needs an answer with the first submit.
            base: The base commit and its checks, as the answer to the plan describes them.
        """
        self.plan = plan
        self.answers: tuple[ItemAnswer, ...] = ()
        self.why = ""
        """Why no further draft comes."""
        self.words: dict[str, AuthorWords] = {}
        """The author's last words about each tree, by its digest."""
        self._talk, self._tools, self._run_context, self._items = talk, tools, run_context, items
        self._base = base
        self._begun = self._last = talk.change.digest
        self._may_stay = False
        self._unfinished: Finding | None = None

    def begin_edits(self) -> None:
        """Accept the plan, and go on with an environment."""
        self._tools.begin_edits()
        self._talk.answer(f"accepted\n{self._base}", accepted=True)
        self._talk.rename(Step.EDIT.named(self._run_context.history.round_number))

    def answer(self, words: str, draft: Draft, *, passed: bool = False) -> None:
        """Answer the last submit.

        Args:
            draft: What the words are about; where that is not the last one, it is laid out again.
            passed: Whether it may stay as it is.
        """
        self._may_stay = passed
        if draft.submitted and draft.submitted.digest != self._talk.change.digest:
            self._talk.change, self._last = draft.submitted, draft.submitted.digest
            words = f"The tree was reset to an earlier submit, which is better.\n\n{words}"
        self._talk.answer(f"{words}\n\n{opening.describe_limits(self._run_context)}")

    def next_draft(self) -> Draft | None:
        """Have a change submitted; None: none comes that is new."""
        talk, run_context = self._talk, self._run_context
        while (submitted := self._await_form()).name:
            if submitted.name == "submit":
                draft, words = self._read_submission(submitted.form)
                if not words:
                    return draft
            elif run_context.history.has_passed:
                words = "The change has passed. Call `submit`."
            else:
                raise submissions.read_refusal(submitted.name, submitted.form, run_context)
            talk.answer(words)
        self.why = submitted.why
        is_whole = bool(self.answers) or not self._items
        return self._make_draft() if self.is_changed and is_whole else None

    def close(self) -> None:
        self._tools.close()

    def _await_form(self) -> SubmittedForm:
        """Have the next form; what is edited when money or minutes end counts as submitted."""
        run_context = self._run_context
        try:
            return self._talk.next_form()
        except (BudgetSpent, TimeSpent) as problem:
            if not self.is_changed or run_context.history.has_passed:
                raise
            self._unfinished = Finding(
                rule="unfinished",
                severity=Severity.REVIEW,
                message=f"{explain_stop(problem)} before the model submitted this change.",
                fix="Check whether any part of the ticket is missing.",
            )
            return SubmittedForm(why=problem.message)
        finally:
            run_context.history.latest = self._talk.change

    @property
    def is_changed(self) -> bool:
        """Whether something is edited that was not submitted."""
        return self._talk.change.digest != self._last

    def _read_submission(self, form: str) -> tuple[Draft | None, str]:
        talk, items = self._talk, self._items
        found = (FollowUpSubmission if items else Submit).model_validate_json(form)
        talk.include += found.include
        words = self.words[talk.change.digest] = submissions.read_words(found)
        if isinstance(found, FollowUpSubmission) and not self.answers:
            edited = talk.change.digest != self._begun
            if problems := submissions.find_answer_problems(found, items, is_edited=edited):
                return None, "\n".join(f"- {problem}" for problem in problems)
            self.answers = submissions.read_answers(found)
            done = (answer.words.strip() for answer in found.answers if answer.became == "done")
            said = found.summary.strip() or "\n".join(done)
            summary = cut_sentences(said, MOST_SUMMARY)
            words = replace(words, summary=summary)
            self.words[talk.change.digest] = words
            return self._make_draft(), ""
        if self.is_changed:
            return self._make_draft(), ""
        if self._may_stay:
            self.why = "it submitted nothing new"
            return None, ""
        self._may_stay = True
        return None, _UNCHANGED

    def _make_draft(self) -> Draft:
        change = self._talk.change
        self._last = change.digest
        if self._unfinished:
            left_out = (*change.left_out, self._unfinished)
            change = replace(change, left_out=left_out)
        return Draft(plan=self.plan, change=change, by=self, submitted=change)


def begin_attempt(run_context: RunContext, prepare_base: Callable[[], str]) -> Attempt:
    """Have the ticket planned.

    Args:
        prepare_base: Finishes the preparation of the base, and says what judges a change on it.

    Raises:
        RunStopped: The model refuses, see `submissions.read_refusal`; or the base cannot be
            measured.
        EditFailed: No plan came that the rules allow.
    """
    first = run_context.once(Step.PLAN.named("opening"), opening.open_ticket, run_context)
    tools = _make_tools(_EDITING, run_context, is_planned=False)
    name = StepName(Step.PLAN)
    talk = _start_conversation(name, "agent", first, run_context.unchanged, tools, run_context)
    base, problems = "", ""
    while not (submitted := talk.next_form()).why:
        plan = submissions.read_plan(submitted.form) if submitted.name == PLAN else None
        words = submissions.find_plan_problems(plan, run_context) if plan else ""
        if plan and not words:
            accepted = run_context.once(Step.PLAN, submissions.read_plan, submitted.form)
            base = base or _describe_base(prepare_base, run_context)
            return Attempt(talk, tools, accepted, run_context, base=base)
        if plan:
            problems = words
        elif not submitted.name:
            words = f"{_KNOWN}\n{_describe_base(prepare_base, run_context)}"
            base = opening.describe_limits(run_context)
        elif submitted.name == "submit":
            words = "Call `plan` first."
        else:
            raise submissions.read_refusal(submitted.name, submitted.form, run_context)
        talk.answer(words)
    against = f" Problems of its last plan:\n{problems}" if problems else ""
    raise EditFailed(f"The model made no valid plan: {submitted.why}.{against}")


def _describe_base(prepare_base: Callable[[], str], run_context: RunContext) -> str:
    """Have the base ready, which may take another set-up, and describe it for the model."""
    gate = prepare_base()
    run_context.require_proofs()
    base = run_context.once(Step.PLAN.named("base"), opening.describe_base, run_context)
    return f"{base}\n{gate}"


def begin_anew(plan: Plan, failed: str, run_context: RunContext) -> Attempt:
    """Begin from the base once more, with the next model, which learns why the last failed."""
    run_context.account.try_next_model()
    draft = Draft(plan=plan, change=run_context.unchanged)
    return continue_draft(draft, (), f"{_GIVEN_UP}\n{failed}", run_context)


def continue_draft(
    draft: Draft, items: tuple[FollowUpItem, ...], failed: str, run_context: RunContext
) -> Attempt:
    """Go on with a change that no conversation of this run has made, by a plan that is accepted.

    Args:
        draft: Its change may be empty: then it is begun anew.
        items: What people ask of it; nothing where only judges do.
        failed: What blocks it, in words for the model; empty: nothing.
    """
    run_context.require_proofs()
    name = (Step.ANSWER if items else Step.EDIT).named(run_context.history.round_number)
    given = draft.plan, draft.change, items, failed, run_context
    first = run_context.once(name.named("opening"), opening.open_change, *given)
    submit: Forms = {"submit": FollowUpSubmission if items else Submit}
    is_begun = bool(items or draft.change.files)
    prompt, forms = "answer" if items else "agent", submit if is_begun else _EDITING
    tools = _make_tools(forms, run_context)
    talk = _start_conversation(name, prompt, first, draft.change, tools, run_context)
    return Attempt(talk, tools, draft.plan, run_context, items)


def _make_tools(forms: Forms, run_context: RunContext, *, is_planned: bool = True) -> ToolExecutor:
    most = limit_batch(run_context.turns.find_window("editor"))
    return ToolExecutor(run_context.bench, forms, most_of_a_batch=most, is_planned=is_planned)


def _start_conversation(
    name: StepName,
    prompt: str,
    first: str,
    change: Change,
    tools: ToolExecutor,
    run_context: RunContext,
) -> Conversation:
    return Conversation(
        name=name,
        role="editor",
        prompt=prompting.make_prompt(prompt, run_context.base.contract),
        turns=run_context.turns,
        tools=tools,
        opening=first,
        change=change,
    )
