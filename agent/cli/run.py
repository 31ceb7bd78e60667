"""`mergewright run`: run one ticket in one repository, on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Annotated, Never
from urllib.parse import urlsplit

import typer
from rich.console import Console

from agent import settings
from agent.cli import interrupts, repository, result, runs, terminal
from agent.cli.terminal import StepDisplay
from agent.errors import RequestRefused, SettingsInvalid
from agent.models.clock import read_clock
from agent.models.outcome import Outcome
from agent.models.run import Run, make_run_id
from agent.text import check_summary

_MODEL = "MERGEWRIGHT_MODEL"
#: Settings that a model on the command line replaces.
_ASKED = re.compile(rf"{_MODEL}(_EDITOR|_REVIEWER)?")


RunId = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="With --resume: the run's id, or its beginning. Default: the repository's"
        " newest run that can continue.",
        show_default=False,
    ),
]
TicketFile = Annotated[
    Path | None,
    typer.Option(
        "--ticket",
        help="The ticket: a Markdown or text file, or the text of an issue form.",
        exists=True,
        dir_okay=False,
        readable=True,
        metavar="FILE",
    ),
]
Repository = Annotated[
    str,
    typer.Option(
        "--repo",
        help="The repository: a folder or URL. With --ticket, a URL is cloned here. With"
        " --issue, use a GitHub URL or OWNER/NAME.",
        metavar="DIR|URL",
    ),
]
Issue = Annotated[
    int | None,
    typer.Option("--issue", min=1, help="Number of the GitHub issue to use as the ticket."),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue an interrupted or unfinished run. Recorded steps and model replies"
        " are reused; default for --model: the run's first model. With --ticket: only a run"
        " of that ticket.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Do everything except creating the branch. With --issue: write nothing to GitHub.",
    ),
]


def run(  # noqa: PLR0913, PLR0917  each is an option of the command
    run_id: RunId = None,
    ticket: TicketFile = None,
    repo: Repository = ".",
    issue: Issue = None,
    config: repository.ConfigFile = None,
    base: repository.Base = None,
    model: repository.Model = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    as_json: terminal.Json = False,
) -> None:
    """Run a ticket. The result is a branch that passed the checks, or the reason why there is none.

    With --ticket, the repository is a local folder or a URL to clone. Your work tree, index and
    current branch are never touched; uncommitted changes are ignored. With --issue, the repository
    is on GitHub, and the result is a pull request. Exit code 0: done; 1: not done; 2: wrong usage
    or invalid configuration; 130: interrupted by Ctrl-C or SIGTERM.
    """
    console, begun_at = Console(stderr=True, quiet=as_json), time.monotonic()
    interrupts.end_on_signals()
    if resume and (issue or config or base or dry_run):
        _refuse("--resume", "takes none of --issue, --config, --base and --dry-run")
    if run_id is not None and not resume:
        _refuse("RUN", "a run id requires --resume")
    if not resume and (issue is None) == (ticket is None):
        _refuse("--ticket, --issue", "use either --ticket FILE or --issue N")
    if issue is not None and config is not None:
        _refuse("--config", "with --issue, the repository's configuration is used")
    if resume:
        request = _find_unfinished(run_id, repo, ticket)
        loaded = load_settings_with(model or request.models)
    elif issue is not None:
        loaded = load_settings_with(model)
        request = _request_issue(repo, issue, loaded, base=base, dry_run=dry_run)
    else:
        loaded = load_settings_with(model)
        request = request_ticket(repo, ticket, config, base=base, model=model, dry_run=dry_run)
    outcome, seconds = carry(request, loaded, console, resumes=resume)
    folder = None if request.snapshot else Path(request.repository)
    if as_json:
        terminal.print_json(result.make_report(outcome, seconds, folder))
    else:
        result.show(outcome, time.monotonic() - begun_at, folder)
    raise typer.Exit(result.choose_exit_code(outcome))


def _refuse(option: str, problem: str) -> Never:
    raise typer.BadParameter(problem, param_hint=option)


def _find_unfinished(run_id: str | None, repo: str, ticket: Path | None) -> Run:
    """Find the run to continue, by id or the newest; raise BadParameter if none or several fit."""
    from agent.runs import commands

    with runs.open_store(settings.load_settings()) as store:
        if run_id is not None:
            stored = runs.find_run(store, run_id)
            if not commands.may_resume(stored):
                _refuse("RUN", f"run {stored.run.run_id} is done, or would end the same way")
            return stored.run
        place = find_folder(repo)
        of_ticket = str(ticket.resolve()) if ticket else None
        latest = commands.find_latest(store, str(place.resolve()), of_ticket) if store else None
    if latest is None:
        what = f"{ticket} in {place}" if ticket else str(place)
        _refuse("--resume", f"{what} has no run to continue; start one with --ticket FILE")
    return latest.run


def find_folder(repo: str) -> Path:
    """Find the repository on this disk; a URL is cloned into the current folder once."""
    folder = Path(repo)
    if not folder.exists() and _OWNER_AND_NAME.fullmatch(repo):
        website = settings.find_website(settings.load_settings().github_url)
        repo = f"https://{urlsplit(website).netloc}/{repo}"
    if "://" in repo:
        folder = Path(repo.rstrip("/").rpartition("/")[2].removesuffix(".git"))
        if not folder.exists() and not _clone(repo, folder):
            raise typer.BadParameter(f"git could not clone {repo}", param_hint="--repo")
    if not folder.is_dir():
        raise typer.BadParameter(f"{folder} is neither a folder nor a URL", param_hint="--repo")
    return repository.find_clone(folder)


def _clone(address: str, folder: Path) -> bool:
    """Clone by the user's own git, which knows their credentials; return whether it could."""
    git = subprocess.Popen(["git", "clone", "--", address, str(folder)])
    try:
        return git.wait() == 0
    except KeyboardInterrupt:
        interrupts.end_children()
        git.wait()  # git removes its incomplete clone
        raise


