"""What the status comment says: how a run stands, who has to do what, what it costs, its log."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from agent.models.change import Plan
from agent.models.code_host import Progress
from agent.models.model_use import format_usd
from agent.models.outcome import Outcome, PullRequest
from agent.models.run import FollowUp, Reason, Run
from agent.text import sanitise

#: How the text of a run begins that has not begun itself.
WAITS = "**Mergewright has seen this issue, which waits for its turn.**"
#: Of a title.
_LINE = 150
_BOLD = re.compile(r"\*\*.+?\*\*|.*")
#: Of a plan or reason; the rest of a comment is short.
_SANDBOX = sanitise.TEXT_LIMIT - 15_000
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


def waiting(run: Run, ahead: int, because: str = "") -> str:
    """Write the text of a run that has not begun: others were there before, or it may not yet."""
    others = f"{ahead} other run{'s are' if ahead > 1 else ' is'} ahead of it." if ahead else ""
    last = "Nobody has to do anything now: the run begins by itself."
    head = " ".join(filter(None, (WAITS, sanitise.format_words(because), others, last)))
    return _paragraphs(head, _details(_origin(run, None)))


def awaiting(run: Run, pull: PullRequest, words: str, progress: Progress, page: str | None) -> str:
    """Write the text of a run that goes on when the owner has answered."""
    head = f"**Mergewright waits for an answer in #{pull.number}.** {sanitise.format_words(words)}"
    return _paragraphs(head, _so_far(run, progress, page), _details(_origin(run, page)))


def planned(run: Run, plan: Plan, number: str, progress: Progress, page: str | None) -> str:
    """Write the text of a run that goes on when its plan is approved."""
    head = (
        f"**Mergewright waits for a word on its plan `{number}`.** Nothing was edited so far. What"
        f" to do next: somebody with write permission writes `/mergewright approve {number}`, or"
        " begins a comment with `change the plan:`. `/mergewright stop` ends the run."
    )
    files = f"- Files: {', '.join(map(sanitise.format_code, plan.files))}" if plan.files else ""
    whose = "" if plan.recipe else "_The words of the plan are a model's._"
    title = f"**{sanitise.format_words(plan.title)}**"
    text = _cut(_paragraphs(title, _steps(plan), files, whose), page)
    return _paragraphs(head, text, _so_far(run, progress, page), _details(_origin(run, page)))


def under_way(run: Run, progress: Progress, page: str | None) -> str:
    """Write the text of a run that is at work."""
    head = "**Mergewright is working on this issue.**"
    if run.follow_up is not None:
        head = f"**#{run.follow_up.pull} is open; {_round(run.follow_up)} is under way.**"
    head += " Nobody has to do anything now: what comes of it will stand here."
    plan, title, details = progress.plan, "", _origin(run, page)
    if plan is not None:
        whose = "Plan" if plan.recipe else "Plan, in a model's words"
        title = f"{whose}: {sanitise.format_words(plan.title)}"
        details = _paragraphs("The plan:", _cut(_steps(plan), page), details)
    so_far = _so_far(run, progress, page)
    return _paragraphs(head, title, _checklist(progress), so_far, _details(details))


def ended(run: Run, outcome: Outcome, progress: Progress, page: str | None) -> str:
    """Write the text of a run that has ended: where the result is, or why there is none."""
    progress = _over(progress, done=outcome.is_done)
    checklist, origin = _checklist(progress), _origin(run, page)
    took = _duration(progress.seconds + _since(progress.at))
    in_all = f"The run took {took} and cost {outcome.total_usage.cost}."
    if run.follow_up is not None and (outcome.is_done or outcome.threads):
        head = _answered(run.follow_up, outcome)
    elif run.follow_up is None and outcome.is_done and outcome.pull_request is not None:
        pull = outcome.pull_request
        draft = (" (draft)", " with the findings that it names") if pull.draft else ("", "")
        head = _paragraphs(
            f"**A checked pull request is ready: #{pull.number}**{draft[0]}",
            f"What to do next: a person reviews it{draft[1]}, and merges or closes it.",
            *(f"_{sanitise.format_words(note)}_" for note in pull.notes),
        )
    else:
        reason = f"{origin}  \nReason code: `{outcome.reason.value}`"
        head, details = _failed(run, outcome, page), _details(_paragraphs(checklist, reason))
        return _paragraphs(head, _similar(outcome), in_all, details)
    # Between two lists, which would be one otherwise.
    in_all = f"{in_all} {_log(run, page)}"
    return _paragraphs(head, _similar(outcome), in_all, checklist, _details(origin))


def call(text: str, address: str) -> str:
    """Write the comment that leads a person from the status comment's first words to its rest."""
    words = _BOLD.findall(text.lstrip())[0].rstrip()
    return f"{words} A person has to act: see [the status comment]({address})."


