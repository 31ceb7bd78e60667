"""Read the block in which a Python script declares its own packages (PEP 723)."""

from __future__ import annotations

import re

from repo_config import documents
from repo_config.dependencies import Dependency, parse_line
from repo_config.documents import texts

_BLOCK = re.compile(r"^# /// script[ \t]*\n((?:#(?: .*)?\n)+?)# ///[ \t]*$", re.MULTILINE)


def read_block(content: bytes | None) -> str:
    """Return what the block of a file says, without the signs of its comments; "" of none."""
    if not content or b"# ///" not in content:
        return ""
    text = "\n".join(content.decode("utf-8-sig", "replace").splitlines())
    blocks = (found[1] for found in _BLOCK.finditer(text))
    return "".join(line[2:] + "\n" for block in blocks for line in block.splitlines())


def list_declared(path: str, content: bytes | None) -> list[Dependency]:
    """List the packages that a script declares; none where its block cannot be read."""
    try:
        lines = texts(documents.parse_toml(read_block(content)).get("dependencies"))
    except documents.DocumentError:
        return []
    found = (parse_line(line, path, runtime=False) for line in lines)
    return [one for one in found if one]
