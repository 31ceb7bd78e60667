"""`mergewright doctor`: proves each limit of a room by an attempt to break it."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent import settings
from agent.adapters import sandboxes
from agent.adapters.chat_model import prices, providers, routes
from agent.adapters.rooms import levels
from agent.adapters.sandboxes import Kind
from agent.cli import terminal
from agent.errors import SandboxLost, SandboxMissing, SettingsInvalid
from agent.ports import Measure, Sandbox

_PROGRAMS = ("git", "bwrap", "uv")
_GIBIBYTE = 1024**3
_BROKEN = "does not work"
_GAIN = (
    "With an engine and an image (`mergewright images build 3.11`), rooms show nothing of this"
    " machine's /usr."
)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Try every limit of rooms of every kind by breaking it, and say what is needed here.

    One kind of room is enough: those of a container engine, or those of bubblewrap. Exit code 0:
    all that is needed is there, and rooms are as strong as MERGEWRIGHT_SANDBOX_MINIMUM asks; 1: it
    is not, and nothing will be run.
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
    """Gather limits, versions and places; `sound` says whether tickets can be worked on here.

    `missing`, `broken`, `level` and `limits` are those of the kind of room that is used; `kinds`
    has them for every kind. `needed` and `optional` say the same in words, line by line.
    """
    used = sandboxes.choose(given)
    kinds = {kind: _of_kind(make(kind, given), kind, given) for kind in sandboxes.KINDS}
    limits = tuple(Measure.model_validate(line) for line in kinds[used]["limits"])
    weak = None if kinds[used]["missing"] else levels.objection(limits, given.sandbox_minimum)
    versions = {name: _version(name) for name in _PROGRAMS}
    needed = [_rooms(used, kinds, weak), *_programs(versions), _data_folder(given)]
    return {
        "sound": all(line["there"] for line in needed),
        "used": used,
        "minimum": given.sandbox_minimum,
        "weak": weak,
        **kinds[used],
        "kinds": kinds,
        "needed": needed,
        "optional": [*_other_rooms(used, kinds), _github(given), _models(given)],
        "versions": {"python": platform.python_version()} | versions,
        "kernel": platform.release(),
        "user": "root" if os.geteuid() == 0 else str(os.geteuid()),
        "home": str(given.home),
        "free_bytes": _free(given.home),
    }


# --- what is needed, and what is not -------------------------------------------------------------


def _line(what: str, there: bool, detail: str) -> dict[str, Any]:
    return {"what": what, "there": there, "detail": detail}


def _rooms(used: Kind, kinds: dict[Kind, dict[str, Any]], weak: str | None) -> dict[str, Any]:
    found = kinds[used]
    if found["missing"]:
        return _line("rooms", False, found["missing"])
    if found["broken"]:
        return _line("rooms", False, f"{used}: not enforced: {', '.join(found['broken'])}")
    if weak:
        return _line("rooms", False, weak)
    return _line("rooms", True, f"{found['about']}; every required limit holds")


def _other_rooms(used: Kind, kinds: dict[Kind, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Say of each kind that is not used whether it is missed."""
    for kind, found in kinds.items():
        if kind == used:
            continue
        title = "container engine" if kind == "docker" else kind
        if not found["missing"]:
            yield _line(title, True, f"{found['about']}; not used")
        elif kinds[used]["missing"]:
            yield _line(title, False, f"would do in place of {used}: {found['missing']}")
        else:
            why = found["missing"].partition(". ")[0].rstrip(".")
            gain = f" {_GAIN}" if kind == "docker" else ""
            yield _line(title, False, f"{why}. Not needed: {used} makes the rooms.{gain}")


def _programs(versions: dict[str, str | None]) -> Iterator[dict[str, Any]]:
    for name in ("git", "uv"):
        version = versions[name]
        there = version is not None and not version.startswith(_BROKEN)
        yield _line(name, there, version or f"not found; on Debian: apt-get install {name}")


def _data_folder(given: settings.Settings) -> dict[str, Any]:
    try:
        settings.require_home(given)
    except SettingsInvalid as problem:
        return _line("data folder", False, problem.message)
    free = _free(given.home) / _GIBIBYTE
    return _line("data folder", True, f"{given.home}, {free:.1f} GiB free")


def _github(given: settings.Settings) -> dict[str, Any]:
    ways = (given.github_app_id, given.github_token, given.github_token_file)
    if any(way is not None for way in ways):
        return _line("GitHub", True, f"credentials for {given.github_url} are set")
    said = "no credentials; `run --ticket` does without, `serve` and `run --issue` need them"
    return _line("GitHub", False, said)


def _models(given: settings.Settings) -> dict[str, Any]:
    """Say whether runs have a model; whether it answers costs money, and is asked elsewhere."""
    named = routes.routes(given).names
    if not named:
        said = "none is set (MERGEWRIGHT_MODEL); recipes do without, all else needs one"
        return _line("models", False, said)
    try:
        problems = providers.problems(
            sorted(given.models_allowed), prices.load(given.model_prices), given
        )
    except SettingsInvalid as problem:
        problems = [problem.message]
    if problems:
        return _line("models", False, " ".join(problems))
    detail = f"{', '.join(named)}; `mergewright models --check` asks them"
    return _line("models", True, detail)


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
        return f"{_BROKEN}: {problem}"
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
        if found["missing"] is not None:
            continue
        used = "used" if kind == report["used"] else "not used"
        console.print(f"[bold]{kind}[/] ({used})", highlight=False)
        console.print(escape(found["about"]), highlight=False, soft_wrap=True)
        terminal.show(_table(found["limits"]))
        console.print(f"level: {found['level'] or 'none'}\n", highlight=False)
    for title in ("needed", "optional"):
        console.print(f"[bold]{title}[/]")
        lines = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for width in (5, 16, None):
            lines.add_column(min_width=width)
        for line in report[title]:
            colour = "green" if line["there"] else "bold red" if title == "needed" else "yellow"
            mark = f"  [{colour}]{'yes' if line['there'] else 'no'}[/]"
            lines.add_row(mark, line["what"], escape(line["detail"]))
        terminal.show(lines)
    about = ("python", report["versions"]["python"]), ("kernel", report["kernel"])
    said = ", ".join(f"{name} {value}" for name, value in (*about, ("user", report["user"])))
    console.print(escape(said), style="dim", highlight=False)
    if report["sound"]:
        console.print("[bold green]All that is needed is there.[/] Tickets can be worked on here.")
    else:
        missing = [line["what"] for line in report["needed"] if not line["there"]]
        console.print(f"[bold red]Missing: {', '.join(missing)}.[/] Nothing will be run here.")


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
    return "[bold red]NO[/]" if line["required"] else "[yellow]no, optional[/]"
