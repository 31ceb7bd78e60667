"""Answer: the commit of a follow-up, a word in each thread, and the text brought up to date.

Executes nothing of the repository's. May run twice: an equal commit on the branch is found again,
and each thread is answered once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.desk import Desk, pulls_of
from agent.editing.rounds import Round
from agent.errors import Cancelled, Superseded
from agent.git import pull_branch
from agent.models.environment import Opened, Prepared
from agent.models.outcome import Outcome, PullRequest, ThreadOutcome
from agent.models.pulls import PullSnapshot, Thread
from agent.models.review_items import FollowUpContext, FollowUpTask, ItemAnswer, ReviewItem
from agent.models.run import Reason, Run, RunState, end_state
from agent.models.step import Step
from agent.publishing import other_pulls, pull_request_content, threads
from agent.publishing.evidence import Decided
from agent.publishing.pull_request_content import Placed
from agent.text import sanitise

#: The step that is done again where somebody has pushed: what is asked may be another by then.
_LOOK_AGAIN = Step.READ_PULL
#: How the id of what is no thread but a check begins.
_CHECK = "check:"
#: How a sentence begins that tells of a pull request that is over.
_OVER = "Pull request #"
_SHOWN = 5


def publish_answers(
    asked: FollowUpTask,
    answers: tuple[ItemAnswer, ...],
    decided: Decided | None,
    tried: Round | None,
    base: Opened,
    desk: Desk,
) -> Outcome:
    """Push what passed, answer every thread, and bring the text of the pull request up to date.

    Args:
        decided: What is published; None: nothing is.
        tried: What was edited and did not pass; None: nothing such.

    Raises:
        Superseded: Pull request or issue are no longer open.
        Cancelled: The run was stopped.
        BranchMoved: Somebody has pushed meanwhile.
        PolicyRefused: The change holds a secret of the service's own.
    """
    run, context, pulls = base.run, asked.context, pulls_of(desk)
    now = _require_open(context, run, desk)
    commit = asked.branch_state.head
    if decided is not None:
        commit = _push_change(asked, answers, decided, _require_prepared(base), desk)
        desk.say(f"branch {context.pull.branch} at {commit[:12]}")
    ends = _answer_threads(asked, answers, commit, now, run, desk)
    every = {one.thread_id: one for one in (*_list_lasting(context), *ends)}
    resolved = {one.thread_id for one in now.threads if one.resolved}
    waiting = _list_waiting(one for one in every.values() if one.thread_id not in resolved)
    is_edited = threads.compute_digest(now.body) != context.text_digest
    section = threads.write_section(
        tuple(every.values()), _list_notes(asked, commit, decided, is_edited=is_edited)
    )
    words, pull_request = _rewrite_pull_request(
        asked, section, commit, None if is_edited else waiting, decided, now, base, desk
    )
    if call := _call_people(ends):
        key = f"{run.run_id if tried else commit} people"
        pulls.add_comment(run, context.pull.number, call, key=key)
    outcome = _make_outcome(context, run, _tell_result(asked, ends, commit, tried), commit)
    facts = {
        **({"pull_request": pull_request} if pull_request else {}),
        "threads": ends,
        "text_digest": threads.compute_digest(words) if words else None,
        "waiting_threads": waiting,
        "review_places": len(decided.verdict.review) if decided else 0,
        **_list_facts(decided, tried),
        "log": str(desk.run_folder(run) / "run.log"),
    }
    return desk.redactor.redact_record(outcome.model_copy(update=facts))


def end_without_work(context: FollowUpContext, run: Run, desk: Desk) -> Outcome:
    """End a follow-up that finds nothing to do; tell the person who commanded it."""
    about = run.about
    words = {
        "review": "Nobody waits for an answer of ours in the pull request.",
        "ci": f"No check of the project's own is red on {context.pull.head[:12]}.",
        "rebase": f"The branch is up to date with {context.pull.base_branch}.",
    }[about.kind]
    if about.by:
        pulls_of(desk).add_comment(run, about.pull, f"{words} Nothing was done.", key=run.run_id)
    waiting = _list_waiting(_list_lasting(context))
    ended = _make_outcome(context, run, words, context.pull.head)
    return ended.model_copy(update={"waiting_threads": waiting})


def tell_stopped(run: Run, outcome: Outcome, desk: Desk) -> None:
    """Tell people of a follow-up that ended without a result; where they ended it, they know."""
    over = outcome.reason is Reason.SUPERSEDED and outcome.sentence.startswith(_OVER)
    if desk.pulls and not over and outcome.reason is not Reason.CANCELLED:
        words = outcome.pull_request_text or sanitise.format_words(outcome.sentence)
        key = f"{run.run_id} {outcome.reason.value}"
        desk.pulls.add_comment(run, run.about.pull, words, key=key)


# --- the branch -----------------------------------------------------------------------------------


def _require_open(context: FollowUpContext, run: Run, desk: Desk) -> PullSnapshot:
    """Look once more before anything is pushed or said.

    That the issue is no longer what was approved stops the run by itself.
    """
    if desk.stopped.is_set():
        raise Cancelled
    now = pulls_of(desk).read_pull(run, context.pull.number)
    if now is None or now.state != "open":
        raise Superseded(f"{_OVER}{context.pull.number} is no longer open.")
    return now


def _push_change(
    asked: FollowUpTask,
    answers: tuple[ItemAnswer, ...],
    decided: Decided,
    prepared: Prepared,
    desk: Desk,
) -> str:
    """Put the change on the branch; return the commit at its end.

    Raises:
        BranchMoved: Somebody has pushed since it was looked at.
    """
    run, branch_state, pull = prepared.run, asked.branch_state, asked.context.pull
    remote, change = asked.context.remote, decided.cleared.change
    pull_request_content.refuse_secrets(change, desk.redactor)
    is_review = any(one.thread for one in asked.items)
    title = "Address review comments" if is_review else "Fix failing checks"
    plan = decided.plan.model_copy(update={"title": title})
    done = {one.item for one in answers if one.end == "commit"}
    message = pull_request_content.write_commit_message(
        prepared,
        decided.model_copy(update={"plan": plan}),
        f"{remote.author} <{remote.email}>",
        desk.redactor,
        tuple(one.about for one in asked.items if one.number in done),
    )
    commit = pull_branch.make_follow_up_commit(
        branch_state,
        change,
        message,
        date=run.started,
        merge_message=f"Merge {pull.base_branch} into {pull.branch}",
        author=remote.author,
        email=remote.email,
    )
    token = desk.code_host.create_credential(run, write=True)
    desk.redactor.learn(token)
    pull_branch.push_follow(
        branch_state, commit, pull.branch, remote.url, token, look_again=_LOOK_AGAIN
    )
    return commit


def _rewrite_pull_request(
    asked: FollowUpTask,
    section: str,
    commit: str,
    waiting: tuple[ThreadOutcome, ...] | None,
    decided: Decided | None,
    now: PullSnapshot,
    base: Opened,
    desk: Desk,
) -> tuple[str | None, PullRequest | None]:
    """Bring the text up to date, and report the checks of a new commit.

    Args:
        waiting: Threads that are for people; None: they have edited the text, so it stays.
        now: The pull request in this attempt: people may have given it other words meanwhile.

    Returns:
        Our text without the section, and the pull request with a new commit; None for neither.
    """
    run, body = base.run, _add_section(now, section)
    if decided is None:
        if body.replace("\r\n", "\n") != now.body.replace("\r\n", "\n"):
            pulls_of(desk).rewrite_text(run, now.number, body)
        return None, None
    prepared, pull, words = _require_prepared(base), asked.context.pull, None
    digest = other_pulls.compute_digest(decided.cleared.change, pull.base_branch)
    placed = Placed(branch=pull.branch, commit=commit, digest=digest)
    if waiting is not None:
        words = pull_request_content.render_text(prepared, decided, placed, desk, left=len(waiting))
        space = sanitise.TEXT_LIMIT - len(section) - 2
        cut = sanitise.cut_markdown(words, space, where=desk.log_place(run))
        body = threads.replace_section(cut, section)
    content = pull_request_content.make_proposal(
        prepared, decided, placed, asked.context.remote, body, desk
    )
    # The title is people's by now, and they have been asked to look already.
    kept = {"title": now.title, "base_branch": pull.base_branch, "reviewers": (), "labels": ()}
    return words, desk.code_host.publish_pull_request(run, content.model_copy(update=kept))


def _require_prepared(base: Opened) -> Prepared:
    """Narrow what a change was judged with; without a change nothing needs the environment."""
    assert isinstance(base, Prepared)  # noqa: S101
    return base


# --- threads --------------------------------------------------------------------------------------


def _answer_threads(
    asked: FollowUpTask,
    answers: tuple[ItemAnswer, ...],
    commit: str,
    now: PullSnapshot,
    run: Run,
    desk: Desk,
) -> tuple[ThreadOutcome, ...]:
    """Answer each thread where it is; what a check was about has no thread.

    Args:
        now: The pull request as it is in this attempt: an earlier one may have answered some.
    """
    by_number = {one.item: desk.redactor.redact_record(one) for one in answers}
    pairs = [(one, by_number[one.number]) for one in asked.items if one.number in by_number]
    for item, answer in pairs:
        desk.say(f"{item.about}: {answer.end}: {answer.text}")
    found = []
    for item, answer in pairs:
        held = commit if answer.end == "commit" else ""
        place = (
            _answer_thread(item.thread, answer, held, now, run, desk)
            if item.thread
            else _locate_check(item, now)
        )
        facts = {
            "about": item.about,
            "kind": answer.end,
            "text": answer.text,
            "by_model": answer.by_model,
            "commit": held,
            "is_beyond_ticket": answer.is_beyond_ticket,
        }
        found.append(ThreadOutcome.model_validate(facts | place))
    return tuple(found)


def _answer_thread(
    thread: Thread, answer: ItemAnswer, commit: str, now: PullSnapshot, run: Run, desk: Desk
) -> dict[str, object]:
    pulls = pulls_of(desk)
    # Ours is no word that was read.
    last = max(one.comment_id for one in thread.comments if not one.is_ours)
    first = next((one.body.strip() for one in thread.comments if one.body.strip()), "")
    url = run.snapshot.url if run.snapshot else ""
    repository, found, _ = url.rpartition("/issues/")
    new_issue = f"{repository}/issues/new" if found else ""
    words = threads.write_reply(answer, commit, desk.redactor(first), new_issue)
    present = next((one for one in now.threads if one.thread_id == thread.thread_id), thread)
    key = f"{thread.thread_id} {last}"
    page = pulls.reply_in_thread(run, now.number, present, words, key=key)
    # What was said since it was read, or is said otherwise by now, is not to be hidden with it.
    read = {one.comment_id: one.body for one in thread.comments}
    is_unread = any(
        not one.is_ours
        and (one.comment_id > last or read.get(one.comment_id) not in ("", one.body))
        for one in present.comments
    )
    return {
        "thread_id": thread.thread_id,
        "place": thread.place,
        "url": page,
        "last_comment_id": last,
        "resolved": bool(commit) and not is_unread and pulls.resolve_thread(run, thread),
    }


def _locate_check(item: ReviewItem, now: PullSnapshot) -> dict[str, object]:
    """Name a check with its page; whoever may set a status names any address as its page."""
    repository = now.url.rpartition("/pull/")[0]
    pages = (f"{repository}/actions/runs/", f"{repository}/runs/")
    url = item.check.url if item.check else ""
    return {
        "thread_id": f"{_CHECK}{item.check.name if item.check else item.about}",
        "place": "issue",
        "url": url if repository and url.startswith(pages) else "",
        "last_comment_id": 0,
    }


def _list_lasting(context: FollowUpContext) -> tuple[ThreadOutcome, ...]:
    """Leave out what earlier rounds could not do about checks, which run anew on each commit."""
    return tuple(
        one
        for one in context.thread_outcomes
        if one.kind != "human" or not one.thread_id.startswith(_CHECK)
    )


def _list_waiting(ends: Iterable[ThreadOutcome]) -> tuple[ThreadOutcome, ...]:
    return tuple(one for one in ends if one.kind == "human")


# --- texts ----------------------------------------------------------------------------------------


def _list_notes(
    asked: FollowUpTask, commit: str, decided: Decided | None, *, is_edited: bool
) -> list[str]:
    branch_state, context, notes = asked.branch_state, asked.context, []
    base = context.pull.base_branch
    if branch_state.conflicts:
        shown = ", ".join(branch_state.conflicts[:_SHOWN])
        more = len(branch_state.conflicts) - _SHOWN
        notes.append(
            f"{base} has moved to {branch_state.tip[:12]} and cannot be merged"
            f" in without a person: {shown}{f' and {more} more' if more > 0 else ''}."
        )
    elif branch_state.brought_up and decided is not None:
        notes.append(
            f"Brought up to date with {base} at {branch_state.tip[:12]} by"
            f" {commit[:12]}; the checks ran on that."
        )
        if not branch_state.foreign_commits and any(one.commit for one in context.thread_outcomes):
            notes.append("Earlier commits of ours are part of that one now.")
    if branch_state.foreign_commits and decided is None:
        notes.append(
            f"The branch is at {branch_state.head[:12]} with commits of people. What is said of"
            " checks above is of our commit before them."
        )
    if context.threads_left:
        notes.append(f"{context.threads_left} more threads were left to the next round.")
    if is_edited and decided is not None:
        notes.append(
            "People have edited the text above, so it is left as it is. What the checks of"
            f" {commit[:12]} say is in the check on that commit."
        )
    return notes


def _add_section(now: PullSnapshot, section: str) -> str:
    """Put the section below what people made of the text, unless they have filled it up."""
    body = threads.replace_section(now.body, section)
    return body if len(body) <= sanitise.TEXT_LIMIT else now.body


def _call_people(ends: Sequence[ThreadOutcome]) -> str:
    """Say what a person has to do that is said in no thread; an edited text tells nobody."""
    told = [one for one in ends if one.kind == "human" and one.thread_id.startswith(_CHECK)]
    lines = [
        f"- {sanitise.format_words(one.about)}: {sanitise.format_words(one.text)}" for one in told
    ]
    return "\n".join(("**This is for a person.**", "", *lines)) if lines else ""


def _tell_result(
    asked: FollowUpTask, ends: Sequence[ThreadOutcome], commit: str, tried: Round | None
) -> str:
    if ends:
        words = {
            "commit": f"by commit {commit[:12]}", "reply": "answered", "human": "for a person",
        }  # fmt: skip
        counts = {kind: sum(one.kind == kind for one in ends) for kind in words}
        told = ", ".join(f"{count} {words[kind]}" for kind, count in counts.items() if count)
    elif tried is not None:
        told = tried.verdict.sentence if tried.verdict else "a rule does not allow the result"
    else:
        is_grown = commit != asked.branch_state.head
        told = f"brought up to date by {commit[:12]}" if is_grown else "nothing was to be done"
    return f"Pull request #{asked.context.pull.number}: {told.rstrip('.')}."


def _make_outcome(context: FollowUpContext, run: Run, sentence: str, commit: str) -> Outcome:
    pull = context.pull
    return Outcome(
        run_id=run.run_id,
        state=RunState.OPEN,
        reason=Reason.READY,
        sentence=sentence,
        branch=pull.branch,
        commit=commit,
        pull_request=PullRequest(number=pull.number, url=pull.url, draft=pull.draft),
        pull_request_text="",
    )


def _list_facts(decided: Decided | None, tried: Round | None) -> dict[str, object]:
    """What an outcome has of the change that is published, or of one that did not pass."""
    if decided is not None:
        return {
            "change_digest": decided.cleared.change.digest,
            "checks": decided.compared,
            "findings": decided.findings,
            "models": decided.work.uses,
            "review": decided.notes if decided.work.uses else None,
            "plan": decided.plan,
        }
    if tried is None:
        return {}
    reason = tried.verdict.reason if tried.verdict else Reason.POLICY
    facts = {"reason": reason, "state": end_state(reason)}
    return {**facts, "checks": tried.compared, "findings": tried.refused}
