"""Connect to the container engine, explain how to make it available, and build images.

Images are built by `sandbox_images/python/Dockerfile`.
"""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker
import requests
from docker import errors
from docker.utils.config import find_config_file

import agent
from agent.errors import SandboxLost, SandboxMissing
from agent.models.record import Record
from agent.settings import Settings

_SCHEME = "unix://"
_USUAL = f"{_SCHEME}/var/run/docker.sock"
_ANSWER_SECONDS = 60
IMAGE = "mergewright-sandbox"
"""Name of the images of sandboxes; the tag is the version of Python."""
_TAG = re.compile(r"3\.[0-9]+")


class Image(Record):
    reference: str
    digest: str
    """Digest of its content."""
    version: str
    """The minor version of Python in it, as `3.11`."""


# --- reaching it -----------------------------------------------------------------------------


def find_address(settings: Settings) -> str:
    """Return the engine's address; SandboxMissing: it is not on this machine."""
    address = settings.docker_host or os.environ.get("DOCKER_HOST") or _USUAL
    if address.startswith("/"):
        address = f"{_SCHEME}{address}"
    if not address.startswith(f"{_SCHEME}/"):
        raise SandboxMissing(
            f"The container engine at {address} cannot be used: sandboxes mount local folders,"
            " so the engine must be local. Set MERGEWRIGHT_DOCKER_HOST to its socket, as in"
            f" {_USUAL}, or MERGEWRIGHT_SANDBOX=bubblewrap."
        )
    return address


@contextmanager
def open_client(settings: Settings) -> Iterator[docker.APIClient]:
    """Open a client for one thread: clients are not safe to share.

    SandboxMissing: no engine can be used; with the command that helps. SandboxLost: it does not
    answer, or refuses.
    """
    where = find_address(settings)
    # If nothing listened at the address, the client would leave its socket open.
    _require_listener(where)
    try:
        with closing(_make_client(where)) as client:
            yield client
    except errors.APIError as problem:
        reason = problem.explanation or str(problem)
        raise SandboxLost(f"The container engine returned an error: {reason}") from problem
    except (errors.DockerException, requests.RequestException) as problem:
        raise SandboxLost(
            f"The container engine at {where} does not respond: {problem}"
        ) from problem


def require_rootful(client: docker.APIClient) -> None:
    if any("rootless" in option for option in client.info().get("SecurityOptions") or ()):
        raise SandboxMissing(
            "Rootless container engines are not supported: they cannot share folders with"
            " sandboxes. Set MERGEWRIGHT_SANDBOX=bubblewrap, or MERGEWRIGHT_DOCKER_HOST to a"
            " system-wide engine."
        )


def _make_client(where: str) -> docker.APIClient:
    """Create a client, which reads this user's configuration of docker."""
    try:
        return docker.APIClient(where, version="auto", timeout=_ANSWER_SECONDS)
    except ValueError as problem:
        raise SandboxMissing(
            f"{find_config_file()!s} cannot be read: {problem}. Fix it."
        ) from problem


def _require_listener(where: str) -> None:
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(where.removeprefix(_SCHEME))
        except OSError as problem:
            raise SandboxMissing(
                f"No container engine responds at {where}. Start it (sudo systemctl start"
                " docker), allow this user to use it (equivalent to root access: sudo usermod -aG"
                " docker $USER, then sign in again), set MERGEWRIGHT_DOCKER_HOST to its socket, or"
                " set MERGEWRIGHT_SANDBOX=bubblewrap."
            ) from problem


# --- images ----------------------------------------------------------------------------------


def list_images(client: docker.APIClient) -> dict[str, Image]:
    """List the images that sandboxes can be opened from, by minor version of Python."""
    images = {}
    for listed in client.images(name=IMAGE):
        for reference in listed["RepoTags"] or ():
            name, _, tag = reference.rpartition(":")
            if name == IMAGE and _TAG.fullmatch(tag):
                images[tag] = Image(reference=reference, digest=listed["Id"], version=tag)
    return images


def choose_image(client: docker.APIClient, version: str = "") -> Image:
    images = list_images(client)
    if version in images:
        return images[version]
    if version or not images:
        wanted = version or "3.11"
        raise SandboxMissing(
            f"The container engine has no sandbox image {IMAGE}:{wanted}. Build"
            f" it: mergewright images build {wanted}"
        )
    return images[max(images, key=lambda tag: int(tag.rpartition(".")[2]))]


def build_image(version: str, packages: list[str], settings: Settings) -> Image:
    """Build the image of a version of Python."""
    base = settings.docker_base or f"python:{version}-slim"
    arguments = {"BASE": base, "VERSION": version, "PACKAGES": " ".join(packages)}
    ours = Path(agent.__file__).parent
    # The folder is next to the package in the repository, and inside it where installed.
    places = (folder / "sandbox_images" / "python" for folder in (ours.parent, ours))
    place = str(next(folder for folder in places if folder.is_dir()))
    tag = f"{IMAGE}:{version}"
    address = find_address(settings)
    with open_client(settings) as api:
        require_rootful(api)
        try:
            with closing(docker.DockerClient(address, version="auto")) as client:
                client.images.build(path=place, tag=tag, buildargs=arguments, rm=True, forcerm=True)
        except errors.DockerException as problem:
            log = problem.build_log if isinstance(problem, errors.BuildError) else ()
            lines = [line.strip() for part in log if (line := part.get("stream", "")).strip()]
            # The last line names the container of the step that failed, not the reason.
            reason = " ".join((*lines[-2:-1], str(problem)))
            raise SandboxMissing(
                f"The image could not be built on {base}: {reason}."
                " Without a registry, build a base image by hand (sandbox_images/README.md) and"
                " set MERGEWRIGHT_DOCKER_BASE to it."
            ) from problem
        return choose_image(api, version)
