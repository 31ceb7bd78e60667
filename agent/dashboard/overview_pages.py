"""The pages about all runs: repositories, the queue with its worker, and statistics."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import structlog
from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from agent.dashboard import plots, statistics
from agent.dashboard.access import (
    ActionRefused,
    Actor,
    Dashboard,
    Form,
    Here,
    PageMissing,
    Visitor,
    Who,
)
from agent.dashboard.index import RunEntry, summarize_runs
from agent.dashboard.statistics import Statistics as Numbers
from agent.models.clock import read_clock
from agent.store.sql_tables import OPERATOR, PauseRow

router = APIRouter()
_log = structlog.get_logger()

_DAY = 86_400.0
RANGES = {"30d": 30, "90d": 90, "1y": 365, "all": 0}
"""Days by the name of a time range; 0: all."""
_USUAL_RANGE = "90d"
#: Of a run that should have gone on by itself; and runs of a group that the queue shows.
_MANY_WAITS, _MOST_SHOWN = 3, 100
TimeRange = Annotated[str, Query(alias="range")]


class RepositoryRow(NamedTuple):
    name: str
    latest: RunEntry
    numbers: Numbers


@router.get("/repositories")
def list_repositories(here: Here, who: Who) -> Response:
    runs: dict[str, list[RunEntry]] = defaultdict(list)
    for entry in here.list_runs(who):
        if entry.repository:  # its name was not deleted
            runs[entry.repository].append(entry)
    rows = [
        RepositoryRow(name, found[0], statistics.compute_statistics(name, summarize_runs(found)))
        for name, found in runs.items()
    ]
    return here.render("repositories.html.j2", who, rows=sorted(rows))


@router.get("/repositories/{owner}/{name}")
def show_repository(here: Here, who: Who, owner: str, name: str) -> Response:
    """Show what the runs of a repository came to; a run's page has its configuration and set-up."""
    repository = f"{owner}/{name}"
    runs = _find_runs(here, who, repository)
    return here.render(
        "repository.html.j2",
        who,
        repository=repository,
        numbers=statistics.compute_statistics(repository, summarize_runs(runs)),
        runs=runs[:15],
        pause=here.store.pauses.find(runs[0].repository_id),
        may_write=who.may_write(runs[0].repository_id),
    )


def _find_runs(here: Dashboard, who: Visitor, repository: str) -> list[RunEntry]:
    runs = [run for run in here.list_runs(who) if run.repository == repository]
    if not runs:
        raise PageMissing
    return runs


@router.post("/repositories/{owner}/{name}/{action}")
def act_on_repository(
    here: Here, who: Actor, form: Form, owner: str, name: str, action: str
) -> Response:
    """Pause a repository, or let its runs go on: whoever may write there, and only their own."""
    repository = f"{owner}/{name}"
    repository_id = _find_runs(here, who, repository)[0].repository_id
    pauses, found = here.store.pauses, here.store.pauses.find(repository_id)
    if action not in ("pause", "resume") or not who.may_write(repository_id):
        raise ActionRefused("Only people with write permission can do this.")
    if action == "pause":
        words = _read_reason(form)
        pauses.put(
            PauseRow(
                repository_id=repository_id, repository=repository, since=read_clock(),
                by=who.login, words=words,
            )
        )  # fmt: skip
    elif found and found.by == OPERATOR and not who.is_operator:
        raise ActionRefused("The operator paused this repository. Only the operator can resume it.")
    else:
        pauses.remove(repository_id, by=who.login)
    _log.info(f"repository {action}d", repository=repository, by=who.login)
    return RedirectResponse(f"/repositories/{repository}", 303)


def _read_reason(form: dict[str, str]) -> str:
    return " ".join(form.get("reason", "").split())[:500]


# --- queue ---------------------------------------------------------------------------------------


@router.get("/queue")
def show_queue(here: Here, who: Who) -> Response:
    """Show what is under way, what waits and for what, and whether the worker is alive."""
    active = {entry.run_id: entry for entry in reversed(here.list_runs(who)) if entry.active}
    stored = {found.run.run_id: found for found in here.store.load(list(active))}
    now, workers = read_clock(), here.list_workers()
    advice = {run_id: worker.advice for worker in workers for run_id in worker.run_ids}
    groups: dict[str, list[RunEntry]] = {"Running": [], "Next": [], "Waiting": []}
    for run_id, entry in active.items():
        one = stored.get(run_id)
        if one is not None:
            name = "Waiting" if one.not_before > now else "Next"
            groups["Running" if run_id in advice else name].append(entry)
            if run_id not in advice and one.wait_count >= _MANY_WAITS:
                advice[run_id] = (
                    f"It has waited {one.wait_count} times. Mend the cause, or stop it."
                )
    return here.render(
        "queue.html.j2",
        who,
        groups=groups,
        stored=stored,
        paused_repositories={pause.repository: pause for pause in here.store.pauses.list()},
        workers=workers,
        active=active,
        advice=advice,
        most=_MOST_SHOWN,
    )


@router.post("/queue/{action}")
def act(here: Here, who: Actor, form: Form, action: str) -> Response:
    if action not in ("pause", "resume") or not who.is_operator:
        raise ActionRefused("Only the operator can do this.")
    if action == "pause":
        here.store.pauses.put(PauseRow(since=read_clock(), by=who.login, words=_read_reason(form)))
    else:
        here.store.pauses.remove(by=who.login)
    return RedirectResponse("/queue", 303)


# --- statistics ----------------------------------------------------------------------------------


@router.get("/statistics")
def show_statistics(
    here: Here, who: Who, time_range: TimeRange = "", repository: str = ""
) -> Response:
    within = time_range if time_range in RANGES else _USUAL_RANGE
    now, filters = read_clock(), {"repository": repository}
    since = (now // _DAY - RANGES[within] + 1) * _DAY if RANGES[within] else 0.0
    if since:
        filters["since"] = datetime.fromtimestamp(since, UTC).date().isoformat()
    every = here.list_runs(who)

    def is_wanted(entry: RunEntry) -> bool:
        return entry.queued_at >= since and repository in ("", entry.repository)

    runs = summarize_runs(every, is_wanted)
    return here.render(
        "statistics.html.j2",
        who,
        numbers=statistics.compute_statistics("all", runs),
        charts=plots.make_charts([one for one in every if is_wanted(one)], runs, now, filters),
        ranges=tuple(RANGES),
        range=within,
        repository=repository,
        repositories=sorted({entry.repository for entry in every if entry.repository}),
    )
