"""Publish: commit, branch and text for a change that passed; the text alone for one that did not.

Executes nothing of the repository's. May run twice: an equal commit on an equal branch is found
again, and the texts are written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent import worktree
from agent.checks import reports
from agent.domain import (
    Change,
    ChangedFile,
    CheckReport,
    ClearedChange,
    Comparison,
    Finding,
    ModelWork,
    Outcome,
    Plan,
    Prepared,
    Proof,
    PullRequest,
    Reason,
    Record,
    ReviewNotes,
    Run,
    Severity,
    Similar,
    Ticket,
    Verdict,
    end_state,
)
from agent.editing.job import Job
from agent.editing.rounds import Round
from agent.errors import (
    AccessLost,
    AgentError,
    BranchTaken,
    Cancelled,
    PolicyRefused,
    RequestRefused,
    Superseded,
)
from agent.ports import NewPullRequest, OwnPull, Remote
from agent.publishing import commits, migrations, siblings, template, text
from agent.publishing.siblings import Siblings
from agent.redaction import Redactor
from agent.repository import left_branches
from agent.repository.left_branches import LeftBranch
from agent.services import Services

#: Names that are tried for a branch that the forge commits to; each takes a look at what is there.
_MOST_SIGNED = 5
#: In a run's folder: what a dry run would have put on a branch.
_PATCH = "change.patch"


class Decided(Record):
    """Everything a run found out, ready to be handed over."""

    ticket: Ticket
    plan: Plan
    cleared: ClearedChange
    after: CheckReport
    compared: tuple[Comparison, ...]
    notes: ReviewNotes
    verdict: Verdict
    proof: Proof = Proof()
    work: ModelWork = ModelWork()
    similar: tuple[Similar, ...] = ()
    """Other runs of ours whose tickets are much alike."""


def decided(chosen: Round, notes: ReviewNotes, job: Job) -> Decided:
    """Put together what a run found out about a model's change.

    Raises:
        PolicyRefused: The rules did not let it pass.
    """
    if chosen.cleared is None or chosen.after is None or chosen.verdict is None:
        raise PolicyRefused(chosen.refused)
    verdict, work = chosen.verdict, job.work(chosen.draft.words)
    if work.undone and (notes.open or not verdict.publish):
        sentence = " ".join((verdict.sentence, *work.undone))
        verdict = verdict.model_copy(update={"sentence": sentence})
    return Decided(
        ticket=job.ticket,
        plan=chosen.draft.plan,
        cleared=_with_notes(chosen.cleared),
        after=chosen.after,
        compared=chosen.compared,
        notes=notes,
        verdict=verdict,
        proof=chosen.proof,
        work=work,
        similar=job.decision.similar,
    )


def _with_notes(cleared: ClearedChange) -> ClearedChange:
    """Name the files that a model has touched; what it says of them stands elsewhere."""
    notes = tuple(f"{_deed(file)} `{file.path}`." for file in cleared.change.files)
    change = cleared.change.model_copy(update={"notes": (*notes, *cleared.change.notes)})
    return cleared.model_copy(update={"change": change})


def _deed(file: ChangedFile) -> str:
    if file.before is None:
        return "Added"
    return "Deleted" if file.after is None else "Edited"


class Placed(Record):
    """Where the change is, once it left the machine."""

    branch: str
    commit: str
    new: bool = True
    """False where an earlier run left the same change on it."""
    digest: str = ""
    """Of the change, as the text's hidden line has it; empty where nothing goes to a forge."""
    others: tuple[OwnPull, ...] = ()
    """Our other open pull requests in the repository."""
    siblings: Siblings = Siblings()
    """Those of them for the same issue."""


