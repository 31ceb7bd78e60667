"""Sandboxes of both kinds for tests, and what is usually ordered in them.

A test that takes the fixture `sandbox` (`tests/integration/conftest.py`) runs once for each kind of
sandbox; one that needs settings of its own takes `sandboxes` and calls `sandboxes(sandbox_processes=16)`; the
fixture `backend` is the name of the kind. `open_sandbox` is the same for tests that have no use
for fixtures. All of them fail where a sandbox cannot be opened: nothing is skipped.

Docker sandboxes are of the deep suite, for which `deploy/with-engine` starts an engine and makes an
image; tests that need them and have no `backend` carry the mark `engine`. `ENGINE=no` leaves all of
them out.
"""

import os
import textwrap
from pathlib import Path
from typing import Any

import pytest

from agent.models.record import replace
from agent.models.sandbox import SandboxLimits, SandboxRequest
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.sandbox.docker_sandbox import DockerSandbox
from agent.settings import Settings
from tests.processes import wait_until

MIB = 1024**2
PYTHON = ("/usr/bin/python3", "-I", "-S", "-c")
SMALL = SandboxLimits(seconds=20, memory_bytes=512 * MIB, processes=64, disk_bytes=32 * MIB)
ROOT = Path(__file__).parents[1]
INSIDE = ROOT / "agent" / "sandbox" / "sandbox_scripts"
#: Where the engine of the tests is; `tests/conftest.py` hides it from the code under test.
ENGINE = os.environ["ENGINE_OF_TESTS"]

BACKENDS: list[Any] = [
    "bubblewrap",
    pytest.param("docker", marks=pytest.mark.engine),
]


def settings_for(backend: str, home: Path, **more: Any) -> Settings:
    if backend == "docker":
        return Settings(home=home, sandbox="docker", docker_host=ENGINE, **more)
    return Settings(home=home, sandbox="bubblewrap", **more)


def has_group(backend: str) -> bool:
    """Return whether sandboxes of a kind have a control group; else a process has its own bound."""
    return backend == "docker" or os.geteuid() == 0


def open_sandbox(backend: str, home: Path, **more: Any) -> BubblewrapSandbox | DockerSandbox:
    settings = settings_for(backend, home, **more)
    return DockerSandbox(settings) if backend == "docker" else BubblewrapSandbox(settings)


def code(text: str, **more: Any) -> SandboxRequest:
    facts: dict[str, Any] = {"limits": SMALL} | more
    return SandboxRequest(argv=(*PYTHON, textwrap.dedent(text)), **facts)


def shell(script: str, **limits: object) -> SandboxRequest:
    return SandboxRequest(argv=("sh", "-c", script), limits=replace(SMALL, **limits))


def waiting(seconds: int, marker: str) -> SandboxRequest:
    """Order a process that stays for a while, to be found by the marker."""
    return SandboxRequest(argv=("sh", "-c", f"sleep {seconds}; :", marker), limits=SMALL)


def alive(marker: str) -> list[int]:
    """List host processes with this word in their command line, zombies aside."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "cmdline").read_bytes():
                pids.append(int(folder.name))
        except OSError:
            continue
    return pids


def wait_for(marker: str, count: int = 1) -> None:
    wait_until(lambda: len(alive(marker)) >= count)


def wait_until_gone(marker: str) -> None:
    wait_until(lambda: not alive(marker), show=lambda: alive(marker))


def left_of(backend: str, home: Path) -> set[str]:
    """List what this machine has of sandboxes of a data folder: control groups or containers."""
    from agent.sandbox import cgroup, container_arguments, docker_engine, slots

    if backend != "docker":
        return cgroup.list_names(slots.make_prefix(home))
    mark = f"{container_arguments.HOME_LABEL}={slots.make_prefix(home)}"
    with docker_engine.open_client(settings_for(backend, home)) as client:
        return {
            container["Id"] for container in client.containers(all=True, filters={"label": mark})
        }
