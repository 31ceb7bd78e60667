"""The pages about runs: the list; one run, its change, conversation, log and actions."""

import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.responses import RedirectResponse, Response, StreamingResponse

from agent.dashboard import actions, diffs, run_record, transcript
from agent.dashboard.access import Actor, Form, Here, PageMissing, Visitor, Who
from agent.dashboard.index import RunEntry
from agent.dashboard.pages import is_web_link, render_markdown, write_span
from agent.dashboard.statistics import UNKNOWN
from agent.models.change import Finding, Plan
from agent.models.clock import read_clock
from agent.models.environment import Contract, Environment
from agent.models.review import ReviewNotes
from agent.models.step import Step
from agent.publishing import messages
from agent.store.sql_tables import RunRow
from agent.telemetry import signature
from agent.text import check_summary

router = APIRouter()

_PER_PAGE = 50
_NARROWED_BY = ("repository", "state", "reason", "category", "person", "origin")
_TAIL_BYTES = 8 * 1024
_CHUNK_BYTES = 64 * 1024
_NOTICES = {"stop": "The run is being stopped.", "retry": "The run is queued.",
            "approve": "The plan is approved; the run continues."}  # fmt: skip
_SORTS: dict[str, Callable[[RunEntry], float]] = {
    "oldest": lambda entry: entry.queued_at,
    "longest": lambda entry: -(entry.seconds or 0.0),
    "costliest": lambda entry: -entry.usd,
}


# --- the list ------------------------------------------------------------------------------------


class Filters(BaseModel):
    """What a list of runs is narrowed by; empty: by nothing."""

    text: str = ""
    repository: str = ""
    state: str = ""
    reason: str = ""
    category: str = ""
    person: str = ""
    origin: str = ""
    model: str = ""
    since: Literal[""] | date = ""
    """The first day."""
    until: Literal[""] | date = ""
    """The last day."""
    sort: str = "newest"
    page: int = 1


