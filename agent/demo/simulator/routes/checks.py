"""Check runs, with annotations that are added to them."""

from __future__ import annotations

from datetime import datetime

from agent.demo.simulator import check_events, git_store, refusals
from agent.demo.simulator.call import Body, Call
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.records import Annotation, CheckRun, Repository
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.shapes import checks as shapes

api = Operations()
TEXT_LIMIT = 65_535
ANNOTATIONS_MAX = 50
ACTIONS_MAX = 3
_ROOT = "/repos/{owner}/{repo}/check-runs"
_ONE = _ROOT + "/{check_run_id}"
_STATUSES = ("queued", "in_progress", "completed")
_CONCLUSIONS = (
    "success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required",
)  # fmt: skip
_LEVELS = ("notice", "warning", "failure")


class _Annotation(Body):
    path: str
    start_line: int
    end_line: int
    annotation_level: str
    message: str
    title: str | None = None
    raw_details: str | None = None
    start_column: int | None = None
    end_column: int | None = None


class _Output(Body):
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[_Annotation] = []


class _Action(Body):
    label: str
    description: str
    identifier: str


class _NewRun(Body):
    name: str | None = None
    head_sha: str | None = None
    status: str | None = None
    conclusion: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    external_id: str | None = None
    details_url: str | None = None
    output: _Output | None = None
    actions: list[_Action] = []


def _writing(call: Call) -> tuple[Repository, int]:
    """Give the repository, if an App asks that may write checks; nobody else can."""
    repository = call.repository()
    app_id = call.caller.app_id
    if app_id is None:
        raise Refusal(403, "You must authenticate via a GitHub App.")
    call.allow_write(repository, "checks", role="write")
    return repository, app_id


def _run(call: Call, repository: Repository) -> CheckRun:
    found = repository.check_runs.get(call.number("check_run_id"))
    if found is None:
        raise refusals.not_found()
    return found


@api.post(_ROOT)
def create_check_run(call: Call) -> object:
    """Report a check on a commit."""
    repository, app_id = _writing(call)
    body = call.body(_NewRun)
    if not body.name or not body.head_sha:
        missing = "head_sha" if body.name else "name"
        raise Refusal(422, f'Invalid request.\n\n"{missing}" wasn\'t supplied.')
    if git_store.object_kind(repository.git_dir, body.head_sha) != "commit":
        raise refusals.unprocessable(f"No commit found for SHA: {body.head_sha}")
    _check(body, title_needed=True)
    now = call.world.now()
    run = CheckRun(
        call.world.next_id(), _suite(call, repository, app_id, body.head_sha), app_id,
        body.name, body.head_sha, "queued", _time(body.started_at) or now,
    )  # fmt: skip
    repository.check_runs[run.id] = run
    _apply(call, run, body)
    user = call.caller.user
    check_events.on_check_run(call.world, repository, run, "created", user)
    if run.status == "completed":
        check_events.on_check_run(call.world, repository, run, "completed", user)
    return shapes.check_run(call.world, repository, run)


def _suite(call: Call, repository: Repository, app_id: int, sha: str) -> int:
    for run in repository.check_runs.values():
        if (run.app_id, run.head_sha) == (app_id, sha):
            return run.suite_id
    return call.world.next_id()


@api.patch(_ONE)
def update_check_run(call: Call) -> object:
    """Go on with a check; annotations are added to those it has."""
    repository, app_id = _writing(call)
    run, body = _run(call, repository), call.body(_NewRun)
    if run.app_id != app_id:
        raise Refusal(
            403,
            f"Invalid app_id `{app_id}` - check run can only be modified by the GitHub App that "
            "created it.",
        )
    _check(body, title_needed=run.title is None)
    was = run.status
    run.name = body.name or run.name
    _apply(call, run, body)
    if run.status == "completed" and was != "completed":
        check_events.on_check_run(call.world, repository, run, "completed", call.caller.user)
    return shapes.check_run(call.world, repository, run)


