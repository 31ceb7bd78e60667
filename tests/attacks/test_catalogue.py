"""Every case of the catalogue has a test in the default suite that is named after it."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
SIZES = {"WH": 6, "TC": 8, "GR": 8, "RX": 8, "MO": 8, "GH": 8, "PF": 8, "UI": 6}
CASES = {f"{kind}{number}" for kind, size in SIZES.items() for number in range(1, size + 1)}
_CASE = re.compile(f"(?:{'|'.join(SIZES)})[0-9](?=_)")


def find_cases(file: Path) -> set[str]:
    """Find the cases in the names of the tests of a file that are not of the deep suite."""
    source = file.read_text()
    if re.search(r"^pytestmark = .*mark\.deep", source, re.MULTILINE):
        return set()
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return {
        case
        for node in functions
        if "pytest.mark.deep" not in map(ast.unparse, node.decorator_list)
        for case in _CASE.findall(node.name)
        if node.name.startswith("test_")
    }


def test_every_case_has_a_test_in_the_default_suite() -> None:
    tested = set().union(*map(find_cases, TESTS.rglob("test_*.py")))
    assert tested == CASES
