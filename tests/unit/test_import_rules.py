"""Each import contract holds, and each is proven to bite by an import that breaks it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: For each contract of pyproject.toml: a module and a line that it must not contain.
BREAKS = {
    "Packages point one way": ("repo_config/schema.py", "import agent.domain"),
    "Inside agent, imports point inward": ("agent/domain.py", "import agent.workflow"),
    "Stages do not know each other": ("agent/stages/plan.py", "import agent.stages.review"),
    "The core knows no outside library": ("agent/stages/publish.py", "import httpx"),
    "Adapters know ports, not stages": (
        "agent/adapters/local_forge.py",
        "import agent.stages.plan",
    ),
    "The listener can insert into the inbox, no more": (
        "webhooks/signatures.py",
        "import agent.adapters.github.access",
    ),
    "The simulator shares no module with its client": (
        "agent/demo/simulator/records.py",
        "import agent.domain",
    ),
}


@pytest.fixture
def copy(tmp_path):
    for name in ("agent", "repo_config", "webhooks"):
        shutil.copytree(
            ROOT / name,
            tmp_path / name,
            ignore=shutil.ignore_patterns("__pycache__", "sample_project"),
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


def contracts() -> list[str]:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    heads = [n for n, line in enumerate(lines) if line == "[[tool.importlinter.contracts]]"]
    return [lines[n + 1].split('"')[1] for n in heads]


def test_all_contracts_hold(copy):
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_every_contract_has_its_proof():
    assert set(contracts()) == set(BREAKS)


@pytest.mark.parametrize("contract", BREAKS)
def test_breaking_a_contract_shows(copy, contract):
    module, line = BREAKS[contract]
    path = copy / module
    path.write_text(path.read_text() + f"\n{line}\n")
    done = lint(copy)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout
