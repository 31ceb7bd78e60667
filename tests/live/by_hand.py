"""The same suites by hand: a virtual environment, and the command that a developer types.

Packages are those that the product installed, so that what differs is not their versions. Test
outcomes are read from the XML that pytest writes by itself, or noted by `unittest_notes.py`.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from packaging.utils import canonicalize_name
from uv import find_uv_bin

from agent.models.checks import COLLECTION, TestRun
from agent.models.environment import Environment
from agent.setup.package_index import IndexAccess
from tests import postgresql
from tests.live.projects import Project

_NOTES = Path(__file__).with_name("unittest_notes.py")
#: pytest and what it needs, where a project leaves it to its developers to have one.
_PYTEST = ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "exceptiongroup", "tomli")
_RANK = ("passed", "skipped", "xfailed", "failed", "error")
#: The user that tests run as where this runs as root: a developer is not, and tests notice.
_NOBODY = 65534

Outcomes = dict[str, str]
"""By test: module, classes and name, with dots between them."""


class NotRun(Exception):
    """The other side could not be had."""


@dataclass(frozen=True)
class Bare:
    """A copy of a project with a virtual environment of its own."""

    project: Project
    tree: Path
    venv: Path
    libraries: Mapping[str, str]
    """Where its interpreter finds its own."""

    def run(self, *argv: str, user: int | None = None, **environ: str) -> str:
        """Run Python in the tree, with any exit code; return what it printed."""
        done = subprocess.run(
            [self.venv / "bin" / "python", *argv],
            cwd=self.tree,
            env={**_plain(self.venv.parent), **self.libraries, **self.project.environ, **environ},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, user=user, group=user,
            timeout=600, check=False,
        )  # fmt: skip
        return done.stdout.decode(errors="replace")


def build(project: Project, tree: Path, environment: Environment, access: IndexAccess) -> Bare:
    """Make the virtual environment beside the tree, with the packages of a built one."""
    # The sandbox shows a copy of an interpreter at the original's place.
    copied = [str(Path(host, "lib")) for host, box in environment.interpreter.mounts if host != box]
    libraries = {"LD_LIBRARY_PATH": os.pathsep.join(copied)} if copied else {}
    bare = Bare(project, tree, tree.parent / "venv", libraries)
    own_name = canonicalize_name(project.name)
    packages = [
        package for package in environment.packages if package.partition("==")[0] != own_name
    ]
    if "pytest" in project.suite:
        packages += _missing_pytest(environment)
    listed = tree.parent / "packages.txt"
    listed.write_text("\n".join(packages))
    environ = _plain(tree.parent) | {
        "UV_DEFAULT_INDEX": access.url,
        "UV_NO_CONFIG": "1",
        # Of all projects, and compiled, since no run below writes bytecode.
        "UV_CACHE_DIR": str(tree.parents[2] / "uv-cache"),
        "UV_COMPILE_BYTECODE": "1",
    }
    if access.ca_bundle:
        environ["SSL_CERT_FILE"] = access.ca_bundle
    install = ("pip", "install", "--quiet", "--no-deps", "--python", str(bare.venv))
    for argv in (
        ("venv", "--quiet", "--no-project", "--python", _on_host(environment), str(bare.venv)),
        (*install, "-r", str(listed)),
        (*install, "-e", str(tree)),
    ):
        done = subprocess.run(
            [find_uv_bin(), *argv], env=environ, capture_output=True, text=True, timeout=600,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"uv {' '.join(argv)}:\n{done.stderr}"
    (site,) = bare.venv.glob("lib/python3.*/site-packages")
    shutil.copy(_NOTES, site)
    line = 'import os; "LIVE_NOTES" in os.environ and __import__("unittest_notes")\n'
    (site / "unittest_notes.pth").write_text(line)
    return bare


def run_suite(bare: Bare) -> tuple[Outcomes, float]:
    """Run all tests; return how each ended, and the seconds that took."""
    user = _NOBODY if os.geteuid() == 0 else None
    if user is not None:
        # Sandboxes have no rights either.
        for path in (bare.tree.parent, bare.tree, *bare.tree.rglob("*")):
            os.chown(path, user, user, follow_symlinks=False)
    with (
        _services(bare.project) as environ,
        tempfile.TemporaryDirectory(dir=bare.venv.parent) as place,
    ):
        if user is not None:
            os.chown(place, user, user)
        suite, notes, report = bare.project.suite, Path(place, "notes"), Path(place, "all.xml")
        if "pytest" in suite:
            # A module that cannot be collected would keep all others from being run.
            more = ("--continue-on-collection-errors", "-p", "no:cacheprovider")
            suite = (*suite, *more, f"--junitxml={report}")
        begun = time.monotonic()
        printed = bare.run(*suite, user=user, LIVE_NOTES=str(notes), **environ)
        seconds = time.monotonic() - begun
        outcomes = _read_report(report) if report.exists() else read_notes(notes)
    if not outcomes:
        raise NotRun(f"the bare run of {bare.project.name} ran no test:\n{printed[-2000:]}")
    return outcomes, seconds


def in_sandbox(result: TestRun) -> Outcomes:
    """Return the outcomes of the product's own run, by the names that bare runs have."""
    outcomes: Outcomes = {}
    for item in result.items:
        name = item.item_id
        if name.endswith(COLLECTION):
            name = name.removesuffix(COLLECTION).removesuffix(".py").replace("/", ".")
        name = dotted(name)
        if name in outcomes:
            raise NotRun(f"two tests of the sandbox are called {name}")
        outcomes[name] = "passed" if item.outcome == "xpassed" else item.outcome
    return outcomes


