"""In a large suite the tests that a change reaches run first, and answer where they fail."""

from collections.abc import Iterator

import pytest

from agent.checks import imports
from agent.models.checks import Status
from tests.integration.check_samples import Stage, Workshop, make_stage

FILES = {
    "sums.py": "def add(a, b):\n    return a + b\n",
    "tests/test_sums.py": "import sums\n\n\ndef test_add():\n    assert sums.add(1, 1) == 2\n",
    "tests/test_late.py": (
        "import importlib\n\n\ndef test_other():\n"
        "    assert importlib.import_module('su' + 'ms').add(2, 2) < 5\n"
    ),
    "tests/test_misc.py": "def test_table():\n    assert False\n",
    **{f"tests/test_{n}.py": "def test_it():\n    pass\n" for n in range(3)},
}
#: Its nearest test does not notice.
WRONG = "def add(a, b):\n    return 2 if a == 1 else 9\n"


@pytest.fixture(scope="module")
def near_stage(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(imports, "SHORT_SUITE", 0.0)
        repository = tmp_path_factory.mktemp("near") / "repository"
        yield make_stage(workshop, repository, FILES, test_runner="pytest")


def test_a_submit_that_breaks_a_test_near_it_is_answered_by_these(near_stage: Stage) -> None:
    found = near_stage.compared(sums_DOT_py="def add(a, b):\n    return a - b\n")["tests"]
    assert found.verdict is Status.FAILED
    assert [item.item_id for item in found.new_failures] == ["tests/test_sums.py::test_add"]
    assert (found.head_count, found.is_partial, found.gone) == (1, True, ())


def test_a_test_that_is_red_on_base_does_not_end_the_others(near_stage: Stage) -> None:
    more = FILES["tests/test_misc.py"] + "\n\ndef test_text():\n    assert True\n"
    found = near_stage.compared(sums_DOT_py=WRONG, tests__test_misc_DOT_py=more)["tests"]
    assert (found.verdict, found.known) == (Status.FAILED, 1)
    assert [item.item_id for item in found.new_failures] == ["tests/test_late.py::test_other"]
    assert (found.head_count, found.unrun, found.is_partial) == (7, (), False)
