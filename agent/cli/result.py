"""Show an outcome: for people with tables, for programs as one JSON object."""

import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

from agent.cli import terminal
from agent.models.base_report import BaseReport
from agent.models.change import Severity
from agent.models.checks import AnyComparison
from agent.models.outcome import Outcome
from agent.models.run import Reason
from agent.models.step import Stage, read_step_name
from agent.publishing import messages
from agent.telemetry import run_log
from agent.text import base_table, check_summary, sanitise
from repo_config import load

#: Version of what `--json` prints.
SCHEMA_VERSION = 1
_LISTED = 5
_MODEL_MAY_HELP = (Reason.UNFIT, Reason.ENVIRONMENT, Reason.CHECK_UNFINISHED)


def choose_exit_code(outcome: Outcome) -> int:
    """Return the exit code of the process.

    0: done as asked; 1: not done; 2: not done until configuration or machine are corrected;
    130: interrupted.
    """
    if outcome.reason is Reason.INTERRUPTED:
        return 130
    if outcome.reason in (Reason.CONFIG_INVALID, Reason.SETTINGS_INVALID, Reason.NO_SANDBOX):
        return 2
    return 0 if outcome.is_done or outcome.reason in (Reason.DRY_RUN, Reason.CHECKED) else 1


def list_next_steps(outcome: Outcome, repo: Path | None, command: str = "") -> tuple[str, ...]:
    """List the next steps: commands with their purpose, or a sentence.

    `repo`: repository of a run on this machine; None: a run of an issue, whose page has the steps.
    `command` continues the run; "": `--resume` does.
    """
    if outcome.base and outcome.reason is Reason.UNFIT:
        return ()  # A repository without Python needs no next step.
    if repo is None:
        return (f"review {outcome.pull_request.url}",) if outcome.pull_request else ()
    if outcome.is_done and outcome.branch:
        here = Path.cwd().is_relative_to(repo)
        git = "git" if here else f"git -C {shlex.quote(str(repo))}"
        branch = shlex.quote(outcome.branch)
        return (
            f"{git} show {branch}  # show the change (one commit)",
            f"{git} merge {branch}  # merge it into the current branch",
        )
    words = messages.get_next_step_here(
        outcome.reason, outcome.run_id, config_name=outcome.config_name, command=command
    )
    step = read_step_name(outcome.stopped_at or "")
    is_set_up = step is not None and step.step.stage in (Stage.ENVIRONMENT, Stage.BASE)
    if is_set_up and outcome.reason in _MODEL_MAY_HELP and not outcome.figures.models:
        words += " Or have a model look for the set-up: `--model openai:NAME`."
    return (words,) if words else ()


def make_report(
    outcome: Outcome, seconds: dict[str, float], repo: Path | None = None, command: str = ""
) -> dict[str, object]:
    """Return the object that `--json` prints: the outcome, and values derived from it.

    Values that only the service's next round needs are left out.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        **outcome.model_dump(
            mode="json", exclude={"review_state": True, "figures": {"first_round", "told_at"}}
        ),
        "cost_usd": outcome.figures.total_usage.usd,
        "next": list_next_steps(outcome, repo, command),
        "seconds": seconds,
    }


def show(
    outcome: Outcome,
    elapsed: float,
    repo: Path | None = None,
    command: str = "",
) -> None:
    """Print an outcome: the checks, what rules found, whether it is done, and where results are.

    `command` continues the run.
    """
    if outcome.base:
        show_base(outcome.base)
    if outcome.judged.checks:
        headings = ("check", "base", "with the change", "new failures", "verdict")
        terminal.show_table(headings, map(_make_row, outcome.judged.checks))
    for check in outcome.judged.checks:
        names = [item.item_id for item in check_summary.list_new(check)]
        if names:
            listed = sanitise.list_some(names, _LISTED)
            print(terminal.make_line(f"  new failures {check.name}: {listed}"))
    for finding in outcome.judged.findings:
        print(terminal.make_line(f"  {run_log.describe_finding(finding)}"))
    unfinished = "not finished" if outcome.branch else "not done"
    mark = unfinished if choose_exit_code(outcome) else "done"
    is_draft = any(finding.severity is Severity.REVIEW for finding in outcome.judged.findings)
    how = "draft" if outcome.reason is Reason.READY and is_draft else outcome.reason.value
    print(f"\n{mark} ({how}) in {elapsed:.1f} s")
    print(sanitise.strip_terminal_codes(outcome.sentence))
    steps = list_next_steps(outcome, repo, command)
    nexts = [("" if number else "next", step) for number, step in enumerate(steps)]
    for title, words in (*_list_places(outcome), *nexts):
        # `mergewright check` has already printed what that file contains.
        if words and not (command and title == "text"):
            print(f"{title:<7} {sanitise.strip_terminal_codes(words)}")


def show_base(base: BaseReport) -> None:
    """Print the checks of a base commit, with their results, and the configuration to commit."""
    if base.checks:
        terminal.show_table(base_table.HEADINGS, base_table.list_rows(base))
        print()
    terminal.show_table(("", ""), base_table.list_facts(base))
    if base.configuration:
        print(f"\n{load.OWN_FILES[0]}:\n")
        print(textwrap.indent(sanitise.strip_terminal_codes(base.configuration), "    "), end="")


def _list_places(outcome: Outcome) -> Iterator[tuple[str, str | None]]:
    pull, review, files = outcome.pull_request, outcome.judged.review, outcome.files
    yield "branch", f"{outcome.branch}  {outcome.commit}" if outcome.branch else None
    if pull:
        yield from (("pull", pull.url), *(("", note) for note in pull.notes))
    yield from (("text", files.text_path), ("patch", files.patch_path))
    yield "review", review.sentence if review and (review.ran or review.unfinished) else None
    yield "models", outcome.figures.total_usage.summary if outcome.figures.models else None
    yield "log", files.log


def _make_row(check: AnyComparison) -> tuple[str, ...]:
    words = check_summary.summarize_check(check)
    return check.name, words.base, words.head, words.new, check.verdict.value
