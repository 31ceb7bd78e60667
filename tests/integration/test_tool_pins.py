"""Tools in the version that a repository pins; with the real index."""

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
        ("23.1.0", Status.PASSED, "in its own environment: black==23.1.0"),
        ("0.0.1", Status.FAILED, "is not available"),
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
