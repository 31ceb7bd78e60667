"""Open sandboxes with a container engine: one container each, through the docker SDK.

Owns the life of a sandbox from its slot to its removal. What a sandbox shows and lacks is in
`docker.walls`, how it is listened to in `docker.opened`, what happens inside in
`sandbox_scripts/runner.py`: the same runner as in every sandbox.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import docker

from agent.models.sandbox import Flag, Hear, Root, RootPython, SandboxRequest, SandboxResult
from agent.sandbox.docker import container_arguments, engine, running, shared_files
from agent.sandbox.runtime import request_format, request_preparation, slots
from agent.settings import Settings


class DockerSandbox:
    """Sandboxes in containers, each gone when `run` returns."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: engine.Engine | None = None
        self._connecting = Lock()

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        """Run one command in a fresh sandbox; see `Sandbox.run`."""
        home = self._settings.home
        with (
            self._get_engine().client() as client,
            request_preparation.prepare_request(order, None, self._settings) as (
                bounded,
                slot,
                uid,
            ),
        ):
            image = engine.choose_image(client, self._settings, order.root)
            with running.RunningSandbox(bounded, client, hear) as sandbox:
                shown = shared_files.lay_out(home, uid, order.hosts)
                sandbox.open(
                    container_arguments.build_container(uid, slot, image, home),
                    container_arguments.host_config(bounded, uid, shown, self._settings),
                    request_format.encode_request(
                        bounded, bounded=True, more=container_arguments.asked_of_runner()
                    ),
                )
                return sandbox.attend(cancelled)

    def roots(self) -> tuple[Root, ...]:
        """List the images that sandboxes can be opened from, by minor version of Python."""
        with self._get_engine().client() as client:
            usual = engine.choose_image(client, self._settings)
            others = engine.images(client, self._settings)
        del others[usual.version]
        return tuple(_root(image) for image in (usual, *others.values()))

    def _get_engine(self) -> engine.Engine:
        """Connect once per process, and remove what killed ones left behind."""
        with self._connecting:
            if self._engine is None:
                found = engine.connect_to_engine(self._settings)
                with found.client() as client:
                    remove_strays(client, self._settings.home)
                self._engine = found
            return self._engine


def _root(image: engine.Image) -> Root:
    python, prefix = (image.labels.get(n) for n in (engine.PYTHON_LABEL, engine.PREFIX_LABEL))
    path = f"{prefix}/bin/python{image.version}"
    known = (RootPython(version=python, prefix=prefix, path=path),) if python and prefix else ()
    return Root(
        name=image.version,
        mark=image.digest,
        pythons=known,
        more=f"mergewright images build {image.version}",
    )


def remove_strays(client: docker.APIClient, home: Path) -> int:
    """Remove the containers of a data folder whose host process was killed; return how many.

    The runner in such a sandbox has ended it already, when the engine told it that nobody listens
    any more; what is left is the container's entry, and a sandbox whose runner could not end it. It
    is a left-over when nobody has its slot.
    """
    gone = 0
    mark = f"{container_arguments.HOME_LABEL}={slots.prefix(home)}"
    for one in client.containers(all=True, filters={"label": mark}):
        number = one["Labels"].get(container_arguments.SLOT_LABEL, "")
        if number.isdigit():
            with slots.if_free(home, int(number)) as free:
                if free:
                    running.remove_container(client, one["Id"])
                    gone += 1
    return gone
