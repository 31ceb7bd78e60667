"""Handle comments about runs: answers, approvals, commands. No comment waits for a run to end.

Decides whose comments count; `conversation.commands` finds commands in them, and `control` carries
these out. Only people with write permission count: comments of others have no effect and get no
answer, so that strangers cannot make us write. A comment may be handled twice, but counts once.
"""

from agent.conversation import commands
from agent.conversation.commands import Command
from agent.conversation.events import Comment, Request
from agent.errors import ActiveRun
from agent.github.intake_api import GithubIntakeApi
from agent.models.intake import Reaction
from agent.models.run import Kind, Reason, RunState
from agent.models.ticket import Snapshot
from agent.runs import control
from agent.runs.control import CommandAuthor, CommandImpossible
from agent.service import intake
from agent.service.intake import Decision
from agent.settings import Settings
from agent.store.sql_requests import QUIET_SECONDS
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import FollowUpRequest, RunRow
from agent.text import sanitise

_DONE: Reaction = "+1"
_READ: Reaction = "eyes"
_CANNOT: Reaction = "confused"
_LIST = "\n".join(
    f"- `/mergewright {name}`: {meant_for}." for name, meant_for in commands.MEANT_FOR.items()
)
#: Commands that act on the present run.
_OF_THIS_RUN = frozenset({"stop", "retry"})
_STARTING_NOTHING = frozenset({"stop", "explain", "help"})
_KINDS: dict[commands.Name, Kind] = {"fix-ci": "ci", "rebase": "update"}
#: Seconds until an account without write access is looked up again; strangers should cost little.
_REFUSED_SECONDS, _MOST_REFUSED = 60.0, 10_000
#: Maximum number of text answers in one conversation within an hour; further comments get only a
#: reaction.
_MOST_ANSWERS, _ANSWERS_SECONDS, _MOST_PLACES = 10, 3600.0, 10_000
#: Seconds within which, as a rule, a run is over after it has posted its questions, even if another
#: worker takes it over in between.
_ENDING_SECONDS = 60.0
#: Seconds by which our clock and the code host's may differ.
_SKEW_SECONDS = 5.0


