"""Onboard: ask a repository's owner how it is to be worked on.

A repository without a configuration gets one pull request, ever, that proposes one. What became of
it is looked up on the code host each time, so nothing here has to be remembered. While it is open,
runs go on with what was detected, or wait where the operator wants that. Once it is merged the
configuration is there, and once it is closed what was detected holds. Both are read at a base
commit that is not older than the answer.
"""

from __future__ import annotations

from agent.errors import Cancelled, OwnerAwaited, RepositoryUnfit, RunStopped, Superseded
from agent.git import worktree
from agent.models.change import Change, ChangedFile
from agent.models.code_host import NewPullRequest
from agent.models.environment import Checkout, Contract, Opened
from agent.models.outcome import PullRequest
from agent.models.run import Run
from agent.onboarding import facts, pull_request, written
from agent.services import Services
from repo_config import load

BRANCH = "mergewright/onboarding"
"""Of the pull request; by it that is found again."""
#: The step that fixes the base commit.
_CHECKOUT = "checkout"


def settle_onboarding(run: Run, base: Checkout, contract: Contract, svc: Services) -> str:
    """Go on where the owner has answered, in whichever way; say how. May run twice.

    Raises:
        OwnerAwaited: The pull request is open and runs wait for it, or the base commit is older
            than its end.
    """
    if contract.source is not None:
        return "configured"
    if not _may_ask(run, svc):
        return "not asked"
    there = svc.code_host.find_onboarding(run, BRANCH)
    if there is None and svc.settings.onboarding == "on":
        return "to be asked"
    if there is None:
        pull, state = _try_to_propose(run, base, svc), "open"
        if pull is None:
            return "not possible"
    else:
        pull, state = PullRequest(number=there.number, url=there.url), there.state
    if state == "open" and svc.settings.onboarding == "on":
        svc.say("the run does not wait for it; what is detected holds")
        return state
    if state == "open":
        svc.code_host.await_owner(run, pull, pull_request.WAITING)
        raise OwnerAwaited(f"The answer in {pull.url}, which proposes a configuration, is awaited")
    if there is not None and there.head != base.commit:
        raise OwnerAwaited(f"{pull.url} is {state}, so the repository is read anew", _CHECKOUT)
    if state == "closed":
        svc.code_host.close_onboarding(run, pull, pull_request.CLOSED)
    svc.say(f"{pull.url} is {state}, and there is no configuration: what is detected holds")
    return state


def propose_configuration(base: Opened, svc: Services) -> str:
    """Propose a configuration once it is known what runs base's tests; say what came of it.

    May run twice.
    """
    run = base.run
    if base.contract.source is not None or run.follow_up is not None or not _may_ask(run, svc):
        return "not asked"
    if svc.code_host.find_onboarding(run, BRANCH) is not None:
        return "asked already"
    pull = _try_to_propose(run, base.checkout, svc)
    return pull.url if pull else "not possible"


def _may_ask(run: Run, svc: Services) -> bool:
    """Whether a label has begun it; whoever calls a command has been asked."""
    by_label = run.snapshot is not None and run.snapshot.by_label
    return by_label and svc.settings.onboarding != "off" and not run.dry_run


def _try_to_propose(run: Run, base: Checkout, svc: Services) -> PullRequest | None:
    """Open the pull request; that it cannot be had is a note and ends no run."""
    try:
        pull = _open_pull_request(run, base, svc)
    except RunStopped as problem:
        if isinstance(problem, (Superseded, Cancelled)):
            raise
        svc.say(f"no configuration could be proposed: {problem.message}")
        return None
    svc.say(f"a configuration is proposed by {pull.url}")
    return pull


def _open_pull_request(run: Run, base: Checkout, svc: Services) -> PullRequest:
    """Open the pull request, with a commit that adds the one file."""
    place = svc.base_folder(run)
    tree = worktree.lay_out(base, place, svc.stopped)
    proposed = written.propose(tree, kept=facts.load_facts(svc.settings.home, run.repository))
    name = load.OWN_FILES[0]
    file = ChangedFile(path=name, before=None, after=proposed.text.encode(), executable=False)
    commit = _push_file(run, base, file, svc)
    return svc.code_host.open_or_update_onboarding(
        run,
        NewPullRequest(
            branch=BRANCH,
            commit=commit,
            base_branch=base.base_branch or "",
            base_commit=base.commit,
            title=pull_request.TITLE,
            body=pull_request.write_body(
                run, proposed, svc.redactor, waits=svc.settings.onboarding == "wait"
            ),
        ),
    )


def _push_file(run: Run, base: Checkout, file: ChangedFile, svc: Services) -> str:
    """Push a branch that adds one file to base; return the commit at its end.

    Raises:
        RepositoryUnfit: The code host has no address for git.
    """
    remote = svc.code_host.find_remote(run)
    if remote is None:
        raise RepositoryUnfit("There is nowhere to propose a configuration.")
    change = Change(base_commit=base.commit, files=(file,))
    commit = worktree.make_commit(
        base,
        change,
        pull_request.TITLE,
        date=run.started,
        author=remote.author,
        email=remote.email,
    )
    token = svc.code_host.create_credential(run, write=True)
    svc.redactor.learn(token)

    def keep(name: str) -> None:
        raise _BranchTaken(name)

    try:
        worktree.push_commit(base, commit, BRANCH, remote.url, token, taken=keep)
    except _BranchTaken:
        # Another run of the repository was quicker, or was killed before it opened the request.
        svc.say(f"the branch {BRANCH} is there already; it is proposed as it is")
    return commit


class _BranchTaken(Exception):
    """The branch is there, with something else on it."""
