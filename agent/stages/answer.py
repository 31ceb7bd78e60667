"""Answer: the commit of a follow-up, a word in each thread, and the text brought up to date.

Executes nothing of the repository's. May run twice: an equal commit on the branch is found again,
and each thread is answered once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from agent.editing.rounds import Round
from agent.errors import Cancelled, Superseded
from agent.git import pull_branch
from agent.models.code_host import Pulls
from agent.models.environment import Prepared
from agent.models.outcome import Outcome, PullRequest, ThreadOutcome
from agent.models.pulls import PullSnapshot, Thread
from agent.models.review_items import FollowUpContext, FollowUpTask, ItemAnswer, ReviewItem
from agent.models.run import Reason, Run, RunState, end_state
from agent.publishing import other_pulls, pull_request_content, threads
from agent.publishing.pull_request_content import Decided, Placed
from agent.services import Services, pulls_of
from agent.text import sanitise

_EDITED = (
    "People have edited the text above, so it is left as it is; what the checks of {commit} say is"
    " in the check on that commit."
)
#: The step that is done again where somebody has pushed: what is asked may be another by then.
_LOOK_AGAIN = "read pull"
#: How the id of what is no thread but a check begins.
_CHECK = "check:"
#: How a sentence begins that tells of a pull request that is over.
_OVER = "Pull request #"
_SHOWN = 5


def end_without_work(context: FollowUpContext, run: Run, svc: Services) -> Outcome:
    """End a follow-up that finds nothing to do; tell the person who commanded it."""
    about = run.about
    words = {
        "review": "Nobody waits for an answer of ours in the pull request.",
        "ci": f"No check of the project's own is red on {context.pull.head[:12]}.",
        "rebase": f"The branch is up to date with {context.pull.base_branch}.",
    }[about.kind]
    if about.by:
        pulls_of(svc).add_comment(run, about.pull, f"{words} Nothing was done.", key=run.run_id)
    return _outcome(context, run, words, context.pull.head)


def end_without_work_left(context: FollowUpContext, run: Run, svc: Services) -> Outcome:
    """End a follow-up that people were told has begun, and that finds nothing to do."""
    waiting = tuple(one for one in _list_lasting(context) if one.kind == "human")
    return end_without_work(context, run, svc).model_copy(update={"waiting_threads": waiting})


def publish_answers(
    asked: FollowUpTask,
    answers: tuple[ItemAnswer, ...],
    decided: Decided | None,
    tried: Round | None,
    prepared: Prepared,
    svc: Services,
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
    run, context, pulls = prepared.run, asked.context, pulls_of(svc)
    commit = asked.branch_state.head
    now = _still_open(context, run, pulls, svc)
    if decided is not None:
        done = {one.item for one in answers if one.end == "commit"}
        commit = _push_change(asked, decided, done, prepared, svc)
        svc.say(f"branch {context.pull.branch} at {commit[:12]}")
    ends = _answer_threads(asked, answers, commit, now, run, svc)
    edited = threads.digest(now.body) != context.text_digest
    notes = _notes(asked, commit, decided)
    if edited and decided is not None:
        notes.append(_EDITED.format(commit=commit[:12]))
    section = _section(asked, ends, notes)
    waiting = _list_waiting(_list_all(asked, ends), now)
    words = None
    if decided is not None and not edited:
        placed = _make_placed(decided, asked, commit)
        words = pull_request_content.words(prepared, decided, placed, svc, left=len(waiting))
    body = _body(words, now, section, prepared, svc)
    pull_request = _rewrite_pull_request(asked, now, body, commit, decided, prepared, svc)
    if call := _for_people(asked, ends):
        key = f"{run.run_id if tried else commit} people"
        pulls.add_comment(run, context.pull.number, call, key=key)
    outcome = _outcome(context, run, _sentence(asked, ends, commit, tried), commit).model_copy(
        update={
            **({"pull_request": pull_request} if pull_request else {}),
            "threads": ends,
            "text_digest": threads.digest(words) if words else None,
            "waiting_threads": waiting,
            "review_places": len(decided.verdict.review) if decided else 0,
            **_facts_of(decided, tried),
            "log": str(svc.run_folder(run) / "run.log"),
        }
    )
    return svc.redactor.redact_record(outcome)


def _list_lasting(context: FollowUpContext) -> tuple[ThreadOutcome, ...]:
    """Leave out what earlier rounds could not do about checks, which run anew on each commit."""
    return tuple(
        one
        for one in context.thread_outcomes
        if one.kind != "human" or not one.thread_id.startswith(_CHECK)
    )


def _list_all(asked: FollowUpTask, ends: Iterable[ThreadOutcome]) -> tuple[ThreadOutcome, ...]:
    """List the newest outcome of every thread, earlier rounds included."""
    return tuple({one.thread_id: one for one in (*_list_lasting(asked.context), *ends)}.values())


def _section(asked: FollowUpTask, ends: Iterable[ThreadOutcome], notes: Iterable[str]) -> str:
    return threads.section(_list_all(asked, ends), notes)


def _list_waiting(ends: Iterable[ThreadOutcome], now: PullSnapshot) -> tuple[ThreadOutcome, ...]:
    resolved = {one.thread_id for one in now.threads if one.resolved}
    return tuple(one for one in ends if one.kind == "human" and one.thread_id not in resolved)


def _facts_of(decided: Decided | None, tried: Round | None) -> dict[str, object]:
    """What an outcome has of the change that is published, or of one that did not pass."""
    if decided is not None:
        return {
            "change_digest": decided.cleared.change.digest,
            "checks": decided.compared,
            "findings": pull_request_content.findings(decided),
            "models": decided.work.uses,
            "review": decided.notes if decided.work.uses else None,
            "plan": decided.plan,
        }
    if tried is None:
        return {}
    reason = tried.verdict.reason if tried.verdict else Reason.POLICY
    return {
        "reason": reason,
        "state": end_state(reason),
        "checks": tried.compared,
        "findings": tried.refused,
    }


def tell_stopped(run: Run, outcome: Outcome, svc: Services) -> None:
    """Tell people of a follow-up that ended without a result; where they ended it, they know."""
    about = run.about
    over = outcome.reason is Reason.SUPERSEDED and outcome.sentence.startswith(_OVER)
    if svc.pulls and not over and outcome.reason is not Reason.CANCELLED:
        words = outcome.pull_request_text or sanitise.format_words(outcome.sentence)
        svc.pulls.add_comment(run, about.pull, words, key=f"{run.run_id} {outcome.reason.value}")


def _outcome(context: FollowUpContext, run: Run, sentence: str, commit: str) -> Outcome:
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


def _still_open(context: FollowUpContext, run: Run, pulls: Pulls, svc: Services) -> PullSnapshot:
    """Look once more before anything is pushed or said.

    That the issue is no longer what was approved stops the run by itself.
    """
    if svc.stopped.is_set():
        raise Cancelled
    now = pulls.read_pull(run, context.pull.number)
    if now is None or now.state != "open":
        raise Superseded(f"{_OVER}{context.pull.number} is no longer open.")
    return now


def _push_change(
    asked: FollowUpTask, decided: Decided, done: Collection[int], prepared: Prepared, svc: Services
) -> str:
    """Put the change on the branch; return the commit at its end.

    Args:
        done: Numbers of the matters that it sees to.

    Raises:
        BranchMoved: Somebody has pushed since it was looked at.
    """
    run, branch_state, pull = prepared.run, asked.branch_state, asked.context.pull
    change = decided.cleared.change
    pull_request_content.refuse_secrets(change, svc.redactor)
    remote = asked.context.remote
    author = f"{remote.author} <{remote.email}>"
    titles = {"review": "Address review comments", "ci": "Fix failing checks"}
    title = titles["review" if any(one.thread for one in asked.items) else "ci"]
    for_commit = decided.model_copy(
        update={"plan": decided.plan.model_copy(update={"title": title})}
    )
    items = tuple(one.about for one in asked.items if one.number in done)
    message = pull_request_content.message(prepared, for_commit, author, svc.redactor, items)
    commit = pull_branch.make_follow_up_commit(
        branch_state,
        change,
        message,
        date=run.started,
        merge_message=f"Merge {pull.base_branch} into {pull.branch}",
        author=remote.author,
        email=remote.email,
        rewriting=not asked.context.rules.forward_only,
    )
    token = svc.code_host.create_credential(run, write=True)
    svc.redactor.learn(token)
    pull_branch.push_follow(
        branch_state, commit, pull.branch, remote.url, token, look_again=_LOOK_AGAIN
    )
    return commit


def _answer_threads(
    asked: FollowUpTask,
    answers: tuple[ItemAnswer, ...],
    commit: str,
    now: PullSnapshot,
    run: Run,
    svc: Services,
) -> tuple[ThreadOutcome, ...]:
    """Answer each thread where it stands; what a check was about has no thread.

    Args:
        now: The pull request as it is in this attempt: an earlier one may have answered some.
    """
    by_number = {one.item: svc.redactor.redact_record(one) for one in answers}
    for one in asked.items:
        if told := by_number.get(one.number):
            svc.say(f"{one.about}: {told.end}: {told.text}")
    return tuple(
        _make_thread_outcome(one, by_number[one.number], commit, now, run, svc)
        for one in asked.items
        if one.number in by_number
    )


def _make_thread_outcome(
    item: ReviewItem,
    answer: ItemAnswer,
    commit: str,
    now: PullSnapshot,
    run: Run,
    svc: Services,
) -> ThreadOutcome:
    pulls, held = pulls_of(svc), commit if answer.end == "commit" else ""
    facts = {
        "about": item.about,
        "kind": answer.end,
        "text": answer.text,
        "by_model": answer.by_model,
        "commit": held,
        "is_beyond_ticket": answer.is_beyond_ticket,
    }
    thread = item.thread
    if thread is None:
        name = item.check.name if item.check else item.about
        page = _page_of_check(item.check.url, now) if item.check else ""
        return ThreadOutcome.model_validate(
            {
                **facts,
                "thread_id": f"{_CHECK}{name}",
                "place": "issue",
                "url": page,
                "last_comment_id": 0,
            }
        )
    # Ours is no word that was read.
    last = max(one.comment_id for one in thread.comments if not one.is_ours)
    words = threads.reply(answer, held, svc.redactor(_first_words(thread)), _new_issue(run))
    key = f"{thread.thread_id} {last}"
    present = next((one for one in now.threads if one.thread_id == thread.thread_id), thread)
    page = pulls.reply_in_thread(run, now.number, present, words, key=key)
    # What was said since it was read, or is said otherwise by now, is not to be hidden with it.
    read = {one.comment_id: one.body for one in thread.comments}
    unread = any(
        not one.is_ours
        and (one.comment_id > last or read.get(one.comment_id) not in ("", one.body))
        for one in present.comments
    )
    resolves = answer.end == "commit" and not unread
    return ThreadOutcome.model_validate(
        {
            **facts,
            "thread_id": thread.thread_id,
            "place": thread.place,
            "url": page,
            "last_comment_id": last,
            "resolved": resolves and pulls.resolve_thread(run, thread),
        }
    )


def _page_of_check(url: str, now: PullSnapshot) -> str:
    """Page of a run in the repository; whoever may set a status names any address as its page."""
    repository = now.url.rpartition("/pull/")[0]
    shown = (f"{repository}/actions/runs/", f"{repository}/runs/")
    return url if repository and url.startswith(shown) else ""


def _first_words(thread: Thread) -> str:
    return next((one.body.strip() for one in thread.comments if one.body.strip()), "")


def _new_issue(run: Run) -> str:
    url = run.snapshot.url if run.snapshot else ""
    repository, found, _ = url.rpartition("/issues/")
    return f"{repository}/issues/new" if found else ""


def _notes(asked: FollowUpTask, commit: str, decided: Decided | None) -> list[str]:
    branch_state, context, notes = asked.branch_state, asked.context, []
    if branch_state.conflicts:
        shown = ", ".join(branch_state.conflicts[:_SHOWN])
        more = len(branch_state.conflicts) - _SHOWN
        notes.append(
            f"{context.pull.base_branch} has moved to {branch_state.tip[:12]} and cannot be merged"
            f" in without a person: {shown}{f' and {more} more' if more > 0 else ''}."
        )
    elif branch_state.brought_up and decided is not None:
        notes.append(
            f"Brought up to date with {context.pull.base_branch} at {branch_state.tip[:12]} by"
            f" {commit[:12]}; the checks ran on that."
        )
        if not branch_state.foreign_commits and any(one.commit for one in context.thread_outcomes):
            notes.append("Earlier commits of ours are part of that one now.")
    if branch_state.foreign_commits and decided is None:
        notes.append(
            f"The branch is at {branch_state.head[:12]} with commits of people; what is said of"
            " checks above is of our commit before them."
        )
    if context.threads_left:
        notes.append(f"{context.threads_left} more threads were left to the next round.")
    return notes


def _make_placed(decided: Decided, asked: FollowUpTask, commit: str) -> Placed:
    pull = asked.context.pull
    digest = other_pulls.compute_digest(decided.cleared.change, pull.base_branch)
    return Placed(branch=pull.branch, commit=commit, new=False, digest=digest)


def _body(
    words: str | None, now: PullSnapshot, section: str, prepared: Prepared, svc: Services
) -> str:
    """Put the section below the text: ours, which is cut if need be, or what people made of it."""
    if words is None:
        return _with_section(now, section)
    space = sanitise.TEXT_LIMIT - len(section) - 2
    words = sanitise.cut_markdown(words, space, where=svc.log_place(prepared.run))
    return threads.with_section(words, section)


def _with_section(now: PullSnapshot, section: str) -> str:
    body = threads.with_section(now.body, section)
    # What people have filled up to the bound of the code host is left as it is.
    return body if len(body) <= sanitise.TEXT_LIMIT else now.body


def _rewrite_pull_request(
    asked: FollowUpTask,
    now: PullSnapshot,
    body: str,
    commit: str,
    decided: Decided | None,
    prepared: Prepared,
    svc: Services,
) -> PullRequest | None:
    """Bring the text of the pull request up to date, and report the checks of a new commit.

    Args:
        now: The pull request in this attempt: people may have given it other words meanwhile.
    """
    run, pull = prepared.run, asked.context.pull
    if decided is None:
        _give_text(run, now, body, pulls_of(svc))
        return None
    placed = _make_placed(decided, asked, commit)
    change_context = pull_request_content.proposal(
        prepared, decided, placed, asked.context.remote, body, svc
    )
    # The title is people's by now, and they have been asked to look already.
    update = {"title": now.title, "base_branch": pull.base_branch, "reviewers": (), "labels": ()}
    return svc.code_host.publish_pull_request(run, change_context.model_copy(update=update))


def _give_text(run: Run, now: PullSnapshot, body: str, pulls: Pulls) -> None:
    if body.replace("\r\n", "\n") != now.body.replace("\r\n", "\n"):
        pulls.rewrite_text(run, now.number, body)


def _for_people(asked: FollowUpTask, ends: Sequence[ThreadOutcome]) -> str:
    """Say what a person has to do that is said in no thread; an edited text tells nobody."""
    told = [one for one in ends if one.kind == "human" and one.thread_id.startswith(_CHECK)]
    lines = [
        f"- {sanitise.format_words(one.about)}: {sanitise.format_words(one.text)}" for one in told
    ]
    return "\n".join(("**This is for a person.**", "", *lines)) if lines else ""


def _sentence(
    asked: FollowUpTask, ends: Sequence[ThreadOutcome], commit: str, tried: Round | None
) -> str:
    count = {end: sum(one.kind == end for one in ends) for end in ("commit", "reply", "human")}
    said = [
        f"{count['commit']} by commit {commit[:12]}" if count["commit"] else "",
        f"{count['reply']} answered" if count["reply"] else "",
        f"{count['human']} for a person" if count["human"] else "",
    ]
    told = ", ".join(part for part in said if part)
    if not ends:
        grown = commit != asked.branch_state.head
        told = f"brought up to date by {commit[:12]}" if grown else "nothing was to be done"
    if tried is not None and not ends:
        told = tried.verdict.sentence if tried.verdict else "a rule does not allow the result"
    return f"Pull request #{asked.context.pull.number}: {told.rstrip('.')}."
