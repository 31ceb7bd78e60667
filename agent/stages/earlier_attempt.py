"""An earlier attempt at the same issue that people have closed: what they said in it.

What they said is data for whoever plans and edits, beside the ticket and never in its text: rules
that ask what a ticket demands do not read it, and neither do recipes.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import AccessLost
from agent.models.code_host import Pulls
from agent.models.pulls import PullSnapshot, Thread, ThreadComment, is_command
from agent.models.run import Run
from agent.models.ticket import EarlierAttempt, Ticket
from agent.services import Services
from agent.text import sanitise

#: The newest count; what was said last is why it was closed, as a rule.
_MOST_REMARKS = 30
_MOST_REMARK, _MOST_IN_ALL = 2_000, 8_000
#: So many people are asked about, so that strangers cost next to nothing.
_MOST_PEOPLE = 20


def add_earlier_attempt(ticket: Ticket, run: Run, svc: Services) -> Ticket:
    """Add what people with write permission said in the attempt before, if they have closed it.

    How it stands is asked now. Where we may not read it, it is as if there was none.
    """
    number = svc.execution.memory.find_earlier_pull(run)
    if number is None or svc.pulls is None:
        return ticket
    try:
        pull = svc.pulls.read_pull(run, number)
        if pull is None or pull.state != "closed":
            return ticket
        attempt = _make_attempt(pull, run, svc.pulls)
    except AccessLost as problem:
        svc.say(f"pull request #{number} of an earlier run was not read: {problem.message}")
        return ticket
    count = len(attempt.comment_headings)
    remarks = f"{count} remark{'s' * (count != 1)}" if count else "no remarks"
    svc.say(f"an earlier attempt, pull request #{number}, was closed, with {remarks}")
    return ticket.model_copy(update={"earlier": attempt})


def _make_attempt(pull: PullSnapshot, run: Run, pulls: Pulls) -> EarlierAttempt:
    kept: list[tuple[str, str]] = []
    left = 0
    for thread, comment in _by_people(pull, run, pulls):
        words = sanitise.clean_ticket(comment.body)[0].strip()
        if not words:
            continue
        where = f", on {thread.path}" if thread.path else ""
        where += f":{thread.line}" if thread.path and thread.line else ""
        shown = sanitise.shorten_middle(words, _MOST_REMARK, where="the pull request")
        remark = f"{comment.author} ({comment.at}{where}):\n{shown}"
        space = _MOST_IN_ALL - sum(len(one) + 2 for one, _ in kept)
        if len(kept) >= _MOST_REMARKS or len(remark) > space:
            left += 1
            continue
        kept.append((remark, f"{comment.author}, {comment.at}"))
    kept.reverse()
    return EarlierAttempt(
        pull=pull.number,
        url=pull.url,
        remarks="\n\n".join(remark for remark, _ in kept),
        comment_headings=tuple(by for _, by in kept),
        comments_left=left,
    )


def _by_people(
    pull: PullSnapshot, run: Run, pulls: Pulls
) -> Iterator[tuple[Thread, ThreadComment]]:
    """Go through what people with write permission said, the newest first."""
    said = [(thread, one) for thread in pull.threads for one in thread.comments]
    said.sort(key=lambda pair: pair[1].at, reverse=True)
    asked: dict[int, bool] = {}
    for thread, one in said:
        if one.is_ours or one.is_bot or not one.author_id or is_command(one.body):
            continue
        if one.author_id not in asked:
            may = len(asked) < _MOST_PEOPLE and pulls.may_write(run, one.author, one.author_id)
            asked[one.author_id] = may
        if asked[one.author_id]:
            yield thread, one
