"""Checks on a commit: ours, those of the project, and the logs of its jobs.

Ours is a check run of the App. The project's are the check runs of other Apps, jobs of GitHub
Actions among them, and statuses.
"""

import re
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import httpx
import structlog
from github.Repository import Repository

from agent.github.access import Raw, RepositorySession
from agent.github.api_errors import LostReply, RefusedRequest, ignore_statuses
from agent.models.pulls import ProjectCheck
from agent.text import sanitise

_log = structlog.get_logger()

#: Name of our check in GitHub's list.
NAME = "Mergewright"
_LONGEST_TITLE = 255

#: GitHub's own App, whose check runs are jobs with the same number.
_ACTIONS = "github-actions"
_PASSED = frozenset({"success", "neutral", "skipped"})
#: Conclusions that say nothing about the commit; a person has to restart the check.
_CUT_SHORT = frozenset({"cancelled", "stale"})
State = Literal["failed", "waiting", "pending", "passed"]
#: The state that is furthest from passing comes first.
_STATES = get_args(State)
_STATUSES: dict[str, State] = {
    "success": "passed",
    "pending": "pending",
    "failure": "failed",
    "error": "failed",
}
_SUMMARY_LINES, _SUMMARY_CHARACTERS = 10, 1_000
_LOG_CHARACTERS = 200_000
#: Maximum number of bytes of a log that are read to reach its end, which alone counts.
_LOG_BYTES = 64 * 1024**2
_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z ?", re.MULTILINE)
#: Statuses for a log that was deleted after a while, of a job that never began, or without access.
_NO_LOG = (403, 404, 410)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


# --- our own -----------------------------------------------------------------------------------


def report_check(
    session: RepositorySession,
    commit: str,
    title: str,
    summary: str,
    conclusion: Literal["success", "neutral", "failure"],
    *,
    page: str | None,
    anew: bool,
) -> None:
    """Report the result of our checks, only once even if this is called again.

    GitHub accepts check runs from Apps alone. `page` is the run's page for people; `anew`: the pull
    request is new, so that nothing can have been reported yet.
    """
    if session.access.tokens.app_id is None:
        return
    run_id = session.notes.run_id
    title = session.hide(title)[:_LONGEST_TITLE]
    wanted: dict[str, Any] = {
        "name": NAME,
        "head_sha": commit,
        "status": "completed",
        "conclusion": conclusion,
        "external_id": run_id,
        "output": {"title": title, "summary": session.hide(summary) or title},
    }
    if page:
        wanted["details_url"] = page

    def find_reported(repository: Repository) -> bool | None:
        runs = repository.get_commit(commit).get_check_runs(check_name=NAME)
        reported = {(run.app.id if run.app else None, run.external_id) for run in islice(runs, 300)}
        return (session.access.tokens.app_id, run_id) in reported or None

    def find_effect() -> bool | None:
        return session.ask(find_reported, doing="read the checks")

    def work(repository: Repository) -> bool:
        return isinstance(repository.create_check_run(**wanted).id, int)

    if anew or not find_effect():
        session.ask(work, find_effect=find_effect, doing="report the check")


# --- the project's -----------------------------------------------------------------------------


def list_checks(session: RepositorySession, commit: str) -> tuple[ProjectCheck, ...]:
    """List the project's checks of a commit, sorted by name; of each only the newest run.

    A job has its workflow's name before its own, as on GitHub's pages. If several checks have one
    name, as when two events start a job, the result furthest from passing counts. Raises
    RefusedRequest if we may not read check runs there.
    """
    checks: dict[str, ProjectCheck] = {}
    for run in (*_list_check_runs(session, commit), *_list_statuses(session, commit)):
        present = checks.setdefault(run.name, run)
        if _STATES.index(run.state) < _STATES.index(present.state):
            checks[run.name] = run
    return tuple(checks[name] for name in sorted(checks))


def _list_check_runs(session: RepositorySession, commit: str) -> Iterator[ProjectCheck]:
    app_id, newest = session.access.tokens.app_id, dict[tuple[object, ...], Raw]()
    workflows, foreign = _read_workflows(session, commit)
    listed = _list_items(
        session, f"commits/{commit}/check-runs", "check_runs", {"filter": "latest"}
    )
    for run in sorted(listed, key=lambda run: int(run["id"])):
        app, suite = run["app"] or {}, run["check_suite"]["id"]
        if app.get("id") != app_id and suite not in foreign:
            workflow = workflows.get(suite)
            key = _get_workflow_key(workflow) if workflow else (app.get("id"),)
            newest[*key, run["name"]] = run
    states: dict[int, set[State]] = {}
    for run in newest.values():
        suite = run["check_suite"]["id"]
        workflow, output, state = workflows.get(suite), run["output"] or {}, _read_check_state(run)
        states.setdefault(suite, set()).add(state)
        if workflow and run["conclusion"] in _CUT_SHORT and workflow["conclusion"] == "failure":
            # GitHub cancels the other jobs of a matrix after one failed; they run again with it.
            state = "pending"
        texts = (output.get("title"), output.get("summary"), _explain_state(run))
        yield ProjectCheck(
            name=f"{_name(workflow)} / {run['name']}" if workflow else str(run["name"]),
            state=state,
            job=int(run["id"]) if (run["app"] or {}).get("slug") == _ACTIONS else None,
            summary=_summarize(*texts) if state != "passed" else "",
        )
    for suite, workflow in workflows.items():
        state, of_jobs = _read_check_state(workflow), states.get(suite, set())
        # A run that waits, or has no jobs yet, has no check run.
        if (state == "waiting" and state not in of_jobs) or (not of_jobs and state != "passed"):
            yield ProjectCheck(name=_name(workflow), state=state, summary=_explain_state(workflow))


