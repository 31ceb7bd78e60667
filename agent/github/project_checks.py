"""What the project's own checks say of a commit, and the logs of those that failed.

Three sources: the jobs of workflows, the check runs of other Apps, and commit statuses. What we
have reported ourselves is left out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from typing import Literal, get_args
from urllib.parse import urlsplit

import httpx
import structlog
from github.Repository import Repository

from agent.github import checks_report
from agent.github.api_errors import LostReply, RefusedRequest, ignore_statuses
from agent.github.session import Raw, Session
from agent.models.pulls import ProjectCheck
from agent.text import sanitise

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
    runs = _workflow_runs(session, commit)
    found: dict[str, ProjectCheck] = {}
    for one in (
        *_of_workflows(session, runs or ()),
        *_of_check_runs(session, commit, runs),
        *_of_statuses(session, commit),
    ):
        known = found.setdefault(one.name, one)
        if _STATES.index(one.state) < _STATES.index(known.state):
            found[one.name] = one
    return tuple(found[name] for name in sorted(found))


# --- workflows and their jobs ------------------------------------------------------------------


def _workflow_runs(session: Session, commit: str) -> list[Raw] | None:
    """Read the newest run of each workflow on a commit; None: we may not.

    Whoever pushes our commit to a fork and opens a pull request of it has workflows run on it as
    well, with a title and words of theirs: those runs are not the project's word on our branch.
    """
    listed = _list_if_allowed(
        session, "actions/runs", "workflow_runs", {"head_sha": commit}, "actions"
    )
    if listed is None:
        return None
    newest: dict[tuple[int, str], Raw] = {}
    for run in sorted(listed, key=_number):
        # A fork may be gone by now.
        is_own = (run["head_repository"] or {}).get("id") == run["repository"]["id"]
        if is_own and run["head_sha"] == commit:
            newest[run["workflow_id"], run["event"]] = run
    return list(newest.values())[-_MOST_WORKFLOWS:]


def _of_workflows(session: Session, runs: Iterable[Raw]) -> Iterator[ProjectCheck]:
    """Tell of jobs, and of what they do not tell: a run that waits, or has none yet."""
    for run in runs:
        path, name, state = f"actions/runs/{run['id']}/jobs", _name(run), _state(run)
        jobs = _list_items(session, path, "jobs", {"filter": "latest"}, "actions")
        known = {_state(job) for job in jobs}
        told = state in known or state != "waiting" if known else state == "passed"
        if not told:
            url = str(run["html_url"])
            yield ProjectCheck(name=name, state=state, url=url, summary=_explain_state(run))
        for job in jobs:
            # GitHub ends the other jobs of a matrix once one has failed; they run again with it.
            again = job["conclusion"] in _CUT_SHORT and run["conclusion"] == "failure"
            yield ProjectCheck(
                name=f"{name} / {job['name']}",
                state="pending" if again else _state(job),
                url=str(job["html_url"] or ""),
                job=int(job["id"]),
                summary=_explain_state(job) if _state(job) != "passed" else "",
            )


def _name(run: Raw) -> str:
    return str(run.get("name") or run["path"])


def _explain_state(run: Raw) -> str:
    """Say what is not to be seen from the state alone."""
    if run["status"] == "waiting" or run["conclusion"] == "action_required":
        return "It waits for somebody's approval."
    if run["conclusion"] in _CUT_SHORT:
        return f"It ended as {run['conclusion']}; somebody has to start it again."
    if run["status"] == "completed":
        return f"It ended as {run['conclusion']}."
    return ""


# --- check runs of other Apps ------------------------------------------------------------------


def _of_check_runs(
    session: Session, commit: str, workflows: list[Raw] | None
) -> Iterator[ProjectCheck]:
    """Tell of the check runs of others; where workflows are not seen, of their jobs as well."""
    path, wanted, app_id = (
        f"commits/{commit}/check-runs",
        {"filter": "latest"},
        session.access.app_id,
    )
    # Fine-grained personal tokens cannot be given the permission.
    read = _list_if_allowed if app_id is None and workflows else _list_items
    newest: dict[tuple[int | None, str], Raw] = {}
    for run in sorted(read(session, path, "check_runs", wanted, "checks") or (), key=_number):
        app = run["app"] or {}
        ours = run["name"] == checks_report.NAME if app_id is None else app.get("id") == app_id
        if not ours and (workflows is None or app.get("slug") != _ACTIONS):
            newest[app.get("id"), run["name"]] = run
    for run in newest.values():
        state, said = (
            _state(run),
            (run["output"]["title"], run["output"]["summary"], _explain_state(run)),
        )
        yield ProjectCheck(
            name=str(run["name"]),
            state=state,
            url=str(run["html_url"] or run["details_url"] or ""),
            job=int(run["id"]) if (run["app"] or {}).get("slug") == _ACTIONS else None,
            summary=_summary(*said) if state != "passed" else "",
        )


def _number(run: Raw) -> int:
    return int(run["id"])


def _state(run: Raw) -> State:
    """Say how a check run, or a run of a workflow, stands."""
    conclusion = run["conclusion"]
    if run["status"] == "waiting" or conclusion == "action_required" or conclusion in _CUT_SHORT:
        return "waiting"
    if run["status"] != "completed":
        return "pending"
    return "passed" if conclusion in _PASSED else "failed"


def _summary(*said: str | None) -> str:
    lines = sanitise.strip_terminal_codes("\n".join(filter(None, said))).split("\n")
    kept = [line.rstrip() for line in lines if line.strip()][:_SUMMARY_LINES]
    return "\n".join(kept)[:_SUMMARY_CHARACTERS]


# --- statuses ----------------------------------------------------------------------------------


def _of_statuses(session: Session, commit: str) -> Iterable[ProjectCheck]:
    path = f"commits/{commit}/status"
    in_token_mode = session.access.app_id is None
    for one in _list_if_allowed(session, path, "statuses", {}, "statuses") or ():
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


def _list_items(session: Session, path: str, key: str, wanted: Raw, permission: str) -> list[Raw]:
    how = {"doing": "read the project's checks", "needs": f"{permission}: read"}
    return list(session.pages(path, wanted, most=_MOST_PAGES, key=key, **how))


def _list_if_allowed(
    session: Session, path: str, key: str, wanted: Raw, permission: str
) -> list[Raw] | None:
    """Read a list; None: we are not let in."""
    with ignore_statuses(403, 404):
        return _list_items(session, path, key, wanted, permission)
    _log.warning("part of the project's checks is not seen", part=key)
    return None


# --- logs --------------------------------------------------------------------------------------


def read_log(session: Session, job: int) -> str:
    """Read the end of a job's log as people see it; empty: it has none that we may read.

    Raises:
        CodeHostUnavailable: It could not be fetched, after all attempts.
    """

    def work(repository: Repository) -> str:
        # It is on another server, for a minute, for whoever has the address.
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
        raw = session.ask(work, doing=f"read the log of job {job}", needs="actions: read")
        return sanitise.strip_terminal_codes(_STAMP.sub("", raw))[-_LOG_CHARACTERS:]
    return ""


def _fetch_log(address: str, api: str) -> str:
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
                raise LostReply(f"the place of the log answered {answer.status_code}")
            for chunk in answer.iter_bytes():
                kept += chunk
                read += len(chunk)
                # A character has four bytes at most; escapes and times come on top.
                del kept[: -8 * _LOG_CHARACTERS]
                if read > _LOG_BYTES or time.monotonic() - begun > _LOG_SECONDS:
                    kept += f"\n[The log goes on; its first {read:,} bytes were read.]\n".encode()
                    break
    except httpx.HTTPError as problem:
        raise LostReply(f"the log could not be fetched ({type(problem).__name__})") from problem
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
        raise LostReply(f"it names {named} as the place of a log")