def open_pull_request(prepared: Prepared, decided: Decided, svc: Services) -> Outcome:
    """Make branch and pull request if the verdict allows it, and hand the text over either way.

    Raises:
        Superseded: The issue is no longer what was approved. A branch that was pushed for it is
            removed again, by this attempt or the clean-up.
        Cancelled: The run was stopped; likewise.
        RequestRefused: The forge has rules against the branch.
        PolicyRefused: The change holds a secret of the service's own.
        AccessLost: The forge does not let us write.
    """
    run, verdict = prepared.run, decided.verdict
    remote = placed = pull_request = None
    if verdict.publish and not run.dry_run:
        _refuse_secrets(decided.cleared.change, svc.redactor)
        remote = svc.forge.remote(run)
        if remote is not None:
            # The world may have changed while the checks ran: then there is nothing to publish,
            # or something more to say about the text that was approved.
            decided = _asked_again(prepared, decided, svc)
        placed = _place(prepared, decided, remote, svc)
        svc.say(f"branch {placed.branch} at {placed.commit[:12]}")
    patch = _kept_patch(prepared, decided, svc) if verdict.publish and run.dry_run else None
    words = _words(prepared, decided, placed, svc)
    if placed and placed.siblings.same:
        pull_request = _there_already(placed.siblings.same)
        svc.say(f"pull request {pull_request.url} holds this very change already")
    elif placed and remote is not None:
        _require_wanted(prepared, placed, remote, svc)
        with _named(placed, "no pull request could be opened"):
            pull_request = svc.forge.propose(
                run, _proposal(prepared, decided, placed, remote, words, svc)
            )
        svc.say(f"pull request {pull_request.url}")
        for note in pull_request.notes:
            svc.say(f"pull request: {note}")
    reason = Reason.DRY_RUN if verdict.publish and run.dry_run else verdict.reason
    outcome = Outcome(
        run_id=run.run_id,
        state=end_state(reason),
        reason=reason,
        sentence=_sentence(verdict, placed, pull_request),
        branch=placed.branch if placed else None,
        commit=placed.commit if placed else None,
        pull_request=pull_request,
        pull_request_text=words,
        patch_path=patch,
        change_digest=decided.cleared.change.digest,
        log=str(svc.run_folder(run) / "run.log"),
        checks=decided.compared,
        findings=_findings(decided),
        similar=decided.similar,
        models=decided.work.uses,
        review=decided.notes if decided.work.uses else None,
    )
    outcome = svc.redactor.inside(outcome)
    if pull_request is None or placed is None:
        return svc.forge.deliver(run, outcome)
    with _named(placed, f"{pull_request.url} is open, but the issue could not be told"):
        return svc.forge.deliver(run, outcome)


def _asked_again(prepared: Prepared, decided: Decided, svc: Services) -> Decided:
    """Read the ticket once more; what others see already is brought to its end all the same.

    Raises:
        Superseded: The issue is no longer what was approved.
        Cancelled: The run was stopped.
    """
    run, branch = prepared.run, _branch(prepared, decided, svc.redactor, shared=True)
    try:
        now = _ticket_unless_stopped(run, svc)
    except (Superseded, Cancelled):
        # A pull request that was merged or closed needs no branch any more.
        ours = re.compile(rf"{re.escape(branch)}(-\d+)?")
        with suppress(AccessLost):
            if any(ours.fullmatch(one.branch) for one in svc.forge.own_pulls(run, "")):
                return decided
        raise
    # The text that was carried out stays, with what people have said to it; it may have been
    # edited since then, which is told.
    carried = decided.ticket
    removed = tuple(dict.fromkeys((*carried.removed, *now.removed)))
    ticket = carried.model_copy(update={"removed": removed})
    return decided.model_copy(update={"ticket": ticket})


def _ticket_unless_stopped(run: Run, svc: Services) -> Ticket:
    if svc.stopped.is_set():
        raise Cancelled
    return svc.forge.ticket(run)


def _require_wanted(prepared: Prepared, placed: Placed, remote: Remote, svc: Services) -> None:
    """Look once more before a pull request is opened; if it is moot, take the branch away again.

    Raises:
        Superseded: The issue is no longer what was approved.
        Cancelled: The run was stopped.
    """
    run, left = prepared.run, LeftBranch(placed.branch, placed.commit, mark="")
    with _named(placed, "no pull request could be opened"):
        try:
            _ticket_unless_stopped(run, svc)
        except (Superseded, Cancelled) as problem:
            moot = problem
        else:
            return
        with suppress(AccessLost):  # where we may not open one, there is none of ours
            if svc.forge.proposed(run, placed.branch):
                return
        token, mirrors = svc.forge.credential(run, write=True), svc.settings.home / "mirrors"
        svc.redactor.learn(token)
        gone = False
        with suppress(AccessLost):
            gone = left_branches.remove(remote.url, token, mirrors, left)
        if not gone:
            raise type(moot)(
                "it is no longer wanted. The branch was left, since it is not as it was pushed or"
                " may not be removed."
            ) from moot
    svc.say(f"branch {placed.branch} was removed again, since it is no longer wanted")
    raise moot


@contextmanager
def _named(placed: Placed, but: str) -> Iterator[None]:
    """Let what fails after the push say that there is a branch, and which."""
    try:
        yield
    except AgentError as problem:
        problem.branch, problem.commit = placed.branch, placed.commit
        told = f"The branch {placed.branch} was pushed; {but}: {problem.message}"
        problem.args = (told, *problem.args[1:])
        raise


