"""An attempt: one conversation in which a model plans, edits, and answers what judges find."""

from agent.editing import opening, prompting, rounds, submissions
from agent.editing.forms import Forms, Submit
from agent.editing.loop import Conversation, ConversationOver
from agent.editing.rounds import Draft, Round, explain_stop
from agent.editing.run_context import RunContext
from agent.editing.submissions import FollowUpSubmission
from agent.editing.tools import ToolExecutor
from agent.errors import BudgetSpent, EditFailed, TimeSpent
from agent.models.change import Change, Finding, Plan, Severity
from agent.models.chat import UserTurn
from agent.models.record import replace
from agent.models.review import ReviewNotes
from agent.models.step import Step, StepName
from agent.models.task import FollowUpItem, ItemAnswer

_EDITING: Forms = {"submit": Submit, **submissions.FORMS}
_UNCHANGED = (
    "Nothing has changed since the last submit. Edit first, or submit again to keep it as it is."
)
_RUNS_AGAIN = "`submit` runs all of it again, from the rules on."


class Attempt:
    """A conversation whose plan is accepted, and what it has submitted last."""

    def __init__(
        self,
        talk: Conversation,
        plan: Plan,
        run_context: RunContext,
        items: tuple[FollowUpItem, ...] = (),
    ) -> None:
        """Take the conversation.

        Args:
            items: What a review asks; each needs an answer with the first submit.
        """
        self.plan = plan
        self.answers: tuple[ItemAnswer, ...] = ()
        self.why = ""
        """Why no further draft comes."""
        self._talk, self._run_context, self._items = talk, run_context, items
        self._begun = self._last = talk.change.digest
        self._may_stay = False

    def begin_edits(self, gate: str) -> None:
        """Accept the plan, and go on with an environment.

        Args:
            gate: What judges a change, in words.
        """
        run_context, talk = self._run_context, self._talk
        base = run_context.once(Step.PLAN.named("base"), opening.describe_base, run_context)
        talk.answer(f"accepted\n{base}\n{gate}")
        talk.name = Step.EDIT.named(run_context.history.begin_conversation())
        talk.tools.begin_edits(self.plan.files)

    @property
    def is_changed(self) -> bool:
        """Whether something is edited that was not submitted."""
        return self._talk.change.digest != self._last

    def next_draft(self) -> Draft:
        """Have a change submitted; what is edited when turns, money or minutes end counts as such.

        Raises:
            ConversationOver: None comes that is new.
            RunStopped: The model refuses, see `submissions.read_refusal`.
        """
        talk, history = self._talk, self._run_context.history
        while True:
            try:
                form = talk.ask()
            except (BudgetSpent, TimeSpent, ConversationOver) as problem:
                if not self.is_changed or history.has_passed:
                    raise
                if self._items and not self.answers:
                    raise ConversationOver(problem.message) from problem
                return self._make_draft(_make_unfinished(problem))
            finally:
                history.latest = talk.change
            if isinstance(form, Submit):
                words = self._find_problem(form)
                if not words:
                    return self._make_draft()
            elif history.has_passed:
                words = "The change has passed. Call `submit`."
            else:
                raise submissions.read_refusal(form, self._run_context)
            talk.answer(words)

    def answer(self, words: str, draft: Draft, *, passed: bool) -> None:
        """Answer the last submit.

        Args:
            draft: What the words are about; where that is not the last one, it is laid out again.
            passed: Whether it may stay as it is.
        """
        self._may_stay = passed
        if draft.change.digest != self._talk.change.digest:
            self._talk.change, self._last = draft.change, draft.change.digest
            words = f"The tree was reset to an earlier submit, which is better.\n\n{words}"
        limits = opening.describe_limits(self._run_context)
        self._talk.answer("\n\n".join(filter(None, (words, _RUNS_AGAIN, limits))))

    def _find_problem(self, form: Submit) -> str:
        """Read the words of a submit; say why it is not judged, empty: it is."""
        digest = self._talk.change.digest
        self._run_context.history.words[digest] = submissions.read_words(form)
        if isinstance(form, FollowUpSubmission) and not self.answers:
            edited = digest != self._begun
            problems = submissions.find_answer_problems(form, self._items, is_edited=edited)
            self.answers = () if problems else submissions.read_answers(form)
            return "\n".join(f"- {problem}" for problem in problems)
        if self.is_changed:
            return ""
        if self._may_stay:
            raise ConversationOver("it submitted nothing new")
        self._may_stay = True
        return _UNCHANGED

    def _make_draft(self, *unfinished: Finding) -> Draft:
        change = self._talk.change
        self._last = change.digest
        return Draft(self.plan, replace(change, left_out=(*change.left_out, *unfinished)))


def _make_unfinished(problem: BudgetSpent | TimeSpent | ConversationOver) -> Finding:
    return Finding(
        rule="unfinished",
        severity=Severity.REVIEW,
        message=f"{explain_stop(problem)} before the model submitted this change.",
        fix="Check whether any part of the ticket is missing.",
    )


