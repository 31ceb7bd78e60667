"""GitHub as the source of tickets and the destination of results: implements `CodeHost`.

Owns the order of requests in each part of a run. Other modules of this package have each effect
only once, since they find an earlier one; `connection` repeats requests.
"""

import structlog

from agent.errors import CodeHostUnavailable, RunStopped, Superseded
from agent.github import comments, issues, project_checks, pull_requests, repositories
from agent.github.access import Access, require_snapshot
from agent.github.connection import translate_errors, translating_errors
from agent.github.intake_api import GithubIntakeApi
from agent.github.pulls import GithubPulls
from agent.github.status_comment import StatusComment
from agent.github.tokens import TokenScope
from agent.models.code_host import NewPullRequest, Remote
from agent.models.intake import explain_withdrawal
from agent.models.outcome import Outcome, PullRequest
from agent.models.record import replace
from agent.models.run import Reason, Run
from agent.models.ticket import Ticket
from agent.settings import Settings
from agent.text import sanitise

_log = structlog.get_logger()

_EDITED = "an edit made after the label was set (only the approved text counts)"


@translating_errors
class GithubCodeHost(GithubPulls):
    """Tickets from issues, results as pull requests."""

    def __init__(self, access: Access, settings: Settings) -> None:
        super().__init__(access, settings)
        self._intake_api = GithubIntakeApi(access, settings)
        # Each object of this class serves only one run.
        self._comment: StatusComment | None = None

    def read_ticket(self, run: Run) -> Ticket:
        """Make a ticket of the approved snapshot. Raises Superseded if the issue was withdrawn."""
        snapshot = require_snapshot(run)
        live = issues.read_issue(self._access.open_run_session(run))
        if why := explain_withdrawal(snapshot, live, self._intake_api.read_start_label):
            raise Superseded(f"{why}; nothing was done.")
        title, removed_title = sanitise.clean_ticket(snapshot.title)
        body, removed = sanitise.clean_ticket(snapshot.body)
        edited = live is not None and not snapshot.says_the_same(live.title, live.body)
        return Ticket(
            ticket_id=str(snapshot.issue.number),
            title=" ".join(title.split()),
            body=body.strip(),
            digest=snapshot.digest,
            removed=(
                *(f"{what} (title)" for what in removed_title),
                *removed,
                *((_EDITED,) if edited else ()),
            ),
        )

    def announce_start(self, run: Run, text: str) -> None:
        """Show by reaction and status comment that the run has started, unless it is a dry run."""
        if run.dry_run:
            return
        session = self._access.open_run_session(run)
        if run.follow_up is None:
            comments.react(session, f"issues/{session.issue.number}", "eyes")
        self._status(run).begin(text)

    def update_status(self, run: Run, text: str, *, is_news: bool, is_last: bool = False) -> None:
        if run.dry_run:
            return
        if is_last:
            self._status(run).show_last(text)
        else:
            self._status(run).update(text, is_news=is_news)

    def find_remote(self, run: Run) -> Remote | None:
        """Return where git finds the repository now. Raises AccessLost if it is out of reach."""
        return repositories.read_remote(self._access.open_run_session(run))

    def create_credential(self, run: Run, *, write: bool) -> str:
        session = self._access.open_run_session(run)
        scope = TokenScope.PUSH if write else TokenScope.TALK
        return self._access.ask(lambda: session.token(scope), doing="get a token for git")

    def has_pull_request(self, run: Run, branch: str) -> bool:
        return bool(pull_requests.list_of_branch(self._access.open_run_session(run), branch))

    def has_open_pull_request(self, run: Run, branch: str) -> bool:
        pull = pull_requests.find_pull(self._access.open_run_session(run), branch)
        return pull is not None and pull.state == "open"

    def publish_pull_request(self, run: Run, proposal: NewPullRequest) -> PullRequest:
        session, page = self._access.open_run_session(run), self._page(run)
        pull, new = pull_requests.open_or_update(session, proposal)
        missing = proposal.check_title and session.try_nicety(
            "the check on the commit",
            lambda: project_checks.report_check(
                session,
                proposal.commit,
                proposal.check_title,
                proposal.summary,
                "success" if proposal.checked else "neutral",
                page=page,
                anew=new,
            ),
        )
        return replace(pull, notes=(*pull.notes, missing)) if missing else pull

    def report_broken(
        self, run: Run, number: int, title: str, summary: str, *, draft_note: str
    ) -> None:
        session = self._access.open_run_session(run)
        commit, is_draft = pull_requests.withdraw(session, number)
        if not commit:
            return
        summary = f"{summary}\n\n{draft_note}" if is_draft else summary
        page = self._page(run)
        session.try_nicety(
            "the check on the commit",
            lambda: project_checks.report_check(
                session, commit, title, summary, "failure", page=page, anew=False
            ),
        )

    def await_approval(self, run: Run, text: str, number: str) -> None:
        self._status(run).begin(text, occasion=f"plan-{number}")

    def report_outcome(
        self, run: Run, outcome: Outcome, text: str, *, occasion: str = ""
    ) -> Outcome:
        """Show on the issue how the run ended; a refusal of GitHub is logged, not raised.

        Raises CodeHostUnavailable, after which the call may be repeated; if a command carries the
        run, the returned outcome's sentence says so instead.
        """
        if run.dry_run:
            return outcome
        is_superseded = outcome.reason is Reason.SUPERSEDED
        try:
            with translate_errors():
                self._status(run).finish(text, make=not is_superseded, occasion=occasion)
        except RunStopped as problem:
            _log.warning("outcome not shown on the issue", run=run.run_id, reason=str(problem))
        except CodeHostUnavailable as problem:
            if require_snapshot(run).by_label:
                raise
            # No service continues a command's run, so its caller has to see this.
            sentence = (
                f"{outcome.sentence} This could not be posted on the issue: {problem.message}"
            )
            outcome = replace(outcome, sentence=sentence)
        return outcome

    # --- within a run --------------------------------------------------------------------------

    def _status(self, run: Run) -> StatusComment:
        if self._comment is None:
            self._comment = StatusComment(self._access.open_run_session(run), run)
        return self._comment
