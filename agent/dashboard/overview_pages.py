"""The pages about all runs: the queue with its workers, and statistics."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from agent.dashboard import plots, statistics
from agent.dashboard.access import ActionRefused, Actor, Form, Here, Who
from agent.models.clock import read_clock
from agent.store.sql_run_lists import RunFilters
from agent.store.sql_tables import PauseRow, RunRow

router = APIRouter()

_DAY = 86_400.0
_RANGES = {"30d": 30, "90d": 90, "1y": 365, "all": 0}
"""Days by the name of a time range; 0: all."""
_USUAL_RANGE = "90d"
#: Maximum number of runs that the queue shows of a group.
_MOST_SHOWN = 100
TimeRange = Annotated[str, Query(alias="range")]


@router.get("/queue")
def show_queue(here: Here, who: Who) -> Response:
    active = {run.run_id: run for run in here.store.list_active(who.readable)}
    now, workers = read_clock(), here.list_workers()
    advice = {run_id: worker.advice for worker in workers for run_id in worker.run_ids}
    groups: dict[str, list[RunRow]] = {"Running": [], "Next": [], "Waiting": []}
    for run in active.values():
        if run.run_id in advice:
            groups["Running"].append(run)
            continue
        groups["Waiting" if run.not_before > now else "Next"].append(run)
    return here.render(
        "queue.html.j2",
        who,
        groups=groups,
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
        reason = " ".join(form.get("reason", "").split())[:500]
        here.store.pauses.put(PauseRow(since=read_clock(), by=who.login, words=reason))
    else:
        here.store.pauses.remove(by=who.login)
    return RedirectResponse("/queue", 303)


# --- statistics ----------------------------------------------------------------------------------


@router.get("/statistics")
def show_statistics(
    here: Here, who: Who, time_range: TimeRange = "", repository: str = ""
) -> Response:
    within = time_range if time_range in _RANGES else _USUAL_RANGE
    now, filters = read_clock(), RunFilters(repository=repository)
    since = (now // _DAY - _RANGES[within] + 1) * _DAY if _RANGES[within] else 0.0
    if since:
        filters.since = datetime.fromtimestamp(since, UTC).date()
    every = here.store.count_figures(filters, who.readable)
    runs = statistics.join_follow_ups(every)
    return here.render(
        "statistics.html.j2",
        who,
        numbers=statistics.compute_statistics(runs),
        charts=plots.make_charts(every, runs, since, now, filters),
        ranges=tuple(_RANGES),
        range=within,
        repository=repository,
        repositories=here.store.list_choices("repository", who.readable),
    )
