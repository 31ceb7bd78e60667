"""Fetch the Debian packages that a repository needs, for a layer over /usr in its sandboxes.

apt runs in a sandbox with the root file system that the packages are for, and that system's
sources, keys and list of installed packages. It reaches only the hosts of these sources. No script
of a package runs, and nothing is installed on this machine.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from agent.errors import EnvironmentFailed
from agent.models.sandbox import (
    SANDBOX_OURS,
    SANDBOX_OUT,
    Mount,
    SandboxFile,
    SandboxLimits,
    SandboxRequest,
)
from agent.setup import gateway, layer_files, storage
from agent.setup.build_context import BuildContext, describe_failure

_ETC = "etc/apt"
_STATUS = "var/lib/dpkg/status"
_SCRIPT = f"{SANDBOX_OURS}/setup/fetch_debian.py"
_PLACE = "/tmp/apt"  # noqa: S108 - in the sandbox
_JOB = "/tmp/packages.json"  # noqa: S108
_CACHE = f"{SANDBOX_OUT}/ld.so.cache"
_CONFIGURED = "/tmp/ld.so.conf"  # noqa: S108
_MADE = "/made"
#: Files of apt's configuration that are copied, without its logins.
_SOURCES = ("sources.list", "sources.list.d/*", "preferences", "preferences.d/*",
            "trusted.gpg", "trusted.gpg.d/*", "keyrings/*")  # fmt: skip
_LOGIN = re.compile(rb"(?<=://)[^\s/@]*@")
_HOST = re.compile(r"\bhttps?://[\w.-]+(?::\d{1,5})?")


def provide_layer(names: Sequence[str], build_context: BuildContext) -> str:
    """Return the folder of a layer with these packages; fetch them unless it is stored.

    Returns:
        A folder with `files/usr` and `ld.so.cache`; empty: all packages are installed already.

    Raises:
        EnvironmentFailed: They are not available; with the reason.
        StorageFull: The disk is full.
        SandboxMissing: This machine cannot open a sandbox for apt.
    """
    settings = build_context.settings
    if not names or (wanted := _choose(names, build_context)) is None:
        return ""
    place = storage.locate_environment(settings, wanted.key)
    make = partial(_make_layer, wanted, build_context)
    storage.provide_folder(settings, place, make)
    storage.note_use(settings, wanted.key)
    return str(place)


def list_installed(status: str) -> Iterator[str]:
    """Yield the names of installed packages, and the names that they provide."""
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Provides): *(.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").split()[-1:] == ["installed"]:
            named = f"{fields.get('Package', '')},{fields.get('Provides', '')}".split(",")
            yield from filter(None, (entry.partition("(")[0].strip() for entry in named))


class _PackagePlan(NamedTuple):
    """The packages that have to be fetched."""

    names: list[str]
    top: Path
    """The root file system."""
    status: bytes
    """dpkg's list of the packages that are installed in it."""
    key: str


def _choose(asked: Sequence[str], build_context: BuildContext) -> _PackagePlan | None:
    """Return the packages that are not installed; None: all are."""
    root = build_context.root
    top = Path(root.folder or "/nonexistent")
    if root.folder is None:
        status = _read_status(build_context)
    else:
        status = (top / _STATUS).read_bytes() if (top / _STATUS).is_file() else b""
    missing = sorted({*asked} - {*list_installed(status.decode("utf-8", "replace"))})
    if not missing:
        return None
    if not (root.can_lay and status):
        way = f"sandboxes do not have it; the operator can install it with: {root.adding(missing)}"
        raise _make_failure(missing, way)
    facts = (status, *(part for source in _read_sources(top) for part in source))
    digests = [hashlib.sha256(fact).hexdigest() for fact in facts]
    inputs = json.dumps((storage.FORMAT, build_context.interpreter.root_mark, missing, digests))
    key = f"system-{hashlib.sha256(inputs.encode()).hexdigest()[:32]}"
    return _PackagePlan(missing, top, status, key)


def _make_failure(names: Sequence[str], why: str) -> EnvironmentFailed:
    return EnvironmentFailed(f"{', '.join(names)}: {why}")


