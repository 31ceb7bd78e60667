"""A file made to end the process or to hold it up is refused before LibCST sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import RequestRefused
from agent.recipes.source import SourceFile

ROOT = Path(__file__).parents[3]
READ = """
import json, sys
from agent.errors import RequestRefused
from agent.recipes.source import SourceFile
for text in json.load(sys.stdin):
    try:
        SourceFile("shop/models.py", text.encode()).module
    except RequestRefused as refused:
        print(refused.message.partition(":")[0].split()[0])
    else:
        print("read")
"""
HOSTILE = {
    "chained": "x = 1" + " and 1" * 30_000,
    "nested": "x = " + "(" * 3_000 + "1" + ")" * 3_000,
    "nested in a string": "x = f'{" + "(" * 3_000 + "1" + ")" * 3_000 + "}'",
    "long": "x = 1\n" * 60_000,
}


def test_hostile_files_are_refused_and_the_process_lives() -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ],
        input=json.dumps([f"x = 1\n{text}\n" for text in HOSTILE.values()]),
        text=True,
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.splitlines() == ["shop/models.py"] * len(HOSTILE)


def test_the_place_is_named() -> None:
    source = SourceFile("shop/models.py", b"x = 1\ny = 1" + b" and 1" * 500)
    with pytest.raises(RequestRefused) as raised:
        _ = source.module
    assert raised.value.message.startswith("shop/models.py:2: ")


@pytest.mark.parametrize(
    "text",
    [
        "x = [" + "('a', 'A'),\n" * 800 + "]",
    ],
)
def test_a_large_but_plain_file_is_read(text: str) -> None:
    assert SourceFile("shop/models.py", text.encode()).module.code == text
