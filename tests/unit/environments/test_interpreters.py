"""Which interpreter is taken, where they are looked for, and what is said where none fits."""

from __future__ import annotations

import os
import platform
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.environments import interpreters
from agent.environments.declare import PythonHints
from agent.environments.interpreters import FoundPython
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed, TransientError
from agent.models.sandbox import Root, SandboxResult
from agent.settings import Settings
from tests.fakes import FakeSandbox


def found(version: str, *, system: bool = False) -> FoundPython:
    minor = ".".join(version.split(".")[:2])
    prefix = "/usr" if system else f"/opt/{version}"
    path = f"{prefix}/bin/python{minor}"
    return FoundPython(version=version, prefix=prefix, path=path, system=system)


HERE = (found("3.8.18"), found("3.11.2", system=True), found("3.12.1"), found("3.13.0"))


def best(asked: str | None = None, **hints: object) -> str:
    return interpreters.rank_interpreters(asked, PythonHints(**hints), HERE)[0][0].version


def test_the_configuration_decides_or_the_systems_own_or_the_highest_that_is_allowed():
    assert best("3.12", requires=">=3.9,<3.11") == "3.12.1"
    assert best() == "3.11.2"
    assert best(requires=">=3.12", requires_origin="x") == "3.13.0"


@pytest.mark.parametrize("requires", ["==3.12", "== 3.12 , <4"])
def test_a_minor_version_that_is_asked_for_stands_for_all_its_releases(requires):
    assert best(requires=requires) == "3.12.1"


def test_a_release_that_is_asked_for_is_that_one():
    hints = PythonHints(requires="==3.12.0")
    assert not interpreters.rank_interpreters(None, hints, HERE)


def test_ci_counts_before_the_version_file_and_that_before_classifiers():
    hints = {"ci": ("3.12", "3.11"), "version_file": "3.12", "classifiers": ("3.13",)}
    assert best(**hints) == "3.12.1", "which CI tests as well"
    assert best(**hints | {"version_file": "3.13"}) == "3.11.2"
    assert best(**hints | {"ci": ()}) == "3.12.1"


def test_where_none_is_here_that_ci_tests_with_the_nearest_is_taken():
    assert best(ci=("3.14",)) == "3.13.0"
    assert best(ci=("3.10",)) == "3.11.2"
    assert best(ci=("3.14",), requires="<3.13") == "3.12.1"
    assert best(ci=("3.14",), classifiers=("3.12",)) == "3.12.1"


@pytest.mark.parametrize(
    ("hints", "used", "other"),
    [
        ({"ci": ("3.13", "3.12", "3.11", "3.8")}, "3.13.0", "3.11"),
        ({"ci": ("3.13",), "classifiers": ("3.12", "3.9")}, "3.13.0", "3.12"),
        ({"ci": ("3.12", "3.11"), "requires": ">=3.12"}, "3.12.1", ""),
        ({}, "3.11.2", ""),
    ],
)
def test_another_python_is_the_oldest_that_ci_or_a_classifier_names(hints, used, other):
    assert interpreters.choose_other(PythonHints(**hints), used, HERE) == other


@pytest.fixture
def alone(monkeypatch, home):
    """A machine that has nothing but what a test gives it."""
    monkeypatch.setattr(interpreters.uv_program, "list_pythons", lambda *_: [])
    return Settings(home=home)


def test_a_machine_too_busy_to_list_its_pythons_is_waited_for(monkeypatch, home):
    def run(*_args, timeout, **_more):
        raise subprocess.TimeoutExpired("uv", timeout)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(TransientError):
        interpreters.find_pythons(Settings(home=home), ())


def test_what_would_provide_one_is_named(alone):
    def run(order):
        return SandboxResult(
            exit_code=1, output="No module named '_ssl'", output_bytes=1, seconds=1
        )

    sandbox = FakeSandbox(run)
    with pytest.raises(EnvironmentFailed, match=r"uv python install 3\.14") as caught:
        interpreters.choose_interpreter("3.14", PythonHints(), sandbox, alone)
    with pytest.raises(EnvironmentFailed, match=r"3\.9 to 3\.14") as caught:
        interpreters.choose_interpreter("3.8", PythonHints(), sandbox, alone)
    assert "uv python install" not in caught.value.message


