"""What Django makes in a room for a model: by a recipe as its tool, and by its own makemigrations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pytest

from agent import worktree
from agent.chat import ToolCall, ToolResult
from agent.editing.minutes import unbounded
from agent.editing.toolbox import Toolbox
from agent.repository.tree import WorkTree
from repo_config import detect
from tests.integration.check_samples import Stage
from tests.unit.editing.test_by_recipe import sample


@dataclass
class Opened:
    """The tools on a work tree."""

    tree: WorkTree
    toolbox: Toolbox

    def call(self, name: str, /, **arguments: object) -> ToolResult:
        call = ToolCall(call_id=name, name=name, arguments=json.dumps(arguments))
        return self.toolbox.carry_out((call,)).results[0]

    def said(self, name: str, /, **arguments: object) -> str:
        result = self.call(name, **arguments)
        assert not result.failed, result.content
        return result.content

    def refused(self, name: str, /, **arguments: object) -> str:
        before = self.tree.changes()
        result = self.call(name, **arguments)
        assert result.failed, result.content
        assert self.tree.changes() == before
        return result.content

    @property
    def paths(self) -> list[str]:
        return [file.path for file in self.tree.changes()]


def opened(made: Stage) -> Opened:
    prepared = made.prepared
    scripts = Path(prepared.environment.scripts_path) / "recipes"
    if not scripts.exists():
        shutil.copytree(str(resources.files("agent.recipes") / "inside"), scripts)
    tree = worktree.lay_out(prepared.checkout, made.services.head_folder(prepared.run))
    project = detect.project(tree, prepared.contract.config)
    contract = prepared.contract.model_copy(update={"project": project})
    prepared = prepared.model_copy(update={"contract": contract})
    toolbox = Toolbox(tree, prepared, made.services, phase="source", seconds_left=unbounded)
    return Opened(tree, toolbox)


def test_a_model_has_a_field_added_with_its_migration(stage: Callable[..., Stage]) -> None:
    made = opened(stage(sample()))
    request = "Add `nickname = models.CharField(max_length=50, blank=True)` to `shop.Customer`"
    assert made.said("recipe", request=request).startswith("add-django-field changed shop/")
    assert "shop/models.py" in made.paths
    (migration,) = [path for path in made.paths if "/migrations/" in path]
    assert "nickname" in made.tree.read(migration).decode()
    assert "0 new findings" in made.said("run_check", name="makemigrations")
    assert "nickname" in made.said("outline", path="shop/models.py")


PARCEL = """

class Parcel(models.Model):
    \"\"\"What an order is sent in.\"\"\"

    weight = models.IntegerField()
"""


@pytest.mark.deep
def test_a_model_has_the_migrations_made_that_its_edits_ask_for(
    stage: Callable[..., Stage],
) -> None:
    files = sample()
    installed = '    "shop",\n'
    assert installed in files["config/settings.py"]
    made = opened(stage(files))
    assert "no change" in made.refused("makemigrations", app="shop")
    assert "config is no installed app" in made.refused("makemigrations", app="config")
    models = made.tree.read("shop/models.py").decode()
    last = models.splitlines()[-1]
    made.said("edit", path="shop/models.py", old=f"{last}\n", new=f"{last}\n{PARCEL}")
    said = made.said("makemigrations", app="shop/")
    assert "`shop/migrations/0002_parcel.py`: made by Django" in said
    assert 'name="Parcel"' in said
    assert made.paths == ["shop/migrations/0002_parcel.py", "shop/models.py"]
    # A question of Django's goes back to the model, and nothing is made.
    weight, height = (f"    {name} = models.IntegerField()" for name in ("weight", "height"))
    made.said("edit", path="shop/models.py", old=weight, new=f"{weight}\n{height}")
    assert "height" in made.refused("makemigrations", app="shop")
    made.said("edit", path="shop/models.py", old=f"{height}\n", new="")
    # A new app has none yet.
    made.said("create", path="post/__init__.py", text="")
    made.said("create", path="post/models.py", text=f"from django.db import models\n{PARCEL}")
    settings = {"old": installed, "new": f'{installed}    "post",\n'}
    made.said("edit", path="config/settings.py", **settings)
    assert "post/migrations/0001_initial.py" in made.said("makemigrations", app="post")
    assert "post/migrations/__init__.py" in made.paths


#: Written where Django is started, by code that the model has edited.
PLANTING = """
import os
for _path in {paths!r}:
    os.makedirs(os.path.dirname(_path), exist_ok=True)
    with open(_path, "a") as _file:
        _file.write("x = 1\\n")
"""


@pytest.mark.deep
@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ("shop/migrations/0001_initial.py", "changed shop/migrations/0001_initial.py"),
        ("shop/migrations/_a-b.py", "no migration"),
        (".github/migrations/evil.py", "no change"),
    ],
)
def test_what_is_planted_beside_the_migrations_is_not_taken(
    stage: Callable[..., Stage], planted: str, words: str
) -> None:
    files = sample()
    files["shop/apps.py"] += PLANTING.format(paths=[planted])
    made = opened(stage(files))
    assert words in made.refused("makemigrations", app="shop")
