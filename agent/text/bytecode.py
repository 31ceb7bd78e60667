"""Compile modules for sandboxes in advance."""

import marshal
import posixpath
import sys
from importlib.util import MAGIC_NUMBER, source_hash

#: Flag of bytecode with its source's hash, which Python need not compare: both are read-only.
_UNCHECKED = 1


def compile_module(path: str, source: bytes) -> tuple[str, bytes]:
    """Compile a module in advance, since sandboxes cannot store what they compile.

    A Python of another version than ours looks for another file, and compiles the source itself.

    Args:
        path: Path of the source in the sandbox, or relative to a folder there.

    Returns:
        The path where Python looks for the bytecode, and the bytecode.
    """
    folder, name = posixpath.split(path)
    code = compile(source, path, "exec", dont_inherit=True)
    head = MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + source_hash(source)
    compiled = f"{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
    return posixpath.join(folder, "__pycache__", compiled), head + marshal.dumps(code)
