"""Make the content of a pull request from the results of a run: title, text, commit message.

This module joins the results of a run, and requests nothing from the code host. Other modules of
`publishing` write the texts.
"""

from collections.abc import Iterator
from pathlib import Path

from agent.desk import Desk
from agent.errors import PolicyRefused
from agent.git import worktree
from agent.models.change import Change, Finding, Severity
from agent.models.checks import PackageRun, Status
from agent.models.code_host import NewPullRequest, Remote
from agent.models.environment import Prepared
from agent.models.record import Record, replace
from agent.publishing import commits, text
from agent.publishing.evidence import DecidedChange, Evidence
from agent.telemetry.run_events import PUBLISHED
from agent.telemetry.signature import COMMIT
from agent.text import check_summary, sanitise
from agent.text.redaction import Redactor

PATCH = "change.patch"
"""File in a run's folder with the change that was pushed, or would have been."""


class BranchDraft(Record):
    """Name of a branch, and message and author of its commit."""

    name: str
    message: str
    author: str
    email: str


class PushedBranch(Record):
    branch: str
    commit: str
    remote: Remote | None = None
    """None: the branch is in the user's own repository."""
    base_head: str | None = None
    """Commit of the base branch on the code host after the push; None: unknown."""


def refuse_secrets(change: Change, redactor: Redactor) -> None:
    """Refuse a change that contains a secret of the service.

    Raises:
        PolicyRefused: The change contains one. What only looks like a secret is found by a rule.
    """
    places: list[tuple[str, int | None]] = []
    for file in change.files:
        before = (file.before or b"").decode("utf-8", "replace")
        after = (file.after or b"").decode("utf-8", "replace")
        for start, end in redactor.find_known(after):
            if after[start:end] not in before:
                places.append((file.path, after.count("\n", 0, start) + 1))
        if redactor.find_known(file.path):
            places.append(("", None))
    if places:
        raise PolicyRefused(
            tuple(
                Finding(
                    rule="secrets",
                    severity=Severity.BLOCK,
                    path=path,
                    line=line,
                    message="The change contains a secret of the service.",
                    fix="Remove it from the ticket and rotate the secret; it has leaked.",
                )
                for path, line in places
            )
        )


def draft_branch(
    prepared: Prepared, decided: DecidedChange, remote: Remote | None, redactor: Redactor
) -> BranchDraft:
    """Write the branch's name and its commit's message.

    Raises:
        PolicyRefused: The change contains a secret of the service.
    """
    refuse_secrets(decided.cleared.change, redactor)
    name, email = (remote.author, remote.email) if remote else worktree.IDENTITY
    prefix = prepared.contract.config.pull_request.branch_prefix
    # In a local repository no other run uses the name.
    run_id = prepared.run.run_id if remote else None
    branch = commits.name_branch(
        prefix, decided.ticket.ticket_id, redactor(decided.plan.title), run_id=run_id
    )
    # Without its punctuation, as in a branch's name, a secret may be recognised only now.
    if redactor(branch) != branch:
        branch = commits.name_branch(prefix, decided.ticket.ticket_id, "", run_id=run_id)
    message = write_commit_message(prepared, decided, f"{name} <{email}>", redactor)
    return BranchDraft(name=branch, message=message, author=name, email=email)


def write_commit_message(
    prepared: Prepared,
    decided: DecidedChange,
    author: str,
    redactor: Redactor,
    items: tuple[str, ...] = (),
) -> str:
    """Write the commit message in the repository's style, about `items` or else the ticket."""
    base, wanted = prepared.checkout, prepared.contract.config.pull_request
    signs_off = wanted.sign_off == "always" or (wanted.sign_off == "auto" and base.signs_off)
    ticket, plan = decided.ticket, decided.plan
    return redactor(
        commits.write_message(
            # Redact before making inert, which would hide the shape of a credential.
            redactor(plan.title),
            "" if items else redactor(ticket.title),
            base.subjects,
            ticket.ticket_id,
            category=plan.category,
            items=tuple(map(redactor, items)),
            signed_off_by=author if signs_off else None,
        )
    )


