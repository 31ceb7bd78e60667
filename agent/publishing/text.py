"""Render the text that goes with a result: facts first, from records only.

Owns what stands in a text, and in which order. What is foreign in it is made inert by `cleaning`,
secrets are taken out by `redaction`; how a repository's own template is filled is left to
`template`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import jinja2

from agent.models.change import Finding, Plan
from agent.models.checks import CheckReport, Comparison
from agent.models.environment import Prepared
from agent.models.model_use import ModelTotal, ModelWork
from agent.models.outcome import Outcome, Verdict
from agent.models.proof import Proof
from agent.models.record import Record
from agent.models.review import ReviewNotes
from agent.models.run import Reason, Run
from agent.models.ticket import Ticket
from agent.publishing import messages, migrations, siblings, template
from agent.publishing.template import Part
from agent.telemetry import run_log
from agent.text import check_summary, sanitise
from agent.text.redaction import REMOVED, Redactor

#: GitHub refuses longer titles.
_TITLE_LIMIT = 256
#: A comment gets the stages of the run around it.
_COMMENT_LIMIT = sanitise.TEXT_LIMIT - 5_000
#: How much of log and diff is shown, if all the rest leaves the space.
_SANDBOX = ((20_000, 40_000), (5_000, 20_000), (1_000, 5_000))
_EXCERPT = 4_000
_LISTED = 10
#: A run may end so after the push too, or when it begins anew after one.
_MAY_HAVE_PUSHED = frozenset(
    {
        Reason.UNAVAILABLE,
        Reason.SUPERSEDED,
        Reason.CANCELLED,
        Reason.ACCESS_LOST,
        Reason.REFUSED,
        Reason.UNFIT,
        Reason.STORAGE_FULL,
        Reason.INTERRUPTED,
        Reason.INTERNAL,
    }
)

#: Where something was taken out, as the page shows it and as Markdown has it.
_REMOVED = re.compile(r"\\?\[" + re.escape(REMOVED[1:-1]) + r"\\?\]")


class Evidence(Record):
    """What a decided run can show; every field comes from a step's result."""

    prepared: Prepared
    ticket: Ticket
    title: str
    notes: tuple[str, ...]
    """What was done, in words."""
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that the change does not carry out."""
    diff: str
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    after: CheckReport
    review: ReviewNotes
    verdict: Verdict
    proof: Proof = Proof()
    work: ModelWork = ModelWork()
    plan: Plan | None = None
    branch: str | None
    commit: str | None
    log_path: str
    """Where people find the log: an address, or a file."""
    patch: str = "change.patch"
    """Where they find the change of a dry run, as a patch."""
    template: str | None = None
    """The repository's own template for pull requests."""
    adds: tuple[str, ...] = ()
    """Folders to which the change adds migrations."""
    rivals: tuple[migrations.Rival, ...] = ()
    """Open pull requests of ours that add some there too."""
    digest: str = ""
    """Of the change; empty where no other run will look for it."""
    replaced: tuple[int, ...] = ()
    """Open pull requests of ours for the same issue, which hold another change."""
    left: int = 0
    """How much of what was asked in its review is left to people."""


def pull_request(evidence: Evidence, redactor: Redactor | None = None) -> str:
    """Render the pull-request text of a run whose change passed."""
    run = evidence.prepared.run
    evidence = _without_secrets(evidence, redactor)
    if run.snapshot is None:
        head = f"# {sanitise.format_words(evidence.title)}\n\n"
    else:
        head = f"<!-- mergewright:run={run.first} approval={run.snapshot.approval_key} -->\n"
        if evidence.digest:
            head += f"{siblings.marker(evidence.digest, run.snapshot.issue.number)}\n"
        head += f"{mark}\n\n" if (mark := migrations.marker(evidence.adds)) else "\n"
        if len(sanitise.make_inert(evidence.title)) > _TITLE_LIMIT:
            head += f"Whole title: {sanitise.format_words(evidence.title)}\n\n"

    def whole(log_limit: int, diff_limit: int) -> str:
        parts = _parts(evidence, log_limit, diff_limit)
        if evidence.template is None or evidence.branch is None:
            return head + template.joined(parts)
        return head + template.fill(evidence.template, parts)

    return _fitted(whole, sanitise.TEXT_LIMIT, evidence.log_path, run, redactor)


