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

from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from agent.ports import ROOM_TREE


def point_at_tree(wheel: Path, files: TreeFiles, folder: str) -> dict[str, bytes]:
    """Rewrite the wheel; return files it holds that the tree lacks, by their place in the tree.

    Raises:
        EnvironmentFailed: Its code is not to be found in the tree.
    """
    with zipfile.ZipFile(wheel) as packed:
        content = {name: packed.read(name) for name in packed.namelist() if not name.endswith("/")}
    info = next(name.partition("/")[0] for name in content if ".dist-info/" in name)
    code = [name for name in content if not name.startswith((f"{info}/", info[:-10] + ".data/"))]
    root = _code_root(code, files, folder)
    lacking = {
        path: content[name]
        for name in code
        if not (files.root / (path := posixpath.join(root, name))).exists()
    }
    kept = {name: data for name, data in content.items() if name not in code}
    kept[f"_{info.partition('-')[0]}_tree.pth"] = f"{posixpath.join(ROOM_TREE, root)}\n".encode()
    _write(wheel, kept, info)
    return lacking


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
