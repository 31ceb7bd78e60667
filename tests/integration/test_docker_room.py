"""What only the docker room has: an engine that is not there, refuses, or dies; which kind is used."""

from __future__ import annotations

import io
import os
import secrets
import socket
import struct
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import pytest
from structlog.testing import capture_logs

from agent.adapters import sandboxes
from agent.adapters.docker_rooms import address, engine, opened, walls
from agent.adapters.docker_sandbox import DockerSandbox
from agent.adapters.rooms import attempts, sheet, slots
from agent.errors import SandboxLost, SandboxMissing
from agent.ports import Measure, Mount, RoomLimits, RoomOrder
from agent.settings import Settings
from tests.folders import data_folder
from tests.rooms import ENGINE, SMALL, alive, settings_for, wait_for, worst

pytestmark = pytest.mark.engine
TRUE = RoomOrder(argv=("true",), limits=SMALL)


@pytest.fixture
def client() -> Iterator[docker.APIClient]:
    made = docker.APIClient(ENGINE, version="auto")
    yield made
    made.close()


@pytest.fixture
def settings(home: Path) -> Settings:
    return settings_for("docker", home)


def containers(client: docker.APIClient, home: Path) -> list[str]:
    mark = f"{walls.HOME_LABEL}={slots.prefix(home)}"
    return [one["Id"] for one in client.containers(all=True, filters={"label": mark})]


# --- where no room can be had ------------------------------------------------------------------


def test_without_an_engine_it_is_said_how_to_start_one(home: Path) -> None:
    sandbox = DockerSandbox(Settings(home=home, docker_host=f"unix://{home}/none.sock"))
    with pytest.raises(SandboxMissing, match=rf"{home}/none.sock. Start it \(sudo systemctl"):
        sandbox.run(TRUE)


def test_an_engine_that_this_user_may_not_use_is_told_from_one_that_is_not_there(
    home: Path,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("root alone can become somebody who may not")
    closed = home / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(closed))
        closed.chmod(0o600)
        os.seteuid(64_321)
        try:
            with pytest.raises(SandboxMissing, match="usermod -aG docker"):
                engine.connect(Settings(home=home, docker_host=str(closed)))
        finally:
            os.seteuid(0)


def test_an_engine_that_says_nothing_is_not_waited_for_and_another_kind_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PING_SECONDS", 0.2)
    silent = home / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(silent))
        listener.listen()
        given = Settings(home=home, docker_host=str(silent))
        with pytest.raises(SandboxLost, match="has said nothing for"):
            engine.connect(given)
        with capture_logs() as said:
            assert sandboxes.choose(given) == "bubblewrap"
    assert "said nothing" in said[-1]["because"]


def test_a_stream_that_is_no_output_ends_the_room() -> None:
    heard: list[bytes] = []
    pieces = opened.Pieces({1: heard.append})
    pieces.feed(struct.pack("!B3xI", 1, 2) + b"ok")
    with pytest.raises(SandboxLost, match="stream 3"):
        pieces.feed(struct.pack("!B3xI", 3, 5) + b"error")
    assert heard == [b"ok"]


def test_an_engine_elsewhere_cannot_be_used(home: Path) -> None:
    for told in ("tcp://10.0.0.1:2375", "ssh://builder"):
        given = Settings(home=home, docker_host=told, sandbox="docker")
        with pytest.raises(SandboxMissing, match=f"{told} cannot be used: .*this machine"):
            sandboxes.ChosenSandbox(given).run(TRUE)
    assert address.of(Settings(home=home, docker_host="/run/x.sock")) == "unix:///run/x.sock"
    assert address.of(Settings(home=home), {"DOCKER_HOST": "unix:///y"}) == "unix:///y"
    assert address.of(Settings(home=home), {}) == "unix:///var/run/docker.sock"


def test_without_an_image_the_one_command_is_named(settings: Settings) -> None:
    given = settings.model_copy(update={"docker_image": "nobody-has-this"})
    with pytest.raises(SandboxMissing, match="mergewright images build 3.11"):
        DockerSandbox(given).run(TRUE)


