"""Which interpreter is taken, where they are looked for, and what is said where none fits."""

import json
import os
import platform
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from agent.errors import EnvironmentFailed, TransientError
from agent.models.environment import Interpreter
from agent.models.record import replace
from agent.models.sandbox import Root, SandboxResult
from agent.settings import Settings
from agent.setup import interpreters, toolsets
from agent.setup.interpreters import PythonHints
from tests.fakes import FakeSandbox
from tests.unit.trees import DictTree


def found(version: str, *, system: bool = False) -> Interpreter:
    minor = ".".join(version.split(".")[:2])
    prefix = "/usr" if system else f"/opt/{version}"
    path = f"{prefix}/bin/python{minor}"
    return Interpreter(version=version, prefix=prefix, path=path, is_system=system)


SPRING_2022, AUTUMN_2023 = 1_650_000_000, 1_700_000_000
HERE = (found("3.8.18"), found("3.11.2", system=True), found("3.12.1"), found("3.13.0"))


def best(asked: str | None = None, **hints: object) -> str:
    return interpreters.rank_interpreters(asked, PythonHints(**hints), HERE)[0].version


def test_the_configuration_decides_or_the_newest_that_is_allowed():
    assert best("3.12", minors=(9, 10)) == "3.12.1"
    assert best() == "3.13.0"
    assert best(minors=(9, 10, 11)) == "3.11.2"


def test_the_version_file_counts_before_the_commits_day():
    assert best(version_file="3.12", committed=SPRING_2022) == "3.12.1"
    assert best(committed=AUTUMN_2023) == "3.11.2"
    assert best(committed=SPRING_2022) == "3.11.2", "none of that time is here: the nearest"


CI = """
    on: pull_request
    jobs:
      a:
        strategy: {matrix: {python: ["3.10", "3.12-dev", pypy-3.13], include: [{python: 3.11}]}}
        steps: [{uses: actions/setup-python@v5, with: {python-version: "${{ matrix.python }}"}}]
      b: {uses: acme/tests@v1, with: {python-version: "3.12"}}
    """


def test_the_newest_python_of_ci_that_is_allowed_is_taken_unless_a_file_names_one():
    files = {"shop/a.py": "", ".github/workflows/a.yml": CI}
    hints = interpreters.read_hints(DictTree(files), "shop")
    assert hints.tested == ("3.10", "3.12", "3.11", "pypy-3.13", "3.12")
    assert best(**dict(hints)) == "3.12.1"
    assert best(tested=("3.14",)) == "3.13.0", "the newest that is here"
    for name, text, version in (
        ("setup.cfg", "[options]\npython_requires = >=3.9,<3.12\n", "3.11.2"),
        ("setup.cfg", "[options]\npython_requires = >=3.13\n", "3.13.0"),
        (".python-version", "3.13", "3.13.0"),
    ):
        named = interpreters.read_hints(DictTree({**files, f"shop/{name}": text}), "shop")
        assert best(**dict(named)) == version


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


def test_an_interpreter_that_lacks_a_module_in_a_sandbox_is_named(alone, monkeypatch):
    words = "ModuleNotFoundError: No module named '_ssl'"
    result = SandboxResult(exit_code=1, output=words, output_bytes=1, seconds=1)
    sandbox = FakeSandbox(lambda order: result)
    monkeypatch.setattr(interpreters, "find_pythons", lambda *_: HERE[1:2])
    with pytest.raises(EnvironmentFailed, match="No module named '_ssl'"):
        interpreters.choose_interpreter(None, PythonHints(), sandbox, alone, print)


