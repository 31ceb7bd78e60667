"""The lane: what becomes of people's words about a run, without waiting behind runs.

Owns who is heard and what each command does; the words themselves are found by `commands`. Only
people with write permission are heard: what others write has no effect and gets no answer, so that
nobody can make us write. Everything may be done twice: a comment counts once.
"""

from __future__ import annotations

from agent import cleaning, intake
from agent.adapters.sql_store import SqlStore
from agent.conversation import commands
from agent.conversation.commands import Command, Unknown
from agent.conversation.said import Said
from agent.domain import CAPS_REACHED, Guidance, Reason, Record, RunState, Snapshot, StoredRun
from agent.errors import ActiveRun
from agent.intake import Accepted, Ignored, Later, Request
from agent.ports import Gatekeeper, Reaction

_DONE: Reaction = "+1"
_READ: Reaction = "eyes"
_CANNOT: Reaction = "confused"
_LIST = "\n".join(
    f"- `/mergewright {name}`: {meant_for}." for name, meant_for in commands.MEANT_FOR.items()
)
_AGAIN = "Write the command again once you have read it."


class Heard(Record):
    """Somebody's words had their effect, or were answered."""

    reason: str


class _CannotNow(Exception):
    """The command has no sense as things stand; the words say why."""


class Lane:
    """Hears comments, one at a time."""

    def __init__(
        self, gatekeeper: Gatekeeper, store: SqlStore, bot_ids: frozenset[int] = frozenset()
    ) -> None:
        self._gatekeeper = gatekeeper
        self._store = store
        self._bot_ids = bot_ids

    def hear(
        self, said: Said, *, now: float, delivery_id: str
    ) -> Accepted | Heard | Ignored | Later:
        """Act on a comment, if it asks for something and its writer may.

        Args:
            now: Seconds since the epoch.
            delivery_id: Of the delivery that brought it.

        Raises:
            ForgeUnavailable: The forge cannot be asked; try again.
        """
        own = said.author.lower() in self._gatekeeper.own_logins()
        if said.is_bot or own or said.author_id in self._bot_ids:
            return Ignored(reason=f"said by {said.author}, a bot", routine=True)
        run = self._run(said)
        command = commands.parse(said.body)
        if command is None and not _is_answer(said, run):
            return Ignored(reason="no command, and nothing waits for an answer", routine=True)
        if refusal := self._refusal(said):
            return Ignored(reason=refusal)
        if command is None:
            return self._answer(said, run, now)
        return self._obey(command, said, run, now, delivery_id)

    def _run(self, said: Said) -> StoredRun | None:
        at = said.subject
        if said.on_pull:
            return self._store.of_pull(at.repository_id, at.number)
        return self._store.last(at.repository_id, at.number)

    def _refusal(self, said: Said) -> str | None:
        """Say why a person is not heard; None: they may write."""
        found = self._gatekeeper.permission(said.subject, said.author)
        if found.level != "none" and found.account_id != said.author_id:
            return f"said by the account {said.author_id}, whose name {said.author} another one has"
        if found.level not in intake.MAY_START:
            return f"said by {said.author}, whose permission is {found.level}; write is needed"
        return None

    def _answer(self, said: Said, run: StoredRun | None, now: float) -> Heard | Ignored:
        assert run is not None  # noqa: S101  it is an answer to its questions
        try:
            new = self._store.guide(run.run.run_id, _guidance(said, "answer", said.body), now)
        except ActiveRun as other:
            return Ignored(reason=other.message)
        self._react(said, _READ)
        return Heard(reason=f"an answer to run {run.run.run_id}" if new else "heard before")

    def _obey(
        self,
        command: Command | Unknown,
        said: Said,
        run: StoredRun | None,
        now: float,
        delivery_id: str,
    ) -> Accepted | Heard | Ignored | Later:
        if isinstance(command, Unknown):
            named = cleaning.code(command.name)
            self._say(said, f"There is no command {named}. These are:\n\n{_LIST}")
            self._react(said, _CANNOT)
            return Heard(reason="answered: no such command")
        try:
            match command:
                case Command(name="help"):
                    self._say(
                        said, f"What can be written here, by people who may write:\n\n{_LIST}"
                    )
                case Command(name="explain"):
                    self._say(said, _explained(run))
                case Command(name="stop"):
                    self._stop(said, run)
                case Command(name="approve", words=words):
                    self._approve(said, run, words, now)
                case Command(name="plan", words=words) if words or _waits(run):
                    self._change(said, run, words, now)
                case Command(name="retry") if _may_go_on(run):
                    self._go_on(run, now)
                case Command(name="plan" | "retry" as name):
                    return self._begin(said, run, delivery_id, now, plan_first=name == "plan")
        except _CannotNow as problem:
            self._say(said, str(problem))
            self._react(said, _CANNOT)
            return Heard(reason=f"answered: {problem.args[0].splitlines()[0]}")
        self._react(said, _DONE)
        return Heard(reason=f"the command {command.name}")

    # --- what commands do ----------------------------------------------------------------------

    def _stop(self, said: Said, run: StoredRun | None) -> None:
        by = f"{said.author} has stopped this run."
        if run is None or not self._store.stop(run.run.run_id, by):
            raise _CannotNow(
                f"No run of this {_what(said)} is under way, so there is nothing to stop."
            )

    def _approve(self, said: Said, run: StoredRun | None, words: str, now: float) -> None:
        number = words.partition("\n")[0].strip().strip("`").lower()
        if run is None or not _waits(run):
            raise _CannotNow(f"No plan of this {_what(said)} waits for approval.")
        if not number and run.plans_shown > 1:
            raise _CannotNow(
                "The plan was changed since it was shown first, so say which one you mean:"
                f" `/mergewright approve {run.plan_asked}` is for the one that waits now."
            )
        if number not in ("", run.plan_asked):
            raise _CannotNow(
                f"The plan that waits is `{run.plan_asked}`, not {cleaning.code(number[:40])}."
                f" Write `/mergewright approve {run.plan_asked}` once you have read it."
            )
        self._store.guide(run.run.run_id, _guidance(said, "approval", run.plan_asked or ""), now)

    def _change(self, said: Said, run: StoredRun | None, words: str, now: float) -> None:
        if run is None or not _waits(run):
            raise _CannotNow(
                f"No plan of this {_what(said)} waits, so there is none to change. `/mergewright"
                " plan` alone has one made."
            )
        if not words:
            raise _CannotNow(
                f"The plan `{run.plan_asked}` waits already: it is in the status comment. Write"
                " `change the plan: …` with what is to be different."
            )
        self._store.guide(run.run.run_id, _guidance(said, "change", words), now)

    def _go_on(self, run: StoredRun | None, now: float) -> None:
        assert run is not None  # noqa: S101  it may go on
        assert run.outcome is not None  # noqa: S101
        try:
            self._store.retry(run.run.run_id, run.outcome.stopped_at or "", now)
        except ActiveRun as other:
            raise _CannotNow(f"{other.message}.") from None

    def _begin(
        self, said: Said, run: StoredRun | None, delivery_id: str, now: float, *, plan_first: bool
    ) -> Accepted | Heard | Ignored | Later:
        """Make a run of the issue as it stands, by the word of whoever commands it."""
        if said.on_pull:
            raise _CannotNow(
                "A run begins on its issue: write this there, for the text as it stands then."
            )
        if run is not None and run.active:
            raise _CannotNow(
                f"Run {run.run.run_id} is not over. `/mergewright stop` ends it; `/mergewright"
                " explain` says where it stands."
            )
        text = self._gatekeeper.text(said.subject)
        if text is None:
            return Ignored(reason="the issue is not there any more")
        if text.changed_at is not None and text.changed_at >= said.at:
            raise _CannotNow(f"The issue was edited since you wrote that. {_AGAIN}")
        label = self._gatekeeper.label(said.subject)
        if label.lower() not in {one.lower() for one in text.labels}:
            self._gatekeeper.set_label(said.subject, label)
        issue = said.subject.model_copy(update={"issue_id": text.issue_id})
        snapshot = Snapshot(
            issue=issue,
            url=text.url,
            title=text.title,
            body=text.body,
            labels=text.labels,
            author=text.author,
            actor=said.author,
            actor_id=said.author_id,
            approved_at=said.at,
        )
        request = Request(
            snapshot=snapshot, label=label, clone_url=said.clone_url, plan_first=plan_first
        )
        decided = intake.accept(
            request,
            *(self._gatekeeper, self._store),
            now=now,
            bot_ids=self._bot_ids,
            delivery_id=delivery_id,
        )
        if isinstance(decided, Accepted):
            self._react(said, _DONE)
        elif isinstance(decided, Ignored):
            raise _CannotNow(f"No run was started: {decided.reason}.")
        return decided

    # --- how it is answered --------------------------------------------------------------------

    def _say(self, said: Said, words: str) -> None:
        self._gatekeeper.explain(said.subject, words, key=f"{said.place}-{said.comment_id}")

    def _react(self, said: Said, content: Reaction) -> None:
        if said.place != "review":  # GitHub's REST interface knows no reactions to these
            inline = said.place == "inline"
            self._gatekeeper.react(said.subject, said.comment_id, content, inline=inline)


