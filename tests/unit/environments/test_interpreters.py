"""Which interpreter is taken, where they are looked for, and what is said where none fits."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from agent.environments import found_pythons, interpreter_store, interpreters
from agent.environments.declare import PythonHints
from agent.environments.found_pythons import Found
from agent.errors import EnvironmentFailed
from agent.ports import Root, RootPython
from agent.settings import Settings
from agent.testing import FakeSandbox


def found(version: str, *, system: bool = False, root: str = "") -> Found:
    minor = ".".join(version.split(".")[:2])
    prefix = "/usr" if system else f"/opt/{version}"
    path = f"{prefix}/bin/python{minor}"
    return Found(version=version, prefix=prefix, path=path, system=system, root=root)


HERE = (
    found("3.8.18"),
    found("3.9.18"),
    found("3.10.13"),
    found("3.11.2", system=True),
    found("3.12.1"),
    found("3.13.0"),
)


def best(asked: str | None = None, **hints: object) -> str:
    return interpreters.ranked(asked, PythonHints(**hints), HERE)[0][0].version


def test_the_systems_own_is_preferred_when_nothing_is_asked():
    assert best() == "3.11.2"


def test_the_configuration_decides():
    assert best("3.12", requires=">=3.9,<3.11") == "3.12.1"


def test_otherwise_the_highest_that_is_allowed():
    assert best(requires=">=3.12", requires_origin="x") == "3.13.0"


def test_a_supported_version_is_preferred_to_the_systems_own():
    assert best(requires=">=3.8", classifiers=("3.8", "3.9", "3.10")) == "3.10.13"


def test_the_version_file_decides_where_the_configuration_does_not():
    assert best(version_file="3.12.9", requires=">=3.9") == "3.12.1"


def test_a_version_file_that_cannot_be_served_gives_way():
    assert best(version_file="3.14", requires=">=3.9") == "3.11.2"


def test_too_old_is_never_taken():
    assert interpreters.ranked("3.8", PythonHints(), HERE) == []


def test_a_constraint_that_is_none_is_named():
    with pytest.raises(EnvironmentFailed, match=r"setup\.cfg: `banana`"):
        best(requires="banana", requires_origin="setup.cfg")


def test_previews_come_last_unless_nothing_else_fits():
    here = (*HERE, found("3.14.0rc2"), found("3.15.0a1", system=True))
    ranked = interpreters.ranked(None, PythonHints(), here)
    assert [one.version for one, _ in ranked][-2:] == ["3.15.0a1", "3.14.0rc2"]
    assert interpreters.ranked("3.14", PythonHints(), here)[0][0].version == "3.14.0rc2"


def test_another_root_file_system_is_taken_only_for_what_the_usual_one_lacks():
    here = (*HERE, found("3.14.2", system=True, root="sid"))
    assert interpreters.ranked(None, PythonHints(), here)[0][0].version == "3.11.2"
    (one,) = interpreters.ranked("3.14", PythonHints(), here)
    assert (one[0].root, one[1]) == ("sid", "python.version asks for 3.14")


def test_the_same_place_in_two_roots_is_two_interpreters():
    here = (found("3.14.2", system=True), found("3.14.1", system=True, root="sid"))
    assert len(interpreters.ranked("3.14", PythonHints(), here)) == 2


# --- what is said where none fits --------------------------------------------------------------


@pytest.fixture
def alone(monkeypatch, home):
    """A machine that has nothing but what a test gives it."""
    for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", "ASDF_DATA_DIR", "MISE_DATA_DIR"):
        monkeypatch.setenv(name, str(home / "none"))
    monkeypatch.setattr(found_pythons.uv_program, "installed_pythons", list)
    return Settings(home=home)


class Rooted(FakeSandbox):
    """Has root file systems; no order ever works."""

    def __init__(self, *roots: Root) -> None:
        super().__init__(lambda order: pytest.fail(str(order.argv)))
        self._roots = roots

    def roots(self) -> tuple[Root, ...]:
        return self._roots


def refusal(settings, sandbox, asked=None, **hints) -> str:
    with pytest.raises(EnvironmentFailed) as caught:
        interpreters.choose(asked, PythonHints(**hints), sandbox, settings)
    return caught.value.message.replace(str(settings.home), "HOME")


def tree(home: Path, name: str = "") -> Root:
    place = home / "roots" / (name or "usual")
    place.mkdir(parents=True, exist_ok=True)
    return Root(name=name, folder=str(place))


def test_what_would_provide_one_is_named(alone):
    assert refusal(alone, Rooted(tree(alone.home)), "3.14") == (
        "The repository asks for Python 3.14 (python.version), which is not to be had here. There"
        " is: none. To provide one: `uv python install 3.14 --install-dir HOME/pythons`; pyenv"
        " (`pyenv install 3.14`); a root file system that has it (`sandbox_images/make_root.sh sid"
        " HOME/roots/sid`); or set python.version to one that is there."
    )


def test_where_rooms_come_from_images_one_is_named(alone):
    image = Root(name="3.11", mark="sha256:1", pythons=())
    said = refusal(alone, Rooted(image), requires=">=3.10,<3.13", requires_origin="setup.cfg")
    assert "an image for rooms (`mergewright images build 3.12`)" in said
    assert "make_root" not in said
    assert "a Python for >=3.10,<3.13 (setup.cfg)" in said


@pytest.mark.parametrize(
    ("asked", "hints"),
    [
        ("3.8", {}),
        (None, {"requires": "<3.9", "requires_origin": "setup.py"}),
        (None, {"requires": ">=3.99", "requires_origin": "setup.py"}),
    ],
)
def test_too_old_or_too_new_is_said_to_be_unsupported_and_not_to_be_installed(alone, asked, hints):
    said = refusal(alone, Rooted(tree(alone.home)), asked, **hints)
    assert "Supported are 3.9 to 3.14." in said
    assert "older than" not in said
    assert "To provide one" not in said


# --- where they are looked for -----------------------------------------------------------------


def install(prefix: Path, version: str, *, mode: int = 0o755, flags: str = "") -> Path:
    """Something that answers as an interpreter of that version does."""
    minor = ".".join(version.split(".")[:2])
    program = prefix / "bin" / f"python{minor}"
    (prefix / "lib" / f"python{minor}" / "site-packages").mkdir(parents=True)
    (prefix / "lib" / f"python{minor}" / "os.py").write_text("")
    (prefix / "lib" / f"python{minor}" / "site-packages" / "extra.py").write_text("")
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho \'["{version}", "{prefix}", "cpython", "{flags}"]\'\n')
    for place in (prefix, *prefix.rglob("*")):
        place.chmod(mode if place.is_dir() or place == program else mode & 0o644)
    (program.parent / "python3").symlink_to(program.name)
    return program


def discovered(settings: Settings, *roots: Root) -> list[tuple[str, str, str]]:
    found = found_pythons.Memory(settings, roots).found()
    return [(one.version, one.path.replace(str(settings.home), "HOME"), one.root) for one in found]


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("PYENV_ROOT", "versions"),
        ("UV_PYTHON_INSTALL_DIR", ""),
        ("ASDF_DATA_DIR", "installs/python"),
        ("MISE_DATA_DIR", "installs/python"),
        ("MERGEWRIGHT_HOME", "pythons"),
    ],
)
def test_interpreters_are_found_where_tools_put_them(alone, monkeypatch, variable, place):
    base = alone.home if variable == "MERGEWRIGHT_HOME" else alone.home / "tool"
    monkeypatch.setenv(variable, str(base))
    program = install(base / place / "cpython-3.14.0", "3.14.0c2")
    listed = [("3.14.0rc2", str(program).replace(str(alone.home), "HOME"), "")]
    assert discovered(alone) == listed


@pytest.mark.parametrize("flags", ["t", "d"])
def test_builds_that_take_other_wheels_are_left_out(alone, flags):
    install(alone.home / "pythons" / "odd", "3.14.0", flags=flags)
    assert discovered(alone) == []


def test_a_new_interpreter_is_noticed_although_the_old_ones_are_remembered(alone):
    assert discovered(alone) == []
    install(alone.home / "pythons" / "one", "3.12.1")
    assert [version for version, *_ in discovered(alone)] == ["3.12.1"]
    place = alone.home / "environments" / "interpreters.json"
    place.write_text(place.read_text().replace("3.12.1", "3.12.9"))
    assert [version for version, *_ in discovered(alone)] == ["3.12.9"]


def test_those_of_root_file_systems_are_known_by_their_files(alone):
    root = tree(alone.home, "sid")
    binary = Path(root.folder or "", "usr", "bin", "python3.14")
    header = Path(root.folder or "", "usr", "include", "python3.14", "patchlevel.h")
    for place in (binary, header):
        place.parent.mkdir(parents=True)
        place.write_text('#define PY_VERSION      "3.14.10+"\n')
    (binary.parent / "python3.14-config").write_text("")
    assert discovered(alone, root) == [("3.14.10", "/usr/bin/python3.14", "sid")]


def test_those_of_images_are_known_by_what_the_image_says(alone):
    own = RootPython(version="3.13.1", prefix="/usr/local", path="/usr/local/bin/python3.13")
    image = Root(name="3.13", mark="sha256:1", pythons=(own,))
    assert discovered(alone, image) == [("3.13.1", "/usr/local/bin/python3.13", "3.13")]
    newer = own.model_copy(update={"version": "3.13.2"})
    image = image.model_copy(update={"mark": "sha256:2", "pythons": (newer,)})
    assert [version for version, *_ in discovered(alone, image)] == ["3.13.2"]


# --- the store ---------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def as_root(monkeypatch):
    """Rooms of an ordinary user are that user's; those of root are somebody else's."""
    monkeypatch.setattr(interpreter_store.os, "geteuid", lambda: 0)


def shown(settings: Settings, prefix: Path, version: str) -> Path:
    minor = ".".join(version.split(".")[:2])
    path = f"{prefix}/bin/python{minor}"
    one = Found(version=version, prefix=str(prefix), path=path, system=False)
    ((source, target),) = interpreter_store.mounts(one, settings)
    assert target == str(prefix)
    return Path(source)


@pytest.mark.parametrize("mode", [0o700, 0o750])
def test_what_only_its_owner_can_read_is_copied_so_that_everybody_can(alone, mode):
    prefix = alone.home / "private" / "3.12"
    install(prefix, "3.12.1", mode=mode)
    place = shown(alone, prefix, "3.12.1")
    assert place.is_relative_to(alone.home / "environments" / "interpreters")
    for one in (place, *place.rglob("*")):
        if not one.is_symlink():
            wanted = 0o5 if one.is_dir() or one.name == "python3.12" else 0o4
            assert stat.S_IMODE(one.stat().st_mode) & 0o7 == wanted, one
    assert os.readlink(place / "bin" / "python3") == "python3.12"
    assert not list(place.rglob("extra.py")), "what was installed into it stays behind"
    assert shown(alone, prefix, "3.12.1") == place


def test_one_that_is_open_up_to_its_program_is_copied_as_well(alone):
    prefix = alone.home / "open" / "3.12"
    install(prefix, "3.12.1").chmod(0o700)
    assert shown(alone, prefix, "3.12.1") != prefix


def test_one_below_a_closed_folder_is_copied(alone):
    prefix = alone.home / "closed" / "3.12"
    install(prefix, "3.12.1")
    assert shown(alone, prefix, "3.12.1") == prefix
    prefix.parent.chmod(0o700)
    assert shown(alone, prefix, "3.12.1") != prefix


def test_its_name_tells_the_version(alone):
    prefix = alone.home / "private" / "3.12"
    install(prefix, "3.12.1", mode=0o700)
    assert re.fullmatch(r"3\.12\.1-[0-9a-f]{12}", shown(alone, prefix, "3.12.1").name)
