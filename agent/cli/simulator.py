"""`mergewright simulator`: a stand-in for GitHub on this machine, to try things out against."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape


def simulator(
    port: Annotated[
        int,
        typer.Option("--port", help="Where to listen; 0 takes any free port.", min=0, max=65535),
    ],
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on. It has no password: keep it local.")
    ] = "127.0.0.1",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            help="Where the git repositories are kept. Default: a folder that goes with the end.",
            file_okay=False,
            metavar="DIR",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Serve a simulated GitHub until Ctrl-C. It starts empty; people and code come by set-up."""
    from agent.demo.simulator import serving
    from agent.demo.simulator.world import World

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with tempfile.TemporaryDirectory(prefix="mergewright-simulator-") as scratch:
        world = World(folder or Path(scratch))
        try:
            with serving.running(world, host, port) as address:
                _show(address, as_json=as_json)
                ended.wait()
        except OSError as problem:
            raise typer.BadParameter(
                f"cannot listen on {host}:{port}: {problem.strerror or problem}",
                param_hint="--port",
            ) from problem


def _show(address: str, *, as_json: bool) -> None:
    said = {
        "base_url": address,
        "api": f"{address}/api/v3",
        "graphql": f"{address}/api/graphql",
        "setup": f"{address}/_simulator",
    }
    if as_json:
        print(json.dumps(said, indent=2), flush=True)
        return
    console = Console(highlight=False)
    for name, value in said.items():
        console.print(f"{name:<9}{escape(value)}", soft_wrap=True)
    console.print("Ctrl-C ends it.")
