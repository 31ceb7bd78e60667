"""Handle comments about runs: answers, approvals, commands. No comment waits behind a run.

Owns who is heard and what each command does; the words themselves are found by `commands`. Only
people with write permission are heard: what others write has no effect and gets no answer, so that
nobody can make us write. Everything may be done twice: a comment counts once.
"""

from __future__ import annotations

import re

from agent.conversation import commands, follow_ups
from agent.conversation.commands import Change, Command, Unknown
from agent.conversation.events import Comment
from agent.errors import ActiveRun
from agent.models.intake import IntakeApi, Reaction
from agent.models.outcome import StoredRun
from agent.models.record import Record
from agent.models.run import CAPS_REACHED, Kind, Reason, Run, RunState
from agent.models.ticket import Guidance, Snapshot
from agent.service import intake
from agent.service.intake import Accepted, Ignored, PutOff, Request
from agent.store.sql_follow_ups import MOST_ROUNDS, Following, FollowUpRequest
from agent.store.sql_guidance import MOST_ROUNDS as MOST_ANSWERED
from agent.store.sql_guidance import MOST_WORDS, QUIET_SECONDS
from agent.store.sql_store import SqlStore
from agent.text import sanitise

_DONE: Reaction = "+1"
_READ: Reaction = "eyes"
_CANNOT: Reaction = "confused"
_LIST = "\n".join(
    f"- `/mergewright {name}`: {meant_for}." for name, meant_for in commands.MEANT_FOR.items()
)
_AGAIN = "Write the command again once you have read it."
_EDITED = (
    "Your comment was edited before it was read here, and by then nobody can tell who wrote what."
    " Write it again, as a comment of its own."
)
_FULL = (
    f"This run has heard {MOST_WORDS} answers and wishes, or has gone on by them {MOST_ANSWERED}"
    " times, which is the most. Put what is wanted into the text of the issue, then write"
    " `/mergewright retry` when this run is over."
)
#: Commands that change what becomes of the very run that is there.
_OF_THIS_RUN = frozenset({"stop", "retry"})
_KINDS: dict[commands.Name, Kind] = {"fix-ci": "ci", "rebase": "rebase"}
_NO_ROUND: dict[Following, str] = {
    "over": "no pull request of ours is open here, so there is nothing to go on with",
    "full": f"this pull request has had its {MOST_ROUNDS} rounds, so a person has to go on with it",
}
_MENTION = re.compile(r"\s*@([\w-]+)(?:\[bot\])?")
#: Whoever may not write is not looked up again for a minute: strangers cost next to nothing.
_REFUSED_SECONDS, _MOST_REFUSED = 60.0, 10_000
#: So many words of people are answered with words in one place within an hour; the others get a
#: reaction alone.
_MOST_ANSWERS, _ANSWERS_SECONDS, _MOST_PLACES = 10, 3600.0, 10_000
#: So many runs of one issue are begun by comments; whoever wants more sets the label.
_MOST_BEGUN = 10
#: By so much our clock and the code host's may differ.
_SKEW_SECONDS = 5.0
#: So often at most comments allow a run its money and time.
_MOST_GRANTS = 5


class Handled(Record):
    """Somebody's words had their effect, or were answered."""

    reason: str


class CannotNow(Exception):
    """A command that is not possible now; the words say why."""


