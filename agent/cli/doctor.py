"""`mergewright doctor`: proves each limit of a room by an attempt to break it."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent import settings, wiring
from agent.errors import SandboxMissing
from agent.ports import Measure, Sandbox

_PROGRAMS = ("git", "bwrap", "uv")
_GIBIBYTE = 1024**3


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Try every limit of a room by breaking it, and show what this machine has.

    Exit code 0: every required limit holds; 1: one does not, and nothing will be run.
    """
    given = settings.load()
    report = examine(wiring.sandbox(given), given)
    if as_json:
        print(json.dumps(report))
    else:
        _show(report, Console())
    raise typer.Exit(0 if report["sound"] else 1)


def examine(sandbox: Sandbox, given: settings.Settings) -> dict[str, Any]:
    """Gather limits, versions and places; `sound` says whether rooms may be used."""
    missing = None
    measures: tuple[Measure, ...] = ()
    try:
        measures = sandbox.measure()
    except SandboxMissing as problem:
        missing = problem.message
    broken = [measure.limit for measure in measures if measure.required and not measure.enforced]
    return {
        "sound": missing is None and not broken,
        "missing": missing,
        "broken": broken,
        "limits": [measure.model_dump() for measure in measures],
        "versions": {"python": platform.python_version()}
        | {name: _version(name) for name in _PROGRAMS},
        "kernel": platform.release(),
        "user": "root" if os.geteuid() == 0 else str(os.geteuid()),
        "home": str(given.home),
        "free_bytes": _free(given.home),
    }


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
    if report["missing"] is not None:
        console.print(f"[bold red]No room:[/] {escape(report['missing'])}")
    else:
        table = Table(title="Limits of a room, each tried out", title_justify="left")
        table.add_column("limit", no_wrap=True)
        table.add_column("enforced", no_wrap=True)
        table.add_column("what was tried, and what happened", overflow="fold")
        for line in report["limits"]:
            table.add_row(line["limit"], _mark(line), escape(line["detail"]))
        console.print(table)
    for name, version in report["versions"].items():
        console.print(f"{name}: {escape(version or 'not found')}", highlight=False)
    console.print(f"kernel: {escape(report['kernel'])}, user: {report['user']}", highlight=False)
    free = report["free_bytes"] / _GIBIBYTE
    console.print(f"data: {escape(report['home'])}, {free:.1f} GiB free", highlight=False)
    if report["broken"]:
        words = ", ".join(report["broken"])
        console.print(f"[bold red]Not enforced: {words}.[/] Nothing will be run on this machine.")
    elif report["sound"]:
        console.print("[bold green]Every required limit holds.[/]")


def _mark(line: dict[str, Any]) -> str:
    if line["enforced"]:
        return "[green]yes[/]"
    return "[bold red]NO[/]" if line["required"] else "[yellow]no (not required)[/]"