class CommentHandler:
    def __init__(self, intake_api: GithubIntakeApi, store: SqlRunStore, settings: Settings) -> None:
        self._per_day, self._quiet = settings.runs_per_day, settings.quiet_seconds
        self._pause = min(settings.quiet_seconds, QUIET_SECONDS)
        """Seconds without a further comment before a run continues."""
        self._intake_api = intake_api
        self._store = store
        self._refused_until: dict[tuple[int, int], float] = {}
        self._answered: dict[tuple[int, int], list[float]] = {}

    def handle(self, comment: Comment, *, now: float, delivery_id: str) -> Decision:
        own_logins = self._intake_api.own_logins()
        if comment.author.lower() in own_logins:
            return Decision("ignored", f"written by {comment.author}, a bot", is_routine=True)
        at = comment.subject
        find_run = self._store.find_run_of_pull if comment.on_pull else self._store.find_newest_run
        run = find_run(at.repository_id, at.number)
        command = commands.parse_comment(comment.body)
        request = None if command else self._read_request(comment)
        # Comes first, so that a comment without a request costs no look-up of its author.
        if (nothing := self._asks_nothing(comment, run, command, request, now)) is not None:
            return nothing
        if run is not None and self._has_guidance(comment, run):
            return Decision("heard", "heard before")
        if refusal := self._explain_refusal(comment, command, now):
            return Decision("ignored", refusal)
        if request is not None and run is not None:
            return self._follow_up(comment, run, request, now)
        if run is not None and _is_older(comment, run, command):
            return Decision("ignored", f"written before run {run.run_id}")
        if command is None and run is not None and control.is_awaiting_approval(run):
            # Only a command approves a plan; the status comment names it.
            self._react(comment, _CANNOT)
            return Decision("ignored", f"no command, and plan {run.plan_asked} waits for one")
        # Requests on a pull request, handled above, count even if they were deleted meanwhile.
        if comment.place == "issue" and not self._intake_api.has_comment(at, comment.comment_id):
            return Decision("ignored", "deleted before it was read")
        if command is None:
            return self._accept_answer(comment, run, now)
        if not command.name:
            named = sanitise.format_code(command.words)
            words = f"Unknown command {named}. Available commands:\n\n{_LIST}"
            return self._refuse(comment, words, "no such command")
        try:
            return self._carry_out(command, comment, run, now, delivery_id)
        except CommandImpossible as problem:
            return self._refuse(comment, str(problem), str(problem).splitlines()[0])

    # --- whose comments count ---------------------------------------------------------------------

    def _asks_nothing(
        self,
        comment: Comment,
        run: RunRow | None,
        command: Command | None,
        request: FollowUpRequest | None,
        now: float,
    ) -> Decision | None:
        if command is None and request is None and not self._is_answer(comment, run):
            age = now - intake.parse_moment(comment.at)
            if not comment.on_pull and run and run.active and age < _ENDING_SECONDS:
                return Decision("postponed", f"run {run.run_id} may just have asked for it")
            return Decision(
                "ignored", "no command, and no run is waiting for an answer", is_routine=True
            )
        if comment.on_pull and run is None:
            if self._store.is_publishing(comment.subject.repository_id):
                return Decision("postponed", "a run of the repository may just have opened it")
            if request is not None:
                return Decision("ignored", "no pull request of ours", is_routine=True)
        return None

    def _is_answer(self, comment: Comment, run: RunRow | None) -> bool:
        """Whether a comment without a command is about the questions or the plan of a run."""
        if comment.on_pull or run is None or not control.is_public(run.run):
            return False
        if commands.is_for_others(comment.body, self._intake_api.own_logins()):
            return False
        if control.is_awaiting_approval(run):
            return True
        if run.active:
            # Another comment may have continued the run a moment ago; the store finds that out.
            return run.state is RunState.RECEIVED and run.retries > 0 and run.begin_with == ""
        if run.outcome is None or run.outcome.reason is not Reason.UNCLEAR:
            return False
        asked_at = run.outcome.figures.told_at or run.ended_at or 0.0
        return intake.parse_moment(comment.at) >= asked_at - _SKEW_SECONDS

    def _read_request(self, comment: Comment) -> FollowUpRequest | None:
        """Return the follow-up that a comment without a command asks for; None: none."""
        names = self._intake_api.own_logins()
        if not comment.on_pull or (
            comment.place != "inline" and commands.is_for_others(comment.body, names)
        ):
            return None
        if comment.verdict == "approved" and not commands.is_mentioned(comment.body, names):
            return None
        return FollowUpRequest(kind="review", quiet=self._quiet)

    def _has_guidance(self, comment: Comment, run: RunRow) -> bool:
        name = _make_author(comment).comment
        return any(self._store.has_guidance(run_id, name) for run_id in {run.run_id, run.run.first})

    def _explain_refusal(self, comment: Comment, command: Command | None, now: float) -> str | None:
        """Explain why a comment does not count; None: its author may do what it asks."""
        key = (comment.subject.repository_id, comment.author_id)
        if self._refused_until.get(key, 0.0) > now:
            return f"written by {comment.author}, who had no write permission a moment ago"
        permission = self._intake_api.read_permission(comment.subject, comment.author)
        if permission.level != "none" and permission.account_id != comment.author_id:
            return (
                f"written by account {comment.author_id}; another account is now named"
                f" {comment.author}"
            )
        if permission.may_write:
            if permission.is_listed or (command and command.name in _STARTING_NOTHING):
                return None
            return intake.refuse_unlisted(
                comment.subject, comment.author, comment.author_id, self._intake_api
            )
        if len(self._refused_until) > _MOST_REFUSED:
            self._refused_until.clear()
        self._refused_until[key] = now + _REFUSED_SECONDS
        return (
            f"written by {comment.author}, who has the permission {permission.level}; write is"
            " required"
        )

    # --- effects of comments ----------------------------------------------------------------------

    def _accept_answer(self, comment: Comment, run: RunRow | None, now: float) -> Decision:
        assert run is not None  # noqa: S101  `_is_answer` has found that
        live = self._intake_api.read_issue(comment.subject)
        if live is None or live.state == "closed" or live.locked:
            return Decision("ignored", "the issue is closed, locked or gone")
        run_id = run.run_id
        answer = _make_author(comment).make_guidance("answer", comment.body)
        try:
            hearing = self._store.add_guidance(run_id, answer, now, self._pause)
        except ActiveRun as other:
            return Decision("ignored", other.message)
        if hearing == "full":
            # Only once: a program that replies to this must not be answered again.
            self._intake_api.explain_refusal(
                comment.subject, control.ANSWERS_EXHAUSTED, key=f"full-{run_id}"
            )
        if hearing in ("late", "full"):
            return Decision("ignored", f"run {run_id} is not waiting for an answer ({hearing})")
        self._react(comment, _READ)
        return Decision("heard", f"an answer to run {run_id}")

    def _follow_up(
        self, comment: Comment, run: RunRow, request: FollowUpRequest, now: float
    ) -> Decision:
        note = _make_author(comment).make_guidance("command", request.kind)
        following = self._store.queue_follow_up(run.run.first, request, now, guidance=note)
        if following == "full":
            # Only once: a program that replies to this must not be answered again.
            words = control.ROUND_REFUSALS[following]
            self._intake_api.explain_refusal(comment.subject, words, key="rounds-full")
        if following in ("over", "full"):
            return Decision("ignored", control.ROUND_REFUSALS[following])
        self._react(comment, _READ)
        return Decision("heard", f"about pull request #{comment.subject.number} ({following})")

    def _carry_out(
        self,
        command: Command,
        comment: Comment,
        run: RunRow | None,
        now: float,
        delivery_id: str,
    ) -> Decision:
        author, store = _make_author(comment), self._store
        match command:
            case Command(name="help"):
                words = f"Commands for people with write permission:\n\n{_LIST}"
                self._answer(comment, words)
            case Command(name="explain"):
                wait = store.explain_wait(run.run_id, now, self._per_day) if run else ""
                self._answer(comment, control.explain_state(run, wait))
            case Command(name="stop"):
                control.stop_run(author, run, store)
            case Command(name="approve", words=words):
                control.approve_plan(author, run, words, store, now)
            case Command(name="plan", words=words) if words or control.is_awaiting_approval(run):
                control.change_plan(author, run, words, store, now, self._pause)
            case Command(name="fix-ci" | "rebase" as name):
                control.follow_up(author, run, _KINDS[name], store, now)
            case Command(name="retry") if run and (
                control.may_go_on(run) or (comment.on_pull and control.find_ended_kind(run))
            ):
                control.retry_run(author, run, store, now)
            case Command(name="plan" | "retry" as name):
                first = name == "plan" or (run is not None and run.run.plan_first)
                return self._begin_run(comment, run, delivery_id, now, plan_first=first)
        self._react(comment, _DONE)
        return Decision("heard", f"the command: {command.name}")

    def _begin_run(
        self,
        comment: Comment,
        run: RunRow | None,
        delivery_id: str,
        now: float,
        *,
        plan_first: bool,
    ) -> Decision:
        if comment.on_pull:
            raise CommandImpossible("This command works only on the issue. Comment there.")
        begun = run.run.snapshot if run is not None else None
        if begun and (begun.approved_at, begun.actor_id) == (comment.at, comment.author_id):
            return Decision("heard", "the comment has started a run before")
        if run is not None and run.active:
            if run.stop_request:
                return Decision("postponed", f"run {run.run_id} of this issue is being stopped")
            raise CommandImpossible(
                f"Run {run.run_id} is still running. `/mergewright stop` ends it;"
                " `/mergewright explain` shows its state."
            )
        request = self._make_request(comment, plan_first=plan_first)
        decided = intake.accept_request(
            request, self._intake_api, self._store, now=now, delivery_id=delivery_id
        )
        if decided.outcome == "ignored":
            raise CommandImpossible(f"No run was started: {decided.reason}.")
        if decided.outcome == "accepted":
            self._react(comment, _DONE)
        return decided

    def _make_request(self, comment: Comment, *, plan_first: bool) -> Request:
        """Make the request of a command: the issue's text as it is now, with the label."""
        text = self._intake_api.read_text(comment.subject)
        if text is None or text.state == "closed" or text.locked or text.is_pull_request:
            raise CommandImpossible("The issue is closed or locked, so no run can start.")
        if text.changed_at is not None and text.changed_at >= comment.at:
            raise CommandImpossible(
                "The issue was edited after your comment. Read it, then repeat the command."
            )
        label = self._intake_api.read_start_label(comment.subject)
        labels, is_labelled = text.labels, True
        if label.lower() not in {name.lower() for name in labels}:
            # If the label cannot be set, the command alone is the request.
            is_labelled = self._intake_api.set_label(comment.subject, label)
            labels = (*labels, label) if is_labelled else labels
        snapshot = Snapshot(
            issue=text.issue,
            url=text.url,
            title=text.title,
            body=text.body,
            labels=labels,
            author=text.author,
            actor=comment.author,
            actor_id=comment.author_id,
            approved_at=comment.at,
            by_label=is_labelled,
        )
        return Request(
            snapshot=snapshot, label=label, clone_url=comment.clone_url, plan_first=plan_first
        )

    # --- how it is answered --------------------------------------------------------------------

    def _refuse(self, comment: Comment, words: str, reason: str) -> Decision:
        self._answer(comment, words)
        self._react(comment, _CANNOT)
        return Decision("heard", f"answered: {reason}")

    def _answer(self, comment: Comment, words: str) -> None:
        """Answer with a text, up to a limit an hour: two programs could answer each other."""
        place = (comment.subject.repository_id, comment.subject.number)
        written = intake.parse_moment(comment.at)
        of_late = [at for at in self._answered.get(place, ()) if at > written - _ANSWERS_SECONDS]
        if len(of_late) >= _MOST_ANSWERS:
            return
        if len(self._answered) > _MOST_PLACES:
            self._answered.clear()
        self._answered[place] = [*of_late, written]
        self._intake_api.explain_refusal(
            comment.subject, words, key=f"{comment.place}-{comment.comment_id}"
        )

    def _react(self, comment: Comment, content: Reaction) -> None:
        if comment.place != "review":  # GitHub's REST API has no reactions to reviews
            inline = comment.place == "inline"
            self._intake_api.add_reaction(
                comment.subject, comment.comment_id, content, inline=inline
            )


def _make_author(comment: Comment) -> CommandAuthor:
    return CommandAuthor(comment.author, comment.at, f"{comment.place}:{comment.comment_id}")


def _is_older(comment: Comment, run: RunRow, command: Command | None) -> bool:
    """Whether a comment was written before the run on which it would act was requested.

    By the code host's clock; for a follow-up by ours, from when it was queued. Only `stop` and
    `retry` act on a follow-up: other comments ask for a further one, or for text, and may be late.
    """
    if run.run.follow_up is not None:
        hits = command is not None and command.name in _OF_THIS_RUN
        return hits and intake.parse_moment(comment.at) < run.run.started - _SKEW_SECONDS
    snapshot = run.run.snapshot
    return snapshot is not None and intake.parse_moment(comment.at) < intake.parse_moment(
        snapshot.approved_at
    )
