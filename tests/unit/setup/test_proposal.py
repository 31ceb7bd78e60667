"""What is proposed as configuration, from files like those of real projects."""

from agent.setup import proposal
from agent.text.redaction import REMOVED, Redactor
from repo_config import load

MANAGE = (
    "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site.settings')\nimport django\n"
)
NAME = ".github/mergewright.yml"


def propose(made, **kept) -> dict[str, object]:
    config = load.from_text(proposal.propose(made, kept), NAME, made)
    return dict(proposal.flatten_values(config.model_dump(mode="json", exclude_unset=True)))


def test_what_a_run_has_found_is_laid_over_what_is_detected(tree):
    made = tree({"manage.py": MANAGE, "site/settings.py": "", "site/tests.py": "", "mypy.ini": ""})
    found = propose(made, checks={"tests": "pytest"}, setup=["true"])
    assert (found["framework"], found["django.settings"]) == ("django", "site.settings")
    assert (found["checks.types"], found["checks.tests"]) == ("mypy .", "pytest")
    assert found["setup"] == ["true"]
    found = propose(made, env={"DJANGO_SETTINGS_MODULE": "site.ci"})
    assert found["django.settings"] == "site.ci", "as the tests have passed with"


def test_where_a_secret_is_taken_out_the_file_can_still_be_read():
    secret = "DH8kSxcflUVf" + "NRdkEiJJCn2dOOKI3qfw"
    text = Redactor()(proposal.write({"env": {"JWT_SECRET": secret, "MODE": "true"}}))
    assert load.from_text(text, NAME).env == {"JWT_SECRET": REMOVED, "MODE": "true"}


def test_a_long_set_up_is_written_line_by_line_and_read_as_it_was(tree):
    block = "set +e\ncd site\n  npm run build: all\ntrue"
    commands = ["cp .env.example .env || true", block, "a\tb\n", " a\nb", "x" * 90]
    text = proposal.write({"setup": commands})
    assert "setup:\n  - cp .env" in text
    assert list(load.from_text(text, NAME).setup) == commands


def test_the_one_folder_that_holds_the_project_is_its_root(tree):
    files = {
        "services/api/pyproject.toml": "[project]\n[tool.mypy]\n",
        "services/api/app/tests/test_x.py": "",
        "docs/index.md": "",
    }
    found = propose(tree(files))
    assert found["root"] == "services/api"
    assert found["checks.types"] == "mypy ."
    several = files | {"services/web/pyproject.toml": ""}
    assert propose(tree(several))["root"] == "services/api"
    assert "root" not in propose(tree(several | {"services/web/test_x.py": ""}))
    more = dict.fromkeys((f"services/api/test_{name}.py" for name in "abcde"), "")
    assert propose(tree(several | more | {"services/web/test_x.py": ""}))["root"] == "services/api"
    assert "root" not in propose(tree(files | {"pyproject.toml": "[project]\nname = 'x'"}))
    of_tools = {"pyproject.toml": "[tool.uv.workspace]\nmembers = ['services/api']"}
    assert propose(tree(files | of_tools))["root"] == "services/api"
    assert "root" not in propose(tree(files | of_tools | {"tests/test_all.py": ""}))
    assert "root" not in propose(tree({"docs/requirements.txt": ""}))
    assert "root" not in propose(tree({"docker/requirements.txt": "", "tests/test_a.py": ""}))
