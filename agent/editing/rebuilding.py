"""The lock and the environment that a change declares, for the model's sandbox."""

import hashlib

from agent.desk import Desk
from agent.errors import EnvironmentFailed
from agent.models.change import Change, ChangedFile
from agent.models.environment import Prepared
from agent.models.record import replace
from agent.policy import gate_files, requirements
from agent.policy.change_context import ChangeContext
from agent.setup import distributions, setup_commands
from agent.text import sanitise
from repo_config import dependencies, lock_files, rule_files

_MOST_PROBLEM = 3_000
_MOST_NAMED = 40


def make_declaration_mark(change: Change, prepared: Prepared, desk: Desk) -> str:
    """Return a digest of the declared dependencies, and of what else set-up makes something of.

    Empty: the environment is that of the base.
    """
    change_context = make_context(change, prepared, desk)
    built = [(file.path, file.after) for file in list_built(change, prepared, desk)]
    if not (built or requirements.has_changed(change_context)):
        return ""
    _, after = requirements.read_sides(change_context)
    locks = [(lock.path, lock.after) for lock in requirements.list_changed_locks(change_context)]
    said = repr((dependencies.list_declared(after), locks, built))
    return hashlib.sha256(said.encode()).hexdigest()


def list_built(change: Change, prepared: Prepared, desk: Desk) -> list[ChangedFile]:
    """List the edited files that the set-up of base has read, C sources above all.

    Usual files, such as Python, stand in place as they are edited; tables for tools build nothing.
    """
    unusual = [
        file
        for file in change.files
        if not (gate_files.is_usual(file.path) or rule_files.has_tables(file.path))
    ]
    # Asked after each call of a model, and most changes have none.
    read = setup_commands.list_inputs(desk.environment(prepared)) if unusual else frozenset[str]()
    return [file for file in unusual if file.path in read]


def update_lock(change: Change, prepared: Prepared, desk: Desk) -> tuple[dict[str, bytes], str]:
    """Have its tool update the lock to what a change declares.

    Returns:
        New contents by path, and words for the model.
    """
    change_context = make_context(change, prepared, desk)
    _, after = requirements.read_sides(change_context)
    has_lock = any(map(after.has_file, lock_files.PYTHON.values()))
    if not has_lock or not requirements.has_changed(change_context):
        return {}, ""
    desk.lay_out_head(prepared, change)
    try:
        locked = desk.updated_lock(prepared)
    except EnvironmentFailed as problem:
        words = sanitise.shorten_middle(problem.message, _MOST_PROBLEM, where="the log")
        return {}, f"The lock file could not be updated: {words}"
    return locked, f"Updated: {', '.join(locked)}." if locked else ""


def rebuild_environment(change: Change, prepared: Prepared, desk: Desk) -> tuple[Prepared, str]:
    """Build the environment that a change declares, or keep that of the base.

    Returns:
        The base with it, and words for the model.
    """
    desk.say("the change needs an environment of its own; opening its sandbox with that")
    desk.lay_out_head(prepared, change)
    try:
        asked = requirements.list_new_requirements(make_context(change, prepared, desk))
        built = desk.environment_of_change(prepared, asked)
    except EnvironmentFailed as problem:
        words = sanitise.shorten_middle(problem.message, _MOST_PROBLEM, where="the log")
        return prepared, f"The environment of your change cannot be built: {words}"
    had, has = set(prepared.environment.packages), set(built.packages)
    said = [f"New in the environment: {', '.join(sorted(has - had)[:_MOST_NAMED]) or 'nothing'}."]
    if unmet := distributions.find_unmet(asked, built):
        said.append(f"Declared but not installed: {', '.join(unmet[:_MOST_NAMED])}.")
    return replace(prepared, environment=built), " ".join(said)


def make_context(change: Change, prepared: Prepared, desk: Desk) -> ChangeContext:
    config, project = prepared.contract.config, prepared.contract.project
    return ChangeContext(change, config, project, desk.open_base(prepared))
