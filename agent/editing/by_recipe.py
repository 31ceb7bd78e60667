"""Carry out the recipe of a plan.

Django runs in a sandbox on the edited tree. It may only hand back files of the folders with
migrations, and no Python file that was there.
"""

import posixpath

from agent.desk import Desk
from agent.errors import EditFailed, RepositoryUnfit
from agent.git.tree import WorkTree
from agent.models.environment import Prepared
from agent.models.sandbox import SANDBOX_OURS, SANDBOX_OUT, SANDBOX_TREE, SandboxLimits
from agent.recipes.add_field import edits, migration
from agent.recipes.add_field.parameters import Edits, Parameters
from agent.setup import obstacles, sandbox_requests, sandbox_services
from agent.text import sanitise
from repo_config.tree import FolderFilter

_LIMITS = SandboxLimits(seconds=300, returned_files=50, returned_bytes=4 * 1024**2)


def apply_recipe(parameters: str, tree: WorkTree, prepared: Prepared, desk: Desk) -> Edits:
    """Let the recipe edit a tree, and produce in a sandbox what only the framework can write.

    Raises:
        EditFailed: What was produced is not what was asked for.
        TicketUnclear: The framework does not take what the ticket asks for.
        RepositoryUnfit: The framework cannot be started; with the way out.
        SandboxLost: The sandbox ended without a word.
    """
    contract = prepared.contract
    stated = Parameters.model_validate_json(parameters)
    made = edits.make_edits(FolderFilter(tree, contract.config.folder), stated)
    for path, content in made.files.items():
        tree.write(path, content)
        desk.say(f"edited {path}")
    report, produced = _run_script(stated, tree, prepared, desk)
    try:
        notes = made.notes + migration.accept_migration(stated, report, produced)
    except RepositoryUnfit as problem:
        way = obstacles.name_way(prepared.environment.sources)
        raise RepositoryUnfit(f"{problem.message}\n\n{way}") from problem
    for path, content in sorted(produced.items()):
        tree.write(path, content)
        desk.say(f"produced {path}")
    return made.model_copy(update={"notes": notes})


def _run_script(
    stated: Parameters, tree: WorkTree, prepared: Prepared, desk: Desk
) -> tuple[bytes, dict[str, bytes]]:
    """Return the report of the script, and the files that it is allowed to make.

    Foreign code may have had a hand in all of it.
    """
    report_path = f"{SANDBOX_OUT}/{migration.REPORT}"
    environment, contract = desk.environment(prepared), prepared.contract
    script = f"{SANDBOX_OURS}/recipes/{migration.SCRIPT}"
    order = sandbox_requests.make_request(
        environment,
        tree.folder,
        (sandbox_requests.PYTHON, script, migration.make_request(stated, contract.project)),
        environ={
            **sandbox_services.variables(environment.services),
            **contract.config.variables,
        },
        limits=_LIMITS,
        collect=(report_path, *(f"{SANDBOX_TREE}/{folder}/*" for folder in stated.migrations)),
    )
    order = sandbox_services.add_services(order, environment.services)
    result = desk.sandbox.run(order)
    if result.limit or result.exit_code != 0 or report_path not in result.files:
        ending = f"the {result.limit} limit" if result.limit else f"exit code {result.exit_code}"
        printed = sanitise.strip_terminal_codes(result.output).strip()[-4000:]
        raise EditFailed(f"{migration.SCRIPT} ended with {ending}; it printed:\n{printed}")
    produced = {
        path.removeprefix(f"{SANDBOX_TREE}/"): content
        for path, content in result.files.items()
        if path.startswith(f"{SANDBOX_TREE}/")
    }
    for path in produced:
        is_kept = tree.has_path(path) and path.endswith(".py")
        if is_kept or posixpath.dirname(path) not in stated.migrations:
            raise EditFailed(f"{migration.SCRIPT} changed {path}, which it may not touch.")
    return result.files[report_path], produced
