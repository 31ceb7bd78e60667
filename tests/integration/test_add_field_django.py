"""The recipe with a real Django: edit, let Django make the migration, accept it, migrate rows."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import uv

from agent.domain import Reason, Ticket
from agent.errors import EditFailed
from agent.recipes.add_field.recipe import AddDjangoField
from repo_config.detect import DjangoProject, Project
from repo_config.schema import RepoConfig
from tests.deep import deep

pytestmark = pytest.mark.index

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "agent" / "recipes" / "inside" / "make_migration.py"
RECIPE = AddDjangoField()

SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = [
    "django.contrib.contenttypes", "django.contrib.auth", "shop", "crm", "rest_framework",
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


class Stamped(models.Model):
    class Meta:
        abstract = True


class Customer(Stamped):
    name = models.CharField(max_length=100)


class Place(models.Model):
    address = models.CharField(max_length=100)


class Restaurant(Place):
    stars = models.IntegerField(default=0)
"""
CRM_MODELS = """from shop.models import Stamped
from django.db import models


class Lead(Stamped):
    source = models.CharField(max_length=10)
"""
CRM_PACKAGE = {
    "crm/models/__init__.py": "from .leads import Lead\n",
    "crm/models/leads.py": CRM_MODELS,
}


@dataclass
class Repository:
    """A Django project on disk, with the interpreter that has Django."""

    root: Path
    python: Path

    def write(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)

    def paths(self) -> tuple[str, ...]:
        found = (p for p in self.root.rglob("*") if p.is_file() and p.suffix in (".py", ".toml"))
        return tuple(sorted(p.relative_to(self.root).as_posix() for p in found))

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def manage(self, *args: str) -> str:
        done = subprocess.run(
            [self.python, "manage.py", *args],
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=120,
            env=self._environ(),
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _environ(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.python.parent), "/usr/bin", "/bin"])
        return {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}

    def project(self, settings: str = "config.settings", lint: tuple[str, ...] = ()) -> Project:
        django = DjangoProject(settings_module=settings, manage="manage.py", python_path=("",))
        return Project(
            framework="django",
            python_version="3.11",
            django=django,
            test_runner="django",
            test_script="manage.py",
            type_tools=(),
            lint_tools=lint,
        )

    def settle_and_apply(self, body: str, lint: tuple[str, ...] = ()) -> str:
        ticket = Ticket(ticket_id="1", title="A field", body=body, digest="")
        parameters = RECIPE.settle(ticket, self, RepoConfig(), self.project(lint=lint))
        for path, content in RECIPE.apply(self, parameters).files.items():
            (self.root / path).write_bytes(content)
        return parameters

    def produce(
        self, parameters: str, settings: str = "config.settings"
    ) -> tuple[bytes, dict[str, bytes], int]:
        command = RECIPE.produce(parameters, self.project(settings))
        assert command is not None
        before = {path: self.read(path) for path in self.paths()}
        out = self.root.parent / "out"
        out.mkdir(exist_ok=True)
        done = subprocess.run(
            [self.python, SCRIPT, *command.args],
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**self._environ(), **command.environ, "MERGEWRIGHT_OUT": str(out)},
        )
        report = (out / command.report).read_bytes()
        folders = {glob.rpartition("/")[0] for glob in command.globs}
        new = {
            path: self.read(path)
            for path in self.paths()
            if path not in before and path.rpartition("/")[0] in folders
        }
        return report, new, done.returncode

    def add(self, body: str) -> tuple[str, ...]:
        """Carry a ticket out, up to an accepted migration."""
        parameters = self.settle_and_apply(body)
        report, new, code = self.produce(parameters)
        assert code == 0, report
        return RECIPE.accept_produced(parameters, report, new)

    def fill(self, *statements: str) -> None:
        with sqlite3.connect(self.root / "db.sqlite3") as database:
            for statement in statements:
                database.execute(statement)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.root / "db.sqlite3") as database:
            return list(database.execute(query))


