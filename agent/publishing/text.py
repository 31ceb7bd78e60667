"""Render the texts about results, from records alone.

This module decides what a text contains, and in which order. `sanitise` makes words of other
people and programs inert, `redaction` removes secrets.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import NamedTuple

import jinja2

from agent.models.base_report import BaseReport
from agent.models.change import Finding, Severity
from agent.models.checks import AnyComparison
from agent.models.model_use import ModelTotal
from agent.models.outcome import Outcome, Verdict
from agent.models.record import replace
from agent.models.run import Run
from agent.models.ticket import Ticket
from agent.publishing import messages
from agent.publishing.evidence import Evidence
from agent.telemetry import run_log
from agent.text import base_table, check_summary, sanitise
from agent.text.check_summary import CheckSummary
from agent.text.redaction import Redactor

#: GitHub refuses longer titles.
_TITLE_LIMIT = 256
#: Lower than GitHub's limit, since a comment also has the stages of the run.
_COMMENT_LIMIT = sanitise.TEXT_LIMIT - 5_000

#: Macros of `parts.md.j2`, some with a heading; the last ones are folded.
_PARTS = (
    *("why", "did", "next", "Risk: risk", "Checks: tested", "Proof: proof", "Cost: cost"),
    *("more_notes", "more_findings", "rewritten", "models", "reproduce", "held_to"),
    *("diff", "log"),
)

#: Pairs: maximum rows of a list, maximum characters of a sentence. The first pair that leaves at
#: most `_VISIBLE` characters before the folded parts is used, else the last one.
_LIMITS = ((5, 300), (3, 150), (2, 80))
_VISIBLE = 6_000


def render_pull_request(evidence: Evidence, redactor: Redactor | None = None) -> str:
    run = evidence.prepared.run
    evidence = _remove_secrets(evidence, redactor)
    head = f"# {sanitise.format_words(evidence.plan.title)}\n\n"
    if run.snapshot is not None:
        head = f"<!-- mergewright:run={run.first} approval={run.snapshot.approval_key} -->\n\n"

    body = ""
    for limits in _LIMITS:
        body = _tidy("\n\n".join(_render_parts(evidence, *limits))).strip()
        if len(head) + len(body.partition("<details>")[0]) <= _VISIBLE:
            break
    return _finish(f"{head}{body}\n", _log_place(evidence.log_path, run), redactor)


def render_withheld(evidence: Evidence, redactor: Redactor | None = None) -> str:
    """Render the text of a run whose change did not pass: reason, next step, details."""
    evidence = _remove_secrets(evidence, redactor)
    run, reason = evidence.prepared.run, evidence.verdict.reason
    way = (
        messages.get_next_step(reason)
        if run.snapshot
        else messages.get_next_step_here(reason, run.run_id, config_name=run.config_name)
    )

    text = _render("withheld", **_list_facts(evidence), next_step=way)
    return _finish(text, _log_place(evidence.log_path, run), redactor, limit=_COMMENT_LIMIT)


def render_stopped(
    outcome: Outcome,
    ticket: Ticket | None,
    log_path: str,
    *,
    run: Run | None = None,
    redactor: Redactor | None = None,
) -> str:
    """Render the text of a run that ended before a change was judged.

    For the run of an issue, the text is a comment; for any other, it is a page.
    """
    on_code_host = run is not None and run.snapshot is not None
    outcome, ticket = (redactor or Redactor()).redact_record((outcome, ticket))

    place = _log_place(log_path, run)
    text = _render(
        "stopped",
        outcome=outcome,
        ticket=ticket,
        on_code_host=on_code_host,
        words=messages.render_outcome_text(outcome),
        next_step=messages.find_next_step(outcome, run),
        log_place=place,
    )
    return _finish(text, place, redactor, limit=_COMMENT_LIMIT)


def render_checks_summary(
    comparisons: tuple[AnyComparison, ...], verdict: Verdict, redactor: Redactor | None = None
) -> str:
    comparisons, verdict = (redactor or Redactor()).redact_record((comparisons, verdict))
    evidence = SimpleNamespace(compared=comparisons, verdict=verdict, tests_are_off=False)
    text = _render("check_summary", evidence=evidence)
    return _finish(text, "Log: see the pull request", redactor)


def render_onboarding(
    run: Run, report: BaseReport | None, configuration: str, redactor: Redactor
) -> str:
    """Render the pull request that proposes a configuration.

    Args:
        report: None: the base could not be set up.
    """
    number = run.snapshot.issue.number if run.snapshot else 0
    facts = {"number": number, "configuration": configuration, "tables": base_table}
    return redactor(_render("onboarding", report=report, **facts)).strip()


def render_title(words: str) -> str:
    """Render the title of a pull request: inert, on one line, within GitHub's limit."""
    flat = sanitise.make_inert(Redactor()(words))
    return flat if len(flat) <= _TITLE_LIMIT else f"{flat[: _TITLE_LIMIT - 1].rstrip()}…"


# --- parts ----------------------------------------------------------------------------------------