def test_an_interpreter_that_lacks_a_module_in_a_sandbox_is_named(alone, monkeypatch):
    words = "ModuleNotFoundError: No module named '_ssl'"
    result = SandboxResult(exit_code=1, output=words, output_bytes=1, seconds=1)
    sandbox = FakeSandbox(lambda order: result)
    monkeypatch.setattr(interpreters, "find_pythons", lambda *_: HERE[1:2])
    for _ in range(2):
        with pytest.raises(EnvironmentFailed, match="No module named '_ssl'"):
            interpreters.choose_interpreter(None, PythonHints(), sandbox, alone)
    assert len(sandbox.orders) == 1, "what was tried is remembered"


def test_what_lies_in_the_data_folder_is_found_by_uv(home):
    (home / "pythons").mkdir()
    (home / "pythons" / "mine").symlink_to(sys.base_prefix)
    found = interpreters.find_pythons(Settings(home=home), (Root(folder=str(home)),))
    one = next(one for one in found if one.prefix == os.path.realpath(sys.base_prefix))
    assert one.version == platform.python_version()
    assert os.path.samefile(one.path, os.path.realpath(sys.executable))


def install(prefix: Path, version: str, mode: int = 0o755) -> Path:
    """Something laid out as an interpreter of that version is."""
    minor = ".".join(version.split(".")[:2])
    program = prefix / "bin" / f"python{minor}"
    (prefix / "lib" / f"python{minor}" / "site-packages").mkdir(parents=True)
    (prefix / "lib" / f"python{minor}" / "os.py").write_text("")
    (prefix / "lib" / f"python{minor}" / "site-packages" / "extra.py").write_text("")
    program.parent.mkdir(parents=True)
    program.touch()
    for place in (prefix, *prefix.rglob("*")):
        place.chmod(mode if place.is_dir() or place == program else mode & 0o644)
    (program.parent / "python3").symlink_to(program.name)
    return program


def test_what_only_its_owner_can_read_is_copied_so_that_everybody_can(alone, monkeypatch):
    # Sandboxes of an ordinary user are that user's; those of root are somebody else's.
    monkeypatch.setattr(interpreters.os, "geteuid", lambda: 0)
    prefix = alone.home / "private" / "3.12"
    program = install(prefix, "3.12.1", 0o700)
    one = FoundPython(version="3.12.1", prefix=str(prefix), path=str(program), system=False)
    ((source, target),) = interpreters._list_mounts(one, alone)
    assert target == str(prefix)
    place = Path(source)
    assert place.is_relative_to(alone.home / "environments" / "interpreters")
    for one in (place, *place.rglob("*")):
        if not one.is_symlink():
            wanted = 0o5 if one.is_dir() or one.name == "python3.12" else 0o4
            assert stat.S_IMODE(one.stat().st_mode) & 0o7 == wanted, one
    assert os.readlink(place / "bin" / "python3") == "python3.12"
    assert not list(place.rglob("extra.py")), "what was installed into it stays behind"


def test_a_root_tells_the_patch_release_by_its_headers_else_none_is_refused(tmp_path):
    for minor in ("3.11", "3.12"):
        program = tmp_path / "usr/bin" / f"python{minor}"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch()
    header = tmp_path / "usr/include/python3.11/patchlevel.h"
    header.parent.mkdir(parents=True)
    header.write_text('#define PY_VERSION              "3.11.2+"\n')
    there = tuple(interpreters._find_in_roots([Root(folder=str(tmp_path))]))
    assert [one.version for one in there] == ["3.11.2", "3.12"]

    def fitting(wanted: str) -> list[str]:
        ranked = interpreters.rank_interpreters(None, PythonHints(requires=wanted), there)
        return [one.version for one, _ in ranked]

    assert fitting(">=3.11.1,<3.12") == ["3.11.2"]
    assert fitting(">=3.11.3,<3.12") == []
    assert fitting(">=3.12.1") == ["3.12"]


def test_where_ci_tests_with_pythons_that_are_not_here_that_is_said(alone, tmp_path, monkeypatch):
    monkeypatch.setattr(interpreters, "find_pythons", lambda *_: HERE)
    workflow = "jobs: {{t: {{strategy: {{matrix: {{python: ['{}']}}}}, steps: [{{run: pytest}}]}}}}"
    place = tmp_path / ".github/workflows/ci.yml"
    place.parent.mkdir(parents=True)

    def explain(minor: str) -> str:
        place.write_text(workflow.format(minor))
        files = WorkTreeFiles(tmp_path)
        return interpreters.explain_untested(
            files, "3.13.0", FakeSandbox(lambda order: order), alone
        )

    assert "uv python install 3.14" in explain("3.14")
    assert explain("3.13") == ""
