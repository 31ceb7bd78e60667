"""Checkout: fix the base commit, lay out its files, read what the repository demands there."""

from typing import Any

from agent.desk import Desk
from agent.errors import (
    ConfigInvalid,
    RunStopped,
    StoreUnavailable,
    Superseded,
    TransientError,
)
from agent.git import branches, pull_branch, worktree
from agent.models.code_host import Remote
from agent.models.environment import Checkout, Contract, Prepared
from agent.models.pulls import BranchState
from agent.models.record import replace
from agent.models.run import Reason, Run
from agent.models.task import PullContext
from agent.publishing import pull_request_content
from agent.publishing.evidence import DecidedChange
from agent.setup import proposal
from agent.text import sanitise
from agent.text.sanitise import list_some
from repo_config import detect, load

#: Keys of paths from the project's folder, and that folder itself.
_OF_ROOT = frozenset({"root", "python", "django", "checks", "setup"})


def prepare_checkout(run: Run, desk: Desk) -> Checkout:
    """Bring our mirror up to date and pin the commit that the whole run is based on."""
    remote = desk.code_host.find_remote(run)
    if remote is None:
        base = worktree.prepare_checkout(run.repository, run.base, desk.mirrors, desk.stopped)
    else:
        base = worktree.prepare_remote(
            remote.url,
            desk.create_token(run, write=False),
            run.base or remote.default_branch,
            desk.mirrors,
            max_mb=desk.settings.max_repository_mb,
            stopped=desk.stopped,
        )
    branch = f" ({base.base_branch})" if base.base_branch else ""
    desk.say(f"base commit {base.commit[:12]}{branch}")
    return base


#: Maximum number of files whose conflicts a model merges.
_MOST_CONFLICTS = 20


def prepare_start(pull: PullContext | None, run: Run, desk: Desk) -> BranchState:
    """Pin the base commit, and of a pull request bring its branch together with its base.

    Raises:
        RepositoryUnfit: The branch contains what cannot be continued.
        RunStopped: The base is to be merged in, and the two do not go together, or we may not.
    """
    if pull is None:
        return BranchState.at_base(prepare_checkout(run, desk))
    remote, branch, base_branch = pull.remote, pull.pull.branch, pull.pull.base_branch
    is_update = pull.about.kind == "update"
    found = _read_branch(run, remote, branch, base_branch, desk, keeps_conflicts=is_update)
    if is_update and (
        len(found.conflicts) > _MOST_CONFLICTS or (found.conflicts and not desk.has_editor)
    ):
        shown = list_some(map(sanitise.format_code, found.conflicts), 8)
        words = f"{base_branch} cannot be merged into {branch}: both changed {shown}."
        raise RunStopped(words, Reason.CONFLICT)
    desk.say(f"branch {branch} at {found.head[:12]}, base {found.checkout.commit[:12]}")
    return found


def _read_branch(
    run: Run, remote: Remote, branch: str, base_branch: str, desk: Desk, **more: Any
) -> BranchState:
    return pull_branch.read_branch_state(
        remote.url,
        desk.create_token(run, write=False),
        branch,
        base_branch,
        desk.mirrors,
        author=remote.author,
        email=remote.email,
        max_mb=desk.settings.max_repository_mb,
        stopped=desk.stopped,
        **more,
    )


def bring_up(decided: DecidedChange, base: Prepared, desk: Desk) -> BranchState | None:
    """Lay a finished change over the end of its base branch, if that moved before a retry.

    None: it is published as it was checked. May run twice.

    Raises:
        RunStopped: The two do not go together.
        Superseded: The base branch has the change already.
    """
    run, made, code_host = base.run, decided.cleared.change, desk.code_host
    is_retry = any(word.words == "retry" for word in desk.memory.list_guidance(run.run_id))
    remote = code_host.find_remote(run) if is_retry and decided.verdict.publish else None
    if remote is None or run.dry_run:
        return None
    base_branch = base.checkout.base_branch or remote.default_branch
    draft = pull_request_content.draft_branch(base, decided, remote, desk.redactor)
    branch, by = draft.name, {"author": draft.author, "email": draft.email}
    commit = worktree.make_commit(base.checkout, made, draft.message, date=run.started, **by)
    state = _read_branch(run, remote, branch, base_branch, desk, commit=commit)
    if not state.base_has_moved or code_host.has_pull_request(run, branch):
        return None
    if not state.change.files:
        raise Superseded(f"{base_branch} has the change already.")
    token = desk.create_token(run, write=True)
    is_pushed = branches.find_head(remote.url, token, desk.mirrors, branch) == commit
    if state.conflicts:
        shown = list_some(map(sanitise.format_code, state.conflicts), 8)
        words = f"{base_branch} has moved; both it and the change edit {shown}."
        problem = RunStopped(words, Reason.CONFLICT)
        if is_pushed:
            problem.name_branch(branch, commit, "no pull request was opened")
        raise problem
    if is_pushed:
        # The change begins where the base branch is now; nobody has built on this commit.
        branches.remove_branch(remote.url, token, desk.mirrors, branch, commit)
    change = replace(state.change, notes=made.notes, not_done=made.not_done)
    return replace(BranchState.at_base(state.checkout), change=change)


def restore_checkout(run: Run, start: BranchState, desk: Desk) -> None:
    """Fetch what the run's checkout has fetched on another machine, if this one lacks it.

    Raises:
        StoreUnavailable: It cannot be had just now; no record of the run is given up for that.
    """
    base, commits = start.checkout, {start.checkout.commit, start.head, start.tip}
    missing = [commit for commit in sorted(commits) if not worktree.has_commit(base.mirror, commit)]
    remote = desk.code_host.find_remote(run) if missing else None
    if remote is None:
        return
    try:
        token, branch = desk.create_token(run, write=False), base.base_branch
        given = remote.url, token, branch or remote.default_branch, missing, desk.mirrors
        worktree.restore_commits(*given, max_mb=desk.settings.max_repository_mb)
    except TransientError as problem:
        raise StoreUnavailable(problem.message) from problem


def read_contract(run: Run, base: Checkout, desk: Desk) -> Contract:
    """Read the configuration at the base commit and detect what it leaves open.

    Raises:
        ConfigInvalid: With file, line and the fix of every problem.
    """
    tree = worktree.lay_out(base, desk.base_folder(run), desk.stopped)
    try:
        for name in (".github", *load.OWN_FILES):
            if (desk.base_folder(run) / name).is_symlink():
                # A tree contains regular files only; a linked file would be overlooked in silence.
                raise ConfigInvalid(f"{name} is a symbolic link. Replace it with a regular file.")
        if run.config_text is None:
            found = load.find_config(tree)
            config, source = load.from_tree(tree), found.name if found else None
        else:
            source = run.config_name or "the configuration passed in"
            config = load.from_text(run.config_text, source, tree)
    except load.ConfigProblem as problem:
        raise ConfigInvalid(str(problem)) from problem
    if not config.model_fields_set & _OF_ROOT and (folder := proposal.find_only_folder(tree)):
        desk.say(f"using the project in {folder}: the root declares none")
        config = replace(config, root=folder)
    project = detect.detect_project(tree, config)
    for kind, names in project.unrun.items():
        desk.say(f"not run here: {kind}: {list_some(names, 8)}")
    if project.absent:
        desk.say(f"not here: {'; '.join(project.absent)}")
    if desk.settings.index_hosts == "listed":
        project = replace(project, index_hosts={})
    for host, path in project.index_hosts.items():
        desk.say(f"set-up may read from {host}, a package index in {path}")
    return Contract(config=config, project=project, source=source)