class CommentHandler:
    """Hears comments, one at a time."""

    def __init__(
        self,
        intake_api: IntakeApi,
        store: SqlStore,
        bot_ids: frozenset[int] = frozenset(),
        *,
        quiet: float = 60.0,
    ) -> None:
        """Take whom it asks and what it tells.

        Args:
            bot_ids: Numeric ids of accounts that are not heard, besides those of bots.
            quiet: Seconds in which nobody may say more before a pull request is gone on with.
        """
        self._quiet, self._pause = quiet, min(quiet, QUIET_SECONDS)
        self._intake_api = intake_api
        self._store = store
        self._bot_ids = bot_ids
        self._refused: dict[tuple[int, int], float] = {}
        self._answered: dict[tuple[int, int], list[float]] = {}

    def handle(
        self, said: Comment, *, now: float, delivery_id: str
    ) -> Accepted | Handled | Ignored | PutOff:
        """Act on a comment, if it asks for something and its writer may.

        Args:
            now: Seconds since the epoch.
            delivery_id: Of the delivery that brought it.

        Raises:
            CodeHostUnavailable: The code host cannot be asked; try again.
        """
        own_logins = self._intake_api.own_logins()
        own = said.author.lower() in own_logins
        if own or said.author_id in self._bot_ids:
            return Ignored(reason=f"said by {said.author}, a bot", routine=True)
        run = self._run(said)
        command = commands.parse_comment(said.body)
        wish = None if command else follow_ups.of_words(said, own_logins, self._quiet)
        if (nothing := self._asks_nothing(said, run, command, wish)) is not None:
            return nothing
        if run is not None and self._was_heard(said, run):
            return Handled(reason="heard before")
        if refusal := self._refusal(said, now):
            return Ignored(reason=refusal)
        if wish is not None and run is not None:
            return self._follow_up(said, run, wish, now)
        if run is not None and _is_older(said, run, command):
            return Ignored(reason=f"written before run {run.run.run_id}, which it is not about")
        if (taken_back := self._taken_back(said)) is not None:
            return taken_back
        if command is None:
            return self._answer(said, run, now)
        if isinstance(command, Unknown):
            named = sanitise.format_code(command.name)
            self._add_comment(said, f"There is no command {named}. These are:\n\n{_LIST}")
            self._add_reaction(said, _CANNOT)
            return Handled(reason="answered: no such command")
        return self._obey_command(command, said, run, now, delivery_id)

    def _asks_nothing(
        self,
        said: Comment,
        run: StoredRun | None,
        command: Command | Change | Unknown | None,
        wish: FollowUpRequest | None,
    ) -> Ignored | PutOff | None:
        """Turn away what asks for nothing here, before a question is spent on its writer."""
        if command is None and wish is None and not self._is_answer(said, run):
            return Ignored(reason="no command, and nothing waits for an answer", routine=True)
        if said.on_pull and run is None:
            if self._store.is_publishing(said.subject.repository_id):
                return PutOff(reason="a run of the repository may just have opened it")
            if wish is not None:
                # Reviews of other pull requests are nothing to us, and cost no question.
                return Ignored(reason="no pull request of ours", routine=True)
        if isinstance(command, Change) and not _has_plan(run):
            return Ignored(reason="no plan waits, so these words change none", routine=True)
        return None

    def _taken_back(self, said: Comment) -> Handled | Ignored | None:
        """Turn away what was deleted or edited meanwhile; remarks on a pull request stand."""
        if said.place == "issue" and not self._intake_api.has_comment(
            said.subject, said.comment_id
        ):
            return Ignored(reason="deleted before it was heard")
        if not said.edited:
            return None
        self._add_comment(said, _EDITED)
        self._add_reaction(said, _CANNOT)
        return Handled(reason="answered: edited before it was heard")

    def _run(self, said: Comment) -> StoredRun | None:
        at = said.subject
        if said.on_pull:
            return self._store.of_pull(at.repository_id, at.number)
        return self._store.find_newest_run(at.repository_id, at.number)

    def _was_heard(self, said: Comment, run: StoredRun) -> bool:
        ids = {run.run.run_id, run.run.first}
        return any(self._store.was_heard(run_id, _comment(said)) for run_id in ids)

    def _is_answer(self, said: Comment, run: StoredRun | None) -> bool:
        """Whether a comment without a command answers the questions that a run has ended with."""
        if said.on_pull or run is None or not _is_public(run.run):
            return False
        named = _MENTION.match(said.body)
        if named and not {named[1].lower(), f"{named[1].lower()}[bot]"} & (
            self._intake_api.own_logins()
        ):
            return False
        if run.active:
            # Another one may have let it go on a moment ago; the store knows.
            return run.state is RunState.RECEIVED and run.retries > 0 and run.begin_with == ""
        asked = run.outcome is not None and run.outcome.reason is Reason.UNCLEAR
        return asked and intake.parse_moment(said.at) >= (run.ended_at or 0.0) - _SKEW_SECONDS

    def _refusal(self, said: Comment, now: float) -> str | None:
        """Say why a person is not heard; None: they may write."""
        key = (said.subject.repository_id, said.author_id)
        if self._refused.get(key, 0.0) > now:
            return f"said by {said.author}, who could not write a moment ago"
        found = self._intake_api.read_permission(said.subject, said.author)
        if found.level != "none" and found.account_id != said.author_id:
            return f"said by the account {said.author_id}, whose name {said.author} another one has"
        if found.level in intake.MAY_START:
            return None
        if len(self._refused) > _MOST_REFUSED:
            self._refused.clear()
        self._refused[key] = now + _REFUSED_SECONDS
        return f"said by {said.author}, whose permission is {found.level}; write is needed"

    def _answer(self, said: Comment, run: StoredRun | None, now: float) -> Handled | Ignored:
        assert run is not None  # noqa: S101  it is an answer to its questions
        live = self._intake_api.read_issue(said.subject)
        if live is None or live.state == "closed" or live.locked:
            return Ignored(reason="the issue is closed, locked or gone")
        try:
            answer = _guidance(said, "answer", said.body)
            hearing = self._store.add_guidance(run.run.run_id, answer, now, self._pause)
        except ActiveRun as other:
            return Ignored(reason=other.message)
        if hearing == "full":
            # Once: whoever answers that is not answered again.
            self._intake_api.explain_refusal(said.subject, _FULL, key=f"full-{run.run.run_id}")
        if hearing in ("late", "full"):
            return Ignored(reason=f"run {run.run.run_id} does not wait for an answer ({hearing})")
        self._add_reaction(said, _READ)
        return Handled(reason=f"an answer to run {run.run.run_id}")

    def _follow_up(
        self, said: Comment, run: StoredRun, wish: FollowUpRequest, now: float
    ) -> Handled | Ignored:
        """Let a run go on with a pull request of ours, once nobody says more."""
        note = _guidance(said, "command", wish.kind)
        following = self._store.queue_follow_up(run.run.first, wish, now, said=note)
        if following == "full":
            # Once: whoever answers that is not answered again.
            self._intake_api.explain_refusal(said.subject, _sentence(following), key="rounds-full")
        if following in ("over", "full"):
            return Ignored(reason=_NO_ROUND[following])
        self._add_reaction(said, _READ)
        return Handled(reason=f"about pull request #{said.subject.number} ({following})")

    def _obey_command(
        self,
        command: Command | Change,
        said: Comment,
        run: StoredRun | None,
        now: float,
        delivery_id: str,
    ) -> Accepted | Handled | Ignored | PutOff:
        try:
            match command:
                case Command(name="help"):
                    self._add_comment(
                        said, f"What can be written here, by people who may write:\n\n{_LIST}"
                    )
                case Command(name="explain"):
                    self._add_comment(said, _explain_state(run))
                case Command(name="stop"):
                    self._stop_run(said, run)
                case Command(name="approve", words=words):
                    self._approve_plan(said, run, words, now)
                case Change(words=words):
                    self._change_plan(said, run, words, now)
                case Command(name="plan", words=words) if words or _is_awaiting_approval(run):
                    self._change_plan(said, run, words, now)
                case Command(name="fix-ci" | "rebase" as name):
                    self._follow_by_command(said, run, _KINDS[name], now)
                case Command(name="retry") if run and (
                    _may_go_on(run) or (said.on_pull and _kind_over(run))
                ):
                    retry_run(run, self._store, _guidance(said, "command", "retry"), now)
                case Command(name="plan" | "retry" as name):
                    first = name == "plan" or (run is not None and run.run.plan_first)
                    return self._begin_run(said, run, delivery_id, now, plan_first=first)
        except CannotNow as problem:
            self._add_comment(said, str(problem))
            self._add_reaction(said, _CANNOT)
            return Handled(reason=f"answered: {str(problem).splitlines()[0]}")
        self._add_reaction(said, _DONE)
        if isinstance(command, Change):
            return Handled(reason="another wish for the plan")
        return Handled(reason=f"the command {command.name}")

    # --- what commands do ----------------------------------------------------------------------

    def _stop_run(self, said: Comment, run: StoredRun | None) -> None:
        by = f"{said.author} has stopped this run."
        note = _guidance(said, "command", "stop")
        if (
            run is None
            or not run.active
            or not self._store.request_stop(run.run.run_id, by, said=note)
        ):
            raise CannotNow(
                f"No run of this {_describe_comment(said)} is under way, so there is"
                " nothing to stop."
            )

    def _approve_plan(self, said: Comment, run: StoredRun | None, words: str, now: float) -> None:
        number = words.split(maxsplit=1)[0].strip("`.,:;!()<>*_\"'").lower() if words else ""
        if run is None or not _has_plan(run):
            raise CannotNow(f"No plan of this {_describe_comment(said)} waits for approval.")
        if number != run.plan_asked:
            which = f", not {sanitise.format_code(number[:40])}" if number else ""
            raise CannotNow(
                f"The plan that waits is `{run.plan_asked}`{which}. Write `/mergewright approve"
                f" {run.plan_asked}` once you have read it."
            )
        self._require_heard(said, run, _guidance(said, "approval", number), now)

    def _change_plan(self, said: Comment, run: StoredRun | None, words: str, now: float) -> None:
        if run is None or not _has_plan(run):
            raise CannotNow(
                f"No plan of this {_describe_comment(said)} waits, so there is none to change."
                " `/mergewright plan` alone has one made."
            )
        if not words:
            raise CannotNow(
                f"The plan `{run.plan_asked}` waits already: it is in the status comment. Write"
                " `change the plan: …` with what is to be different."
            )
        self._require_heard(said, run, _guidance(said, "change", words), now)

    def _require_heard(self, said: Comment, run: StoredRun, words: Guidance, now: float) -> None:
        hearing = self._store.add_guidance(run.run.run_id, words, now, self._pause)
        if hearing == "full":
            raise CannotNow(_FULL)
        if hearing == "late":
            raise CannotNow(
                f"Run {run.run.run_id} has gone on meanwhile: its plan was approved, or is made"
                " anew. `/mergewright stop` ends it; `/mergewright explain` says where it stands."
            )

    def _follow_by_command(
        self, said: Comment, run: StoredRun | None, kind: Kind, now: float
    ) -> None:
        if run is None:
            raise CannotNow(f"No pull request of ours belongs to this {_describe_comment(said)}.")
        _follow_up_again(run, kind, self._store, _guidance(said, "command", kind), now)

    def _begin_run(
        self,
        said: Comment,
        run: StoredRun | None,
        delivery_id: str,
        now: float,
        *,
        plan_first: bool,
    ) -> Accepted | Handled | Ignored | PutOff:
        """Make a run of the issue as it stands, by the word of whoever commands it."""
        if said.on_pull:
            raise CannotNow(
                "A run begins on its issue: write this there, for the text as it stands then."
            )
        if run is not None and run.active:
            if run.stop_request:
                return PutOff(reason=f"run {run.run.run_id} of this issue is being stopped")
            raise CannotNow(
                f"Run {run.run.run_id} is not over. `/mergewright stop` ends it; `/mergewright"
                " explain` says where it stands."
            )
        if run is not None and run.run.attempt >= _MOST_BEGUN:
            raise CannotNow(
                f"This issue has had {run.run.attempt} runs, so no comment begins another one. Take"
                " the label off and set it again for that."
            )
        text = self._intake_api.read_text(said.subject)
        if text is None:
            return Ignored(reason="the issue is not there any more")
        if text.closed:
            raise CannotNow("The issue is closed or locked, so no run begins on it.")
        if text.changed_at is not None and text.changed_at >= said.at:
            raise CannotNow(f"The issue was edited since you wrote that. {_AGAIN}")
        label = self._intake_api.read_start_label(said.subject)
        labels, is_labelled = text.labels, True
        if label.lower() not in {one.lower() for one in labels}:
            # Where the label cannot be set, the command alone asks for the run.
            is_labelled = self._intake_api.set_label(said.subject, label)
            labels = (*labels, label) if is_labelled else labels
        snapshot = Snapshot(
            issue=said.subject.model_copy(update={"issue_id": text.issue_id}),
            url=text.url,
            title=text.title,
            body=text.body,
            labels=labels,
            author=text.author,
            actor=said.author,
            actor_id=said.author_id,
            approved_at=said.at,
            by_label=is_labelled,
        )
        request = Request(
            snapshot=snapshot, label=label, clone_url=said.clone_url, plan_first=plan_first
        )
        decided = intake.accept_request(
            request,
            *(self._intake_api, self._store),
            now=now,
            bot_ids=self._bot_ids,
            delivery_id=delivery_id,
        )
        if isinstance(decided, Accepted):
            self._add_reaction(said, _DONE)
        elif isinstance(decided, Ignored):
            raise CannotNow(f"No run was started: {decided.reason}.")
        return decided

    # --- how it is answered --------------------------------------------------------------------

    def _add_comment(self, said: Comment, words: str) -> None:
        """Answer in words, unless too much was said there of late: two programs end here."""
        place = (said.subject.repository_id, said.subject.number)
        written = intake.parse_moment(said.at)
        of_late = [at for at in self._answered.get(place, ()) if at > written - _ANSWERS_SECONDS]
        if len(of_late) >= _MOST_ANSWERS:
            return
        if len(self._answered) > _MOST_PLACES:
            self._answered.clear()
        self._answered[place] = [*of_late, written]
        self._intake_api.explain_refusal(said.subject, words, key=f"{said.place}-{said.comment_id}")

    def _add_reaction(self, said: Comment, content: Reaction) -> None:
        if said.place != "review":  # GitHub's REST interface knows no reactions to these
            inline = said.place == "inline"
            self._intake_api.add_reaction(said.subject, said.comment_id, content, inline=inline)