_OWNER_AND_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_.-]+")


def request_ticket(
    repo: str,
    ticket: Path | None,
    config: Path | None,
    *,
    base: str | None,
    model: str | None,
    dry_run: bool,
) -> Run:
    """Describe a run of a ticket file; without `ticket`, base is only set up and checked."""
    started = int(read_clock())
    return Run(
        run_id=make_run_id(started),
        repository=str(find_folder(repo).resolve()),
        ticket=str(ticket.resolve()) if ticket else "",
        base=base,
        config_text=repository.read_config_text(config),
        config_name=str(config) if config else None,
        dry_run=dry_run,
        models=model,
        started=started,
    )


def carry(
    run: Run, loaded: settings.Settings, console: Console, *, resumes: bool = False
) -> tuple[Outcome, dict[str, float]]:
    """Execute a run to its end, with live progress; return its outcome, and seconds by step.

    `resumes`: the run's records are used again.
    """
    # Imported here, since they load the stages of runs; other commands start without them.
    from agent import wiring
    from agent.git import source
    from agent.runs import commands

    # An error that would stop every run is raised here, before this run is stored.
    if run.snapshot:
        compose = wiring.on_github(loaded, wiring.make_access(loaded))
    else:
        compose = wiring.on_this_machine(loaded)
        if count := source.count_uncommitted(run.repository):
            files = check_summary.format_count(count, "file")
            console.print(f"Uncommitted changes in {files} are ignored.", highlight=False)
    begun = commands.resume_run(run.run_id, loaded) if resumes else commands.begin_run(run, loaded)
    with begun as (store, stored):
        head = "continuing" if resumes else "run"
        console.print(f"{head} {stored.run.run_id}", highlight=False, soft_wrap=True)
        with StepDisplay(console) as progress:
            return commands.execute_run(store, stored, loaded, compose, progress, say=progress.show)


def load_settings_with(model: str | None) -> settings.Settings:
    """Load the settings, with the models of the command if it names any."""
    if model is None:
        return settings.load_settings()
    others = {name: value for name, value in os.environ.items() if not _ASKED.fullmatch(name)}
    try:
        return settings.load_settings({**others, _MODEL: model})
    except SettingsInvalid as problem:
        raise SettingsInvalid(problem.message.replace(f"{_MODEL}: ", "--model: ", 1)) from problem


def _request_issue(
    repo: str, number: int, loaded: settings.Settings, *, base: str | None, dry_run: bool
) -> Run:
    """Describe a run of an issue on GitHub; the command approves the issue's current text.

    Raises SettingsInvalid or AccessLost; RequestRefused if no issue has this number.
    """
    from agent import wiring

    name = read_repository_name(repo, loaded.github_url)
    intake_api = wiring.make_intake_api(loaded, wiring.make_access(loaded))
    # Fails at a wrong address, where the next request would only say that the issue does not exist.
    intake_api.own_logins()
    live = intake_api.find_issue(name, number)
    if live is None or live.is_pull_request:
        raise RequestRefused(f"{name} has no issue {number}.")
    started = int(read_clock())
    return Run(
        run_id=make_run_id(started),
        repository=live.issue.repository,
        ticket=f"#{live.issue.number}",
        snapshot=live.take_snapshot(),
        base=base,
        dry_run=dry_run,
        started=started,
    )


def read_repository_name(repo: str, github_url: str) -> str:
    """Return `OWNER/NAME`; `repo` is that, or an address on the server of the API `github_url`."""
    address = re.fullmatch(
        r"(?:https?://(?P<web>[^/\s@]+)/|git@(?P<ssh>[^:/\s]+):)?"
        r"(?P<name>[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+?)(?:\.git)?/?",
        repo,
    )
    if address is None or address["name"].startswith("."):
        raise typer.BadParameter(
            f"{repo} is not a GitHub repository; use OWNER/NAME or its URL",
            param_hint="--repo",
        )
    ours = urlsplit(settings.find_website(github_url)).netloc
    if (address["web"] or ours) != ours or (address["ssh"] or ours) not in (
        ours,
        ours.split(":")[0],
    ):
        raise typer.BadParameter(
            f"{repo} is not on {ours}, the server of MERGEWRIGHT_GITHUB_URL ({github_url})."
            " Set MERGEWRIGHT_GITHUB_URL and its credentials, or use a repository on that server",
            param_hint="--repo",
        )
    return address["name"]