def _refuse_secrets(change: Change, redactor: Redactor) -> None:
    """Stop before a secret in hand is pushed; what merely looks like one is a rule of policy.

    Raises:
        PolicyRefused: With the places, without the values.
    """
    found: list[tuple[str, int | None]] = []
    for file in change.files:
        before = (file.before or b"").decode("utf-8", "replace")
        after = (file.after or b"").decode("utf-8", "replace")
        for start, end in redactor.known(after):
            if after[start:end] not in before:
                found.append((file.path, after.count("\n", 0, start) + 1))
        if redactor.known(file.path):
            found.append(("", None))
    if found:
        raise PolicyRefused(
            tuple(
                Finding(
                    rule="secrets",
                    severity=Severity.BLOCK,
                    path=path,
                    line=line,
                    message="Here the change holds a secret of the service that runs it.",
                    fix="Take it out of the ticket, and replace the secret: somebody knows it.",
                )
                for path, line in found
            )
        )


def _sentence(verdict: Verdict, placed: Placed | None, pull_request: PullRequest | None) -> str:
    said = [verdict.sentence]
    if placed is not None and placed.siblings.same:
        said.append(f"#{placed.siblings.same.number} holds this very change already; no second")
        said.append("pull request was made.")
        return " ".join(said)
    if placed is not None and not placed.new:
        said.append(commits.held_already(placed.branch))
    if pull_request is not None and pull_request.notes:
        said.append(f"Of the pull request: {'; '.join(pull_request.notes)}.")
    return " ".join(said)


def _there_already(pull: OwnPull) -> PullRequest:
    return PullRequest(
        number=pull.number,
        url=pull.url,
        draft=pull.draft,
        notes=("it holds this very change already, so no second one was made",),
    )


def _place(prepared: Prepared, decided: Decided, remote: Remote | None, svc: Services) -> Placed:
    """Find where the change is already, or make the branch; one that is there is left alone."""
    branch = _branch(prepared, decided, svc.redactor, shared=remote is not None)
    snapshot = prepared.run.snapshot
    if remote is None or snapshot is None:
        return _make(prepared, decided, branch, remote, svc)
    others = svc.forge.own_pulls(prepared.run, branch)
    goes_to = prepared.checkout.base_branch or remote.default_branch
    digest = siblings.digest(decided.cleared.change, goes_to)
    found = siblings.among(others, prepared.run.run_id, snapshot.issue.number, digest)
    if same := found.same:
        placed = Placed(branch=same.branch, commit=same.commit, new=False)
    else:
        placed = _make(prepared, decided, branch, remote, svc)
    return placed.model_copy(update={"digest": digest, "others": others, "siblings": found})


def _make(
    prepared: Prepared, decided: Decided, branch: str, remote: Remote | None, svc: Services
) -> Placed:
    """Make the one commit, and the branch that ends in it."""
    run, base, change = prepared.run, prepared.checkout, decided.cleared.change
    name, email = (remote.author, remote.email) if remote else worktree.IDENTITY
    message = _message(prepared, decided, f"{name} <{email}>", svc.redactor)
    if remote and (rules := svc.forge.rules(run, branch)):
        if rules.refused:
            raise RequestRefused(f"The branch {branch} may not be made: {rules.refused}")
        if rules.signed:
            return _signed(run, branch, message, change, svc)
    commit = worktree.commit(base, change, message, date=run.started, author=name, email=email)
    if remote is None:
        if held := worktree.holding(base, commit, branch):
            return Placed(branch=held[0], commit=held[1], new=False)
        return Placed(branch=worktree.deliver(base, commit, branch), commit=commit)
    token = svc.forge.credential(run, write=True)
    svc.redactor.learn(token)
    most = svc.settings.max_repository_mb * 1024**2
    name = worktree.push(
        base,
        commit,
        branch,
        remote.url,
        token,
        taken=lambda name: _require_unproposed(run, name, svc),
        max_repository_bytes=most,
    )
    return Placed(branch=name, commit=commit)


def _signed(run: Run, branch: str, message: str, change: Change, svc: Services) -> Placed:
    """Have the forge commit on the branch, or on one with the next free name."""
    names = [branch, *(f"{branch}-{number}" for number in range(2, _MOST_SIGNED + 1))]
    for name in names[:-1]:
        with suppress(BranchTaken):
            return Placed(branch=name, commit=svc.forge.commit(run, name, message, change))
        _require_unproposed(run, name, svc)
    return Placed(branch=names[-1], commit=svc.forge.commit(run, names[-1], message, change))


def _require_unproposed(run: Run, branch: str, svc: Services) -> None:
    """Open no second pull request beside one of this run that somebody has worked on since.

    Only a run that goes on from an old backup comes here: its branch is named after it.

    Raises:
        Superseded: There is one.
    """
    if svc.forge.proposed(run, branch):
        raise Superseded(
            f"The branch {branch} of this run has a pull request already, and somebody has"
            " committed to it since; it was left as it is."
        )


