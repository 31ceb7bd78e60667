"""Publish: commit, branch and text for a change that passed; the text alone for one that did not.

Executes nothing of the repository's. May run twice: an equal commit on an equal branch is found
again, and the texts are written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from agent import steps
from agent.desk import Desk
from agent.errors import AccessLost, Cancelled, Duplicate, Superseded
from agent.git import branches, worktree
from agent.git.branches import LeftBranch
from agent.models.change import Change
from agent.models.code_host import Remote
from agent.models.environment import Prepared
from agent.models.outcome import Outcome, PullRequest, Verdict
from agent.models.run import Reason, Run, end_state
from agent.models.ticket import Ticket
from agent.publishing import other_pulls, pull_request_content, threads
from agent.publishing.evidence import Decided
from agent.publishing.pull_request_content import BranchDraft, Placed


def open_pull_request(prepared: Prepared, decided: Decided, desk: Desk) -> Outcome:
    """Make branch and pull request if the verdict allows it, and write the text either way.

    Raises:
        Superseded: The issue is no longer what was approved. A branch that was pushed for it is
            removed again, by this attempt or the clean-up.
        Cancelled: The run was stopped; likewise.
        PolicyRefused: The change holds a secret of the service's own.
        AccessLost: The code host does not let us write.
        Duplicate: A pull request for another issue holds the very change.
    """
    run, publish = prepared.run, decided.verdict.publish
    remote = placed = pull_request = None
    if publish and not run.dry_run:
        remote = desk.code_host.find_remote(run)
        draft = pull_request_content.draft_branch(prepared, decided, remote, desk.redactor)
        if remote is not None:
            # The world may have changed while the checks ran: then there is nothing to publish,
            # or something more to say about the text that was approved.
            decided = _ask_again(run, decided, draft.name, desk)
        placed = _place_change(prepared, decided.cleared.change, draft, remote, desk)
    with _tell_of_branch(placed, "its text could not be written"):
        words = pull_request_content.render_text(prepared, decided, placed, desk)
    if placed and (same := placed.related_pulls.same):
        note = "it holds this very change already, so no second one was made"
        pull_request = PullRequest(
            number=same.number, url=same.url, draft=same.draft, notes=(note,)
        )
    elif placed and remote is not None:
        _require_wanted(run, placed, remote, desk)
        with _tell_of_branch(placed):
            proposal = pull_request_content.make_proposal(
                prepared, decided, placed, remote, words, desk
            )
            pull_request = desk.code_host.publish_pull_request(run, proposal)
    _say_result(placed, pull_request, desk)
    outcome = _make_outcome(prepared, decided, placed, pull_request, desk)
    patch = desk.run_folder(run) / pull_request_content.PATCH
    told = {
        "pull_request_text": words,
        "text_digest": threads.compute_digest(words) if pull_request else None,
        "patch_path": str(patch) if publish and run.dry_run else None,
    }
    return desk.redactor.redact_record(outcome.model_copy(update=told))


def _say_result(placed: Placed | None, pull_request: PullRequest | None, desk: Desk) -> None:
    if placed:
        desk.say(f"branch {placed.branch} at {placed.commit[:12]}")
    if pull_request:
        desk.say(f"pull request {pull_request.url}")
        for note in pull_request.notes:
            desk.say(f"pull request: {note}")


def _make_outcome(
    prepared: Prepared,
    decided: Decided,
    placed: Placed | None,
    pull_request: PullRequest | None,
    desk: Desk,
) -> Outcome:
    run, verdict = prepared.run, decided.verdict
    reason = Reason.DRY_RUN if verdict.publish and run.dry_run else verdict.reason
    return Outcome(
        run_id=run.run_id,
        state=end_state(reason),
        reason=reason,
        sentence=_tell_result(verdict, placed, pull_request),
        branch=placed.branch if placed else None,
        commit=placed.commit if placed else None,
        pull_request=pull_request,
        change_digest=decided.cleared.change.digest,
        log=str(desk.run_folder(run) / "run.log"),
        checks=decided.compared,
        findings=decided.findings,
        models=decided.work.uses,
        review=decided.notes if decided.work.uses else None,
        plan=decided.plan if placed else None,
    )


def _ask_again(run: Run, decided: Decided, branch: str, desk: Desk) -> Decided:
    """Read the ticket once more; what others see already is brought to its end all the same.

    Raises:
        Superseded: The issue is no longer what was approved.
        Cancelled: The run was stopped.
    """
    try:
        now = _read_ticket_unless_stopped(run, desk)
    except (Superseded, Cancelled):
        # A pull request that was merged or closed needs no branch any more.
        ours = re.compile(rf"{re.escape(branch)}(-\d+)?")
        with suppress(AccessLost):
            if any(ours.fullmatch(one.branch) for one in desk.code_host.list_own_pulls(run, "")):
                return decided
        raise
    # The text that was carried out stays, with what people have said to it; it may have been
    # edited since then, which is told.
    carried = decided.ticket
    removed = tuple(dict.fromkeys((*carried.removed, *now.removed)))
    ticket = carried.model_copy(update={"removed": removed})
    return decided.model_copy(update={"ticket": ticket})


def _read_ticket_unless_stopped(run: Run, desk: Desk) -> Ticket:
    if desk.stopped.is_set():
        raise Cancelled
    return desk.code_host.read_ticket(run)


def _require_wanted(run: Run, placed: Placed, remote: Remote, desk: Desk) -> None:
    """Look once more before a pull request is opened; if it is moot, take the branch away again.

    Raises:
        Superseded: The issue is no longer what was approved.
        Cancelled: The run was stopped.
    """
    left = LeftBranch(placed.branch, placed.commit, mark="")
    with _tell_of_branch(placed):
        try:
            _read_ticket_unless_stopped(run, desk)
        except (Superseded, Cancelled) as problem:
            moot = problem
        else:
            return
        with suppress(AccessLost):  # where we may not open one, there is none of ours
            if desk.code_host.has_pull_request(run, placed.branch):
                return
        token = desk.code_host.create_credential(run, write=True)
        mirrors, gone = desk.settings.home / "mirrors", False
        desk.redactor.learn(token)
        with suppress(AccessLost):
            gone = branches.remove_branch(remote.url, token, mirrors, left)
        if not gone:
            raise type(moot)(
                "it is no longer wanted. The branch was left, since it is not as it was pushed or"
                " may not be removed."
            ) from moot
    desk.say(f"branch {placed.branch} was removed again, since it is no longer wanted")
    raise moot


@contextmanager
def _tell_of_branch(
    placed: Placed | None, but: str = "no pull request could be opened"
) -> Iterator[None]:
    """Let what fails after the push say that there is a branch, and which."""
    try:
        yield
    except Exception as error:
        problem = steps.make_agent_error(error)
        if placed:
            problem.name_branch(placed.branch, placed.commit, but)
        if problem is error:
            raise
        raise problem from error


def _tell_result(verdict: Verdict, placed: Placed | None, pull_request: PullRequest | None) -> str:
    said = [verdict.sentence]
    if placed is not None and (same := placed.related_pulls.same):
        said.append(f"#{same.number} holds this very change already; no second pull request was")
        return " ".join((*said, "made."))
    if pull_request is not None and pull_request.notes:
        said.append(f"Of the pull request: {'; '.join(pull_request.notes).rstrip('.')}.")
    return " ".join(said)


def _place_change(
    prepared: Prepared, change: Change, draft: BranchDraft, remote: Remote | None, desk: Desk
) -> Placed:
    """Find where the change is already, or make the branch; one that is there is left alone."""
    snapshot = prepared.run.snapshot
    if remote is None or snapshot is None:
        return _make_branch(prepared, change, draft, remote, desk)
    goes_to = prepared.checkout.base_branch or remote.default_branch
    others = desk.code_host.list_own_pulls(prepared.run, draft.name)
    digest = other_pulls.compute_digest(change, goes_to)
    found = other_pulls.find_related_pulls(
        others, prepared.run.run_id, snapshot.issue.number, digest
    )
    if same := found.same:
        placed = Placed(branch=same.branch, commit=same.commit)
    elif found.duplicate:
        raise Duplicate(found.duplicate.number)
    else:
        placed = _make_branch(prepared, change, draft, remote, desk)
    return placed.model_copy(update={"digest": digest, "related_pulls": found})


def _make_branch(
    prepared: Prepared, change: Change, draft: BranchDraft, remote: Remote | None, desk: Desk
) -> Placed:
    """Make the one commit, and the branch that ends in it."""
    run, base = prepared.run, prepared.checkout
    commit = worktree.make_commit(
        base, change, draft.message, date=run.started, author=draft.author, email=draft.email
    )
    if remote is None:
        return Placed(branch=worktree.deliver_branch(base, commit, draft.name), commit=commit)
    token = desk.code_host.create_credential(run, write=True)
    desk.redactor.learn(token)
    name = worktree.push_commit(
        base,
        commit,
        draft.name,
        remote.url,
        token,
        taken=lambda name: _require_unproposed(run, name, desk),
    )
    return Placed(branch=name, commit=commit)


def _require_unproposed(run: Run, branch: str, desk: Desk) -> None:
    """Open no second pull request beside one of this run that somebody has worked on since.

    Only a run that goes on from an old backup comes here: its branch is named after it.

    Raises:
        Superseded: There is one.
    """
    if desk.code_host.has_pull_request(run, branch):
        raise Superseded(
            f"The branch {branch} of this run has a pull request already. Somebody has"
            " committed to it since, so it was left as it is."
        )
