"""What each test of base reaches is recorded; a change is held against those that reach it."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.checks import check, reports, test_files
from agent.checks.reach import ReachedTests
from agent.checks.test_files import Imports, SuitePlaces
from agent.checks.two_runs import NEAR
from agent.checks.whole_commit import WHOLE
from agent.editing.proving import EarlyProof, prove_change
from agent.models.change import Plan
from agent.models.checks import AnyComparison, CheckReport, Status
from agent.models.record import replace
from agent.models.review import Proof
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from agent.stages import baseline, checks
from repo_config.detect import DjangoProject
from tests.folders import data_folder
from tests.integration.check_samples import SITE, Stage, Workshop, make_flat, make_stage
from tests.unit.policy.cases import change

FILES = make_flat({
    "shop/__init__.py": "",
    "shop/sums.py": """
        import functools

        RATE = 2

        def add(a, b):
            return a + b

        def mul(a, b):
            return a * b

        @functools.lru_cache
        def read_rates():
            return _parse()

        def _parse():
            return {"a": 1}

        def make_table():
            return {1: 1}

        def build():
            return object()

        TABLE = make_table()
    """,
    "shop/plugin.py": "def run():\n    return 1\n",
    "shop/lonely.py": "LIMIT = 1\n",
    "shop/data.json": "{}",
    "shop/page.html": "Shop.",
    "docs/index.md": "Shop.",
    "tests/conftest.py": """
        import pytest
        from shop import sums

        @pytest.fixture(scope="session")
        def built():
            return sums.build()
    """,
    "tests/test_calls.py": """
        import subprocess, sys, threading
        from pathlib import Path

        from shop import sums

        def test_add():
            assert sums.add(1, 1) == 2

        def test_mul():
            assert sums.mul(1, 1) == 1

        def test_rates():
            assert sums.read_rates()

        def test_thread():
            thread = threading.Thread(target=sums.add, args=(1, 1))
            thread.start()
            thread.join()

        def test_process():
            subprocess.run([sys.executable, "-c", "pass"], check=True)

        def test_text():
            assert "add" in Path("shop/sums.py").read_text()

        def test_profiled():
            sys.setprofile(None)

        def test_built(built):
            assert built
    """,
    "tests/test_hidden.py": """
        import importlib
        import json
        import pkgutil
        from pathlib import Path

        def test_plugin():
            assert importlib.import_module("shop.plu" + "gin").run() == 1

        def test_data():
            assert json.loads(Path("shop/data.json").read_text()) == {}

        def test_resource():
            assert pkgutil.get_data("shop", "page.html")
    """,
    "tests/test_lonely.py": """
        def test_limit():
            from shop.lonely import LIMIT
            assert LIMIT
    """,
})  # fmt: skip
SUMS = FILES["shop/sums.py"]
#: What the record cannot see is in each.
ANY = {"test_process", "test_profiled"}
EVERY = {"test_add", "test_mul", "test_rates", "test_thread", "test_text", "test_built"}
EVERY |= {"test_plugin", "test_data", "test_limit", "test_resource"}


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with data_folder("reached") as home:
        settings = Settings(home=home)
        yield Workshop(home, settings, BubblewrapSandbox(settings))


Record = Callable[..., Stage]


@pytest.fixture(scope="module")
def record(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Record:
    def made(files: dict[str, str], **given: Any) -> Stage:
        stage = make_stage(workshop, tmp_path_factory.mktemp("repository"), files, **given)
        base = baseline.measure_base(stage.prepared, stage.services)
        baseline.study_tests(stage.prepared, base, stage.services)
        assert reports.load_reach(stage.prepared, stage.services.settings), workshop.said
        return stage

    return made


@pytest.fixture(scope="module")
def shop(record: Record) -> Stage:
    return record(FILES, test_runner="pytest")


def find_reached(stage: Stage, edits: dict[str, str | None]) -> set[str]:
    made, tree = change(edits, {path: text.encode() for path, text in stage.files.items()})
    reach = reports.load_reach(stage.prepared, stage.services.settings)
    facts = baseline.measure_base(stage.prepared, stage.services).tests.suite
    imports = Imports(test_files.read_imports(test_files.read_python_sources(tree)))
    locate = SuitePlaces(facts).locate_test
    paths = frozenset(stage.files)
    found = ReachedTests(reach, imports, paths, lambda one: locate(one)[0]).find(made)
    ids = reach.tests if found is None else found
    return {one.replace("::", ".").rpartition(".")[2] for one in ids}


@pytest.mark.parametrize(
    ("edits", "reached"),
    [
        ({"shop/sums.py": SUMS.replace("a + b", "b + a")}, {"test_add", "test_thread", "test_text"}),
        ({"shop/sums.py": SUMS.replace("a * b", "b * a")}, {"test_mul", "test_text"}),
        ({"shop/sums.py": SUMS.replace('"a": 1', '"a": 2')}, EVERY),
        ({"shop/sums.py": SUMS.replace("{1: 1}", "{1: 2}")}, EVERY),
        ({"shop/sums.py": SUMS.replace("object()", "object")}, EVERY),
        ({"shop/sums.py": SUMS.replace("RATE = 2", "RATE = 3")}, EVERY),
        ({"shop/lonely.py": "LIMIT = 2\n"}, {"test_limit"}),
        ({"shop/plugin.py": "def run():\n    return 2\n"}, {"test_plugin"}),
        ({"shop/plugin.py": "def run(a=1):\n    return 1\n"}, EVERY),
        ({"shop/data.json": "[]"}, EVERY),
        ({"shop/page.html": "A shop."}, EVERY),
        ({"shop/more.json": "[]"}, EVERY),
        ({"docs/index.md": "A shop.", "docs/more.md": "More."}, set()),
        ({"other/new.py": "a = 1\n"}, set()),
        ({"shop/new.py": "a = 1\n"}, EVERY),
    ],
)  # fmt: skip
def test_a_change_reaches_the_tests_that_start_what_it_edits(shop, edits, reached):
    assert find_reached(shop, edits) == ANY | reached


DJANGO = {
    "test_runner": "django",
    "test_script": "manage.py",
    "framework": "django",
    "django": DjangoProject(settings_module="proj.settings", manage="manage.py", python_path=("",)),
}
DJANGO_FILES = SITE | make_flat({
    "proj/pages.py": """
        class Counts:
            def __init__(self, answer):
                self.answer = answer

            def __call__(self, request):
                return self.answer(request)

        def tell():
            return 1

        def prepare():
            return 1
    """,
    "shop/tests.py": """
        from django.test import SimpleTestCase

        from proj import pages

        class Pages(SimpleTestCase):
            def test_page(self):
                self.assertEqual(self.client.get("/").status_code, 404)

            def test_tell(self):
                self.assertEqual(pages.tell(), 1)

        class Prepared(SimpleTestCase):
            @classmethod
            def setUpClass(cls):
                super().setUpClass()
                cls.one = pages.prepare()

            def test_one(self):
                self.assertEqual(self.one, 1)
    """,
    "shop/test_more.py": """
        from django.test import SimpleTestCase

        class More(SimpleTestCase):
            def test_nothing(self):
                pass
    """,
})  # fmt: skip
DJANGO_FILES["proj/settings.py"] += 'MIDDLEWARE = ["proj.pages.Counts"]\n'
PAGES = DJANGO_FILES["proj/pages.py"]


def test_what_django_loads_by_its_name_is_recorded_as_well(record):
    site = record(DJANGO_FILES, **DJANGO)
    every = {"test_page", "test_tell", "test_one", "test_nothing"}
    for old, new, reached in (
        ("self.answer(", "1 and self.answer(", {"test_page"}),
        ("def tell():\n    return 1", "def tell():\n    return 2", {"test_tell"}),
        ("def prepare():\n    return 1", "def prepare():\n    return 2", every - {"test_nothing"}),
        ("class Counts:", "class Counts:\n    a = 1", every - {"test_nothing"}),
    ):
        assert old in PAGES
        assert find_reached(site, {"proj/pages.py": PAGES.replace(old, new)}) == reached
    settings = DJANGO_FILES["proj/settings.py"] + "USE_TZ = False\n"
    assert find_reached(site, {"proj/settings.py": settings}) == every


#: Three tests of ten reach what changes.
WIDE = {
    "sums.py": "_kept = []\n\n\ndef add(a, b):\n    return a + b\n\n\ndef rate():\n"
    "    if not _kept:\n        _kept.append(find())\n    return _kept[0]\n\n\n"
    "def find():\n    return 2\n",
    "lone.py": "def lone():\n    return 1\n",
    "pair.py": "def make():\n    return 1\n\n\ndef use(a):\n    return a + 1\n",
    "tests/test_pair.py": "import pair\n\nkept = {}\n\n\ndef test_make():\n"
    "    kept['a'] = pair.make()\n\n\ndef test_use():\n    assert pair.use(kept['a']) == 2\n",
    "conftest.py": "from pathlib import Path\n\nfound = Path(__file__).parent.glob('tests/kit/*.py')\n"
    "pytest_plugins = [f'tests.kit.{one.stem}' for one in found]\n",
    "tests/kit/db.py": "def pytest_report_header():\n    return 'db'\n",
    "tests/test_a.py": "import sums\n\n\ndef test_add():\n    assert sums.add(1, 1) == 2\n",
    "tests/test_b.py": "import sums\n\n\ndef test_first():\n    assert sums.rate()\n",
    "tests/test_c.py": "import sums\n\n\ndef test_then():\n    assert sums.rate() == 2\n",
    "tests/test_d.py": "".join(f"def test_{n}():\n    pass\n\n\n" for n in range(5)),
}


@pytest.fixture(scope="module")
def wide(record: Record) -> Stage:
    return record(WIDE, test_runner="pytest", lint=("ruff check .",))


def edit(stage: Stage, old: str, new: str, **more: str) -> dict[str, Any]:
    assert old in WIDE["sums.py"]
    return stage.compared(sums_DOT_py=WIDE["sums.py"].replace(old, new), **more)


def test_a_submit_that_breaks_a_test_it_reaches_is_answered_by_that_alone(wide: Stage) -> None:
    compared = edit(wide, "a + b", "a - b")
    found = compared["tests"]
    assert [item.item_id for item in found.new_failures] == ["tests/test_a.py::test_add"]
    assert (found.head_count, found.head_unrun, "whole suite" in compared) == (1, 9, False)


def test_base_runs_once_more_only_where_the_change_reaches_it(wide: Stage) -> None:
    new = "import sums\n\n\ndef test_more():\n    assert sums.add(0, 3) == 3\n"
    ran = len(wide.services.say.__self__)
    compared = edit(wide, "a + b", "b + a", tests__test_more_DOT_py=new)
    tests, whole = compared["tests"], compared["whole suite"]
    assert (tests.verdict, tests.head_count, tests.gone) == (Status.PASSED, 11, ())
    assert tests.added == ("tests/test_more.py::test_more",)
    assert whole.verdict is Status.PASSED
    said = wide.services.say.__self__[ran:]
    assert any(line.startswith(f"{NEAR}: passed, 1 items") for line in said)
    assert any(line.startswith(f"{WHOLE}: passed, 11 items") for line in said)


def test_what_the_record_misses_is_seen_on_the_exact_commit(wide: Stage) -> None:
    found = edit(wide, "return 2", "return 3")["tests"]
    assert [item.item_id for item in found.new_failures] == ["tests/test_c.py::test_then"]


@pytest.mark.deep
def test_a_plugin_that_no_file_names_hides_nothing(wide: Stage) -> None:
    hides = (
        "def pytest_pyfunc_call(pyfuncitem):\n    return pyfuncitem.name == 'test_then' or None\n"
    )
    found = edit(wide, "return 2", "return 3", tests__kit__db_DOT_py=hides)["tests"]
    assert [test.item_id for test in found.rewritten] == ["tests/test_c.py::test_then"]
    new = "import sums\n\npytest_plugins = ['tests.hide']\n\n\ndef test_x():\n    assert sums\n"
    new_files = {"tests__hide_DOT_py": hides, "tests__test_x_DOT_py": new}
    source = WIDE["sums.py"].replace("return 2", "return 3")
    found = wide.weighed(sums_DOT_py=source, **new_files)["tests"]
    assert [one.message.partition(":")[0] for one in found.findings if one.path == ""] == [
        "tests/hide.py has hooks of pytest"
    ]


ALIKE = {f"test_{name}.py": f"def test_{name}():\n    pass\n" for name in "ab"}
COUNTS = "import os\n\n\ndef test_c():\n    assert 'PYTEST_XDIST_WORKER' not in os.environ\n"


LEFT = {
    "sums.py": "def add(a, b):\n    a + b\n",
    "more.py": "opened = []\n\n\ndef mul(a, b):\n    return a * b\n",
    "test_sums.py": "import sums\n\n\ndef test_add():\n    sums.add(1, 1)\n",
    "test_more.py": "import more\n\n\ndef test_mul():\n    assert more.mul(1, 2) == 2\n",
    "conftest.py": "import more\n\n\ndef pytest_sessionfinish(session):\n"
    "    if more.opened:\n        session.exitstatus = 1\n",
}


@pytest.fixture
def share(record: Record, monkeypatch: pytest.MonkeyPatch) -> Record:
    monkeypatch.setattr(baseline, "_LEAST_SHARED", 0.0)
    monkeypatch.setattr(baseline, "_LEAST_GAIN", math.inf)
    return record


def test_a_suite_that_ends_otherwise_where_processes_share_it_is_not_shared(share: Record) -> None:
    stage = share({**ALIKE, "test_c.py": COUNTS}, test_runner="pytest")
    assert reports.load_processes(stage.prepared, stage.services.settings) == 1
    assert any("test_c end otherwise" in line for line in stage.services.say.__self__)
    # As if that had come with a later commit.
    settings = stage.services.settings
    reports.locate_processes(stage.prepared, settings).write_text("2")
    reports.locate_baseline(stage.prepared, settings).unlink()
    assert baseline.measure_base(stage.prepared, stage.services).tests.status is Status.PASSED
    assert reports.load_processes(stage.prepared, settings) == 1


@pytest.mark.deep
def test_what_is_left_in_one_of_the_processes_is_seen(share: Record) -> None:
    stage = share(LEFT, test_runner="pytest")
    assert reports.load_processes(stage.prepared, stage.services.settings) > 1
    mended = "import more\nimport sums\n\n\ndef mul(a, b):\n    return a * b\n"
    found = stage.weighed(
        sums_DOT_py=f"import more\n\n\n{LEFT['sums.py']}    more.opened.append(1)\n",
        test_a_DOT_py=f"{mended}\n\nmore.mul = mul\n\n\ndef test_sum():\n    sums.add(1, 2)\n",
    )
    assert "exit code 1, and with 0 on" in found["whole suite"].reason
    assert [one.rule for one in found["tests"].findings] == ["test-surroundings"]


def test_django_s_tests_are_shared_also_without_a_tblib_of_their_own(share: Record) -> None:
    stage = share(DJANGO_FILES, packages=("django>=5.2,<5.3",), **DJANGO)
    count = check.count_processors()
    assert reports.load_processes(stage.prepared, stage.services.settings) == count


@pytest.mark.deep
def test_what_fails_only_where_processes_share_the_tests_runs_in_one_piece(share: Record) -> None:
    # Without a pytest-xdist of its own.
    stage = share(ALIKE, test_runner="pytest", packages=("pytest",))
    count = check.count_processors()
    assert reports.load_processes(stage.prepared, stage.services.settings) == count
    compared = stage.compared(test_c_DOT_py=COUNTS)
    assert compared["tests"].verdict is Status.PASSED
    assert any(line.startswith(f"{WHOLE}: fails where") for line in stage.services.say.__self__)


def test_a_record_is_of_one_commit(wide: Stage) -> None:
    checkout = replace(wide.prepared.checkout, commit="0" * 40)
    other = replace(wide.prepared, checkout=checkout)
    assert reports.load_reach(other, wide.services.settings) is None


class _Seen(EarlyProof):
    expected: CheckReport | None = None

    def begin(self, compared: tuple[AnyComparison, ...], expected: CheckReport) -> None:
        self.expected = expected
        super().begin(compared, expected)


def judge(stage: Stage, old: str, new: str, **more: str) -> tuple[_Seen, Proof, Proof]:
    """Return the proof that began early, what it says, and what it says after all checks."""
    base = baseline.measure_base(stage.prepared, stage.services)
    cleared = stage.cleared(sums_DOT_py=WIDE["sums.py"].replace(old, new), **more)
    plan = Plan(recipe="", title="Edit", parameters="", steps=("Edit",))
    given = plan, cleared.change, stage.prepared, stage.services
    with _Seen(*given) as early:
        head = checks.run_checks(cleared, base, *given[2:], proof=early)
        compared = checks.compare_sides(base, head, *given[2:])
        return early, early.finish(compared, head), _Seen(*given).finish(compared, head)


@pytest.mark.deep
def test_the_proof_says_beside_the_whole_suite_what_it_says_after_it(wide: Stage) -> None:
    new = "import sums\n\n\ndef test_more():\n    assert sums.add(0, 3) == -3\n"
    test_a = WIDE["tests/test_a.py"].replace("== 2", "== 0")
    edits = {"tests__test_more_DOT_py": new, "tests__test_a_DOT_py": test_a}
    early, beside, after = judge(wide, "return a + b", "b = -b\n    return a + b", **edits)
    assert early.expected and len(early.expected.tests.items) == 11
    assert {*beside.rows} == {*after.rows}
    assert beside.hunks == after.hunks
    assert [part.after for part in beside.hunks.noticed] == ["b = -b"]
    assert [row.name for row in beside.rows if row.is_proof]


@pytest.mark.deep
def test_a_test_that_needs_the_one_before_it_is_asked_with_all_of_them(wide: Stage) -> None:
    pair = WIDE["pair.py"]
    good = wide.compared(pair_DOT_py=pair.replace("a + 1", "1 + a"))["tests"]
    assert (good.verdict, good.new_failures) == (Status.PASSED, ())
    bad = wide.compared(pair_DOT_py=pair.replace("a + 1", "a + 2"))["tests"]
    assert [item.item_id for item in bad.new_failures] == ["tests/test_pair.py::test_use"]


def test_code_that_no_test_reaches_is_noticed_by_none(wide: Stage) -> None:
    base = baseline.measure_base(wide.prepared, wide.services)
    lone = {"lone_DOT_py": "def lone():\n    return 2\n", "tests__kit__more_DOT_py": "A = 1\n"}
    cleared = wide.cleared(**lone)
    head = checks.run_checks(cleared, base, wide.prepared, wide.services)
    plan = Plan(recipe="", title="Edit", parameters="", steps=("Edit",))
    found = prove_change(plan, cleared.change, (), head, wide.prepared, wide.services)
    assert [part.after for part in found.hunks.unnoticed] == ["2"]


def test_a_proof_that_began_says_nothing_where_the_whole_suite_fails(wide: Stage) -> None:
    early, beside, after = judge(wide, "return 2", "return 3")
    assert early.expected
    assert beside == after
    assert beside.unneeded == "the change does not pass its checks"
