"""A project in a folder of a repository that holds several."""

from __future__ import annotations

import shutil

import pytest

from tests.flow.stories import SAMPLE, TICKET, Repository

ROOT = "services/shop"


@pytest.fixture
def several(tmp_path) -> Repository:
    """The sample project below a folder, beside another one that has the same names and is red."""
    repository = Repository(tmp_path / "several")
    for folder in (ROOT, "services/old"):
        shutil.copytree(
            SAMPLE, repository.path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    repository.write("services/old/shop/tests/test_red.py", "def test_red():\n    assert False\n")
    repository.write("services/old/shop/broken.py", "import nothing_that_is_there as x\nx = (\n")
    repository.write("pyproject.toml", '[project]\nname = "all"\ndependencies = ["no-such-x"]\n')
    repository.write(".github/mergewright.yml", f"root: {ROOT}\n")
    repository.git("init", "-q", "-b", "main")
    repository.commit("Add two services")
    return repository


def test_the_ticket_is_about_the_project_and_its_checks_run_there(several, run):
    before = several.state()
    ended = run(several.path, TICKET.read_text())
    assert ended.exit_code == 0, ended.result["sentence"]
    assert ended.result["reason"] == "ready"
    assert several.state() == before
    branch = ended.result["branch"]
    assert several.git("diff", "--name-status", f"main..{branch}").splitlines() == [
        f"M\t{ROOT}/shop/admin.py",
        f"A\t{ROOT}/shop/migrations/0002_customer_nickname.py",
        f"M\t{ROOT}/shop/models.py",
        f"A\t{ROOT}/shop/tests/test_customer_nickname.py",
    ]
    tests = ended.check("tests")
    assert tests["base"] == {"status": "passed", "count": 4, "failures": 0, "skipped": 0}
    assert tests["head"]["count"] == 4 + len(tests["added"]) > 4
    assert {check["name"] for check in ended.result["checks"]} >= {
        "django check", "makemigrations", "mypy", "ruff check", "tests",
    }  # fmt: skip
    assert all(check["verdict"] == "passed" for check in ended.result["checks"])


def test_what_a_tool_finds_new_is_named_by_its_path_in_the_repository(several, run):
    several.write(
        f"{ROOT}/shop/tests/test_fields.py",
        "from shop.models import Customer\n\n\n"
        "def test_fields_are_the_agreed_ones():\n"
        "    names = [field.name for field in Customer._meta.fields]\n"
        '    assert names == ["id", "name", "email", "joined"]\n',
    )
    several.commit()
    ended = run(several.path, TICKET.read_text())
    assert ended.result["reason"] == "new_failures"
    assert "test_fields_are_the_agreed_ones" in ended.result["sentence"]
    assert several.branches() == ["main"]


def test_a_folder_that_is_not_there_is_said(several, run):
    several.write(".github/mergewright.yml", "root: services/shopp\n")
    several.commit()
    ended = run(several.path, TICKET.read_text())
    assert ended.exit_code == 2
    assert "root: no such folder in the repository" in ended.result["sentence"]


def test_prints_of_the_project_alone_become_messages(several, run):
    for folder in (ROOT, "services/old"):
        several.write(
            f"{folder}/shop/reports.py",
            'def report(total: int) -> None:\n    print("total", total)\n',
        )
    several.commit()
    ended = run(several.path, "# Use logging instead of print in shop\n")
    assert ended.exit_code == 0, ended.result["sentence"]
    changed = several.git("diff", "--name-only", f"main..{ended.result['branch']}").splitlines()
    assert changed == [f"{ROOT}/shop/reports.py", f"{ROOT}/shop/services.py"]