@pytest.fixture
def mirror(alone, monkeypatch, tmp_path):
    """A mirror of uv's Pythons with one 3.10, which is the one of this machine in disguise."""
    release, name = "20260101", "cpython-3.10.99"
    prefix = tmp_path / "python"
    install(prefix, "3.10.99").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    data = prefix / "lib" / "python3.10" / "_sysconfigdata__linux_x86_64-linux-gnu.py"
    data.write_text("build_time_vars = {}\n")
    (tmp_path / release).mkdir()
    with tarfile.open(tmp_path / release / "python.tar.gz", "w:gz") as archive:
        archive.add(prefix, "python")
    key = f"{name}-linux-{platform.machine()}-gnu"
    place = "https://github.com/astral-sh/python-build-standalone/releases/download"
    row = {
        "name": "cpython", "arch": {"family": platform.machine(), "variant": None}, "os": "linux",
        "libc": "gnu", "major": 3, "minor": 10, "patch": 99, "prerelease": "", "variant": None,
        "url": f"{place}/{release}/python.tar.gz", "sha256": None, "build": release,
    }  # fmt: skip
    (tmp_path / "downloads.json").write_text(json.dumps({key: row}))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(tmp_path / "downloads.json"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", tmp_path.as_uri())

    def list_pythons(settings, _):
        places = (settings.home / "pythons").glob("*/bin/python3.10")
        return [
            {"implementation": "cpython", "variant": "default", "version": "3.10.99",
             "version_parts": {"minor": 10}, "path": str(path)}
            for path in places
        ]  # fmt: skip

    monkeypatch.setattr(interpreters.uv_program, "list_pythons", list_pythons)
    return tmp_path


class Rooted(FakeSandbox):
    """A sandbox with the machine's own files, in which each Python says that it is 3.10.99."""

    def __init__(self):
        result = SandboxResult(exit_code=0, output="3.10.99\n/py", output_bytes=1, seconds=1)
        super().__init__(lambda order: result)

    def roots(self):
        return (Root(folder="/", mark="m"),)


def test_a_python_that_is_asked_for_and_not_there_is_fetched_once(alone, mirror):
    said, of_2022 = [], PythonHints(minors=(9, 10, 11, 12), committed=SPRING_2022)
    for asked, hints in (("3.10", PythonHints()), (None, of_2022)):
        made = interpreters.choose_interpreter(asked, hints, Rooted(), alone, said.append)
        assert (made.version, made.path) == ("3.10.99", "/py")
        assert Path(made.prefix).parent == alone.home / "pythons"
    assert said == [f"Python 3.10 is not installed here: fetching it into {alone.home / 'pythons'}"]


def test_a_python_that_cannot_be_fetched_is_named_with_the_cause_and_the_way_out(alone, mirror):
    (mirror / "20260101" / "python.tar.gz").unlink()
    said = []
    with pytest.raises(EnvironmentFailed) as caught:
        interpreters.choose_interpreter("3.10", PythonHints(), Rooted(), alone, said.append)
    for words in ("Failed to install cpython-3.10.99", "No such file", "UV_PYTHON_INSTALL_MIRROR"):
        assert words in caught.value.message
    never = replace(alone, python_downloads="never")
    with pytest.raises(EnvironmentFailed, match=r"uv python install 3\.10"):
        interpreters.choose_interpreter("3.10", PythonHints(), Rooted(), never, said.append)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("minors", "committed", "best"),
    [((9, 10, 11, 12), SPRING_2022, "3.10"), ((14, 15, 16), AUTUMN_2023, "3.14"), ((), 0, "3.14")],
)
def test_the_version_to_fetch_is_of_the_commits_time(minors, committed, best):
    hints = PythonHints(minors=minors, committed=committed)
    assert interpreters.list_minors(None, hints)[0] == best


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
    one = Interpreter(version="3.12.1", prefix=str(prefix), path=str(program), is_system=False)
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


@pytest.mark.parametrize(
    ("version", "seeds"), [("3.11.2", ("pip", "setuptools<66")), ("3.12.1", ("pip",))]
)
def test_a_new_environment_has_the_packages_that_venv_gives_it(
    version: str, seeds: tuple[str, ...]
) -> None:
    assert toolsets.list_seeds(Interpreter(version=version, path="/p")) == seeds
