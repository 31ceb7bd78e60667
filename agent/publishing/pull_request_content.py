"""What is proposed: title, text and commit message, made of what a run has found out.

Owns how the facts of a run are put together for people; writes nothing to a code host and asks it
nothing. The content of a text is left to `publishing`.
"""

from collections.abc import Iterator
from pathlib import Path

from agent.desk import Desk
from agent.errors import PolicyRefused
from agent.git import worktree
from agent.models.change import Change, ChangedFile, Finding, Severity
from agent.models.checks import PackageRun, Status
from agent.models.code_host import NewPullRequest, Remote
from agent.models.environment import Prepared
from agent.models.record import Record, replace
from agent.policy import gate_files
from agent.policy.layout import is_migration, is_test
from agent.publishing import commits, text
from agent.publishing.evidence import DecidedChange, Evidence
from agent.telemetry.run_events import PUBLISHED
from agent.telemetry.signature import COMMIT
from agent.text import check_summary, sanitise
from agent.text.redaction import Redactor
from repo_config import rule_files

_KINDS = ("Code", "Tests", "Migrations", "Other files")
PATCH = "change.patch"
"""In a run's folder: what was put on a branch, or would have been."""


class BranchDraft(Record):
    """Name of our branch, and message of its commit."""

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
    """Commit of the base branch on the code host after the push; None: not read, or gone."""


def refuse_secrets(change: Change, redactor: Redactor) -> None:
    """Raise PolicyRefused for a secret of ours; what only looks like one is a rule of policy."""
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
    """Name the branch and word its commit; PolicyRefused: the change contains a secret of ours."""
    refuse_secrets(decided.cleared.change, redactor)
    name, email = (remote.author, remote.email) if remote else worktree.IDENTITY
    prefix = prepared.contract.config.pull_request.branch_prefix
    # One's own repository is shared with no other run.
    run_id = prepared.run.run_id if remote else None
    branch = commits.name_branch(
        prefix, decided.ticket.ticket_id, redactor(decided.plan.title), run_id=run_id
    )
    # Without its signs a secret may show only now.
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
    """Write the commit message as the repository does: about items, else about the ticket."""
    base, wanted = prepared.checkout, prepared.contract.config.pull_request
    signs_off = wanted.sign_off == "always" or (wanted.sign_off == "auto" and base.signs_off)
    ticket, plan = decided.ticket, decided.plan
    return redactor(
        commits.write_message(
            # Before they are made inert, which would hide the shape of a credential.
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
    """Put together what is asked of the code host for a change that is on its branch."""
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
        # So the person who set the label, if known, hears that there is something to review.
        reviewers=wanted.reviewers or ((snapshot.actor,) if snapshot and snapshot.actor else ()),
        labels=wanted.labels,
        findings=desk.redactor.redact_record(decided.findings),
        summary=text.render_checks_summary(decided.compared, decided.verdict, desk.redactor),
        check_title=desk.redactor(check_summary.summarize_all(decided.compared)),
        checked=any(
            {comparison.base, comparison.head} != {Status.ABSENT} for comparison in decided.compared
        ),
        begun=prepared.run.started,
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

    `left` tells how much of what was asked in its review is left to people.
    """
    change = decided.cleared.change
    diff = worktree.make_diff(prepared.checkout, change)
    is_published = decided.verdict.publish
    desk.store_file(prepared.run, PATCH, diff if is_published else desk.redactor(diff))
    if placed and (commit := worktree.read_commit(prepared.checkout, placed.commit)):
        desk.store_file(prepared.run, f"{COMMIT}{placed.commit}", commit)
    history = desk.memory.list_history(prepared.run)
    outcomes = [stored_run.outcome for stored_run in history if stored_run.outcome]
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
        sensitive=tuple(list_sensitive(decided, prepared)),
        diff=diff,
        branch=placed.branch if placed else None,
        commit=commit_id,
        log_path=log,
        seal=seal,
        # Next to the log, if that is a file.
        patch=PATCH if "://" in log else str(Path(log).with_name(PATCH)),
        left=left,
        base_head=placed.base_head if placed else None,
        earlier_rounds=len(outcomes),
    )
    render = text.render_pull_request if is_published else text.render_withheld
    return render(evidence, desk.redactor)


def list_deeds(change: Change, *, by_model: bool) -> tuple[str, ...]:
    """Say what was done: in a recipe's own sentences, or by what kind of files a model changed."""
    if not by_model and change.notes:
        return change.notes
    kinds: dict[str, list[str]] = {}
    for file in change.files:
        shown = f"`{file.path}`" if file.after is not None else f"`{file.path}` (deleted)"
        kinds.setdefault(_find_kind(file), []).append(shown)
    listed = (f"{kind}: {sanitise.list_some(kinds[kind], 6)}." for kind in _KINDS if kind in kinds)
    return (*listed, *change.notes)


def list_sensitive(decided: DecidedChange, prepared: Prepared) -> Iterator[tuple[str, str]]:
    """List the files and packages that ask for care, each with the reason."""
    findings = [item for item in decided.findings if item.rule == gate_files.OTHER_FILES.id]
    for file in decided.cleared.change.files:
        reasons = [*gate_files.explain_gate_file(file, prepared.contract.project)]
        if is_migration(file.path, file.after):
            reasons.append("database migration")
        if rule_files.has_tables(file.path):
            reasons = reasons or ["project metadata and dependencies"]
        reasons += [finding.message for finding in findings if finding.path == file.path]
        if reasons:
            yield file.path, "; ".join(reasons)
    for result in (run for run in decided.after.results if isinstance(run, PackageRun)):
        for package in result.added_packages.packages:
            was = f"package, was {package.before or 'another version'}"
            why = "new package" if package.is_new else was
            yield f"{package.name} {package.version}".rstrip(), why


def _find_kind(file: ChangedFile) -> str:
    if is_test(file.path):
        return "Tests"
    if is_migration(file.path, file.after):
        return "Migrations"
    return "Code" if file.path.endswith(".py") else "Other files"
