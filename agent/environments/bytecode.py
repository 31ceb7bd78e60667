"""Compile our own scripts ahead: nothing in a sandbox may keep what it compiled itself."""

from __future__ import annotations

import marshal
import posixpath
import sys
from importlib.util import MAGIC_NUMBER, source_hash

MARK = f"{sys.implementation.cache_tag} {MAGIC_NUMBER.hex()}".encode()
"""Differs where the bytecode of an equal source may differ."""
_UNCHECKED = 1
"""By the hash of the source, which the reader need not compare: both are in a read-only place."""


def compile_module(path: str, source: bytes) -> tuple[str, bytes]:
    """Compile a module; return the path where Python looks for its bytecode, and the bytecode.

    A Python of another version than ours looks elsewhere, and compiles the source as ever.

    Args:
        path: Of the source, as the sandbox will see it or relative to a folder there.
        source: Its content.
    """
    folder, name = posixpath.split(path)
    module = name.removesuffix(".py")
    code = compile(source, path, "exec", dont_inherit=True)
    head = MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + source_hash(source)
    place = posixpath.join(folder, "__pycache__", f"{module}.{sys.implementation.cache_tag}.pyc")
    return place, head + marshal.dumps(code)
