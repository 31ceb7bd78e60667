"""`mergewright run`: one ticket, one repository, here and now."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console

from agent import intake, settings, telemetry
from agent.cli import repository, result, terminal
from agent.cli.progress import Progress
from agent.domain import Outcome, Run, Snapshot
from agent.errors import RequestRefused, RunStopped
from agent.ledger import Ledger
from agent.ports import Gatekeeper, LiveIssue


def run(
    ticket: Annotated[
        Path | None,
        typer.Option(
            "--ticket",
            help="The ticket: Markdown, an issue form's text or prose.",
            exists=True,
            dir_okay=False,
            readable=True,
            metavar="FILE",
        ),
    ] = None,
    repo: Annotated[
        str,
        typer.Option(
            "--repo",
            help="The repository: a folder, or with --issue its address or OWNER/NAME on GitHub.",
            metavar="DIR|URL",
        ),
    ] = ".",
    issue: Annotated[
        int | None,
        typer.Option(
            "--issue", min=1, help="Number of an issue on GitHub: its text is the ticket."
        ),
    ] = None,
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
        typer.Option(
            help="Branch, tag or commit to start from; with --issue a branch. Default: what is"
            " checked out, with --issue the default branch."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Do everything but create the branch; with --issue write nothing to GitHub.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Carry a ticket out: ends with a branch that passed the checks, or with the reason why not.

    With --ticket the repository is a folder; your work tree, index and checked-out branch are
    never touched. With --issue it is on GitHub, and the result is a pull request. Exit code
    0: done; 1: not done, with the reason; 2: usage, or a configuration with a mistake; 130:
    interrupted.
    """
    if (ticket is None) == (issue is None):
        raise typer.BadParameter(
            "give either --ticket FILE or --issue N", param_hint="--ticket, --issue"
        )
    console, folder = Console(stderr=True, quiet=as_json), None
    if issue is not None:
        if config is not None:
            raise typer.BadParameter(
                "with --issue the configuration is the one in the repository; leave --config out",
                param_hint="--config",
            )
        outcome, seconds = carry_issue(repo, issue, console, base=base, dry_run=dry_run)
    elif ticket is not None:
        folder = _folder(repo)
        request = new_run(folder, ticket, config=config, base=base, dry_run=dry_run)
        outcome, seconds = carry(request, console)
    if as_json:
        print(json.dumps(result.as_json(outcome, seconds, folder), indent=2))
    else:
        result.show(outcome, seconds, terminal.console(), folder)
    raise typer.Exit(result.exit_code(outcome))


def _folder(repo: str) -> Path:
    folder = Path(repo)
    if not folder.is_dir():
        raise typer.BadParameter(
            f"{repo} is not a folder; an address goes with --issue N", param_hint="--repo"
        )
    return repository.clone(folder)