def test_a_runtime_that_the_engine_does_not_have_is_named_with_those_it_has(
    settings: Settings,
) -> None:
    given = settings.model_copy(update={"docker_runtime": "no-such-runtime"})
    with pytest.raises(SandboxMissing, match=r"no runtime no-such-runtime.* runc.*daemon\.json"):
        DockerSandbox(given).run(TRUE)


def test_an_image_without_python_is_refused(client: docker.APIClient, settings: Settings) -> None:
    empty, name = io.BytesIO(), f"mergewright-test-{secrets.token_hex(4)}"
    with tarfile.open(fileobj=empty, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("nothing"), io.BytesIO())
    client.import_image_from_data(empty.getvalue(), name, "3.11")
    try:
        given = settings.model_copy(update={"docker_image": name})
        with pytest.raises(SandboxMissing, match="has no python3"):
            DockerSandbox(given).run(TRUE)
    finally:
        client.remove_image(f"{name}:3.11")
    assert containers(client, settings.home) == []


# --- the end, and what is left -----------------------------------------------------------------


def test_a_room_that_somebody_removes_is_lost_and_no_verdict(
    client: docker.APIClient, settings: Settings
) -> None:
    marker = secrets.token_hex(8)
    with ThreadPoolExecutor(1) as pool:
        room = pool.submit(DockerSandbox(settings).run, worst("wait", "60", marker))
        wait_for(marker)
        (container,) = containers(client, settings.home)
        client.remove_container(container, force=True)
        with pytest.raises((SandboxLost, SandboxMissing)):
            room.result(timeout=60)
    assert alive(marker) == []


def test_a_room_whose_first_program_is_killed_is_lost_and_no_verdict(
    client: docker.APIClient, settings: Settings
) -> None:
    marker = secrets.token_hex(8)
    with ThreadPoolExecutor(1) as pool:
        room = pool.submit(DockerSandbox(settings).run, worst("wait", "60", marker))
        wait_for(marker)
        (container,) = containers(client, settings.home)
        client.kill(container)
        with pytest.raises(SandboxLost, match="without proof of how .* ended with 137"):
            room.result(timeout=60)
    assert containers(client, settings.home) == []


def test_a_failure_of_the_engine_is_never_the_exit_code_of_the_command(
    settings: Settings, home: Path
) -> None:
    (home / "file").touch()
    mount = Mount(source=str(home / "file"), target="/usr")
    with pytest.raises(SandboxLost, match=r"did not open: .*not a directory|engine refuses"):
        DockerSandbox(settings).run(RoomOrder(argv=("true",), mounts=(mount,), limits=SMALL))


def test_a_container_left_in_the_slot_of_a_room_makes_way(
    client: docker.APIClient, settings: Settings, home: Path
) -> None:
    sandbox = DockerSandbox(settings)
    assert sandbox.run(TRUE).exit_code == 0
    image = engine.choose(client, settings).digest
    left = client.create_container(image, ["true"], name=f"{slots.prefix(home)}0")["Id"]
    assert sandbox.run(TRUE).exit_code == 0
    assert left not in {one["Id"] for one in client.containers(all=True)}


def test_containers_of_killed_processes_are_swept_and_those_in_use_stay(
    client: docker.APIClient, settings: Settings, home: Path
) -> None:
    image, prefix = engine.choose(client, settings).digest, slots.prefix(home)
    made = [
        client.create_container(image, ["true"], labels={walls.HOME_LABEL: mark, **more})["Id"]
        for mark, more in (
            (prefix, {walls.SLOT_LABEL: "63"}),
            (prefix, {walls.SLOT_LABEL: "0"}),
            (prefix, {}),
            ("another", {walls.SLOT_LABEL: "1"}),
        )
    ]
    try:
        with slots.claim(home) as slot:
            assert slot.number == 0
            assert sandboxes.remove_strays(settings) == 1
        there = {one["Id"] for one in client.containers(all=True)}
        assert [one in there for one in made] == [False, True, True, True]
        assert sandboxes.remove_strays(settings) == 1
    finally:
        for one in made:
            opened.remove(client, one)