def withheld(evidence: Evidence, redactor: Redactor | None = None) -> str:
    """Render the text of a run whose change did not pass: failing check, tests, log."""
    evidence = _without_secrets(evidence, redactor)
    run, reason = evidence.prepared.run, evidence.verdict.reason

    def whole(log_limit: int, diff_limit: int) -> str:
        found = _environment().get_template("withheld.md.j2")
        facts = _facts(evidence, log_limit, diff_limit)
        here = run.snapshot is None
        way = (
            messages.next_step_here(reason, run.run_id, config_name=run.config_name)
            if here
            else messages.next_step(reason)
        )
        return _tidy(found.render(facts, next_step=way))

    return _fitted(whole, _COMMENT_LIMIT, evidence.log_path, run, redactor)


def stopped(
    outcome: Outcome,
    ticket: Ticket | None,
    log_path: str,
    *,
    run: Run | None = None,
    redactor: Redactor | None = None,
) -> str:
    """Render the text of a run that ended before a change could be judged.

    Args:
        run: Whose end it is: a run of an issue gets a comment, any other a page of text.
    """
    on_forge = run is not None and run.snapshot is not None
    outcome, ticket = (redactor or Redactor()).redact_record((outcome, ticket))

    def whole(log_limit: int, diff_limit: int) -> str:
        found = _environment().get_template("stopped.md.j2")
        return _tidy(
            found.render(
                outcome=outcome,
                ticket=ticket,
                on_forge=on_forge,
                headline=messages.headline(outcome),
                told=messages.told(outcome),
                next_step=_next_step(outcome.reason, run)
                if run and on_forge
                else messages.next_step_here(
                    outcome.reason, outcome.run_id, config_name=outcome.config_name
                ),
                certain=_pushed_nothing(outcome),
                log_place=_log_place(log_path, run),
            )
        )

    return _fitted(whole, _COMMENT_LIMIT, log_path, run, redactor)


def _next_step(reason: Reason, run: Run) -> str:
    """What people can do; of a follow-up the issue's label begins nothing anew."""
    return messages.next_step_of_follow_up(reason) if run.follow_up else messages.next_step(reason)


def _pushed_nothing(outcome: Outcome) -> bool:
    if outcome.reason not in _MAY_HAVE_PUSHED:
        return True
    stopped_by_people = outcome.reason in (Reason.SUPERSEDED, Reason.CANCELLED)
    return stopped_by_people and outcome.stopped_at not in (None, "publish", "deliver")


def checks_summary(
    comparisons: tuple[Comparison, ...], verdict: Verdict, redactor: Redactor | None = None
) -> str:
    """Render what a check run shows: the sentence, the table, then the new failures."""
    comparisons, verdict = (redactor or Redactor()).redact_record((comparisons, verdict))

    def whole(log_limit: int, diff_limit: int) -> str:
        found = _environment().get_template("check_summary.md.j2")
        return _tidy(found.render(comparisons=comparisons, verdict=verdict, listed=_LISTED))

    return _fitted(whole, sanitise.TEXT_LIMIT, "see the pull request", None, redactor)


def checks_title(comparisons: tuple[Comparison, ...], redactor: Redactor | None = None) -> str:
    """Say in one line what the checks of a change that passed have shown."""
    return (redactor or Redactor())(check_summary.summarize_all(comparisons))


def title(words: str, redactor: Redactor | None = None) -> str:
    """Make the title of a pull request: inert, on one line, cut where GitHub would refuse it."""
    flat = sanitise.make_inert((redactor or Redactor())(words))
    return flat if len(flat) <= _TITLE_LIMIT else f"{flat[: _TITLE_LIMIT - 1].rstrip()}…"


# --- parts ----------------------------------------------------------------------------------------


def _parts(evidence: Evidence, log_limit: int, diff_limit: int) -> tuple[Part, ...]:
    macros = (
        _environment()
        .get_template("parts.md.j2")
        .make_module(_facts(evidence, log_limit, diff_limit))
    )

    def part(heading: str, macro: str, *args: object, kind: template.Kind | None = None) -> Part:
        return Part(kind=kind, heading=heading, text=_tidy(getattr(macros, macro)(*args)).strip())

    snapshot = evidence.prepared.run.snapshot
    closes = f"Closes #{snapshot.issue.number}" if snapshot else ""
    parts = [
        # What decides comes first: a reader sees it without a turn of the wheel.
        part("", "summary", kind="summary"),
        part("Checks", "tested", kind="tests"),
        part("Proof", "proof", kind="tests"),
        part("Findings", "findings"),
        part("Tests that pass only as changed", "rewritten", evidence.comparisons),
        part("Changes", "did", kind="summary"),
        part("Models", "models"),
        part("In the model's words", "model_words"),
        part("", "why", kind="why"),
        *([Part(kind="issue", heading="", text=closes)] if closes else []),
        part("Second review", "review"),
        part("Reproduce", "reproduce"),
        part("", "held_to"),
    ]
    if snapshot is None or evidence.branch is None:
        # On a code host the reader has it one click away.
        parts.append(part("", "diff", "Diff"))
    return (*parts, part("", "log"))


