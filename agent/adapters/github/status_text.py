"""What the status comment says: how far a run is, what it has used, how it ended, what comes next.

Whoever sees the comment alone is to know from it how the run stands, what comes next and who has to
do it, what it costs, and where the log is. When it is written is left to `status_comment`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from agent import cleaning
from agent.domain import (
    End,
    FollowUp,
    Outcome,
    Plan,
    PullRequest,
    Reason,
    Run,
    ThreadEnd,
    money,
)
from agent.ports import Progress, StageMark

#: How the text of a run begins that has not begun itself.
WAITS = "**Mergewright has seen this issue, which waits for its turn.**"
#: Of a title.
_LINE = 150
#: What seems to have taken longer comes of a clock that was set.
_LONGEST_SECONDS = 86_400.0
_SHORTEST_SECONDS = 0.1
_MINUTES_FROM = 120.0
_NOBODY = "Nobody has to do anything now:"


def waiting(run: Run, ahead: int, because: str = "") -> str:
    """Write the text of a run that has not begun: others were there before, or it may not yet."""
    told = [WAITS]
    if because:
        told.append(cleaning.words(because))
    if ahead:
        others = "Another run was" if ahead == 1 else f"{ahead} other runs were"
        told.append(
            f"{others} ahead of it when this was written: a repository has one run at a time, and"
            " the service only a few."
        )
    told.append(f"{_NOBODY} it begins by itself, and this comment will link its log.")
    return _paragraphs(" ".join(told), "Used so far: $0.00.", _details(_origin(run, None)))


def awaiting(run: Run, pull: PullRequest, words: str, progress: Progress, page: str | None) -> str:
    """Write the text of a run that goes on when the owner has answered."""
    head = f"**Mergewright waits for an answer in #{pull.number}.** {cleaning.words(words)}"
    return _paragraphs(head, _so_far(run, progress, page), _details(_origin(run, page)))


def planned(run: Run, plan: Plan, number: str, progress: Progress, page: str | None) -> str:
    """Write the text of a run that goes on when its plan is approved."""
    head = (
        f"**Mergewright waits for a word on its plan `{number}`.** Nothing was edited so far."
        f" What to do next: somebody with write permission writes `/mergewright approve"
        f" {number}` to have it carried out, or begins a comment with `change the plan:` and says"
        " what is to be different; `/mergewright stop` ends it."
    )
    named = (("Files", plan.files), ("Tests", tuple(test.name for test in plan.tests)))
    facts = [
        f"- {what}: {', '.join(cleaning.code(one) for one in found)}"
        for what, found in named
        if found
    ]
    facts += [f"- About {plan.lines:,} lines, added and removed"] if plan.lines else []
    facts += [f"- Risk: {cleaning.words(risk)}" for risk in plan.risks]
    whose = "" if plan.recipe else "_The words of the plan are a model's._"
    title = f"**{cleaning.words(plan.title)}**"
    text = _paragraphs(title, _steps(plan), "\n".join(facts), whose)
    after = _paragraphs(_so_far(run, progress, page), _details(_origin(run, page)))
    room = cleaning.TEXT_LIMIT - len(head) - len(after) - 200
    where = page or "the log of the run"
    return _paragraphs(head, cleaning.cut_markdown(text, room, where=where).rstrip(), after)


def under_way(run: Run, progress: Progress, page: str | None) -> str:
    """Write the text of a run that is at work."""
    if run.follow_up is None:
        head = (
            f"**Mergewright is working on this issue.** {_NOBODY} a link to the pull request, or"
            " the reason why there is none, will stand here."
        )
    else:
        head = (
            f"**#{run.follow_up.pull} is open; {_round(run.follow_up)} is under way.** {_NOBODY}"
            " what comes of it will stand here and in the pull request."
        )
    plan = progress.plan
    title = ""
    if plan is not None:
        whose = "Plan" if plan.recipe else "Plan, in a model's words"
        title = f"{whose}: {cleaning.words(plan.title)}"
    steps = cleaning.cut_markdown(_steps(plan), 20_000, where="the log") if plan else ""
    details = _paragraphs(f"The plan:\n\n{steps.rstrip()}" if steps else "", _origin(run, page))
    return _paragraphs(
        head, title, _checklist(progress), _so_far(run, progress, page), _details(details)
    )


def ended(run: Run, outcome: Outcome, progress: Progress, page: str | None) -> str:
    """Write the text of a run that has ended: where the result is, or why there is none."""
    progress = _over(progress, done=outcome.done)
    used = _in_all(outcome, progress)
    if outcome.done and outcome.pull_request is not None:
        pull = outcome.pull_request
        draft = " (draft)" if pull.draft else ""
        head = f"**A checked pull request is ready: #{pull.number}**{draft}"
        notes = "".join(f"\n\n_{cleaning.words(note)}_" for note in pull.notes)
        looked = " with the findings that it names" if pull.draft else ""
        way = f"What to do next: a person reviews it{looked}, and merges or closes it."
        return _paragraphs(
            f"{head}\n\n{way}{notes}",
            _similar(outcome),
            # Between two lists, which would be one otherwise.
            f"{used} {_log(run, page)}",
            _checklist(progress),
            _details(_origin(run, page)),
        )
    text = outcome.pull_request_text or cleaning.words(outcome.sentence)
    where = page or "the log of the run"
    origin = f"{_origin(run, page)}  \nReason code: `{outcome.reason.value}`"
    after = _paragraphs(used, _details(_paragraphs(_checklist(progress), origin)))
    similar = _similar(outcome)
    room = cleaning.TEXT_LIMIT - len(after) - len(similar) - 200
    return _paragraphs(cleaning.cut(text, room, where=where).rstrip(), similar, after)


def followed(
    run: Run,
    about: FollowUp,
    outcome: Outcome,
    progress: Progress,
    page: str | None,
) -> str:
    """Write the text of a follow-up that has ended; its pull request is open all the same."""
    progress = _over(progress, done=outcome.done)
    pull, called, threads = f"#{about.pull}", _round(about), outcome.threads
    if outcome.done or threads:
        sentence = outcome.sentence.removeprefix(f"Pull request #{about.pull}: ")
        result = _counted(threads) or cleaning.words(sentence).rstrip(".")
        open_ends = outcome.waiting
        way = f"a person reviews {pull}, and merges or closes it."
        if open_ends or outcome.marked:
            way = f"a person answers what is left to people, then reviews {pull}."
        return _paragraphs(
            f"**{pull} is open; {called} is over: {result}.**",
            f"What to do next: {way}",
            "\n".join(f"- {_linked(one)}" for one in open_ends),
            f"{_in_all(outcome, progress)} {_log(run, page)}",
            _checklist(progress),
            _details(_origin(run, page)),
        )
    text = outcome.pull_request_text or cleaning.words(outcome.sentence)
    moot = outcome.reason is Reason.SUPERSEDED
    head = f"**{pull} is open as it was; {called} came to nothing.**"
    if moot:
        head = f"**{called[0].upper()}{called[1:]} was stopped.**"
    origin = f"{_origin(run, page)}  \nReason code: `{outcome.reason.value}`"
    after = _paragraphs(
        _in_all(outcome, progress), _details(_paragraphs(_checklist(progress), origin))
    )
    room = cleaning.TEXT_LIMIT - len(head) - len(after) - 200
    return _paragraphs(head, cleaning.cut(text, room, where=page or "the log").rstrip(), after)


def call(text: str, address: str) -> str:
    """Write the comment that tells a person of what the status comment says by now.

    Args:
        text: Of the status comment, or of what it shows: its first line says what it is about.
        address: Of the status comment.
    """
    first = text.lstrip().partition("\n")[0].rstrip()
    # Whoever reads the first sentence goes there for the rest.
    bold = first[: first.index("**", 2) + 2] if first.startswith("**") and "**" in first[2:] else ""
    return (
        f"{bold or first} This calls a person; [the status comment]({address}) says what to do"
        " next, and how it stands by now."
    )


# --- parts ---------------------------------------------------------------------------------------


def _round(about: FollowUp) -> str:
    what = {
        "review": "of its review",
        "ci": "on the project's own checks",
        "rebase": "that brings it up to date with its base",
    }
    return f"round {about.round} {what[about.kind]}"


_ENDS: tuple[tuple[End, str, str], ...] = (
    ("commit", "commit", "commits"),
    ("reply", "answer", "answers"),
    ("human", "for a person", "for a person"),
)


def _counted(threads: tuple[ThreadEnd, ...]) -> str:
    """Say how many threads ended in which way; empty: there were none."""
    counts = [
        (sum(one.end == end for one in threads), single, several) for end, single, several in _ENDS
    ]
    return ", ".join(
        f"{count} {single if count == 1 else several}" for count, single, several in counts if count
    )


def _linked(one: ThreadEnd) -> str:
    about = cleaning.words(one.about[:_LINE])
    return f"[{about}]({one.url})" if one.url else about


def _steps(plan: Plan) -> str:
    return "\n".join(f"{at}. {cleaning.words(step)}" for at, step in enumerate(plan.steps, 1))


def _similar(outcome: Outcome) -> str:
    """Name other runs whose issues have the same title; numbers are links, their words are not."""
    lines = []
    for one in outcome.similar:
        became = "its run is under way" if one.under_way else f"[pull request]({one.url})"
        title = cleaning.words(one.title[:_LINE])
        lines.append(f"- #{one.number} {title} ({became})")
    return "\n".join(("Other issues of the same title:", *lines)) if lines else ""


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))


def _details(text: str) -> str:
    """Fold what few people want to read."""
    return f"<details><summary>Details</summary>\n\n{text}\n\n</details>"


def _so_far(run: Run, progress: Progress, page: str | None) -> str:
    """Say what a run has used, as of when, and where its log is."""
    begun = datetime.fromtimestamp(progress.at, UTC) if progress.at else None
    by = f"as of {begun:%H:%M} UTC" if begun else "so far"
    took = _time(progress.seconds)
    if progress.most_minutes is not None:
        took += f" of at most {progress.most_minutes:,} minutes"
    if progress.replies:
        cost = "models at a price that is not known"
        if progress.usd is not None:
            most = f" of at most {money(progress.most_usd)}" if progress.most_usd else ""
            cost = f"{money(progress.usd)}{most} for models"
    else:
        cost = "$0.00 (no model is asked)" if _is_recipes(progress) else "$0.00"
    return f"Used {by}: {took}, {cost}. {_log(run, page)}"


def _is_recipes(progress: Progress) -> bool:
    return progress.plan is not None and bool(progress.plan.recipe)


def _in_all(outcome: Outcome, progress: Progress) -> str:
    """Say what a run has taken and cost in all, in a sentence."""
    seconds = progress.seconds + _since(progress.at)
    took = f"took {_time(seconds)} and " if seconds >= _SHORTEST_SECONDS else ""
    return f"The run {took}cost {outcome.used.cost}."


def _time(seconds: float) -> str:
    if seconds < _MINUTES_FROM:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes"


def _since(moment: float | None) -> float:
    """Seconds since a moment; none where a clock was set meanwhile."""
    passed = time.time() - moment if moment else 0.0
    return passed if 0 <= passed < _LONGEST_SECONDS else 0.0


def _log(run: Run, page: str | None) -> str:
    if page:
        return f"[Log of the run]({page}/log)"
    return f"Its log: `mergewright runs log {run.run_id}` on the service's machine."


def _over(progress: Progress, *, done: bool) -> Progress:
    """Let the stages end; the one under way is the one that ends with these words."""
    stages = tuple(
        _closed(mark, done=done) if done or mark.state == "running" else mark
        for mark in progress.stages
    )
    return progress.model_copy(update={"stages": stages, "now": ""})


def _closed(mark: StageMark, *, done: bool) -> StageMark:
    """Let the stage end; the one that ends the run has nobody else to tell its time."""
    if not done:
        return mark.model_copy(update={"state": "failed"})
    took = _since(mark.begun)
    detail = mark.detail or (f"{took:.1f} s" if took >= _SHORTEST_SECONDS else "")
    return mark.model_copy(update={"state": "done", "detail": detail})


_BOXES: dict[str, Callable[[str], str]] = {
    "done": lambda stage: f"- [x] {stage}",
    "waiting": lambda stage: f"- [ ] {stage}",
    "running": lambda stage: f"- [ ] **{stage}** …",
    "failed": lambda stage: f"- [ ] **{stage}** (not done)",
}


def _checklist(progress: Progress) -> str:
    lines = []
    for mark in progress.stages:
        line = _BOXES[mark.state](cleaning.words(mark.stage))
        detail = mark.detail or (progress.now if mark.state == "running" else "")
        lines.append(f"{line}: {cleaning.words(detail[:300])}" if detail else line)
    return "\n".join(lines)


def _origin(run: Run, page: str | None) -> str:
    """Whose word started it, and what is being done: the text as it stood then."""
    named = f"[Run {run.run_id}]({page})" if page else f"Run {run.run_id}"
    if run.snapshot is None:
        return named
    # The name without an @, which would call the person.
    who = f"started by {cleaning.code(run.snapshot.actor)}, " if run.snapshot.actor else ""
    snapshot = run.snapshot
    if snapshot.read_at is None:
        return f"{named}, {who}on the text of {snapshot.approved_at}"
    later = f"as it was read at {snapshot.read_at}; the label was set at {snapshot.approved_at}"
    return f"{named}, {who}on the text {later}"
