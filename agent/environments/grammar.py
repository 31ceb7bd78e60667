"""Read Python that is newer than the one of this service: a sandbox with a newer one parses it.

The tree comes back as nodes of our own `ast`, at their places. Kinds that are not known here are
made as plain statements or expressions; what known kinds have besides is an attribute of theirs.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from importlib import resources
from typing import Any

from packaging.version import Version

from agent.environments import interpreters
from agent.environments.interpreters import PythonHints
from agent.errors import EnvironmentFailed
from agent.models.sandbox import SANDBOX_OUT, Sandbox, SandboxFile, SandboxLimits, SandboxRequest
from agent.settings import Settings

_MOST_FILES = 200
_SOURCE, _TREE = "/tmp/source", f"{SANDBOX_OUT}/tree.json"  # noqa: S108 - of the sandbox
_HOST = Version(f"{sys.version_info[0]}.{sys.version_info[1]}")


class NewerPython:
    """Parses by the newest Python that sandboxes have, each text once, at most 200 of them."""

    def __init__(self, sandbox: Sandbox, settings: Settings) -> None:
        self._sandbox, self._settings = sandbox, settings
        self._known: dict[bytes, bytes] = {}

    def parse(self, source: str | bytes) -> ast.Module | None:
        """Parse what our own Python does not; None: nobody here does (SandboxMissing)."""
        content = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
        key = hashlib.sha256(content).digest()
        if key not in self._known:
            if len(self._known) >= _MOST_FILES:
                return None
            self._known[key] = self._dump(content, "r" if isinstance(source, str) else "rb")
        tree = _build(json.loads(self._known[key])) if self._known[key] else None
        return tree if isinstance(tree, ast.Module) else None

    def _dump(self, content: bytes, mode: str) -> bytes:
        try:
            found = interpreters.find_pythons(self._settings, self._sandbox.roots())
            newest = max((Version(one.version) for one in found), default=_HOST)
            minor = f"{newest.major}.{newest.minor}"
            if Version(minor) <= _HOST:
                return b""
            given = minor, PythonHints(), self._sandbox, self._settings
            interpreter = interpreters.choose_interpreter(*given)
            script = resources.files("agent.environments").joinpath("sandbox_scripts/dump_tree.py")
            order = SandboxRequest(
                argv=(
                    interpreter.path, "-I", "-S", "-c", script.read_text(), _SOURCE, mode, _TREE,
                ),
                root=interpreter.root,
                mounts=interpreter.sandbox_mounts(),
                files=(SandboxFile(path=_SOURCE, content=content),),
                collect=(_TREE,),
                limits=SandboxLimits(seconds=60),
            )  # fmt: skip
            return self._sandbox.run(order).files.get(_TREE, b"")
        except EnvironmentFailed:
            return b""


def _build(entry: Any) -> Any:
    if isinstance(entry, list):
        return [_build(one) for one in entry]
    if not isinstance(entry, dict):
        return entry
    if entry["kind"] == "Constant":
        node: ast.AST = ast.Constant(ast.literal_eval(entry["value"]))
    else:
        node = _find_kind(entry)()
        for name, value in entry["fields"].items():
            setattr(node, name, _build(value))
    for name, place in entry["places"].items():
        setattr(node, name, place)
    return node


def _find_kind(entry: dict[str, Any]) -> type[ast.AST]:
    kind = getattr(ast, entry["kind"], None)
    if kind is None:
        base = getattr(ast, entry["base"], ast.AST)
        kind = type(entry["kind"], (base,), {"_fields": tuple(entry["fields"])})
    return kind