def test_what_comes_in_pieces_is_put_together_again() -> None:
    head = struct.Struct("!B3xI")
    parts = [(1, b"out"), (2, b"frame"), (1, b""), (2, b"s"), (1, b"put")]
    stream = b"".join(head.pack(kind, len(text)) + text for kind, text in parts)
    for size in range(1, len(stream) + 1):
        heard: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}
        pieces = opened.Pieces({kind: found.extend for kind, found in heard.items()})
        for at in range(0, len(stream), size):
            pieces.feed(stream[at : at + size])
        assert heard == {1: b"output", 2: b"frames"}


# --- rooms of several data folders on one machine ----------------------------------------------


def test_what_is_started_in_a_room_is_not_taken_from_anothers_with_the_same_user(
    home: Path,
) -> None:
    """The kernel counts processes by user for all containers: that bound is none of a room's."""
    begun, enough = threading.Event(), threading.Event()

    def keeping(place: Path, order: RoomOrder) -> RoomOrder:
        (place / "cache").mkdir()
        mount = Mount(source=str(place / "cache"), target="/cache", writable=True, kept="own")
        return order.model_copy(update={"mounts": (mount,)})

    def hear(piece: bytes) -> None:
        heard.extend(piece)
        if heard.count(b"f") == 40:
            begun.set()

    heard = bytearray()
    with data_folder() as other, ThreadPoolExecutor(1) as pool:
        many = keeping(other, worst("forks", "40", processes=64, seconds=300))
        running = pool.submit(DockerSandbox(settings_for("docker", other)).run, many, enough, hear)
        try:
            assert begun.wait(120)
            order = keeping(home, worst("forks", "40", processes=16))
            result = DockerSandbox(settings_for("docker", home)).run(order)
        finally:
            enough.set()
        with pytest.raises(SandboxLost, match="taken down before"):
            running.result()
    assert (result.limit, result.output.count("f")) == ("processes", 15)


# --- what is asked of the engine ---------------------------------------------------------------


def test_the_runtime_is_for_rooms_that_run_code_and_processors_are_bounded(
    settings: Settings, home: Path
) -> None:
    given = settings.model_copy(update={"docker_runtime": "kata-runtime", "room_cpus": 1.5})
    order = RoomOrder(argv=("true",), limits=RoomLimits(memory_bytes=1024**3, processes=10))
    config, plain = (walls.host_config(order, 1, {}, one) for one in (given, settings))
    assert (config["runtime"], config["nano_cpus"]) == ("kata-runtime", 1_500_000_000)
    # The room's kernel has its place beside the room; what the room uses is looked at from inside.
    assert config["mem_limit"] == config["memswap_limit"] > plain["mem_limit"] == 1024**3
    assert config["pids_limit"] > plain["pids_limit"] == 11
    assert walls.asked_of_runner(order, given)["sampled_memory"] == 1024**3
    assert "sampled_memory" not in walls.asked_of_runner(order, settings)
    fetching = order.model_copy(update={"proxy_socket": str(home / "proxy.sock")})
    assert "runtime" not in walls.host_config(fetching, 1, {}, given)
    assert not {"nano_cpus", "runtime"} & plain.keys()
    same = walls.host_config(order, 1, {}, given.model_copy(update={"docker_runtime": "runc"}))
    assert (same["runtime"], same["pids_limit"]) == ("runc", 11)