def _facts(evidence: Evidence, log_limit: int, diff_limit: int) -> dict[str, object]:
    prepared, where = evidence.prepared, evidence.log_path
    config = prepared.contract.config
    return {
        "evidence": evidence,
        "issue": prepared.run.snapshot,
        "heading": "##" if prepared.run.snapshot is None else "####",
        "config": config,
        "project": prepared.contract.project,
        "environment": prepared.environment,
        "diff_text": sanitise.shorten_middle(
            evidence.diff, diff_limit, where="the branch or the log"
        ),
        "log_text": sanitise.shorten_middle(
            run_log.describe_result(evidence.after), log_limit, where=where
        ),
        "log_place": _log_place(where, prepared.run),
        "listed": _LISTED,
        "uses_http": _names(config.http.name, evidence.diff),
        "done": evidence.notes,
        "rivals": migrations.by_app(evidence.rivals),
        "patch": shlex.quote(evidence.patch),
        "variables": [
            *(f"# {one.title} has to run" for one in prepared.environment.services),
            *(f"export {name}={shlex.quote(value)}" for name, value in config.env.items()),
        ],
        "commands": [
            shlex.join(result.command) for result in evidence.after.results if result.command
        ],
    }


def _names(http_client: str, diff: str) -> bool:
    """Whether a change has anything to do with the HTTP client that it is held to."""
    word = re.compile(rf"^[+-].*\b{re.escape(http_client)}\b", re.MULTILINE)
    return http_client != "any" and word.search(diff) is not None


def _log_place(path: str, run: Run | None) -> str:
    """Where the log is, as Markdown; a path on the service's machine is nobody else's business."""
    if path.startswith(("http://", "https://")):
        return f"<{path}>"
    if run is not None and run.snapshot is not None:
        return (
            f"{sanitise.format_code(f'mergewright runs log {run.run_id}')} on the service's machine"
        )
    return sanitise.format_code(path)


# --- rendering ------------------------------------------------------------------------------------


def _without_secrets(evidence: Evidence, redactor: Redactor | None) -> Evidence:
    """Clean what is shown before it is cut and made inert.

    A cut, or a sign that is escaped, leaves of a credential what nobody recognises.
    """
    shown = {name: value for name, value in evidence if name != "prepared"}
    return evidence.model_copy(update=(redactor or Redactor()).redact_record(shown))


def _fitted(
    whole: Callable[[int, int], str],
    limit: int,
    log_path: str,
    run: Run | None,
    redactor: Redactor | None,
) -> str:
    """Render with as much of log and diff as there is space for, without secrets."""
    redactor = redactor or Redactor()
    place = _log_place(log_path, run)
    for log_limit, diff_limit in _SANDBOX:
        text = redactor(whole(log_limit, diff_limit))
        if count := len(_REMOVED.findall(text)):
            values = "value that looks" if count == 1 else "values that look"
            text = f"{text.rstrip()}\n\n_{count} {values} like a secret: removed from this text._\n"
        if len(text) <= limit:
            return text
    return sanitise.cut_markdown(text, limit, where=place)


def _tidy(text: str) -> str:
    """Leave one blank line where a template left several; code keeps its own."""
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        if own := sanitise.count_ticks(line, fence):
            fence = "" if fence else own
        if fence or line.strip() or (kept and kept[-1].strip()):
            kept.append(line)
    return "\n".join(kept)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("agent.publishing"),
        # The output is Markdown: each foreign text goes through one of the filters below.
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        words=sanitise.format_words,
        spoken=sanitise.format_sentence,
        code=sanitise.format_code,
        fenced=sanitise.format_fenced,
        excerpt=_excerpt,
        minute=_minute,
        cell=sanitise.format_cell,
        list_codes=lambda things: sanitise.list_some(map(sanitise.format_code, things), _LISTED),
        summary=check_summary.summarize_check,
        in_all=ModelTotal.from_uses,
    )
    return environment


def _excerpt(text: str) -> str:
    return sanitise.shorten_middle(text, _EXCERPT, where="the log")


def _minute(moment: str) -> str:
    """Write an ISO moment for people; what is none stays as it is."""
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return sanitise.format_words(moment)
