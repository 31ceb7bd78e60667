"""Update locks and environments to a change, for the model's sandbox."""

import posixpath

from agent.desk import Desk
from agent.errors import EditFailed, EnvironmentFailed
from agent.models.change import Change, ChangedFile, Finding, Severity
from agent.models.environment import Prepared
from agent.models.record import replace
from agent.policy import gate_files, new_dependencies
from agent.policy.change_context import ChangeContext
from agent.setup import distributions, obstacles, setup_commands
from agent.text import sanitise
from repo_config import compiled_requirements, lock_files, rule_files
from repo_config.tree import FolderTree

NOT_COMPILED = "not-compiled"
"""Rule of the finding that compiled requirements do not correspond to a change."""
_MOST_PROBLEM = 3_000
_MOST_NAMED = 40


def list_built(
    change: Change, prepared: Prepared, desk: Desk, *, for_lock: bool = False
) -> list[ChangedFile]:
    """List the edited files that influence the environment: those that set-up has read.

    A Python file counts if the project is installed from it, for its version or as a copy, or if
    configured lines run it; all others take effect in the tree at once. Other usual files count
    only if configured lines read them, or could notice that they are added or removed.

    Args:
        for_lock: Whether to list only files that may influence a lock: neither prose nor code that
            configured lines run.
    """
    read, built = setup_commands.list_inputs(desk.environment(prepared))
    config = prepared.contract.config
    folders_of_code = {posixpath.dirname(path) for path in read if path.endswith(".py")}

    def is_input(file: ChangedFile) -> bool:
        path = file.path
        if rule_files.has_tables(path):
            return rule_files.changes_installation(path, file.before, file.after)
        is_listed = None in (file.before, file.after)
        is_read = not read.isdisjoint((path, setup_commands.WHOLE))
        if path.endswith(".py"):
            # Configured lines that run one migration of a folder also run new ones.
            is_run = is_read or (is_listed and posixpath.dirname(path) in folders_of_code)
            is_built = not built.isdisjoint((path, setup_commands.WHOLE))
            return is_built or bool(config.setup and is_run and not for_lock)
        if for_lock and gate_files.is_usual(path):
            return False
        if config.setup and is_listed:
            # Configured lines may read all files of a folder.
            return True
        return is_read and bool(config.setup or not gate_files.is_usual(path))

    return [file for file in change.files if is_input(file)]


def update_locks(
    change: Change, prepared: Prepared, desk: Desk
) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """Update the locks to a change by their own tools.

    The tools run if a file changes that they may have read; prose does not count.

    Returns:
        New contents by path, and a finding for each list of requirements that cannot be compiled.

    Raises:
        EditFailed: The lock of the project cannot be updated.
    """
    if not change.files:
        return {}, ()
    change_context = make_context(change, prepared, desk)
    has_lock = any(map(change_context.files[1].has_file, lock_files.PYTHON.values()))
    project = FolderTree(change_context.after, change_context.project.root)
    start = f"{change_context.project.root}/".lstrip("/")
    changed = [
        file.path
        for file in change.files
        if rule_files.changes_installation(file.path, file.before, file.after)
    ]
    within = [path.removeprefix(start) for path in changed if path.startswith(start)]
    stale = compiled_requirements.find_stale(project, within)
    if not stale:
        declares_others = new_dependencies.has_changed(change_context)
        is_read = declares_others or list_built(change, prepared, desk, for_lock=True)
        if not has_lock or not is_read:
            return {}, ()
    desk.lay_out_head(prepared, change)
    try:
        updated = desk.update_locks(prepared, stale)
    except EnvironmentFailed as problem:
        raise _refuse("the lock file could not be updated", problem) from problem
    findings = []
    for path, printed in updated.failed.items():
        end = obstacles.quote_as_code(printed.strip()[-obstacles.LONGEST :])
        message = f"It is not compiled anew. Its command failed: {end}."
        fix, severity = "Compile it by hand.", Severity.REVIEW
        findings.append(
            Finding(rule=NOT_COMPILED, severity=severity, path=path, message=message, fix=fix)
        )
    return updated.contents, tuple(findings)


def find_environment(change: Change, prepared: Prepared, desk: Desk) -> tuple[Prepared, str]:
    """Return the environment that a change declares, stored or newly built.

    Returns:
        The base with this environment, and a text for the model; empty: it is the base's own.

    Raises:
        EditFailed: It cannot be built.
    """
    change_context = make_context(change, prepared, desk)
    declares_others = new_dependencies.has_changed(change_context)
    if not declares_others and not list_built(change, prepared, desk):
        return prepared, ""
    desk.say("the change needs an environment of its own; opening its sandbox with that")
    desk.lay_out_head(prepared, change)
    try:
        asked = new_dependencies.list_new_requirements(change_context)
        built = desk.environment_of_change(prepared, asked)
    except EnvironmentFailed as problem:
        raise _refuse("the environment of your change cannot be built", problem) from problem
    had, has = set(prepared.environment.packages), set(built.packages)
    lines = [f"New in the environment: {', '.join(sorted(has - had)[:_MOST_NAMED]) or 'nothing'}."]
    if unmet := distributions.find_unmet(asked, built):
        lines.append(f"Declared but not installed: {', '.join(unmet[:_MOST_NAMED])}.")
    return replace(prepared, environment=built), " ".join(lines)


def _refuse(what: str, problem: EnvironmentFailed) -> EditFailed:
    words = sanitise.shorten_middle(problem.message, _MOST_PROBLEM, where="the log")
    return EditFailed(f"{what}: {words}")


def make_context(change: Change, prepared: Prepared, desk: Desk) -> ChangeContext:
    config, project = prepared.contract.config, prepared.contract.project
    return ChangeContext(change, config, project, desk.open_base(prepared))
