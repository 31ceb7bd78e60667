"""`mergewright config check` and `schema`, as they are called."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.config import app
from tests.folders import lay_files

MANAGE = (
    "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site.settings')\nimport django\n"
)

pytestmark = pytest.mark.usefixtures("commands_home")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    write(tmp_path, "manage.py", MANAGE)
    write(tmp_path, "site/settings.py", "INSTALLED_APPS = []\n")
    write(tmp_path, "site/tests.py", "")
    write(tmp_path, "requirements.txt", "django\n")
    return tmp_path


def write(folder: Path, path: str, text: str) -> Path:
    return lay_files(folder, {path: text}) / path


def run(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_links_and_folders_of_tools_are_not_read(repo):
    outside = write(repo.parent, f"{repo.name}-outside.yml", "framework: none\n")
    (repo / ".github").mkdir()
    (repo / "mypy.ini").symlink_to(outside)
    (repo / "linked").symlink_to(repo.parent, target_is_directory=True)
    os.mkfifo(repo / "ruff.toml")
    write(repo, "venv/pyvenv.cfg", "")
    write(repo, "venv/lib/conftest.py", "")
    write(repo, "node_modules/conftest.py", "")
    report = json.loads(run("check", "--repo", repo, "--json").output)
    assert report["detected"]["types"] == []
    assert report["detected"]["lint"] == []
    assert report["detected"]["test_runner"] == "django"


def test_a_configuration_that_is_a_link_is_refused_not_passed_over(repo):
    outside = write(repo.parent, f"{repo.name}-outside.yml", "framework: none\n")
    (repo / ".github").mkdir()
    (repo / ".github" / "mergewright.yml").symlink_to(outside)
    result = run("check", "--repo", repo)
    assert result.exit_code == 2
    assert result.output.startswith(".github/mergewright.yml:1: the file is a link")
