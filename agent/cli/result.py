"""Show an outcome: for people with tables, for programs as one JSON object."""

from __future__ import annotations

import shlex
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.errors import AgentError
from agent.git import source
from agent.models.checks import Comparison, Status
from agent.models.outcome import Outcome
from agent.models.run import Reason
from agent.publishing import spoken
from agent.text import check_summary, cleaning

_COLOURS = {Status.PASSED: "green", Status.FAILED: "red", Status.UNVERIFIED: "yellow"}
_LISTED = 5


def exit_code(outcome: Outcome) -> int:
    """Return what the process ends with.

    0: done as asked; 1: not done; 2: not before configuration or machine are corrected; 130:
    interrupted.
    """
    if outcome.reason is Reason.INTERRUPTED:
        return 130
    if outcome.reason in (Reason.CONFIG_INVALID, Reason.NO_ROOM):
        return 2
    return 0 if outcome.done or outcome.reason is Reason.DRY_RUN else 1


def next_steps(outcome: Outcome, repo: Path | None) -> tuple[str, ...]:
    """Say what there is to do now: commands with their purpose, or a sentence.

    Args:
        repo: Of a run on this machine; None: the run is of an issue, whose page says it.
    """
    if repo is None:
        return (f"review {outcome.pull_request.url}",) if outcome.pull_request else ()
    if outcome.done and outcome.branch:
        here = Path.cwd().is_relative_to(repo)
        git = "git" if here else f"git -C {shlex.quote(str(repo))}"
        return spoken.with_branch(outcome.branch, git, _remote(repo))
    said = spoken.next_step_here(outcome.reason, outcome.run_id, config_name=outcome.config_name)
    return (said,) if said else ()


def _remote(repo: Path) -> str:
    """Name where a repository pushes to: `origin`, else its first remote; empty: it has none."""
    try:
        names = source.remotes(str(repo))
    except AgentError:
        return ""
    return "origin" if "origin" in names else next(iter(names), "")


def as_json(
    outcome: Outcome, seconds: dict[str, float], repo: Path | None = None
) -> dict[str, object]:
    """Build the object that `--json` prints."""
    used = outcome.used
    return {
        # A dry run opens nothing, so it must not be taken for one that did.
        "outcome": "dry_run" if outcome.reason is Reason.DRY_RUN else outcome.state.value,
        "run_id": outcome.run_id,
        "reason": outcome.reason.value,
        "sentence": outcome.sentence,
        "branch": outcome.branch,
        "commit": outcome.commit,
        "pull_request": outcome.pull_request.url if outcome.pull_request else None,
        "pull_request_text": outcome.pull_request_text,
        "pull_request_path": outcome.text_path,
        "patch_path": outcome.patch_path,
        "log": outcome.log,
        "checks": [
            {
                "name": check.name,
                "base": _side(
                    check.base, check.base_count, check.base_failures, check.base_skipped
                ),
                "head": _side(
                    check.head, check.head_count, check.head_failures, check.head_skipped
                ),
                "verdict": check.verdict.value,
                "figures": check.figures,
                "reason": check.reason,
                "new_failures": [item.item_id for item in check.new_failures],
                "gone": list(check.gone),
                "flaky": [one.item_id for one in (*check.flaky, *check.unsure)],
                "unmatched": list(check.unmatched),
                "added": list(check.added),
                "seconds": round(check.seconds, 3),
            }
            for check in outcome.checks
        ],
        "findings": [finding.model_dump(mode="json") for finding in outcome.findings],
        "similar": [similar.model_dump(mode="json") for similar in outcome.similar],
        "next": next_steps(outcome, repo),
        "review": None
        if outcome.review is None
        else {**outcome.review.model_dump(mode="json"), "open": outcome.review.open},
        "models": [use.model_dump(mode="json") for use in outcome.models],
        "tokens": {
            "input": used.input_tokens,
            "cached": used.cached_tokens,
            "output": used.output_tokens,
        },
        "cost_usd": None if used.usd is None else outcome.cost_usd,
        "seconds": seconds,
    }


def _side(status: Status, count: int, failures: int, skipped: int) -> dict[str, object]:
    return {"status": status.value, "count": count, "failures": failures, "skipped": skipped}


def show(
    outcome: Outcome, seconds: dict[str, float], console: Console, repo: Path | None = None
) -> None:
    """Print what a person wants to know first: done or not, the checks, where things are."""
    if outcome.checks:
        console.print(check_table(outcome.checks))
    for check in outcome.checks:
        for item in check.new_failures[:_LISTED]:
            console.print(f"  [red]new failure[/] {_shown(check.name)}: {_shown(item.item_id)}")
        if len(check.new_failures) > _LISTED:
            console.print(f"  and {len(check.new_failures) - _LISTED} more")
    for finding in outcome.findings:
        place = finding.path if finding.line is None else f"{finding.path}:{finding.line}"
        console.print(
            f"  {finding.severity.value} {finding.rule} {_shown(place)}: {_shown(finding.message)}"
        )
    mark = "[bold red]not done[/]" if exit_code(outcome) else "[bold green]done[/]"
    console.print(f"\n{mark} ({outcome.reason.value}) in {sum(seconds.values()):.1f} s")
    console.print(_shown(outcome.sentence), soft_wrap=True)
    for similar in outcome.similar:
        console.print(f"similar {_shown(similar.told)}", soft_wrap=True)
    _show_places(outcome, console)
    for title, line in zip_longest(("next",), next_steps(outcome, repo), fillvalue=""):
        if line:
            console.print(f"{title:<7} {_shown(line)}", soft_wrap=True, highlight=False)


def _show_places(outcome: Outcome, console: Console) -> None:
    pull, review = outcome.pull_request, outcome.review
    branch = f"{outcome.branch}  {outcome.commit}" if outcome.branch else None
    rows: list[tuple[str, str | None]] = [("branch", branch)]
    if pull:
        rows += [("pull", pull.url), *(("", note) for note in pull.notes)]
    rows += [("text", outcome.text_path), ("patch", outcome.patch_path)]
    if review and (review.ran or review.unfinished):
        rows.append(("review", review.sentence))
    rows += [("models", outcome.used.told if outcome.models else ""), ("log", outcome.log)]
    for title, said in rows:
        if said:
            console.print(f"{title:<7} {_shown(said)}", soft_wrap=True, highlight=False)


def check_table(checks: tuple[Comparison, ...]) -> Table:
    """Lay the checks out, base against head."""
    table = Table(show_edge=False)
    for heading in ("check", "base", "with the change", "new failures", "verdict"):
        table.add_column(heading, no_wrap=heading == "check")
    for check in checks:
        colour = _COLOURS.get(check.verdict, "white")
        said = check_summary.summarize(check)
        cells = (check.name, said.base, said.head, said.new)
        table.add_row(*map(_shown, cells), f"[{colour}]{check.verdict.value}[/]")
    return table


def _shown(text: str) -> str:
    """Make foreign words safe for the terminal: no markup of ours, no escapes of theirs."""
    return escape(cleaning.terminal(text))
