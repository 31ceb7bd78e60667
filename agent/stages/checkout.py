"""Checkout: choose the base commit, lay out its files, and read the configuration there."""

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

#: Keys whose paths depend on the project's folder, and the key of that folder.
_OF_ROOT = frozenset({"root", "python", "django", "checks", "setup"})


def prepare_checkout(run: Run, desk: Desk) -> Checkout:
    """Update our mirror, and return the commit on which the whole run is based."""
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
    """Return the base commit; for a pull request, merge its base branch into its branch.

    Raises:
        RepositoryUnfit: The branch is gone or too large, or changes symbolic links or submodules.
        RunStopped: The base cannot be merged, or has conflicts that no model may solve.
    """
    if pull is None:
        return BranchState.at_base(prepare_checkout(run, desk))
    remote, branch, base_branch = pull.remote, pull.pull.branch, pull.pull.base_branch
    is_update = pull.about.kind == "update"
    state = _read_branch(run, remote, branch, base_branch, desk, keeps_conflicts=is_update)
    if is_update and (
        len(state.conflicts) > _MOST_CONFLICTS or (state.conflicts and not desk.has_editor)
    ):
        shown = list_some(map(sanitise.format_code, state.conflicts), 8)
        words = f"{base_branch} cannot be merged into {branch}: both changed {shown}."
        raise RunStopped(words, Reason.CONFLICT)
    desk.say(f"branch {branch} at {state.head[:12]}, base {state.checkout.commit[:12]}")
    return state


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
    """For a retry: apply the finished change to the head of its base branch, if that has moved.

    May run twice.

    Returns:
        The state of the branch; None: the change is published as it was checked.

    Raises:
        RunStopped: The change and the base branch have conflicts.
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
            problem.name_branch(branch, commit)
        raise problem
    if is_pushed:
        # The new commit starts at the head of the base branch, so it cannot follow the pushed one.
        branches.remove_branch(remote.url, token, desk.mirrors, branch, commit)
    change = replace(state.change, notes=made.notes, not_done=made.not_done)
    return replace(BranchState.at_base(state.checkout), change=change)


def restore_checkout(run: Run, start: BranchState, desk: Desk) -> None:
    """Fetch the commits of a run that began on another machine, if this one lacks them.

    Raises:
        StoreUnavailable: The commits cannot be fetched now; the run keeps its records, and waits.
    """
    base, commits = start.checkout, {start.checkout.commit, start.head, start.tip}
    missing = [commit for commit in sorted(commits) if not worktree.has_commit(base.mirror, commit)]
    remote = desk.code_host.find_remote(run) if missing else None
    if remote is None:
        return
    try:
        token, branch = desk.create_token(run, write=False), base.base_branch
        worktree.restore_commits(
            remote.url,
            token,
            branch or remote.default_branch,
            missing,
            desk.mirrors,
            max_mb=desk.settings.max_repository_mb,
        )
    except TransientError as problem:
        raise StoreUnavailable(problem.message) from problem


def read_contract(run: Run, base: Checkout, desk: Desk) -> Contract:
    """Read the configuration at the base commit, and detect what it does not set.

    Raises:
        ConfigInvalid: The configuration has errors; each with file, line and fix.
    """
    tree = worktree.lay_out(base, desk.base_folder(run), desk.stopped)
    try:
        for name in (".github", *load.OWN_FILES):
            if (desk.base_folder(run) / name).is_symlink():
                # A tree contains regular files only: a linked file would be ignored silently.
                raise ConfigInvalid(f"{name} is a symbolic link. Replace it with a regular file.")
        if run.config_text is None:
            file = load.find_config(tree)
            config, source = load.from_tree(tree), file.name if file else None
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
