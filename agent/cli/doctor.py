"""`mergewright doctor`: proves each limit of a room by an attempt to break it."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from agent import settings
from agent.adapters import sandboxes
from agent.adapters.rooms import attempts
from agent.adapters.sandboxes import KINDS, Kind
from agent.cli import terminal
from agent.errors import SandboxLost, SandboxMissing, SettingsInvalid
from agent.ports import Sandbox

_SOUND = "[bold green]All that is needed is there.[/] Tickets can be worked on here."


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Try every limit of rooms of every kind by breaking it, and say what is needed here.

    One kind of room is enough: those of a container engine, or those of bubblewrap. Exit code 0:
    all that is needed is there; 1: it is not, and nothing will be run.
    """
    report = examine(settings.load())
    if as_json:
        print(json.dumps(report))
    else:
        _show(report, terminal.console())
    raise typer.Exit(0 if report["sound"] else 1)


def examine(
    given: settings.Settings, make: Callable[[Kind, settings.Settings], Sandbox] = sandboxes.make
) -> dict[str, Any]:
    """Gather limits, versions and places; `sound` says whether tickets can be worked on here.

    `missing`, `broken` and `limits` are those of the kind of room that is used.
    """
    used = sandboxes.choose(given)
    kinds = {kind: _measure(make(kind, given), given) for kind in KINDS}
    needed = list(_list_needed(given, used, kinds[used]))
    return {
        "sound": all(line["there"] for line in needed),
        "used": used,
        **kinds[used],
        "kinds": kinds,
        "needed": needed,
        "versions": {
            "python": platform.python_version(),
            "kernel": platform.release(),
            "git": _ask_version("git"),
            "bwrap": _ask_version("bwrap"),
        },
    }


def _measure(sandbox: Sandbox, given: settings.Settings) -> dict[str, Any]:
    try:
        lines = attempts.measure(sandbox, given)
    except (SandboxMissing, SandboxLost) as problem:
        return {"missing": problem.message, "broken": [], "limits": []}
    broken = [line.limit for line in lines if line.required and not line.enforced]
    return {"missing": None, "broken": broken, "limits": [line._asdict() for line in lines]}


def _list_needed(
    given: settings.Settings, used: Kind, rooms: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    broken = rooms["broken"] and f"{used}: not enforced: {', '.join(rooms['broken'])}"
    yield _line("rooms", rooms["missing"] or broken, f"{used}; every required limit holds")
    git = _ask_version("git")
    yield _line("git", None if git else "not found; on Debian: apt-get install git", git or "")
    try:
        settings.require_home(given)
    except SettingsInvalid as invalid:
        yield _line("data folder", invalid.message, "")
    else:
        free = shutil.disk_usage(given.home).free / 1024**3
        yield _line("data folder", None, f"{given.home}, {free:.1f} GiB free")


def _line(what: str, problem: str | None, detail: str) -> dict[str, Any]:
    return {"what": what, "there": not problem, "detail": problem or detail}


def _ask_version(program: str) -> str | None:
    """Ask a program for its version; None where it is not there or does not work."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return next(
        (word for word in answer.stdout.split() if word[:1].isdigit()), "of no known version"
    )


def _show(report: dict[str, Any], console: Console) -> None:
    for kind, found in report["kinds"].items():
        used = "used" if kind == report["used"] else "not used"
        console.print(f"[bold]{kind}[/] ({used})", escape(found["missing"] or ""), highlight=False)
        for line in found["limits"]:
            no = "[bold red]NO[/]" if line["required"] else "[yellow]no, optional[/]"
            mark = "[green]yes[/]" if line["enforced"] else no
            console.print(f"  {line['limit']}: {mark};", escape(line["detail"]), highlight=False)
    console.print("[bold]needed[/]")
    for line in report["needed"]:
        mark = "[green]yes[/]" if line["there"] else "[bold red]no[/]"
        console.print(f"  {line['what']}: {mark};", escape(line["detail"]), highlight=False)
    missing = ", ".join(line["what"] for line in report["needed"] if not line["there"])
    console.print(
        f"[bold red]Missing: {missing}.[/] Nothing will be run here." if missing else _SOUND
    )
