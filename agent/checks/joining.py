"""Join the runs of several test commands into one; a test belongs to one of them."""

import shlex
from collections.abc import Sequence

from agent.checks import check
from agent.models.checks import CheckItem, Status, TestRun
from agent.models.record import replace

#: The first that is true of one run is that of the joined run.
_ORDER = (Status.UNVERIFIED, Status.FAILED, Status.PASSED)


def join_runs(runs: Sequence[TestRun]) -> TestRun:
    """Join runs of the same tree, in the order of their commands."""
    items, twice = _join_items(runs)
    named = [f"`{shlex.join(run.command)}`: {run.reason}" for run in runs if run.reason]
    status = next(one for one in _ORDER if any(run.status is one for run in runs))
    if twice:
        status = Status.UNVERIFIED
        named.insert(0, f"{twice} is run by several commands of checks.tests: leave it out of one")
    files = dict.fromkeys(path for run in runs for path in run.files or ())
    output = "\n".join(f"$ {shlex.join(run.command)}\n{run.output}" for run in runs)
    return replace(
        runs[0],
        status=status,
        exit_code=next((run.exit_code for run in runs if run.exit_code != 0), 0),
        limit=next((run.limit for run in runs if run.limit), ""),
        seconds=sum(run.seconds for run in runs),
        command=("bash", "-c", "; ".join(shlex.join(run.command) for run in runs)),
        reason="; ".join(named),
        output=check.shorten_output(output),
        items=items,
        files=tuple(files) if any(run.files is not None for run in runs) else None,
        left_behind=tuple(dict.fromkeys(path for run in runs for path in run.left_behind)),
        unexecuted=_join_unexecuted(runs),
        unrun=tuple(dict.fromkeys(test_id for run in runs for test_id in run.unrun)),
    )


def _join_unexecuted(runs: Sequence[TestRun]) -> dict[str, tuple[int, ...]]:
    """List the lines that none of the commands has run."""
    first, *others = [run.unexecuted for run in runs if run.unexecuted] or [{}]
    return {
        path: tuple(sorted({*lines}.intersection(*(other.get(path, ()) for other in others))))
        for path, lines in first.items()
    }


def _join_items(runs: Sequence[TestRun]) -> tuple[tuple[CheckItem, ...], str]:
    """Join the tests, and name the first that two commands have run.

    A module that cannot be imported is met by each; a test may be skipped by all but one.
    """
    items: dict[str, CheckItem] = {}
    twice = ""
    for item in (item for run in runs for item in run.items):
        before = items.setdefault(item.item_id, item)
        if before.outcome == "skipped":
            items[item.item_id] = item
        elif before is not item and item.outcome != "skipped" and not item.is_collection:
            twice = twice or item.item_id
    return tuple(items.values()), twice
