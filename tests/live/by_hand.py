"""The same suites by hand: a virtual environment, and the command that a developer types."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from agent.models.checks import COLLECTION, CheckResult
from agent.models.environment import Environment
from agent.models.package_index import IndexAccess
from tests.live.projects import Project
from tests.thirdparty import bare
from tests.thirdparty.bare import Bare, Outcomes

_NOTES = Path(__file__).with_name("unittest_notes.py")
#: pytest and what it needs, where a project leaves it to its developers to have one.
_PYTEST = ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "exceptiongroup", "tomli")
_RANK = ("passed", "skipped", "xfailed", "failed", "error")
_SECONDS = 60
#: Whom tests run as where this runs as root: a developer is not, and tests notice.
_NOBODY = 65534


class NotRun(Exception):
    """The other side could not be had."""


def build(project: Project, tree: Path, environment: Environment, access: IndexAccess) -> Bare:
    """Make the virtual environment, with what is known of the tests of unittest besides."""
    more = _missing_pytest(environment) if "pytest" in project.known.suite else ()
    made = bare.build(project.known, tree, environment, access, more)
    (site,) = made.venv.glob("lib/python3.*/site-packages")
    shutil.copy(_NOTES, site)
    line = 'import os; "LIVE_NOTES" in os.environ and __import__("unittest_notes")\n'
    (site / "unittest_notes.pth").write_text(line)
    known = replace(made.known, environ={**made.known.environ, **_libraries(environment)})
    return replace(made, known=known)


def outcomes(project: Project, made: Bare, folder: Path) -> tuple[Outcomes, float]:
    """Run all tests; return how each ended, and the seconds that took."""
    made = _given_away(made)
    with _services(project, folder) as environ:
        known = made.known
        if "pytest" in known.suite:
            # A module that cannot be collected would keep all others from being run.
            known = replace(known, suite=(*known.suite, "--continue-on-collection-errors"))
        known = replace(known, environ={**known.environ, **environ})
        made = replace(made, known=known)
        begun = time.monotonic()
        found = made.outcomes() if "pytest" in known.suite else _by_unittest(made)
    return found, time.monotonic() - begun


def in_sandbox(result: CheckResult) -> Outcomes:
    """Outcomes of the product's own run, by the names that bare runs have."""
    found: Outcomes = {}
    for item in result.items:
        name = item.item_id
        if name.endswith(COLLECTION):
            name = name.removesuffix(COLLECTION).removesuffix(".py").replace("/", ".")
        name = bare.dotted(name)
        if name in found:
            raise NotRun(f"two tests of the sandbox are called {name}")
        found[name] = "passed" if item.outcome == "xpassed" else item.outcome
    return found


def _libraries(environment: Environment) -> dict[str, str]:
    """Let an interpreter find its own library where it was copied to, so that others can read it.

    The sandbox shows the copy at the original's place.
    """
    copied = [
        Path(host, "lib") for host, sandbox in environment.interpreter_mounts if host != sandbox
    ]
    return {"LD_LIBRARY_PATH": os.pathsep.join(map(str, copied))} if copied else {}


def _given_away(made: Bare) -> Bare:
    """Hand the tree over to somebody without rights, as sandboxes do."""
    if os.geteuid() != 0:
        return made
    home = made.tree.parent
    for path in (home, made.tree, *made.tree.rglob("*")):
        os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)
    return replace(made, user=_NOBODY)


def _by_unittest(made: Bare) -> Outcomes:
    place = made.tree.parent / "notes"
    printed = made.run(*made.known.suite, LIVE_NOTES=str(place))
    if not place.exists():
        raise NotRun(f"the bare run of {made.known.source.name} ran no test:\n{printed[-2000:]}")
    return read_notes(place)


def read_notes(place: Path) -> Outcomes:
    """Outcomes by test; one that a later suite of the process has once more gets its number."""
    notes = [json.loads(line) for line in place.read_text().splitlines()]
    first: dict[str, int] = {}
    found: Outcomes = {}
    for suite, test, outcome in notes:
        plain = first.setdefault(test, suite) == suite
        name = test.removeprefix("unittest.loader._FailedTest.") if plain else f"{test} #{suite}"
        found[name] = max(found.get(name, outcome), outcome, key=_RANK.index)
    return found


def _missing_pytest(environment: Environment) -> tuple[str, ...]:
    """The pytest that the sandbox falls back to, where the project declares none."""
    there = {package.partition("==")[0] for package in environment.packages}
    if "pytest" in there:
        return ()
    known = Path(environment.gate_path).glob("lib/python3.*/site-packages/*.dist-info")
    pairs = (place.name.removesuffix(".dist-info").rpartition("-") for place in known)
    versions = {name.lower(): version for name, _, version in pairs}
    return tuple(
        f"{name}=={versions[name]}" for name in _PYTEST if name in versions and name not in there
    )


@contextmanager
def _services(project: Project, folder: Path) -> Iterator[dict[str, str]]:
    """Start what the suite wants; give the variables that tell it where that is."""
    if project.postgres is None:
        yield {}
        return
    with _postgres(folder) as port:
        yield {name: value.format(port=port) for name, value in project.postgres.items()}


@contextmanager
def _postgres(folder: Path) -> Iterator[int]:
    """Run a PostgreSQL of its own on loopback, which lets everybody in."""
    programs = _postgres_programs()
    data, user = folder / "postgres", _NOBODY if os.geteuid() == 0 else None
    data.mkdir(mode=0o700)
    if user is not None:
        os.chown(data, user, user)  # the server refuses to run as root
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = subprocess.run(
        [programs / "initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D", data],
        user=user, group=user, capture_output=True, text=True, timeout=_SECONDS, check=False,
        cwd="/",
    )  # fmt: skip
    if made.returncode != 0:
        raise NotRun(f"initdb: {made.stderr}")
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(data),
        "fsync": "off",
        "full_page_writes": "off",
    }
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (folder / "postgres.log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), *words],
            user=user, group=user, stdout=log, stderr=log, cwd="/",
        )  # fmt: skip
        try:
            _wait_for(port, server)
            yield port
        finally:
            server.terminate()
            server.wait(_SECONDS)


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    beside = shutil.which("initdb")
    if not found and beside is None:
        raise NotRun("PostgreSQL is not installed, as by `apt-get install postgresql`.")
    return found[-1].parent if found else Path(str(beside)).resolve().parent


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            raise NotRun(f"PostgreSQL ended with {server.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise NotRun("PostgreSQL did not come up")
