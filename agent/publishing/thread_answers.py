"""Answer the threads of a pull request of ours, and describe their outcomes.

May run twice: each thread is answered once.
"""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence

from agent.desk import Desk
from agent.models.change import Change, Finding
from agent.models.outcome import Outcome, ThreadOutcome, ThreadResult
from agent.models.pulls import PullSnapshot, Thread
from agent.models.record import replace
from agent.models.run import Reason, Run
from agent.models.task import FollowUpItem, ItemAnswer, PullContext, Task
from agent.publishing import messages, threads
from agent.publishing.evidence import DecidedChange
from agent.publishing.pull_request_content import PushedBranch
from agent.text import sanitise
from agent.text.check_summary import format_count

#: Beginning of the ids of items without a thread: checks, conflicts and migrations that fork.
_CHECK = "check:"
#: Reasons for which a follow-up of kind `update` could not merge the base into the branch.
_BROKEN = frozenset({
    Reason.CONFLICT, Reason.UNCLEAR, Reason.NEW_FAILURES, Reason.UNVERIFIED, Reason.POLICY,
    Reason.EDIT_FAILED, Reason.UNASKED_OPERATIONS,
})  # fmt: skip
_NO_FIT = "It no longer goes together with its base branch"
_MARK_READY = "So the pull request is a draft now. Mark it ready once this is solved."
_CONFLICT_MARKS = "conflict-marks"
_SHOWN = 5
_MOST_SOLUTION = 6_000


def post_stopped(run: Run, outcome: Outcome, desk: Desk) -> None:
    """Comment that a follow-up ended without a result, unless people ended it."""
    over = outcome.reason is Reason.SUPERSEDED and outcome.sentence.startswith(messages.OVER)
    if not over and outcome.reason is not Reason.CANCELLED:
        words = outcome.files.text or sanitise.format_words(outcome.sentence)
        key = f"{run.run_id} {outcome.reason.value}"
        desk.code_host.add_comment(run, run.about.pull, words, key=key)


def report_broken(run: Run, outcome: Outcome, desk: Desk) -> None:
    """Report, as a failed check on a pull request, that the base cannot be merged into it."""
    is_left = any(thread.kind == "human" for thread in outcome.review_state.threads)
    if run.about.kind == "update" and (outcome.reason in _BROKEN or is_left):
        summary, note = sanitise.format_words(outcome.sentence), _MARK_READY
        desk.code_host.report_broken(run, run.about.pull, _NO_FIT, summary, draft_note=note)


# --- threads --------------------------------------------------------------------------------------


def withhold_answers(
    answers: tuple[ItemAnswer, ...], decided: DecidedChange | None, refused: tuple[Finding, ...]
) -> tuple[ItemAnswer, ...]:
    """Return the answers; if edits are not published, their items are left to people.

    Args:
        refused: The findings for which rules refused the edits.
    """
    if refused and refused[0].rule == _CONFLICT_MARKS:
        why = f"A conflict was left unsolved in {refused[0].path}."
    elif refused:
        why = f"The rule {refused[0].rule} blocks it: {refused[0].message}"
    elif decided is not None and not decided.verdict.publish:
        why = decided.verdict.sentence
    else:
        return answers
    words = f"An edit for this was made but not published. {why}"
    return tuple(
        replace(answer, end="human", text=words, by_model=False)
        if answer.end == "commit"
        else answer
        for answer in answers
    )


def answer_threads(
    items: tuple[FollowUpItem, ...],
    answers: tuple[ItemAnswer, ...],
    commit: str,
    now: PullSnapshot,
    run: Run,
    desk: Desk,
) -> tuple[ThreadOutcome, ...]:
    """Answer each thread, and return the outcomes of all items.

    Args:
        now: The pull request as this attempt has read it.
    """
    by_number = {answer.item: desk.redactor.redact_record(answer) for answer in answers}
    pairs = [(item, by_number[item.number]) for item in items if item.number in by_number]
    for item, answer in pairs:
        desk.say(f"{item.about}: {answer.end}: {answer.text}")
    outcomes = []
    for item, answer in pairs:
        outcome = ThreadOutcome(
            thread_id=f"{_CHECK}{item.check.name if item.check else item.about}",
            place="issue",
            about=item.about,
            kind=answer.end,
            text=answer.text,
            by_model=answer.by_model,
            commit=commit if answer.end == "commit" else "",
            last_comment_id=0,
        )
        if item.thread:
            outcome = _answer_thread(item.thread, answer, outcome, now, run, desk)
        outcomes.append(outcome)
    return tuple(outcomes)


def _answer_thread(
    thread: Thread,
    answer: ItemAnswer,
    outcome: ThreadOutcome,
    now: PullSnapshot,
    run: Run,
    desk: Desk,
) -> ThreadOutcome:
    # The last comment that the answer considers; ours may be newer.
    last = max(comment.comment_id for comment in thread.comments if not comment.is_ours)
    words = threads.write_reply(answer, outcome.commit)
    same = (present for present in now.threads if present.thread_id == thread.thread_id)
    present = next(same, thread)
    key = f"{thread.thread_id} {last}"
    page = desk.code_host.reply_in_thread(run, now.number, present, words, key=key)
    # A resolved thread is hidden, so comments that are newer or edited keep it open.
    read = {comment.comment_id: comment.body for comment in thread.comments}
    is_unread = any(
        not comment.is_ours
        and (comment.comment_id > last or read.get(comment.comment_id) not in ("", comment.body))
        for comment in present.comments
    )
    may_resolve = bool(outcome.commit) and not is_unread
    return replace(
        outcome,
        thread_id=thread.thread_id,
        place=thread.place,
        url=page,
        last_comment_id=last,
        resolved=may_resolve and desk.code_host.resolve_thread(run, thread),
    )


