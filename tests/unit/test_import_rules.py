"""What modules use of others, beyond what the import contracts say."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_simulator_shares_no_module_with_its_client():
    ours = {"agent", "repo_config", "webhooks", "git", "github"}
    for path in (ROOT / "tests" / "simulator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & ours, path
            assert all(name.startswith("tests.simulator") for name in names if name[:5] == "tests")