@router.get("/")
@router.get("/runs")
def list_runs(here: Here, who: Who, filters: Annotated[Filters, Query()]) -> Response:
    every = here.list_runs(who)
    wanted = {name: value for name in _NARROWED_BY if (value := getattr(filters, name))}
    since, until = _find_second(filters.since, 0), _find_second(filters.until, 1) or math.inf
    runs = [
        entry
        for entry in every
        if since <= entry.queued_at < until
        and (not filters.model or filters.model in dict(entry.models))
        and _fits(entry, wanted, filters.text)
    ]
    # The index lists the newest first.
    if filters.sort in _SORTS:
        runs.sort(key=_SORTS[filters.sort])
    pages = max(1, -(-len(runs) // _PER_PAGE))
    page = min(max(1, filters.page), pages)
    return here.render(
        "runs.html.j2",
        who,
        runs=runs[(page - 1) * _PER_PAGE : page * _PER_PAGE],
        count=len(runs),
        every=len(every),
        filters=filters,
        choices={name: _list_values(getattr(entry, name) for entry in every)
                 for name in _NARROWED_BY}
        | {"model": _list_values(model for entry in every for model, _ in entry.models)},
        sorts=("newest", *_SORTS),
        page=page,
        pages=pages,
        query=urlencode(filters.model_dump(exclude={"page"}, exclude_defaults=True)),
    )  # fmt: skip


def _fits(entry: RunEntry, wanted: dict[str, str], text: str) -> bool:
    if any(str(getattr(entry, name) or UNKNOWN) != value for name, value in wanted.items()):
        return False
    sought = f"{entry.title}\n{entry.repository}#{entry.number}\n{entry.run_id}\n{entry.sentence}"
    return not text or text.casefold() in sought.casefold()


def _find_second(day: Literal[""] | date, days_later: int) -> float:
    if not day:
        return 0.0
    return datetime.combine(day, time.min, UTC).timestamp() + days_later * 86_400


def _list_values(values: Iterable[object]) -> list[str]:
    return sorted({str(value) for value in values if value})[:500]


# --- one run -------------------------------------------------------------------------------------


@router.get("/runs/{run_id}")
def show_run(here: Here, who: Who, run_id: str, notice: str = "") -> Response:
    """Show how a run stands, and what it came to."""
    stored, entry = here.find_run(run_id, who)
    folder = here.find_folder(run_id)
    record = run_record.read_record(folder)
    outcome = stored.outcome
    judged = record.judged
    checks = (outcome.judged.checks if outcome else ()) or (judged.compared if judged else ())
    text = run_record.read_tail(folder, "pull_request.md")
    is_done = outcome is not None and outcome.is_done
    stages = record.list_stages(is_active=stored.active, outcome=outcome)
    return here.render(
        "run.html.j2",
        who,
        **_describe(who, stored, entry, "run"),
        notice=_NOTICES.get(notice, ""),
        headline=outcome.headline if outcome and not is_done else "",
        result=render_markdown(messages.render_outcome_text(outcome)) if outcome else "",
        next_step=messages.find_next_step(outcome, stored.run) if outcome and not is_done else "",
        advice=next(
            (worker.advice for worker in here.list_workers() if run_id in worker.run_ids), ""
        ),
        proof=judged.proof if judged else None,
        environment=record.read(Step.ENVIRONMENT, Environment),
        contract=record.read(Step.READ_CONFIG, Contract),
        stages=stages,
        bars=_place_bars([stage.measure(read_clock()) for stage in stages]),
        current=next((stage for stage in stages if stage.begun), None),
        plan=(outcome.judged.plan if outcome else None) or record.read(Step.PLAN, Plan),
        checks=[(check, check_summary.summarize_check(check)) for check in checks],
        findings=_list_findings(stored, record),
        review=(outcome.judged.review if outcome else None)
        or record.read(Step.REVIEW, ReviewNotes),
        text=render_markdown(text) if text else None,
        spent=here.store.spendings.sum_of_run(run_id) if stored.active else 0.0,
        guidance=here.store.list_guidance(run_id),
        follow_ups=here.store.follow_ups(run_id),
        tail=run_record.read_tail(folder, "run.log", _TAIL_BYTES) if stored.active else "",
    )


@router.get("/runs/{run_id}/changes")
def show_changes(here: Here, who: Who, run_id: str) -> Response:
    stored, entry = here.find_run(run_id, who)
    folder = here.find_folder(run_id)
    record = run_record.read_record(folder)
    diff = record.diff or run_record.read_tail(folder, "change.patch")
    findings = _list_findings(stored, record)
    files, is_cut = diffs.parse_diff(diff, findings)
    shown = {file.path for file in files}
    return here.render(
        "changes.html.j2",
        who,
        **_describe(who, stored, entry, "changes"),
        files=files,
        is_cut=is_cut,
        others=[finding for finding in findings if finding.path not in shown],
    )


@router.get("/runs/{run_id}/conversation")
def show_conversation(here: Here, who: Who, run_id: str, page: int = 1) -> Response:
    stored, entry = here.find_run(run_id, who)
    turns, pages = transcript.read_turns(here.find_folder(run_id), page := max(1, page))
    head = _describe(who, stored, entry, "conversation")
    return here.render("conversation.html.j2", who, **head, turns=turns, page=page, pages=pages)


@router.get("/runs/{run_id}/log")
def show_log(here: Here, who: Who, run_id: str) -> Response:
    """Show the page of the log, whose script fetches the log itself in pieces."""
    stored, entry = here.find_run(run_id, who)
    folder = here.find_folder(run_id)
    record = run_record.read_record(folder)
    return here.render(
        "log.html.j2",
        who,
        **_describe(who, stored, entry, "log"),
        steps={
            step.name: (step.state, "" if step.state == "running" else write_span(step.seconds))
            for stage in record.list_stages(is_active=stored.active)
            for step in stage.steps
        },
        has_log=folder is not None and (folder / "run.log").is_file(),
        is_signed=folder is not None and (folder / signature.FILE_NAME).is_file(),
    )


@router.get("/runs/{run_id}/log.txt")
def give_log(here: Here, who: Who, run_id: str, after: Annotated[int, Query(ge=0)] = 0) -> Response:
    """Give the log as it is now, after so many bytes; it may grow while it is read."""
    here.find_run(run_id, who)
    folder = here.find_folder(run_id)
    if folder is None or not (folder / "run.log").is_file():
        raise PageMissing
    try:
        file = run_record.open_file(folder / "run.log")
        file.seek(after)
    except OSError:
        raise PageMissing from None
    parts = iter(lambda: file.read(_CHUNK_BYTES), b"")
    done = BackgroundTask(file.close)
    return StreamingResponse(parts, media_type="text/plain; charset=utf-8", background=done)


@router.get("/runs/{run_id}/log.zip")
def give_signed_log(here: Here, who: Who, run_id: str) -> Response:
    """Give the signed log with its files, as `mergewright verify` reads it."""
    here.find_run(run_id, who)
    folder, file = here.find_folder(run_id), tempfile.TemporaryFile()  # noqa: SIM115
    if folder is None or not (folder / signature.FILE_NAME).is_file():
        raise PageMissing
    signature.export_run(folder, file)
    file.seek(0)
    headers = {"Content-Disposition": f'attachment; filename="mergewright-{run_id}.zip"'}
    parts, done = iter(lambda: file.read(_CHUNK_BYTES), b""), BackgroundTask(file.close)
    return StreamingResponse(parts, headers=headers, media_type="application/zip", background=done)


@router.post("/runs/{run_id}/{action}")
def act(here: Here, who: Actor, form: Form, run_id: str, action: str) -> Response:
    stored, _ = here.find_run(run_id, who)
    actions.act(action, stored, here.store, who, form.get("plan", ""))
    return RedirectResponse(f"/runs/{run_id}?notice={action}", 303)


# --- parts ---------------------------------------------------------------------------------------


def _describe(who: Visitor, stored: RunRow, entry: RunEntry, tab: str) -> dict[str, Any]:
    """Collect what the head of every page of a run shows."""
    snapshot, outcome = stored.run.snapshot, stored.outcome
    pull = outcome.pull_request if outcome else None
    return {
        "tab": tab,
        "run": stored,
        "entry": entry,
        "issue_url": snapshot.url if snapshot and is_web_link(snapshot.url) else "",
        "pull_url": pull.url if pull and is_web_link(pull.url) else "",
        "actions": actions.list_actions(stored, who),
    }


@dataclass(frozen=True)
class _Cleared:
    """What a page shows of a change that the rules let pass."""

    findings: tuple[Finding, ...]


def _list_findings(stored: RunRow, record: run_record.RunRecord) -> tuple[Finding, ...]:
    """List the findings of a run that is over; until then those of the rules."""
    if stored.outcome is not None:
        return tuple(dict.fromkeys(stored.outcome.judged.findings))
    cleared = record.read(Step.POLICY, _Cleared)
    return cleared.findings if cleared else ()


def _place_bars(seconds: Sequence[float]) -> list[tuple[float, float]]:
    """Place a bar for each stage after those before it, in per cent of all."""
    total, at, bars = sum(seconds) or 1.0, 0.0, []
    for took in seconds:
        bars.append((round(100 * at / total, 2), round(100 * took / total, 2)))
        at += took
    return bars
