"""Publish: push a change that passed, open or update its pull request, and answer its threads.

Nothing of the repository is executed. May run twice: an equal commit on an equal branch is found
again, each thread is answered once, and texts are written again.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from agent import steps
from agent.desk import Desk
from agent.errors import AccessLost, Cancelled, CodeHostUnavailable, Superseded
from agent.git import branches, pull_branch, worktree
from agent.models.change import Finding
from agent.models.environment import OpenedRepository, Prepared
from agent.models.outcome import (
    JudgedChange,
    Outcome,
    PullRequest,
    ReviewState,
    RunFiles,
)
from agent.models.pulls import PullSnapshot
from agent.models.record import replace
from agent.models.run import Reason, Run
from agent.models.step import Step
from agent.models.task import ItemAnswer, PullContext, Task
from agent.policy import layout
from agent.publishing import earlier_pulls, messages, pull_request_content, thread_answers, threads
from agent.publishing.evidence import DecidedChange
from agent.publishing.pull_request_content import PushedBranch
from agent.text import sanitise

#: The step to which a run returns after a push by others: comments and checks may have changed.
_LOOK_AGAIN = Step.READ_PULL


def publish_result(
    task: Task,
    decided: DecidedChange | None,
    refused: tuple[Finding, ...],
    answers: tuple[ItemAnswer, ...],
    base: OpenedRepository,
    desk: Desk,
) -> Outcome:
    """Push a change that passed, and report the result of the task to people.

    Args:
        decided: None: nothing was edited, or rules refused the change.
        refused: The findings for which rules refused it.
        answers: Answers to the items of a follow-up.
        base: A `Prepared`, with its environment, if there is a decision.

    Raises:
        Superseded: Issue or pull request are no longer what was approved. The error names a branch
            that was pushed before.
        Cancelled: The run was stopped; likewise.
        BranchMoved: The branch has new commits of others.
        PolicyRefused: The change contains a secret of the service.
        AccessLost: The code host refuses to let us write.
    """
    if task.pull is None:
        assert decided is not None and isinstance(base, Prepared)  # noqa: S101, PT018
        outcome = _open_pull_request(task, base, decided, desk)
    elif decided or refused or answers:
        answers = thread_answers.withhold_answers(answers, decided, refused)
        outcome = _update_pull_request(task, task.pull, decided, refused, answers, base, desk)
    else:
        return end_without_work(task.pull, base.run, desk)
    if outcome.judged.plan and outcome.pull_request:
        desk.say(f"pull request {outcome.pull_request.url}")
    return desk.redactor.redact_record(outcome)


def end_without_work(pull: PullContext, run: Run, desk: Desk) -> Outcome:
    """End a follow-up that has nothing to do; answer the person whose command began it."""
    about, at = pull.about, pull.pull
    words = {
        "review": "No comment in the pull request needs an answer.",
        "ci": f"No project check is failing on {at.head[:12]}.",
        "update": f"The branch is up to date with {at.base_branch}.",
    }[about.kind]
    if about.by:
        desk.code_host.add_comment(run, about.pull, f"{words} Nothing was done.", key=run.run_id)
    return Outcome(
        run_id=run.run_id,
        state=Reason.READY.state,
        reason=Reason.READY,
        sentence=words,
        branch=at.branch,
        commit=at.head,
        pull_request=at.reference,
        files=RunFiles(text=""),
        review_state=ReviewState(
            waiting_threads=thread_answers.list_waiting(thread_answers.list_lasting(pull), at)
        ),
    )


def _make_outcome(
    task: Task,
    decided: DecidedChange | None,
    refused: tuple[Finding, ...],
    placed: PushedBranch | None,
    sentence: str,
    base: OpenedRepository,
    desk: Desk,
) -> Outcome:
    """Make the outcome of a change; the caller adds the pull request and its texts.

    Args:
        placed: The branch with the change; None: it was not pushed.
    """
    run, pull = base.run, task.pull
    reason = decided.verdict.reason if decided else Reason.POLICY if refused else Reason.READY
    is_shown = decided is not None and decided.verdict.publish and run.dry_run
    reason = Reason.DRY_RUN if is_shown else reason
    judged, folder = JudgedChange(findings=refused), desk.run_folder(run)
    if decided is not None:
        folders = layout.list_migration_folders(decided.cleared.change)
        judged = JudgedChange(
            digest=decided.cleared.change.digest,
            plan=decided.plan if placed else None,
            checks=decided.compared,
            findings=decided.findings,
            review=decided.notes if decided.work.uses else None,
            migration_folders=folders if placed else (),
        )
    return Outcome(
        run_id=run.run_id,
        state=reason.state,
        reason=reason,
        sentence=sentence,
        branch=placed.branch if placed else pull.pull.branch if pull else None,
        commit=placed.commit if placed else task.start.head if pull else None,
        files=RunFiles(
            text="",
            patch_path=str(folder / pull_request_content.PATCH) if is_shown else None,
            log=str(folder / "run.log"),
        ),
        judged=judged,
    )


# --- a new pull request ---------------------------------------------------------------------------


def _open_pull_request(
    task: Task, prepared: Prepared, decided: DecidedChange, desk: Desk
) -> Outcome:
    """Push a branch and open its pull request, or write why there is none."""
    run, placed, pull_request = prepared.run, None, None
    still_open: tuple[int, ...] = ()
    if decided.verdict.publish and not run.dry_run:
        placed = _push_change(prepared, decided, desk)
    sentence = decided.verdict.sentence
    with _name_branch_in_errors(placed):
        words = pull_request_content.render_text(prepared, decided, placed, desk)
        if placed and (remote := placed.remote):
            _require_wanted(run, placed.branch, desk)
            proposal = pull_request_content.make_proposal(
                prepared, decided, placed, remote, words, desk
            )
            pull_request = desk.code_host.publish_pull_request(run, proposal)
    if placed and pull_request:
        if pull_request.notes:
            sentence += f" Pull request: {'; '.join(pull_request.notes).rstrip('.')}."
        pull_request, still_open = earlier_pulls.close_replaced(pull_request, run, desk)
    outcome = _make_outcome(task, decided, (), placed, sentence, prepared, desk)
    digest = threads.compute_digest(words) if pull_request else None
    return replace(
        outcome,
        pull_request=pull_request,
        still_open=still_open,
        files=replace(outcome.files, text=words),
        review_state=ReviewState(text_digest=digest),
    )


def _require_wanted(run: Run, branch: str, desk: Desk) -> None:
    """Read the ticket once more; a run with an open pull request goes on in any case.

    Raises:
        Superseded: The issue is no longer what was approved.
        Cancelled: The run was stopped.
    """
    with suppress(AccessLost):  # the open one is another account's, or we have no access
        if desk.code_host.has_open_pull_request(run, branch):
            return
    if desk.stopped.is_set():
        raise Cancelled
    desk.code_host.read_ticket(run)


@contextmanager
def _name_branch_in_errors(placed: PushedBranch | None) -> Iterator[None]:
    """Add the name of the branch to errors that are raised after the push."""
    try:
        yield
    except Exception as error:
        problem = steps.make_agent_error(error)
        if placed:
            problem.name_branch(placed.branch, placed.commit)
        if problem is error:
            raise
        raise problem from error


def _push_change(prepared: Prepared, decided: DecidedChange, desk: Desk) -> PushedBranch:
    """Make the commit and push its branch; an existing branch is not changed."""
    run, base, change = prepared.run, prepared.checkout, decided.cleared.change
    remote = desk.code_host.find_remote(run)
    draft = pull_request_content.draft_branch(prepared, decided, remote, desk.redactor)
    commit = worktree.make_commit(
        base, change, draft.message, date=run.started, author=draft.author, email=draft.email
    )
    if remote is None:
        return PushedBranch(branch=worktree.deliver_branch(base, commit, draft.name), commit=commit)
    try:
        _require_wanted(run, draft.name, desk)
    except (Superseded, Cancelled) as problem:
        # An attempt before a kill may have pushed the branch.
        token = desk.create_token(run, write=False)
        if branches.find_head(remote.url, token, desk.mirrors, draft.name) == commit:
            problem.name_branch(draft.name, commit)
        raise
    token = desk.create_token(run, write=True)
    name = worktree.push_commit(
        base,
        commit,
        draft.name,
        remote.url,
        token,
        taken=lambda name: earlier_pulls.require_unproposed(run, name, desk),
    )
    head, base_branch = None, base.base_branch or remote.default_branch
    with suppress(AccessLost, CodeHostUnavailable):  # only the text needs it
        head = branches.find_head(remote.url, token, desk.mirrors, base_branch)
    return PushedBranch(branch=name, commit=commit, remote=remote, base_head=head)


# --- a pull request of ours -----------------------------------------------------------------------


def _require_open(pull: PullContext, run: Run, desk: Desk) -> PullSnapshot:
    """Return the pull request as it is now, if it is still open.

    The issue is not read here: if it is no longer what was approved, the intake stops the run.
    """
    if desk.stopped.is_set():
        raise Cancelled
    now = desk.code_host.read_pull(run, pull.pull.number)
    if now is None or now.state != "open":
        raise Superseded(f"{messages.OVER}{pull.pull.number} is no longer open.")
    return now


def _extend_branch(
    task: Task,
    pull: PullContext,
    answers: tuple[ItemAnswer, ...],
    decided: DecidedChange,
    prepared: Prepared,
    desk: Desk,
) -> PushedBranch:
    """Push the change to the branch of a pull request.

    Raises:
        BranchMoved: The branch has new commits of others.
    """
    run, remote, change = prepared.run, pull.remote, decided.cleared.change
    pull_request_content.refuse_secrets(change, desk.redactor)
    is_review = any(item.thread for item in task.items)
    title = "Address review comments" if is_review else "Fix failing checks"
    title = "Solve conflicts" if any(item.conflict for item in task.items) else title
    plan = replace(decided.plan, title=title)
    done = {answer.item for answer in answers if answer.end == "commit"}
    message = pull_request_content.write_commit_message(
        prepared,
        replace(decided, plan=plan),
        f"{remote.author} <{remote.email}>",
        desk.redactor,
        tuple(item.about for item in task.items if item.number in done),
    )
    branch, base_branch = pull.pull.branch, pull.pull.base_branch
    commit = pull_branch.make_follow_up_commit(
        task.start,
        change,
        message,
        date=run.started,
        merge_message=f"Merge {base_branch} into {branch}",
        author=remote.author,
        email=remote.email,
    )
    token = desk.create_token(run, write=True)
    pull_branch.push_follow(task.start, commit, branch, remote.url, token, look_again=_LOOK_AGAIN)
    return PushedBranch(branch=branch, commit=commit)


def _update_pull_request(
    task: Task,
    pull: PullContext,
    decided: DecidedChange | None,
    refused: tuple[Finding, ...],
    answers: tuple[ItemAnswer, ...],
    base: OpenedRepository,
    desk: Desk,
) -> Outcome:
    """Push a change that passed, answer all threads, update the text, and report the checks."""
    run, at, placed = base.run, pull.pull, None
    # People may have edited the text of the pull request since the follow-up began.
    now = _require_open(pull, run, desk)
    if decided is not None and decided.verdict.publish and isinstance(base, Prepared):
        placed = _extend_branch(task, pull, answers, decided, base, desk)
    commit = placed.commit if placed else task.start.head
    ends = thread_answers.answer_threads(task.items, answers, commit, now, run, desk)
    every = {end.thread_id: end for end in (*thread_answers.list_lasting(pull), *ends)}
    waiting = thread_answers.list_waiting(every.values(), now)
    is_edited = threads.compute_digest(now.body) != pull.text_digest
    notes = thread_answers.list_notes(
        task, pull, commit, is_published=placed is not None, is_edited=is_edited
    )
    section = threads.write_section(tuple(every.values()), notes)
    pull_request, words = at.reference, ""
    if placed and decided is not None and isinstance(base, Prepared):
        if not is_edited:
            words = pull_request_content.render_text(base, decided, placed, desk, left=len(waiting))
        pull_request = _publish_update(pull, now, section, words, decided, placed, base, desk)
        solved = desk.redactor(thread_answers.show_solutions(task, decided.cleared.change))
        if solved:
            desk.code_host.add_comment(run, at.number, solved, key=f"{commit} conflicts")
    else:
        thread_answers.rewrite_section(now, section, run, desk)
    if call := thread_answers.call_people(ends):
        of = run.run_id if (decided or refused) and not placed else commit
        desk.code_host.add_comment(run, at.number, call, key=f"{of} people")
    summary = thread_answers.summarize_ends(task, pull, ends, decided, placed)
    sentence = f"{messages.OVER}{at.number}: {summary}."
    outcome = _make_outcome(task, decided, refused, placed, sentence, base, desk)
    digest = threads.compute_digest(words) if words else None
    state = ReviewState(text_digest=digest, threads=ends, waiting_threads=waiting)
    return replace(outcome, pull_request=pull_request, review_state=state)


def _publish_update(
    pull: PullContext,
    now: PullSnapshot,
    section: str,
    words: str,
    decided: DecidedChange,
    placed: PushedBranch,
    prepared: Prepared,
    desk: Desk,
) -> PullRequest:
    """Update the pull request for the commit that was pushed.

    Args:
        section: The section about its review.
        words: Its new text, without that section; "": people have edited the text, which stays.
    """
    body = thread_answers.add_section(now, section)
    if words:
        space = sanitise.TEXT_LIMIT - len(section) - 2
        cut = sanitise.cut_markdown(words, space, where=desk.log_place(prepared.run))
        body = threads.replace_section(cut, section)
    content = pull_request_content.make_proposal(prepared, decided, placed, pull.remote, body, desk)
    # The title may have been edited, and reviewers were requested before.
    content = replace(
        content,
        title=now.title,
        base_branch=pull.pull.base_branch,
        draft=bool(decided.verdict.review) and not pull.was_draft,
        reviewers=(),
        labels=(),
    )
    return desk.code_host.publish_pull_request(prepared.run, content)
