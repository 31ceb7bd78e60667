"""The import contracts hold, and what breaks them is noticed."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path):
    for name in ("agent", "repo_config", "webhooks"):
        shutil.copytree(
            ROOT / name,
            tmp_path / name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = (
        "import sys; from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_breaking_a_contract_shows(copy):
    path = copy / "agent" / "stages" / "publish.py"
    path.write_text(path.read_text() + "\nimport httpx\nimport agent.stages.repair\n")
    path = copy / "webhooks" / "admission.py"
    path.write_text(path.read_text() + "\nimport agent.github.access\n")
    done = lint(copy)
    assert done.returncode != 0
    for contract in (
        "Stages do not know each other",
        "The core knows no outside library",
        "The listener can insert into the inbox, no more",
    ):
        assert f"{contract} BROKEN" in done.stdout


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
