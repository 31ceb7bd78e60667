"""What modules use of others, beyond what the import contracts say."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_engine_has_public_names_of_dbos_only():
    parts = list(ast.walk(ast.parse((ROOT / "agent" / "store" / "engine.py").read_text())))
    imported = [
        f"{part.module}.{name.name}"
        for part in parts
        if isinstance(part, ast.ImportFrom) and "dbos" in (part.module or "")
        for name in part.names
    ]
    reached = [
        part.attr
        for part in parts
        if isinstance(part, ast.Attribute)
        and not (isinstance(part.value, ast.Name) and part.value.id == "self")
    ]
    assert "dbos.DBOS" in imported
    assert "register_queue" in reached
    names = [word for path in (*imported, *reached) for word in path.split(".")]
    assert [name for name in names if name.startswith("_")] == []


def test_the_simulator_shares_no_module_with_its_client():
    ours = {"agent", "repo_config", "webhooks", "git", "github"}
    for path in (ROOT / "tests" / "simulator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & ours, path
            assert all(name.startswith("tests.simulator") for name in names if name[:5] == "tests")
