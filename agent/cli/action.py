"""`mergewright action`: turn one labelled issue into a pull request, in a job of GitHub Actions.

`deploy/action/action.yml` calls it. The issue, its text and who labelled it are read from the job's
event; none of these is put into a shell command.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from agent import settings
from agent.cli import interrupts, result, run
from agent.conversation import deliveries
from agent.conversation.events import Request
from agent.errors import AgentError, SettingsInvalid
from agent.models.clock import read_clock
from agent.models.outcome import Outcome
from agent.service import intake
from agent.settings import Settings
from agent.text import sanitise

#: Maximum characters of a job's summary; GitHub accepts one megabyte.
_SUMMARY_LIMIT = 200_000


def action(
    event: Annotated[Path, typer.Option(envvar="GITHUB_EVENT_PATH")],
    summary: Annotated[Path, typer.Option(envvar="GITHUB_STEP_SUMMARY")],
    output: Annotated[Path, typer.Option(envvar="GITHUB_OUTPUT")],
) -> None:
    """Run the labelled issue that started this GitHub Actions job.

    The person who set the label needs write permission. Exit code 0: done, or nothing to do; 1: not
    done; 2: invalid settings, or no sandbox here.
    """
    interrupts.end_on_signals()
    loaded = settings.load_settings()
    try:
        with _stop_workflow_commands():
            outcome = _run_for_event(_read_event(event), loaded)
    except AgentError as problem:
        _append(summary, f"**Not done.** {sanitise.format_words(problem.message)}\n")
        raise
    if isinstance(outcome, str):
        _append(summary, f"**Nothing to do:** {sanitise.format_words(outcome)}.\n")
        return
    sentence = sanitise.format_words(outcome.sentence)
    pull, folder = outcome.pull_request, loaded.home / "runs" / outcome.run_id
    head = f"**{outcome.state.value}** ({outcome.reason.value}): {sentence}\n\n"
    link = f"Pull request: {pull.url}\n\n" if pull else ""
    _append(summary, head + link + (outcome.files.text or "")[:_SUMMARY_LIMIT])
    facts = {"run": outcome.run_id, "log": folder, "pull-request": pull.url if pull else ""}
    _append(output, "".join(f"{name}={value}\n" for name, value in facts.items()))
    raise typer.Exit(result.choose_exit_code(outcome))


def _run_for_event(payload: dict[str, Any], loaded: Settings) -> Outcome | str:
    """Decide as the service does, and execute the run; return the reason if there is no run."""
    from agent import wiring

    parsed = deliveries.parse_payload("issues", payload.get("action"), payload)
    if isinstance(parsed, deliveries.Ignored):
        return parsed.reason
    if not isinstance(parsed, Request):
        return "only labelling an issue starts a run"
    access = wiring.make_access(loaded)
    intake_api = wiring.make_intake_api(loaded, access)
    decided = intake.accept_request(parsed, intake_api, None, now=read_clock())
    if decided.run is None:
        return decided.reason
    return run.carry(decided.run, loaded, Console(stderr=True))[0]


def _read_event(path: Path) -> dict[str, Any]:
    try:
        payload = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as problem:
        raise SettingsInvalid(f"GITHUB_EVENT_PATH: {path} contains no event.") from problem
    return payload if isinstance(payload, dict) else {}


@contextmanager
def _stop_workflow_commands() -> Iterator[None]:
    """Disable the runner's commands in the output of tests, models and tickets."""
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}", flush=True)
    try:
        yield
    finally:
        print(f"\n::{token}::", flush=True)


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