def _read_status(build_context: BuildContext) -> bytes:
    copied = f"{SANDBOX_OUT}/status"
    order = SandboxRequest(
        argv=("cp", f"/{_STATUS}", copied),
        collect=(copied,),
        directory=SANDBOX_OUT,
        limits=SandboxLimits(seconds=60),
    )
    return build_context.run(order).files.get(copied, b"")


def _make_layer(wanted: _PackagePlan, build_context: BuildContext, part: Path) -> None:
    """Fetch packages and unpack them below a folder; EnvironmentFailed: they are not available."""
    build_context.say(f"fetching Debian packages: {', '.join(wanted.names)}")
    part.chmod(0o755)
    (part / "files").mkdir()
    _fetch_packages(wanted, part / "files", build_context)
    # Overlays use special files (devices) to hide files below the layer.
    layer_files.remove_special(part / "files")
    # A link instead of the folder would lead out of the layer.
    usr = part / "files" / "usr"
    if usr.is_symlink() or not usr.is_dir():
        raise _make_failure(wanted.names, "the packages install nothing in /usr")
    if listed := _list_libraries(wanted, part, build_context):
        (part / "ld.so.cache").write_bytes(listed)


def _fetch_packages(wanted: _PackagePlan, target: Path, build_context: BuildContext) -> None:
    """Fetch the packages by apt, and unpack them below a folder."""
    files = [SandboxFile(path=f"{_PLACE}/status", content=wanted.status)]
    allowed: set[str] = set()
    for name, content in _read_sources(wanted.top):
        allowed |= {*_HOST.findall(content.decode("utf-8", "replace"))}
        files.append(SandboxFile(path=f"{_PLACE}/etc/{name.decode()}", content=content))
    job = {"place": _PLACE, "names": wanted.names, "target": _MADE}
    files.append(SandboxFile(path=_JOB, content=json.dumps(job).encode()))
    scripts = str(storage.provide_scripts(build_context.settings))
    with gateway.open_gateway(build_context.settings, None, allowed) as opened:
        order = SandboxRequest(
            argv=(build_context.interpreter.path, "-I", "-S", _SCRIPT, _JOB),
            mounts=(
                Mount(source=scripts, target=SANDBOX_OURS),
                Mount(source=str(target), target=_MADE, writable=True),
            ),
            files=tuple(files),
            directory=SANDBOX_OUT,
            outlet=opened.outlet,
            limits=SandboxLimits(seconds=900, disk_bytes=8 * 1024**3),
        )
        result = build_context.run(order)
    for attempt in opened.refused_attempts:
        build_context.say(f"apt was denied access to {attempt}")
    if result.exit_code != 0:
        raise _make_failure(wanted.names, f"apt {describe_failure(result)}")


def _read_sources(top: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the content of each file of apt's sources."""
    etc = top / _ETC
    for place in sorted(place for pattern in _SOURCES for place in etc.glob(pattern)):
        if place.is_file():
            content = _LOGIN.sub(b"", place.read_bytes())
            # Sources name files of keys by absolute paths.
            content = content.replace(f"/{_ETC}/".encode(), f"{_PLACE}/etc/".encode())
            yield str(place.relative_to(etc)).encode(), content


def _list_libraries(wanted: _PackagePlan, part: Path, build_context: BuildContext) -> bytes:
    """Return ldconfig's cache of the libraries of the root file system and of the layer."""
    folders = sorted((wanted.top / "etc" / "ld.so.conf.d").glob("*.conf"))
    lines = [place.read_bytes() for place in folders]
    lines.append(f"include {_MADE}/etc/ld.so.conf.d/*.conf\n".encode())
    order = SandboxRequest(
        argv=("/sbin/ldconfig", "-X", "-C", _CACHE, "-f", _CONFIGURED),
        system=str(part),
        mounts=(Mount(source=str(part / "files"), target=_MADE),),
        files=(SandboxFile(path=_CONFIGURED, content=b"\n".join(lines)),),
        directory=SANDBOX_OUT,
        collect=(_CACHE,),
        limits=SandboxLimits(seconds=60),
    )
    return build_context.run(order).files.get(_CACHE, b"")