def may_retry(run: StoredRun) -> bool:
    """Whether people may let a run go on by a word, without another one being begun."""
    return _may_go_on(run) or _kind_over(run) is not None


def retry_run(run: StoredRun, store: SqlStore, note: Guidance, now: float) -> None:
    """Let a run go on that a cap has ended, or have its follow-up done again.

    Raises:
        CannotNow: It has had all that people may grant, or another run is in the way.
    """
    if not _may_go_on(run):
        _follow_up_again(run, _kind_over(run) or "review", store, note, now)
        return
    if run.budget_multiplier >= _MOST_GRANTS:
        raise CannotNow(
            f"This run was allowed its money and time {run.budget_multiplier} times. Whoever runs"
            " the service can let it go on (`mergewright runs retry`); else make the issue smaller."
        )
    begin_with = run.outcome.stopped_at if run.outcome else None
    try:
        store.retry_run(run.run.run_id, begin_with or "", now, said=note)
    except ActiveRun as other:
        raise CannotNow(f"{other.message}.") from None


def _follow_up_again(
    run: StoredRun, kind: Kind, store: SqlStore, note: Guidance, now: float
) -> None:
    wish = FollowUpRequest(kind=kind, by=note.by)
    following = store.queue_follow_up(run.run.first, wish, now, said=note)
    if following in ("over", "full"):
        raise CannotNow(_sentence(following))


