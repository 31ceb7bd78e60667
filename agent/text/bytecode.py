"""Modules for sandboxes, compiled ahead."""

import marshal
import posixpath
import sys
from importlib.util import MAGIC_NUMBER, source_hash

#: By the hash of the source, which the reader need not compare: both are in a read-only place.
_UNCHECKED = 1


def compile_module(path: str, source: bytes) -> tuple[str, bytes]:
    """Compile a module ahead, since no sandbox may keep what it compiled itself.

    A Python of another version than ours looks elsewhere, and compiles the source as ever.

    Args:
        path: Of the source, as the sandbox will see it or relative to a folder there.

    Returns:
        The path where Python looks for the bytecode, and the bytecode.
    """
    folder, name = posixpath.split(path)
    code = compile(source, path, "exec", dont_inherit=True)
    head = MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + source_hash(source)
    compiled = f"{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
    return posixpath.join(folder, "__pycache__", compiled), head + marshal.dumps(code)