def list_lasting(pull: PullContext) -> tuple[ThreadOutcome, ...]:
    """Return the outcomes of earlier rounds, without checks left to people: these run again."""
    return tuple(
        outcome
        for outcome in pull.thread_outcomes
        if outcome.kind != "human" or not outcome.thread_id.startswith(_CHECK)
    )


def list_waiting(ends: Iterable[ThreadOutcome], now: PullSnapshot) -> tuple[ThreadOutcome, ...]:
    """Return the outcomes that are left to people and whose threads are not resolved."""
    resolved = {thread.thread_id for thread in now.threads if thread.resolved}
    return tuple(end for end in ends if end.kind == "human" and end.thread_id not in resolved)


# --- texts ----------------------------------------------------------------------------------------


def list_notes(
    task: Task, pull: PullContext, commit: str, *, is_published: bool, is_edited: bool
) -> list[str]:
    """List notes about the branch.

    Args:
        commit: The head of the branch.
        is_published: Whether this run has pushed it.
        is_edited: Whether people have edited the text of the pull request.
    """
    start, notes, base = task.start, [], pull.pull.base_branch
    if start.conflicts and not (start.brought_up and is_published):
        notes.append(
            f"{base} is now at {start.tip[:12]} and conflicts with this branch in "
            f"{sanitise.list_some(start.conflicts, _SHOWN)}. To merge it,"
            " comment `/mergewright rebase`, or merge it by hand."
        )
    elif start.brought_up and is_published:
        notes.append(
            f"Merged {base} ({start.tip[:12]}) in {commit[:12]}; the checks ran on that commit."
            f"{' A model solved the conflicts: see the comment.' if start.conflicts else ''}"
        )
    if start.foreign_commits and not is_published:
        notes.append(
            f"People have pushed to the branch (now {start.head[:12]}). The check results below "
            "are for our last commit, before theirs."
        )
    if pull.threads_left:
        notes.append(f"{format_count(pull.threads_left, 'more thread')} left for the next round.")
    if is_edited and is_published:
        notes.append(
            "People edited this text, so the rest was not updated. For results on "
            f"{commit[:12]}, see the check on that commit."
        )
    return notes


def show_solutions(task: Task, change: Change) -> str:
    """Return each conflict of the merge with its solution in the change; "": there was none."""
    merged = {file.path: file.after for file in task.start.change.files}
    solved = {file.path: file.after for file in change.files}
    parts = []
    for path in task.start.conflicts:
        both, solution = (
            (files.get(path) or b"").decode("utf-8", "replace").splitlines()
            for files in (merged, solved)
        )
        lines = difflib.unified_diff(both, solution, "both sides", "solution", lineterm="")
        shown = sanitise.shorten_middle("\n".join(lines), _MOST_SOLUTION, where="the commit")
        parts.append(f"{sanitise.format_code(path)}\n\n{sanitise.format_fenced(shown, 'diff')}")
    every = {*merged, *solved} - {*task.start.conflicts}
    others = [path for path in sorted(every) if merged.get(path) != solved.get(path)]
    if parts and others:
        named = sanitise.list_some(map(sanitise.format_code, others), _SHOWN)
        parts.append(f"The same commit also edits files without a conflict: {named}.")
    return "\n\n".join(("**How the conflicts were solved.**", *parts)) if parts else ""


def add_section(now: PullSnapshot, section: str) -> str:
    """Return the text of a pull request with the section, unless that exceeds GitHub's limit."""
    body = threads.replace_section(now.body, section)
    return body if len(body) <= sanitise.TEXT_LIMIT else now.body


def rewrite_section(now: PullSnapshot, section: str, run: Run, desk: Desk) -> None:
    """Rewrite the text of a pull request if the section changes it."""
    body = add_section(now, section)
    if body.replace("\r\n", "\n") != now.body.replace("\r\n", "\n"):
        desk.code_host.rewrite_text(run, now.number, body)


def call_people(ends: Sequence[ThreadOutcome]) -> str:
    """Return a comment with the items left to people that have no thread; "": there is none."""
    lines = [
        f"- {sanitise.format_words(end.about)}: {sanitise.format_words(end.text)}"
        for end in ends
        if end.kind == "human" and end.thread_id.startswith(_CHECK)
    ]
    return "\n".join(("**A person has to handle this.**", "", *lines)) if lines else ""


def summarize_ends(
    task: Task,
    pull: PullContext,
    ends: Sequence[ThreadOutcome],
    decided: DecidedChange | None,
    placed: PushedBranch | None,
) -> str:
    """Describe the result of a follow-up, as the end of a sentence.

    Args:
        ends: Outcomes of threads, checks and conflicts; empty: the base was only to be merged.
        placed: The branch to which the change was pushed; None: it was not.
    """
    if not ends:
        if placed:
            return f"updated with the base branch in {placed.commit[:12]}"
        sentence = decided.verdict.sentence if decided else "a rule blocks the result"
        return sentence.rstrip(".")
    noun = "check" if pull.about.kind == "ci" else "comment"
    noun = "conflict" if any(item.conflict for item in task.items) else noun
    commit = next((end.commit for end in ends if end.commit), "")
    counts = Counter[str](end.kind for end in ends)
    needs = "needs" if counts["human"] == 1 else "need"
    results: dict[ThreadResult, str] = {
        "commit": f"addressed in {commit[:12]}",
        "reply": "answered",
        "human": f"{needs} a person",
    }
    return ", ".join(
        f"{format_count(counts[kind], noun)} {result}"
        for kind, result in results.items()
        if counts[kind]
    )
