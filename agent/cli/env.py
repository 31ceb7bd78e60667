"""`mergewright env`: build a repository's environment, look at what is stored, clear it away."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent import settings, wiring
from agent.cli import repository, terminal
from agent.cli.progress import Progress
from agent.environments import build as environments
from agent.environments import explanation
from agent.environments import prune as pruning
from agent.environments.explanation import Explanation
from agent.errors import AgentError, ConfigInvalid, EnvironmentFailed, RunStopped, TransientError
from agent.git import worktree
from agent.models.record import Record
from agent.models.run import Run
from agent.services import Services
from agent.stages import checkout

app = typer.Typer(
    name="env",
    help="Environments of repositories: build, show, explain, prune.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_Base = Annotated[
    str | None,
    typer.Option("--base", help="Branch, tag or commit. Default: what is checked out."),
]
_Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Use this configuration in place of the repository's own.",
        exists=True,
        dir_okay=False,
        metavar="FILE",
    ),
]


@app.command()
def build(
    repo: repository.Folder = Path(),
    base: _Base = None,
    config: _Config = None,
    as_json: repository.Json = False,
) -> None:
    """Build the environment that checks of the repository run in, or find it in the store."""
    with _request(repo, base, config, as_json=as_json) as asked:
        begun, svc = time.monotonic(), asked.svc
        environment = environments.ensure(
            asked.request, svc.sandbox, svc.index, svc.settings, svc.say
        )
        seconds = time.monotonic() - begun
        if as_json:
            _print_json({**environment.model_dump(mode="json"), "seconds": round(seconds, 3)})
            return
        console = terminal.console()
        console.print(f"[bold green]ready[/] in {seconds:.1f} s")
        console.print(f"python   {environment.python} ({escape(environment.interpreter)})")
        console.print(f"from     {escape(', '.join(environment.sources) or 'nothing declared')}")
        console.print(f"packages {len(environment.packages)}")
        console.print(f"path     {escape(environment.path)}", soft_wrap=True)


@app.command()
def explain(
    repo: repository.Folder = Path(),
    base: _Base = None,
    config: _Config = None,
    as_json: repository.Json = False,
) -> None:
    """Say which Python and what else would be installed, and why, without building anything.

    Also where it would be refused; the exit code is 1 then.
    """
    with _request(repo, base, config, as_json=as_json) as asked:
        svc = asked.svc
        said = explanation.explain(asked.request, svc.sandbox, svc.index, svc.settings)
    if as_json:
        failed = _failed(EnvironmentFailed(said.refused)) if said.refused else {}
        _print_json({**failed, **said.model_dump(mode="json")})
    else:
        for line in _render_lines(said):
            terminal.console().print(line, soft_wrap=True)
    if said.refused:
        raise typer.Exit(1)


def _render_lines(said: Explanation) -> Iterator[str]:
    if said.refused:
        yield f"[bold red]refused[/]\n  {escape(said.refused)}"
    else:
        state = "[green]in the store[/]" if said.ready else "[yellow]not built yet[/]"
        yield f"environment {said.key[:12]}, {state}"
        yield f"python  {said.python} ({escape(said.interpreter)})"
        yield f"        because {escape(said.python_because)}"
    taken, left = (
        tuple(f"{choice.what}: {choice.why}" for choice in said.choices if choice.taken is taken)
        for taken in (True, False)
    )
    for title, lines in (
        ("taken", taken),
        ("left", left),
        ("requirements", said.requirements),
        ("set-up", said.setup),
        ("notes", said.notes),
        ("packages", said.packages),
        ("indexes", said.indexes),
    ):
        if lines:
            yield f"[bold]{title}[/]"
        for line in lines:
            yield f"  {escape(line)}"


@app.command()
def show(as_json: repository.Json = False) -> None:
    """List the stored environments."""
    loaded = settings.load()
    rows = pruning.listing(loaded)
    if as_json:
        _print_json({"environments": [row.model_dump(mode="json") for row in rows]})
        return
    console = terminal.console()
    if not rows:
        console.print(f"no environments below {escape(str(loaded.home))}", soft_wrap=True)
        return
    table = Table("key", "python", "packages", "size", "age", "used", "from", show_edge=False)
    now = time.time()
    for row in rows:
        sources = ", ".join(row.sources) or "nothing declared"
        table.add_row(
            row.key[:12], row.python, str(row.packages), _megabytes(row.bytes_on_disk),
            _age(now - row.created), _age(now - row.used), escape(sources),
        )  # fmt: skip
    console.print(table)


@app.command()
def prune(
    older_than: Annotated[
        float | None,
        typer.Option(
            "--older-than", help="Remove what was not used for so many days.", min=0, metavar="DAYS"
        ),
    ] = None,
    larger_than: Annotated[
        float | None,
        typer.Option(
            "--keep-mb",
            help="Remove the least recently used until the rest takes no more than this.",
            min=0,
            metavar="MB",
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Remove all, with caches, interpreters, tools, mirrors and measured base commits.",
        ),
    ] = False,
    as_json: repository.Json = False,
) -> None:
    """Remove stored environments and other caches. What is in use is never removed."""
    if older_than is None and larger_than is None and not everything:
        raise typer.BadParameter("say what to remove: --older-than DAYS, --keep-mb MB or --all")
    keep_bytes = None if larger_than is None else int(larger_than * 1024**2)
    loaded = settings.load()
    done = pruning.prune(
        loaded, older_than_days=older_than, keep_bytes=keep_bytes, everything=everything
    )
    if as_json:
        _print_json(done.model_dump(mode="json"))
        return
    console = terminal.console()
    console.print(f"removed {len(done.removed)}, freed {_megabytes(done.bytes_freed)}")
    for what, size in done.freed.items():
        console.print(f"  {what:<12} {_megabytes(size)}")
    if done.commits:
        console.print(f"let go of {done.commits} commits that no run keeps")
    for name in done.mirrors_in_use:
        console.print(f"kept the mirror {escape(name)}: a run is under way")
    for key in done.in_use:
        console.print(f"kept {key[:12]}: it is in use")


class _Asked(NamedTuple):
    """What would be built for a commit that is checked out, and by what."""

    request: environments.EnvironmentRequest
    svc: Services


@contextmanager
def _request(
    repo: Path, base: str | None, config: Path | None, *, as_json: bool
) -> Iterator[_Asked]:
    """Check the commit out, read its configuration, and answer for errors of what follows."""
    loaded = settings.load()
    started = int(time.time())
    run = Run(
        run_id=f"env-{started}-{secrets.token_hex(3)}",
        repository=str(repository.clone(repo)),
        ticket="",
        base=base,
        config_text=_config_text(config),
        started=started,
    )
    with Progress(Console(stderr=True, quiet=as_json)) as progress:
        svc = wiring.local(loaded, progress.said)
        folder = svc.base_folder(run)
        try:
            pinned = checkout.prepare(run, svc)
            contract = checkout.contract(run, pinned, svc)
            yield _Asked(environments.EnvironmentRequest.of(contract, pinned, folder), svc)
        except (RunStopped, TransientError) as problem:
            _stop(problem, as_json=as_json)
        finally:
            worktree.remove(folder)
            if folder.parent.is_dir():
                folder.parent.rmdir()


def _config_text(config: Path | None) -> str | None:
    if config is None:
        return None
    try:
        return config.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise typer.BadParameter(
            f"{config}: byte {problem.start} is not UTF-8", param_hint="--config"
        ) from problem


def _stop(problem: AgentError, *, as_json: bool) -> None:
    """Say why it was not done; exit code 2 for a configuration with a mistake, else 1."""
    said = _failed(problem)
    if as_json:
        _print_json(said)
    else:
        Console(stderr=True).print(
            f"[bold red]not done[/] ({said['reason']})\n{escape(problem.message)}", soft_wrap=True
        )
    raise typer.Exit(2 if isinstance(problem, ConfigInvalid) else 1) from problem


def _failed(problem: AgentError) -> dict[str, object]:
    reason = problem.reason.value if isinstance(problem, RunStopped) else "unavailable"
    return {"outcome": "failed", "reason": reason, "sentence": problem.message}


def _print_json(value: Record | dict[str, object]) -> None:
    print(json.dumps(value, indent=2))


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.1f} MB"


def _age(seconds: float) -> str:
    days, rest = divmod(max(0, int(seconds)), 86_400)
    if days:
        return f"{days} d"
    hours, rest = divmod(rest, 3_600)
    return f"{hours} h" if hours else f"{rest // 60} min"