def _read_workflows(
    session: RepositorySession, commit: str
) -> tuple[dict[int, Raw], frozenset[int]]:
    """Return the newest run of each workflow on a commit, by check suite; and suites of forks.

    Anyone may push our commit to a fork and open a pull request of it. Its workflows then run as
    the fork defines them. Those runs are not the project's checks of our branch.
    """
    path, wanted = "actions/runs", {"head_sha": commit}
    listed = _list_if_allowed(session, path, "workflow_runs", wanted)
    newest: dict[tuple[object, ...], Raw] = {}
    foreign = set()
    for run in sorted(listed, key=lambda run: int(run["id"])):
        # The fork may be deleted.
        if (run["head_repository"] or {}).get("id") == run["repository"]["id"]:
            newest[_get_workflow_key(run)] = run
        else:
            foreign.add(run["check_suite_id"])
    return {run["check_suite_id"]: run for run in newest.values()}, frozenset(foreign)


def _get_workflow_key(run: Raw) -> tuple[object, ...]:
    return run["workflow_id"], run["event"]


def _name(workflow: Raw) -> str:
    return str(workflow.get("name") or workflow["path"])


def _read_check_state(run: Raw) -> State:
    conclusion = run["conclusion"]
    if run["status"] == "waiting" or conclusion == "action_required" or conclusion in _CUT_SHORT:
        return "waiting"
    if run["status"] != "completed":
        return "pending"
    return "passed" if conclusion in _PASSED else "failed"


def _explain_state(run: Raw) -> str:
    """Describe what the state alone does not show."""
    if run["status"] == "waiting" or run["conclusion"] == "action_required":
        return "It is waiting for approval."
    if run["conclusion"] in _CUT_SHORT:
        return f"It ended as {run['conclusion']}; someone has to restart it."
    return f"It ended as {run['conclusion']}." if run["status"] == "completed" else ""


def _summarize(*texts: str | None) -> str:
    lines = sanitise.strip_terminal_codes("\n".join(filter(None, texts))).split("\n")
    kept = [line.rstrip() for line in lines if line.strip()][:_SUMMARY_LINES]
    return "\n".join(kept)[:_SUMMARY_CHARACTERS]


def _list_statuses(session: RepositorySession, commit: str) -> Iterable[ProjectCheck]:
    for status in _list_if_allowed(session, f"commits/{commit}/status", "statuses", {}):
        yield ProjectCheck(
            name=status["context"],
            state=_STATUSES[status["state"]],
            summary=_summarize(status["description"]) if status["state"] != "success" else "",
        )


def _list_items(session: RepositorySession, path: str, key: str, wanted: Raw) -> list[Raw]:
    doing = "read the project's checks"
    return list(session.pages(path, wanted, most=10, key=key, doing=doing))


def _list_if_allowed(session: RepositorySession, path: str, key: str, wanted: Raw) -> list[Raw]:
    """Read a list; empty if we have no access."""
    with ignore_statuses(403, 404):
        return _list_items(session, path, key, wanted)
    _log.warning("some of the project's checks are not visible", part=key)
    return []


# --- logs --------------------------------------------------------------------------------------


def read_log(session: RepositorySession, job: int) -> str:
    """Read the end of a job's log; empty: it is not available. Raises CodeHostUnavailable."""

    def work(repository: Repository) -> str:
        # GitHub redirects to another server, which has the log for a minute; the URL is enough.
        try:
            repository.requester.requestJsonAndCheck(
                "GET", f"{repository.url}/actions/jobs/{job}/logs"
            )
        except RefusedRequest as problem:
            if problem.status >= 400:
                raise
            return _fetch_log(problem.location, session.access.base_url)
        return ""

    with ignore_statuses(*_NO_LOG):
        raw = session.ask(work, doing=f"read the log of job {job}")
        return sanitise.strip_terminal_codes(_STAMP.sub("", raw))[-_LOG_CHARACTERS:]
    return ""


def _fetch_log(address: str, api: str) -> str:
    """Fetch the end of a log without any token; empty: it is not there. Raises LostReply."""
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
                raise LostReply(f"the log's URL returned {answer.status_code}")
            for chunk in answer.iter_bytes():
                kept += chunk
                read += len(chunk)
                # A character has four bytes at most; escapes and times come on top.
                del kept[: -8 * _LOG_CHARACTERS]
                if read > _LOG_BYTES or time.monotonic() - begun > 60.0:
                    kept += f"\n[Log truncated after {read:,} bytes.]\n".encode()
                    break
    except httpx.HTTPError as problem:
        raise LostReply(f"the log could not be fetched ({type(problem).__name__})") from problem
    return kept.decode("utf-8", "replace")


def _require_safe(address: str, api: str) -> None:
    """Raise LostReply unless a URL is https; http is allowed for a simulator on this machine."""
    parts = urlsplit(address)
    is_local = {parts.hostname, urlsplit(api).hostname} <= _LOOPBACK
    if not parts.hostname or parts.scheme not in (("http", "https") if is_local else ("https",)):
        named = f"{parts.scheme or 'nothing'}://{parts.hostname or ''}"
        raise LostReply(f"it gives {named} as the log's URL")
