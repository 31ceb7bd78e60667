"""Scripts of ours that are compiled ahead: taken where they fit, and never in the way."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from agent.environments import bytecode, storage
from agent.settings import Settings


def _lay(folder: Path, path: str, content: bytes) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def _imported(folder: Path, expression: str) -> str:
    asked = f"import sys; sys.path.insert(0, {str(folder)!r}); import told; print({expression})"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", asked],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout.strip()  # fmt: skip


def test_python_takes_the_bytecode_and_not_the_source(tmp_path: Path) -> None:
    name, compiled = bytecode.compile_module("told.py", b"WORD = 'compiled'\n")
    _lay(tmp_path, name, compiled)
    _lay(tmp_path, "told.py", b"WORD = 'from the source'\n")
    assert _imported(tmp_path, "told.WORD") == "compiled"


def test_bytecode_of_another_version_is_overlooked(tmp_path: Path) -> None:
    name, compiled = bytecode.compile_module("told.py", b"WORD = 'compiled'\n")
    _lay(tmp_path, name, b"\0\0\r\n" + compiled.removeprefix(MAGIC_NUMBER))
    _lay(tmp_path, "told.py", b"WORD = 'from the source'\n")
    assert _imported(tmp_path, "told.WORD") == "from the source"


def test_every_script_for_sandboxes_is_stored_with_its_bytecode(home: Path) -> None:
    place = storage.scripts(Settings(home=home))
    sources = list(place.rglob("*.py"))
    assert sources
    for source in sources:
        expected = bytecode.compile_module(str(source.relative_to(place)), source.read_bytes())
        assert (place / expected[0]).read_bytes() == expected[1]
