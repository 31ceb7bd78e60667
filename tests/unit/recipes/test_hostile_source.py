"""A file made to end the process or to hold it up is refused before LibCST sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import RequestRefused
from agent.recipes.source import SourceFile

ROOT = Path(__file__).parents[3]
READ = """
import sys
from agent.errors import RequestRefused
from agent.recipes.source import SourceFile
try:
    SourceFile("shop/models.py", sys.stdin.buffer.read()).module
except RequestRefused as refused:
    print(refused)
else:
    print("read")
"""
MANY = 30_000
HOSTILE = {
    "and": "x = 1" + " and 1" * MANY,
    "or": "x = 1" + " or 1" * MANY,
    "brackets": "x = " + "(" * 3_000 + "1" + ")" * 3_000,
    "brackets in a string": "x = f'{" + "(" * 3_000 + "1" + ")" * 3_000 + "}'",
    "and in a string": "x = f'{1" + " and 1" * MANY + "}'",
    "minus": "x = " + "-" * MANY + "1",
    "not": "x = " + "not " * MANY + "1",
    "attributes": "x = a" + ".a" * MANY,
    "calls": "x = a" + "()" * MANY,
    "subscripts": "x = a" + "[1]" * MANY,
    "sums": "x = 1" + " + 1" * 60_000,
    "powers": "x = 1" + " ** 1" * MANY,
    "lambda": "x = " + "lambda: " * MANY + "1",
    "conditions": "x = " + "1 if 1 else " * MANY + "1",
    "elif": "if a: pass\n" + "elif a: pass\n" * MANY,
    "strings": "x = (" + "'a' " * MANY + ")",
    "for": "x = [1 " + "for a, b in c " * MANY + "]",
    "dotted import": "import a" + ".a" * MANY,
    "indentation": "".join(" " * n + "if a:\n" for n in range(90)) + " " * 90 + "pass",
    "items": "x = [" + "1," * 60_000 + "]",
    "statements": "x = 1\n" * 60_000,
    "size": "#" * (1 << 20),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_and_the_process_lives(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ],
        input=f"x = 1\n{HOSTILE[name]}\n".encode(),
        capture_output=True,
        cwd=ROOT,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.startswith(b"shop/models.py")
    assert b"then ask again" in done.stdout.replace(b"\n", b" ")


def test_the_place_and_the_way_out_are_named() -> None:
    source = SourceFile("shop/models.py", b"x = 1\ny = 1" + b" and 1" * 500)
    with pytest.raises(RequestRefused) as raised:
        _ = source.module
    assert raised.value.message == (
        "shop/models.py:2: this is nested or chained more than 150 levels deep, too deep to be "
        "edited safely. Split this line, then ask again."
    )


@pytest.mark.parametrize(
    "text",
    [
        "x = [" + "('a', 'A'),\n" * 800 + "]",
        "x = (" + "'a'\n" * 100 + ")",
        "if a: pass\n" + "elif a: pass\n" * 100,
        "class A:\n" + "".join(f"    a{n} = f(max_length={n})\n" for n in range(1_000)),
    ],
)
def test_a_large_but_plain_file_is_read(text: str) -> None:
    assert SourceFile("shop/models.py", text.encode()).module.code == text