def new_run(
    repo: Path, ticket: Path, *, config: Path | None, base: str | None, dry_run: bool
) -> Run:
    """Name a new run; the name begins with the time, so that names sort by age."""
    started = int(time.time())
    text = None
    if config is not None:
        try:
            text = config.read_text(encoding="utf-8")
        except UnicodeDecodeError as problem:
            raise typer.BadParameter(
                f"{config}: byte {problem.start} is not UTF-8", param_hint="--config"
            ) from problem
    return Run(
        run_id=intake.new_run_id(started),
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
    from agent import steps, wiring, worker

    loaded = settings.load()
    with Progress(console) as progress:

        def say(line: str) -> None:
            log.line(line)
            progress.said(line)

        services = wiring.local(loaded, say)
        # What is foreign may show a secret, and the terminal may be recorded.
        services = replace(services, show=lambda line: say(services.redactor(line)))
        folder = worker.run_folder(loaded.home, request)
        log = telemetry.RunLog(folder / "run.log", services.redactor)
        ledger = Ledger(folder / "ledger.jsonl", request.run_id)
        services = replace(services, record=ledger.notes("model", within=True))
        step = steps.Steps(ledger, log, progress, max_minutes=loaded.max_minutes)
        return worker.carry(request, step, services, ledger, log), step.seconds


def carry_issue(
    repo: str, number: int, console: Console, *, base: str | None, dry_run: bool
) -> tuple[Outcome, dict[str, float]]:
    """Carry an issue on GitHub to its end; to call this is to approve its text as it stands.

    Nobody takes such a run up again, so it also ends where GitHub makes it wait for long.
    """
    from agent import issue_run, wiring

    loaded = settings.load()
    name = repository_name(repo, loaded.github_url)
    with Progress(console) as progress:
        progress.started("look up")
        way = wiring.way_to_github(loaded)
        begun = time.monotonic()
        try:
            live = _look_up(wiring.gatekeeper(loaded, way), name, number)
        except RunStopped as problem:
            seconds = round(time.monotonic() - begun, 3)
            progress.ended("look up", seconds, ok=False)
            # It is none that anybody could look up later, so it is not kept.
            run_id = intake.new_run_id(int(time.time()))
            outcome = Outcome.stopped(run_id, problem.reason, problem.message)
            return outcome, {"look up": seconds}
        progress.ended("look up", 0.0, ok=True)
        request = _run_of(live, base=base, dry_run=dry_run)
        make = wiring.on_github(loaded, way)
        return issue_run.carry_at_once(request, loaded, make, progress, progress.said)


def _look_up(gatekeeper: Gatekeeper, name: str, number: int) -> LiveIssue:
    """Find the issue.

    Raises:
        SettingsInvalid: What answers is not GitHub, or does not know us.
        AccessLost: The repository is not there for us.
        RequestRefused: It has no such issue.
    """
    # Whatever answers at a wrong address would say that nothing is there.
    gatekeeper.own_logins()
    live = gatekeeper.find(name, number)
    if live is None:
        raise RequestRefused(f"{name} has no issue {number}.")
    if live.is_pull_request:
        raise RequestRefused(f"#{number} of {name} is a pull request, not an issue.")
    return live


def repository_name(repo: str, github_url: str) -> str:
    """Read `OWNER/NAME` from an address or from itself.

    Args:
        github_url: Of the API that the run would go to; an address elsewhere is refused.
    """
    found = re.fullmatch(
        r"(?:(?P<web>https?://[^/\s@]+)/|git@(?P<ssh>[^:/\s]+):)?"
        r"(?P<name>[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+?)(?:\.git)?/?",
        repo,
    )
    if found is None or found["name"].startswith("."):
        raise typer.BadParameter(
            f"{repo} is no repository on GitHub; give OWNER/NAME or its address",
            param_hint="--repo",
        )
    ours, port = _place(github_url)
    there = _place(found["web"]) if found["web"] else ((found["ssh"] or ours).lower(), port)
    if there != (ours, port):
        raise typer.BadParameter(
            f"{repo} is not on {ours}, the server of MERGEWRIGHT_GITHUB_URL ({github_url}); set"
            " that, with credentials for it, or give a repository that is there",
            param_hint="--repo",
        )
    return found["name"]


def _place(address: str) -> tuple[str, int | None]:
    """Host and port for people; the API of a server may have a host of its own."""
    parts = urlsplit(address)
    host = (parts.hostname or "").removeprefix("api.").removeprefix("www.")
    try:
        port = parts.port
    except ValueError:
        port = -1
    usual = {"http": 80, "https": 443}
    return host, usual.get(parts.scheme) if port is None else port


def _run_of(live: LiveIssue, *, base: str | None, dry_run: bool) -> Run:
    started = int(time.time())
    return Run(
        run_id=intake.new_run_id(started),
        repository=live.issue.repository,
        ticket=f"#{live.issue.number}",
        snapshot=Snapshot(
            issue=live.issue,
            url=live.url,
            title=live.title,
            body=live.body,
            labels=live.labels,
            author=live.author,
            actor="",
            actor_id=0,
            approved_at=live.updated_at,
            by_label=False,
        ),
        base=base,
        dry_run=dry_run,
        started=started,
    )
