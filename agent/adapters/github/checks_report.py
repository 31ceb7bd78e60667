"""Report on a commit what our checks said: a check run of the App, or a status with a token."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from github.CheckRun import CheckRun
from github.Repository import Repository

from agent import cleaning
from agent.adapters.github.answers import Unsure
from agent.adapters.github.session import Scope, Session
from agent.domain import Finding, Severity
from agent.ports import NewPullRequest

#: What a person sees in the list of checks.
NAME = "Mergewright"
_BATCH = 50
_MOST_ANNOTATIONS = 500
_LONGEST_MESSAGE = 10_000
_LONGEST_TITLE = 255
_LONGEST_STATUS = 140
_SEARCHED = 300

_LEVELS = {
    Severity.BLOCK: "failure",
    Severity.REVIEW: "warning",
    Severity.INFO: "notice",
}


def report(
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


# --- check run ---------------------------------------------------------------------------------


def _set_check_run(
    session: Session, proposal: NewPullRequest, page: str | None, *, anew: bool
) -> None:
    run_id = session.notice.run_id
    notes = [_annotation(finding) for finding in proposal.findings if finding.path]
    left_out = max(0, len(notes) - _MOST_ANNOTATIONS)
    notes = notes[:_MOST_ANNOTATIONS]
    where = page or "the log of the run"
    title = session.access.hide(proposal.check_title)[:_LONGEST_TITLE]
    summary = session.access.hide(proposal.summary or title)
    if left_out:
        summary = f"{left_out:,} more findings are in {where}.\n\n{summary}"
    output: dict[str, Any] = {
        "title": title,
        "summary": cleaning.cut(summary, cleaning.TEXT_LIMIT, where=where),
    }
    wanted: dict[str, Any] = {
        "name": NAME,
        "head_sha": proposal.commit,
        "status": "completed",
        "conclusion": "success" if proposal.checked else "neutral",
        "external_id": run_id,
        "output": {**output, "annotations": notes[:_BATCH]},
    }
    if page:
        wanted["details_url"] = page
    now = time.time()
    if proposal.begun and proposal.begun <= now:
        wanted["started_at"] = datetime.fromtimestamp(proposal.begun, UTC)
        wanted["completed_at"] = datetime.fromtimestamp(now, UTC)

    def found() -> tuple[int, int] | None:
        return _find_check_run(session, proposal.commit, run_id)

    made = None if anew else found()
    number, shown = made or session.tell(
        Scope.PUBLISH,
        lambda repository: _counted(repository.create_check_run(**wanted)),
        found=found,
        doing="report the check",
        needs="checks: write",
    )
    # What GitHub counts, where an earlier attempt got further; never less than we have sent.
    shown = max(shown, min(_BATCH, len(notes))) if made is None else shown
    while shown < len(notes):
        shown = _add(session, number, output, notes[shown : shown + _BATCH], shown)


def _add(
    session: Session, number: int, output: dict[str, Any], batch: list[Any], shown: int
) -> int:
    """Add annotations to the check run; return how many it has then."""
    target = shown + len(batch)

    def work(repository: Repository) -> int:
        run = repository.get_check_run(number)
        run.edit(output={**output, "annotations": batch})
        return target

    def found() -> int | None:
        def count(repository: Repository) -> int:
            return _counted(repository.get_check_run(number))[1]

        has = session.ask(Scope.PUBLISH, count, doing="read the check", needs="checks: write")
        return has if has >= target else None

    return session.tell(
        Scope.PUBLISH, work, found=found, doing="report findings", needs="checks: write"
    )


def _find_check_run(session: Session, commit: str, run_id: str) -> tuple[int, int] | None:
    def work(repository: Repository) -> tuple[int, int] | None:
        runs = repository.get_commit(commit).get_check_runs(check_name=NAME)
        for run in islice(runs, _SEARCHED):
            ours = run.app is not None and run.app.id == session.access.app_id
            if ours and run.external_id == run_id:
                return _counted(run)
        return None

    return session.ask(Scope.PUBLISH, work, doing="read the checks", needs="checks: write")


def _counted(run: CheckRun) -> tuple[int, int]:
    number, count = run.id, run.output.annotations_count
    if not isinstance(number, int) or not isinstance(count, int):
        raise Unsure("its answer names no check run")
    return number, count


def _annotation(finding: Finding) -> dict[str, str | int]:
    line = max(1, finding.line or 1)
    words = f"{finding.message} {finding.fix}".strip() or finding.rule
    return {
        "path": finding.path,
        "start_line": line,
        "end_line": line,
        "annotation_level": _LEVELS[finding.severity],
        "title": cleaning.terminal(finding.rule)[:_LONGEST_TITLE],
        "message": cleaning.terminal(words)[:_LONGEST_MESSAGE],
    }


# --- commit status -----------------------------------------------------------------------------


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

    def found() -> bool | None:
        def work(repository: Repository) -> bool | None:
            # PyGithub's get_statuses asks at an address that GitHub no longer describes.
            _, statuses = repository.requester.requestJsonAndCheck(
                "GET", f"{repository.url}/commits/{proposal.commit}/statuses"
            )
            for one in statuses:
                author = str((one.get("creator") or {}).get("login") or "").lower()
                if author in own and (one["context"], one["description"]) == (NAME, told):
                    return True
            return None

        return session.ask(Scope.PUBLISH, work, doing="read the statuses", needs="statuses: write")

    def work(repository: Repository) -> bool:
        # PyGithub's create_status would read the commit first.
        repository.requester.requestJsonAndCheck(
            "POST", f"{repository.url}/statuses/{proposal.commit}", input=wanted
        )
        return True

    if not anew and found():
        return
    session.tell(
        Scope.PUBLISH, work, found=found, doing="report the status", needs="statuses: write"
    )
