"""What is run is what the sources of the tree say: no bytecode of others, nothing of a user."""

import importlib.util
import py_compile
from collections.abc import Callable
from pathlib import Path

from agent.checks import running
from agent.models.checks import Status
from tests.integration.check_samples import Workshop

RIGHT = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return a - b\n"
TEST = "import sums\n\n\ndef test_add():\n    assert sums.add(1, 1) == 2\n"


def compiled(tree: Path, source: str, where: Callable[[Path], Path]) -> None:
    """Lay compiled code of other source beside a module, which says that it is not to be checked."""
    other = tree.parent / f"{tree.name}-other.py"
    other.write_text(source)
    goal = where(tree / "sums.py")
    goal.parent.mkdir(exist_ok=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(other), cfile=str(goal), invalidation_mode=mode, doraise=True)


def test_compiled_code_in_the_tree_does_not_stand_for_its_source(
    workshop: Workshop,
) -> None:
    files = {"sums.py": WRONG, "test_add.py": TEST}
    site = workshop.site(files, test_runner="pytest")
    compiled(site.tree, RIGHT, lambda path: Path(importlib.util.cache_from_source(str(path))))
    [tests] = running.run_checks(running.list_tests(site), workshop.sandbox, workshop.said.append)
    assert tests.status is Status.FAILED
    assert [item.outcome for item in tests.items] == ["failed"]
