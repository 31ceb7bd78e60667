"""The outline of a repository of 10,000 files: from nothing, and after one file has changed.

The files are made up, each a model, a view and a few functions that import from their neighbours.
Beside it stands what cannot be avoided: reading the files, as a run does. Counted is what the
processor spends.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from agent import worktree
from agent.domain import Checkout
from agent.editing import outline
from tests.bench import timing

FILES = 10_000
_FOLDERS = 100


def measure(scratch: Path, rounds: int, say: Callable[[str], None]) -> list[timing.Section]:
    """Time both, with the tree laid out and the commit known."""
    say(f"outline: {FILES:,} files")
    folder = scratch / "outline"
    repository = folder / "repository"
    _write(repository)
    first = _commit(repository, folder)
    tree = worktree.lay_out(first, folder / "first")
    kept = folder / "kept"
    cold, reading, again, edited = [], [], [], []
    for _ in range(rounds):
        shutil.rmtree(kept, ignore_errors=True)
        cold.append(_timed(lambda: outline.of(tree, first, kept).whole("Model5")))
        reading.append(_timed(lambda: [tree.read(path) for path in tree.paths()]))
        again.append(_timed(lambda: outline.of(tree, first, kept).whole("Model5")))
    changed = repository / "app_7" / "module_7.py"
    changed.write_text(changed.read_text() + "\n\ndef added():\n    return 1\n")
    second = _commit(repository, folder)
    tree = worktree.lay_out(second, folder / "second")
    fresh = []
    for _ in range(rounds):
        for place in kept.glob(f"*/{second.commit}-*"):
            place.unlink()
        fresh.append(_timed(lambda: outline.of(tree, second, kept).whole("Model5")))
    tree.write("app_7/module_8.py", b"def edited():\n    return 1\n")
    for _ in range(rounds):
        edited.append(_timed(lambda: outline.of(tree, second, kept).whole("Model5")))
    rows = [
        timing.Row("from nothing, beside reading all files", cold, reading),
        timing.Row("of a commit that is known", again),
        timing.Row("of a new commit, one file changed", fresh),
        timing.Row("during an edit, one file changed", edited),
    ]
    size = sum(path.stat().st_size for path in kept.rglob("*.json")) / 1024**2
    note = f"Kept on disk: {size:.1f} MB for two commits."
    return [timing.Section("outline", f"Outline of {FILES:,} files", "reading", rows, note)]


def _timed(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _write(repository: Path) -> None:
    for number in range(FILES):
        place = repository / f"app_{number % _FOLDERS}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"module_{number // _FOLDERS}.py").write_text(_source(number))


def _source(number: int) -> str:
    neighbour = f"app_{number % _FOLDERS}.module_{max(0, number // _FOLDERS - 1)}"
    functions = "".join(
        f"""

def function_{number}_{one}(value: int, other: str = "x") -> dict[str, int]:
    \"\"\"Return what belongs together.\"\"\"
    found = {{}}
    for place in range(value):
        if place % {one + 2}:
            found[other] = place
    return found
"""
        for one in range(8)
    )
    return f"""from django.db import models
from {neighbour} import Model{number}


class Model{number}(models.Model):
    name = models.CharField(max_length=100)
    amount = models.DecimalField(max_digits=8, decimal_places=2)

    def total(self) -> int:
        return self.amount * 2


class View{number}:
    @property
    def shown(self) -> str:
        return "x"
{functions}"""


def _commit(repository: Path, folder: Path) -> Checkout:
    for args in (
        ("init", "-q", "-b", "main"),
        ("add", "-A"),
        ("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "Files"),
    ):
        subprocess.run(["git", "-C", str(repository), *args], check=True, timeout=120)
    return worktree.prepare(str(repository), None, folder / "mirrors")
