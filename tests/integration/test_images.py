"""Images for rooms: of a registry, or of a tree by debootstrap; tried, recorded, shown."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
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
from agent.environments import interpreters
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


@pytest.fixture
def tree(layer: bytes, home: Path) -> Path:
    """The tree that debootstrap would have made."""
    place = home / "roots" / "bookworm"
    place.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        tar.extractall(place, filter="fully_trusted")
    return place


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


def test_where_no_registry_answers_a_tree_of_debootstrap_is_taken_and_an_old_image_goes(
    tree: Path, settings: Settings, client: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, v3_11=Base(registry="127.0.0.1:1/python:3.11", suite="bookworm"))
    told: list[str] = []
    built = building.build("3.11", "auto", settings, told.append)
    assert (built.base, built.source) == ("debootstrap", "debootstrap bookworm")
    assert any("could not fetch 127.0.0.1:1/python:3.11" in line for line in told)
    assert DockerSandbox(settings).run(RoomOrder(argv=("env",), limits=SMALL)).exit_code == 0
    (tree / "etc" / "new").touch()
    again = building.build("3.11", "debootstrap", settings, say)
    assert again.digest != built.digest
    assert built.digest not in {one["Id"] for one in client.images()}
    assert building.recorded(settings)["3.11"] == again


def test_a_base_that_has_another_python_by_now_makes_no_image(
    tree: Path, settings: Settings, client: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, v3_14=Base(suite="bookworm"))
    with pytest.raises(
        SandboxMissing, match=r"bookworm has Python 3\.11\.\d+ by now, and not 3\.14"
    ):
        building.build("3.14", "debootstrap", settings, say)
    assert engine.images(client, settings) == {}
    assert building.recorded(settings) == {}


def test_both_reasons_are_named_where_neither_way_is_open(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known(
        monkeypatch,
        v3_12=Base(registry="127.0.0.1:1/python:3.12"),
        v3_11=Base(registry="127.0.0.1:1/python:3.11", suite="bookworm"),
    )
    with pytest.raises(SandboxMissing, match=r"could not fetch .*3\.12.* No Debian release has"):
        building.build("3.12", "auto", settings, say)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxMissing, match=r"could not fetch .*apt-get install debootstrap"):
        building.build("3.11", "auto", settings, say)
    with pytest.raises(
        SandboxMissing, match=r"^The engine could not fetch [^ ]*3\.11: .*refused\.$"
    ):
        building.build("3.11", "registry", settings, say)


def test_a_failing_debootstrap_is_told_with_its_last_words(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gets as far as that")
    (tmp_path / "debootstrap").write_text("#!/bin/sh\necho E: no such suite\nexit 1\n")
    (tmp_path / "debootstrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    known(monkeypatch, v3_11=Base(suite="bookworm"))
    with pytest.raises(SandboxMissing, match="could not make bookworm: .*no such suite"):
        building.build("3.11", "debootstrap", settings, say)
    assert list((settings.home / "roots").iterdir()) == []


@pytest.fixture
def bootstrapped(
    layer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[str]]:
    """A debootstrap that asks no mirror; return the packages of each tree that was made by it."""
    (tmp_path / "layer.tar").write_bytes(layer)
    script = tmp_path / "debootstrap"
    script.write_text(DEBOOTSTRAP.format(folder=tmp_path))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("INCLUDE", "python3")
    asked = tmp_path / "asked"
    asked.touch()
    return lambda: asked.read_text().splitlines()


WISHES = ("libfirst-dev", "libsecond-dev")
DEBOOTSTRAP = """#!/bin/sh
set -eu
packages=${{2#--include=}}
echo "$packages" >> {folder}/asked
case $packages in *no-such-package*) echo "E: Couldn't find these debs: no-such-package"; exit 1;; esac
mkdir "$4"
tar -x -C "$4" -f {folder}/layer.tar
mkdir -p "$4/dev"
for name in $(echo "$packages" | tr , ' '); do
  [ "$name" = python3 ] || printf '\nPackage: %s\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n' \
    "$name" >> "$4/var/lib/dpkg/status"
done
"""


def test_further_packages_are_in_the_tree_so_that_the_engine_needs_no_network(
    bootstrapped: Callable[[], list[str]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a tree was made with stays in it; one that has all is taken as it is."""
    if os.geteuid() != 0:
        pytest.skip("only root makes a tree")
    known(monkeypatch, v3_11=Base(suite="bookworm"))
    listed = settings.home / "roots" / "3.11.packages"

    def build(*packages: str) -> set[str]:
        building.build("3.11", "debootstrap", settings, say, more_packages=packages)
        return {line.split()[0] for line in listed.read_text().splitlines()} & {*WISHES}

    assert build("libfirst-dev") == {"libfirst-dev"}
    assert build("libsecond-dev") == {"libfirst-dev", "libsecond-dev"}
    assert build("libfirst-dev") == {"libfirst-dev", "libsecond-dev"}
    assert bootstrapped() == ["python3,libfirst-dev", "python3,libfirst-dev,libsecond-dev"]
    with pytest.raises(SandboxMissing, match="Couldn't find these debs: no-such-package"):
        build("no-such-package")
    roots = {one.name for one in (settings.home / "roots").iterdir()}
    assert roots == {"bookworm", "3.11.packages", "images.json"}


def test_a_tree_that_lacks_a_package_is_named_where_none_can_be_made(
    tree: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known(monkeypatch, v3_11=Base(suite="bookworm"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        SandboxMissing, match=f"^{tree} lacks libpq-dev. .*apt-get install debootstrap"
    ):
        building.build("3.11", "debootstrap", settings, say, more_packages=("libpq-dev",))
    assert tree.is_dir()


def test_the_versions_are_those_that_messages_name() -> None:
    bases = building.bases()
    assert set(bases) == {f"3.{minor}" for minor in range(9, 15)}
    for version, base in bases.items():
        assert base.registry is not None
        assert base.registry.startswith(f"python:{version}-slim")
    suites = {version: base.suite for version, base in bases.items() if base.suite}
    assert suites == interpreters._SUITES


# --- the command -------------------------------------------------------------------------------


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(settings.home))
    monkeypatch.setenv("MERGEWRIGHT_DOCKER_HOST", ENGINE)
    monkeypatch.setenv("MERGEWRIGHT_DOCKER_IMAGE", settings.docker_image)
    monkeypatch.setenv("COLUMNS", "200")
    return images.app


def test_what_was_built_is_shown(
    command: typer.Typer, settings: Settings, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = CliRunner().invoke(command, ["show"])
    assert "mergewright images build 3.11" in empty.stdout
    known(monkeypatch, v3_11=Base(suite="bookworm"))
    done = CliRunner().invoke(command, ["build", "3.11", "--base", "debootstrap"])
    assert done.exit_code == 0, done.output
    assert f"built {settings.docker_image}:3.11" in done.stdout
    shown = json.loads(CliRunner().invoke(command, ["show", "--json"]).stdout)
    (row,) = shown["images"]
    assert row["made"]["source"] == "debootstrap bookworm"
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
