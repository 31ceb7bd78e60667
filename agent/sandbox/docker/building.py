"""Build the images that docker sandboxes are opened from, by `sandbox_images/python/Dockerfile`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import docker
from docker import errors

import agent
from agent.errors import SandboxMissing
from agent.sandbox.docker import address, engine
from agent.settings import Settings

_ASK = "import platform, sys; print(platform.python_version(), sys.base_prefix)"


def build_image(version: str, packages: list[str], settings: Settings) -> engine.Image:
    """Build the image of a version of Python, and write down on it which Python it has.

    Raises:
        SandboxMissing: It cannot be built here; the message says why, and what would help.
    """
    base = settings.docker_base or f"python:{version}-slim"
    arguments = {"BASE": base, "PACKAGES": " ".join(packages)}
    engine.connect_to_engine(settings)
    where = address.find_address(settings)
    with engine.translate_errors(where):
        client = docker.DockerClient(where, version="auto")
        try:
            before = engine.images(client.api, settings).get(version)
            python, prefix = _ask_python(client, _run_build(client, arguments, {}))
            if not python.startswith(f"{version}."):
                raise SandboxMissing(
                    f"{base} has Python {python}. Name a base with Python {version} in"
                    " MERGEWRIGHT_DOCKER_BASE."
                )
            labels = {engine.PYTHON_LABEL: python, engine.PREFIX_LABEL: prefix}
            # Once more with what was found out; the layers are there.
            made = _run_build(client, arguments, labels)
            client.api.tag(made, settings.docker_image, version, force=True)
            if before is not None and before.digest != made:
                with suppress(errors.APIError):  # a sandbox is open that has it
                    client.images.remove(before.digest)
            return engine.choose_image(client.api, settings, version)
        finally:
            client.close()


def _run_build(
    client: docker.DockerClient, arguments: dict[str, str], labels: dict[str, str]
) -> str:
    ours = Path(agent.__file__).parent
    # Beside us in the repository, in us where installed.
    places = (folder / "sandbox_images" / "python" for folder in (ours.parent, ours))
    place = next(folder for folder in places if folder.is_dir())
    try:
        image, _ = client.images.build(
            path=str(place), buildargs=arguments, labels=labels, rm=True, forcerm=True
        )
    except errors.DockerException as problem:
        raise SandboxMissing(
            f"The image could not be built on {arguments['BASE']}: {problem}. Without a registry,"
            " make a base by hand (sandbox_images/README.md) and name it in"
            " MERGEWRIGHT_DOCKER_BASE."
        ) from problem
    return str(image.id)


def _ask_python(client: docker.DockerClient, image: str) -> tuple[str, str]:
    """Ask the Python of an image for its version and prefix."""
    try:
        answer = client.containers.run(
            image,
            entrypoint=["python3", "-I", "-S", "-c", _ASK],
            user="65534:65534",
            network_mode="none",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            read_only=True,
            remove=True,
        )
    except errors.ContainerError as problem:
        raise SandboxMissing(f"The Python of the image does not work: {problem}") from problem
    version, prefix = answer.decode().split()
    return version, prefix
