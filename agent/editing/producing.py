"""Run a producing command in a room, on the edited tree.

Owns what the command may hand back: new files under its own patterns, nothing else. Whether they
are what was asked for is for whoever asked to say, and to write them.
"""

from __future__ import annotations

import fnmatch
import math

from agent import cleaning
from agent.domain import Prepared, Record
from agent.environments import room_services, rooms
from agent.errors import EditFailed
from agent.ports import ROOM_OURS, ROOM_OUT, ROOM_TREE, RoomLimits
from agent.recipes.recipe import ProducingCommand
from agent.repository.tree import WorkTree
from agent.services import Services

#: With less than this left of the run's minutes, nothing is begun.
LEAST_SECONDS = 5.0
_LIMITS = RoomLimits(seconds=300, returned_files=50, returned_bytes=4 * 1024**2)


class Produced(Record):
    """What a command has handed back; foreign code may have had a hand in all of it."""

    report: bytes
    files: dict[str, bytes]
    """New ones, by path."""


def bounded(most: float, left: float) -> int:
    """Return the whole seconds that something may take.

    Raises:
        EditFailed: Too few are left to begin it.
    """
    if (seconds := math.floor(min(most, left))) < LEAST_SECONDS:
        raise EditFailed(
            "the minutes of the run (limits.minutes) are used, so nothing is run any more"
        )
    return seconds


def produce(
    command: ProducingCommand,
    tree: WorkTree,
    prepared: Prepared,
    svc: Services,
    left: float = math.inf,
) -> Produced:
    """Return the command's report, and the new files that it is allowed to make.

    Args:
        left: Seconds of the run's minutes.

    Raises:
        EditFailed: It failed, made something that it may not touch, or no minutes are left.
        SandboxLost: The room ended without a word.
    """
    seconds = bounded(_LIMITS.seconds, left)
    report_path = f"{ROOM_OUT}/{command.report}"
    environment = svc.environment(prepared)
    order = rooms.order(
        environment,
        tree.folder,
        (rooms.PYTHON, f"{ROOM_OURS}/recipes/{command.script}", *command.args),
        environ={
            **room_services.variables(environment.services),
            **prepared.contract.config.env,
            **command.environ,
            # What is produced must not hang on when: a run that begins anew makes the same commit.
            "SOURCE_DATE_EPOCH": str(prepared.run.started),
        },
        limits=_LIMITS.model_copy(update={"seconds": seconds}),
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
    return Produced(report=result.files[report_path], files=produced)
