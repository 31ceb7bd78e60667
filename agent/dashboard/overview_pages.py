"""The pages about all runs: the queue with its worker, and statistics."""

from datetime import UTC, datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from agent.dashboard import plots, statistics
from agent.dashboard.access import (
    ActionRefused,
    Actor,
    Form,
    Here,
    Who,
)
from agent.dashboard.index import RunEntry, summarize_runs
from agent.models.clock import read_clock
from agent.store.sql_tables import PauseRow

router = APIRouter()
_log = structlog.get_logger()

_DAY = 86_400.0
RANGES = {"30d": 30, "90d": 90, "1y": 365, "all": 0}
"""Days by the name of a time range; 0: all."""
_USUAL_RANGE = "90d"
#: Of a run that should have gone on by itself; and runs of a group that the queue shows.
_MANY_WAITS, _MOST_SHOWN = 3, 100
TimeRange = Annotated[str, Query(alias="range")]


def _read_reason(form: dict[str, str]) -> str:
    return " ".join(form.get("reason", "").split())[:500]


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
