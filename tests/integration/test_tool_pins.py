"""Tools in the version that a repository pins; with the real index."""

from __future__ import annotations

import pytest

from agent.models.checks import Status
from agent.sandbox.bubblewrap import BubblewrapSandbox
from tests.integration import check_samples
from tests.integration.environment_building import with_our_tools

pytestmark = [pytest.mark.index, pytest.mark.deep]

HOOKS = """
    repos:
    - repo: https://github.com/psf/black
      rev: "{}"
      hooks: [{{id: black}}]
"""
#: black wants an empty line behind the docstring since 24.1.
MODULE = '"""Say what it is."""\nimport os\n\nprint(os.sep)\n'


@pytest.mark.parametrize(
    ("revision", "status", "word"),
    [
        ("23.1.0", Status.PASSED, "fetching black==23.1.0"),
        ("0.0.1", Status.FAILED, "cannot be had"),
    ],
)
def test_a_formatter_runs_in_the_version_of_its_hook_where_that_exists(
    revision: str, status: Status, word: str
) -> None:
    files = {"app.py": MODULE, ".pre-commit-config.yaml": HOOKS.format(revision)}
    said: list[str] = []
    with with_our_tools() as settings:
        sandbox = BubblewrapSandbox(settings)
        site = check_samples.declared_site(files, {}, settings, sandbox, said.append)
        assert [line for line in said if word in line]
        assert check_samples.measured(site, sandbox)["black"].status is status


TYPED = """
from __future__ import annotations

import six


def f(text: str) -> str:
    return six.ensure_str(text)
"""
CI = """
    jobs:
      lint:
        steps:
        - run: pip install mypy types-six flake8 flake8-comprehensions
        - run: mypy app.py
        - run: flake8 --max-line-length 99 app.py more.py
"""


@pytest.mark.parametrize("required", ["six\n", "six\nmypy\n"])
def test_stubs_and_plugins_that_ci_installs_beside_a_tool_are_there(required: str) -> None:
    files = {
        "app.py": TYPED,
        "more.py": "print(list([x for x in [1]]))\n",
        "requirements.txt": required,
        ".github/workflows/ci.yml": CI,
    }
    with with_our_tools() as settings:
        sandbox = BubblewrapSandbox(settings)
        site = check_samples.declared_site(files, {}, settings, sandbox, lambda _: None)
        found = check_samples.measured(site, sandbox)
    assert found["mypy"].status is Status.PASSED, found["mypy"].output
    assert "C4" in found["flake8"].output