def dotted(item_id: str) -> str:
    """Return `tests/test_a.py::B::c[1/2]` as `tests.test_a.B.c[1/2]`; unittest's ids stay as they are."""
    address, bracket, parameters = item_id.partition("[")
    path, separator, rest = address.partition("::")
    if separator or path.endswith(".py"):
        address = re.sub(r"\.py$", "", path).replace("/", ".")
        address += separator and "." + rest.replace("::", ".")
    return address + bracket + parameters


def read_notes(place: Path) -> Outcomes:
    """Read outcomes by test; one that a later suite of the process has once more gets its number."""
    lines = place.read_text().splitlines() if place.exists() else []
    first: dict[str, int] = {}
    outcomes: Outcomes = {}
    for suite, test, outcome in map(json.loads, lines):
        plain = first.setdefault(test, suite) == suite
        name = test.removeprefix("unittest.loader._FailedTest.") if plain else f"{test} #{suite}"
        outcomes[name] = max(outcomes.get(name, outcome), outcome, key=_RANK.index)
    return outcomes


def _read_report(report: Path) -> Outcomes:
    outcomes: Outcomes = {}
    for case in ET.parse(report).iter("testcase"):
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        outcome = _outcome(case)
        outcomes[name] = max(outcomes.get(name, outcome), outcome, key=_RANK.index)
    return outcomes


def _outcome(case: ET.Element) -> str:
    if case.find("error") is not None:
        return "error"
    if case.find("failure") is not None:
        return "failed"
    skipped = case.find("skipped")
    if skipped is None:
        return "passed"
    return "xfailed" if skipped.get("type") == "pytest.xfail" else "skipped"


def _plain(folder: Path) -> dict[str, str]:
    """Return an environment without what a developer or an outer test run has set."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def _on_host(environment: Environment) -> str:
    """Return the interpreter as this machine sees it."""
    for host, sandbox in environment.interpreter.mounts:
        if environment.interpreter.path.startswith(f"{sandbox}/"):
            return host + environment.interpreter.path.removeprefix(sandbox)
    return environment.interpreter.path


def _missing_pytest(environment: Environment) -> tuple[str, ...]:
    """Return the pytest that the sandbox falls back to, where the project declares none."""
    there = {package.partition("==")[0] for package in environment.packages}
    if "pytest" in there:
        return ()
    installed = Path(environment.gate_path).glob("lib/python3.*/site-packages/*.dist-info")
    pairs = (place.name.removesuffix(".dist-info").rpartition("-") for place in installed)
    versions = {name.lower(): version for name, _, version in pairs}
    return tuple(
        f"{name}=={versions[name]}" for name in _PYTEST if name in versions and name not in there
    )


@contextmanager
def _services(project: Project) -> Iterator[dict[str, str]]:
    """Start what the suite wants; give the variables that tell it where that is."""
    if project.postgres is None:
        yield {}
        return
    with postgresql.serving() as server:
        yield {name: value.format(port=server.port) for name, value in project.postgres.items()}
