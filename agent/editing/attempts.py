"""An attempt: a conversation in which a model plans, edits, and fixes what checks find."""

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
    """A conversation with an accepted plan, and its last submitted change."""

    def __init__(
        self,
        conversation: Conversation,
        plan: Plan,
        run_context: RunContext,
        items: tuple[FollowUpItem, ...] = (),
    ) -> None:
        """Begin an attempt in a conversation.

        Args:
            items: Requests of a review; the first submit must answer each.
        """
        self.plan = plan
        self.answers: tuple[ItemAnswer, ...] = ()
        self.why = ""
        """Why there are no more drafts; empty: there may be more."""
        self._conversation, self._run_context, self._items = conversation, run_context, items
        self._begun = self._last = conversation.change.digest
        self._may_stay = False
        self._cut = ""

    def begin_edits(self, gate: str) -> None:
        """Accept the plan, and continue in a sandbox with the environment.

        Args:
            gate: Text for the model about the checks that each change gets.
        """
        run_context, conversation = self._run_context, self._conversation
        base = run_context.once(Step.PLAN.named("base"), opening.describe_base, run_context)
        conversation.answer(f"accepted\n{base}\n{gate}")
        conversation.name = Step.EDIT.named(run_context.history.begin_conversation())
        conversation.tools.begin_edits(self.plan.files)

    @property
    def is_changed(self) -> bool:
        """Whether there are edits since the last submit."""
        return self._conversation.change.digest != self._last

    def next_draft(self) -> Draft:
        """Return the next submitted change, or the edits so far if turns, money or minutes end.

        Raises:
            ConversationOver: There is no new change.
            RunStopped: The model refuses, see `submissions.read_refusal`.
        """
        conversation, history = self._conversation, self._run_context.history
        while True:
            try:
                form = conversation.ask()
            except (BudgetSpent, TimeSpent, ConversationOver) as problem:
                if not self.is_changed or history.has_passed:
                    raise
                if self._items and not self.answers:
                    raise ConversationOver(problem.message) from problem
                return self._make_draft(_make_unfinished(problem))
            finally:
                history.latest = conversation.change
            if isinstance(form, Submit):
                words = self._find_problem(form)
                if not words:
                    return self._make_draft()
            elif history.has_passed:
                words = "The change has passed. Call `submit`."
            else:
                raise submissions.read_refusal(form, self._run_context)
            conversation.answer(words)

    def answer(self, words: str, draft: Draft, *, passed: bool) -> None:
        """Answer the last submit.

        Args:
            draft: The judged change; if the tree has another change, it is reset to this one.
            passed: Whether the model may submit it again without an edit.
        """
        self._may_stay = passed
        if draft.change.digest != self._conversation.change.digest:
            self._conversation.change, self._last = draft.change, draft.change.digest
            words = f"The tree was reset to an earlier submit, which is better.\n\n{words}"
        limits = opening.describe_limits(self._run_context)
        texts = filter(None, (words, self._cut, _RUNS_AGAIN, limits))
        self._conversation.answer("\n\n".join(texts))

    def _find_problem(self, form: Submit) -> str:
        """Read the texts of a submit; return why it cannot be judged, empty: it can."""
        words, self._cut = submissions.read_words(form)
        digest = self._conversation.change.digest
        self._run_context.history.words[digest] = words
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
        change = self._conversation.change
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
    """Request changes and judge them, until one passes or there is no new one.

    The rounds are in the history. No request is sent if no edit could make the change pass.

    Args:
        attempt: None: a new attempt begins with `judged` if that does not pass.
        judged: The round of a change that is judged already.
        before: What an error prevents; the pull request says "... before {before}".

    Raises:
        AgentError: No model can be asked, or it refuses, and no change has passed.
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
    """Return the findings that a model can fix by an edit; empty: there are none.

    If the change passes, they are not returned when the author has had findings of each of these
    rules for a change that passed, or when a reviewer may accept all of them.
    """
    if run_context.desk.models is None or not (judged.is_passed or judged.failure_count):
        return ""
    rounds_before = run_context.history.rounds[: judged.number - 1]
    passed = [earlier for earlier in rounds_before if earlier.is_passed]
    reported = {finding.rule for earlier in passed for finding in earlier.remarks}
    remarks = [finding for finding in judged.remarks if finding.asks_author]
    for_reviewer = "reviewer" in run_context.roles and all(note.is_reading for note in remarks)
    is_reported = reported.issuperset(finding.rule for finding in remarks)
    if judged.is_passed and (for_reviewer or is_reported):
        return ""
    return judged.objection


def answer_review(
    attempt: Attempt, best: Round, notes: ReviewNotes, run_context: RunContext
) -> list[Round]:
    """Send the remarks of a review to the author, once; return the new rounds.

    If no model can be asked, or it refuses, the change stays as it passed.
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
    """Request a plan for the ticket.

    Raises:
        RunStopped: The model refuses, see `submissions.read_refusal`; or the base, which a thread
            prepares meanwhile, cannot be prepared.
        EditFailed: The model made no plan that the rules allow.
    """
    first = run_context.once(Step.PLAN.named("opening"), opening.open_ticket, run_context)
    name, change = StepName(Step.PLAN), run_context.unchanged
    conversation = _start_conversation(name, "agent", first, change, _EDITING, run_context)
    return Attempt(conversation, _agree_on_plan(conversation, run_context), run_context)


def _agree_on_plan(conversation: Conversation, run_context: RunContext) -> Plan:
    problems = ""
    while True:
        try:
            form = conversation.ask()
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
        conversation.answer(words)


def continue_draft(
    draft: Draft, items: tuple[FollowUpItem, ...], failed: str, run_context: RunContext
) -> Attempt:
    """Begin a conversation that continues an existing change, whose plan is accepted.

    Args:
        items: Requests of people; empty: only findings are to be fixed.
        failed: Findings that block the change, for the model; empty: none.
    """
    run_context.require_proofs()
    number = run_context.history.begin_conversation()
    name = (Step.ANSWER if items else Step.EDIT).named(number)
    first = run_context.once(
        name.named("opening"), opening.open_change, draft, items, failed, run_context
    )
    submit: Forms = {"submit": FollowUpSubmission if items else Submit}
    prompt = "answer" if items else "agent"
    conversation = _start_conversation(name, prompt, first, draft.change, submit, run_context)
    conversation.tools.begin_edits(draft.plan.files)
    return Attempt(conversation, draft.plan, run_context, items)


def _start_conversation(
    name: StepName, prompt: str, first: str, change: Change, forms: Forms, run_context: RunContext
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
