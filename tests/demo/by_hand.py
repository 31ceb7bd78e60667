"""`make simulator`: the simulated GitHub alone, to be tried out by hand in a browser."""

from __future__ import annotations

import shlex
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from agent.cli import terminal
from tests.demo import play
from tests.demo.scenarios import SCENARIOS
from tests.simulator import actions, serving
from tests.simulator.world import World


def simulator(
    port: Annotated[
        int, typer.Option("--port", help="Port to listen on; 0: any free port.", min=0, max=65535)
    ] = 8090,
    listener: Annotated[
        str,
        typer.Option(
            "--listener", help="URL of the service's listener, for deliveries.", metavar="URL"
        ),
    ] = "http://127.0.0.1:8080",
) -> None:
    """Serve a simulated GitHub until Ctrl-C.

    It contains the demo's repository and people, and the App with a key. The first lines show its
    address and the settings for `mergewright serve`. Then label an issue on its page. Nothing is
    stored: each start is fresh.
    """
    terminal.print_aside("Starting the simulator…", style="dim")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with tempfile.TemporaryDirectory(prefix="mergewright-simulator-") as scratch:
        world = World(Path(scratch) / "git")
        try:
            with serving.running(world, port) as address:
                given = _furnish(world, listener.rstrip("/"), Path(scratch))
                _show_simulator(address, given)
                ended.wait()
        except OSError as problem:
            raise typer.BadParameter(
                f"cannot listen on port {port}: {problem.strerror or problem}", param_hint="--port"
            ) from problem


def _furnish(world: World, listener: str, folder: Path) -> dict[str, str]:
    """Lay out what the demo begins with; return the settings of a service that works for it."""
    app, given = play.people_and_app(world, listener, folder)
    repository = play.sample_repository(world, folder / "sample")
    scenario, author = SCENARIOS["add-field"], world.user(play.REPORTER)
    actions.open_issue(repository, author, scenario.title, scenario.body, [])
    world.install(app, play.OWNER)
    # Delivered to nobody so far: the service may not be there yet.
    world.hooks.log.clear()
    # Sandboxes reach their trees in it as another user.
    folder.chmod(0o711)
    return {
        "MERGEWRIGHT_HOME": str(folder / "home"),
        **given,
        "MERGEWRIGHT_LISTEN_PORT": str(urlsplit(listener).port or 80),
        "MERGEWRIGHT_PUBLIC_URL": listener,
        "MERGEWRIGHT_DASHBOARD_URL": "http://127.0.0.1:8081",
    }


def _show_simulator(address: str, given: dict[str, str]) -> None:
    issue = f"{address}/{play.REPOSITORY}/issues/1"
    program = Path(sys.executable).with_name("mergewright")
    exports = "\n".join(f"  export {name}={shlex.quote(value)}" for name, value in given.items())
    print(
        f"""All repositories: {address}/
A first issue:    {issue}

The service, in another terminal:

{exports}
  {program} serve

Then open the issue, or create one, choose {play.MAINTAINER}, and add the label
{play.LABEL}. The page shows the progress. Review and merge the pull request on its
page.

Ctrl-C stops it; nothing is stored.""",
        flush=True,
    )


if __name__ == "__main__":
    typer.run(simulator)
