"""The lock and the environment that a change declares, for the model's sandbox."""

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
"""In place of a rule's id, in the finding that compiled requirements do not follow a change."""
_MOST_PROBLEM = 3_000
_MOST_NAMED = 40


def list_built(
    change: Change, prepared: Prepared, desk: Desk, *, for_lock: bool = False
) -> list[ChangedFile]:
    """List the edited files that the environment is made of: those that set-up has read.

    Of Python files only those count that the project is installed from, be it for its version or
    for a copy, or that configured lines have run: all others stand in place as they are edited. So
    do other usual files, unless configured lines have read them, or are to find another list of
    files.

    Args:
        for_lock: Only those that may have a say in a lock: neither prose nor code that lines run.
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
            # A migration is run beside its neighbours.
            is_run = is_read or (is_listed and posixpath.dirname(path) in folders_of_code)
            is_built = not built.isdisjoint((path, setup_commands.WHOLE))
            return is_built or bool(config.setup and is_run and not for_lock)
        if for_lock and gate_files.is_usual(path):
            return False
        if config.setup and is_listed:
            # Lines may take whatever is in a folder.
            return True
        return is_read and bool(config.setup or not gate_files.is_usual(path))

    return [file for file in change.files if is_input(file)]


def update_locks(
    change: Change, prepared: Prepared, desk: Desk
) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """Have their tools update the locks to a change.

    They are asked whenever something changes that they may have read; prose is none of that.

    Returns:
        New contents by path, and a finding for each list of requirements that cannot be compiled.

    Raises:
        EditFailed: The lock of the project cannot be updated.
    """
    if not change.files:
        return {}, ()
    change_context = make_context(change, prepared, desk)
    _, after = change_context.files
    has_lock = any(map(after.has_file, lock_files.PYTHON.values()))
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
        says = f"It is not compiled anew. Its command failed: {end}."
        fix, severity = "Compile it by hand.", Severity.REVIEW
        findings.append(
            Finding(rule=NOT_COMPILED, severity=severity, path=path, message=says, fix=fix)
        )
    return updated.contents, tuple(findings)


def find_environment(change: Change, prepared: Prepared, desk: Desk) -> tuple[Prepared, str]:
    """Have the environment that a change declares, built unless it is stored.

    Returns:
        The base with it, and words for the model; none where it is the base's.

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
    said = [f"New in the environment: {', '.join(sorted(has - had)[:_MOST_NAMED]) or 'nothing'}."]
    if unmet := distributions.find_unmet(asked, built):
        said.append(f"Declared but not installed: {', '.join(unmet[:_MOST_NAMED])}.")
    return replace(prepared, environment=built), " ".join(said)


def _refuse(what: str, problem: EnvironmentFailed) -> EditFailed:
    words = sanitise.shorten_middle(problem.message, _MOST_PROBLEM, where="the log")
    return EditFailed(f"{what}: {words}")


def make_context(change: Change, prepared: Prepared, desk: Desk) -> ChangeContext:
    config, project = prepared.contract.config, prepared.contract.project
    return ChangeContext(change, config, project, desk.open_base(prepared))
