"""Packages that a repository asks for are seen in the room's root, never installed."""

from __future__ import annotations

import pytest

from agent.adapters.bubblewrap_sandbox import BubblewrapSandbox
from agent.environments import system_packages
from agent.environments.bench import Bench, RootedSandbox
from agent.environments.interpreters import Interpreter
from agent.errors import EnvironmentFailed
from agent.ports import RoomOrder, RoomResult, Root, Sandbox
from agent.settings import Settings
from agent.testing import FakeSandbox

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


class Image(FakeSandbox):
    """Rooms of an image, of which nothing is on this machine."""

    def roots(self) -> tuple[Root, ...]:
        return (Root(name="3.11", mark="m", more="mergewright images build 3.11"),)


def bench(sandbox: Sandbox, settings: Settings, root: str = "") -> Bench:
    interpreter = Interpreter(version="3.11.2", path="/usr/bin/python3", why="", root=root)
    return Bench(RootedSandbox(sandbox, root), None, settings, interpreter, lambda line: None)  # type: ignore[arg-type]


def tree(home, status: str | None = STATUS, *allowed: str) -> Bench:
    place = home / "tree" / "var" / "lib" / "dpkg"
    place.mkdir(parents=True)
    if status is not None:
        (place / "status").write_text(status)
    settings = Settings(home=home, room_root=home / "tree", system_packages=allowed)
    return bench(BubblewrapSandbox(settings), settings)


def refusal(names: tuple[str, ...], given: Bench) -> str:
    with pytest.raises(EnvironmentFailed) as caught:
        system_packages.require(names, given)
    return caught.value.message.replace(str(given.settings.home), "HOME")


def test_what_is_installed_or_stood_in_for_is_there(home):
    given = tree(home)
    system_packages.require(("gettext", "libz-dev", "gettext-tools", "zlib1g-dev"), given)
    assert list(system_packages.installed(STATUS)) == [
        "gettext", "libgettextpo", "gettext-tools", "zlib1g-dev", "libz-dev",
    ]  # fmt: skip


def test_what_was_removed_is_not_there_and_not_allowed_without_the_operator(home):
    said = refusal(("gettext", "libpq-dev"), tree(home))
    assert "libpq-dev" in said
    assert "gettext" not in said
    assert "MERGEWRIGHT_SYSTEM_PACKAGES" in said


def test_what_the_operator_allows_is_said_with_its_command(home):
    said = refusal(("libpq-dev", "libxml2-dev", "cowsay"), tree(home, STATUS, "lib*-dev", "git"))
    assert said.startswith("python.system_packages: rooms do not have cowsay, and")
    assert said.endswith("sandbox_images/make_root.sh SUITE HOME/tree libpq-dev libxml2-dev")


def test_the_list_of_an_image_is_read_in_a_room(home):
    def answer(order: RoomOrder) -> RoomResult:
        assert (order.argv[:2], order.root) == (("cp", "/var/lib/dpkg/status"), "3.11")
        files = {order.collect[0]: STATUS.encode()}
        return RoomResult(exit_code=0, output="", output_bytes=0, seconds=0.1, files=files)

    given = bench(Image(answer), Settings(home=home, system_packages=("*",)), "3.11")
    system_packages.require(("gettext",), given)
    assert refusal(("libpq-dev", "git"), given).endswith(
        "mergewright images build 3.11 libpq-dev git"
    )
