"""A small project as a work tree, with a toolbox on it."""

from __future__ import annotations

import itertools
import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent import testing
from agent.chat import ToolCall, ToolResult
from agent.domain import Checkout, Contract, Environment, Prepared, Run, Ticket
from agent.editing.toolbox import Batch, Phase, Toolbox
from agent.ports import RoomResult
from agent.repository.tree import WorkTree
from agent.services import Services
from agent.settings import Settings
from repo_config import detect
from repo_config.schema import RepoConfig

SHOP = {
    "shop/__init__.py": "",
    "shop/models.py": """
        from shop.money import rounded


        class Order:
            def total(self):
                return rounded(1)

            def count(self):
                return 1
    """,
    "shop/money.py": "def rounded(value):\n    return value\n",
    "tests/test_models.py": "def test_total():\n    assert True\n",
    "payments/card.py": "LIMIT = 5\n",
    ".github/workflows/ci.yml": "on: push\n",
    "README.md": "# Shop\n",
}

ENVIRONMENT = Environment(
    key="k",
    path="/e",
    gate_path="/g",
    scripts_path="/s",
    python="3.11.7",
    interpreter_mounts=(),
    interpreter="/p",
    sources=(),
    packages=(),
)


@dataclass
class Bench:
    """A toolbox, and what was said to it."""

    tree: WorkTree
    toolbox: Toolbox
    _ids: itertools.count[int] = field(default_factory=itertools.count)

    def call(self, name: str, /, **arguments: object) -> ToolResult:
        """Call one tool."""
        return self.calls((name, json.dumps(arguments))).results[0]

    def calls(self, *calls: tuple[str, str]) -> Batch:
        """Call tools by name and arguments as they are written."""
        made = tuple(
            ToolCall(call_id=f"c{next(self._ids)}", name=name, arguments=arguments)
            for name, arguments in calls
        )
        return self.toolbox.carry_out(made)

    def said(self, name: str, /, **arguments: object) -> str:
        """Call a tool that has to do its work."""
        result = self.call(name, **arguments)
        assert not result.failed, result.content
        return result.content

    def refused(self, name: str, /, **arguments: object) -> str:
        """Call a tool that has to refuse, and to leave everything as it is."""
        before = self.tree.changes()
        result = self.call(name, **arguments)
        assert result.failed, result.content
        assert self.tree.changes() == before
        return result.content


def lay(folder: Path, files: Mapping[str, str | bytes]) -> WorkTree:
    """Make a tree of these files."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            place.write_bytes(textwrap.dedent(content).lstrip("\n").encode())
    return WorkTree(folder, files)


def prepared(tree: WorkTree, config: Mapping[str, object]) -> Prepared:
    """What is fixed before the first edit, of a tree."""
    told = RepoConfig.model_validate(config, strict=False)
    return Prepared(
        run=Run(run_id="r1", repository="/r", ticket="t.md", started=0),
        checkout=Checkout(
            repository="/r", mirror="/m", commit="0" * 40, base_branch="main", nearest_tag=None
        ),
        contract=Contract(config=told, project=detect.project(tree, told), source=None),
        environment=ENVIRONMENT,
    )


NOTHING = RoomResult(exit_code=0, output="", output_bytes=0, seconds=0)


def services(home: Path, room: RoomResult = NOTHING) -> Services:
    """Services whose rooms all hand the same back."""
    return Services(
        settings=Settings(home=home),
        forge=testing.FakeForge(Ticket(ticket_id="1", title="t", body="", digest="")),
        sandbox=testing.FakeSandbox(lambda order: room),
        index=None,  # type: ignore[arg-type] # nothing here asks the index
        say=lambda line: None,
    )


def bench(
    tmp_path: Path,
    files: Mapping[str, str | bytes] = SHOP,
    *,
    phase: Phase = "source",
    closed: tuple[str, ...] = (),
    room: RoomResult = NOTHING,
    **scope: object,
) -> Bench:
    """Lay a tree, and open a toolbox on it; what is named besides is the scope."""
    tree = lay(tmp_path / "tree", files)
    known = prepared(tree, {"scope": scope})
    svc = services(tmp_path / "home", room)
    return Bench(tree, Toolbox(tree, known, svc, phase=phase, closed=closed))
