"""`mergewright doctor`: proves each limit of a room by an attempt to break it."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent import settings
from agent.adapters import sandboxes
from agent.adapters.rooms import levels
from agent.adapters.sandboxes import Kind
from agent.cli import terminal
from agent.errors import SandboxLost, SandboxMissing
from agent.ports import Measure, Sandbox

_PROGRAMS = ("git", "bwrap", "uv")
_GIBIBYTE = 1024**3


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Try every limit of rooms of every kind by breaking it, and show what this machine has.

    Exit code 0: with the rooms that are used every required limit holds, and they are as strong as
    MERGEWRIGHT_SANDBOX_MINIMUM asks; 1: they are not, and nothing will be run.
    """
    given = settings.load()
    report = examine(given)
    if as_json:
        print(json.dumps(report))
    else:
        _show(report, terminal.console())
    raise typer.Exit(0 if report["sound"] else 1)


def examine(
    given: settings.Settings, make: Callable[[Kind, settings.Settings], Sandbox] = sandboxes.make
) -> dict[str, Any]:
    """Gather limits, versions and places; `sound` says whether rooms may be used.

    `missing`, `broken`, `level` and `limits` are those of the kind of room that is used; `kinds`
    has them for every kind.
    """
    used = sandboxes.choose(given)
    kinds = {kind: _of_kind(make(kind, given), kind, given) for kind in sandboxes.KINDS}
    limits = tuple(Measure.model_validate(line) for line in kinds[used]["limits"])
    weak = None if kinds[used]["missing"] else levels.objection(limits, given.sandbox_minimum)
    return {
        "sound": kinds[used]["missing"] is None and weak is None,
        "used": used,
        "minimum": given.sandbox_minimum,
        "weak": weak,
        **kinds[used],
        "kinds": kinds,
        "versions": {"python": platform.python_version()}
        | {name: _version(name) for name in _PROGRAMS},
        "kernel": platform.release(),
        "user": "root" if os.geteuid() == 0 else str(os.geteuid()),
        "home": str(given.home),
        "free_bytes": _free(given.home),
    }


def _of_kind(sandbox: Sandbox, kind: Kind, given: settings.Settings) -> dict[str, Any]:
    missing = None
    measures: tuple[Measure, ...] = ()
    try:
        measures = sandbox.measure()
    except (SandboxMissing, SandboxLost) as problem:
        missing = problem.message
    return {
        "missing": missing,
        "broken": levels.broken(measures),
        "level": None if missing else levels.of(measures),
        "about": None if missing else _about(kind, given),
        "limits": [measure.model_dump() for measure in measures],
    }


def _about(kind: Kind, given: settings.Settings) -> str:
    """Say what makes the rooms, and what they show as their root."""
    if kind == "docker":
        from agent.adapters.docker_rooms import engine

        return engine.about(given)
    return f"bubblewrap {_version('bwrap')}, root {given.room_root or 'of this machine'}"


def _version(program: str) -> str | None:
    """Ask a program for its version; None where it is not installed."""
    found = shutil.which(program)
    if found is None and program == "uv":
        found = _bundled_uv()
    if found is None:
        return None
    try:
        answer = subprocess.run(
            [found, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as problem:
        return f"does not work: {problem}"
    words = answer.stdout.split()
    return next((word for word in words if word[:1].isdigit()), answer.stdout.strip())


def _bundled_uv() -> str | None:
    """Find the uv that is installed as a package beside us, when it is not on PATH."""
    if importlib.util.find_spec("uv") is None:
        return None
    import uv

    try:
        return str(uv.find_uv_bin())
    except FileNotFoundError:
        return None


def _free(folder: Path) -> int:
    """Free bytes where the data folder is, or will be made."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _show(report: dict[str, Any], console: Console) -> None:
    for kind, found in report["kinds"].items():
        used = "used" if kind == report["used"] else "not used"
        console.print(f"[bold]{kind}[/] ({used})", highlight=False)
        if found["missing"] is not None:
            colour = "bold red" if used == "used" else "yellow"
            console.print(f"[{colour}]No room:[/] {escape(found['missing'])}\n")
            continue
        console.print(escape(found["about"]), highlight=False, soft_wrap=True)
        console.print(_table(found["limits"]))
        console.print(f"level: {found['level'] or 'none'}\n", highlight=False)
    for name, version in report["versions"].items():
        console.print(f"{name}: {escape(version or 'not found')}", highlight=False)
    console.print(f"kernel: {escape(report['kernel'])}, user: {report['user']}", highlight=False)
    free = report["free_bytes"] / _GIBIBYTE
    console.print(f"data: {escape(report['home'])}, {free:.1f} GiB free", highlight=False)
    if report["broken"]:
        words = ", ".join(report["broken"])
        console.print(f"[bold red]Not enforced: {words}.[/] Nothing will be run on this machine.")
    elif report["weak"]:
        console.print(f"[bold red]Too weak.[/] {escape(report['weak'])}", highlight=False)
    elif report["sound"]:
        console.print(f"[bold green]Every required limit holds.[/] Rooms: {report['used']}.")


def _table(limits: list[dict[str, Any]]) -> Table:
    table = Table(title="Limits of a room, each tried out", title_justify="left")
    table.add_column("limit", no_wrap=True)
    table.add_column("enforced", no_wrap=True)
    table.add_column("what was tried, and what happened", overflow="fold")
    for line in limits:
        table.add_row(line["limit"], _mark(line), escape(line["detail"]))
    return table


def _mark(line: dict[str, Any]) -> str:
    if line["enforced"]:
        return "[green]yes[/]"
    return "[bold red]NO[/]" if line["required"] else "[yellow]no (not required)[/]"