def environment(folder: Path, *requirements: str) -> Path:
    """A virtual environment with these packages."""
    tool = uv.find_uv_bin()
    python = folder / "bin" / "python"
    for command in (
        [tool, "venv", "-q", "--python", sys.executable, str(folder)],
        [tool, "pip", "install", "-q", "--python", str(python), *requirements],
    ):
        subprocess.run(command, check=True, timeout=300, capture_output=True)
    return python


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with Django; MERGEWRIGHT_TEST_DJANGO_PYTHON names another one."""
    if given := os.environ.get("MERGEWRIGHT_TEST_DJANGO_PYTHON"):
        return Path(given)
    folder = tmp_path_factory.mktemp("django") / "env"
    return environment(folder, "django>=5.2,<5.3", "djangorestframework")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory, python: Path) -> Repository:
    """A project whose models and migrations agree, with a migrated database."""
    repository = Repository(tmp_path_factory.mktemp("project") / "work", python)
    repository.write(
        {
            "manage.py": MANAGE,
            "config/__init__.py": "",
            "config/settings.py": SETTINGS,
            "shop/__init__.py": "",
            "shop/models.py": SHOP_MODELS,
            "shop/migrations/__init__.py": "",
            "crm/__init__.py": "",
            "crm/migrations/__init__.py": "",
            **CRM_PACKAGE,
        }
    )
    repository.manage("makemigrations", "shop", "crm")
    repository.manage("migrate")
    repository.fill(
        "INSERT INTO shop_customer (name) VALUES ('Ada')",
        "INSERT INTO crm_lead (source) VALUES ('web')",
        "INSERT INTO shop_place (address) VALUES ('here')",
        "INSERT INTO shop_restaurant (place_ptr_id, stars) VALUES (1, 3)",
    )
    return repository


@pytest.fixture
def repository(migrated: Repository, tmp_path: Path) -> Repository:
    root = tmp_path / "work"
    subprocess.run(["cp", "-r", str(migrated.root), str(root)], check=True, timeout=60)
    return Repository(root, migrated.python)


def form(model: str, name: str, type_name: str, options: str, existing: str = "") -> str:
    stated = f"### Default for existing rows\n\n{existing}\n" if existing else ""
    return (
        f"### Model\n\n{model}\n\n### Field name\n\n{name}\n\n### Field type\n\n{type_name}\n\n"
        f"### Options\n\n{options}\n\n{stated}"
    )


@pytest.mark.deep
@pytest.mark.parametrize(
    ("options", "existing", "held"),
    [
        deep("max_length=50, null=True", "", None),
        deep("max_length=50, blank=True", '""', ""),
        deep("max_length=50, default='new'", "old", "old"),
        ("max_length=50", 'it\'s "new"', 'it\'s "new"'),
    ],
)
def test_rows_survive_with_the_stated_value(
    repository: Repository, options: str, existing: str, held: str | None
) -> None:
    repository.add(form("shop.Customer", "nickname", "CharField", options, existing))
    repository.manage("makemigrations", "--check", "--dry-run")
    repository.manage("migrate")
    assert repository.rows("SELECT name, nickname FROM shop_customer") == [("Ada", held)]


KINDS = (
    ("IntegerField", "", "7"),
    ("BooleanField", "default=True", ""),
    ("DecimalField", "max_digits=6, decimal_places=2, default=1.50", ""),
    ("DateTimeField", "", "2024-01-31T10:00:00+02:00"),
    ("UUIDField", "default=uuid.uuid4", ""),
    ("JSONField", "default=dict", ""),
    ("CharField", 'max_length=1, choices=[("a", "A"), ("b", "B")], default="a"', ""),
    ("TextField", 'null=True, help_text="What it’s for", verbose_name="note"', ""),
    ("ForeignKey", "to=shop.Place, on_delete=SET_NULL, null=True", ""),
    ("ManyToManyField", "to=Place, blank=True, related_name='fans'", ""),
)


@pytest.mark.deep
def test_every_kind_of_field_gets_the_migration_that_was_asked_for(repository: Repository) -> None:
    for number, (type_name, options, existing) in enumerate(KINDS):
        name = f"extra{number}"
        notes = repository.add(form("shop.Customer", name, type_name, options, existing))
        file = f"shop/migrations/{number + 2:04}_customer_{name}.py"
        assert len(notes) == 1, type_name
        text = repository.read(file).decode()
        assert re.findall(r"^ {8}migrations\.(\w+)\($", text, re.MULTILINE) == ["AddField"], (
            type_name
        )
    repository.manage("makemigrations", "--check", "--dry-run")
    repository.manage("migrate")
    assert repository.rows("SELECT name, extra0, extra1, extra2 FROM shop_customer") == [
        ("Ada", 7, 1, 1.5)
    ]


@pytest.mark.deep
def test_an_abstract_model_gives_each_child_its_column(repository: Repository) -> None:
    notes = repository.add(form("Stamped", "origin", "CharField", "max_length=9", "old"))
    assert len(notes) == 2
    repository.manage("migrate")
    assert repository.rows("SELECT origin FROM crm_lead") == [("old",)]
    assert repository.rows("SELECT origin FROM shop_customer") == [("old",)]


def test_an_operation_nobody_asked_for_withholds_the_change(repository: Repository) -> None:
    text = (repository.root / "shop/models.py").read_text()
    text = text.replace(
        "address = models.CharField(max_length=100)", "address = models.CharField(max_length=120)"
    )
    repository.write({"shop/models.py": text})
    parameters = repository.settle_and_apply(
        form("shop.Customer", "nickname", "CharField", "max_length=50, null=True")
    )
    report, new, _ = repository.produce(parameters)
    with pytest.raises(EditFailed) as raised:
        RECIPE.accept_produced(parameters, report, new)
    assert raised.value.reason is Reason.UNASKED_OPERATIONS
    assert "AlterField address on place" in raised.value.message
    assert "makemigrations shop" in raised.value.message


def failure(repository: Repository, settings: str = "config.settings", body: str = "") -> str:
    parameters = repository.settle_and_apply(
        body or form("shop.Customer", "nickname", "CharField", "max_length=50, null=True")
    )
    report, new, code = repository.produce(parameters, settings)
    assert code == 0
    assert new == {}
    with pytest.raises(EditFailed) as raised:
        RECIPE.accept_produced(parameters, report, new)
    return raised.value.message


@pytest.mark.deep
def test_redirected_migrations_are_a_clear_failure(repository: Repository) -> None:
    repository.write(
        {
            "config/away.py": 'from .settings import *\nMIGRATION_MODULES = {"shop": "away.shop"}\n',
            "away/__init__.py": "",
            "away/shop/__init__.py": "",
        }
    )
    assert "away.shop" in failure(repository, "config.away")


@pytest.mark.deep
def test_migrations_that_the_settings_switch_off_are_switched_on(repository: Repository) -> None:
    off = (
        "from .settings import *\n\n\nclass Off:\n    def __contains__(self, item):\n"
        "        return True\n\n    def __getitem__(self, item):\n        return None\n\n\n"
        "MIGRATION_MODULES = Off()\n"
    )
    repository.write({"config/off.py": off})
    parameters = repository.settle_and_apply(
        form("shop.Customer", "nickname", "CharField", "max_length=50, null=True")
    )
    report, new, _ = repository.produce(parameters, "config.off")
    off, made = RECIPE.accept_produced(parameters, report, new)
    assert "shop off" in off
    assert "shop/migrations/0002_customer_nickname.py" in made


@pytest.mark.deep
def test_the_written_test_fails_before_and_passes_after(repository: Repository) -> None:
    repository.write(
        {
            "shop/tests/__init__.py": "",
            "shop/tests/test_models.py": "from django.test import TestCase\n\n\n"
            "class CustomerTests(TestCase):\n    def test_nothing(self):\n        pass\n",
        }
    )
    model = repository.read("shop/models.py")
    body = form("shop.Customer", "nickname", "CharField", "max_length=50, blank=True")
    repository.add(body + "\n### Add a test\n\nYes\n")
    repository.manage("test", "shop")
    repository.root.joinpath("shop/models.py").write_bytes(model)
    with pytest.raises(AssertionError, match="Customer has no field named 'nickname'"):
        repository.manage("test", "shop")


# --- formatters --------------------------------------------------------------------------------

UNFORMATTED = """from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [('shop', '0001_initial')]
    operations = [ ]
