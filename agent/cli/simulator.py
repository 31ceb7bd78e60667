"""`mergewright simulator`: a stand-in for GitHub on this machine, to try things out against."""

from __future__ import annotations

import shlex
import signal
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from agent.cli import terminal

if TYPE_CHECKING:
    from agent.demo.simulator.world import World


def simulator(
    port: Annotated[
        int,
        typer.Option("--port", help="Where to listen; 0 takes any free port.", min=0, max=65535),
    ],
    listener: Annotated[
        str,
        typer.Option(
            "--listener",
            help="Address of the service's listener, which deliveries go to.",
            metavar="URL",
        ),
    ] = "http://127.0.0.1:8080",
    as_json: terminal.Json = False,
) -> None:
    """Serve a simulated GitHub until Ctrl-C.

    It has the repository of the demo, its people, and our App with a key. The first lines
    say what to look at and which settings let `mergewright serve` work for it; after that, label
    an issue on its page. Nothing is kept: with the next start all is as it was.
    """
    from agent.demo.simulator import serving
    from agent.demo.simulator.world import World

    if not as_json:
        terminal.print_aside("Starting the simulator…", style="dim")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with tempfile.TemporaryDirectory(prefix="mergewright-simulator-") as scratch:
        world = World(Path(scratch) / "git")
        try:
            with serving.running(world, port) as address:
                settings = _furnish(world, listener.rstrip("/"), Path(scratch))
                _show(address, settings, as_json=as_json)
                ended.wait()
        except OSError as problem:
            raise typer.BadParameter(
                f"cannot listen on port {port}: {problem.strerror or problem}",
                param_hint="--port",
            ) from problem


def _furnish(world: World, listener: str, folder: Path) -> dict[str, str]:
    """Lay out what the demo begins with; return the settings of a service that works for it."""
    from agent.demo import play
    from agent.demo.scenarios import SCENARIOS
    from agent.demo.simulator import actions

    app, settings = play.people_and_app(world, listener, folder)
    repository = play.sample_repository(world, folder / "sample")
    scenario, author = SCENARIOS["add-field"], world.user(play.REPORTER)
    actions.open_issue(repository, author, scenario.title, scenario.body, [])
    world.install(app, play.OWNER)
    # Told to nobody so far: the service may not be there yet.
    world.hooks.log.clear()
    port = urlsplit(listener).port or 80
    return {
        **settings, "MERGEWRIGHT_LISTEN_PORT": str(port), "MERGEWRIGHT_PUBLIC_URL": listener,
    }  # fmt: skip


def _show(address: str, settings: dict[str, str], *, as_json: bool) -> None:
    from agent.demo import play

    said = {
        "base_url": address,
        "api": f"{address}/api/v3",
        "graphql": f"{address}/api/graphql",
        "issue": f"{address}/{play.REPOSITORY}/issues/1",
    }
    if as_json:
        terminal.print_json({**said, "settings": settings})
        return
    for name, value in said.items():
        print(f"{name:<9}{value}")
    print("\nTo let the service work for it, in another terminal:\n")
    for name, value in settings.items():
        print(f"  export {name}={shlex.quote(value)}")
    print("  mergewright serve\n")
    print(
        f"Then open {said['issue']},\nadd the label {play.LABEL} as {play.MAINTAINER}, and"
        " reload the page as the work goes on.\nCtrl-C ends it.",
        flush=True,
    )