def _is_answer(said: Said, run: StoredRun | None) -> bool:
    """Whether a comment without a command answers the questions that a run has ended with."""
    if said.on_pull or run is None or said.body.lstrip().startswith("@"):
        return False
    if run.active:
        # It was answered a moment ago, and has not gone on yet.
        return run.state is RunState.RECEIVED and run.retries > 0
    return run.outcome is not None and run.outcome.reason is Reason.UNCLEAR


def _waits(run: StoredRun | None) -> bool:
    """Whether the run waits for the approval of its plan."""
    return run is not None and run.active and run.state is RunState.AWAITING_APPROVAL


def _may_go_on(run: StoredRun | None) -> bool:
    """Whether a limit has ended the run, which can be allowed as much again."""
    return run is not None and run.outcome is not None and run.outcome.reason in CAPS_REACHED


def _guidance(said: Said, kind: str, words: str) -> Guidance:
    return Guidance.model_validate(
        {
            "kind": kind,
            "words": words,
            "by": said.author,
            "by_id": said.author_id,
            "at": said.at,
            "comment": f"{said.place}:{said.comment_id}",
        }
    )


def _what(said: Said) -> str:
    return "pull request" if said.on_pull else "issue"


def _explained(run: StoredRun | None) -> str:
    """Say where a run stands, and what comes next."""
    if run is None:
        return (
            "There is no run of this issue yet. One begins when somebody with write permission sets"
            " the label, or writes `/mergewright plan`."
        )
    named = f"Run {run.run.run_id} (attempt {run.run.attempt})"
    if run.outcome is not None:
        where = cleaning.words(run.outcome.sentence)
        return f"{named} is over: {run.outcome.state.value}. {where}"
    state = run.state.value.replace("_", " ")
    if _waits(run):
        return (
            f"{named} waits for `/mergewright approve {run.plan_asked}`, or for `change the plan:"
            " …`; its plan is in the status comment."
        )
    held = f" It waits: {cleaning.words(run.waits_for)}" if run.waits_for else ""
    return f"{named} is under way: {state}.{held} `/mergewright stop` ends it."