def _check(body: _NewRun, *, title_needed: bool) -> None:
    """Refuse what GitHub refuses in a check run."""
    if body.status not in (None, *_STATUSES):
        raise refusals.unprocessable(f"Invalid request.\n\n{body.status} is not a status.")
    if body.conclusion not in (None, *_CONCLUSIONS):
        raise refusals.unprocessable(f"Invalid request.\n\n{body.conclusion} is not a conclusion.")
    if body.status == "completed" and body.conclusion is None:
        raise refusals.invalid("CheckRun", "conclusion", "missing_field")
    if len(body.actions) > ACTIONS_MAX:
        raise refusals.custom("CheckRun", f"There can be at most {ACTIONS_MAX} actions.")
    for action in body.actions:
        for field, limit in (("label", 20), ("description", 40), ("identifier", 20)):
            if len(getattr(action, field)) > limit:
                raise refusals.too_long("CheckRun", field, limit)
    if body.output:
        _check_output(body.output, title_needed=title_needed)
    for name, given in (("started_at", body.started_at), ("completed_at", body.completed_at)):
        if given is not None and _time(given) is None:
            raise refusals.invalid("CheckRun", name, "invalid")


def _check_output(output: _Output, *, title_needed: bool) -> None:
    if output.summary is None or (title_needed and not output.title):
        missing = "summary" if output.summary is None else "title"
        raise Refusal(422, f'Invalid request.\n\n"{missing}" wasn\'t supplied.')
    for name in ("summary", "text"):
        if len(getattr(output, name) or "") > TEXT_LIMIT:
            raise refusals.too_long("CheckRun", name, TEXT_LIMIT)
    if len(output.annotations) > ANNOTATIONS_MAX:
        raise refusals.unprocessable(
            "Invalid request.\n\nNo more than 50 items are allowed; "
            f"{len(output.annotations)} were supplied."
        )
    for one in output.annotations:
        if one.annotation_level not in _LEVELS:
            raise refusals.invalid("CheckAnnotation", "annotation_level", "invalid")
        if one.start_line < 1 or one.end_line < one.start_line:
            raise refusals.invalid("CheckAnnotation", "end_line", "invalid")
        if one.start_line != one.end_line and one.start_column is not None:
            raise refusals.invalid("CheckAnnotation", "start_column", "invalid")
        if len(one.title or "") > 255:
            raise refusals.too_long("CheckAnnotation", "title", 255)


def _apply(call: Call, run: CheckRun, body: _NewRun) -> None:
    run.status = body.status or run.status
    run.external_id = body.external_id or run.external_id
    run.details_url = body.details_url or run.details_url
    if body.conclusion:
        run.status, run.conclusion = "completed", body.conclusion
        run.completed = _time(body.completed_at) or call.world.now()
    elif body.status in ("queued", "in_progress"):
        run.conclusion = run.completed = None
    if body.output:
        run.title = body.output.title or run.title
        run.summary = body.output.summary
        run.text = body.output.text
        run.annotations += [
            Annotation(
                one.path, one.start_line, one.end_line, one.annotation_level, one.message,
                one.title, one.raw_details, one.start_column, one.end_column,
            )
            for one in body.output.annotations
        ]  # fmt: skip


def _time(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        return None


@api.get(_ONE)
def get_check_run(call: Call) -> object:
    """Answer with one check run."""
    repository = call.reading("checks")
    return shapes.check_run(call.world, repository, _run(call, repository))


@api.get("/repos/{owner}/{repo}/commits/{ref}/check-runs")
def list_check_runs(call: Call) -> object:
    """List the check runs of a commit, the newest of each name unless all are asked for."""
    repository = call.reading("checks")
    sha = git_store.resolve(repository.git_dir, call.params["ref"])
    if sha is None:
        raise refusals.unprocessable(f"No commit found for SHA: {call.params['ref']}")
    name, status = call.query.get("check_name"), call.query.get("status")
    newest: dict[object, CheckRun] = {}
    for run in repository.check_runs.values():
        kept = name in (None, run.name) and status in (None, run.status)
        if run.head_sha == sha and kept and call.query.get("app_id") in (None, str(run.app_id)):
            every = call.query.get("filter") == "all"
            # Two workflows may have jobs of one name: each suite has a newest one.
            newest[run.id if every else (run.suite_id, run.name)] = run
    runs = sorted(newest.values(), key=lambda run: -run.id)
    return call.page(
        runs,
        lambda one: shapes.check_run(call.world, repository, one),
        lambda page: {"total_count": len(runs), "check_runs": page},
    )
