"""Debian packages of a source on this machine, by real apt in real sandboxes; some are hostile."""

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from agent.errors import EnvironmentFailed
from agent.models.environment import Interpreter
from agent.models.record import replace
from agent.models.sandbox import Root, SandboxRequest
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from agent.setup import system_packages
from agent.setup.build_context import BuildContext
from tests.integration.session_samples import Workplace, paths
from tests.processes import Silent, answering

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="sandboxes have no apt")

LISTED = """\
Package: {name}
Version: 1
Architecture: all
Maintainer: nobody
Filename: {name}.deb
Size: {size}
SHA256: {digest}

"""
Member = tuple[str, bytes, bytes]


def pack(*members: Member) -> bytes:
    """Make an archive of members: path, type, and content or target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, kind, content in members:
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = kind, 0o4755
            if kind == tarfile.SYMTYPE:
                entry.linkname = content.decode()
            entry.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


SCRIPT = b"#!/bin/sh\necho ran >/made/usr/ran\n"


def package(name: str, *members: Member) -> bytes:
    """Make a package with a script that nothing may run."""
    control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n"
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": pack(
            ("./control", tarfile.REGTYPE, control.encode()),
            ("./postinst", tarfile.REGTYPE, SCRIPT),
        ),
        "data.tar.gz": pack(*members),
    }
    packed = b"!<arch>\n"
    for part, content in parts.items():
        packed += f"{part:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        packed += content + b"\n" * (len(content) % 2)
    return packed


FILE, LINK = tarfile.REGTYPE, tarfile.SYMTYPE
PACKAGES = {
    "good": package("good", ("./usr/bin/good", FILE, b"#!/bin/sh\necho it is good\n"),
                    ("./lib/more", FILE, b""), ("./etc/shadow", FILE, b""),
                    ("./etc/good/rules", FILE, b""), ("./etc/ssl/openssl.cnf", FILE, b"planted")),
    "climbing": package("climbing", ("../../../climbed", FILE, b"")),
    "leading": package("leading", ("./usr", LINK, b"/etc")),
    "linked": package("linked", ("./usr/share/out", LINK, b"/made/../tmp"),
                      ("./usr/share/out/written", FILE, b"")),
    "null": package("null", ("./usr/share/null", tarfile.CHRTYPE, b"")),
}  # fmt: skip


class Sandboxes(BubblewrapSandbox):
    """Sandboxes of this machine's root, with another list of packages and sources."""

    top = ""

    def roots(self) -> tuple[Root, ...]:
        return (Root(folder=self.top, can_lay=super().roots()[0].can_lay),)


class Files(Silent, SimpleHTTPRequestHandler):
    """Files of a folder."""


Provide = Callable[..., str]


@pytest.fixture
def sandboxes(home: Path) -> Sandboxes:
    return Sandboxes(Settings(home=home))


@pytest.fixture
def provide(home: Path, sandboxes: Sandboxes) -> Iterator[Provide]:
    served, top = home / "served", home / "root"
    for folder in (served, top / "etc" / "apt", top / "var" / "lib" / "dpkg"):
        folder.mkdir(parents=True)
    listed = ""
    for name, content in PACKAGES.items():
        (served / f"{name}.deb").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        listed += LISTED.format(name=name, size=len(content), digest=digest)
    (served / "Packages").write_text(listed)
    (top / "var/lib/dpkg/status").write_text("Package: dpkg\nStatus: install ok installed\n\n")
    sandboxes.top = str(top)
    with answering(partial(Files, directory=str(served))) as port:

        def provide(*names: str, options: str = "[trusted=yes]") -> str:
            line = f"deb {options} http://127.0.0.1:{port}/ ./\n"
            (top / "etc/apt/sources.list").write_text(line)
            python = Interpreter(version="3.11.2", path="/usr/bin/python3")
            build_context = BuildContext(sandboxes, None, Settings(home=home), python, print)  # type: ignore[arg-type]
            return system_packages.provide_layer(names, build_context)

        yield provide


def test_a_package_is_laid_over_usr_without_its_scripts(
    provide: Provide, sandboxes: Sandboxes
) -> None:
    found = provide("good")
    look = "good; ls /etc/good; cat /etc/ssl/*; ls /usr/lib/more /usr/ran /etc/shadow; stat -c %a /usr/bin/good; ls /usr/bin/env"
    said = sandboxes.run(SandboxRequest(argv=("bash", "-c", look), system=found)).output
    assert ("\nrules\n" in said, "planted" in said) == (True, False)
    for line in ("it is good", "/usr/lib/more", "755", "/usr/bin/env"):
        assert f"{line}\n" in said
    assert "'/usr/ran'" in said
    assert "'/etc/shadow'" in said


def test_a_session_has_the_package_too(provide: Provide, home: Path) -> None:
    place = Workplace(Settings(home=home, sandbox="bubblewrap"))
    environment = replace(place.prepared.environment, system=provide("good"))
    place.prepared = replace(place.prepared, environment=environment)
    with closing(place.open()) as session:
        shown = session.run("good >of.txt; rm /usr/bin/good || cat of.txt", seconds=20)
        assert shown.output.endswith("it is good\n")
        assert paths(session.take().change) == {"of.txt": "added"}


@pytest.mark.parametrize("name", [name for name in PACKAGES if name != "good"])
def test_what_a_hostile_package_writes_stays_in_its_layer(
    provide: Provide, home: Path, name: str
) -> None:
    found = ""
    with suppress(EnvironmentFailed):
        found = provide("good", name)
    outside = [place for place in home.rglob("*") if place.name in ("climbed", "written")]
    assert not outside
    for place in Path(found or "/nonexistent").rglob("*"):
        assert place.is_symlink() or place.is_dir() or place.is_file()
    if found:
        assert not Path(found, "files", "usr").is_symlink()


def test_what_nobody_signed_is_refused(provide: Provide) -> None:
    with pytest.raises(EnvironmentFailed, match="good: "):
        provide("good", options="")


@pytest.mark.parametrize("name", ["goo.", "good-", "linke+", "nothing"])
def test_what_apt_takes_for_a_pattern_or_a_removal_is_no_package(
    provide: Provide, name: str
) -> None:
    with pytest.raises(EnvironmentFailed, match="no such package"):
        provide("good", name)
