"""Build the images that docker rooms are opened from, and write down what they are made of.

Owns the choice of the base and the record in the data folder. The recipe is
`sandbox_images/python/Dockerfile`, the same for every base; which bases there are is in
`sandbox_images/versions.toml`.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import docker
from docker import errors

import agent
from agent.adapters.docker_rooms import engine, trees
from agent.adapters.rooms import slots
from agent.domain import Record
from agent.environments import storage
from agent.errors import SandboxMissing
from agent.settings import Settings

Say = Callable[[str], None]
#: Beyond a slim Python; make_root.sh has the same.
_PACKAGES = (
    "build-essential",
    "ca-certificates",
    "gettext",
    "git",
    "media-types",
    "pkg-config",
    "tzdata",
)
_PROBE = """
import json, platform, subprocess, sys
listed = subprocess.run(
    ["dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}\\n"],
    stdout=subprocess.PIPE, check=True,
).stdout.decode()
prefix = sys.base_prefix
print(json.dumps({"version": platform.python_version(), "prefix": prefix, "packages": listed}))
"""
_PROBE_SECONDS = 120


class Base(Record):
    """What an image of one version of Python can be built from."""

    registry: str | None = None
    suite: str | None = None


class Built(Record):
    """An image for rooms, and what it is made of."""

    version: str
    reference: str
    digest: str
    """Of the image."""
    python: str
    """Its Python, in full."""
    base: Literal["registry", "debootstrap"]
    source: str
    """The base: with its digest where it is of a registry, else the suite of debootstrap."""
    packages: int
    """How many Debian packages it has; the list is beside the record."""
    packages_digest: str
    built: float
    """Seconds since the epoch."""


def folder() -> Path:
    """Where Dockerfile, versions and build script are: beside us, or in us where installed.

    Raises:
        SandboxMissing: They were left out of this installation.
    """
    ours = Path(agent.__file__).parent
    for place in (ours.parent / "sandbox_images", ours / "sandbox_images"):
        if (place / "versions.toml").is_file():
            return place
    raise SandboxMissing("This installation has no sandbox_images. Install Mergewright anew.")


def bases() -> dict[str, Base]:
    """Read which versions there are, and what each can be built from."""
    text = (folder() / "versions.toml").read_text(encoding="utf-8")
    return {version: Base.model_validate(one) for version, one in tomllib.loads(text).items()}


def place(settings: Settings) -> Path:
    """Where trees are made and the record is kept; rooms may be shown what is in it."""
    found = slots.open_home(settings.home) / "roots"
    found.mkdir(mode=0o755, exist_ok=True)
    return found


def recorded(settings: Settings) -> dict[str, Built]:
    """Read what was built by this data folder, by version."""
    try:
        known = json.loads((place(settings) / "images.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {version: Built.model_validate(one) for version, one in known.items()}


def build(
    version: str,
    kind: Literal["auto", "registry", "debootstrap"],
    settings: Settings,
    say: Say,
    *,
    more_packages: tuple[str, ...] = (),
) -> Built:
    """Build the image of a version of Python, try it out and record it.

    Args:
        version: As `3.11`.
        kind: Of base; auto: of a registry, or where none can be reached, by debootstrap.
        settings: The operator's.
        say: Told what goes on.
        more_packages: Further Debian packages. With a base of a registry the engine takes them from
            the network; what debootstrap makes has them already.

    Raises:
        SandboxMissing: It cannot be built here; the message says why, and what would help.
    """
    known = bases()
    if version not in known:
        raise SandboxMissing(
            f"There is no image for Python {version}. There is: {', '.join(known)}"
        )
    with engine.connect(settings).client() as client:
        wanted = _Wanted(version=version, base=known[version], packages=more_packages)
        ground = _ground(client, wanted, kind, settings, say)
        reference = f"{settings.docker_image}:{version}"
        say(f"building {reference}")
        # What debootstrap has made has all of them; then the engine needs no network.
        packages = (*_PACKAGES, *more_packages) if ground.kind == "registry" else ()
        args = {"BASE": ground.image, "PACKAGES": " ".join(packages)}
        found = _probed(client, _made(client, args, {}, say))
        if ".".join(found["version"].split(".")[:2]) != version:
            raise SandboxMissing(
                f"{ground.source} has Python {found['version']} by now, and not {version}."
            )
        listed = found["packages"]
        total = hashlib.sha256(listed.encode()).hexdigest()
        labels = {engine.PYTHON_LABEL: found["version"], engine.PREFIX_LABEL: found["prefix"]}
        # Once more with what was found out; the layers are there.
        made = _made(client, args, labels, lambda line: None)
        before = engine.images(client, settings).get(version)
        client.tag(made, settings.docker_image, version, force=True)
        if before is not None and before.digest != made:
            with suppress(errors.APIError):  # a room is open that has it
                client.remove_image(before.digest)
        built = Built(
            version=version,
            reference=reference,
            digest=made,
            python=found["version"],
            base=ground.kind,
            source=ground.source,
            packages=len(listed.splitlines()),
            packages_digest=total,
            built=time.time(),
        )
    _record(built, listed, settings)
    return built


def _record(built: Built, listed: str, settings: Settings) -> None:
    kept = place(settings)
    storage.write_whole(kept / f"{built.version}.packages", listed.encode())
    known = {**recorded(settings), built.version: built}
    text = json.dumps({one: known[one].model_dump() for one in sorted(known)}, indent=1)
    storage.write_whole(kept / "images.json", text.encode())


# --- bases -----------------------------------------------------------------------------------


class _Wanted(Record):
    """What an image is to have."""

    version: str
    base: Base
    packages: tuple[str, ...]
    """Beyond the usual ones."""


class _Ground(Record):
    """A base that the engine has."""

    kind: Literal["registry", "debootstrap"]
    image: str
    """How the engine knows it."""
    source: str
    """Where it is from."""


def _ground(
    client: docker.APIClient,
    wanted: _Wanted,
    kind: Literal["auto", "registry", "debootstrap"],
    settings: Settings,
    say: Say,
) -> _Ground:
    """Get the base; with `auto` the way without a registry is the second one."""
    if kind == "debootstrap":
        return _bootstrapped(client, wanted, settings, say)
    try:
        return _pulled(client, wanted, say)
    except SandboxMissing as problem:
        if kind == "registry":
            raise
        first = problem.message
        say(first)
    try:
        return _bootstrapped(client, wanted, settings, say)
    except SandboxMissing as problem:
        raise SandboxMissing(f"{first} And without one: {problem.message}") from problem


def _pulled(client: docker.APIClient, wanted: _Wanted, say: Say) -> _Ground:
    """Have the engine fetch the base, and pin what it has got."""
    base = wanted.base
    if base.registry is None:
        raise SandboxMissing(f"No registry is known to have an image of Python {wanted.version}.")
    say(f"fetching {base.registry}")
    repository, _, tag = base.registry.rpartition(":")
    try:
        for line in client.pull(repository, tag=tag, stream=True, decode=True):
            if "error" in line:
                raise SandboxMissing(
                    f"The engine could not fetch {base.registry}: {line['error']}."
                )
            if line.get("status") == "Pull complete":
                say(f"{line['id']}: complete")
    except errors.APIError as problem:
        why = problem.explanation or problem
        raise SandboxMissing(f"The engine could not fetch {base.registry}: {why}.") from problem
    pinned = str(_inspected(client, base.registry)["RepoDigests"][0])
    return _Ground(kind="registry", image=pinned, source=pinned)


def _bootstrapped(
    client: docker.APIClient, wanted: _Wanted, settings: Settings, say: Say
) -> _Ground:
    """Have a tree by debootstrap with all packages in it, and hand it to the engine."""
    suite = wanted.base.suite
    if suite is None:
        raise SandboxMissing(
            f"No Debian release has Python {wanted.version} as its own: only a registry has it."
        )
    tree = place(settings) / suite
    trees.have(suite, tree, wanted.packages, folder() / "make_root.sh", say)
    say(f"handing {tree} to the engine")
    with subprocess.Popen(
        ["tar", "--numeric-owner", "-C", str(tree), "-c", "."],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as tar:
        answer = client.import_image_from_data(tar.stdout)
    if tar.returncode != 0:
        raise SandboxMissing(f"{tree} could not be read as a whole. Remove it, and try again.")
    image = str(json.loads(answer.splitlines()[-1])["status"])
    return _Ground(kind="debootstrap", image=image, source=f"debootstrap {suite}")


# --- the image -------------------------------------------------------------------------------


def _made(client: docker.APIClient, args: dict[str, str], labels: dict[str, str], say: Say) -> str:
    """Build the Dockerfile; return the image's id. The second time the layers are there."""
    recipe = (folder() / "python" / "Dockerfile").read_bytes()
    lines: Iterable[dict[str, Any]] = client.build(
        fileobj=io.BytesIO(recipe),
        buildargs=args,
        labels=labels,
        rm=True,
        forcerm=True,
        decode=True,
        network_mode=None if args["PACKAGES"] else "none",
    )
    image, words = "", []
    for line in lines:
        words.append(line.get("stream", line.get("error", "")).strip())
        if "error" in line:
            said = " | ".join(word for word in words[-6:] if word)
            raise SandboxMissing(f"The image could not be built: {said}")
        image = line.get("aux", {}).get("ID", image)
        if words[-1].startswith("Step "):
            say(words[-1].partition(";")[0])
    return image


def _inspected(client: Any, image: str) -> dict[str, Any]:
    """Ask the engine about an image; the client has no type for what it answers."""
    found: dict[str, Any] = client.inspect_image(image)
    return found


def _probed(client: docker.APIClient, image: str) -> dict[str, Any]:
    """Ask the Python of the image about itself and the packages."""
    host_config = client.create_host_config(
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        read_only=True,
    )
    made = client.create_container(
        image,
        entrypoint=["python3", "-I", "-S", "-c", _PROBE],
        command=[],
        user="65534:65534",
        network_disabled=True,
        host_config=host_config,
    )["Id"]
    try:
        client.start(made)
        status = client.wait(made, timeout=_PROBE_SECONDS)["StatusCode"]
        said = client.logs(made, stdout=True, stderr=status != 0).decode("utf-8", "replace")
        if status != 0:
            raise SandboxMissing(f"The Python of the image does not work: {said[-500:]}")
        found: dict[str, Any] = json.loads(said)
        return found
    finally:
        client.remove_container(made, v=True, force=True)
