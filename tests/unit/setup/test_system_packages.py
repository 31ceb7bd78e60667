"""Which Debian packages are fetched for a repository, and why some cannot be had."""

import json
from pathlib import Path

import pytest

from agent.errors import EnvironmentFailed
from agent.models.environment import Interpreter
from agent.models.sandbox import Root, SandboxRequest, SandboxResult
from agent.settings import Settings
from agent.setup import system_packages
from agent.setup.build_context import BuildContext
from tests.fakes import FakeSandbox
from tests.folders import lay_files

STATUS = """\
Package: gettext
Status: install ok installed
Provides: libgettextpo, gettext-tools (= 0.21)

Package: libpq-dev
Status: deinstall ok config-files

Package: zlib1g-dev
Provides: libz-dev
Status: hold ok installed
"""


class Sandboxes(FakeSandbox):
    """Sandboxes in which apt and dpkg do what is said."""

    def __init__(self, root: Root, code: int = 0, link: str = "") -> None:
        super().__init__(self._carry_out)
        self._root, self._code, self._link = root, code, link

    def roots(self) -> tuple[Root, ...]:
        return (self._root,)

    def _carry_out(self, order: SandboxRequest) -> SandboxResult:
        files = {path: STATUS.encode() for path in order.collect if path.endswith("status")}
        for mount in order.mounts:
            if mount.writable:
                usr = Path(mount.source, "usr")
                usr.symlink_to(self._link) if self._link else usr.mkdir()
        return SandboxResult(
            exit_code=self._code, output="no route", output_bytes=0, seconds=0.1, files=files
        )


@pytest.fixture
def root(home: Path) -> Root:
    """A root file system with apt's sources."""
    files = {
        "var/lib/dpkg/status": STATUS,
        "etc/apt/sources.list": "deb https://me:word@debian.example/debian stable main\n",
        "etc/apt/auth.conf": "machine debian.example password word\n",
    }
    return Root(folder=str(lay_files(home / "root", files)), more="apt-get install", can_lay=True)


def provide(sandboxes: Sandboxes, home: Path, *names: str) -> str:
    interpreter = Interpreter(version="3.11.2", path="/usr/bin/python3")
    build_context = BuildContext(
        sandboxes, None, Settings(home=home), interpreter, lambda line: None
    )  # type: ignore[arg-type]
    return system_packages.provide_layer(names, build_context)


def test_what_is_installed_or_stood_in_for_is_not_fetched(home, root):
    sandboxes = Sandboxes(root)
    names = ("gettext", "libz-dev", "gettext-tools", "zlib1g-dev")
    assert provide(sandboxes, home, *names) == ""
    assert not sandboxes.orders


def test_packages_are_fetched_once_and_without_logins(home, root):
    sandboxes = Sandboxes(root)
    found = provide(sandboxes, home, "libpq-dev", "cowsay", "gettext")
    fetching, listing = sandboxes.orders
    handed = {file.path: file.content for file in fetching.files}
    assert json.loads(handed["/tmp/packages.json"])["names"] == ["cowsay", "libpq-dev"]
    assert not any(b"word" in content for content in handed.values())
    assert listing.system
    assert provide(sandboxes, home, "cowsay", "gettext", "libpq-dev") == found
    assert len(sandboxes.orders) == 2


def test_sandboxes_without_layers_have_the_command_of_the_operator_named(home):
    image = Root(name="3.11", mark="m", more="mergewright images build 3.11")
    with pytest.raises(EnvironmentFailed, match="mergewright images build 3.11 libpq-dev$"):
        provide(Sandboxes(image), home, "gettext", "libpq-dev")


@pytest.mark.parametrize(("code", "link", "why"), [(1, "", "no route"), (0, "/etc", "/usr")])
def test_what_failed_is_named_and_tried_again(home, root, code, link, why):
    sandboxes = Sandboxes(root, code, link)
    for _ in range(2):
        with pytest.raises(EnvironmentFailed, match=f"(?s)cowsay, libpq-dev: .*{why}"):
            provide(sandboxes, home, "libpq-dev", "cowsay")
    assert len(sandboxes.orders) == 2
