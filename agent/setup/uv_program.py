"""Run the `uv` program on the host, and mount it in sandboxes.

Installs nothing but Pythons.
"""

import json
import os
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import uv as uv_package

from agent.errors import TransientError
from agent.models.sandbox import Mount
from agent.settings import Settings
from agent.setup import storage

FOLDER = "/uv"
"""The folder of uv in sandboxes."""
PATH = f"{FOLDER}/uv"
_SECONDS = 30
_FETCH_SECONDS = 600
_FOR_FETCHING = re.compile(r"HOME|XDG_\w+|UV_\w+|SSL_CERT_\w+|(?i:(?:https?|all|no)_proxy)")


def mount(settings: Settings) -> Mount:
    """Return the mount of a copy of uv that a sandbox's user can read."""
    place = storage.folder(settings) / "tools" / f"uv-{metadata.version('uv')}"

    def make(part: Path) -> None:
        shutil.copyfile(uv_package.find_uv_bin(), part / "uv")
        (part / "uv").chmod(0o755)

    source = storage.provide_folder(settings, place, make)
    return Mount(source=str(source), target=FOLDER)


def install_python(settings: Settings, minor: str, folder: Path) -> str:
    """Fetch a Python into a folder; return why that failed, or "" if it is installed.

    uv's own variables apply, such as those for a mirror, a proxy, or to stay offline.
    """
    environ = {name: text for name, text in os.environ.items() if _FOR_FETCHING.fullmatch(name)}
    arguments = ("install", minor, "--install-dir", str(folder), "--no-bin", "--no-progress")
    try:
        answer = _run(settings, arguments, {"UV_HTTP_RETRIES": "1", **environ}, _FETCH_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return str(problem)
    # The first line has the failure, the last one its cause.
    printed = filter(str.strip, answer.stderr.splitlines())
    lines = [line.strip().removeprefix("error: ").removeprefix("cause: ") for line in printed]
    return ": ".join(dict.fromkeys(lines[:1] + lines[-1:])) if answer.returncode else ""


def list_pythons(settings: Settings, search_path: str) -> list[dict[str, Any]]:
    """List the Pythons of a search path and of uv; TransientError: uv did not answer in time."""
    named = ("HOME", "XDG_DATA_HOME", "UV_PYTHON_INSTALL_DIR")
    environ = {name: os.environ[name] for name in named if name in os.environ}
    options = ("--only-installed", "--offline", "--no-python-downloads", "--output-format", "json")
    try:
        answer = _run(settings, ("list", *options), {**environ, "PATH": search_path}, _SECONDS)
        answer.check_returncode()
        listed: list[dict[str, Any]] = json.loads(answer.stdout)
    except subprocess.TimeoutExpired as problem:
        # A slow answer does not mean that there are no Pythons.
        raise TransientError(f"uv did not list the Pythons within {_SECONDS} s.") from problem
    except (OSError, subprocess.SubprocessError, ValueError):
        return []
    return [row for row in listed if row["path"]]


def _run(
    settings: Settings, arguments: tuple[str, ...], environ: dict[str, str], seconds: int
) -> subprocess.CompletedProcess[str]:
    """Run `uv python` with a cache in the data folder."""
    cache = str(storage.folder(settings) / "tools" / "pythons")
    options = ("--no-config", "--color", "never", "--cache-dir", cache)
    return subprocess.run(
        [uv_package.find_uv_bin(), "python", *arguments, *options],
        capture_output=True, timeout=seconds, check=False, cwd="/", text=True, env=environ,
    )  # fmt: skip
