"""Open a pull request once, and bring our own up to date; never touch another's."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from github.PullRequest import PullRequest as GithubPull
from github.Repository import Repository

from agent.errors import AccessLost, Superseded
from agent.github.access import RepositorySession
from agent.github.api_errors import LostReply, RefusedRequest
from agent.github.tokens import TokenScope
from agent.models.code_host import NewPullRequest
from agent.models.outcome import PullRequest
from agent.models.record import replace
from agent.text import sanitise

_DRAFT = """mutation Draft($input: ConvertPullRequestToDraftInput!) {
  convertPullRequestToDraft(input: $input) { pullRequest { isDraft } }
}"""


def open_or_update(
    session: RepositorySession, proposal: NewPullRequest
) -> tuple[PullRequest, bool]:
    """Open the pull request of a branch, or update ours; return it, and whether it is new.

    Raises AccessLost if it is another account's, Superseded if a person has closed it.
    """
    title, body = session.hide(proposal.title), session.hide(proposal.body)
    notes: list[str] = []
    pull = find_pull(session, proposal.branch)
    new = pull is None
    if pull is None:
        pull = _create_pull(session, proposal, title, body, notes)
    elif pull.merged_at is not None:
        return _make_pull_request(pull, ["it is merged already"]), False
    elif pull.state != "open":
        raise Superseded(f"Pull request #{pull.number} of this run was closed.")
    if not new and (pull.title, (pull.body or "").replace("\r\n", "\n")) != (title, body):
        number, facts = pull.number, {"title": title, "body": body}
        doing = f"bring pull request #{number} up to date"
        session.call("PATCH", f"pulls/{number}", body=facts, doing=doing)
    draft = pull.draft or False
    if proposal.draft and not (new or draft):
        refused = _convert_to_draft(session, pull)
        notes += refused
        draft = not refused
    notes += _base_moved(pull, proposal)
    notes += _request_reviews(session, pull, proposal.reviewers)
    notes += _set_labels(session, pull, proposal.labels)
    return _make_pull_request(pull, notes, draft=draft), new


def _make_pull_request(pull: GithubPull, notes: list[str], *, draft: bool = False) -> PullRequest:
    return PullRequest(
        number=pull.number,
        url=pull.html_url,
        draft=draft,
        base_branch=pull.base.ref,
        notes=tuple(notes),
    )


def find_pull(session: RepositorySession, branch: str) -> GithubPull | None:
    """Find our pull request of a branch, an open one first; AccessLost: only another's is open."""
    pulls, is_own = list_of_branch(session, branch), session.access.is_own
    ours = [pull for pull in pulls if is_own(_login(pull))]
    is_open = any(pull.state == "open" for pull in ours)
    for pull in pulls:
        if pull.state == "open" and not is_open:
            raise AccessLost(
                f"Pull request #{pull.number} of the branch {branch} was opened by"
                f" {sanitise.format_code(_login(pull))}, not by us. Close it."
            )
    return max(ours, key=lambda pull: (pull.state == "open", pull.number), default=None)


def _login(pull: GithubPull) -> str:
    """Login of its author; empty: the account was deleted."""
    return pull.user.login if pull.user else ""


def list_of_branch(session: RepositorySession, branch: str) -> list[GithubPull]:
    """List the pull requests that a branch has or had, of any account."""

    def work(repository: Repository) -> list[GithubPull]:
        head = f"{session.name.partition('/')[0]}:{branch}"
        pulls = islice(repository.get_pulls(state="all", head=head), 100)
        # Some servers ignore the filter.
        return [pull for pull in pulls if pull.head.ref == branch]

    return session.ask(work, doing="look for our pull request")


