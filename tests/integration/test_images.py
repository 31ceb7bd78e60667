"""Images for sandboxes: built on a base of the engine, labelled with their Python, shown."""

from __future__ import annotations

import secrets

import pytest
from typer.testing import CliRunner

from agent.cli.main import app
from agent.errors import SandboxMissing
from agent.models.sandbox import SandboxRequest
from agent.sandbox import docker_engine
from agent.sandbox.docker_sandbox import DockerSandbox
from tests.sandboxes import ENGINE, SMALL, settings_for

pytestmark = pytest.mark.engine


@pytest.fixture
def settings(home, monkeypatch):
    """Settings with a name for images that nobody else has, and the tests' image as the base."""
    usual = settings_for("docker", home)
    name = f"mergewright-test-{secrets.token_hex(4)}"
    given = settings_for("docker", home, docker_image=name)
    with docker_engine.open_client(given) as client:
        monkeypatch.setenv("MERGEWRIGHT_HOME", str(home))
        monkeypatch.setenv("MERGEWRIGHT_DOCKER_HOST", ENGINE)
        monkeypatch.setenv("MERGEWRIGHT_DOCKER_IMAGE", name)
        monkeypatch.setenv(
            "MERGEWRIGHT_DOCKER_BASE", docker_engine.choose_image(client, usual, "3.11").digest
        )
        yield given
        for image in docker_engine.list_images(client, given).values():
            client.remove_image(image.digest, force=True)


def test_an_image_is_built_on_a_local_base_and_sandboxes_are_opened_from_it(settings):
    done = CliRunner().invoke(app, ["images", "build", "3.11", "git"])
    assert done.exit_code == 0, done.output
    assert f"built {settings.docker_image}:3.11" in done.stdout
    (root,) = DockerSandbox(settings).roots()
    (python,) = root.pythons
    assert root.name == "3.11"
    assert root.mark in done.stdout
    told = "import platform; print(platform.python_version())"
    order = SandboxRequest(argv=(python.path, "-c", told), limits=SMALL)
    assert DockerSandbox(settings).run(order).output.strip() == python.version


@pytest.mark.parametrize(
    ("version", "base", "words"),
    [
        ("3.12", None, "has Python 3.11"),
        ("3.11", "mergewright-has-no-such:base", "set MERGEWRIGHT_DOCKER_BASE"),
    ],
)
def test_a_base_that_will_not_do_is_named(settings, monkeypatch, version, base, words):
    if base is not None:
        monkeypatch.setenv("MERGEWRIGHT_DOCKER_BASE", base)
    result = CliRunner().invoke(app, ["images", "build", version])
    assert isinstance(result.exception, SandboxMissing)
    assert words in result.exception.message
