"""What the status comment says: how far a run is, what it has used, how it ended, what comes next.

Whoever sees the comment alone is to know from it how the run stands, who has to do what, what it
costs, and where the log is. When it is written is left to `status_comment`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from agent import cleaning
from agent.domain import FollowUp, Outcome, Plan, PullRequest, Reason, Run, ThreadEnd, money
from agent.ports import Progress

#: How the text of a run begins that has not begun itself.
WAITS = "**Mergewright has seen this issue, which waits for its turn.**"
#: Of a title.
_LINE = 150
#: What seems to have taken longer comes of a clock that was set.
_LONGEST_SECONDS = 86_400.0
_SHORTEST_SECONDS = 0.1
_MINUTES_FROM = 120.0
_MOST_STEPS = 20_000
_ROUNDS = {
    "review": "of its review",
    "ci": "on the project's own checks",
    "rebase": "that brings it up to date with its base",
}
_BOXES = {
    "done": "- [x] {}",
    "waiting": "- [ ] {}",
    "running": "- [ ] **{}** …",
    "failed": "- [ ] **{}** (not done)",
}
_ENDS = (
    ("commit", "commit", "commits"),
    ("reply", "answer", "answers"),
    ("human", "for a person", "for a person"),
)


def waiting(run: Run, ahead: int, because: str = "") -> str:
    """Write the text of a run that has not begun: others were there before, or it may not yet."""
    head = [WAITS, cleaning.words(because)]
    if ahead:
        head.append(f"{ahead} other run{'s are' if ahead > 1 else ' is'} ahead of it.")
    head.append("Nobody has to do anything now: the run begins by itself.")
    return _paragraphs(" ".join(filter(None, head)), _details(_origin(run, None)))


def awaiting(run: Run, pull: PullRequest, words: str, progress: Progress, page: str | None) -> str:
    """Write the text of a run that goes on when the owner has answered."""
    head = f"**Mergewright waits for an answer in #{pull.number}.** {cleaning.words(words)}"
    return _paragraphs(head, _so_far(run, progress, page), _details(_origin(run, page)))


def planned(run: Run, plan: Plan, number: str, progress: Progress, page: str | None) -> str:
    """Write the text of a run that goes on when its plan is approved."""
    head = (
        f"**Mergewright waits for a word on its plan `{number}`.** Nothing was edited so far. What"
        f" to do next: somebody with write permission writes `/mergewright approve {number}`, or"
        " begins a comment with `change the plan:`. `/mergewright stop` ends the run."
    )
    named = (("Files", plan.files), ("Tests", tuple(test.name for test in plan.tests)))
    facts = [f"- {what}: {', '.join(map(cleaning.code, found))}" for what, found in named if found]
    facts += [f"- About {plan.lines:,} lines, added and removed"] if plan.lines else []
    facts += [f"- Risk: {cleaning.words(risk)}" for risk in plan.risks]
    whose = "" if plan.recipe else "_The words of the plan are a model's._"
    title = f"**{cleaning.words(plan.title)}**"
    text = _paragraphs(title, _steps(plan), "\n".join(facts), whose)
    after = _paragraphs(_so_far(run, progress, page), _details(_origin(run, page)))
    return _fitted(head, text, after, page)


def under_way(run: Run, progress: Progress, page: str | None) -> str:
    """Write the text of a run that is at work."""
    head = "**Mergewright is working on this issue.**"
    if run.follow_up is not None:
        head = f"**#{run.follow_up.pull} is open; {_round(run.follow_up)} is under way.**"
    head += " Nobody has to do anything now: what comes of it will stand here."
    plan, title, details = progress.plan, "", _origin(run, page)
    if plan is not None:
        whose = "Plan" if plan.recipe else "Plan, in a model's words"
        title = f"{whose}: {cleaning.words(plan.title)}"
        steps = cleaning.cut_markdown(_steps(plan), _MOST_STEPS, where="the log").rstrip()
        details = _paragraphs(f"The plan:\n\n{steps}" if steps else "", details)
    return _paragraphs(
        head, title, _checklist(progress), _so_far(run, progress, page), _details(details)
    )


def ended(run: Run, outcome: Outcome, progress: Progress, page: str | None) -> str:
    """Write the text of a run that has ended: where the result is, or why there is none."""
    progress = _over(progress, done=outcome.done)
    if run.follow_up is not None and (outcome.done or outcome.threads):
        head, similar = _answered(run.follow_up, outcome), ""
    elif run.follow_up is None and outcome.done and outcome.pull_request is not None:
        head, similar = _opened(outcome.pull_request), _similar(outcome)
    else:
        return _failed(run, outcome, progress, page)
    return _paragraphs(
        head,
        similar,
        # Between two lists, which would be one otherwise.
        f"{_in_all(outcome, progress)} {_log(run, page)}",
        _checklist(progress),
        _details(_origin(run, page)),
    )


def call(text: str, address: str) -> str:
    """Write the comment that tells a person of what the status comment says by now.

    Args:
        text: Of the status comment; its first line says what it is about.
        address: Of the status comment.
    """
    first = text.lstrip().partition("\n")[0].rstrip()
    # Whoever reads the first sentence goes there for the rest.
    bold = first[: first.index("**", 2) + 2] if first.startswith("**") and "**" in first[2:] else ""
    return f"{bold or first} A person has to act: see [the status comment]({address})."


# --- ends ----------------------------------------------------------------------------------------


def _opened(pull: PullRequest) -> str:
    draft, looked = (" (draft)", " with the findings that it names") if pull.draft else ("", "")
    return _paragraphs(
        f"**A checked pull request is ready: #{pull.number}**{draft}",
        f"What to do next: a person reviews it{looked}, and merges or closes it.",
        *(f"_{cleaning.words(note)}_" for note in pull.notes),
    )


def _answered(about: FollowUp, outcome: Outcome) -> str:
    """Say what has become of the threads of a pull request, which is open all the same."""
    pull, waits = f"#{about.pull}", outcome.waiting
    sentence = outcome.sentence.removeprefix(f"Pull request {pull}: ")
    result = _counted(outcome.threads) or cleaning.words(sentence).rstrip(".")
    way = f"a person reviews {pull}, and merges or closes it."
    if waits or outcome.marked:
        way = f"a person answers what is left to people, then reviews {pull}."
    return _paragraphs(
        f"**{pull} is open; {_round(about)} is over: {result}.**",
        f"What to do next: {way}",
        "\n".join(f"- {_linked(one)}" for one in waits),
    )


def _failed(run: Run, outcome: Outcome, progress: Progress, page: str | None) -> str:
    head, about = "", run.follow_up
    if about is not None:
        head = f"**#{about.pull} is open as it was; {_round(about)} came to nothing.**"
        if outcome.reason is Reason.SUPERSEDED:
            head = f"**On #{about.pull}, {_round(about)} was stopped.**"
    text = outcome.pull_request_text or cleaning.words(outcome.sentence)
    origin = f"{_origin(run, page)}  \nReason code: `{outcome.reason.value}`"
    details = _details(_paragraphs(_checklist(progress), origin))
    after = _paragraphs(_similar(outcome), _in_all(outcome, progress), details)
    return _fitted(head, text, after, page)


def _fitted(head: str, text: str, after: str, page: str | None) -> str:
    """Cut the text, so that all of it fits into a comment."""
    room = cleaning.TEXT_LIMIT - len(head) - len(after) - 200
    where = page or "the log of the run"
    return _paragraphs(head, cleaning.cut_markdown(text, room, where=where).rstrip(), after)


# --- parts ---------------------------------------------------------------------------------------


def _round(about: FollowUp) -> str:
    return f"round {about.round} {_ROUNDS[about.kind]}"


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
    by = f"as of {datetime.fromtimestamp(progress.at, UTC):%H:%M} UTC" if progress.at else "so far"
    took, cost = _duration(progress.seconds), "$0.00"
    if progress.most_minutes is not None:
        took += f" of at most {progress.most_minutes:,} minutes"
    if progress.replies and progress.usd is None:
        cost = "models at a price that is not known"
    elif progress.replies:
        most = f" of at most {money(progress.most_usd)}" if progress.most_usd else ""
        cost = f"{money(progress.usd or 0.0)}{most} for models"
    elif progress.plan is not None and progress.plan.recipe:
        cost = "$0.00 (no model is asked)"
    return f"Used {by}: {took}, {cost}. {_log(run, page)}"


def _in_all(outcome: Outcome, progress: Progress) -> str:
    """Say what a run has taken and cost in all, in a sentence."""
    seconds = progress.seconds + _since(progress.at)
    took = f"took {_duration(seconds)} and " if seconds >= _SHORTEST_SECONDS else ""
    return f"The run {took}cost {outcome.used.cost}."


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < _MINUTES_FROM else f"{seconds / 60:.0f} minutes"


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
    stages = []
    for mark in progress.stages:
        changes: dict[str, str] = {}
        if done:
            # The stage that ends the run has nobody else to tell its time.
            took = _since(mark.begun)
            brief = f"{took:.1f} s" if took >= _SHORTEST_SECONDS else ""
            changes = {"state": "done", "detail": mark.detail or brief}
        elif mark.state == "running":
            changes = {"state": "failed"}
        stages.append(mark.model_copy(update=changes))
    return progress.model_copy(update={"stages": tuple(stages), "now": ""})


def _checklist(progress: Progress) -> str:
    lines = []
    for mark in progress.stages:
        line = _BOXES[mark.state].format(cleaning.words(mark.stage))
        detail = mark.detail or (progress.now if mark.state == "running" else "")
        lines.append(f"{line}: {cleaning.words(detail[:300])}" if detail else line)
    return "\n".join(lines)


def _origin(run: Run, page: str | None) -> str:
    """Whose word started it, and what is being done: the text as it stood then."""
    named = f"[Run {run.run_id}]({page})" if page else f"Run {run.run_id}"
    snapshot = run.snapshot
    if snapshot is None:
        return named
    # The name without an @, which would call the person.
    who = f"started by {cleaning.code(snapshot.actor)}, " if snapshot.actor else ""
    when = snapshot.approved_at
    if snapshot.read_at is not None:
        when = f"{when}, as it was read at {snapshot.read_at}"
    return f"{named}, {who}on the text of {when}"
