"""Add fields to models of released Django projects by the command, as their people would.

That tests end in sandboxes as they do bare is held by `make live`; that rows survive a migration,
by `tests/integration/test_add_field_django.py`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.setup.package_index import PackageIndex
from tests.flow.stories import Ended, Repository, carry_out
from tests.folders import data_folder_with_tools
from tests.processes import of_home
from tests.thirdparty import sources
from tests.thirdparty.sources import Source

pytestmark = pytest.mark.thirdparty


@dataclass(frozen=True)
class Known:
    """A project, what its maintainer would configure, and a field that fits one of its models."""

    source: Source
    config: str
    model: str
    models_file: str
    field: str


PROJECTS = (
    # setup.py with a version from tags, models that inherit from an abstract one, pytest, mypy.
    Known(
        Source(
            "django-axes", "8.3.1",
            "d57e923c0ba33cf45275253dd1313c3a3ff04bec686b38d677beb2b3d43c7bcd",
        ),
        # How much of the code is covered is no result of a test, and costs as much again.
        config="checks: {tests: pytest --no-cov}\n",
        model="axes.AccessLog",
        models_file="axes/models.py",
        field='handling_story = models.TextField(default="not told")',
    ),
    # setup.py alone, with pytest configured in setup.cfg.
    Known(
        Source(
            "easy-thumbnails", "2.10.1",
            "a50aa5f99387546c35ab5ba1ea9b3cbbc5658e65601cd34949f62137c32c222e",
        ),
        # Two test modules import what "svg" brings; the others are declared nowhere.
        config='setup: ["uv pip install -e .[svg] pytest pytest-django testfixtures"]\n',
        model="easy_thumbnails.Source",
        models_file="easy_thumbnails/models.py",
        field="handling_tries = models.PositiveSmallIntegerField(default=3)",
    ),
    # A version from tags, ruff with rules of its own for imports, both red on base.
    Known(
        Source(
            "django-constance", "4.4.0",
            "fc0b012b493590946142172ca38e0b43149c422f8dc8976045a01313e6f4f487",
        ),
        # tox names these for its runs with pytest alone, and Django for none. settings: stand in
        # tox's variables, which pytest does not see.
        config=(
            "setup: [uv pip install -e . django pytest pytest-cov pytest-django redis]\n"
            "django: {settings: tests.settings}\n"
        ),
        model="constance.Constance",
        models_file="constance/models.py",
        field=(
            "handled_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True,"
            ' blank=True, related_name="+")'
        ),
    ),
)  # fmt: skip


def run_field_ticket(repository: Repository, home: Path, known: Known) -> Ended:
    """Run `mergewright run --json` with the ticket as GitHub's form makes it."""
    ticket = home / "ticket.md"
    ticket.write_text(
        f"### Model\n\n{known.model}\n\n### Field\n\n```python\n{known.field}\n```\n\n"
        "### Add a test\n\nYes\n"
    )
    return carry_out(repository.path, ticket, environ=of_home(home))


@pytest.fixture
def home():
    with data_folder_with_tools("thirdparty") as folder:
        yield folder


@pytest.mark.parametrize("known", PROJECTS, ids=lambda known: known.source.name)
def test_the_ticket_gets_a_branch_with_what_it_asks_for_alone(known, home):
    repository = sources.repository(known.source, PackageIndex(), home, known.config)
    ended = run_field_ticket(repository, home, known)
    assert (ended.exit_code, ended.result["state"]) == (0, "open"), ended.result["sentence"]
    assert {check["verdict"] for check in ended.result["judged"]["checks"]} == {"passed"}
    tests = ended.check("tests")
    assert (tests["new_failures"], tests["gone"]) == ([], [])
    assert tests["head_count"] > tests["base_count"] > 0

    changed = ("diff", "--no-renames", f"main..{ended.result['branch']}")
    rows = [line.split("\t") for line in repository.git(*changed, "--name-status").splitlines()]
    changes = {path: status for status, path in rows}
    (migration,) = (path for path in changes if "/migrations/" in path)
    assert changes.pop(migration) == "A"
    (test,) = (path for path in changes if re.search(r"(^|/)test\w*\.py$|_tests?\.py$", path))
    changes.pop(test)
    assert changes == {known.models_file: "M"}
    # Where a list or an import gets longer, its line is another one; the models' are untouched,
    # but for a `pass` that gives way.
    gone = repository.git(*changed, "--", known.models_file).splitlines()
    assert {line.strip("- ") for line in gone if re.match(r"-(?!--)", line)} <= {"pass"}
