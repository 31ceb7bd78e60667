"""Lay out what every docker sandbox shows of ours: the runner, certificates, `/etc`.

Files, since a container can be handed nothing but what has a path. They are the same for all
sandboxes, hold no secret, and are made once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.sandbox.runtime import layout, slots


def lay_out(home: Path, uid: int, hosts: Sequence[str] = ()) -> dict[str, str]:
    """Have the files in place; return which place of the sandbox shows which path."""
    ours = dict(layout.runner())
    # Places that something else may be laid over: a read-only folder takes no new ones.
    ours[Path(layout.PROXY).name] = b""
    if (bundle := layout.certificates()) is not None:
        ours[Path(layout.CERTIFICATES).name] = bundle
    etc = {name: text.encode() for name, text in layout.etc(uid, hosts).items()}
    shown = _folder(home, "etc", etc)
    return {layout.SANDBOX: str(_folder(home, "runner", ours))} | {
        f"/etc/{name}": str(shown / name) for name in etc
    }


def _folder(home: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """Make a folder of these files, whole or not at all, unless it is there."""
    total = hashlib.sha256()
    for path, content in sorted(files.items()):
        total.update(f"{path}\0{len(content)}\0".encode() + content)
    place = slots.open_home(home) / "sandboxes" / f"{name}-{total.hexdigest()[:16]}"
    if place.is_dir():
        return place
    part = place.with_name(f".{place.name}.{os.getpid()}-{os.urandom(4).hex()}")
    for path, content in files.items():
        file = part / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o444)
    for folder in (part, *(one for one in part.rglob("*") if one.is_dir())):
        folder.chmod(0o755)
    try:
        part.rename(place)
    except OSError:
        shutil.rmtree(part)  # somebody else was quicker
        if not place.is_dir():
            raise
    return place