def test_rooms_of_a_runtime_of_ones_choice_are_tried_before_the_first_is_used(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings.model_copy(update={"docker_runtime": "runc"})
    tried = []
    really = attempts.look

    def look(*args: Any) -> tuple[Measure, ...]:
        tried.append(1)
        return tuple(
            one.model_copy(update={"enforced": one.limit != "runner out of reach"})
            for one in really(*args)
        )

    monkeypatch.setattr(attempts, "look", look)
    with pytest.raises(SandboxMissing, match="not enforced: runner out of reach"):
        sandboxes.ChosenSandbox(given).run(TRUE)
    assert sandboxes.ChosenSandbox(settings).run(TRUE).exit_code == 0
    assert tried == [1]


def test_a_command_that_could_not_be_bounded_is_not_started(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under a kernel that does not know one of the bounds."""
    monkeypatch.setattr(sheet, "_OPEN_FILES", -5)
    result = DockerSandbox(settings).run(RoomOrder(argv=("echo", "ran"), limits=SMALL))
    assert (result.exit_code, "ran" in result.output) == (127, False)
    assert "no limits, so no start" in result.output


def test_a_room_of_half_a_processor_gets_half_of_one(settings: Settings) -> None:
    spin = "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end: pass\n"
    spin += "print(time.process_time())"
    given = settings.model_copy(update={"room_cpus": 0.25})
    order = RoomOrder(argv=("python3", "-c", spin), limits=SMALL)
    used = float(DockerSandbox(given).run(order).output)
    assert used < 2, "a quarter of three seconds, and something for starting"


# --- which kind --------------------------------------------------------------------------------


def test_left_to_us_it_is_docker_where_there_is_an_image_and_bubblewrap_elsewhere(
    settings: Settings, home: Path
) -> None:
    left_to_us = settings.model_copy(update={"sandbox": "auto"})
    assert sandboxes.choose(left_to_us) == "docker"
    without = left_to_us.model_copy(update={"docker_image": "nobody-has-this"})
    assert sandboxes.choose(without) == "bubblewrap"
    for other in (f"unix://{home}/none.sock", "tcp://10.0.0.1:2375"):
        given = left_to_us.model_copy(update={"docker_host": other})
        assert sandboxes.choose(given) == "bubblewrap"
    for kind in sandboxes.KINDS:
        assert sandboxes.choose(without.model_copy(update={"sandbox": kind})) == kind


def test_rooms_stay_of_the_kind_that_was_chosen(settings: Settings) -> None:
    chosen = sandboxes.ChosenSandbox(settings.model_copy(update={"sandbox": "auto"}))
    uid = chosen.run(RoomOrder(argv=("id", "-u"), limits=SMALL)).output
    assert int(uid) != 1000, "as it is in every room of bubblewrap"
    assert isinstance(chosen._found, DockerSandbox)
    chosen._found._engine = engine.Engine("unix:///gone.sock", "1.41")
    with pytest.raises(SandboxLost, match="gone.sock does not answer"):
        chosen.run(TRUE)


def test_a_configuration_of_docker_that_cannot_be_read_is_named(
    settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config.json").write_text('{"auths": {"registry.example.org": {"auth": "abcd"}}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(home))
    with pytest.raises(SandboxMissing, match=rf"configuration {home}/config.json cannot be read"):
        DockerSandbox(settings).run(TRUE)


# --- root file systems -------------------------------------------------------------------------


def test_a_room_has_the_root_of_the_image_that_is_asked_for(settings: Settings) -> None:
    sandbox = DockerSandbox(settings)
    usual = sandbox.roots()[0]
    (python,) = usual.pythons
    told = "import platform, sys; print(platform.python_version(), sys.base_prefix)"
    order = RoomOrder(argv=(python.path, "-c", told), root=usual.name, limits=SMALL)
    assert sandbox.run(order).output.split() == [python.version, python.prefix]
    assert usual.mark.startswith("sha256:")


def test_a_root_that_is_not_there_is_named_with_the_command_that_makes_it(
    settings: Settings,
) -> None:
    with pytest.raises(SandboxMissing, match=r"mergewright images build 3\.77"):
        DockerSandbox(settings).run(TRUE.model_copy(update={"root": "3.77"}))
