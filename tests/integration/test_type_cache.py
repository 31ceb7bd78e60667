"""What mypy knows is kept, and turns no verdict green; in real sandboxes."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.checks import comparison
from agent.models.checks import CheckReport, CheckResult, Comparison, Status
from agent.models.sandbox import Mount, SandboxFile, SandboxRequest
from agent.stages import baseline
from agent.stages import checks as checks_stage
from tests.integration.check_samples import Stage

pytestmark = pytest.mark.deep

RIGHT = "import json\n\n\ndef add(left: int, right: int) -> int:\n    return left + right\n"
WRONG = RIGHT.replace("return left + right", "return str(left)   ")
TYPED = {
    "mypy.ini": "[mypy]\nstrict = True\n",
    "shop/__init__.py": "",
    "shop/sums.py": RIGHT,
}
MISTAKE = "shop/sums.py: return-value: "
#: Whatever it finds that could be a cache, it makes say that nothing is wrong.
POISON = """
    import os, sqlite3

    def spoil():
        for place in ("/mergewright-types", "/tmp", "/out"):
            for folder, _, files in os.walk(place):
                for file in files:
                    try:
                        base = sqlite3.connect(os.path.join(folder, file))
                        base.execute("DELETE FROM files2")
                        base.commit()
                    except Exception:
                        pass
        os.makedirs("/tmp/mergewright-mypy/3.11", exist_ok=True)
        base = sqlite3.connect("/tmp/mergewright-mypy/3.11/cache.db")
        base.execute("CREATE TABLE IF NOT EXISTS files2 (path TEXT UNIQUE, mtime REAL, data BLOB)")
        base.execute("INSERT INTO files2 VALUES ('json/__init__.meta.ff', 1.0, x'00')")
        base.commit()

    def plugin(version):
        from mypy.plugin import Plugin
        spoil()
        return Plugin
"""
WITH_PLUGIN = {
    **TYPED,
    "mypy.ini": "[mypy]\nstrict = True\nplugins = ./poison.py\n",
    "poison.py": POISON,
}


class Typed:
    """A repository whose types are checked."""

    def __init__(self, stage: Callable[..., Stage], files: dict[str, str], **more: object) -> None:
        self.stage = stage(files, type_tools=("mypy",), **more)
        self.folder = self.stage.services.settings.home / "type-caches"

    def base(self) -> CheckReport:
        return baseline.measure_base(self.stage.prepared, self.stage.services)

    def mypy(self) -> CheckResult:
        """What mypy says of base."""
        return next(one for one in self.base().results if one.name == "mypy")

    def head(self, **edits: str) -> Comparison:
        before = self.base()
        cleared = self.stage.cleared(**edits)
        after = checks_stage.run_checks(cleared, before, self.stage.prepared, self.stage.services)
        return next(one for one in comparison.compare_reports(before, after) if one.name == "mypy")

    def kept(self) -> dict[str, bytes]:
        """All files of all caches, with their content."""
        found = sorted(self.folder.rglob("*.db")) if self.folder.exists() else []
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    def modules(self) -> set[str]:
        """What the caches are about."""
        rows: set[str] = set()
        for path in self.folder.rglob("*.db"):
            base = sqlite3.connect(path)
            rows |= {row[0].partition(".")[0] for row in base.execute("SELECT path FROM files2")}
            base.close()
        return rows


@pytest.fixture
def typed(stage: Callable[..., Stage]) -> Callable[..., Typed]:
    return lambda files=TYPED: Typed(stage, files)


def test_base_fills_a_cache_and_head_finds_with_it_what_it_finds_without(
    typed: Callable[..., Typed],
) -> None:
    made = typed()
    assert made.mypy().status is Status.PASSED
    assert {"builtins", "json/__init__"} <= made.modules()
    before = made.kept()
    found = made.head(shop__sums_DOT_py=WRONG)
    assert found.verdict is Status.FAILED
    assert found.new_failures[0].item_id.startswith(MISTAKE)
    assert made.head(shop__sums_DOT_py=RIGHT + "\n\nnumber: int = 1\n").verdict is Status.PASSED
    assert made.kept() == before, "what head makes of it is thrown away"


def test_with_a_plugin_nothing_is_kept_and_what_it_spoils_hides_nothing(
    typed: Callable[..., Typed],
) -> None:
    made = typed(WITH_PLUGIN)
    found = made.head(shop__sums_DOT_py=WRONG)
    assert made.kept() == {}
    assert found.verdict is Status.FAILED
    assert found.new_failures[0].item_id.startswith(MISTAKE)


def _forged(made: Typed) -> Path:
    """What mypy knows of the tree as it is right, under the digest of the one that is wrong."""
    goal = made.stage.services.settings.home / "forged"
    _plain_mypy(made, RIGHT, None, goal)
    digests = [hashlib.sha1(text.encode()).hexdigest() for text in (RIGHT, WRONG)]
    right, wrong = digests
    for path in goal.rglob("*.db"):
        base = sqlite3.connect(path)
        for name, data in base.execute("SELECT path, data FROM files2").fetchall():
            for old, new in (
                (right.encode(), wrong.encode()),
                (bytes.fromhex(right), bytes.fromhex(wrong)),
            ):
                if old in data:
                    spoiled = (data.replace(old, new), name)
                    base.execute("UPDATE files2 SET data = ? WHERE path = ?", spoiled)
        base.commit()
        base.close()
    return goal


def _plain_mypy(made: Typed, content: str, cache: Path | None, goal: Path | None = None) -> str:
    """Run mypy by itself in a sandbox; return what it prints, and lay what it knows into a folder."""
    stage = made.stage
    home = stage.services.settings.home
    tree = home / "plain"
    (tree / "shop").mkdir(parents=True, exist_ok=True)
    (tree / "mypy.ini").write_text(TYPED["mypy.ini"])
    (tree / "shop" / "__init__.py").write_text("")
    (tree / "shop" / "sums.py").write_text(content)
    files = [] if cache is None else list(cache.rglob("*.db"))
    order = SandboxRequest(
        argv=("/env/bin/python", "-m", "mypy", "--sqlite-cache", "--cache-dir=/out/c", "shop"),
        tree=str(tree),
        mounts=(Mount(source=stage.prepared.environment.path, target="/env"),),
        files=tuple(
            SandboxFile(path=f"/out/c/{path.relative_to(cache)}", content=path.read_bytes())
            for path in files
            if cache is not None
        ),
        collect=("/out/c/**",),
    )
    result = stage.sandbox.run(order)
    for path, body in result.files.items() if goal is not None else ():
        place = goal / path.removeprefix("/out/c/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
    return result.output


def test_a_cache_that_lies_in_the_tree_is_not_read(stage: Callable[..., Stage]) -> None:
    made = Typed(stage, TYPED, config={"checks": {"types": {"args": ["--cache-dir", "kept"]}}})
    forged = _forged(made)
    assert "Success" in _plain_mypy(made, WRONG, forged)
    sandboxes = made.stage.sandbox.run

    def run(order, *others, **more):
        """The tree has that cache in it."""
        files = tuple(
            SandboxFile(path=f"/work/kept/{path.relative_to(forged)}", content=path.read_bytes())
            for path in forged.rglob("*.db")
        )
        return sandboxes(
            order.model_copy(update={"files": (*order.files, *files)}), *others, **more
        )

    made.stage.sandbox.run = run  # type: ignore[method-assign]
    assert made.head(shop__sums_DOT_py=WRONG).verdict is Status.FAILED
