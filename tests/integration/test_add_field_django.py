"""The recipe with a real Django: edit, let Django make the migration, accept it, migrate rows."""

import json
import sqlite3
import subprocess
import sys
import uuid
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pytest

from agent.checks import report
from agent.editing import by_recipe
from agent.errors import EditFailed, RepositoryUnfit, TicketUnclear, UnaskedOperations
from agent.models.sandbox import SandboxResult
from agent.models.ticket import Ticket
from agent.recipes.add_field import edits, recipe
from agent.recipes.add_field.parameters import Parameters
from repo_config.detect import DjangoProject, Project
from tests.deep import deep
from tests.folders import lay_files
from tests.unit.trees import make_project

#: Starts the script where the request is, as a sandbox does.
START = """
import sys
sys.path[:1] = sys.argv[1].split(":")
import mergewright_report
mergewright_report.REQUEST_PATH = sys.argv[2]
del sys.argv[1:3]
import mergewright_migrations
mergewright_migrations.main()
"""
ENVIRON = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
SCRIPTS = ":".join(
    str(resources.files(package) / "sandbox_scripts")
    for package in ("agent.checks", "agent.recipes")
)

SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = [
    "django.contrib.contenttypes", "django.contrib.auth", "shop",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
"""
MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
SHOP_MODELS = """from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=100)


class Place(models.Model):
    address = models.CharField(max_length=100)
"""


@dataclass
class Repository:
    """A Django project on disk."""

    root: Path

    def write(self, files: dict[str, str]) -> None:
        lay_files(self.root, files)

    def paths(self) -> tuple[str, ...]:
        found = (p for p in self.root.rglob("*") if p.suffix in (".py", ".toml", ".txt"))
        return tuple(sorted(p.relative_to(self.root).as_posix() for p in found))

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def run(self, *words: str | Path) -> None:
        command = [sys.executable, *words]
        subprocess.run(command, cwd=self.root, timeout=120, env=ENVIRON, check=True)

    def manage(self, *words: str) -> None:
        self.run("manage.py", *words)

    def project(self, settings: str = "config.settings") -> Project:
        django = DjangoProject(settings_module=settings, manage="manage.py", python_path=("",))
        return make_project(
            framework="django", python_version="3.11", django=django, test_runner="django",
            test_script="manage.py",
        )  # fmt: skip

    def add(self, body: str, settings: str = "config.settings") -> tuple[str, ...]:
        """Carry a ticket out, up to an accepted migration."""
        ticket = Ticket(ticket_id="1", title="A field", body=body, digest="")
        settled = recipe.resolve_parameters(ticket, self, self.project())
        parameters = Parameters.model_validate_json(settled)
        for path, content in edits.make_edits(self, parameters).files.items():
            (self.root / path).write_bytes(content)
        before = {path: self.read(path) for path in self.paths()}
        result = self.make_migration(parameters, settings)
        new = {path: self.read(path) for path in self.paths()}
        new = {path: content for path, content in new.items() if before.get(path) != content}
        by_recipe.require_migration(parameters, result)
        return tuple(new)

    def make_migration(self, parameters: Parameters, settings: str) -> SandboxResult:
        place = self.root.with_name(f"report-{uuid.uuid4()}")
        told = {
            "report": str(place), "tree": str(self.root), "manage": "manage.py",
            "settings": settings, "python_path": [str(self.root)],
            "field": by_recipe.describe_field(parameters, self.project()),
        }  # fmt: skip
        request = place.with_suffix(".request")
        request.write_text(json.dumps(told))
        command = [sys.executable, "-c", START, SCRIPTS, str(request), by_recipe.JOB]
        ended = subprocess.run(
            command, cwd=self.root, timeout=120, env=ENVIRON, capture_output=True, check=False,
            text=True,
        )  # fmt: skip
        return SandboxResult(
            exit_code=ended.returncode, limit=None, output=ended.stdout + ended.stderr, seconds=0.0,
            output_bytes=0, files={report.PATH: place.read_bytes()}, refused=(),
        )  # fmt: skip

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.root / "db.sqlite3") as database:
            return list(database.execute(statement))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A project whose models and migrations agree."""
    repository = Repository(tmp_path_factory.mktemp("project") / "work")
    repository.write(
        {
            "manage.py": MANAGE,
            "config/__init__.py": "",
            "config/settings.py": SETTINGS,
            "shop/__init__.py": "",
            "shop/models.py": SHOP_MODELS,
            "shop/migrations/__init__.py": "",
        }
    )
    repository.manage("makemigrations", "shop")
    return repository


@pytest.fixture
def repository(template: Repository, tmp_path: Path) -> Repository:
    root = tmp_path / "work"
    subprocess.run(["cp", "-r", str(template.root), str(root)], check=True, timeout=60)
    return Repository(root)


def form(model: str, field: str) -> str:
    return f"### Model\n\n{model}\n\n### Field\n\n{field}\n"


NICKNAME = form("shop.Customer", "nickname = models.CharField(max_length=50, null=True)")
MADE = "shop/migrations/0002_customer_nickname.py"


