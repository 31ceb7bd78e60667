"""A package index on the loopback interface, with packages made for one test."""

import base64
import hashlib
import io
import json
import socket
import ssl
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.processes import Silent, answering

#: A build backend without requirements, to be laid into a project as `backend.py`.
BACKEND = """
import os, zipfile

def _wheel(folder, lines):
    name, version = "{name}", "{version}"
    file = f"{{name}}-{{version}}-py3-none-any.whl"
    info = f"{{name}}-{{version}}.dist-info"
    with zipfile.ZipFile(os.path.join(folder, file), "w") as packed:
        for path, text in lines.items():
            packed.writestr(path, text)
        packed.writestr(f"{{info}}/METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n{metadata}")
        packed.writestr(f"{{info}}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        packed.writestr(f"{{info}}/RECORD", "")
    return file

def build_wheel(folder, config_settings=None, metadata_directory=None):
    {build}
    return _wheel(folder, {{"{name}.py": "value = 1\\n"}})

def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {{"_{name}.pth": os.getcwd()}})
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def wheel(name: str, version: str, requires: tuple[str, ...] = ()) -> tuple[str, bytes]:
    """Make a wheel with one module."""
    info = f"{name}-{version}.dist-info"
    lines = "".join(f"Requires-Dist: {entry}\n" for entry in requires)
    files = {
        f"{name}.py": f"version = '{version}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for path, text in files.items():
            packed.writestr(path, text)
    return f"{name}-{version}-py3-none-any.whl", buffer.getvalue()


def sdist(name: str, version: str, *, build: str = "pass") -> tuple[str, bytes]:
    """Make a source archive with a backend of its own; `build` is code that runs in it."""
    files = {
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND.format(name=name, version=version, build=build, metadata=""),
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text.encode())
            packed.addfile(member, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", buffer.getvalue()


class LocalIndex:
    """What the index serves, and what was asked of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.uploaded: dict[str, str] = {}
        """By file: the day on which it appeared; pages in JSON tell it."""
        self.failures = 0
        """So many requests are answered with 503 first."""
        self.connections = 0
        self.breaks = False
        """Whether of two connections the first is broken off without an answer."""
        self.asked: list[str] = []
        self.credentials: list[str | None] = []
        self.login: str | None = None
        """`user:password` that every request has to bring."""
        self.url = ""

    def add(self, *files: tuple[str, bytes]) -> None:
        """Publish files."""
        self.files.update(files)

    def page(self, project: str) -> tuple[str, bytes] | None:
        """The simple page of a project."""
        names = [n for n in self.files if n.split("-")[0].replace("_", "-").lower() == project]
        if not names and project != "pip":
            return None
        entries = []
        for name in names:
            digest = hashlib.sha256(self.files[name]).hexdigest()
            entry = {"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": digest}}
            if name in self.uploaded:
                entry["upload-time"] = f"{self.uploaded[name]}T12:00:00Z"
            entries.append(entry)
        body = {"meta": {"api-version": "1.0"}, "name": project, "files": entries}
        return "application/vnd.pypi.simple.v1+json", json.dumps(body).encode()


@contextmanager
def serving(*, tls: ssl.SSLContext | None = None) -> Iterator[LocalIndex]:
    """Serve an index on the loopback interface for the length of the block."""
    index = LocalIndex()

    class Handler(Silent):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            index.connections += 1
            if index.breaks and index.connections % 2:
                self.request.shutdown(socket.SHUT_RDWR)

        def do_GET(self) -> None:
            index.asked.append(self.path)
            index.credentials.append(self.headers.get("Authorization"))
            parts = self.path.strip("/").split("/")
            given = self.headers.get("Authorization", "")
            wanted = base64.b64encode((index.login or "").encode()).decode()
            if index.login and given != f"Basic {wanted}":
                self._answer(401, "text/plain", b"who are you?")
            elif index.failures:
                index.failures -= 1
                self._answer(503, "text/plain", b"later")
            elif parts[0] == "files" and parts[-1] in index.files:
                self._answer(200, "application/octet-stream", index.files[parts[-1]])
            elif parts[0] == "simple" and (page := index.page(parts[-1])):
                self._answer(200, *page)
            else:
                self._answer(404, "text/plain", b"unknown")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

    with answering(Handler, tls) as port:
        index.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/simple/"
        yield index