def _render_parts(evidence: Evidence, rows: int, sentence: int) -> Iterator[str]:
    """Yield the sections in the order of a reader's questions, without empty ones."""
    source = _get_environment(rows, sentence).get_template("parts.md.j2")
    macros = source.make_module(_list_facts(evidence))
    for name in _PARTS:
        heading, _, macro = name.rpartition(": ")
        if text := getattr(macros, macro)().strip():
            yield f"## {heading}\n\n{text}" if heading else text


def _list_facts(evidence: Evidence) -> dict[str, object]:
    prepared, place = evidence.prepared, _log_place(evidence.log_path, evidence.prepared.run)
    # Checks without output are listed by their commands elsewhere.
    printed = tuple(result for result in evidence.after.results if result.output or result.reason)
    output = run_log.describe_result(replace(evidence.after, results=printed))
    return {
        "evidence": evidence,
        "issue": prepared.run.snapshot,
        "title": check_summary.summarize_all(evidence.compared),
        "found": list(_group_findings(evidence.findings)),
        "project": prepared.contract.project,
        "environment": prepared.environment,
        "diff_text": sanitise.shorten_middle(evidence.diff, 30_000, where="the branch or the log"),
        "log_text": sanitise.shorten_middle(output, 6_000, where=evidence.log_path),
        "log_place": place,
    }


def _make_rows(comparisons: tuple[AnyComparison, ...]) -> list[tuple[str, CheckSummary]]:
    """Return the name and the summary of each check; those that found something come first."""
    rows = [(check.name, check_summary.summarize_check(check)) for check in comparisons]
    return sorted(rows, key=lambda row: row[1][:2] == ("clean", "clean"))


class _Group(NamedTuple):
    severity: str
    rule: str
    words: str
    quote: str
    places: tuple[str, ...]


def _group_findings(findings: tuple[Finding, ...]) -> Iterator[_Group]:
    """Group findings with the same message, those for review first; each fix is written once."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: finding.severity is Severity.INFO):
        groups.setdefault(
            (finding.severity.value, finding.rule, finding.message, finding.fix), []
        ).append(finding)
    fixes = set()
    for (severity, rule, message, fix), same in groups.items():
        first, _, quote = message.partition("\n")
        words = first if (rule, fix) in fixes else f"{first} {fix}".strip()
        fixes.add((rule, fix))
        places = sorted({(finding.path or finding.rule, finding.line or 0) for finding in same})
        named = (f"{path}:{line}" if line else path for path, line in places)
        yield _Group(severity, rule, words, quote, tuple(named))


def _log_place(path: str, run: Run | None) -> str:
    """Return where the log is, as Markdown; paths of the service's machine are not shown."""
    if path.startswith(("http://", "https://")):
        return f"[Log of the run]({path})"
    if run is not None and run.snapshot is not None:
        command = sanitise.format_code(f"mergewright runs log {run.run_id}")
        return f"Log: {command} on the service's machine"
    return f"Log: {sanitise.format_code(path)}"


# --- rendering ------------------------------------------------------------------------------------


def _render(template: str, **facts: object) -> str:
    return _tidy(_get_environment().get_template(f"{template}.md.j2").render(facts))


def _remove_secrets(evidence: Evidence, redactor: Redactor | None) -> Evidence:
    """Remove secrets before texts are cut and made inert.

    After a cut or an escape, a credential is no longer recognised.
    """
    return replace((redactor or Redactor()).redact_record(evidence), prepared=evidence.prepared)


def _finish(
    text: str, place: str, redactor: Redactor | None, *, limit: int = sanitise.TEXT_LIMIT
) -> str:
    """Return a text without secrets, within GitHub's limit."""
    return sanitise.cut_markdown((redactor or Redactor())(text), limit, where=place)


def _tidy(text: str) -> str:
    """Reduce several blank lines of a template to one, except in code."""
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        if ticks := sanitise.count_ticks(line, fence):
            fence = "" if fence else ticks
        if fence or line.strip() or (kept and kept[-1].strip()):
            kept.append(line)
    return "\n".join(kept)


@cache
def _get_environment(
    rows: int = _LIMITS[0][0], sentence: int = _LIMITS[0][1]
) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("agent.publishing"),
        # The output is Markdown. Filters below make words of other people and programs inert.
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )

    def shorten(text: str) -> str:
        return sanitise.shorten(text, sentence)

    def list_codes(things: Iterable[str]) -> str:
        return sanitise.list_some((sanitise.format_code(shorten(thing)) for thing in things), rows)

    environment.globals["most_rows"] = rows
    environment.filters.update(
        words=sanitise.format_words,
        spoken=sanitise.format_sentence,
        code=sanitise.format_code,
        fenced=sanitise.format_fenced,
        cell=sanitise.format_cell,
        short=shorten,
        long=lambda text: sanitise.shorten(text, 3 * sentence),
        rows=_make_rows,
        paragraphs=lambda text: sanitise.format_paragraphs(sanitise.cut_words(text, 5 * sentence)),
        in_cell=lambda text: sanitise.format_sentence(text).replace("\\|", "|").replace("|", "\\|"),
        excerpt=lambda text: sanitise.shorten_middle(text, 800, where="the log"),
        minute=_format_minute,
        list_codes=list_codes,
        in_all=ModelTotal.from_uses,
    )
    return environment


def _format_minute(moment: str) -> str:
    """Write an ISO time for people; any other text stays as it is."""
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return sanitise.format_words(moment)
