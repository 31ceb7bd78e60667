"""A recipe as a tool of a model, with the migration that Django makes in a room."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from agent import worktree
from agent.chat import ToolCall
from agent.editing.toolbox import Toolbox
from repo_config import detect
from tests.integration.check_samples import Stage
from tests.unit.editing.test_by_recipe import sample


def test_a_model_has_a_field_added_with_its_migration(stage: Callable[..., Stage]) -> None:
    made = stage(sample())
    prepared = made.prepared
    scripts = Path(prepared.environment.scripts_path) / "recipes"
    if not scripts.exists():
        shutil.copytree(str(resources.files("agent.recipes") / "inside"), scripts)
    tree = worktree.lay_out(prepared.checkout, made.services.head_folder(prepared.run))
    project = detect.project(tree, prepared.contract.config)
    contract = prepared.contract.model_copy(update={"project": project})
    prepared = prepared.model_copy(update={"contract": contract})
    toolbox = Toolbox(tree, prepared, made.services, phase="source")
    request = "Add a CharField `nickname` to `shop.Customer` with max_length=50, blank=True"

    def called(name: str, /, **arguments: object) -> str:
        call = ToolCall(call_id=name, name=name, arguments=json.dumps(arguments))
        result = toolbox.carry_out((call,)).results[0]
        assert not result.failed, result.content
        return result.content

    assert called("recipe", request=request).startswith("add-django-field changed shop/")
    paths = [file.path for file in tree.changes()]
    assert "shop/models.py" in paths
    (migration,) = [path for path in paths if "/migrations/" in path]
    assert "nickname" in tree.read(migration).decode()
    assert "0 new findings" in called("run_check", name="makemigrations")
    assert "nickname" in called("outline", path="shop/models.py")
