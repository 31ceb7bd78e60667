"""Which files belong to tests, and where a test stands."""

from agent.checks.test_files import Imports, SuitePlaces, find_test_files, read_imports
from agent.models.checks import SuiteFacts
from tests.unit.policy.cases import change

FILES = {
    "shop/__init__.py": "",
    "shop/models.py": "",
    "shop/views.py": "from shop import models",
    "shop/leaf.py": "",
    "shop/checks.py": "def check(a):\n    assert a\n",
    "shop/seeds.py": "",
    "shop/load.py": "from shop import seeds",
    "tests/__init__.py": "",
    "tests/conftest.py": "from shop import models",
    "tests/test_views.py": "from shop import checks, views, seeds\nfrom tests import helpers",
    "tests/helpers.py": "from tests import more",
    "tests/more.py": "",
    "tests/types/cases.py": "from shop import views",
    "tests/data/a.json": "",
    "data/a.json": "",
    "sums.py": "",
    "test_sums.py": "import sums",
}
TOLD = SuiteFacts(files=("tests/conftest.py", "tests/test_views.py", "test_sums.py"))


def test_helpers_are_of_tests_and_what_may_be_product_is_shared() -> None:
    sources = {path: text.encode() for path, text in FILES.items() if path.endswith(".py")}
    found = find_test_files(TOLD, sources, Imports(read_imports(sources)), FILES)
    assert found.sure == {
        *TOLD.files, "tests/__init__.py", "tests/helpers.py", "tests/more.py", "tests/data/a.json",
        "tests/types/cases.py",
    }  # fmt: skip
    assert found.shared == {"shop/checks.py"}


def test_a_test_module_that_the_product_imports_is_shared() -> None:
    sources = {"a.py": b"import cases", "cases.py": b""}
    found = find_test_files(
        SuiteFacts(files=("cases.py",)), sources, Imports(read_imports(sources)), sources
    )
    assert (found.sure, found.shared) == (frozenset(), {"cases.py"})


def test_new_files_are_of_tests_by_their_names_or_a_folder_that_has_tests() -> None:
    found = find_test_files(
        SuiteFacts(files=("tests/test_a.py",)), {}, Imports({}), ["tests/test_a.py"]
    )
    made, _ = change({"tests/b.py": "", "testing/c.py": "", "e2e/test_d.py": "", "e2e/d.py": ""})
    assert found.list_touched(made) == {"tests/b.py", "e2e/test_d.py", "e2e/d.py"}


def test_what_the_product_imports_under_the_name_of_a_test_is_the_products() -> None:
    names = {"tests/test_a.py", "tests/b.py", "tests/c.py"}
    found = find_test_files(SuiteFacts(files=("tests/test_a.py",)), {}, Imports({}), names)
    imports = Imports(read_imports({
        "shop.py": b"import tests.b", "tests/b.py": b"import tests.c", "tests/c.py": b"",
        "tests/test_a.py": b"import shop",
    }))  # fmt: skip
    assert found.without_imported(frozenset(names), imports) == {"tests/test_a.py"}


def test_places_are_found_by_ids_of_both_kinds() -> None:
    places = SuitePlaces(
        SuiteFacts(files=("back/shop/tests/test_a.py", "back/shop/tests/__init__.py"))
    )
    file = "back/shop/tests/test_a.py"
    assert places.locate_test("shop/tests/test_a.py::Case::test_b[1-x]") == (file, "Case.test_b")
    assert places.locate_test("shop.tests.test_a.Case.test_b") == (file, "Case.test_b")
    assert places.locate_test("other/test_a.py::test_b") == ("", "")
    assert places.locate_test("shop.tests.Case.test_b") == (
        "back/shop/tests/__init__.py",
        "Case.test_b",
    )
