"""Write the status comment of an issue: state of the run, next step, cost and log.

It has six lines while the run works, four at its end; the rest is folded.
"""

from datetime import UTC, datetime

from agent.desk import Desk
from agent.models.change import Plan
from agent.models.clock import read_clock
from agent.models.model_use import format_usd
from agent.models.outcome import Outcome, PullEnd
from agent.models.run import FollowUp, Reason, Run
from agent.models.run_facts import Progress, StageMark
from agent.text import sanitise

#: Maximum length of a title, and of the reason to wait.
_LINE = 150
#: Maximum length of a plan or reason; the rest of a comment is short.
_LONGEST = sanitise.TEXT_LIMIT - 15_000
_FOLD = "\n<details>"
_ROUNDS = {"review": "review round", "ci": "CI fix round", "update": "update round"}
_STOP = "`/mergewright stop` ends the run."
_WHO_ACTS = {
    "": "No action needed",
    "time": "No action needed",
    "operator": "Only the operator of Mergewright can fix this; the run then continues by itself",
}


# --- shown ---------------------------------------------------------------------------------------


def announce(run: Run, desk: Desk) -> None:
    """Report that the run has started, or continues."""
    desk.code_host.announce_start(run, render_working(run, desk.facts.progress, desk.page(run)))


def await_approval(run: Run, plan: Plan, desk: Desk) -> None:
    """Report the plan, without secrets, and how to approve or change it."""
    shown = desk.redactor.redact_record(plan)
    text = render_plan(run, shown, plan.number, desk.facts.progress, desk.page(run))
    desk.code_host.await_approval(run, text, plan.number)


def report_outcome(run: Run, outcome: Outcome, desk: Desk) -> Outcome:
    """Report how the run ended; see `CodeHost.report_outcome`."""
    text = render_end(run, outcome, desk.page(run))
    is_obsolete = outcome.reason in (Reason.SUPERSEDED, Reason.CANCELLED)
    # GitHub itself notifies people of a new pull request and of answers to a review.
    is_known = run.follow_up is not None or is_obsolete or outcome.pull_request is not None
    occasion = "" if is_known else f"{outcome.reason.value}-{desk.facts.progress.again}"
    return desk.code_host.report_outcome(run, outcome, text, occasion=occasion)


# --- texts ---------------------------------------------------------------------------------------


def render_plan(run: Run, plan: Plan, number: str, progress: Progress, page: str | None) -> str:
    """Write the text of a run that waits for the approval of its plan."""
    head = "**The plan below needs approval. Nothing has been edited yet.**"
    way = (
        f"Next: someone with write permission comments `/mergewright approve {number}`, or"
        f" `/mergewright plan` followed by what to change. {_STOP}"
    )
    files = f"- Files: {', '.join(map(sanitise.format_code, plan.files))}" if plan.files else ""
    whose = "" if plan.recipe else " (plan written by a model)"
    title = f"**{sanitise.format_words(plan.title)}**{whose}"
    text = _cut("\n\n".join(filter(None, (title, _steps(plan), files))), page)
    return f"{_lines(head, way, f'{_usage(progress)}. {_log(run, page)}')}\n\n{text}"


def render_working(run: Run, progress: Progress, page: str | None) -> str:
    head = "**Mergewright is working on this issue.**"
    if run.follow_up is not None:
        head = f"**#{run.follow_up.pull}: {_round(run.follow_up)} is in progress.**"
    marks, plan, folded = progress.stages, progress.plan, ""
    if plan is not None:
        steps = _cut(_steps(plan), page)
        whose = "Plan" if plan.recipe else "Plan (written by a model)"
        folded = f"\n\n<details><summary>{whose}</summary>\n\n{steps}\n\n</details>"
    return (
        _lines(
            f"{head} {_usage(progress)}.",
            _name_stages("Done", marks, "done"),
            *(_current(mark) for mark in marks if mark.state == "running"),
            _name_stages("Then", marks, "waiting"),
            f"Plan: {sanitise.format_words(sanitise.shorten(plan.title, _LINE))}" if plan else "",
            f"{_WHO_ACTS[progress.waits_for]}. {_STOP} {_log(run, page)}",
        )
        + folded
    )