def _message(prepared: Prepared, decided: Decided, author: str, redactor: Redactor) -> str:
    base, wanted = prepared.checkout, prepared.contract.config.pull_request
    signs_off = wanted.sign_off == "always" or (wanted.sign_off == "auto" and base.signs_off)
    return redactor(
        commits.message(
            redactor(decided.plan.title),
            decided.plan.steps,
            base.subjects,
            decided.ticket.ticket_id,
            signed_off_by=author if signs_off else None,
        )
    )


def _branch(prepared: Prepared, decided: Decided, redactor: Redactor, *, shared: bool) -> str:
    prefix, ticket_id = (
        prepared.contract.config.pull_request.branch_prefix,
        decided.ticket.ticket_id,
    )
    run_id = prepared.run.run_id if shared else None
    title = redactor(decided.plan.title)
    branch = commits.branch(prefix, ticket_id, title, run_id=run_id)
    # Without its signs a secret may show only now.
    if redactor.redact(branch).removed:
        branch = commits.branch(prefix, ticket_id, "", run_id=run_id)
    return branch


def _proposal(
    prepared: Prepared,
    decided: Decided,
    placed: Placed,
    remote: Remote,
    words: str,
    svc: Services,
) -> NewPullRequest:
    wanted = prepared.contract.config.pull_request
    return NewPullRequest(
        branch=placed.branch,
        commit=placed.commit,
        base_branch=prepared.checkout.base_branch or remote.default_branch,
        base_commit=prepared.checkout.commit,
        title=text.title(decided.plan.title, svc.redactor),
        body=words,
        draft=wanted.draft or bool(decided.verdict.review),
        reviewers=wanted.reviewers,
        labels=wanted.labels,
        findings=svc.redactor.inside(_findings(decided)),
        summary=text.checks_summary(decided.compared, decided.verdict, svc.redactor),
        check_title=text.checks_title(decided.compared, svc.redactor),
        checked=bool(text.compared(decided.compared)),
        begun=prepared.run.started,
    )


def _findings(decided: Decided) -> tuple[Finding, ...]:
    found = (one for check in decided.compared for one in check.findings)
    return (*decided.cleared.findings, *found, *decided.verdict.findings)


def _words(prepared: Prepared, decided: Decided, placed: Placed | None, svc: Services) -> str:
    adds = migrations.folders(decided.cleared.change) if placed else ()
    evidence = text.Evidence(
        prepared=prepared,
        ticket=decided.ticket,
        title=decided.plan.title,
        notes=decided.cleared.change.notes,
        diff=worktree.diff(prepared.checkout, decided.cleared.change),
        comparisons=decided.compared,
        findings=_findings(decided),
        after=decided.after,
        review=decided.notes,
        verdict=decided.verdict,
        proof=decided.proof,
        work=decided.work,
        plan=decided.plan,
        branch=placed.branch if placed else None,
        commit=placed.commit if placed else None,
        log_path=svc.log_place(prepared.run),
        patch=_patch_told(prepared, svc),
        template=_template(prepared, svc) if placed else None,
        adds=adds,
        rivals=_rivals(placed, adds) if placed else (),
        digest=placed.digest if placed else "",
        replaced=placed.siblings.replaced if placed else (),
    )
    if decided.verdict.publish:
        return text.pull_request(evidence, svc.redactor)
    return text.withheld(evidence, svc.redactor)


def _kept_patch(prepared: Prepared, decided: Decided, svc: Services) -> str:
    """Leave the change of a dry run as a patch in the run's folder; return its path."""
    place = svc.run_folder(prepared.run) / _PATCH
    reports.write(place, worktree.diff(prepared.checkout, decided.cleared.change))
    return str(place)


def _patch_told(prepared: Prepared, svc: Services) -> str:
    """Where the text says that the patch is: beside the log, if that is a file."""
    log = svc.log_place(prepared.run)
    return _PATCH if "://" in log else str(Path(log).with_name(_PATCH))


def _rivals(placed: Placed, adds: tuple[str, ...]) -> tuple[migrations.Rival, ...]:
    """Name other pull requests that add to the same migrations; what is replaced is no rival."""
    own = {*placed.siblings.replaced, *([same.number] if (same := placed.siblings.same) else [])}
    return migrations.rivals((one for one in placed.others if one.number not in own), adds)


def _template(prepared: Prepared, svc: Services) -> str | None:
    """The repository's own template, as it was at the base commit."""
    if prepared.run.snapshot is None:
        return None
    return template.find(worktree.open_tree(prepared.checkout, svc.base_folder(prepared.run)))
