"""Have Django make the migrations of an app, as a tool of a model.

Django runs in a room, on the tree as it is edited; what is taken of it are new files below the
app's own migrations folder, read as data and written through the gate.
"""

from __future__ import annotations

import glob
import json
import posixpath
import re

from agent import cleaning
from agent.domain import Prepared, Record
from agent.editing import producing
from agent.editing.gate import PathGate, Refused, shown
from agent.editing.minutes import SecondsLeft, unbounded
from agent.errors import EditFailed
from agent.recipes import style
from agent.recipes.recipe import ProducingCommand
from agent.repository.tree import WorkTree
from agent.services import Services
from repo_config import foreign_python
from repo_config.detect import DjangoProject

_SCRIPT = "make_migrations.py"
_NAME = re.compile(r"[A-Za-z0-9_]{1,100}\.py")
_MOST_SHOWN = 3_000
_MOST_PROBLEM = 1_500


class MakeMigrations(Record):
    """An app, by its folder."""

    app: str


def carry_out(
    asked: MakeMigrations,
    gate: PathGate,
    tree: WorkTree,
    prepared: Prepared,
    svc: Services,
    left: SecondsLeft = unbounded,
) -> str:
    """Make the migrations that an app lacks; show them.

    Raises:
        Refused: Django cannot make them, or they may not be written.
        SandboxLost: The room ended without a word.
    """
    django = prepared.contract.project.django
    if django is None or django.missing:
        raise Refused(django.missing if django else "this is no Django project")
    app = asked.app.removesuffix("/")
    gate.paths(app)
    try:
        made = producing.produce(_order(app, django, tree, prepared), tree, prepared, svc, left)
    except EditFailed as problem:
        raise Refused(problem.message) from problem
    if words := _problem(made.report):
        raise Refused(f"Django made no migration: {words}")
    if not made.files:
        raise Refused(f"Django sees no change in the models of {shown(app)}")
    for path, content in made.files.items():
        _hold(path, content, app)
    gate.write(made.files)
    return "\n".join(
        f"{shown(path)}: made by Django\n{_words(content)}"
        for path, content in sorted(made.files.items())
    )


def _order(app: str, django: DjangoProject, tree: WorkTree, prepared: Prepared) -> ProducingCommand:
    contract = prepared.contract
    project = contract.project
    formatters = style.of(tree, project).formatters
    request = {
        "folder": app,
        "manage": django.manage,
        "python_path": list(django.python_path),
        "formatters": [[name, list(told)] for name, told in formatters.items()],
    }
    settings = django.settings_module
    return ProducingCommand(
        script=_SCRIPT,
        args=(json.dumps(request, sort_keys=True),),
        environ={"DJANGO_SETTINGS_MODULE": settings} if settings else {},
        globs=(f"{glob.escape(app)}/migrations/*.py",),
    )


def _problem(report: bytes) -> str:
    """Read what stood in the way; foreign words."""
    try:
        said = json.loads(report)
    except (ValueError, RecursionError):
        return "its report cannot be read"
    if not isinstance(said, dict):
        return "its report cannot be read"
    words = cleaning.terminal(str(said.get("problem") or "")).strip()
    return cleaning.cut(words, _MOST_PROBLEM, where="not kept")


def _hold(path: str, content: bytes, app: str) -> None:
    """Let nothing pass but a module in the app's migrations."""
    folder, name = posixpath.split(path)
    if folder != f"{app}/migrations" or not _NAME.fullmatch(name):
        raise Refused(f"{shown(path)} was made, but no migration of {shown(app)} belongs there")
    try:
        foreign_python.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise Refused(f"{shown(path)} was made, but it is no Python") from problem


def _words(content: bytes) -> str:
    return cleaning.cut(content.decode("utf-8", "replace").strip(), _MOST_SHOWN, where="read it")