def _answered(about: FollowUp, outcome: Outcome) -> str:
    """Say what has become of the threads of a pull request, which is open all the same."""
    pull = f"#{about.pull}"
    result = sanitise.format_words(outcome.sentence.removeprefix(f"Pull request {pull}: ")).rstrip(
        "."
    )
    way = f"a person reviews {pull}, and merges or closes it."
    if outcome.waiting_threads or outcome.review_places:
        way = f"a person answers what is left to people, then reviews {pull}."
    linked = (
        (sanitise.format_words(one.about[:_LINE]), one.url) for one in outcome.waiting_threads
    )
    lines = (f"- [{title}]({url})" if url else f"- {title}" for title, url in linked)
    head = f"**{pull} is open; {_round(about)} is over: {result}.**"
    return _paragraphs(head, f"What to do next: {way}", "\n".join(lines))


def _failed(run: Run, outcome: Outcome, page: str | None) -> str:
    head, about = "", run.follow_up
    if about is not None and outcome.reason is Reason.SUPERSEDED:
        head = f"**On #{about.pull}, {_round(about)} was stopped.**"
    elif about is not None:
        head = f"**#{about.pull} is open as it was; {_round(about)} came to nothing.**"
    text = outcome.pull_request_text or sanitise.format_words(outcome.sentence)
    return _paragraphs(head, _cut(text, page))


def _cut(text: str, page: str | None) -> str:
    return sanitise.cut_markdown(text, _SANDBOX, where=page or "the log of the run").rstrip()


def _round(about: FollowUp) -> str:
    return f"round {about.round} {_ROUNDS[about.kind]}"


def _steps(plan: Plan) -> str:
    return "\n".join(
        f"{at}. {sanitise.format_words(step)}" for at, step in enumerate(plan.steps, 1)
    )


def _similar(outcome: Outcome) -> str:
    """Name other runs whose issues have the same title; numbers are links, their words are not."""
    lines = []
    for one in outcome.similar:
        became = "its run is under way" if one.under_way else f"[pull request]({one.url})"
        about = f"#{one.number} {sanitise.format_words(one.title[:_LINE])}"
        lines.append(f"- {about} ({became})")
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
        most = f" of at most {format_usd(progress.most_usd)}" if progress.most_usd else ""
        cost = f"{format_usd(progress.usd or 0.0)}{most} for models"
    elif progress.plan is not None and progress.plan.recipe:
        cost = "$0.00 (no model is asked)"
    return f"Used {by}: {took}, {cost}. {_log(run, page)}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _since(moment: float | None) -> float:
    """Seconds since a moment; none where a clock was put back meanwhile."""
    return max(0.0, time.time() - moment) if moment else 0.0


def _log(run: Run, page: str | None) -> str:
    if page:
        return f"[Log of the run]({page}/log)"
    return f"Its log: `mergewright runs log {run.run_id}` on the service's machine."


def _over(progress: Progress, *, done: bool) -> Progress:
    """Let the stages end; the one under way is the one that ends with these words."""
    stages = []
    for mark in progress.stages:
        # The stage that ends the run has nobody else to tell its time.
        took = f"{_since(mark.begun):.1f} s" if mark.begun else ""
        ended = {"state": "done", "detail": mark.detail or took} if done else {"state": "failed"}
        is_ending = done or mark.state == "running"
        stages.append(mark.model_copy(update=ended if is_ending else {}))
    return progress.model_copy(update={"stages": tuple(stages), "now": ""})


def _checklist(progress: Progress) -> str:
    lines = []
    for mark in progress.stages:
        detail = mark.detail or (progress.now if mark.state == "running" else "")
        said = f": {sanitise.format_words(detail[:300])}" if detail else ""
        lines.append(_BOXES[mark.state].format(sanitise.format_words(mark.stage)) + said)
    return "\n".join(lines)


def _origin(run: Run, page: str | None) -> str:
    """Whose word started it, and what is being done: the text as it stood then."""
    named = f"[Run {run.run_id}]({page})" if page else f"Run {run.run_id}"
    snapshot = run.snapshot
    if snapshot is None:
        return named
    # The name without an @, which would call the person.
    who = f"started by {sanitise.format_code(snapshot.actor)}, " if snapshot.actor else ""
    read = f", as it was read at {snapshot.read_at}" if snapshot.read_at else ""
    return f"{named}, {who}on the text of {snapshot.approved_at}{read}"
