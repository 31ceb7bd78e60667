"""The same things by hand: a virtual environment, a test run, Django; no sandbox and nothing of ours.

Packages are those that the product installed, so that what differs is not their versions. Test
outcomes are read from the XML that pytest writes by itself.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from packaging.utils import canonicalize_name
from uv import find_uv_bin

from agent.models.checks import CheckReport
from agent.models.environment import Environment
from agent.models.package_index import IndexAccess
from tests.thirdparty.projects import Known, KnownDjango

_ASK_DJANGO = Path(__file__).with_name("ask_django.py")
_RANK = ("passed", "skipped", "xfailed", "failed", "error")

#: Whatever is costly takes a turn, so that no more is under way than the machine has cores.
TURNS = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))

Outcomes = dict[str, str]
"""By test: module, classes and name, with dots between them."""


@dataclass(frozen=True)
class Bare:
    """A copy of a project with a virtual environment of its own."""

    known: Known
    tree: Path
    venv: Path
    user: int | None = None
    """Whom tests run as; None: whoever runs this. Files in the tree are theirs."""

    @property
    def python(self) -> str:
        """The environment's interpreter."""
        return str(self.venv / "bin" / "python")

    def run(self, *argv: str, tree: Path | None = None, **environ: str) -> str:
        """Run Python in the tree, whatever its exit code; return what it printed."""
        with TURNS:
            done = subprocess.run(
                [self.python, *argv],
                cwd=tree or self.tree,
                env={**_plain(self.venv.parent), **self.known.environ, **environ},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                user=self.user,
                group=self.user,
                timeout=600,
                check=False,
            )
        return done.stdout.decode(errors="replace")

    def outcomes(self) -> Outcomes:
        """Run all tests; return how each ended."""
        with tempfile.TemporaryDirectory(dir=self.venv.parent) as place:
            if self.user is not None:
                os.chown(place, self.user, self.user)
            suite = self.known.suite
            argv = [*suite, "-p", "no:cacheprovider", f"--junitxml={place}/all.xml"]
            printed = self.run(*argv)
            found = _read(list(Path(place).glob("*.xml")))
        assert found, f"the bare run of {self.known.source.name} ran no test:\n{printed[-3000:]}"
        return found

    def ask_django(self, question: str, tree: Path | None = None, **request: object) -> Any:
        """Let a script of ours look into Django; return its answer."""
        assert isinstance(self.known, KnownDjango)
        tree = tree or self.tree
        with tempfile.TemporaryDirectory(dir=self.venv.parent) as place:
            answer = Path(place, "answer.json")
            asked = {**request, "database": f"{place}/db.sqlite3", "answer": str(answer)}
            printed = self.run(
                *(str(_ASK_DJANGO), question, json.dumps(asked)),
                tree=tree,
                DJANGO_SETTINGS_MODULE=self.known.settings,
                PYTHONPATH=os.pathsep.join(str(tree / one) for one in self.known.python_path),
            )
            assert answer.exists(), f"{question} of {self.known.source.name}:\n{printed[-3000:]}"
            return json.loads(answer.read_text())


def build(
    known: Known,
    tree: Path,
    environment: Environment,
    access: IndexAccess,
    more: tuple[str, ...] = (),
) -> Bare:
    """Make a virtual environment beside the tree, with the packages of a built one."""
    bare = Bare(known, tree, tree.parent / "venv")
    own = canonicalize_name(known.source.name)
    packages = [one for one in environment.packages if one.partition("==")[0] != own]
    packages += more
    listed = tree.parent / "packages.txt"
    listed.write_text("\n".join(packages))
    environ = _plain(tree.parent) | {
        "UV_DEFAULT_INDEX": access.url,
        "UV_NO_CONFIG": "1",
        # Of all projects, and compiled, since no run below writes bytecode.
        "UV_CACHE_DIR": str(tree.parents[2] / "uv-cache"),
        "UV_COMPILE_BYTECODE": "1",
    }
    if not _has_tag(tree):
        environ["SETUPTOOLS_SCM_PRETEND_VERSION"] = known.source.version
    if access.ca_bundle:
        environ["SSL_CERT_FILE"] = access.ca_bundle
    install = ("pip", "install", "--quiet", "--no-deps", "--python", bare.python)
    for argv in (
        ("venv", "--quiet", "--no-project", "--python", _on_host(environment), str(bare.venv)),
        (*install, "-r", str(listed)),
        (*install, "-e", str(tree)),
    ):
        with TURNS:
            done = subprocess.run(
                [find_uv_bin(), *argv],
                env=environ,
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
        assert done.returncode == 0, f"uv {' '.join(argv)}:\n{done.stderr}"
    return bare


def by_product(report: CheckReport) -> Outcomes:
    """Outcomes of a report's tests, by the names that bare runs have."""
    tests = report.result("tests")
    assert tests is not None
    found: Outcomes = {}
    for item in tests.items:
        outcome = "passed" if item.outcome == "xpassed" else item.outcome
        name = dotted(item.item_id)
        assert name not in found, f"{name} is there twice"
        found[name] = outcome
    return found


def _plain(folder: Path) -> dict[str, str]:
    """An environment without anything that a developer or an outer test run has set."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def _has_tag(tree: Path) -> bool:
    """Whether the version is told as in the project's own repository."""
    listed = subprocess.run(
        ["git", "tag", "--list"], cwd=tree, capture_output=True, timeout=60, check=True
    )
    return bool(listed.stdout)


def _on_host(environment: Environment) -> str:
    """The interpreter as this machine sees it."""
    for host, sandbox in environment.interpreter_mounts:
        if environment.interpreter.startswith(f"{sandbox}/"):
            return host + environment.interpreter.removeprefix(sandbox)
    return environment.interpreter


def dotted(item_id: str) -> str:
    """`tests/test_a.py::B::c[1/2]` as `tests.test_a.B.c[1/2]`; unittest's ids stay as they are."""
    address, bracket, parameters = item_id.partition("[")
    path, separator, rest = address.partition("::")
    if separator or path.endswith(".py"):
        address = re.sub(r"\.py$", "", path).replace("/", ".")
        address += separator and "." + rest.replace("::", ".")
    return address + bracket + parameters


def _read(reports: list[Path]) -> Outcomes:
    found: Outcomes = {}
    for report in reports:
        for case in ET.parse(report).iter("testcase"):
            parts = (case.get("classname"), case.get("name"))
            name = ".".join(part for part in parts if part)
            outcome = _outcome(case)
            found[name] = max(found.get(name, outcome), outcome, key=_RANK.index)
    return found


def _outcome(case: ET.Element) -> str:
    if case.find("error") is not None:
        return "error"
    if case.find("failure") is not None:
        return "failed"
    skipped = case.find("skipped")
    if skipped is None:
        return "passed"
    expected = skipped.get("type") == "pytest.xfail"
    return "xfailed" if expected else "skipped"