@pytest.mark.deep
@pytest.mark.parametrize(
    ("options", "held"),
    [("max_length=50, null=True", None), ("max_length=50, default='it\\'s new'", "it's new")],
)
def test_rows_survive_with_the_stated_value(
    repository: Repository, options: str, held: str | None
) -> None:
    repository.manage("migrate")
    repository.ask("INSERT INTO shop_customer (name) VALUES ('Ada')")
    repository.add(form("shop.Customer", f"nickname = models.CharField({options})"))
    repository.manage("makemigrations", "--check", "--dry-run")
    repository.manage("migrate")
    assert repository.ask("SELECT name, nickname FROM shop_customer") == [("Ada", held)]


def test_what_base_has_no_migration_for_is_left(repository: Repository) -> None:
    text = repository.read("shop/models.py").decode()
    place = text.index("class Place")
    repository.write({"shop/models.py": text[:place] + text[place:].replace("100", "120")})
    repository.add(NICKNAME)
    assert repository.read(MADE).count(b"migrations.A") == 1


ODD = """

class Odd(models.CharField):
    def deconstruct(self):
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "help_text": str(id(options))}
"""


def test_only_the_column_is_added(repository: Repository) -> None:
    models = repository.read("shop/models.py").decode()
    made = repository.read("shop/migrations/0001_initial.py").decode()
    odd = made.replace("models.CharField", "shop.models.Odd")
    repository.write({
        "shop/models.py": models + ODD,
        "shop/migrations/0001_initial.py": f"import shop.models\n{odd}",
    })  # fmt: skip
    with pytest.raises(UnaskedOperations, match="Alter field name on customer"):
        repository.add(NICKNAME)


@pytest.mark.parametrize(
    ("field", "about"),
    [
        ("CharField(null=True, choices=[1])", "'choices' must be"),
        deep("ForeignKey(Place, null=True)", "'on_delete'"),
        deep("PhoneField(null=True)", "no attribute 'PhoneField'"),
        deep("CharField(max_length=5, unique=True, default='x')", "unique field needs null=True"),
        deep("IntegerField(primary_key=True, default=1)", "primary key already"),
        ("IntegerField(blank=True)", "xisting rows of customer need a value"),
        ("CharField(max_length=5, default='too long')", "'too long' is not a valid value of added"),
        deep("DateTimeField(default=timezone.now())", "Fixed default value"),
    ],
)
def test_what_django_does_not_take_comes_back_with_the_form(
    repository: Repository, field: str, about: str
) -> None:
    head, customer = SHOP_MODELS.split("class Customer")
    customer, place = customer.split("class Place")
    text = f"{head}class Place{place}\n\nclass Customer{customer}"
    repository.write({"shop/models.py": text})
    with pytest.raises(TicketUnclear) as raised:
        repository.add(form("shop.Customer", f"added = models.{field}"))
    assert about in raised.value.message
    assert raised.value.message.endswith(f"  ### Field\n  added = models.{field}")


OTHERS = (
    f"{SHOP_MODELS}\n\nclass Gold(Customer):\n    rank = models.TextField()\n\n\n"
    "class Seller(Customer):\n    class Meta:\n        proxy = True\n\n\n"
    "class View(models.Model):\n    class Meta:\n        managed = False\n\n\n"
    "class Base(models.Model):\n    a = models.TextField()\n\n"
    "    class Meta:\n        abstract = True\n"
)


@pytest.mark.parametrize(
    ("model", "name", "about"),
    [
        ("Base", "b", "shop.Base has no table that migrations change"),
        deep("Seller", "a", "shop.Seller has no table"),
        deep("View", "a", "shop.View has no table"),
        deep("Customer", "rank", "'rank' in class 'Gold' clashes"),
        ("Customer", "nick__name", 'Field names must not contain "__"'),
    ],
)
def test_models_without_a_table_and_taken_names_come_back_with_the_form(
    repository: Repository, model: str, name: str, about: str
) -> None:
    repository.write({"shop/models.py": OTHERS})
    with pytest.raises(TicketUnclear) as raised:
        repository.add(form(f"shop.{model}", f"{name} = models.CharField(max_length=5, null=True)"))
    assert about in raised.value.message


def test_a_table_that_no_migration_creates_is_named(repository: Repository) -> None:
    repository.write({"shop/models.py": OTHERS})
    with pytest.raises(EditFailed, match="`python manage.py makemigrations shop`"):
        repository.add(NICKNAME.replace("Customer", "Gold").replace("nickname", "level"))


def test_a_project_that_cannot_be_started_is_unfit_and_not_a_failed_edit(
    repository: Repository,
) -> None:
    repository.write({"config/settings.py": f"import os\nos.environ['SECRET_KEY']\n{SETTINGS}"})
    with pytest.raises(RepositoryUnfit, match="KeyError: 'SECRET_KEY'"):
        repository.add(NICKNAME)


@pytest.mark.deep
def test_migrations_that_the_settings_switch_off_are_switched_on(repository: Repository) -> None:
    off = (
        "from .settings import *\n\n\nclass Off:\n    def __contains__(self, item):\n"
        "        return True\n\n    def __getitem__(self, item):\n        return None\n\n\n"
        "MIGRATION_MODULES = Off()\n"
    )
    repository.write({"config/off.py": off})
    assert repository.add(NICKNAME, "config.off") == (MADE,)
