"""`doctor`: green where every wall stands, red as soon as one is taken away."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from agent.adapters.bubblewrap import cgroup, walls
from agent.adapters.bubblewrap_sandbox import BubblewrapSandbox
from agent.adapters.rooms import sheet, slots
from agent.cli import doctor
from agent.ports import Measure, RoomOrder
from agent.settings import Settings

REQUIRED = {
    "read-only root",
    "source tree",
    "no network",
    "no privileges",
    "own namespaces",
    "no further namespaces",
    "runner out of reach",
    "clean environment",
    "own processes only",
    "unprivileged user",
    "processes",
    "memory of a process",
    "memory of the room",
    "time",
    "disk space",
    "number of files",
    "output",
    "returned files",
    "proof of the end",
}


def broken(measures: tuple[Measure, ...]) -> set[str]:
    return {line.limit for line in measures if line.required and not line.enforced}


def test_every_required_limit_holds_and_is_tried_in_seconds(home: Path) -> None:
    began = time.monotonic()
    measures = BubblewrapSandbox(Settings(home=home)).measure()
    assert broken(measures) == set()
    assert {line.limit for line in measures if line.required} == REQUIRED
    assert all(line.detail for line in measures)
    assert time.monotonic() - began < 60
    assert [path.name for path in home.iterdir()] == ["rooms"]


def test_the_host_root_is_reported_as_the_weaker_level(home: Path) -> None:
    root = BubblewrapSandbox(Settings(home=home)).measure()[-1]
    assert (root.limit, root.enforced, root.required) == ("own root file system", False, False)
    assert "make_root.sh" in root.detail


class Mutated(BubblewrapSandbox):
    """A sandbox with one wall taken away."""

    def __init__(self, home: Path, drop: tuple[str, ...], give: tuple[str, ...] = ()) -> None:
        super().__init__(Settings(home=home))
        self._drop, self._give = drop, give

    def _arguments(self, order: RoomOrder, lend: walls.Lend) -> list[str]:
        args = super()._arguments(order, lend)
        found = 0
        for start in range(len(args) - len(self._drop), -1, -1):
            if tuple(args[start : start + len(self._drop)]) == self._drop:
                args[start : start + len(self._drop)] = self._give
                found += 1
        assert found, f"{self._drop} is not among the arguments"
        return args


def test_a_shared_network_is_noticed(home: Path) -> None:
    found = broken(Mutated(home, ("--unshare-net",)).measure())
    assert found == {"no network", "own namespaces"}


@pytest.mark.parametrize("name", ["ipc", "uts"])
def test_a_shared_namespace_is_noticed(home: Path, name: str) -> None:
    # A host name of its own is only possible in a namespace of its own.
    drop = ("--hostname", "room") if name == "uts" else (f"--unshare-{name}",)
    sandbox = Mutated(home, drop)
    if name == "uts":
        inner = sandbox._arguments
        sandbox._arguments = lambda order, lend: [  # type: ignore[method-assign]
            arg for arg in inner(order, lend) if arg != "--unshare-uts"
        ]
    assert broken(sandbox.measure()) == {"own namespaces"}


def test_shared_process_ids_are_never_used(home: Path) -> None:
    """Without a process 1 of its own no room counts as open, so every attempt is red."""
    sandbox = Mutated(home, ("--unshare-pid",))
    assert broken(sandbox.measure()) == REQUIRED


def test_a_writable_root_is_noticed(home: Path) -> None:
    assert broken(Mutated(home, ("--remount-ro", "/")).measure()) == {"read-only root"}


def test_an_unbounded_device_folder_is_noticed(home: Path) -> None:
    assert broken(Mutated(home, ("--remount-ro", "/dev")).measure()) == {"read-only root"}


def test_a_writable_source_tree_is_noticed(home: Path) -> None:
    class Writable(BubblewrapSandbox):
        def _arguments(self, order: RoomOrder, lend: walls.Lend) -> list[str]:
            args = super()._arguments(order, lend)
            if order.tree is not None:
                args[args.index(order.tree) - 1] = "--bind"
            return args

    found = broken(Writable(Settings(home=home)).measure())
    # It also shows among the places that take files.
    assert found == {"source tree", "read-only root"}


def test_places_without_a_size_are_noticed(home: Path) -> None:
    class Unsized(BubblewrapSandbox):
        def _arguments(self, order: RoomOrder, lend: walls.Lend) -> list[str]:
            args = super()._arguments(order, lend)
            while "--size" in args:
                at = args.index("--size")
                del args[at : at + 2]
            return args

    found = broken(Unsized(Settings(home=home)).measure())
    assert {"read-only root", "disk space"} <= found


def test_the_processes_of_the_host_are_noticed(home: Path) -> None:
    sandbox = Mutated(home, ("--proc", "/proc"), ("--ro-bind", "/proc", "/proc"))
    assert "own processes only" in broken(sandbox.measure())


def test_further_namespaces_are_noticed(home: Path) -> None:
    class Open(Mutated):
        def _arguments(self, order: RoomOrder, lend: walls.Lend) -> list[str]:
            args = super()._arguments(order, lend)
            at = args.index("--seccomp")
            del args[at : at + 2]
            return args

    measures = Open(home, ("--disable-userns",)).measure()
    assert broken(measures) == {"no further namespaces"}
    filtered = next(line for line in measures if line.limit == "kernel call filter")
    assert not filtered.enforced


def test_kept_capabilities_are_noticed(home: Path) -> None:
    sandbox = Mutated(home, ("--cap-drop", "ALL"), ("--cap-add", "CAP_NET_RAW"))
    assert "no privileges" in broken(sandbox.measure())


def test_a_missing_process_limit_is_noticed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "own_tasks", lambda order: 10_000)
    assert broken(BubblewrapSandbox(Settings(home=home)).measure()) == {"processes"}


def test_a_missing_memory_limit_is_noticed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unbounded(name: str, memory_bytes: int, tasks: int) -> cgroup.Cgroup:
        return made(name, memory_bytes * 1000, tasks)

    made = cgroup.create
    monkeypatch.setattr(cgroup, "create", unbounded)
    found = broken(BubblewrapSandbox(Settings(home=home)).measure())
    assert found == {"memory of a process", "memory of the room"}


def test_root_outside_is_noticed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "_uid", lambda number: 0)
    assert "unprivileged user" in broken(BubblewrapSandbox(Settings(home=home)).measure())


# --- the command -------------------------------------------------------------------------------

app = typer.Typer()
app.command()(doctor.doctor)


def test_the_command_shows_each_limit_and_ends_with_0(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0, result.output
    for limit in REQUIRED:
        assert limit in result.output
    assert "Every required limit holds" in result.output
    assert str(home) in result.output


def test_json_is_one_object_with_versions_and_places(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(home))
    result = CliRunner().invoke(app, ["--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["sound"], report["broken"]) == (0, True, [])
    assert {"python", "git", "bwrap", "uv"} == report["versions"].keys()
    assert all(report["versions"].values())
    assert report["free_bytes"] > 0
    assert {line["limit"] for line in report["limits"] if line["required"]} == REQUIRED


def test_without_bubblewrap_it_says_what_to_install_and_ends_with_1(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apt-get").touch(mode=0o755)
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 1
    assert "apt-get install bubblewrap" in " ".join(result.output.split())


def test_a_broken_wall_is_named_as_the_reason_to_refuse(home: Path) -> None:
    report = doctor.examine(Mutated(home, ("--unshare-net",)), Settings(home=home))
    assert report["sound"] is False
    assert report["broken"] == ["no network", "own namespaces"]