def make_proposal(
    prepared: Prepared,
    decided: DecidedChange,
    placed: PushedBranch,
    remote: Remote,
    words: str,
    desk: Desk,
) -> NewPullRequest:
    """Make the content of the pull request for a pushed change."""
    wanted, snapshot = prepared.contract.config.pull_request, prepared.run.snapshot
    return NewPullRequest(
        branch=placed.branch,
        commit=placed.commit,
        base_branch=prepared.checkout.base_branch or remote.default_branch,
        base_commit=prepared.checkout.commit,
        title=text.render_title(
            commits.write_subject(
                desk.redactor(decided.plan.title),
                prepared.checkout.subjects,
                decided.ticket.ticket_id,
                decided.plan.category,
            )
        ),
        body=words,
        draft=wanted.draft or bool(decided.verdict.review),
        # The person who set the label is notified as reviewer.
        reviewers=wanted.reviewers or ((snapshot.actor,) if snapshot and snapshot.actor else ()),
        labels=wanted.labels,
        summary=text.render_checks_summary(decided.compared, decided.verdict, desk.redactor),
        check_title=desk.redactor(check_summary.summarize_all(decided.compared)),
        checked=any(
            {comparison.base, comparison.head} != {Status.ABSENT} for comparison in decided.compared
        ),
    )


def render_text(
    prepared: Prepared,
    decided: DecidedChange,
    placed: PushedBranch | None,
    desk: Desk,
    *,
    left: int = 0,
) -> str:
    """Write the text of a pull request, or why there is none, and sign the log so far.

    Args:
        left: Number of review comments that are left to people.
    """
    change = decided.cleared.change
    diff = worktree.make_diff(prepared.checkout, change)
    is_published = decided.verdict.publish
    desk.store_file(prepared.run, PATCH, diff if is_published else desk.redactor(diff))
    if placed and (commit := worktree.read_commit(prepared.checkout, placed.commit)):
        desk.store_file(prepared.run, f"{COMMIT}{placed.commit}", commit)
    outcomes = [past.outcome for past in desk.memory.list_history(prepared.run) if past.outcome]
    earlier = (use for outcome in outcomes for use in outcome.figures.models)
    decided = replace(decided, work=decided.work.add_earlier(earlier))
    log = desk.log_place(prepared.run)
    commit_id = placed.commit if placed else None
    desk.events.append("run", PUBLISHED, commit=commit_id, change_digest=change.digest)
    seal = desk.sign_log(prepared.run)
    desk.events.store()
    evidence = Evidence(
        **dict(decided),
        prepared=prepared,
        done=list_deeds(change, by_model=not decided.plan.recipe),
        packages=tuple(list_packages(decided)),
        diff=diff,
        branch=placed.branch if placed else None,
        commit=commit_id,
        log_path=log,
        seal=seal,
        # The patch is in the folder of the log, if the log is a file.
        patch=PATCH if "://" in log else str(Path(log).with_name(PATCH)),
        left=left,
        base_head=placed.base_head if placed else None,
        earlier_rounds=len(outcomes),
    )
    render = text.render_pull_request if is_published else text.render_withheld
    return render(evidence, desk.redactor)


def list_deeds(change: Change, *, by_model: bool) -> tuple[str, ...]:
    """Describe the edits: in a recipe's own sentences, or as a list of files."""
    if not by_model and change.notes:
        return change.notes
    files = [
        f"`{file.path}`" if file.after is not None else f"`{file.path}` (deleted)"
        for file in change.files
    ]
    return (f"Files: {sanitise.list_some(files, 12)}.", *change.notes)


def list_packages(decided: DecidedChange) -> Iterator[str]:
    """Yield the packages that the change adds, or has in another version."""
    for result in (run for run in decided.after.results if isinstance(run, PackageRun)):
        for package in result.added_packages.packages:
            why = "new" if package.is_new else f"was {package.before or 'another version'}"
            yield f"{package.name} {package.version}".rstrip() + f" ({why})"
