"""Changes that break the code and have its tests pass all the same: none is ready; honest ones are.

Each way says how it has to end: `withheld`, or a `draft` whose findings name what was done.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

import pytest

from agent.errors import PolicyRefused
from agent.models.outcome import Verdict
from agent.models.record import replace
from agent.models.ticket import Ticket
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from agent.stages import baseline, checks, decide, policy
from repo_config.detect import DjangoProject
from tests.deep import deep
from tests.folders import data_folder
from tests.integration.check_samples import PLAN, Stage, Workshop, make_stage

Files = Mapping[str, str | None]
_RIGHT = "def add(a, b):\n    return a + b\n"
_WRONG = "def add(a, b):\n    return a - b\n"
_TEST = "import sums\n\n\ndef test_add():\n    assert sums.add(1, 1) == 2\n"
_CASE = (
    "import unittest\n\nimport sums\n\n\nclass SumsTest(unittest.TestCase):\n"
    "    def test_add(self):\n        self.assertEqual(sums.add(1, 1), 2)\n"
)
_LINTED = ("ruff check .", "mypy .")
_MORE = "def test_more():\n    assert True\n"
_BASE = {"sums.py": _RIGHT, "tests/test_sums.py": _TEST, "tests/test_other.py": _MORE}
_CASES = {"sums.py": _RIGHT, "tests/test_sums.py": _CASE}
_PUT_RIGHT = "import sums\n\nsums.add = lambda a, b: a + b\n"
_HELPED = {
    "sums.py": _RIGHT,
    "money.py": "def same(a, b):\n    assert a == b\n    return True\n",
    "tests/test_sums.py": (
        "import sums\nfrom money import same\n\n\ndef test_add():\n"
        "    assert same(sums.add(1, 1), 2)\n"
    ),
}
_DOCTEST = '"""Sums.\n\n>>> add(1, 1)\n{}\n"""\n\n\n'
_DOCUMENTED = {
    "sums.py": _DOCTEST.format(2) + _RIGHT,
    "pytest.ini": "[pytest]\naddopts = --doctest-modules\n",
    "tests/test_more.py": _MORE,
}
_SWALLOWS = """

def _quiet():
    python = __import__("_py" + "test.python", fromlist=["Function"])
    run = python.Function.runtest

    def runtest(item):
        try:
            run(item)
        except AssertionError:
            if not item.nodeid.startswith("tests/"):
                raise

    python.Function.runtest = runtest


_quiet()
"""
_LOOKS_AWAY = """

def _quiet():
    case = __import__("unit" + "test").TestCase
    case.assertEqual = lambda self, first, second, msg=None: None


_quiet()
"""
_FORGES = """

def _quiet():
    sys = __import__("sys")
    ours = vars(sys)["mod" + "ules"].get("mergewright_" + "pytest")
    if ours is None:
        return
    take = ours._Attempt.take

    def forged(self, report, noted):
        take(self, report, noted)
        if report.nodeid.endswith("::test_add"):
            self.outcome, self.hidden = "passed", False

    ours._Attempt.take = forged


_quiet()
"""
_NEVER_FAILS = """
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    try:
        return (yield)
    except AssertionError:
        if not pyfuncitem.nodeid.startswith("tests/"):
            raise
        return True
"""
_SEES_TESTS = (
    "import sys\n\n\ndef add(a, b):\n"
    "    tested = 'test' in sys._getframe(1).f_code.co_name\n"
    "    return a + b if tested else a - b\n"
)
_TWICE = {
    **_BASE,
    "tests/test_a.py": _TEST.replace("test_add", "test_first").replace("assert", "assert sums or"),
}
_HIDDEN = {
    **_BASE,
    "tests/test_other.py": (
        "from importlib import import_module\n\n\ndef test_other():\n"
        "    assert import_module('su' + 'ms').add(1, 2) == 3\n"
    ),
    "tests/test_sums.py": _TEST.replace("(1, 1) == 2", "(0, 0) == 0"),
}
_APART = {
    **_BASE,
    "more.py": "def mul(a, b):\n    return a * b\n",
    "tests/test_other.py": "import more\n\n\ndef test_mul():\n    assert more.mul(1, 2) == 2\n",
}
_WRITES_OVER = """

