"""The pages about runs: the list; one run, its change, conversation, log and actions."""

import io
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.background import BackgroundTask
from starlette.responses import RedirectResponse, Response, StreamingResponse

from agent.dashboard import actions, diffs, run_record, transcript
from agent.dashboard.access import Actor, Form, Here, PageMissing, Visitor, Who
from agent.dashboard.pages import is_web_link, render_markdown, write_span
from agent.models.change import Finding, Plan
from agent.models.clock import read_clock
from agent.models.environment import Contract, Environment
from agent.models.review import ReviewNotes
from agent.models.step import Step
from agent.publishing import messages
from agent.store.sql_run_lists import RunFilters
from agent.store.sql_tables import NARROWED_BY, RunRow
from agent.telemetry import signature
from agent.text import check_summary

router = APIRouter()

_PER_PAGE = 50
_TAIL_BYTES = 8 * 1024
_CHUNK_BYTES = 64 * 1024


# --- the list ------------------------------------------------------------------------------------


@router.get("/")
@router.get("/runs")
def list_runs(here: Here, who: Who, filters: Annotated[RunFilters, Query()]) -> Response:
    count = here.store.count_runs(filters, who.readable)
    pages = max(1, -(-count // _PER_PAGE))
    filters.page = min(max(1, filters.page), pages)
    return here.render(
        "runs.html.j2",
        who,
        runs=here.store.list_runs(filters, who.readable, per_page=_PER_PAGE),
        count=count,
        every=here.store.count_runs(RunFilters(), who.readable),
        filters=filters,
        choices={name: here.store.list_choices(name, who.readable) for name in NARROWED_BY}
        | {"model": here.store.list_choices("models", who.readable)},
        sorts=("newest", "oldest", "longest", "costliest"),
        page=filters.page,
        pages=pages,
        query=urlencode(filters.model_dump(exclude={"page"}, exclude_defaults=True)),
    )


# --- one run -------------------------------------------------------------------------------------


@router.get("/runs/{run_id}")
def show_run(here: Here, who: Who, run_id: str) -> Response:
    run = here.find_run(run_id, who)
    folder = here.find_folder(run_id)
    record = run_record.read_record(folder)
    outcome = run.outcome
    judged = record.judged
    checks = (outcome.judged.checks if outcome else ()) or (judged.compared if judged else ())
    text = run_record.read_tail(folder, "pull_request.md")
    is_done = outcome is not None and outcome.is_done
    stages = record.list_stages(is_active=run.active, outcome=outcome)
    return here.render(
        "run.html.j2",
        who,
        **_describe(who, run, "run"),
        headline=outcome.headline if outcome and not is_done else "",
        result=render_markdown(messages.render_outcome_text(outcome)) if outcome else "",
        next_step=messages.find_next_step(outcome, run.run) if outcome and not is_done else "",
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
        findings=_list_findings(run),
        review=(outcome.judged.review if outcome else None)
        or record.read(Step.REVIEW, ReviewNotes),
        text=render_markdown(text) if text else None,
        spent=here.store.spendings.sum_of_run(run_id) if run.active else 0.0,
        guidance=here.store.list_guidance(run_id),
        follow_ups=here.store.follow_ups(run_id),
        tail=run_record.read_tail(folder, "run.log", _TAIL_BYTES) if run.active else "",
    )


@router.get("/runs/{run_id}/changes")
def show_changes(here: Here, who: Who, run_id: str) -> Response:
    run = here.find_run(run_id, who)
    folder = here.find_folder(run_id)
    record = run_record.read_record(folder)
    diff = record.diff or run_record.read_tail(folder, "change.patch")
    findings = _list_findings(run)
    files, is_cut = diffs.parse_diff(diff, findings)
    shown = {file.path for file in files}
    return here.render(
        "changes.html.j2",
        who,
        **_describe(who, run, "changes"),
        files=files,
        is_cut=is_cut,
        others=[finding for finding in findings if finding.path not in shown],
    )


@router.get("/runs/{run_id}/conversation")
def show_conversation(here: Here, who: Who, run_id: str, page: int = 1) -> Response:
    run = here.find_run(run_id, who)
    turns, pages = transcript.read_turns(here.find_folder(run_id), page := max(1, page))
    head = _describe(who, run, "conversation")
    return here.render("conversation.html.j2", who, **head, turns=turns, page=page, pages=pages)


@router.get("/runs/{run_id}/log")
def show_log(here: Here, who: Who, run_id: str) -> Response:
    """Return the page of the log, whose script fetches the log itself in pieces."""
    run = here.find_run(run_id, who)
    folder = here.find_folder(run_id)
    record = run_record.read_record(folder)
    return here.render(
        "log.html.j2",
        who,
        **_describe(who, run, "log"),
        steps={
            step.name: (step.state, "" if step.state == "running" else write_span(step.seconds))
            for stage in record.list_stages(is_active=run.active)
            for step in stage.steps
        },
        has_log=folder is not None and (folder / "run.log").is_file(),
        is_signed=folder is not None and (folder / signature.FILE_NAME).is_file(),
    )


@router.get("/runs/{run_id}/log.txt")
def get_log(here: Here, who: Who, run_id: str, after: Annotated[int, Query(ge=0)] = 0) -> Response:
    """Return the current log from byte `after` on; it may grow meanwhile."""
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
def get_signed_log(here: Here, who: Who, run_id: str) -> Response:
    """Return the signed log with its files, in the form that `mergewright verify` reads."""
    here.find_run(run_id, who)
    folder, archive = here.find_folder(run_id), io.BytesIO()
    if folder is None or not (folder / signature.FILE_NAME).is_file():
        raise PageMissing
    signature.export_run(folder, archive)
    headers = {"Content-Disposition": f'attachment; filename="mergewright-{run_id}.zip"'}
    return Response(archive.getvalue(), headers=headers, media_type="application/zip")


@router.post("/runs/{run_id}/{action}")
def act(here: Here, who: Actor, form: Form, run_id: str, action: str) -> Response:
    run = here.find_run(run_id, who)
    actions.act(action, run, here.store, who, form.get("plan", ""))
    return RedirectResponse(f"/runs/{run_id}", 303)


# --- parts ---------------------------------------------------------------------------------------


def _describe(who: Visitor, run: RunRow, tab: str) -> dict[str, Any]:
    """Return the values of the head that all pages of a run share."""
    snapshot, outcome = run.run.snapshot, run.outcome
    pull = outcome.pull_request if outcome else None
    return {
        "tab": tab,
        "run": run,
        "issue_url": snapshot.url if snapshot and is_web_link(snapshot.url) else "",
        "pull_url": pull.url if pull and is_web_link(pull.url) else "",
        "actions": actions.list_actions(run, who),
    }


def _list_findings(run: RunRow) -> tuple[Finding, ...]:
    """List the findings of a finished run; while it runs, its log has them."""
    return tuple(dict.fromkeys(run.outcome.judged.findings)) if run.outcome else ()


def _place_bars(seconds: Sequence[float]) -> list[tuple[float, float]]:
    """Return start and width of each stage's bar, one after the other, in per cent of the total."""
    total, at, bars = sum(seconds) or 1.0, 0.0, []
    for took in seconds:
        bars.append((round(100 * at / total, 2), round(100 * took / total, 2)))
        at += took
    return bars
