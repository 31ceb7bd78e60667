"""`mergewright check`: set a repository up, run its checks, and propose its configuration."""

import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from agent.cli import interrupts, repository, result, run, terminal
from agent.errors import RequestRefused
from agent.models.base_report import BaseReport
from agent.settings import Settings
from agent.text.redaction import REMOVED
from repo_config import detect, load

Repository = Annotated[
    str,
    typer.Option(
        "--repo",
        help="The repository: a folder, or a URL or OWNER/NAME, which is cloned here.",
        metavar="DIR|URL|OWNER/NAME",
    ),
]
Ref = Annotated[
    str | None,
    typer.Option("--ref", help="Branch, tag or commit. Default: the current checkout."),
]
Write = Annotated[
    bool, typer.Option("--write", help="Write the configuration to .github/mergewright.yml.")
]
NoRun = Annotated[bool, typer.Option("--no-run", help="Only read the files; run nothing.")]


def check(
    repo: Repository = ".",
    ref: Ref = None,
    config: repository.ConfigFile = None,
    model: repository.Model = None,
    write: Write = False,
    no_run: NoRun = False,
    as_json: terminal.Json = False,
) -> None:
    """Set up the repository and run its checks, without a ticket.

    Shows each check with its result and what fails already, what was installed, which hooks and CI
    steps are not run, what a ticket takes, and the configuration to commit. Nothing is changed or
    pushed. Exit code 0: done; 1: not done; 2: wrong usage or invalid configuration; 130:
    interrupted by Ctrl-C or SIGTERM.
    """
    console, begun_at = Console(stderr=True, quiet=as_json), time.monotonic()
    interrupts.end_on_signals()
    folder, loaded = run.find_folder(repo), run.load_settings_with(model)
    place = repository.find_root(folder) / load.OWN_FILES[0] if write else None
    again = shlex.join(("mergewright", *sys.argv[1:]))
    base: BaseReport | None
    if no_run:
        base, code = _read_files(folder, loaded, as_json=as_json), 0
        facts = base.model_dump(mode="json")
        report: dict[str, object] = {"schema_version": result.SCHEMA_VERSION, "base": facts}
    else:
        request = run.request_ticket(repo, None, config, base=ref, model=model, dry_run=True)
        outcome, seconds = run.carry(request, loaded, console)
        report, base = result.make_report(outcome, seconds, folder, again), outcome.base
        code = result.choose_exit_code(outcome)
    if as_json:
        terminal.print_json(report)
    elif no_run and base:
        result.show_base(base)
    else:
        result.show(outcome, time.monotonic() - begun_at, folder, again)
    if place and base:
        try:
            _write_configuration(place, base)
        except RequestRefused as problem:
            terminal.print_aside(problem.message)
            code = code or 1
    raise typer.Exit(code)


def _read_files(folder: Path, loaded: Settings, *, as_json: bool) -> BaseReport:
    """Describe a work tree from its files and the results of earlier runs; run nothing."""
    from agent.setup import proposal

    place, tree, read = repository.open_repository(folder, as_json=as_json)
    project = detect.detect_project(tree, read.config)
    kept = proposal.load_known(loaded.home, str(place), read.config).values
    return BaseReport(
        config_file=read.source.name if read.source else None,
        unrun=project.unrun,
        absent=project.absent,
        configuration=proposal.complete(tree, read.config, kept, is_new=read.source is None),
    )


# --- the configuration ------------------------------------------------------------------------


def _write_configuration(place: Path, base: BaseReport) -> None:
    """Write the proposed configuration. Raises RequestRefused if an existing one has to stay."""
    if not base.configuration:
        terminal.print_aside(f"{base.config_file} says all of this already; nothing was written.")
        return
    if base.config_file not in (None, load.OWN_FILES[0]):
        raise RequestRefused(
            f"The configuration is in {base.config_file}; nothing was written. Add the keys there."
        )
    if place.resolve() != place:
        raise RequestRefused(f"{place} is a link; nothing was written. Replace it with a file.")
    if place.exists():
        raise RequestRefused(f"{place} exists; nothing was written. Edit it as shown above.")
    try:
        place.parent.mkdir(exist_ok=True)
        place.write_text(base.configuration, encoding="utf-8")
    except OSError as problem:
        raise RequestRefused(f"{place} cannot be written ({problem.strerror}).") from problem
    terminal.print_aside(f"Wrote {place}. Commit it.")
    if REMOVED in base.configuration:
        words = f"It has {REMOVED} where a value looked like a secret."
        terminal.print_aside(f"{words} Put a made-up value there first.")
