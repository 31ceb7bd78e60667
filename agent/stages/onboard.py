"""Onboard: propose a configuration to the owners of a repository.

A repository without a configuration gets one pull request, ever, that proposes one. Runs go on with
what was detected and do not wait for it. The pull request is looked up on the code host each time,
so that nothing has to be stored.
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
"""Branch of the pull request, by which it is found again."""


def propose_configuration(base: OpenedRepository, measured: MeasuredBase | None, desk: Desk) -> str:
    """Propose a configuration once the base is measured.

    May run twice. If it fails, the log has the reason, and the run goes on.

    Args:
        measured: None: the base could not be set up.

    Returns:
        The address of the pull request, or why there is none.
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
    """Whether a label began the run, and the setting allows it; commands have `check` for this."""
    by_label = run.snapshot is not None and run.snapshot.by_label
    return by_label and desk.settings.onboarding != "off" and not run.dry_run


def _open_pull_request(
    opened: OpenedRepository, measured: MeasuredBase | None, desk: Desk
) -> PullRequest:
    """Open the pull request, with a commit that adds the configuration file."""
    run, base = opened.run, opened.checkout
    report = None
    if measured is not None:
        report = base_report.describe_base(
            measured.prepared, measured.baseline, opened.contract, desk
        )
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
        # An earlier run or attempt pushed it; perhaps it was killed before it opened the request.
        desk.say(f"the branch {name} already exists; proposing it as it is")
        return True

    worktree.push_commit(base, commit, BRANCH, remote.url, token, taken=keep)
    return commit
