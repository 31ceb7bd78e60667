"""Carry out the recipe, for a plan or for a model that calls it by its name.

Its producing command runs in a sandbox on the edited tree. It may only hand back files that
match its own patterns, and no Python file that was there.
"""

import fnmatch
import math
from typing import Literal

from agent.desk import Desk
from agent.editing import forms
from agent.errors import EditFailed, RepositoryUnfit, RequestRefused, TicketUnclear
from agent.git.tree import WorkTree
from agent.models.change import Change
from agent.models.environment import Prepared
from agent.models.sandbox import SANDBOX_OURS, SANDBOX_OUT, SANDBOX_TREE, SandboxLimits
from agent.recipes import tickets
from agent.recipes.add_field import edits, migration, recipe
from agent.recipes.add_field.parameters import Edits, Parameters, ProducingCommand
from agent.setup import obstacles, sandbox_requests, sandbox_services
from agent.text import sanitise
from repo_config.tree import FolderFilter

#: With less left of the run's minutes, nothing is begun.
LEAST_SECONDS = 5.0
_LIMITS = SandboxLimits(seconds=300, returned_files=50, returned_bytes=4 * 1024**2)


class RecipeFacts(forms.Form):
    model: str = ""
    """As `app.Model`."""
    field: str = ""
    """As in Python: `name = models.CharField(max_length=50)`."""
    default_for_existing_rows: str = ""
    add_a_test: bool = False


class RecipeRequest(forms.Form):
    """Add a field to a Django model, with its migration."""

    name: Literal["add-django-field"]
    parameters: RecipeFacts


def limit_seconds(most: float, left: float) -> int:
    """Return the whole seconds that something may take.

    Raises:
        EditFailed: Too few are left to begin it.
    """
    if (seconds := math.floor(min(most, left))) < LEAST_SECONDS:
        raise EditFailed("the run's time (limits.minutes) is used up, so nothing more runs")
    return seconds


def call_recipe(
    asked: RecipeRequest, change: Change, prepared: Prepared, desk: Desk, seconds: float
) -> Edits:
    """Have the recipe work on top of a change; its parameters are checked as a ticket's are.

    Raises:
        EditFailed: Facts are missing, nothing would change, or what was produced is not what was
            asked for.
        SandboxLost: The sandbox ended without a word.
    """
    contract = prepared.contract
    tree = desk.lay_out_head(prepared, change)
    facts = asked.parameters.model_dump(mode="json", exclude_unset=True)
    inner = FolderFilter(tree, contract.config.folder)
    try:
        parameters = recipe.resolve_parameters(tickets.make_ticket(facts), inner, contract.project)
    except TicketUnclear as problem:
        raise EditFailed(" ".join(problem.questions)) from problem
    except (RequestRefused, ValueError) as problem:
        raise EditFailed(str(problem)) from problem
    try:
        made = apply_recipe(parameters, tree, prepared, desk, seconds)
    except (RepositoryUnfit, TicketUnclear) as problem:
        raise EditFailed(problem.message) from problem
    if not made.files:
        raise EditFailed("the code already does what was asked; nothing was changed")
    return made


def apply_recipe(
    parameters: str,
    tree: WorkTree,
    prepared: Prepared,
    desk: Desk,
    seconds: float = math.inf,
) -> Edits:
    """Let the recipe edit a tree, and produce in a sandbox what only the framework can write.

    Args:
        seconds: Left of the run's minutes.

    Raises:
        EditFailed: What was produced is not what was asked for, or no minutes are left.
        TicketUnclear: The framework does not take what the ticket asks for.
        RepositoryUnfit: The framework cannot be started; with the way out.
        SandboxLost: The sandbox ended without a word.
    """
    contract = prepared.contract
    stated = Parameters.model_validate_json(parameters)
    made = edits.make_edits(FolderFilter(tree, contract.config.folder), stated)
    files = dict(made.files)
    for path, content in made.files.items():
        if tree.has_path(path) and tree.read(path) == content:
            del files[path]
            continue
        tree.write(path, content)
        desk.say(f"edited {path}")
    command = migration.make_command(stated, contract.project)
    report, produced = _run_producing_command(command, tree, prepared, desk, seconds)
    try:
        notes = made.notes + migration.accept_migration(stated, report, produced)
    except RepositoryUnfit as problem:
        way = obstacles.name_way(prepared.environment.sources)
        raise RepositoryUnfit(f"{problem.message}\n\n{way}") from problem
    for path, content in sorted(produced.items()):
        tree.write(path, content)
        desk.say(f"produced {path}")
    return made.model_copy(update={"files": files | produced, "notes": notes})


def _run_producing_command(
    command: ProducingCommand, tree: WorkTree, prepared: Prepared, desk: Desk, left: float
) -> tuple[bytes, dict[str, bytes]]:
    """Return the command's report, and the files that it is allowed to make.

    Foreign code may have had a hand in all of it.
    """
    seconds = limit_seconds(_LIMITS.seconds, left)
    report_path = f"{SANDBOX_OUT}/{migration.REPORT}"
    environment = desk.environment(prepared)
    environ = {
        **sandbox_services.variables(environment.services),
        **command.environ,
        **prepared.contract.config.variables,
        # The output must not depend on the time: a run that is begun again makes the same commit.
        "SOURCE_DATE_EPOCH": str(prepared.run.started),
    }
    order = sandbox_requests.make_request(
        environment,
        tree.folder,
        (sandbox_requests.PYTHON, f"{SANDBOX_OURS}/recipes/{migration.SCRIPT}", *command.args),
        environ=environ,
        limits=_LIMITS.model_copy(update={"seconds": seconds}),
        collect=(report_path, *(f"{SANDBOX_TREE}/{pattern}" for pattern in command.globs)),
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
        if is_kept or not any(fnmatch.fnmatch(path, glob) for glob in command.globs):
            raise EditFailed(f"{migration.SCRIPT} changed {path}, which it may not touch.")
    return result.files[report_path], produced