def render_end(run: Run, outcome: Outcome, page: str | None) -> str:
    """Write the text of a run that has ended: its result, or why there is none."""
    took = max(0.0, read_clock() - run.started)
    used = f"It took {_duration(took)} and cost {outcome.figures.total_usage.cost}."
    is_obsolete = outcome.reason in (Reason.SUPERSEDED, Reason.CANCELLED)
    is_answer = outcome.is_done or outcome.review_state.threads or is_obsolete
    if run.follow_up is not None and is_answer:
        head = _describe_answer(run.follow_up, outcome)
    elif run.follow_up is None and outcome.is_done and outcome.pull_request is not None:
        pull = outcome.pull_request
        way = "check the findings it lists, mark it ready, then merge or close it"
        head = _lines(
            f"**{pull.title} is {'open' if pull.draft else 'ready for review'}.**",
            sanitise.format_words(outcome.sentence),
            f"It replaces {_list_pulls(pull.replaces)}." if pull.replaces else "",
            _name_open(outcome),
            f"Next: {way if pull.draft else 'review it, then merge or close it'}.",
        )
    else:
        text = _cut(outcome.files.text or sanitise.format_words(outcome.sentence), page)
        seen, fold, rest = text.partition(_FOLD)
        if (about := run.follow_up) is not None:
            what = f"#{about.pull} is unchanged; {_round(about)} produced no change."
            seen = f"**{what}**\n\n{seen}"
        last = f"{used} Reason: `{outcome.reason.value}`."
        last = " ".join(filter(None, (_name_open(outcome), last)))
        return f"{seen.rstrip()} {last}" + (f"\n{fold}{rest}" if fold else "")
    return _lines(head, f"{used} {_log(run, page)}")


def _name_open(outcome: Outcome) -> str:
    """Name the pull requests of earlier runs that are still open."""
    if not outcome.still_open:
        return ""
    are = "is" if len(outcome.still_open) == 1 else "are"
    how = "open, too: keep one of them" if outcome.pull_request else "still open"
    return f"{_list_pulls(outcome.still_open)} {are} {how}."


def _list_pulls(numbers: tuple[int, ...]) -> str:
    return ", ".join(f"#{number}" for number in numbers)


def render_pull_end(pull: PullEnd) -> str:
    """Write the text of a run whose pull request was merged, closed or reopened."""
    if pull.state == "open":
        return _lines(
            f"**#{pull.pull} is open again.**", "Next: review it, then merge or close it."
        )
    return f"**#{pull.pull} was {pull.state}.** Nothing more to do."


def _describe_answer(about: FollowUp, outcome: Outcome) -> str:
    pull = f"#{about.pull}"
    result = outcome.sentence.removeprefix(f"Pull request {pull}: ").rstrip(".")
    result = sanitise.format_words(result)
    if outcome.reason in (Reason.SUPERSEDED, Reason.CANCELLED) and not outcome.review_state.threads:
        return _lines(f"**The result is pull request {pull}.**", f"Its last round ended: {result}.")
    way = f"review {pull}, then merge or close it."
    if outcome.review_state.waiting_threads:
        way = f"answer the comments that need a person, then review {pull}."
    return _lines(f"**{pull}: {_round(about)} is done: {result}.**", f"Next: {way}")


def _cut(text: str, page: str | None) -> str:
    return sanitise.cut_markdown(text, _LONGEST, where=page or "the log of the run").rstrip()


def _round(about: FollowUp) -> str:
    return f"{_ROUNDS[about.kind]} {about.round}"


def _steps(plan: Plan) -> str:
    steps = enumerate(map(sanitise.format_words, plan.steps), 1)
    return "\n".join(f"{at}. {step}" for at, step in steps)


def _lines(*texts: str) -> str:
    """Join the texts that are not empty, each on a line of its own."""
    return "\n".join(filter(None, texts))


def _name_stages(word: str, marks: tuple[StageMark, ...], state: str) -> str:
    named = (mark.stage for mark in marks if mark.state == state)
    listed = sanitise.format_words(", ".join(named))
    return f"{word}: {listed}." if listed else ""


def _current(mark: StageMark) -> str:
    """Name the current stage, and since when it runs."""
    text = f"**Now: {sanitise.format_words(mark.stage)}**"
    if mark.detail:
        text += f", {sanitise.format_words(sanitise.shorten(mark.detail, _LINE))}"
    if mark.begun:
        text += f", since {datetime.fromtimestamp(mark.begun, UTC):%H:%M} UTC"
    return text


def _usage(progress: Progress) -> str:
    """Name the time and money that a run has used, and its limits."""
    took, cost = _duration(progress.seconds), "$0.00"
    if progress.most_minutes is not None:
        took += f" of {progress.most_minutes:,} minutes"
    if progress.replies and progress.usd is None:
        cost = "model cost unknown"
    elif progress.replies:
        most = f" of {format_usd(progress.most_usd)}" if progress.most_usd else ""
        cost = f"{format_usd(progress.usd or 0.0)}{most} for models"
    return f"Used {took}, {cost}"


def _duration(seconds: float) -> str:
    for length, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s"


def _log(run: Run, page: str | None) -> str:
    if page:
        return f"[Log]({page}/log)"
    return f"Log: `mergewright runs log {run.run_id}` on the service's machine."
