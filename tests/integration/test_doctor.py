"""`doctor`: green where every wall stands, red as soon as one is taken away."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from agent import settings
from agent.adapters import sandboxes
from agent.adapters.bubblewrap import cgroup, walls
from agent.adapters.bubblewrap_sandbox import BubblewrapSandbox
from agent.adapters.docker_rooms import opened
from agent.adapters.docker_rooms import walls as container_walls
from agent.adapters.docker_sandbox import DockerSandbox
from agent.adapters.rooms import attempts, levels, sheet, slots
from agent.cli import doctor
from agent.errors import SandboxMissing
from agent.ports import Measure, RoomOrder, Sandbox
from agent.settings import Settings
from tests.rooms import ENGINE, SMALL, own_root, settings_for

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
LEVEL = {"bubblewrap": "any", "bubblewrap-own-root": "container", "docker": "container"}


def broken(measures: tuple[Measure, ...]) -> set[str]:
    return {line.limit for line in measures if line.required and not line.enforced}


def test_every_required_limit_holds_and_the_level_is_the_measured_one(
    sandbox: Sandbox, backend: str, home: Path
) -> None:
    measures = sandbox.measure()
    assert broken(measures) == set()
    assert {line.limit for line in measures if line.required} == REQUIRED
    assert all(line.detail for line in measures)
    assert levels.of(measures) == LEVEL[backend]
    assert [path.name for path in home.iterdir()] == ["rooms"]


def test_the_host_root_is_reported_as_the_weaker_level(home: Path) -> None:
    measures = {line.limit: line for line in BubblewrapSandbox(Settings(home=home)).measure()}
    root = measures["own root file system"]
    assert (root.enforced, root.required) == (False, False)
    assert "this machine's /usr" in root.detail


# --- bubblewrap with a wall taken away ---------------------------------------------------------


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
    monkeypatch.setattr(slots, "_uid", lambda wanted, number: 0)
    assert "unprivileged user" in broken(BubblewrapSandbox(Settings(home=home)).measure())


# --- docker with a wall taken away -------------------------------------------------------------

Change = Callable[[dict[str, Any], dict[str, Any]], None]


@pytest.fixture
def mutated(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], DockerSandbox]:
    """Change what the engine is asked for, at the last moment."""

    def change(how: Change) -> DockerSandbox:
        make = opened.OpenedRoom._make

        def asked(
            room: opened.OpenedRoom, container: dict[str, Any], config: dict[str, Any]
        ) -> str:
            how(container, config)
            return make(room, container, config)

        monkeypatch.setattr(opened.OpenedRoom, "_make", asked)
        return DockerSandbox(settings_for("docker", home))

    return change


def without(*names: str) -> Change:
    def how(container: dict[str, Any], config: dict[str, Any]) -> None:
        for name in names:
            del config[name]

    return how


def with_host_network(container: dict[str, Any], config: dict[str, Any]) -> None:
    config["network_mode"] = "host"
    del container["network_disabled"], container["hostname"]


def with_writable_source(container: dict[str, Any], config: dict[str, Any]) -> None:
    for mount in config["mounts"]:
        if mount["Target"] == "/src":
            mount["ReadOnly"] = False


def without_size(container: dict[str, Any], config: dict[str, Any]) -> None:
    config["tmpfs"] = {
        place: ",".join(one for one in said.split(",") if not one.startswith(("size", "nr_")))
        for place, said in config["tmpfs"].items()
    }


@pytest.mark.engine
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (without("read_only"), {"read-only root"}),
        (without("cap_drop"), {"no privileges"}),
        (with_host_network, {"no network", "own namespaces"}),
        # It also shows among the places that take files.
        (with_writable_source, {"source tree", "read-only root"}),
    ],
    ids=["writable root", "capabilities", "network", "source"],
)
def test_a_container_that_lacks_a_wall_turns_that_line_red(
    mutated: Callable[[Change], DockerSandbox], home: Path, how: Change, expected: set[str]
) -> None:
    measures = attempts.look(mutated(how), Settings(home=home))
    assert broken(measures) == expected
    assert levels.of(measures) is None


@pytest.mark.engine
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (without("pids_limit"), {"processes"}),
        (without("mem_limit", "memswap_limit"), {"memory of a process", "memory of the room"}),
        (without_size, {"read-only root", "disk space"}),
    ],
    ids=["processes", "memory", "size"],
)
def test_a_container_without_a_limit_turns_that_line_red(
    mutated: Callable[[Change], DockerSandbox], how: Change, expected: set[str]
) -> None:
    measures = mutated(how).measure()
    assert broken(measures) == expected
    bounded = next(line for line in measures if line.limit == levels.KERNEL_BOUNDS)
    assert bounded.enforced == (how is without_size)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "value"),
    [("pid_mode", "host"), ("security_opt", [])],
    ids=["process ids", "new privileges"],
)
def test_a_container_whose_runner_is_not_safe_is_never_used(
    mutated: Callable[[Change], DockerSandbox], name: str, value: object
) -> None:
    """The runner itself does not go on, so every attempt is red."""
    sandbox = mutated(lambda container, config: config.update({name: value}))
    assert broken(sandbox.measure()) == REQUIRED


@pytest.mark.engine
def test_two_filters_of_kernel_calls_lie_over_each_other(
    mutated: Callable[[Change], DockerSandbox], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unconfined(container: dict[str, Any], config: dict[str, Any]) -> None:
        config["security_opt"] = ["no-new-privileges:true", "seccomp=unconfined"]

    measures = attempts.look(mutated(unconfined), Settings(home=home))
    assert broken(measures) == set(), "the runner's own filter is there"
    monkeypatch.setattr(container_walls.seccomp, "program", lambda: None)
    measures = attempts.look(DockerSandbox(settings_for("docker", home)), Settings(home=home))
    assert broken(measures) == {"no further namespaces"}
    filtered = next(line for line in measures if line.limit == levels.FILTER)
    assert not filtered.enforced


@pytest.mark.engine
def test_root_in_a_container_is_noticed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "_uid", lambda wanted, number: 0)
    measures = attempts.look(DockerSandbox(settings_for("docker", home)), Settings(home=home))
    assert "unprivileged user" in broken(measures)


# --- as strong as the operator asks ------------------------------------------------------------


def test_rooms_that_are_weaker_than_the_minimum_are_refused_before_anything_runs(
    home: Path,
) -> None:
    given = settings_for("bubblewrap", home, sandbox_minimum="own-root")
    order = RoomOrder(argv=("true",), limits=SMALL)
    with pytest.raises(SandboxMissing, match=r"level any.* asks for own-root.*/usr.*images build"):
        sandboxes.ChosenSandbox(given).run(order)


@pytest.mark.engine
def test_rooms_that_are_as_strong_as_the_minimum_are_tried_once_for_each_root(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []

    def look(sandbox: Sandbox, settings: Settings, root: str) -> tuple[Measure, ...]:
        looked.append(root)
        return really(sandbox, settings, root)

    really = attempts.look
    monkeypatch.setattr(attempts, "look", look)
    chosen = sandboxes.ChosenSandbox(settings_for("docker", home, sandbox_minimum="container"))
    for root in ("", "3.11", "", "3.11"):
        order = RoomOrder(argv=("true",), limits=SMALL, root=root)
        assert chosen.run(order).exit_code == 0
    assert looked == ["", "3.11"]
    stronger = settings_for("docker", home, sandbox_minimum="own-kernel")
    with pytest.raises(SandboxMissing, match=r"level container.*own kernel.*RUNTIME=kata"):
        sandboxes.ChosenSandbox(stronger).run(order)


@pytest.mark.engine
def test_a_room_that_became_weaker_is_refused_where_a_minimum_is_asked_for(
    mutated: Callable[[Change], DockerSandbox], home: Path
) -> None:
    mutated(without("read_only"))
    chosen = sandboxes.ChosenSandbox(settings_for("docker", home, sandbox_minimum="own-root"))
    with pytest.raises(SandboxMissing, match="not enforced: read-only root"):
        chosen.run(RoomOrder(argv=("true",), limits=SMALL))


# --- the command -------------------------------------------------------------------------------

app = typer.Typer()
app.command()(doctor.doctor)


@pytest.fixture(autouse=True)
def _environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "200")
    if own_root is not None:
        monkeypatch.delenv("MERGEWRIGHT_ROOM_ROOT")


@pytest.mark.engine
def test_the_command_shows_each_limit_of_each_kind_and_ends_with_0(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("MERGEWRIGHT_DOCKER_HOST", ENGINE)
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0, result.output
    for limit in REQUIRED:
        assert result.output.count(f" {limit} ") >= 2, limit
    assert "docker (used)" in result.output
    assert "bubblewrap (not used)" in result.output
    assert "every required limit holds" in result.output
    assert str(home) in result.output


def test_what_is_needed_is_told_from_what_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0, result.output
    assert max(map(len, result.output.splitlines())) <= 60
    said = " ".join(result.output.split())
    needed, optional = said.partition(" needed yes rooms ")[2].split(" optional ")
    assert "every required limit holds" in needed
    assert " no " not in needed
    assert optional.startswith("no container engine No container engine answers at")
    assert "Not needed: bubblewrap makes the rooms." in optional
    assert "`run --ticket` does without" in optional
    assert said.endswith("All that is needed is there. Tickets can be worked on here.")
    assert "MERGEWRIGHT_SANDBOX=bubblewrap" not in said

    monkeypatch.setenv("PATH", str(tmp_path))
    report = json.loads(CliRunner().invoke(app, ["--json"]).stdout)
    there = {line["what"]: line["there"] for line in report["needed"]}
    assert there == {"rooms": False, "git": False, "uv": True, "data folder": True}
    [engine, github, models] = report["optional"]
    assert engine["detail"].startswith("would do in place of bubblewrap: No container engine")
    assert (github["what"], models["what"]) == ("GitHub", "models")
    assert models["detail"].startswith("none is set (MERGEWRIGHT_MODEL); recipes do without")


@pytest.mark.parametrize(
    ("environ", "there", "words"),
    [
        ({}, True, "openai:gpt-4o, openai:own-one; `mergewright models --check` asks them"),
        ({"TOKENS": ""}, False, "openai:own-one has no known price, so nothing bounds what it"),
        ({"PRICES": "/nowhere.toml"}, False, "MERGEWRIGHT_MODEL_PRICES: /nowhere.toml cannot be"),
    ],
)
def test_models_are_named_with_what_keeps_them_from_being_asked(
    tmp_path: Path, environ: dict[str, str], there: bool, words: str
) -> None:
    known = {"MERGEWRIGHT_MODEL": "openai:gpt-4o,openai:own-one", "MERGEWRIGHT_MODEL_TOKENS": "9"}
    more = {f"MERGEWRIGHT_MODEL_{name}": value for name, value in environ.items()}
    given = {"MERGEWRIGHT_HOME": str(tmp_path), **known, **more}
    line = doctor._models(settings.load({name: value for name, value in given.items() if value}))
    assert line["there"] is there
    assert line["detail"].startswith(words)


def test_json_is_one_object_with_versions_places_and_every_kind() -> None:
    result = CliRunner().invoke(app, ["--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["sound"], report["broken"]) == (0, True, [])
    assert (report["used"], report["level"], report["minimum"]) == ("bubblewrap", "any", "any")
    assert {"python", "git", "bwrap", "uv"} == report["versions"].keys()
    assert all(report["versions"].values())
    assert report["free_bytes"] > 0
    assert {line["limit"] for line in report["limits"] if line["required"]} == REQUIRED
    assert report["kinds"]["bubblewrap"]["limits"] == report["limits"]
    assert "No container engine answers" in report["kinds"]["docker"]["missing"]


def test_a_minimum_that_is_not_reached_ends_with_1_and_what_would_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MERGEWRIGHT_SANDBOX_MINIMUM", "container")
    result = CliRunner().invoke(app, ["--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["sound"], report["broken"]) == (1, False, [])
    assert "MERGEWRIGHT_SANDBOX_MINIMUM asks for container" in report["weak"]
    assert "mergewright images build" in report["weak"]


def test_without_bubblewrap_it_says_what_to_install_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apt-get").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 1
    assert "apt-get install bubblewrap" in " ".join(result.output.split())


def test_a_broken_wall_is_named_as_the_reason_to_refuse(home: Path) -> None:
    def make(kind: sandboxes.Kind, given: Settings) -> Sandbox:
        return Mutated(home, ("--unshare-net",)) if kind == "bubblewrap" else DockerSandbox(given)

    report = doctor.examine(Settings(home=home), make)
    assert report["sound"] is False
    assert report["broken"] == ["no network", "own namespaces"]
    assert report["level"] is None
