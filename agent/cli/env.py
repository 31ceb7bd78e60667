"""`mergewright env`: build a repository's environment, look at what is stored, clear it away."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from agent import settings, wiring
from agent.cli import repository, terminal
from agent.cli.progress import Progress
from agent.environments import build as environments
from agent.environments import explanation
from agent.environments import prune as pruning
from agent.environments.explanation import Explanation
from agent.git import worktree
from agent.models.run import Run
from agent.services import Services
from agent.stages import checkout

app = typer.Typer(
    name="env",
    help="Environments of repositories: build, show, explain, prune.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command()
def build(
    repo: repository.Folder = None,
    base: repository.Base = None,
    config: repository.ConfigFile = None,
    as_json: terminal.Json = False,
) -> None:
    """Build the environment that checks of the repository run in, or find it in the store."""
    with _request(repo, base, config, as_json=as_json) as (request, svc):
        begun = time.monotonic()
        environment = environments.ensure_environment(
            request, svc.sandbox, svc.index, svc.settings, svc.say
        )
        seconds = time.monotonic() - begun
        if as_json:
            seconds = round(seconds, 3)
            terminal.print_json({**environment.model_dump(mode="json"), "seconds": seconds})
            return
        print(f"ready in {seconds:.1f} s")
        rows = (
            ("python", f"{environment.python} ({environment.interpreter})"),
            ("from", ", ".join(environment.sources) or "nothing declared"),
            ("packages", str(len(environment.packages))),
            ("path", environment.path),
        )
        terminal.show_table(("", ""), rows)


@app.command()
def explain(
    repo: repository.Folder = None,
    base: repository.Base = None,
    config: repository.ConfigFile = None,
    as_json: terminal.Json = False,
) -> None:
    """Say which Python and what else would be installed, and why, without building anything.

    Also where it would be refused; the exit code is 1 then.
    """
    with _request(repo, base, config, as_json=as_json) as (request, svc):
        said = explanation.explain_environment(request, svc.sandbox, svc.index, svc.settings)
    if as_json:
        terminal.print_json(said.model_dump(mode="json"))
    else:
        for line in _render_lines(said):
            print(terminal.line(line))
    if said.refused:
        raise typer.Exit(1)


def _render_lines(said: Explanation) -> Iterator[str]:
    if said.refused:
        yield f"refused: {said.refused}"
    else:
        state = "in the store" if said.ready else "not built yet"
        yield f"environment {said.key[:12]}, {state}"
        yield f"python  {said.python} ({said.interpreter})"
        yield f"        because {said.python_because}"
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
            yield title
        for line in lines:
            yield f"  {line}"


@app.command()
def show(as_json: terminal.Json = False) -> None:
    """List the stored environments."""
    loaded = settings.load_settings()
    rows = pruning.list_environments(loaded)
    if as_json:
        terminal.print_json({"environments": [row.model_dump(mode="json") for row in rows]})
    elif rows:
        titles = ("key", "python", "packages", "size", "age", "used", "from")
        terminal.show_table(titles, map(_make_row, rows))
    else:
        print(f"no environments below {loaded.home}")


def _make_row(row: pruning.StoredEnvironment) -> tuple[str, ...]:
    now, sources = time.time(), ", ".join(row.sources) or "nothing declared"
    return (
        row.key[:12],
        row.python,
        str(row.packages),
        terminal.megabytes(row.bytes_on_disk),
        terminal.span(now - row.created),
        terminal.span(now - row.used),
        sources,
    )


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
    as_json: terminal.Json = False,
) -> None:
    """Remove stored environments and other caches. What is in use is never removed."""
    if older_than is None and larger_than is None and not everything:
        raise typer.BadParameter("say what to remove: --older-than DAYS, --keep-mb MB or --all")
    keep_bytes = None if larger_than is None else int(larger_than * 1024**2)
    loaded = settings.load_settings()
    done = pruning.prune_environments(
        loaded, older_than_days=older_than, keep_bytes=keep_bytes, everything=everything
    )
    if as_json:
        terminal.print_json(done.model_dump(mode="json"))
        return
    print(f"removed {len(done.removed)}, freed {terminal.megabytes(done.bytes_freed)}")
    for what, size in done.freed.items():
        print(f"  {what:<12} {terminal.megabytes(size)}")
    if done.commits:
        print(f"let go of {done.commits} commits that no run keeps")
    for name in done.mirrors_in_use:
        print(f"kept the mirror {terminal.line(name)}: a run is under way")
    for key in done.in_use:
        print(f"kept {key[:12]}: it is in use")


@contextmanager
def _request(
    repo: Path | None, base: str | None, config: Path | None, *, as_json: bool
) -> Iterator[tuple[environments.EnvironmentRequest, Services]]:
    """Check a commit out; give what would be built for it, and by what."""
    loaded = settings.load_settings()
    started = int(time.time())
    run = Run(
        run_id=f"env-{started}-{secrets.token_hex(3)}",
        repository=str(repository.clone(repo)),
        ticket="",
        base=base,
        config_text=repository.config_text(config),
        started=started,
    )
    with Progress(Console(stderr=True, quiet=as_json)) as progress:
        svc = wiring.make_local_services(loaded, progress.said)
        folder = svc.base_folder(run)
        try:
            pinned = checkout.prepare_checkout(run, svc)
            contract = checkout.read_contract(run, pinned, svc)
            yield environments.EnvironmentRequest.from_tree(contract, pinned, folder), svc
        finally:
            worktree.remove_work_tree(folder)
            if folder.parent.is_dir():
                folder.parent.rmdir()
