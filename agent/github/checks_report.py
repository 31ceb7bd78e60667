"""Report on a commit what our checks said: a check run of the App, or a status with a token."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from github.Repository import Repository

from agent.github.session import Raw, Session
from agent.models.change import Finding, Severity
from agent.models.code_host import NewPullRequest
from agent.text import sanitise

#: What a person sees in the list of checks.
NAME = "Mergewright"
#: More, GitHub does not take in one request.
_MOST_ANNOTATIONS = 50
_LONGEST_MESSAGE = 10_000
_LONGEST_TITLE = 255
_LONGEST_STATUS = 140
_SEARCHED = 300
_NEEDS = "statuses: write"

_LEVELS = {Severity.BLOCK: "failure", Severity.REVIEW: "warning", Severity.INFO: "notice"}


def report_checks(
    session: Session, proposal: NewPullRequest, page: str | None, *, anew: bool
) -> str | None:
    """Report once, also when it is asked for again; return why it could not be, in words.

    Args:
        page: Where people read the run.
        anew: The pull request was made just now, so nothing can have been reported yet.
    """
    if session.access.app_id is None:
        _set_status(session, proposal, page, anew=anew)
        return None
    if "checks: write" in session.notice.missing:
        return "the check could not be reported: our GitHub App lacks the permission checks: write"
    _set_check_run(session, proposal, page, anew=anew)
    return None


def _set_check_run(
    session: Session, proposal: NewPullRequest, page: str | None, *, anew: bool
) -> None:
    run_id = session.notice.run_id
    notes = [_annotation(finding) for finding in proposal.findings if finding.path]
    where = page or "the log of the run"
    title = session.access.hide(proposal.check_title)[:_LONGEST_TITLE]
    summary = session.access.hide(proposal.summary or title)
    if left_out := len(notes[_MOST_ANNOTATIONS:]):
        summary = f"{left_out:,} more findings are in {where}.\n\n{summary}"
    wanted: dict[str, Any] = {
        "name": NAME,
        "head_sha": proposal.commit,
        "status": "completed",
        "conclusion": "success" if proposal.checked else "neutral",
        "external_id": run_id,
        "output": {
            "title": title,
            "summary": sanitise.shorten_middle(summary, sanitise.TEXT_LIMIT, where=where),
            "annotations": notes[:_MOST_ANNOTATIONS],
        },
    }
    if page:
        wanted["details_url"] = page
    if proposal.begun and proposal.begun <= time.time():
        wanted["started_at"] = datetime.fromtimestamp(proposal.begun, UTC)
        wanted["completed_at"] = datetime.now(UTC)

    def look(repository: Repository) -> bool | None:
        runs = repository.get_commit(proposal.commit).get_check_runs(check_name=NAME)
        told = {
            (run.app.id if run.app else None, run.external_id) for run in islice(runs, _SEARCHED)
        }
        return (session.access.app_id, run_id) in told or None

    def found() -> bool | None:
        return session.ask(look, doing="read the checks", needs="checks: read")

    def work(repository: Repository) -> bool:
        return isinstance(repository.create_check_run(**wanted).id, int)

    if anew or not found():
        session.ask(work, found=found, doing="report the check", needs="checks: write")


def _annotation(finding: Finding) -> dict[str, str | int]:
    line = max(1, finding.line or 1)
    words = f"{finding.message} {finding.fix}".strip() or finding.rule
    return {
        "path": finding.path,
        "start_line": line,
        "end_line": line,
        "annotation_level": _LEVELS[finding.severity],
        "title": sanitise.strip_terminal_codes(finding.rule)[:_LONGEST_TITLE],
        "message": sanitise.strip_terminal_codes(words)[:_LONGEST_MESSAGE],
    }


def _set_status(
    session: Session, proposal: NewPullRequest, page: str | None, *, anew: bool
) -> None:
    # By its run it is found again, so that is never cut.
    run = f" (run {session.notice.run_id})"
    told = session.access.hide(proposal.check_title)[: _LONGEST_STATUS - len(run)] + run
    # A status knows no verdict between good and bad; its words say if nothing was checked.
    wanted = {"state": "success", "context": NAME, "description": told}
    if page:
        wanted["target_url"] = page
    own = session.access.own_logins()

    def look(statuses: list[Raw]) -> bool | None:
        ours = [one for one in statuses if (one["context"], one["description"]) == (NAME, told)]
        logins = (str((one.get("creator") or {}).get("login") or "").lower() for one in ours)
        return not own.isdisjoint(logins) or None

    def found() -> bool | None:
        # PyGithub's get_statuses asks at an address that GitHub no longer describes.
        path = f"commits/{proposal.commit}/statuses"
        return session.call("GET", path, look, doing="read the statuses", needs=_NEEDS)

    if anew or not found():
        # PyGithub's create_status would read the commit first.
        session.call(
            "POST",
            f"statuses/{proposal.commit}",
            lambda made: True,
            body=wanted,
            found=found,
            doing="report the status",
            needs=_NEEDS,
        )
