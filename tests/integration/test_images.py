"""Images for rooms: of a registry; tried, recorded, shown."""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import docker
import pytest
import typer
from typer.testing import CliRunner

from agent.adapters.docker_rooms import building, engine
from agent.adapters.docker_rooms.building import Base
from agent.adapters.docker_sandbox import DockerSandbox
from agent.cli import images
from agent.errors import SandboxMissing
from agent.ports import RoomOrder
from agent.settings import Settings
from tests.rooms import ENGINE, SMALL, settings_for

pytestmark = pytest.mark.engine
#: What a Python and the list of packages take; the rest of an image only takes time.
NEEDED = re.compile(
    r"(bin|sbin|lib|lib64|etc|var|root|tmp|usr|usr/(bin|sbin|lib|lib64)|etc/ld\.so.*"
    r"|usr/bin/(python3.*|sh|dash|dpkg-query|chmod|env)|usr/lib/python3(/.*)?|usr/lib/python3\.11(/.*)?"
    r"|usr/lib/[^/]+-linux-gnu|usr/lib/[^/]+-linux-gnu/lib[^/]*\.so[.\d]*|usr/lib/[^/]+-linux-gnu/ld-.*"
    r"|usr/lib64/.*|var/lib|var/lib/dpkg|var/lib/dpkg/status)"
)


@pytest.fixture(scope="module")
def client() -> Iterator[docker.APIClient]:
    made = docker.APIClient(ENGINE, version="auto")
    yield made
    made.close()


@pytest.fixture(scope="module")
def layer(client: docker.APIClient) -> bytes:
    """A small root file system with a Python, as a tar: part of the image that tests have."""
    with tempfile.TemporaryDirectory() as folder:
        usual = engine.choose(client, settings_for("docker", Path(folder)), "3.11")
    container = client.create_container(usual.digest, ["true"])["Id"]
    small = io.BytesIO()
    try:
        with tempfile.TemporaryFile() as whole:
            for piece in client.export(container):
                whole.write(piece)
            whole.seek(0)
            with tarfile.open(fileobj=whole) as old, tarfile.open(fileobj=small, mode="w") as new:
                for member in old:
                    if NEEDED.fullmatch(member.name.removeprefix("./")) and not member.isdev():
                        new.addfile(member, old.extractfile(member) if member.isreg() else None)
    finally:
        client.remove_container(container)
    return small.getvalue()


@pytest.fixture
def settings(home: Path, client: docker.APIClient) -> Iterator[Settings]:
    """Settings with a name for images that nobody else has."""
    name = f"mergewright-test-{secrets.token_hex(4)}"
    given = settings_for("docker", home, docker_image=name)
    yield given
    for image in engine.images(client, given).values():
        client.remove_image(image.digest, force=True)


@dataclass
class Registry:
    """A registry with one image, by the interface that every registry has."""

    host: str
    blobs: dict[str, bytes]
    manifest: bytes


@pytest.fixture
def registry(layer: bytes) -> Iterator[Registry]:
    def blob(content: bytes, kind: str) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        made.blobs[digest] = content
        return {"mediaType": kind, "size": len(content), "digest": digest}

    kinds = "application/vnd.docker."
    made = Registry("", {}, b"")
    config = {
        "architecture": "amd64", "os": "linux", "config": {"Env": ["CANARY=of the image"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }  # fmt: skip
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kinds}distribution.manifest.v2+json",
        "config": blob(json.dumps(config).encode(), f"{kinds}container.image.v1+json"),
        "layers": [blob(layer, f"{kinds}image.rootfs.diff.tar.gzip")],
    }
    made.manifest = json.dumps(manifest).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found, kind = b"{}", "application/json"
            if "/manifests/" in self.path:
                found, kind = made.manifest, str(manifest["mediaType"])
            elif "/blobs/" in self.path:
                found, kind = made.blobs[self.path.rpartition("/")[2]], "application/octet-stream"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(found)))
            if "/manifests/" in self.path:
                digest = hashlib.sha256(found).hexdigest()
                self.send_header("Docker-Content-Digest", f"sha256:{digest}")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(found)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def known(monkeypatch: pytest.MonkeyPatch, **bases: Base) -> None:
    """Let there be these bases, and no packages that take a network."""
    found = {name.replace("_", ".").lstrip("v"): base for name, base in bases.items()}
    monkeypatch.setattr(building, "bases", lambda: found)
    monkeypatch.setattr(building, "_PACKAGES", ())


def say(line: str) -> None:
    print(line)


def test_an_image_of_a_registry_is_pinned_tried_and_recorded(
    registry: Registry,
    settings: Settings,
    client: docker.APIClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known(monkeypatch, v3_11=Base(registry=f"{registry.host}/python:3.11-slim"))
    try:
        built = building.build("3.11", "auto", settings, say)
        digest = hashlib.sha256(registry.manifest).hexdigest()
        assert (built.base, built.source) == ("registry", f"{registry.host}/python@sha256:{digest}")
        assert built.reference == f"{settings.docker_image}:3.11"
        assert re.fullmatch(r"3\.11\.\d+", built.python)
        assert building.recorded(settings) == {"3.11": built}
        packages = (settings.home / "roots" / "3.11.packages").read_text()
        assert len(packages.splitlines()) == built.packages > 20
        assert hashlib.sha256(packages.encode()).hexdigest() == built.packages_digest
        (root,) = DockerSandbox(settings).roots()
        assert (root.name, root.mark, root.pythons[0].version) == (
            "3.11",
            built.digest,
            built.python,
        )
        told = "import os, platform; print(platform.python_version(), os.environ.get('CANARY'))"
        order = RoomOrder(argv=(root.pythons[0].path, "-c", told), limits=SMALL)
        assert DockerSandbox(settings).run(order).output.split() == [built.python, "None"]
    finally:
        client.remove_image(f"{registry.host}/python:3.11-slim", force=True)


# --- the command -------------------------------------------------------------------------------


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(settings.home))
    monkeypatch.setenv("MERGEWRIGHT_DOCKER_HOST", ENGINE)
    monkeypatch.setenv("MERGEWRIGHT_DOCKER_IMAGE", settings.docker_image)
    monkeypatch.setenv("COLUMNS", "200")
    return images.app


def test_what_was_built_is_shown(
    command: typer.Typer, settings: Settings, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = CliRunner().invoke(command, ["show"])
    assert "mergewright images build 3.11" in empty.stdout
    known(monkeypatch, v3_11=Base(registry=f"{registry.host}/python:3.11-slim"))
    done = CliRunner().invoke(command, ["build", "3.11", "--base", "registry"])
    assert done.exit_code == 0, done.output
    assert f"built {settings.docker_image}:3.11" in done.stdout
    shown = json.loads(CliRunner().invoke(command, ["show", "--json"]).stdout)
    (row,) = shown["images"]
    assert row["made"]["base"] == "registry"
    assert row["digest"] == row["made"]["digest"]
    assert row["digest"][7:19] in CliRunner().invoke(command, ["show"]).stdout
    shutil.rmtree(settings.home / "roots")
    shown = json.loads(CliRunner().invoke(command, ["show", "--json"]).stdout)
    assert shown["images"][0]["made"] is None


def test_a_version_that_there_is_no_image_of_is_told_with_those_there_are(
    command: typer.Typer,
) -> None:
    result = CliRunner().invoke(command, ["build", "3.77"])
    assert isinstance(result.exception, SandboxMissing)
    assert "no image for Python 3.77. There is: 3.9, 3.10, 3.11" in result.exception.message