def _create_pull(
    session: RepositorySession, proposal: NewPullRequest, title: str, body: str, notes: list[str]
) -> GithubPull:
    def work(repository: Repository) -> GithubPull:
        base, head, draft = proposal.base_branch, proposal.branch, proposal.draft
        try:
            return repository.create_pull(base, head, title=title, body=body, draft=draft)
        except RefusedRequest as problem:
            if problem.status == 422 and problem.has_phrase("head invalid", "head sha can't"):
                raise LostReply("it does not see the branch yet") from problem
            raise

    def find_effect() -> GithubPull | None:
        return find_pull(session, proposal.branch)

    try:
        doing = f"open the pull request for {proposal.base_branch}"
        return session.ask(work, find_effect=find_effect, doing=doing)
    except RefusedRequest as problem:
        if problem.status != 422:
            raise
        if proposal.draft and problem.has_phrase("draft"):
            notes.append("it is not a draft: this repository does not support drafts")
            undrafted = replace(proposal, draft=False)
            return _create_pull(session, undrafted, title, body, notes)
        if problem.has_phrase("already exists") and (pull := find_effect()):
            return pull
        raise


def _base_moved(pull: GithubPull, proposal: NewPullRequest) -> list[str]:
    """Return a note if the base branch has moved since the checks compared with it."""
    base = pull.base.sha or "" if pull.base else ""
    if not (base and proposal.base_commit) or base == proposal.base_commit:
        return []
    before, now = proposal.base_commit[:12], base[:12]
    change = f"{proposal.base_branch} has moved from {before} to {now} since the run began"
    return [f"{change}: update the branch and rerun the checks before merging"]


def withdraw(session: RepositorySession, number: int) -> tuple[str, bool]:
    """Convert an open pull request to a draft if GitHub allows it.

    Returns:
        Its last commit, "" if it is closed; whether it is a draft.
    """
    pull = session.ask(
        lambda repository: repository.get_pull(number), doing=f"read pull request #{number}"
    )
    if pull.state != "open":
        return "", False
    return pull.head.sha, pull.draft or not _convert_to_draft(session, pull)


def _convert_to_draft(session: RepositorySession, pull: GithubPull) -> list[str]:
    """Convert an open pull request to a draft; return the reason if that is refused."""
    # GitHub requires the permission to write contents, too.
    return _note_refusal(
        lambda: session.query(
            _DRAFT,
            {"input": {"pullRequestId": pull.node_id}},
            lambda data: data["convertPullRequestToDraft"]["pullRequest"]["isDraft"],
            scope=TokenScope.PUSH,
            doing=f"make #{pull.number} a draft",
        ),
        "it is not a draft",
    )


def _request_reviews(
    session: RepositorySession, pull: GithubPull, wanted: tuple[str, ...]
) -> Iterator[str]:
    """Request reviews; yield a note for each that could not be requested."""
    asked = {team.slug.lower() for team in pull.requested_teams or ()}
    asked |= {person.login.lower() for person in pull.requested_reviewers or ()}

    def request(name: str) -> None:
        team = name.partition("/")[2]
        people, teams = ([], [team]) if team else ([name], [])
        session.ask(
            lambda repository: repository.get_pull(pull.number).create_review_request(
                people, teams
            ),
            doing="ask for a review",
        )

    owner = session.name.partition("/")[0].lower()
    for name in dict.fromkeys(wanted):
        organization, _, short = name.lower().rpartition("/")
        if organization not in ("", owner):
            yield f"{name} was not asked to review: not a team of this repository's owner"
        elif short not in asked and not session.access.is_own(name):
            yield from _note_refusal(partial(request, name), f"{name} was not asked to review")


def _set_labels(
    session: RepositorySession, pull: GithubPull, wanted: tuple[str, ...]
) -> Iterator[str]:
    """Label the pull request; yield a note for each label that could not be set."""
    there = {label.name.lower() for label in pull.labels or ()}

    def label(name: str) -> None:
        session.ask(
            lambda repository: repository.get_issue(pull.number).add_to_labels(name),
            doing="label the pull request",
        )

    for name in dict.fromkeys(wanted):
        if name.lower() not in there:
            yield from _note_refusal(partial(label, name), f"{name} was not set as label")


def _note_refusal(work: Callable[[], object], not_done: str) -> list[str]:
    """Do the work; return a note if GitHub refuses it."""
    try:
        work()
    except RefusedRequest as problem:
        if problem.status not in (403, 404, 422):
            raise
        return [f"{not_done}: {problem.full_message}"]
    return []