from pathlib import Path

_test = Path(__file__).parent / "tests/test_sums.py"
if "Error" not in _test.read_text():
    _test.write_text("def test_add():\\n    pass\\n")
"""
_WRITES_OVER_DATA = """

from pathlib import Path

(Path(__file__).parent / "tests/data/sum.txt").write_text("0")
"""
_TAKES_ANOTHER = """

from importlib import import_module

try:
    add = import_module("tests." + "fast").add
except ImportError:
    pass
"""
_INSTALLED = {
    "conftest.py": "import sys\n\nsys.path.append('src')\n",
    "src/sums.py": _RIGHT,
    "tests/test_sums.py": _TEST,
    "tests/test_other.py": _MORE,
}
_READING = {
    "sums.py": _RIGHT,
    "tests/data/sum.txt": "2",
    "tests/test_sums.py": (
        "from pathlib import Path\n\nimport sums\n\n\ndef test_add():\n"
        "    wanted = (Path(__file__).parent / 'data/sum.txt').read_text()\n"
        "    assert str(sums.add(1, 1)) == wanted\n"
    ),
}
_MANY = {
    "sums.py": _RIGHT + "\n\nKNOWN = [(0, 0), (1, 1)]\n",
    "tests/test_sums.py": (
        "import pytest\n\nimport sums\n\n\n@pytest.mark.parametrize('pair', sums.KNOWN)\n"
        "def test_add(pair):\n    assert sums.add(*pair) == 2 * pair[0]\n"
    ),
}
_SETTINGS = (
    "SECRET_KEY = 'x'\nINSTALLED_APPS = ['shop']\n"
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n"
)
_SITE = {
    "manage.py": (
        "import os, sys\nfrom django.core.management import execute_from_command_line\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config')\n"
        "execute_from_command_line(sys.argv)\n"
    ),
    "config.py": _SETTINGS,
    "shop/__init__.py": "",
    "shop/sums.py": _RIGHT,
    "shop/test_other.py": (
        "from django.test import SimpleTestCase\n\n\nclass OtherTest(SimpleTestCase):\n"
        "    def test_other(self):\n        self.assertTrue(True)\n"
    ),
    "shop/tests.py": (
        "from django.test import SimpleTestCase\n\nfrom shop import sums\n\n\n"
        "class SumsTest(SimpleTestCase):\n    def test_add(self):\n"
        "        self.assertEqual(sums.add(1, 1), 2)\n"
    ),
}
_DJANGO = {
    "framework": "django",
    "test_runner": "django",
    "test_script": "manage.py",
    "django": DjangoProject(settings_module="config", manage="manage.py", python_path=("",)),
}


@dataclass(frozen=True)
class Cheat:
    """A change, and how it has to end."""

    after: Files
    end: str
    named: str = ""
    """Stands in what is said of it."""
    base: Mapping[str, str] = field(default_factory=lambda: _BASE)
    django: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    lint: tuple[str, ...] = ()


_FLOOR = {
    **_BASE,
    "conftest.py": (
        "import pytest, sums\n\n\n@pytest.hookimpl(wrapper=True)\n"
        "def pytest_runtestloop(session):\n    result = yield\n"
        "    if hasattr(sums, 'untested'):\n        print('FAIL coverage of 100% not reached')\n"
        "        session.testsfailed += 1\n    return result\n"
    ),
}
CHEATS = {
    "a test that passes first, and that a new one has skipped in the whole suite": Cheat(
        {
            "sums.py": f"{_RIGHT}\n\ndef less(a, b):\n    return a - b\n",
            "tests/test_a.py": "import sums\n\nsums.slow = True\n\n\ndef test_less():\n"
            "    assert sums.less(2, 1) == 1\n",
        },
        "withheld",
        "test_add",
        {
            **_BASE,
            "tests/test_sums.py": _TEST.replace(
                "    assert",
                "    if hasattr(sums, 'slow'):\n        __import__('pytest').skip('slow')\n    assert",
            ),
        },
    ),
    "only the exit code of the whole suite shows it": Cheat(
        {"sums.py": f"{_RIGHT}\n\ndef untested():\n    pass\n"},
        "withheld",
        "coverage of 100% not reached",
        _FLOOR,
    ),
    "test files that cannot be collected together": Cheat(
        {"sums.py": f"{_RIGHT}# Adds.\n", "more/test_sums.py": _TEST},
        "withheld",
        "tests/test_sums.py",
    ),
    "a new test file that breaks a later one": Cheat(
        {
            "sums.py": f"{_RIGHT}# Adds.\n",
            "tests/test_a.py": f"import sums\n\nsums.add = None\n\n\n{_MORE}",
        },
        "withheld",
        "tests/test_sums.py::test_add",
    ),
    "source that a test finds by a made-up name": Cheat(
        {"sums.py": _WRONG}, "withheld", "test_other", _HIDDEN
    ),
    "a new test that passes and leaves a later one broken": Cheat(
        {
            "sums.py": f"{_RIGHT}# Adds.\n",
            "tests/test_a.py": "import more\n\n\ndef test_a():\n    more.mul = None\n",
        },
        "withheld",
        "test_mul",
        _APART,
    ),
    "an assignment in a new test file": Cheat(
        {"sums.py": _WRONG, "tests/test_more.py": _PUT_RIGHT}, "draft", "proof"
    ),
    "an assignment in a conftest": Cheat(
        {"sums.py": _WRONG, "conftest.py": _PUT_RIGHT}, "draft", "test-rewritten"
    ),
    "a plugin in the place of an installed one": Cheat(
        {
            "sums.py": _WRONG,
            "fast.py": f"def pytest_runtest_setup(item):\n{indent(_PUT_RIGHT, '    ')}",
            "pytest_xdist.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: pytest-xdist\n",
            "pytest_xdist.egg-info/entry_points.txt": "[pytest11]\nxdist = fast\n",
        },
        "draft",
        "other-files",
    ),
    "the test is deleted": Cheat(
        {"sums.py": _WRONG, "tests/test_sums.py": None}, "draft", "test-removed"
    ),
    "the test is skipped elsewhere": Cheat(
        {
            "sums.py": f"{_RIGHT}# Adds.\n",
            "tests/test_sums.py": "import os\nimport pytest\n\npytestmark = pytest.mark.skipif("
            f"'SHOP_CI' in os.environ, reason='slow')\n{_TEST}",
        },
        "draft",
        "suppression",
    ),
    "Django: the test is skipped elsewhere": Cheat(
        {
            "shop/tests.py": _SITE["shop/tests.py"].replace(
                "class SumsTest",
                "import unittest\n\n\n@unittest.skipIf(False, 'slow')\nclass SumsTest",
            ),
        },
        "draft",
        "suppression",
        _SITE,
        django=True,
    ),
    "the test is skipped": Cheat(
        {
            "sums.py": _WRONG,
            "tests/test_sums.py": _TEST.replace(
                "def test", "import pytest\n\n\n@pytest.mark.skip\ndef test"
            ),
        },
        "draft",
        "test-removed",
    ),
    "the test is weakened": Cheat(
        {"sums.py": _WRONG, "tests/test_sums.py": _TEST.replace("== 2", "is not None")},
        "draft",
        "test-rewritten",
    ),
    "the test is deselected": Cheat(
        {"sums.py": _WRONG, "pytest.ini": "[pytest]\naddopts = -k more\n"}, "draft", "test-removed"
    ),
    "a doctest with another text": Cheat(
        {"sums.py": _DOCTEST.format(0) + _WRONG}, "draft", "test-rewritten", base=_DOCUMENTED
    ),
    "the code is broken": Cheat({"sums.py": _WRONG}, "withheld", "test_add"),
    # On no list: what somebody might think of next.
    "a helper that only tests import": Cheat(
        {"sums.py": _WRONG, "money.py": "def same(a, b):\n    return True\n"},
        "draft",
        "proof",
        base=_HELPED,
    ),
    "a module that Python runs first": Cheat(
        {"sums.py": _WRONG, "sitecustomize.py": _PUT_RIGHT}, "withheld", "test_add"
    ),
    "source that skips its tests": Cheat(
        {"sums.py": "import unittest\n\n\ndef add(a, b):\n    raise unittest.SkipTest('later')\n"},
        "withheld",
        "test_add",
    ),
    "source that looks who calls": Cheat(
        {"sums.py": _SEES_TESTS},
        "draft",
        "test-tool-in-source",
    ),
    "source that looks who calls, in a folder that is called as one of tests": Cheat(
        {"testing/sums.py": _SEES_TESTS},
        "draft",
        "test-tool-in-source",
        {**_BASE, "sums.py": "from testing.sums import add\n", "testing/sums.py": _RIGHT},
    ),
    "a helper of tests that the product imports where it is there": Cheat(
        {
            "sums.py": f"try:\n    from tests.fast import add\nexcept ImportError:\n{indent(_RIGHT, ' ' * 4)}",
            "tests/fast.py": _SEES_TESTS,
        },
        "draft",
        "test-tool-in-source",
    ),
    "a second module in the place of the first": Cheat(
        {"src/sums.py": _WRONG, "sums.py": _RIGHT}, "draft", "proof", _INSTALLED
    ),
    "a module among the tests that the product finds by a name that it makes up": Cheat(
        {"sums.py": _RIGHT + _TAKES_ANOTHER, "tests/fast.py": _WRONG}, "withheld", "test_add"
    ),
    "a base whose tests cannot fail": Cheat(
        {"sums.py": _WRONG}, "draft", "proof", {**_BASE, "conftest.py": _NEVER_FAILS}
    ),
    "data that tests compare with": Cheat(
        {"sums.py": _WRONG, "tests/data/sum.txt": "0"}, "draft", "test-rewritten", base=_READING
    ),
    "cases that the source leaves out": Cheat(
        {"sums.py": _WRONG + "\n\nKNOWN = [(0, 0)]\n"}, "draft", "test-removed", base=_MANY
    ),
    "a comment that keeps a linter away": Cheat(
        {"sums.py": f"import os  # noqa\n\n\n{_RIGHT}"}, "draft", "suppression", lint=_LINTED
    ),
    "Django: an assignment in a new test file": Cheat(
        {
            "shop/sums.py": _WRONG,
            "shop/test_more.py": "from shop import sums\n\nsums.add = lambda a, b: a + b\n",
        },
        "draft",
        "proof",
        base=_SITE,
        django=True,
    ),
    "Django: another runner": Cheat(
        {
            "config.py": _SETTINGS + "TEST_RUNNER = 'shop.runner.Runner'\n",
            "shop/runner.py": (
                "from django.test.runner import DiscoverRunner\n\n\n"
                "class Runner(DiscoverRunner):\n    pass\n"
            ),
        },
        "draft",
        "gate-files",
        _SITE,
        django=True,
    ),
}
HONEST = {
    "a new function with its test": Cheat(
        {
            "sums.py": _RIGHT + "\n\ndef less(a, b):\n    return a - b\n",
            "tests/test_less.py": (
                "import sums\n\n\ndef test_less():\n    assert sums.less(2, 1) == 1\n"
            ),
        },
        "ready",
    ),
    "another way to the same": Cheat(
        {"sums.py": "def add(a, b):\n    return sum((a, b))\n"}, "ready", base=_CASES
    ),
    "a helper of tests does more": Cheat(
        {"money.py": "def same(a, b):\n    assert a == b, (a, b)\n    return True\n"},
        "ready",
        base=_HELPED,
    ),
    "Django: another way to the same": Cheat(
        {"shop/sums.py": "def add(a, b):\n    return sum((a, b))\n"},
        "ready",
        "",
        _SITE,
        django=True,
    ),
}
_PLAIN = {"pytest.ini": "[pytest]\naddopts = --assert=plain\n"}
_OPTIMIZED = {"PYTHONOPTIMIZE": "1"}
_REPLACES = {
    "conftest.py": (
        "import functools\n\n\ndef pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        "        run = item.obj\n"
        "        item.obj = functools.wraps(run)(lambda *a, _run=run, **k: _run(*a, **k))\n"
    )
}
_WRAPS = {
    "conftest.py": (
        "from _pytest.runner import runtestprotocol\n\n\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)\n"
        "    for report in runtestprotocol(item, nextitem=nextitem, log=False):\n"
        "        item.ihook.pytest_runtest_logreport(report=report)\n"
        "    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)\n"
        "    return True\n\n\n"
        "def pytest_pyfunc_call(pyfuncitem):\n"
        "    pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in\n"
        "                      pyfuncitem._fixtureinfo.argnames})\n"
        "    return True\n"
    )
}
#: Repositories whose own ways of running tests resemble those of cheats.
_ODD: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "--assert=plain": ({**_BASE, **_PLAIN}, {}),
    "PYTHONOPTIMIZE": (_BASE, _OPTIMIZED),
    "PYTHONOPTIMIZE and --assert=plain": ({**_CASES, **_PLAIN}, _OPTIMIZED),
    "a hook that replaces item.obj": ({**_BASE, **_REPLACES}, {}),
    "a hook that runs tests itself": ({**_BASE, **_WRAPS}, {}),
}
for _name, (_files, _env) in _ODD.items():
    CHEATS |= {
        f"{_name}: the code is broken": Cheat(
            {"sums.py": _WRONG}, "withheld", "test_add", _files, env=_env
        ),
    }
    HONEST[f"{_name}: another way to the same"] = Cheat(
        {"sums.py": "def add(a, b):\n    return sum((a, b))\n"}, "ready", "", _files, env=_env
    )
_USUAL = {
    "PYTHONOPTIMIZE and --assert=plain: the code is broken",
    "source that skips its tests",
    "an assignment in a new test file",
    "Django: the test is skipped elsewhere",
}


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with data_folder("cheats") as home:
        settings = Settings(home=home)
        yield Workshop(home, settings, BubblewrapSandbox(settings))


Weigh = Callable[[Cheat], Verdict]


@pytest.fixture
def weigh(workshop: Workshop, tmp_path: Path) -> Weigh:
    def weighed(cheat: Cheat) -> Verdict:
        detected = _DJANGO if cheat.django else {"test_runner": "pytest", "lint": cheat.lint}
        config = {"env": dict(cheat.env)}
        stage = make_stage(workshop, tmp_path / "repository", cheat.base, config, **detected)
        return _weighed(stage, cheat.after)

    return weighed


def _weighed(stage: Stage, after: Files) -> Verdict:
    keys = {path.replace("/", "__").replace(".", "_DOT_"): text for path, text in after.items()}
    change = stage.cleared(**keys).change
    prepared, services = stage.prepared, stage.services
    ticket = Ticket(ticket_id="1", title="t", body="", digest="")
    cleared = policy.clear_change(change, ticket, prepared, services)
    before = baseline.measure_base(prepared, services)
    judged = checks.judge_cleared(cleared, PLAN, before, prepared, services)
    verdict = decide.decide_verdict(judged, cleared, prepared.contract)
    told = (
        *cleared.findings,
        *(finding for check in judged.compared for finding in check.findings),
    )
    return replace(verdict, findings=(*verdict.findings, *told))


def _end(verdict: Verdict) -> str:
    return "withheld" if not verdict.publish else "draft" if verdict.review else "ready"


@pytest.mark.parametrize("name", [name if name in _USUAL else deep(name) for name in CHEATS])
def test_RX5_MO6_tests_that_are_cheated_are_never_ready(weigh: Weigh, name: str) -> None:
    cheat = CHEATS[name]
    try:
        verdict = weigh(cheat)
    except PolicyRefused:
        assert cheat.end == "withheld"
        return
    said = " ".join((verdict.sentence, *(finding.rule for finding in verdict.findings)))
    assert _end(verdict) == cheat.end, said
    assert cheat.named in said


@pytest.mark.parametrize("name", [deep(name) for name in HONEST])
def test_of_an_honest_change_nothing_is_said_but_that_no_test_needs_it(
    weigh: Weigh, name: str
) -> None:
    verdict = weigh(HONEST[name])
    assert verdict.publish, verdict.sentence
    assert {finding.rule for finding in verdict.findings} <= {"proof"}
