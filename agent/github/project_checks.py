"""What the project's own checks say of a commit, and the logs of those that failed.

Three sources: check runs, commit statuses, and the runs of workflows, which tell what waits for
somebody's word and has no check run yet. What we have reported ourselves is left out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Literal, get_args
from urllib.parse import urlsplit

import httpx
import structlog
from github.Repository import Repository

from agent.github import checks_report
from agent.github.answers import Refused, Unsure, passing
from agent.github.session import Raw, Session
from agent.models.pulls import ProjectCheck
from agent.text import cleaning

_log = structlog.get_logger()

_MOST_PAGES = 10
_MOST_WORKFLOWS = 20
#: GitHub's own App, whose check runs are jobs with the same number.
_ACTIONS = "github-actions"
_PASSED = frozenset({"success", "neutral", "skipped"})
#: Nothing is wrong with the commit; somebody has to start it anew.
_CUT_SHORT = frozenset({"cancelled", "stale"})
_STATUSES = {"success": "passed", "pending": "pending", "failure": "failed", "error": "failed"}
_SUMMARY_LINES, _SUMMARY_CHARACTERS = 10, 1_000
_LOG_CHARACTERS = 200_000
#: The end of a longer log is not looked for; so many bytes are read in at most so many seconds.
_LOG_BYTES = 64 * 1024**2
_LOG_SECONDS = 60.0
_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z ?", re.MULTILINE)
#: A log is deleted after a while, a job may never have begun, and we may not be let in.
_NO_LOG = (403, 404, 410)

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

State = Literal["failed", "waiting", "pending", "passed"]
#: From the one that is furthest from passing.
_STATES = get_args(State)


def of_commit(session: Session, commit: str) -> tuple[ProjectCheck, ...]:
    """List the project's checks of a commit by name, of each the newest run alone.

    A job has its workflow's name before its own, as on GitHub's pages. Where several checks have
    one name, as a workflow that two events start, the one that is furthest from passing counts.

    Raises:
        Refused: We may not read check runs there.
    """
    of_commit = {"head_sha": commit}
    runs = _listed(session, "actions/runs", "workflow_runs", of_commit, "actions", optional=True)
    workflows = _Workflows(run for run in runs if run["head_sha"] == commit)
    jobs = _newest_check_runs(session, commit, workflows)
    found: dict[str, ProjectCheck] = {}
    for one in (
        *_of_check_runs(jobs, workflows),
        *_of_workflow_runs(workflows, jobs),
        *_of_statuses(session, commit),
    ):
        known = found.setdefault(one.name, one)
        if _STATES.index(one.state) < _STATES.index(known.state):
            found[one.name] = one
    return tuple(found[name] for name in sorted(found))


# --- workflow runs -----------------------------------------------------------------------------


class _Workflows:
    """The runs of workflows on one commit: all by their suite, and the newest of each workflow.

    Whoever pushes our commit to a fork and opens a pull request of it has workflows run on it as
    well, with a title and words of theirs: those runs are not the project's word on our branch.
    """

    def __init__(self, runs: Iterable[Raw]) -> None:
        every = {run["check_suite_id"]: run for run in runs if run.get("check_suite_id")}
        # A fork may be gone by now.
        self.of_suite = {
            suite: run
            for suite, run in every.items()
            if (run["head_repository"] or {}).get("id") == run["repository"]["id"]
        }
        self.of_forks = frozenset(every) - frozenset(self.of_suite)
        newest: dict[tuple[int, str], Raw] = {}
        for run in sorted(self.of_suite.values(), key=lambda run: int(run["id"])):
            newest[run["workflow_id"], run["event"]] = run
        self.newest = tuple(newest.values())
        self.suites = frozenset(run["check_suite_id"] for run in self.newest)


def _of_workflow_runs(workflows: _Workflows, jobs: list[Raw]) -> Iterable[ProjectCheck]:
    """Tell of runs that their jobs do not tell of: those that wait, or have none yet."""
    states: dict[int, set[State]] = {}
    for job in jobs:
        states.setdefault(job["check_suite"]["id"], set()).add(_state(job))
    for run in workflows.newest:
        known, state = states.get(run["check_suite_id"], set()), _state(run)
        told = state in known or state != "waiting" if known else state == "passed"
        if not told:
            url, name = str(run["html_url"]), _name(run)
            yield ProjectCheck(name=name, state=state, url=url, summary=_why(run))


def _name(run: Raw) -> str:
    return str(run.get("name") or run["path"])


def _why(run: Raw) -> str:
    """Say what is not to be seen from the state alone."""
    if run["status"] == "waiting" or run["conclusion"] == "action_required":
        return "It waits for somebody's approval."
    if run["conclusion"] in _CUT_SHORT:
        return f"It ended as {run['conclusion']}; somebody has to start it again."
    if run["status"] == "completed":
        return f"It ended as {run['conclusion']}."
    return ""


# --- check runs --------------------------------------------------------------------------------


def _newest_check_runs(session: Session, commit: str, workflows: _Workflows) -> list[Raw]:
    """Read the check runs of others, without those that a newer one of that name replaces."""
    newest: dict[tuple[object, ...], Raw] = {}
    for run in sorted(_check_runs(session, commit, workflows), key=lambda run: int(run["id"])):
        suite = run["check_suite"]["id"]
        workflow, app = workflows.of_suite.get(suite), (run["app"] or {}).get("id")
        replaced = workflow is not None and suite not in workflows.suites
        ours = app == session.access.app_id
        if session.access.app_id is None:
            ours = run["name"] == checks_report.NAME
        if not (replaced or ours or suite in workflows.of_forks):
            # Jobs of two workflows may have the same name.
            source = (workflow["workflow_id"], workflow["event"]) if workflow else ()
            newest[(app, *source, run["name"])] = run
    return list(newest.values())


def _check_runs(session: Session, commit: str, workflows: _Workflows) -> list[Raw]:
    path = f"commits/{commit}/check-runs"
    try:
        return _listed(session, path, "check_runs", {"filter": "latest"}, "checks")
    except Refused as problem:
        closed = problem.status in (403, 404) and session.access.app_id is None
        if not closed or not workflows.newest:
            raise
        # Fine-grained personal tokens cannot be given the permission; that for jobs they can.
        _log.warning("check runs of Apps are not to be seen", why=problem.words)
    return [job for run in workflows.newest[:_MOST_WORKFLOWS] for job in _jobs(session, run)]


def _jobs(session: Session, run: Raw) -> list[Raw]:
    """Read the jobs of a run of a workflow, in the form of check runs."""
    path = f"actions/runs/{run['id']}/jobs"
    suite, app = {"id": run["check_suite_id"]}, {"slug": _ACTIONS}
    said = {"title": None, "summary": None}
    return [
        {**job, "check_suite": suite, "app": app, "output": said, "details_url": None}
        for job in _listed(session, path, "jobs", {"filter": "latest"}, "actions")
    ]


def _of_check_runs(runs: list[Raw], workflows: _Workflows) -> Iterable[ProjectCheck]:
    for run in runs:
        workflow, state = workflows.of_suite.get(run["check_suite"]["id"]), _state(run)
        if run["conclusion"] in _CUT_SHORT and workflow and workflow["conclusion"] == "failure":
            # GitHub ends the other jobs of a matrix once one has failed; they run again with it.
            state = "pending"
        said = (run["output"]["title"], run["output"]["summary"], _why(run))
        yield ProjectCheck(
            name=f"{_name(workflow)} / {run['name']}" if workflow else str(run["name"]),
            state=state,
            url=str(run["html_url"] or run["details_url"] or ""),
            job=int(run["id"]) if (run["app"] or {}).get("slug") == _ACTIONS else None,
            summary=_summary(*said) if state != "passed" else "",
        )


def _state(run: Raw) -> State:
    """Say how a check run, or a run of a workflow, stands."""
    conclusion = run["conclusion"]
    if run["status"] == "waiting" or conclusion == "action_required" or conclusion in _CUT_SHORT:
        return "waiting"
    if run["status"] != "completed":
        return "pending"
    return "passed" if conclusion in _PASSED else "failed"


def _summary(*said: str | None) -> str:
    lines = cleaning.terminal("\n".join(filter(None, said))).split("\n")
    kept = [line.rstrip() for line in lines if line.strip()][:_SUMMARY_LINES]
    return "\n".join(kept)[:_SUMMARY_CHARACTERS]


# --- statuses ----------------------------------------------------------------------------------


def _of_statuses(session: Session, commit: str) -> Iterable[ProjectCheck]:
    path = f"commits/{commit}/status"
    statuses = _listed(session, path, "statuses", {}, "statuses", optional=True)
    in_token_mode = session.access.app_id is None
    for one in statuses:
        if in_token_mode and one["context"] == checks_report.NAME:
            continue
        yield ProjectCheck.model_validate(
            {
                "name": one["context"],
                "state": _STATUSES[one["state"]],
                "url": one["target_url"] or "",
                "summary": _summary(one["description"]) if one["state"] != "success" else "",
            }
        )


# --- requests ----------------------------------------------------------------------------------


def _listed(
    session: Session, path: str, key: str, wanted: Raw, permission: str, *, optional: bool = False
) -> list[Raw]:
    """Read a list; of what is optional nothing, where we are not let in."""
    how = {"doing": "read the project's checks", "needs": f"{permission}: read"}
    try:
        return list(session.pages(path, wanted, most=_MOST_PAGES, key=key, **how))
    except Refused as problem:
        if not optional or problem.status not in (403, 404):
            raise
        _log.warning("part of the project's checks is not seen", part=key, why=problem.words)
        return []


# --- logs --------------------------------------------------------------------------------------


def log(session: Session, job: int) -> str:
    """Read the end of a job's log as people see it; empty: it has none that we may read.

    Raises:
        ForgeUnavailable: It could not be fetched, after all attempts.
    """

    def work(repository: Repository) -> str:
        # It is on another server, for a minute, for whoever has the address.
        try:
            repository.requester.requestJsonAndCheck(
                "GET", f"{repository.url}/actions/jobs/{job}/logs"
            )
        except Refused as problem:
            if problem.status >= 400:
                raise
            return _fetched(problem.location, session.access.base_url)
        return ""

    with passing(*_NO_LOG):
        raw = session.ask(work, doing=f"read the log of job {job}", needs="actions: read")
        return cleaning.terminal(_STAMP.sub("", raw))[-_LOG_CHARACTERS:]
    return ""


def _fetched(address: str, api: str) -> str:
    """Fetch the end of a log without any token; empty: it is not there.

    Raises:
        Unsure: No usable reply, or an address that we do not follow.
    """
    _require_safe(address, api)
    kept, read, begun = bytearray(), 0, time.monotonic()
    try:
        with (
            httpx.Client(timeout=httpx.Timeout(20.0, connect=10.0)) as client,
            client.stream("GET", address) as answer,
        ):
            if answer.status_code in _NO_LOG:
                return ""
            if answer.status_code != httpx.codes.OK:
                raise Unsure(f"the place of the log answered {answer.status_code}")
            for chunk in answer.iter_bytes():
                kept += chunk
                read += len(chunk)
                # A character has four bytes at most; escapes and times come on top.
                del kept[: -8 * _LOG_CHARACTERS]
                if read > _LOG_BYTES or time.monotonic() - begun > _LOG_SECONDS:
                    kept += f"\n[The log goes on; its first {read:,} bytes were read.]\n".encode()
                    break
    except httpx.HTTPError as problem:
        raise Unsure(f"the log could not be fetched ({type(problem).__name__})") from problem
    return kept.decode("utf-8", "replace")


def _require_safe(address: str, api: str) -> None:
    """See that an address is one of https; where GitHub is simulated here, of this machine.

    Raises:
        Unsure: It is another.
    """
    parts = urlsplit(address)
    is_local = {parts.hostname, urlsplit(api).hostname} <= _LOOPBACK
    if not parts.hostname or parts.scheme not in (("http", "https") if is_local else ("https",)):
        named = f"{parts.scheme or 'nothing'}://{parts.hostname or ''}"
        raise Unsure(f"it names {named} as the place of a log")
