"""What only the docker sandbox has: an engine that is not there, refuses, or dies; which kind is used."""

import os
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest
from typer.testing import CliRunner

from agent.cli.main import app
from agent.errors import SandboxLost, SandboxMissing
from agent.models.record import replace
from agent.models.sandbox import Mount, SandboxRequest
from agent.sandbox import container_arguments, docker_engine, docker_sandbox, sandboxes, slots
from agent.sandbox.docker_sandbox import DockerSandbox
from agent.settings import Settings
from agent.setup import interpreters
from tests.sandboxes import ENGINE, SMALL, settings_for, wait_for, waiting

pytestmark = pytest.mark.engine
TRUE = SandboxRequest(argv=("true",), limits=SMALL)


@pytest.fixture
def client():
    made = docker.APIClient(ENGINE, version="auto")
    yield made
    made.close()


@pytest.fixture
def settings(home):
    return settings_for("docker", home)


def containers(client: docker.APIClient, home: Path) -> list[str]:
    mark = f"{container_arguments.HOME_LABEL}={slots.make_prefix(home)}"
    return [container["Id"] for container in client.containers(all=True, filters={"label": mark})]


def test_without_an_engine_it_is_said_how_to_start_one(home):
    sandbox = DockerSandbox(Settings(home=home, docker_host=f"unix://{home}/none.sock"))
    with pytest.raises(SandboxMissing, match=rf"{home}/none.sock. Start it \(sudo systemctl"):
        sandbox.run(TRUE)


def open_engine(address: Path) -> None:
    with docker_engine.open_client(Settings(home=address.parent, docker_host=str(address))):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not")
def test_an_engine_that_this_user_may_not_use_is_told_from_one_that_is_not_there(home):
    closed = home / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(closed))
        closed.chmod(0o600)
        os.seteuid(64_321)
        try:
            with pytest.raises(SandboxMissing, match="usermod -aG docker"):
                open_engine(closed)
        finally:
            os.seteuid(0)


def test_without_an_image_the_one_command_is_named(settings, monkeypatch):
    monkeypatch.setattr(docker_engine, "IMAGE", "nobody-has-this")
    with pytest.raises(SandboxMissing, match="mergewright images build 3.11"):
        DockerSandbox(settings).run(TRUE)


def test_a_sandbox_whose_first_program_is_killed_is_lost_and_no_verdict(client, settings):
    marker = secrets.token_hex(8)
    with ThreadPoolExecutor(1) as pool:
        sandbox = pool.submit(DockerSandbox(settings).run, waiting(60, marker))
        wait_for(marker)
        (container,) = containers(client, settings.home)
        client.kill(container)
        with pytest.raises(SandboxLost, match="without a verified result .* exited with 137"):
            sandbox.result(timeout=60)
    assert containers(client, settings.home) == []


def test_a_failure_of_the_engine_is_never_the_exit_code_of_the_command(settings, home):
    (home / "file").touch()
    mount = Mount(source=str(home / "file"), target="/usr")
    with pytest.raises(
        SandboxLost, match=r"did not start: .*not a directory|engine returned an error"
    ):
        DockerSandbox(settings).run(SandboxRequest(argv=("true",), mounts=(mount,), limits=SMALL))


def test_containers_of_killed_processes_are_swept_and_those_in_use_stay(client, settings, home):
    image, prefix = docker_engine.choose_image(client).digest, slots.make_prefix(home)
    made = [
        client.create_container(
            image, ["true"], labels={container_arguments.HOME_LABEL: mark, **more}
        )["Id"]
        for mark, more in (
            (prefix, {container_arguments.SLOT_LABEL: "63"}),
            (prefix, {container_arguments.SLOT_LABEL: "0"}),
            (prefix, {}),
            ("another", {container_arguments.SLOT_LABEL: "1"}),
        )
    ]
    try:
        with slots.claim_slot(home) as slot:
            assert slot.number == 0
            assert sandboxes.remove_strays(settings) == 1
        there = {container["Id"] for container in client.containers(all=True)}
        assert [one in there for one in made] == [False, True, True, True]
        assert sandboxes.remove_strays(settings) == 1
    finally:
        for one in made:
            docker_sandbox.remove_container(client, one)


def test_an_engine_on_another_machine_is_refused(settings):
    far = replace(settings, docker_host="tcp://10.0.0.1:2375")
    with pytest.raises(SandboxMissing, match="the engine must be local"):
        DockerSandbox(far).run(TRUE)


@pytest.fixture
def image_settings(home, monkeypatch):
    """Return settings with an image name of its own, and the tests' image as the base."""
    given = settings_for("docker", home)
    with docker_engine.open_client(given) as client:
        monkeypatch.setenv("MERGEWRIGHT_HOME", str(home))
        monkeypatch.setenv("MERGEWRIGHT_DOCKER_HOST", ENGINE)
        usual = docker_engine.choose_image(client, "3.11").digest
        monkeypatch.setenv("MERGEWRIGHT_DOCKER_BASE", usual)
        monkeypatch.setattr(docker_engine, "IMAGE", f"mergewright-test-{secrets.token_hex(4)}")
        yield given
        for image in docker_engine.list_images(client).values():
            client.remove_image(image.digest, force=True)


def test_an_image_is_built_on_a_local_base_and_sandboxes_are_opened_from_it(image_settings):
    done = CliRunner().invoke(app, ["images", "build", "3.11", "git"])
    assert done.exit_code == 0, done.output
    assert f"built {docker_engine.IMAGE}:3.11" in done.stdout
    (root,) = DockerSandbox(image_settings).roots()
    assert root.name == "3.11"
    assert root.mark in done.stdout
    sandbox = DockerSandbox(image_settings)
    hints = interpreters.PythonHints()
    python = interpreters.choose_interpreter("3.11", hints, sandbox, image_settings, print)
    told = "import platform; print(platform.python_version())"
    order = SandboxRequest(argv=(python.path, "-c", told), limits=SMALL)
    assert sandbox.run(order).output.strip() == python.version != "3.11"


@pytest.mark.parametrize(
    ("version", "base", "words"),
    [
        ("3.12", None, "has Python 3.11, not 3.12"),
        ("3.11", "mergewright-has-no-such:base", "set MERGEWRIGHT_DOCKER_BASE"),
    ],
)
def test_a_base_that_will_not_do_is_named(image_settings, monkeypatch, version, base, words):
    if base is not None:
        monkeypatch.setenv("MERGEWRIGHT_DOCKER_BASE", base)
    result = CliRunner().invoke(app, ["images", "build", version])
    assert isinstance(result.exception, SandboxMissing)
    assert words in result.exception.message
