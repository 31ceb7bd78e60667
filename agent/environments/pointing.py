"""Turn an ordinary wheel of the repository into one that points at the repository's tree.

For backends without `build_editable`. A copy of the code in the environment would let checks see
the code of the base commit while they judge a change. Pure but for the one wheel it rewrites.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import zipfile
from collections import Counter
from pathlib import Path

from agent.environments import archives, generated
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from agent.models.sandbox import ROOM_TREE

#: What the wheel unpacks to, all together.
_MOST_UNPACKED = 64 * 1024**2


def point_at_tree(wheel: Path, files: TreeFiles, folder: str) -> dict[str, bytes]:
    """Rewrite the wheel; return files it holds that the tree lacks, by their place in the tree.

    Raises:
        EnvironmentFailed: It is no sound wheel, or its code is not to be found in the tree.
    """
    content = _content(wheel)
    infos = {name.partition("/")[0] for name in content if "/" in name}
    infos = {name for name in infos if name.endswith(".dist-info")}
    if len(infos) != 1:
        raise EnvironmentFailed(f"The wheel {wheel.name} must have one folder `….dist-info`.")
    info = infos.pop()
    code = [
        name
        for name in content
        if not name.startswith((f"{info}/", info.removesuffix(".dist-info") + ".data/"))
    ]
    root = _code_root(code, files, folder)
    lacking = {
        path: content[name]
        for name in code
        if not (files.root / (path := posixpath.join(root, name))).exists()
    }
    kept = {name: data for name, data in content.items() if name not in set(code)}
    kept[f"_{info.partition('-')[0]}_tree.pth"] = f"{posixpath.join(ROOM_TREE, root)}\n".encode()
    _write(wheel, kept, info)
    return lacking


def _content(wheel: Path) -> dict[str, bytes]:
    """All files of a wheel; no name leads out of it, and no size is believed."""
    content: dict[str, bytes] = {}
    left = _MOST_UNPACKED
    try:
        with archives.open_zip(wheel) as packed:
            entries = [entry for entry in packed.infolist() if not entry.filename.endswith("/")]
            if sum(entry.file_size for entry in entries) > _MOST_UNPACKED:
                raise EnvironmentFailed(
                    f"The wheel {wheel.name} unpacks to more than {_MOST_UNPACKED} bytes. Use a "
                    "backend with build_editable, whose wheels hold no copy of the code."
                )
            for entry in entries:
                # zipfile cuts a name at a NUL; what was written is what counts.
                generated.refuse_name(entry.orig_filename, f"The wheel {wheel.name} holds")
                content[entry.filename] = archives.read_entry(packed, entry, left)
                left -= len(content[entry.filename])
    except archives.PROBLEMS as problem:
        raise EnvironmentFailed(f"The wheel {wheel.name} cannot be read: {problem}") from problem
    return content


def _code_root(code: list[str], files: TreeFiles, folder: str) -> str:
    """The folder of the tree that holds most of the wheel's modules."""
    places = [folder, *(posixpath.join(folder, name) for name in files.names(folder))]
    votes = Counter(
        {
            place: sum((files.root / place / name).is_file() for name in code)
            for place in places
            if (files.root / place).is_dir()
        }
    )
    root, hits = max(votes.items(), key=lambda vote: vote[1], default=("", 0))
    if code and not hits:
        raise EnvironmentFailed(
            "The repository's backend has no build_editable, and the code of its wheel is not to "
            "be found in the tree. Use a newer backend (setuptools 64 or later, for one)."
        )
    return root


def _write(wheel: Path, content: dict[str, bytes], info: str) -> None:
    record = f"{info}/RECORD"
    lines = []
    for name, data in content.items():
        if name == record:
            continue
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    lines.append(f"{record},,\n")
    content = {**content, record: "".join(lines).encode()}
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in content.items():
            packed.writestr(name, data)