def run_attempt(
    attempt: Attempt | None,
    run_context: RunContext,
    judged: Round | None = None,
    before: str = "another change was made",
) -> Attempt | None:
    """Have a change submitted, judged and fixed, until it passes or nothing new comes.

    Its rounds are in the history. Nothing is paid for where no edit could have it pass.

    Args:
        attempt: None: one begins at what was judged, if that does not pass.
        judged: A change of the attempt that is judged already.
        before: What an error prevents, in words.

    Raises:
        AgentError: The model cannot be asked or will not go on, and nothing has passed.
    """
    count = run_context.base.contract.config.limits.repair_rounds + (judged is None)
    with run_context.history.keep_passed_change(before):
        try:
            for _ in range(count):
                if judged is not None:
                    words = find_objection(judged, run_context)
                    if not words or (attempt is None and judged.is_passed):
                        break
                    if attempt is None:
                        attempt = continue_draft(judged.draft, (), words, run_context)
                    else:
                        attempt.answer(words, judged.draft, passed=judged.is_passed)
                assert attempt is not None  # noqa: S101
                judged = run_context.judge(attempt.next_draft())
        except ConversationOver as over:
            assert attempt is not None  # noqa: S101
            attempt.why = over.message
    return attempt


def find_objection(judged: Round, run_context: RunContext) -> str:
    """Say what a model is to fix of a change; empty: nothing that an edit could.

    Of a change that passes each rule's remarks are reported once, and none that the reviewer can
    accept.
    """
    if run_context.desk.models is None or not (judged.is_passed or judged.failure_count):
        return ""
    earlier = [one for one in run_context.history.rounds if one.number < judged.number]
    reported = {finding.rule for one in earlier if one.is_passed for finding in one.remarks}
    remarks = [finding for finding in judged.remarks if finding.asks_author]
    for_reader = "reviewer" in run_context.roles and all(one.is_reading for one in remarks)
    if judged.is_passed and (for_reader or reported.issuperset(one.rule for one in remarks)):
        return ""
    return judged.objection


def answer_review(
    attempt: Attempt, best: Round, notes: ReviewNotes, run_context: RunContext
) -> list[Round]:
    """Pass the remarks of a review to the author, once; return the rounds that come of it.

    Where the model cannot be asked or will not go on, the change stays as it passed.
    """
    history, before = run_context.history, "the reviewer's remarks were addressed"
    count, losses = len(history.rounds), len(history.losses)
    words = rounds.format_remarks(notes.remarks, best.draft.change)
    with history.keep_passed_change(before):
        attempt.answer(words, best.draft, passed=True)
        run_attempt(attempt, run_context, before=before)
    made = history.rounds[count:]
    if not made and not notes.approves and len(history.losses) == losses:
        history.losses.append("An edit to address the reviewer's remarks changed nothing.")
    return made


# --- conversations ----------------------------------------------------------------------------


def begin_attempt(run_context: RunContext) -> Attempt:
    """Have the ticket planned.

    Raises:
        RunStopped: The model refuses, see `submissions.read_refusal`; or the base, which is
            prepared meanwhile, cannot be.
        EditFailed: No plan came that the rules allow.
    """
    first = run_context.once(Step.PLAN.named("opening"), opening.open_ticket, run_context)
    name, change = StepName(Step.PLAN), run_context.unchanged
    talk = _start_conversation(name, "agent", first, change, _EDITING, run_context)
    return Attempt(talk, _agree_on_plan(talk, run_context), run_context)


def _agree_on_plan(talk: Conversation, run_context: RunContext) -> Plan:
    problems = ""
    while True:
        try:
            form = talk.ask()
        except ConversationOver as over:
            against = f" Problems of its last plan:\n{problems}" if problems else ""
            why = f"The model made no valid plan: {over.message}.{against}"
            raise EditFailed(why) from over
        if isinstance(form, submissions.SubmittedPlan):
            plan = submissions.read_plan(form)
            words = problems = submissions.find_plan_problems(plan, run_context)
            if not problems:
                return run_context.once(Step.PLAN, submissions.read_plan, form)
        elif isinstance(form, Submit):
            words = "Call `plan` first."
        else:
            raise submissions.read_refusal(form, run_context)
        talk.answer(words)


def continue_draft(
    draft: Draft, items: tuple[FollowUpItem, ...], failed: str, run_context: RunContext
) -> Attempt:
    """Go on with a change that no conversation of this run has made, by a plan that is accepted.

    Args:
        items: What people ask of it; nothing where only judges do.
        failed: What blocks it, in words for the model; empty: nothing.
    """
    run_context.require_proofs()
    number = run_context.history.begin_conversation()
    name = (Step.ANSWER if items else Step.EDIT).named(number)
    first = run_context.once(
        name.named("opening"), opening.open_change, draft, items, failed, run_context
    )
    submit: Forms = {"submit": FollowUpSubmission if items else Submit}
    prompt = "answer" if items else "agent"
    talk = _start_conversation(name, prompt, first, draft.change, submit, run_context)
    talk.tools.begin_edits(draft.plan.files)
    return Attempt(talk, draft.plan, run_context, items)


def _start_conversation(
    name: StepName,
    prompt: str,
    first: str,
    change: Change,
    forms: Forms,
    run_context: RunContext,
) -> Conversation:
    return Conversation(
        name=name,
        role="editor",
        prompt=prompting.make_prompt(prompt, run_context.base.contract),
        run_context=run_context,
        tools=ToolExecutor(run_context, forms, is_planned=False),
        change=change,
        messages=(UserTurn(text=first),),
    )
