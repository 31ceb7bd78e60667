"""What is proposed as configuration, from files like those of real projects."""

from __future__ import annotations

from agent.setup import written
from agent.setup.facts import Fact
from repo_config import load

MANAGE = (
    "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site.settings')\nimport django\n"
)


def facts(made) -> dict[str, object]:
    return {one.key: one.value for one in written.propose(made).facts}


def why(made, key: str) -> str:
    return next(one.why for one in written.propose(made).facts if one.key == key)


def test_each_value_has_its_reason_above_it_and_the_file_is_valid(tree):
    made = tree(
        {
            "manage.py": MANAGE,
            "site/settings.py": "INSTALLED_APPS = []\n",
            "site/tests.py": "",
            "mypy.ini": "",
        }
    )
    text = written.propose(made).text
    config = load.from_text(text, ".github/mergewright.yml", made)
    assert (config.framework, config.django.settings) == ("django", "site.settings")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if ":" in line and "#" not in line and not line.endswith(":") and "version" not in line:
            assert lines[number - 1].lstrip().startswith("#"), line
    assert "  # mypy: mypy.ini\n  types: mypy .\n" in text


def test_a_long_set_up_is_written_line_by_line_and_read_as_it_was(tree):
    block = "set +e\ncd site\n  npm run build: all\ntrue"
    commands = ["cp .env.example .env || true", block, "a\tb\n", " a\nb", "x" * 90]
    text = written.write({"setup": Fact(key="setup", value=commands, why="CI")})
    assert "setup:\n  - cp .env" in text
    assert list(load.from_text(text, ".github/mergewright.yml", tree({})).setup) == commands


def test_the_one_folder_that_holds_the_project_is_its_root(tree):
    files = {
        "services/api/pyproject.toml": "[project]\n[tool.mypy]\n",
        "services/api/app/tests/test_x.py": "",
        "docs/index.md": "",
    }
    found = facts(tree(files))
    assert found["root"] == "services/api"
    assert found["checks.types"] == "mypy ."
    several = files | {"services/web/pyproject.toml": ""}
    assert facts(tree(several))["root"] == "services/api"
    assert "root" not in facts(tree(several | {"services/web/test_x.py": ""}))
    assert "root" not in facts(tree(files | {"pyproject.toml": "[project]\nname = 'x'"}))
    of_tools = {"pyproject.toml": "[tool.uv.workspace]\nmembers = ['services/api']"}
    assert facts(tree(files | of_tools))["root"] == "services/api"
    assert "root" not in facts(tree(files | of_tools | {"tests/test_all.py": ""}))
    assert "root" not in facts(tree({"docs/requirements.txt": ""}))
    assert "root" not in facts(tree({"docker/requirements.txt": "", "tests/test_a.py": ""}))


def test_the_only_application_is_a_fact(tree):
    files = {"requirements.txt": "fastapi\n", "app/__init__.py": ""}
    made = "from fastapi import FastAPI\n\napp = FastAPI()\n"
    one = tree(files | {"app/main.py": made, "tests/test_app.py": made})
    assert facts(one)["fastapi.app"] == "app.main:app"
    two = tree(files | {"app/main.py": made, "app/internal/admin.py": made})
    assert "fastapi.app" not in facts(two)
