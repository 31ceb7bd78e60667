"""Carry out a recipe, for a plan or for a model that calls it by its name.

A recipe's producing command runs in a sandbox on the edited tree. It may only hand back files that
match its own patterns, and no Python file that was there.
"""

from __future__ import annotations

import fnmatch
import math
from typing import Literal

from agent.environments import obstacles, sandbox_requests, sandbox_services
from agent.errors import EditFailed, RepositoryUnfit, RequestRefused, TicketUnclear
from agent.git import worktree
from agent.git.tree import WorkTree
from agent.models.change import Change
from agent.models.environment import Prepared
from agent.models.record import Record
from agent.models.sandbox import SANDBOX_OURS, SANDBOX_OUT, SANDBOX_TREE, SandboxLimits
from agent.recipes import registry, tickets
from agent.recipes.recipe import Edits, ProducingCommand, Recipe
from agent.services import Services
from agent.text import sanitise
from repo_config.tree import Within

#: With less left of the run's minutes, nothing is begun.
LEAST_SECONDS = 5.0
_LIMITS = SandboxLimits(seconds=300, returned_files=50, returned_bytes=4 * 1024**2)


class RecipeFacts(Record):
    model: str = ""
    field: str = ""
    default_for_existing_rows: str = ""
    show_in_admin_list: bool = False
    add_a_test: bool = False


class RecipeRequest(Record):
    name: Literal["add-django-field"]
    parameters: RecipeFacts


def limit_seconds(most: float, left: float) -> int:
    """Return the whole seconds that something may take.

    Raises:
        EditFailed: Too few are left to begin it.
    """
    if (seconds := math.floor(min(most, left))) < LEAST_SECONDS:
        raise EditFailed(
            "the minutes of the run (limits.minutes) are used, so nothing is run any more"
        )
    return seconds


def call_recipe(
    asked: RecipeRequest, change: Change, prepared: Prepared, svc: Services, seconds: float
) -> Edits:
    """Have a recipe work on top of a change; its parameters are held to what a ticket is held to.

    Raises:
        EditFailed: Facts are missing, nothing would change, or what was produced is not what was
            asked for.
        SandboxLost: The sandbox ended without a word.
    """
    recipe, contract = registry.get_recipe(asked.name), prepared.contract
    tree = worktree.lay_out(prepared.checkout, svc.head_folder(prepared.run), svc.stopped)
    tree.replay(change)
    facts = asked.parameters.model_dump(mode="json", exclude_unset=True)
    inner, config = Within(tree, contract.config.folder), contract.config
    try:
        parameters = recipe.settle(tickets.make_ticket(facts), inner, config, contract.project)
    except TicketUnclear as problem:
        raise EditFailed(" ".join(problem.questions)) from problem
    except (RequestRefused, ValueError) as problem:
        raise EditFailed(str(problem)) from problem
    try:
        made = carry_out(recipe, parameters, tree, prepared, svc, seconds)
    except RepositoryUnfit as problem:
        raise EditFailed(problem.message) from problem
    if not made.files:
        raise EditFailed("the code already is as asked, so nothing was changed")
    return made


def carry_out(
    recipe: Recipe,
    parameters: str,
    tree: WorkTree,
    prepared: Prepared,
    svc: Services,
    seconds: float = math.inf,
) -> Edits:
    """Let a recipe edit a tree, and produce in a sandbox what only the framework can write.

    Args:
        seconds: Left of the run's minutes.

    Raises:
        EditFailed: What was produced is not what was asked for, or no minutes are left.
        RepositoryUnfit: The framework cannot be started; with the way out.
        SandboxLost: The sandbox ended without a word.
    """
    contract = prepared.contract
    edits = recipe.apply(Within(tree, contract.config.folder), parameters)
    files, notes = dict(edits.files), edits.notes
    for path, content in edits.files.items():
        if tree.has_path(path) and tree.read(path) == content:
            del files[path]
            continue
        tree.write(path, content)
        svc.say(f"edited {path}")
    if command := recipe.produce(parameters, contract.project):
        report, produced, printed = _run_producing_command(command, tree, prepared, svc, seconds)
        try:
            notes += recipe.accept_produced(parameters, report, produced)
        except RepositoryUnfit as problem:
            way = obstacles.name_way(printed, tree, contract.config.folder)
            raise RepositoryUnfit(f"{problem.message}\n\n{way}") from problem
        for path, content in sorted(produced.items()):
            tree.write(path, content)
            svc.say(f"produced {path}")
        files |= produced
    return edits.model_copy(update={"files": files, "notes": notes})


def _run_producing_command(
    command: ProducingCommand, tree: WorkTree, prepared: Prepared, svc: Services, left: float
) -> tuple[bytes, dict[str, bytes], str]:
    """Return the command's report, the files that it is allowed to make, and what it printed.

    Foreign code may have had a hand in all of it.
    """
    seconds = limit_seconds(_LIMITS.seconds, left)
    report_path = f"{SANDBOX_OUT}/{command.report}"
    environment = svc.environment(prepared)
    environ = {
        **sandbox_services.variables(environment.services),
        **command.environ,
        # The tests pass with these.
        **prepared.contract.config.env,
        # What is produced must not hang on when: a run that begins anew makes the same commit.
        "SOURCE_DATE_EPOCH": str(prepared.run.started),
    }
    order = sandbox_requests.make_request(
        environment,
        tree.folder,
        (sandbox_requests.PYTHON, f"{SANDBOX_OURS}/recipes/{command.script}", *command.args),
        environ=environ,
        limits=_LIMITS.model_copy(update={"seconds": seconds}),
        collect=(report_path, *(f"{SANDBOX_TREE}/{pattern}" for pattern in command.globs)),
    )
    order = sandbox_services.add_services(order, environment.services)
    result = svc.sandbox.run(order)
    if result.limit or result.exit_code != 0 or report_path not in result.files:
        ending = f"the {result.limit} limit" if result.limit else f"exit code {result.exit_code}"
        printed = sanitise.strip_terminal_codes(result.output).strip()[-4000:]
        raise EditFailed(f"{command.script} ended with {ending}; it printed:\n{printed}")
    produced = {
        path.removeprefix(f"{SANDBOX_TREE}/"): content
        for path, content in result.files.items()
        if path.startswith(f"{SANDBOX_TREE}/")
    }
    for path in produced:
        is_kept = tree.has_path(path) and path.endswith(".py")
        if is_kept or not any(fnmatch.fnmatch(path, glob) for glob in command.globs):
            raise EditFailed(f"{command.script} changed {path}, which it may not touch.")
    return result.files[report_path], produced, result.output
