"""`mergewright run`: one ticket, one repository, here and now."""

from __future__ import annotations

import errno
import json
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from agent import settings, telemetry
from agent.cli import result
from agent.cli.progress import Progress
from agent.domain import Outcome, Run
from agent.errors import SettingsInvalid, StorageFull
from agent.ledger import Ledger


def run(
    ticket: Annotated[
        Path,
        typer.Option(
            "--ticket",
            help="The ticket: Markdown, an issue form's text or prose.",
            exists=True,
            dir_okay=False,
            readable=True,
            metavar="FILE",
        ),
    ],
    repo: Annotated[
        Path,
        typer.Option("--repo", help="The repository.", exists=True, file_okay=False, metavar="DIR"),
    ] = Path(),
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="Use this configuration in place of the repository's own.",
            exists=True,
            dir_okay=False,
            metavar="FILE",
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Branch, tag or commit to start from. Default: what is checked out."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do everything but create the branch.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Carry a ticket out: ends with a branch that passed the checks, or with the reason why not.

    Your work tree, index and checked-out branch are never touched. Exit code 0: done;
    1: not done, with the reason; 2: usage; 130: interrupted.
    """
    request = new_run(repo, ticket, config=config, base=base, dry_run=dry_run)
    outcome, seconds = carry(request, Console(stderr=True, quiet=as_json))
    if as_json:
        print(json.dumps(result.as_json(outcome, seconds), indent=2))
    else:
        result.show(outcome, seconds, Console())
    raise typer.Exit(result.exit_code(outcome))


def new_run(
    repo: Path, ticket: Path, *, config: Path | None, base: str | None, dry_run: bool
) -> Run:
    """Name a new run; the name begins with the time, so that names sort by age."""
    started = int(time.time())
    stamp = datetime.fromtimestamp(started, UTC).strftime("%Y%m%d-%H%M%S")
    text = None
    if config is not None:
        try:
            text = config.read_text(encoding="utf-8")
        except UnicodeDecodeError as problem:
            raise typer.BadParameter(
                f"{config}: byte {problem.start} is not UTF-8", param_hint="--config"
            ) from problem
    return Run(
        run_id=f"{stamp}-{secrets.token_hex(3)}",
        repository=str(repo.resolve()),
        ticket=str(ticket.resolve()),
        base=base,
        config_text=text,
        config_name=str(config) if config else None,
        dry_run=dry_run,
        started=started,
    )


def carry(request: Run, console: Console) -> tuple[Outcome, dict[str, float]]:
    """Carry a run to its end with live progress; return its outcome and the seconds by step."""
    # Only a run needs the stages and all that they stand on; other commands start without.
    from agent import wiring, worker

    loaded = settings.load()
    log = telemetry.RunLog(loaded.home / "runs" / request.run_id / "run.log")
    with Progress(console) as progress:

        def say(line: str) -> None:
            log.line(line)
            progress.said(line)

        services = wiring.local(loaded, say)
        try:
            # Tickets, diffs and logs of private code are nobody else's business.
            log.path.parent.parent.mkdir(exist_ok=True, mode=0o700)
            log.path.parent.mkdir(mode=0o700)
        except OSError as problem:
            if problem.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(worker.full_disk(services)) from problem
            raise SettingsInvalid(
                f"MERGEWRIGHT_HOME: {log.path.parent} cannot be made ({problem.strerror}). Name a"
                " folder that you may write to."
            ) from problem
        ledger = Ledger(log.path.with_name("ledger.jsonl"), request.run_id)
        step = worker.DirectStep(request, ledger, log, progress, max_minutes=loaded.max_minutes)
        return worker.carry(request, step, services, ledger, log), step.seconds
