"""Edit: carry the plan out on the head tree; what comes out is a Change, nothing else.

The Change is complete before any check runs; what checks write is thrown away with their room.
"""

from __future__ import annotations

import fnmatch

from agent import cleaning, worktree
from agent.domain import Change, ChangedFile, Plan, Prepared, Severity
from agent.environments import room_services, rooms
from agent.errors import EditFailed
from agent.policy.content import paths, size
from agent.policy.proposal import Proposal
from agent.ports import ROOM_OURS, ROOM_OUT, ROOM_TREE, RoomLimits
from agent.publishing import changelog
from agent.recipes import registry
from agent.recipes.recipe import ProducingCommand, Recipe
from agent.repository.tree import WorkTree
from agent.services import Services
from repo_config.tree import Within

_PRODUCE_LIMITS = RoomLimits(seconds=300, returned_files=50, returned_bytes=4 * 1024**2)


def carry_out(plan: Plan, prepared: Prepared, svc: Services) -> Change:
    """Let the recipe edit, and produce in a room what only the framework can write.

    Raises:
        EditFailed: What was produced is not what was asked for, or nothing was changed.
    """
    recipe = registry.by_name(plan.recipe)
    tree = worktree.lay_out(prepared.checkout, svc.head_folder(prepared.run), svc.stopped)
    edits = recipe.apply(Within(tree, prepared.contract.config.folder), plan.parameters)
    for path, content in edits.files.items():
        tree.write(path, content)
        svc.say(f"edited {path}")
    notes = edits.notes
    if command := recipe.produce(plan.parameters, prepared.contract.project):
        notes += _produce(command, recipe, plan, tree, prepared, svc)
    if not tree.changes():
        raise EditFailed("The recipe changed nothing: the code already is as the ticket asks.")
    notes += _enter(plan, recipe, tree, prepared, svc)
    return Change(base_commit=prepared.checkout.commit, files=tree.changes(), notes=notes)


def _enter(
    plan: Plan, recipe: Recipe, tree: WorkTree, prepared: Prepared, svc: Services
) -> tuple[str, ...]:
    """Add the changelog entry, where the repository keeps one and its rules leave room for it."""
    run, config = prepared.run, prepared.contract.config
    if run.snapshot is None or config.pull_request.changelog == "off":
        return ()
    number = str(run.snapshot.issue.number)
    entry = changelog.entry(tree, plan.title, number, kind=recipe.kind)
    if entry is None:
        return ()
    before = tree.read(entry.path) if entry.path in tree.paths() else None
    file = ChangedFile(path=entry.path, before=before, after=entry.content)
    whole = Change(base_commit=prepared.checkout.commit, files=(*tree.changes(), file))
    base = worktree.open_tree(prepared.checkout, svc.base_folder(run))
    proposal = Proposal(whole, config, prepared.contract.project, base)
    for finding in (*paths.check(proposal), *size.check(proposal)):
        # What the change breaks without the entry is said by the policy.
        about_it = finding.path == entry.path or (finding.rule == "size" and not finding.path)
        if about_it and finding.severity is Severity.BLOCK:
            return (f"No line was added to `{entry.path}`: the rule {finding.rule} forbids it.",)
    tree.write(entry.path, entry.content)
    svc.say(f"added to {entry.path}")
    return (f"{changelog.NOTE} `{entry.path}`.",)


def _produce(
    command: ProducingCommand,
    recipe: Recipe,
    plan: Plan,
    tree: WorkTree,
    prepared: Prepared,
    svc: Services,
) -> tuple[str, ...]:
    """Run the recipe's one producing command; add the new files it is allowed to make."""
    report_path = f"{ROOM_OUT}/{command.report}"
    environment = svc.environment(prepared)
    order = rooms.order(
        environment,
        svc.head_folder(prepared.run),
        (rooms.PYTHON, f"{ROOM_OURS}/recipes/{command.script}", *command.args),
        environ={
            **room_services.variables(environment.services),
            **prepared.contract.config.env,
            **command.environ,
            # What is produced must not hang on when: a run that begins anew makes the same commit.
            "SOURCE_DATE_EPOCH": str(prepared.run.started),
        },
        limits=_PRODUCE_LIMITS,
        collect=(report_path, *(f"{ROOM_TREE}/{pattern}" for pattern in command.globs)),
    )
    order = room_services.beside(order, environment.services, environment.interpreter)
    result = svc.sandbox.run(order)
    if result.limit or result.exit_code != 0 or report_path not in result.files:
        ending = f"the {result.limit} limit" if result.limit else f"exit code {result.exit_code}"
        server = room_services.ended(result, "the command")
        raise EditFailed(
            f"{command.script} ended with {ending}; {server}{'; ' * bool(server)}it printed:\n"
            + cleaning.terminal(result.output).strip()[-4000:]
        )
    produced = {
        path.removeprefix(f"{ROOM_TREE}/"): content
        for path, content in result.files.items()
        if path.startswith(f"{ROOM_TREE}/")
    }
    present = set(tree.paths())
    for path in produced:
        if path in present or not any(fnmatch.fnmatch(path, glob) for glob in command.globs):
            raise EditFailed(f"{command.script} changed {path}, which it may not touch.")
    notes = recipe.accept_produced(plan.parameters, result.files[report_path], produced)
    for path, content in sorted(produced.items()):
        tree.write(path, content)
        svc.say(f"produced {path}")
    return notes