"""
TOOLS = {
    "black, short lines": (
        '[tool.black]\nline-length = 60\nextend-exclude = "/crm/"\n',
        ("black",),
        [["black", "--check", "."]],
    ),
    "ruff": (
        "[tool.ruff]\nline-length=70\n[tool.ruff.lint]\nselect=['F', 'I']\n[tool.ruff.format]\n",
        ("ruff",),
        [["ruff", "check", "."], ["ruff", "format", "--check", "."]],
    ),
}
SHOP_ADMIN = """from django.contrib import admin

from shop.models import Customer


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("name", "pk")
"""
FUNCTIONS = "from shop.models import Customer\n\n\ndef test_name():\n    Customer()\n"
FORMATTED_TICKETS = (
    (
        "CharField",
        (
            "max_length=9, help_text='A rather long text that says what it is there for', "
            "choices=[('first', 'The first of all'), ('second', 'The second one'), ('c', 'C')], "
            "default='first'"
        ),
    ),
    ("ForeignKey", "to=shop.Place, on_delete=SET_NULL, null=True, related_name='all_customers'"),
)


@pytest.fixture(scope="session")
def shaping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with Django, black, isort and ruff."""
    folder = tmp_path_factory.mktemp("shaping") / "env"
    return environment(folder, "django>=5.2,<5.3", "djangorestframework", "black", "isort", "ruff")


