"""GitHub as the intake uses it, before there is a run."""

import re
import time

from agent import limits
from agent.github import comments, issues, repositories, status_comment
from agent.github.access import Access, Raw, RepositorySession
from agent.github.api_errors import ignore_statuses
from agent.github.connection import translating_errors
from agent.github.status_comment import StatusComment
from agent.models.intake import EarlierRun, LiveIssue, Permission, Reaction
from agent.models.outcome import PullEnd
from agent.models.record import replace
from agent.models.run import Run
from agent.models.ticket import IssueRef, Snapshot
from agent.settings import Settings
from agent.text import sanitise
from repo_config.schema import RepoConfig

#: Seconds for which a configuration is reused: deliveries of labels come in bursts.
_LABEL_SECONDS = 20.0
_KEY = re.compile(r"[^A-Za-z0-9._:=-]+")


@translating_errors
class GithubIntakeApi:
    """Reads people, labels and issues from GitHub, always as they are now.

    Raises CodeHostUnavailable, CodeHostLimited.
    """

    def __init__(self, access: Access, settings: Settings) -> None:
        self._access, self._settings = access, settings
        self.app_id = access.tokens.app_id
        """Number of our App; None with a personal token."""

    def read_permission(self, issue: IssueRef, login: str) -> Permission:
        session = self._session(issue)
        permission = repositories.read_permission(session, login)
        starters = limits.load_limits(self._settings).find_starters(issue.repository)
        if starters is None or not permission.may_write:
            return permission
        is_listed = login.lower() in {name.lower() for name in starters}
        return replace(permission, is_listed=is_listed)

    def read_start_label(self, issue: IssueRef) -> str:
        """Return the label that starts runs; the default if the configuration cannot be read."""
        return (self._read_recent_config(issue) or RepoConfig()).label

    def read_runs_per_day(self, issue: IssueRef) -> int | None:
        """Return the configured maximum number of runs a day; None: only the operator's counts."""
        configured = self._read_recent_config(issue)
        return configured.limits.runs_per_day if configured else None

    def read_issue(self, issue: IssueRef) -> LiveIssue | None:
        """Read the issue; None: it is gone, or in another repository."""
        return issues.read_issue(self._session(issue))

    def find_earlier_run(self, snapshot: Snapshot) -> EarlierRun | None:
        """Find the run on GitHub that the same approval has started."""
        return status_comment.find_earlier_run(self._session(snapshot.issue), snapshot)

    def own_logins(self) -> frozenset[str]:
        return self._access.own_logins()

    def explain_refusal(self, issue: IssueRef, words: str, *, key: str) -> None:
        """Leave one comment for a refused start; the same key never makes a second one."""
        mark = comments.make_marker("answer", f"key={_KEY.sub('-', key)}")
        text = sanitise.shorten_middle(words, sanitise.TEXT_LIMIT - 500, where="the service's log")
        comments.leave_comment(self._session(issue), mark, text)

    def read_text(self, issue: IssueRef) -> LiveIssue | None:
        """Read an issue with the time of its last edit; None: it is gone."""
        session = self._session(issue)
        live = issues.read_issue(session)
        return issues.add_last_edit(session, live) if live else None

    def read_pull(self, pull: IssueRef) -> PullEnd | None:
        """Read a pull request by its repository and number; None: there is none."""

        def read(raw: Raw) -> PullEnd:
            ended = raw["merged_at"] or raw["closed_at"]
            mergeable = raw.get("mergeable")
            return PullEnd(
                pull=pull.number,
                state="merged" if raw["merged"] else raw["state"],
                at=ended,
                conflicts=None if mergeable is None else not mergeable,
            )

        with ignore_statuses(*repositories.GONE):
            return self._session(pull).call(
                "GET", f"pulls/{pull.number}", read, doing=f"read pull request #{pull.number}"
            )
        return None

    def list_folder(self, pull: IssueRef, folder: str, branch: str) -> frozenset[str]:
        return repositories.list_folder(self._session(pull), folder, branch)

    def has_comment(self, subject: IssueRef, comment: int) -> bool:
        """Whether a comment of a conversation still exists."""
        with ignore_statuses(*repositories.GONE):
            self._session(subject).call(
                "GET",
                f"issues/comments/{comment}",
                doing=f"read a comment on #{subject.number} again",
            )
            return True
        return False

    def set_label(self, issue: IssueRef, label: str) -> bool:
        """Set a label on an issue; return False if GitHub refuses it."""
        session = self._session(issue)
        return not session.try_nicety(
            f"the label {label}",
            lambda: session.ask(
                lambda repository: repository.get_issue(issue.number).add_to_labels(label),
                doing=f"label issue #{issue.number}",
            ),
        )

    def add_reaction(
        self, subject: IssueRef, comment: int, content: Reaction, *, inline: bool
    ) -> None:
        """React to a comment, `inline` on a line of a pull request; a refusal is only logged."""
        where = "pulls" if inline else "issues"
        comments.react(self._session(subject), f"{where}/comments/{comment}", content)

    def mark_seen(self, run: Run) -> None:
        if run.snapshot is not None:
            issue = run.snapshot.issue
            comments.react(self._session(issue), f"issues/{issue.number}", "eyes")

    def show_last_status(self, run: Run, text: str) -> None:
        """Show a text as the last status of a run that is over."""
        if run.snapshot is not None:
            StatusComment(self._session(run.snapshot.issue), run).show_last(text)

    def find_issue(self, repository: str, number: int) -> LiveIssue | None:
        """Find an issue by `owner/name` and number, for a run that no webhook has started."""
        session = self._access.open_named_session(repository, "find", number)
        facts = repositories.read_facts(session)
        live = issues.read_issue(session)
        if live is None:
            return None
        number, name = int(facts["id"]), str(facts["full_name"])
        return replace(live, issue=replace(live.issue, repository_id=number, repository=name))

    def _session(self, issue: IssueRef) -> RepositorySession:
        return self._access.open_session(issue, f"intake {issue.repository_id}#{issue.number}")

    def _read_recent_config(self, issue: IssueRef) -> RepoConfig | None:
        """Return the repository's configuration of a moment ago; None: no valid one."""
        configs = self._access.cache.configs
        cached = configs.get(issue.repository_id)
        if cached is None or time.monotonic() - cached[0] >= _LABEL_SECONDS:
            cached = (time.monotonic(), repositories.read_config(self._session(issue)))
            configs[issue.repository_id] = cached
        return cached[1]
