"""Onboard: ask a repository's owner how it is to be worked on.

A repository without a configuration gets one pull request, ever, that proposes one. Runs go on with
what was detected, whatever becomes of it. It is looked up on the code host each time, so nothing
here has to be remembered.
"""

from agent.desk import Desk
from agent.editing import base_report
from agent.editing.preparation import MeasuredBase
from agent.errors import Cancelled, RepositoryUnfit, RunStopped, Superseded
from agent.git import worktree
from agent.models.change import Change, ChangedFile
from agent.models.code_host import NewPullRequest
from agent.models.environment import Checkout, OpenedRepository
from agent.models.outcome import PullRequest
from agent.models.run import Run
from agent.publishing import text
from agent.setup import proposal
from repo_config import load

BRANCH = "mergewright/onboarding"
"""Branch of the pull request, which is found again by it."""


def propose_configuration(base: OpenedRepository, measured: MeasuredBase | None, desk: Desk) -> str:
    """Propose a configuration once it is known what runs base's tests; say what came of it.

    May run twice. What cannot be proposed is a note, and ends no run.

    Args:
        measured: None: the base could not be set up.
    """
    run = base.run
    if base.contract.source is not None or run.follow_up is not None or not _may_propose(run, desk):
        return "not asked"
    if desk.code_host.has_pull_request(run, BRANCH):
        return "asked already"
    try:
        pull = _open_pull_request(base, measured, desk)
    except RunStopped as problem:
        if isinstance(problem, (Superseded, Cancelled)):
            raise
        desk.say(f"could not propose a configuration: {problem.message}")
        return "not possible"
    desk.say(f"proposed a configuration in {pull.url}; the run continues without waiting")
    return pull.url


def _may_propose(run: Run, desk: Desk) -> bool:
    """Whether a label has begun it; the caller of a command has been asked."""
    by_label = run.snapshot is not None and run.snapshot.by_label
    return by_label and desk.settings.onboarding != "off" and not run.dry_run


def _open_pull_request(
    opened: OpenedRepository, measured: MeasuredBase | None, desk: Desk
) -> PullRequest:
    """Open the pull request, with a commit that adds the one file."""
    run, base = opened.run, opened.checkout
    report = None
    if measured is not None:
        given = measured.prepared, measured.baseline
        report = base_report.describe_base(*given, opened.contract, desk)
    configuration = report.configuration if report else proposal.propose(desk.open_base(opened), {})
    name = load.OWN_FILES[0]
    file = ChangedFile(path=name, before=None, after=configuration.encode(), executable=False)
    commit = _push_file(run, base, file, desk)
    return desk.code_host.publish_pull_request(
        run,
        NewPullRequest(
            branch=BRANCH,
            commit=commit,
            base_branch=base.base_branch or "",
            base_commit=base.commit,
            title=proposal.TITLE,
            check_title="",
            body=text.render_onboarding(run, report, configuration, desk.redactor),
        ),
    )


def _push_file(run: Run, base: Checkout, file: ChangedFile, desk: Desk) -> str:
    """Push a branch that adds one file to base; return the commit at its end."""
    remote = desk.code_host.find_remote(run)
    if remote is None:
        raise RepositoryUnfit("There is no code host to propose a configuration on.")
    change = Change(base_commit=base.commit, files=(file,))
    commit = worktree.make_commit(
        base,
        change,
        proposal.TITLE,
        date=run.started,
        author=remote.author,
        email=remote.email,
    )
    token = desk.create_token(run, write=True)

    def keep(name: str) -> bool:
        # Another run of the repository was quicker, or was killed before it opened the request.
        desk.say(f"the branch {name} already exists; proposing it as it is")
        return True

    worktree.push_commit(base, commit, BRANCH, remote.url, token, taken=keep)
    return commit