@pytest.mark.deep
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(("type_name", "options"), FORMATTED_TICKETS)
def test_new_and_edited_files_pass_the_formatter_that_old_migrations_fail(
    repository: Repository, shaping: Path, tool: str, type_name: str, options: str
) -> None:
    config, lint, commands = TOOLS[tool]
    shaped = Repository(repository.root, shaping)
    shaped.write(
        {
            "pyproject.toml": config,
            "shop/admin.py": SHOP_ADMIN,
            "shop/tests/__init__.py": "",
            "shop/tests/test_models.py": FUNCTIONS,
            "shop/migrations/0002_by_hand.py": UNFORMATTED,
        }
    )
    run = {"cwd": shaped.root, "capture_output": True, "text": True, "timeout": 120}
    tools = shaping.parent
    old = ["shop/migrations/0001_initial.py", "shop/migrations/0002_by_hand.py"]
    for command in (["ruff", "check", "--fix"], ["ruff", "format"], ["isort"], ["black"]):
        if command[0] in lint:
            edited = ["shop/models.py", "shop/admin.py", "shop/tests"]
            subprocess.run([tools / command[0], *command[1:], *edited], check=False, **run)
    body = form("shop.Customer", "nickname_of_the_customer", type_name, options)
    body += "\n### Admin list\n\nYes\n\n### Add a test\n\nYes\n"
    parameters = shaped.settle_and_apply(body, lint)
    report, new, _ = shaped.produce(parameters)
    RECIPE.accept_produced(parameters, report, new)
    told = ""
    for command in commands:
        done = subprocess.run([tools / command[0], *command[1:]], check=False, **run)
        told += done.stdout + done.stderr
    touched = {*RECIPE.touches(parameters), *new, *(p for p in shaped.paths() if "test_cust" in p)}
    assert len(touched) == 4
    assert [path for path in sorted(touched) if path in told] == []
    assert [path for path in old if path in told] == ["shop/migrations/0002_by_hand.py"] or (
        old[0] in told
    )