def _has_plan(run: StoredRun | None) -> bool:
    """Whether the run has shown a plan, and nothing was edited after it so far."""
    return (
        run is not None
        and run.active
        and run.plan_asked is not None
        and run.state in (RunState.AWAITING_APPROVAL, RunState.RECEIVED)
    )


def _is_awaiting_approval(run: StoredRun | None) -> bool:
    """Whether the run waits for the approval of its plan."""
    waiting = run if _has_plan(run) else None
    return (
        waiting is not None and not waiting.stop_request and waiting.state is not RunState.RECEIVED
    )


def _may_go_on(run: StoredRun | None) -> bool:
    """Whether a limit has ended the run, which can be allowed as much again."""
    return (
        run is not None
        and _is_public(run.run)
        and run.outcome is not None
        and run.outcome.reason in CAPS_REACHED
    )


def _kind_over(run: StoredRun | None) -> Kind | None:
    """Tell what a follow-up was about that has ended without a result."""
    about = run.run.follow_up if run is not None and not run.active else None
    return about.kind if about and run and run.state is not RunState.OPEN else None


def _is_public(run: Run) -> bool:
    """Whether people have asked for the run on the issue, and see there what becomes of it."""
    return run.snapshot is not None and run.snapshot.by_label and not run.dry_run


