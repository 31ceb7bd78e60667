"""An environment cold, warm and there already, against uv alone with the same packages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import uv

from agent.adapters import sandboxes
from agent.adapters.package_index import SimpleIndex
from agent.domain import Environment
from agent.environments import build, storage
from agent.ports import Sandbox
from agent.settings import Settings
from tests.bench import bare, sample_suites, timing

_NOTE = """\
Of the demo's project. Cold: nothing is there, so ours makes and compiles the gate's tools as well;
warm: only the environment is missing; by hand uv makes and compiles the same packages, with its
own cache empty and filled. The bar for an environment that is there is 0.050 s, whatever is beside it."""

Say = Callable[[str], None]


def measure(scratch: Path, rounds: int, say: Say) -> list[timing.Section]:
    """Time what `ensure` takes; nothing but the environment is removed between two rounds."""
    home = scratch / "home-environments"
    settings = Settings(home=home, sandbox="bubblewrap")
    sandbox = sandboxes.make("bubblewrap", settings)
    tree = scratch / "project-environments"
    sample_suites.make(tree, 1)
    rows = [timing.Row(what, []) for what in ("cold", "warm", "there already")]
    cold, warm, there = rows
    for number in range(rounds):
        say(f"environments: round {number + 1} of {rounds}")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o711)
        seconds, made = _ensured(tree, sandbox, settings)
        cold.ours.append(seconds)
        shutil.rmtree(Path(made.path).parent)
        warm.ours.append(_ensured(tree, sandbox, settings)[0])
        there.ours.append(_ensured(tree, sandbox, settings)[0])
        for row, empty in ((cold, True), (warm, False)):
            row.bare.append(_by_hand(made, scratch, settings, empty=empty))
    title = "An environment, and uv by hand"
    return [timing.Section("environments", title, "uv", rows, _NOTE)]


def _ensured(tree: Path, sandbox: Sandbox, settings: Settings) -> tuple[float, Environment]:
    request = build.EnvironmentRequest(tree=str(tree))
    seconds, made = timing.taken(
        lambda: build.ensure(request, sandbox, SimpleIndex(settings), settings, lambda _: None)
    )
    # As if by another process each time.
    for key in (made.key, storage.PARTS):
        storage.release(settings, key)
    return seconds, made


def _by_hand(made: Environment, scratch: Path, settings: Settings, *, empty: bool) -> float:
    cache, venv = scratch / "hand-cache", scratch / "hand-venv"
    shell = bare.environ(scratch, settings) | {"UV_CACHE_DIR": str(cache)}
    listed = bare.requirements(made, scratch / "hand.txt")
    if empty:
        shutil.rmtree(cache, ignore_errors=True)
    shutil.rmtree(venv, ignore_errors=True)
    tool = uv.find_uv_bin()
    make = [tool, "venv", "--quiet", "--python", made.interpreter, str(venv)]
    fill = [tool, "pip", "install", "--quiet", "--compile-bytecode", "-r", str(listed)]

    def work() -> None:
        bare.run(make, scratch, shell)
        bare.run(fill, scratch, shell | {"VIRTUAL_ENV": str(venv)})

    return timing.taken(work)[0]
