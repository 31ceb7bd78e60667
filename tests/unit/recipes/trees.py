"""Small trees and tickets for tests of recipes."""

from collections.abc import Mapping

import pytest

from agent.errors import TicketUnclear
from agent.models.ticket import Ticket
from agent.recipes.add_field import edits, recipe
from agent.recipes.add_field.parameters import Parameters
from repo_config.detect import DjangoProject, Project
from tests.unit.trees import DictTree, make_project

SHOP = {
    "config/__init__.py": "",
    "config/settings.py": "",
    "shop/__init__.py": "",
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": "",
    "shop/models.py": '''from django.db import models


class Shop(models.Model):
    title = models.CharField(max_length=30)


class Customer(models.Model):
    """Someone who buys."""

    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True)  # the login

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name
''',
}


def app(name: str, models: str) -> dict[str, str]:
    return {
        f"{name}/__init__.py": "",
        f"{name}/migrations/__init__.py": "",
        f"{name}/migrations/0001_initial.py": "",
        f"{name}/models.py": models,
    }


def project(
    runner: str | None = "pytest",
    *,
    settings: str | None = "config.settings",
    lint: tuple[str, ...] = (),
    python_path: tuple[str, ...] = ("",),
) -> Project:
    django = DjangoProject(settings_module=settings, manage="manage.py", python_path=python_path)
    return make_project(
        framework="django", python_version="3.11", django=django, test_runner=runner,
        lint=lint,
    )  # fmt: skip


def ticket(body: str, title: str = "A field") -> Ticket:
    return Ticket(ticket_id="1", title=title, body=body, digest="")


def form(**facts: str) -> str:
    """An issue form; `add_a_test="Yes"` becomes its heading and answer."""
    parts = {
        "field_name": "nickname",
        "field_type": "CharField",
        "options": "max_length=50, blank=True",
    }
    name, kind, options = (facts.pop(part, usual) for part, usual in parts.items())
    field = f"```python\n{name} = models.{kind}({options})\n```"
    stated = {"model": "shop.Customer", "field": field} | facts
    return "\n\n".join(
        f"### {key.replace('_', ' ').capitalize()}\n\n{value}" for key, value in stated.items()
    )


def resolve_parameters(
    body: str,
    files: Mapping[str, str | bytes] = SHOP,
    title: str = "A field",
    detected: Project | None = None,
) -> Parameters:
    settled = recipe.resolve_parameters(ticket(body, title), DictTree(files), detected or project())
    return Parameters.model_validate_json(settled)


def edited(
    body: str, files: Mapping[str, str | bytes] = SHOP, detected: Project | None = None
) -> dict[str, bytes]:
    settled = resolve_parameters(body, files, detected=detected)
    return edits.make_edits(DictTree(files), settled).files


def questions(body: str, files: Mapping[str, str | bytes] = SHOP) -> tuple[str, ...]:
    """What is asked; fails when nothing is."""
    with pytest.raises(TicketUnclear) as raised:
        resolve_parameters(body, files)
    asked, _, _ = raised.value.message.partition("\nFill in this form")
    return tuple(asked.removeprefix("Questions:\n- ").split("\n- "))


def models_file(body: str, head: str = "from django.db import models\n\n\n") -> dict[str, str]:
    return SHOP | {"shop/models.py": head + body}