def _is_older(said: Comment, run: StoredRun, command: Command | Change | Unknown | None) -> bool:
    """Whether a comment was written before the run that it would hit was asked for.

    By the code host's own clock; a follow-up has only ours, of when the word for it was heard here.
    What asks for a follow-up, or for words, hits none: it may have come late with others.
    """
    if run.run.follow_up is not None:
        hits = isinstance(command, Command) and command.name in _OF_THIS_RUN
        return hits and intake.parse_moment(said.at) < run.run.started - _SKEW_SECONDS
    snapshot = run.run.snapshot
    return snapshot is not None and intake.parse_moment(said.at) < intake.parse_moment(
        snapshot.approved_at
    )


def _sentence(following: Following) -> str:
    words = _NO_ROUND[following]
    return f"{words[0].upper()}{words[1:]}."


def _comment(said: Comment) -> str:
    return f"{said.place}:{said.comment_id}"


def _guidance(said: Comment, kind: str, words: str) -> Guidance:
    return Guidance.model_validate(
        {
            "kind": kind,
            "words": words,
            "by": said.author,
            "at": said.at,
            "comment": _comment(said),
        }
    )


def _describe_comment(said: Comment) -> str:
    return "pull request" if said.on_pull else "issue"


def _explain_state(run: StoredRun | None) -> str:
    """Say where a run stands, and what comes next."""
    if run is None:
        return (
            "There is no run of this issue yet. One begins when somebody with write permission sets"
            " the label, or writes `/mergewright plan`."
        )
    named = f"Run {run.run.run_id} (attempt {run.run.attempt})"
    if run.outcome is not None:
        where = sanitise.format_words(run.outcome.sentence)
        # People may have merged or closed what it has opened.
        state = run.state.value.replace("_", " ")
        return f"{named} is over: {state}. {where}"
    state = run.state.value.replace("_", " ")
    if _is_awaiting_approval(run):
        return (
            f"{named} waits for `/mergewright approve {run.plan_asked}`, or for `change the plan:"
            " …`; its plan is in the status comment."
        )
    if run.stop_request:
        return f"{named} is being stopped: {sanitise.format_words(run.stop_request)}"
    return f"{named} is under way: {state}. `/mergewright stop` ends it."
