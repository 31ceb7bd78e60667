"""Changes by which checks get easier to pass: comments, settings, hooks, patches; near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_CODE = "def total(cart):\n    return sum(cart)\n"
_HAS = "import os\n\nx = 1\n"


def _line(comment: str, base: str = "x = f()\n", **more: object) -> Snippet:
    return Snippet(f"x = f()  {comment}\n", base=base, line=1, **more)  # type: ignore[arg-type]


def _package(
    more: str, line: int | None = None, before: str = "import os\n", **others: str
) -> Snippet:
    """A package's `__init__.py` with more in it."""
    base: dict[str, str | bytes] = {"app/views.py": _CODE, "app/__init__.py": before, **others}
    return Snippet({"app/__init__.py": before + more}, base=base, line=line)


_SUPPRESSION = Cases(
    fails={
        "noqa": _line("# noqa"),
        "noqa with a code": _line("# noqa: F401"),
        "another code": _line("# noqa: E501, F401", base="x = f()  # noqa: E501\n"),
        "type: ignore": _line("# type: ignore[arg-type]"),
        "no cover": _line("# pragma: no cover"),
        "nosec": _line("# nosec B602"),
        "pylint": _line("# pylint: disable=no-member"),
        "pyright": _line("# pyright: ignore"),
        "pyright by a rule": _line("# pyright: ignore[reportArgumentType]"),
        "pyright for the whole file": Snippet("# pyright: basic\nx = 1\n", base="x = 1\n", line=1),
        "pyright in a new file": Snippet("# pyright: reportCallIssue=false\nx = 1\n", line=1),
        "pyright, one rule among stricter ones": Snippet(
            "# pyright: strict, reportCallIssue = warning\nx = 1\n", base="x = 1\n", line=1
        ),
        "pyright, where more is usual": Snippet(
            "# pyright: standard\nx = 1\n",
            base="x = 1\n",
            line=1,
            project={"type_tools": ("basedpyright",), "type_mode": "recommended"},
        ),
        "pyright heeds comments again": Snippet(
            "# pyright: enableTypeIgnoreComments=true\nx = 1\n", base="x = 1\n", line=1
        ),
        "wider": _line("# noqa", base="x = f()  # noqa: E501\n"),
        "a stub": Snippet(
            {"app/a.pyi": "def f() -> int: ...  # type: ignore\n"},
            base={"app/a.pyi": "def f() -> int: ...\n"},
            line=1,
        ),
        "a whole new stub": Snippet({"app/a.pyi": "# mypy: ignore-errors\nx: int\n"}, line=1),
        "a whole new file": Snippet("# mypy: ignore-errors\nx = 1\n", line=1),
        "the first line of a new file": Snippet("# type: ignore\nx = 1\n", line=1),
        "another ticket": _line("# noqa", ticket="Fix the failing lint"),
        "an import of a library": _package("from httpx import get  # noqa: F401\n", 2),
        "an import without a code": _package("from .views import show  # noqa\n", 2),
        "another code of an import": _package("from .views import show  # noqa: F811\n", 2),
        "no package": Snippet(
            "from .other import x  # noqa: F401\n", base="from .other import x\n", line=1
        ),
        "no import": _package("x = f()  # noqa: F401\n", 2),
        "in a function": _package("def f():\n    from .views import show  # noqa: F401\n", 3),
        "a whole package": _package("# ruff: noqa: F401\nfrom .views import show\n", 2),
    },
    passes={
        "moved into a stub": Snippet(
            {"app/a.py": None, "app/a.pyi": "x = f()  # type: ignore\n"},
            base={"app/a.py": "x = f()  # type: ignore\n"},
        ),
        "a line of a new stub": Snippet({"app/a.pyi": "x: int  # type: ignore\n"}),
        "handed on": _package("from .views import show  # noqa: F401\n"),
        "handed on by its whole name": _package("from app.views import show  # noqa: F401\n"),
        "all of it handed on": _package("from .views import *  # noqa: F401, F403\n"),
        "handed on in several lines": _package(
            "from .views import (\n    show,  # noqa: F401\n    hide,  # noqa: F401\n)\n"
        ),
        "handed on past pylint": _package(
            "from .views import show  # pylint: disable=unused-import\n"
        ),
        "as the package does": _package(
            "from httpx import get  # noqa: F401\n", before="import json  # noqa: F401\n"
        ),
        "as another package does": _package(
            "from httpx import get  # noqa: F401\n",
            **{"lib/__init__.py": "import json  # noqa: F401\n"},
        ),
        "the format": Snippet("# fmt: off\nx = 1\n", base="x = 1\n"),
        "the imports": _line("# isort: skip"),
        "in a string": Snippet('x = "# noqa"\n', base="x = 1\n"),
        "in a docstring": Snippet('"""Say # type: ignore."""\n', base="x = 1\n"),
        "there before": _line("# noqa", base="x = f()  # noqa\n"),
        "moved down": Snippet("y = 1\nx = f()  # noqa\n", base="x = f()  # noqa\n"),
        "moved to another file": Snippet(
            {"app/a.py": "y = 1\n", "app/b.py": "x = f()  # noqa\n"},
            base={"app/a.py": "y = 1\nx = f()  # noqa\n"},
        ),
        "narrower": _line("# noqa: E501", base="x = f()  # noqa\n"),
        "taken away": Snippet("x = f()\n", base="x = f()  # noqa\n"),
        "pyright looks at more": Snippet("# pyright: strict\nx = 1\n", base="x = 1\n"),
        "pyright looks at more than usual": Snippet(
            "# pyright: standard, reportCallIssue=error\nx = 1\n",
            base="x = 1\n",
            project={"type_tools": ("pyright",), "type_mode": "basic"},
        ),
        "pyright, there before": Snippet(
            "# pyright: basic\nx = 2\n", base="# pyright: basic\nx = 1\n"
        ),
        "a word of pyright": Snippet("x = 1  # pyright: ignored by us? no\n", base="x = 1\n"),
        "a word": Snippet("x = 1  # see the noqa list, ignore type: nothing\n", base="x = 1\n"),
        "a line of a new file": Snippet("import a  # noqa: F401\n"),
        "asked for": _line("# noqa: E501", ticket="Add `noqa` to the long address in views"),
    },
)
_SUPPRESSION_NOTED = Cases(
    fails={
        "of the layout": _line("# noqa: E501"),
        "in a test": Snippet(
            {"tests/test_a.py": "f('1')  # type: ignore[arg-type]\n"},
            base={"tests/test_a.py": "f('1')\n"},
            line=1,
        ),
        "noqa": Snippet("import a  # noqa: F401\n", line=1),
        "type: ignore": Snippet("import a  # type: ignore[import-untyped]\n", line=1),
        "no cover": Snippet("if x:  # pragma: no cover\n    y = 1\n", line=1),
        "nosec": Snippet("x = 1\ny = f()  # nosec\n", line=2),
        "asked for": _line("# noqa: E501", ticket="Add `noqa` to the long address in views"),
    },
    passes={
        "nothing": Snippet("import a\n"),
        "in a string": Snippet("x = '# noqa'\n"),
        "a file that was there": _line("# noqa"),
        "of the whole file": Snippet("# flake8: noqa\nx = 1\n"),
        "forbidden": _line("# noqa", ticket="Fix the lint, and do not add noqa"),
    },
)


def _toml(after: str, before: str, path: str = "pyproject.toml", **more: object) -> Snippet:
    return Snippet({path: after}, base={path: before, **_TREE}, **more)  # type: ignore[arg-type]


def _pyright(after: str, before: str, tool: str = "pyright", **more: object) -> Snippet:
    detected = {"type_tools": (tool,), "type_settings": ("pyrightconfig.json",)}
    return _toml(after, before, "pyrightconfig.json", project=detected, **more)


_TREE = {
    "tests/test_a.py": "def test_a():\n    assert f()\n",
    "app/__init__.py": "",
    "app/a.py": _CODE,
}
_MYPY = "[tool.mypy]\nstrict = true\n"
_PYTEST = "[tool.pytest.ini_options]\naddopts = '--strict-markers'\nxfail_strict = true\n"
_SETTINGS = Cases(
    fails={
        "strict off": _toml("[tool.mypy]\nstrict = false\n", _MYPY, line=2),
        "strict gone": _toml("[tool.mypy]\n", _MYPY),
        "errors ignored": _toml(_MYPY + "ignore_errors = true\n", _MYPY, line=3),
        "for a module of its own": _toml(
            _MYPY + "[[tool.mypy.overrides]]\nmodule = 'app.*'\nignore_errors = true\n", _MYPY
        ),
        "the first settings of pytest": Snippet(
            {"pytest.ini": "[pytest]\naddopts = --deselect tests/test_a.py\n"}, base=_TREE, line=2
        ),
        "a file that takes its place": Snippet(
            {"mypy.ini": "[mypy]\n"}, base={"pyproject.toml": _MYPY, **_TREE}
        ),
        "a rule left out": _toml(
            "[tool.ruff.lint]\nignore = ['E501', 'F401']\n",
            "[tool.ruff.lint]\nignore = ['E501']\n",
            line=2,
        ),
        "rules no longer chosen": _toml(
            "[tool.ruff.lint]\nselect = ['E']\n", "[tool.ruff.lint]\nselect = ['E', 'F']\n", line=2
        ),
        "for some files": _toml(
            "[tool.ruff.lint.per-file-ignores]\n'app/*' = ['F']\n",
            "[tool.ruff]\nline-length = 88\n",
        ),
        "less covered": _toml(
            "[tool.coverage.report]\nfail_under = 60\n",
            "[tool.coverage.report]\nfail_under = 90\n",
            line=2,
        ),
        "tests deselected": _toml(
            _PYTEST.replace("markers'", 'markers -k "not total"\''), _PYTEST, line=2
        ),
        "a plugin off": _toml(
            _PYTEST.replace("markers'", "markers -p no:randomly'"), _PYTEST, line=2
        ),
        "markers no longer strict": _toml(_PYTEST.replace("--strict-markers", ""), _PYTEST, line=2),
        "xfail no longer strict": _toml(_PYTEST.replace("true", "false"), _PYTEST, line=3),
        "tests elsewhere": _toml(_PYTEST + "testpaths = ['checks']\n", _PYTEST, line=4),
        "tests by another name": _toml(_PYTEST + "python_files = 'check_*.py'\n", _PYTEST, line=4),
        "warnings let pass": _toml(
            "[pytest]\nfilterwarnings =\n    error\n    ignore::DeprecationWarning\n",
            "[pytest]\nfilterwarnings =\n    error\n",
            "pytest.ini",
        ),
        "flake8": _toml(
            "[flake8]\nignore = E501,F401\n", "[flake8]\nignore = E501\n", ".flake8", line=2
        ),
        "coverage of less": _toml("[run]\nomit = app/*\n", "[run]\nbranch = True\n", ".coveragerc"),
        "pyright": _toml(
            '{"typeCheckingMode": "basic"}', '{"typeCheckingMode": "strict"}', "pyrightconfig.json"
        ),
        "pyright, with comments": _pyright(
            '{\n  // why\n  "reportCallIssue": false,\n}', "{\n  // why\n}", line=3
        ),
        "pyright, in its table": _toml(
            "[tool.pyright]\nexclude = ['app/old']\n", "[tool.pyright]\nstrict = ['app']\n"
        ),
        "pyright, strict no longer": _pyright("{}", '{"strict": ["app"]}'),
        "pyright, of less": _pyright('{"include": ["app"]}', "{}"),
        "pyright, in one folder": _pyright(
            '{"executionEnvironments": [{"root": "app", "reportCallIssue": "none"}]}',
            '{"executionEnvironments": [{"root": "app"}]}',
        ),
        "pyright, its first settings": Snippet(
            {"pyrightconfig.json": '{"typeCheckingMode": "off"}'},
            base=_TREE,
            project={"type_tools": ("pyright",)},
        ),
        "pyright, a file that takes the place of its table": Snippet(
            {"pyrightconfig.json": "{}"},
            base={"pyproject.toml": "[tool.pyright]\ntypeCheckingMode = 'strict'\n", **_TREE},
        ),
        "pyright, what its settings are built on": Snippet(
            {"ci/base.json": '{"ignore": ["app"]}'},
            base={
                "pyrightconfig.json": '{"extends": "ci/base.json"}',
                "ci/base.json": "{}",
                **_TREE,
            },
            project={
                "type_tools": ("pyright",),
                "type_settings": ("pyrightconfig.json", "ci/base.json"),
            },
        ),
        "basedpyright, warnings": _pyright(
            '{"failOnWarnings": false}', '{"failOnWarnings": true}', tool="basedpyright"
        ),
        "basedpyright, comments": _pyright(
            '{"enableTypeIgnoreComments": true}', "{}", tool="basedpyright"
        ),
        "a hook of pre-commit": _toml(
            "repos:\n- repo: a\n  hooks:\n  - id: ruff\n",
            "repos:\n- repo: a\n  hooks:\n  - id: ruff\n  - id: mypy\n",
            ".pre-commit-config.yaml",
        ),
        "migrations left out": Snippet(
            {"app/settings.py": "MIGRATION_MODULES = {'app': None}\n"},
            base={"app/settings.py": "X = 1\n"},
            line=1,
        ),
        "checks of Django silenced": Snippet(
            {"app/settings.py": "X = 1\nSILENCED_SYSTEM_CHECKS = ['models.W042']\n"},
            base={"app/settings.py": "X = 1\n"},
            line=2,
        ),
        "another ticket": _toml(
            "[tool.mypy]\nstrict = false\n", _MYPY, ticket="Make mypy pass again"
        ),
    },
    passes={
        "stricter": _toml(_MYPY, "[tool.mypy]\nstrict = false\n"),
        "pyright, stricter": _pyright(
            '{"typeCheckingMode": "strict", "reportCallIssue": "error"}',
            '{"reportCallIssue": false}',
        ),
        "pyright, the same in other words": _pyright(
            '{"reportCallIssue": "error", "include": ["./app/"]}',
            '{"reportCallIssue": true, "include": ["app"]} // all',
        ),
        "pyright, what is usual": _pyright('{"typeCheckingMode": "standard"}', "{}"),
        "pyright, a weak mode taken out": _pyright("{}", '{"typeCheckingMode": "basic"}'),
        "pyright, a rule that was off": _pyright('{"reportUnusedImport": "warning"}', "{}"),
        "pyright, of more": _pyright('{"include": ["app", "tests"]}', '{"include": ["app"]}'),
        "pyright, settings where it is not run": Snippet(
            {"pyrightconfig.json": '{"typeCheckingMode": "off"}'}, base=_TREE
        ),
        "another tool": _toml(_MYPY + "[tool.black]\nskip-string-normalization = true\n", _MYPY),
        "moved": Snippet(
            {"setup.cfg": "[metadata]\nname = a\n", "pyproject.toml": _MYPY},
            base={"setup.cfg": "[metadata]\nname = a\n\n[mypy]\nstrict = true\n", **_TREE},
        ),
        "the first settings of pytest, which leave nothing out": Snippet(
            {"pytest.ini": "[pytest]\naddopts = -ra\ntestpaths = tests\n"}, base=_TREE
        ),
        "the first of its kind": Snippet({"mypy.ini": "[mypy]\n"}, base=_TREE),
        "a dependency": _toml("[project]\ndependencies = ['a']\n" + _MYPY, _MYPY),
        "a library without types": _toml(
            _MYPY
            + "[[tool.mypy.overrides]]\nmodule = 'untyped.*'\nignore_missing_imports = true\n",
            _MYPY,
        ),
        "more covered": _toml(
            "[tool.coverage.report]\nfail_under = 95\n", "[tool.coverage.report]\nfail_under = 90\n"
        ),
        "more tests": _toml(
            _PYTEST + "testpaths = ['tests', 'checks']\n", _PYTEST + "testpaths = ['tests']\n"
        ),
        "a marker": _toml(_PYTEST + "markers = ['slow: long']\n", _PYTEST),
        "quieter": _toml(_PYTEST.replace("markers'", "markers -q -ra'"), _PYTEST),
        "asked for": _toml(
            "[tool.coverage.report]\nfail_under = 60\n",
            "[tool.coverage.report]\nfail_under = 90\n",
            ticket="Lower fail_under to 60 while the importer is rewritten",
        ),
        "other settings": Snippet(
            {"app/settings.py": "MIGRATION_MODULES = {'app': 'app.moved'}\n"},
            base={"app/settings.py": "X = 1\n"},
        ),
        "hooks of pre-commit where there were none": Snippet(
            {".pre-commit-config.yaml": "repos:\n- hooks:\n  - id: mypy\n"},
            base={".pre-commit-config.yaml": "repos: []\n"},
        ),
        "a new hook of pre-commit": _toml(
            "repos:\n- repo: a\n  hooks:\n  - id: mypy\n  - id: spell\n    exclude: app/\n",
            "repos:\n- repo: a\n  hooks:\n  - id: mypy\n",
            ".pre-commit-config.yaml",
        ),
        "the order": _toml(
            "[tool.ruff.lint]\nignore = ['F401', 'E501']\n",
            "[tool.ruff.lint]\nignore = ['E501', 'F401']\n",
        ),
    },
)
_SETTINGS_NOTED = Cases(
    fails={
        "a library without types": _toml(
            _MYPY
            + "[[tool.mypy.overrides]]\nmodule = 'untyped.*'\nignore_missing_imports = true\n",
            _MYPY,
        ),
        "in an ini file": _toml(
            "[mypy]\nstrict = True\n[mypy-untyped.*]\nignore_missing_imports = True\n",
            "[mypy]\nstrict = True\n",
            "mypy.ini",
        ),
        "by its key": _toml(
            "[tool.coverage.report]\nfail_under = 60\n",
            "[tool.coverage.report]\nfail_under = 90\n",
            ticket="Lower fail_under to 60 while the importer is rewritten",
        ),
        "by its file": _toml(
            "[flake8]\nignore = E501,W503\n",
            "[flake8]\nignore = E501\n",
            ".flake8",
            ticket="Add W503 to .flake8",
        ),
        "as asked, of Django": Snippet(
            {"app/settings.py": "SILENCED_SYSTEM_CHECKS = ['models.W042']\n"},
            base={"app/settings.py": "X = 1\n"},
            ticket="Add models.W042 to SILENCED_SYSTEM_CHECKS",
        ),
    },
    passes={
        "not asked": _toml("[tool.mypy]\nstrict = false\n", _MYPY),
        "nothing": _toml(_MYPY + "\n", _MYPY),
        "stricter": _toml(_MYPY + "warn_unreachable = true\n", _MYPY),
        "not asked either": _toml(
            "[tool.mypy]\nstrict = false\n", _MYPY, ticket="Never switch strict off"
        ),
        "a module of its own": _toml(
            _MYPY + "[[tool.mypy.overrides]]\nmodule = 'app.*'\nignore_missing_imports = true\n",
            _MYPY,
        ),
    },
)


def _conftest(
    after: str, before: str = "import pytest\n", line: int | None = None, **more: object
) -> Snippet:
    path = "tests/conftest.py"
    return Snippet({path: before + after}, base={path: before, **_TREE}, line=line, **more)  # type: ignore[arg-type]


_REPORT = "@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item):\n    outcome = yield\n"
_FORKS = (
    "import os\n\n\ndef test_a():\n    {}\n    if pid == 0:\n        os._exit(serve())\n"
    "    assert os.waitpid(pid, 0)[1] == 0\n"
)
_HOOKS = Cases(
    fails={
        "a result is written": _conftest(
            _REPORT + "    outcome.get_result().outcome = 'passed'\n", line=5
        ),
        "the exit status": _conftest(
            "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n", line=3
        ),
        "nothing is run": _conftest(
            "def pytest_collection_modifyitems(items):\n    items[:] = []\n", line=3
        ),
        "nothing is left": _conftest(
            "def pytest_collection_modifyitems(items):\n    items.clear()\n", line=3
        ),
        "in pytest's place": _conftest(
            "def pytest_pyfunc_call(pyfuncitem):\n    return True\n", line=2
        ),
        "the process ends": _conftest(
            "import os\n\n\ndef pytest_unconfigure():\n    os._exit(0)\n", line=6
        ),
        "an assertion is replaced": Snippet(
            {"tests/test_a.py": "import unittest\n\nunittest.TestCase.assertEqual = print\n"},
            base={"tests/test_a.py": "import unittest\n"},
            line=3,
        ),
        "by setattr": _conftest("setattr(pytest, 'raises', print)\n", line=2),
        "a case runs nothing": Snippet(
            {
                "tests/test_a.py": "import unittest\n\n\nclass A(unittest.TestCase):\n"
                "    def run(self, result=None):\n        return result\n"
            },
            line=5,
        ),
        "a command of Django's": Snippet(
            {"app/management/commands/makemigrations.py": "class Command:\n    pass\n"}
        ),
        "a module named as the tool": Snippet({"pytest.py": "def main():\n    return 0\n"}),
        "the import ends it": _conftest("import sys\nsys.exit(0)\n", line=3),
        "a conftest.py is read though it is left alone": Snippet(
            {"tests/a/conftest.py": "import sys\nsys.exit(0)\n"},
            base={"pytest.ini": "[pytest]\naddopts = --ignore tests/a -q\n"},
            line=2,
        ),
        "beside what pytest leaves alone": Snippet(
            {"tests/test_a.py": "import sys\nsys.exit(0)\n"},
            base={"pytest.ini": "[pytest]\naddopts = --ignore=tests/test_a\n"},
            line=2,
        ),
        "the parent of a child": Snippet(
            {"tests/test_a.py": _FORKS.format("pid = os.fork()\n    pid = 0")}, line=8
        ),
    },
    passes={
        "a marker": _conftest(
            "def pytest_configure(config):\n    config.addinivalue_line('markers', 'slow')\n"
        ),
        "a fixture": _conftest("@pytest.fixture\ndef cart():\n    return [1]\n"),
        "the report is kept": _conftest(_REPORT + "    item.rep = outcome.get_result()\n"),
        "an outcome of its own": Snippet(
            {"tests/test_a.py": "def test_a():\n    job.outcome = 'passed'\n    assert job.done\n"}
        ),
        "there before": _conftest(
            "x = 1\n", before="def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
        ),
        "a list": Snippet(
            {
                "tests/test_a.py": "def test_a():\n    items = [1]\n    items.clear()\n    assert f()\n"
            }
        ),
        "a script that pytest leaves alone": Snippet(
            {"test_build.py": "import sys\nsys.exit(0)\n"},
            base={"pytest.ini": "[pytest]\naddopts = --ignore=./test_build.py\n"},
        ),
        "a child": Snippet({"tests/test_a.py": _FORKS.format("pid = os.fork()")}),
        "a script": Snippet("import sys\n\nsys.exit(0)\n"),
        "a script of the tests": Snippet({"tests/run.py": "import sys\n\nsys.exit(main())\n"}),
        "slow tests": _conftest(
            "def pytest_collection_modifyitems(items):\n    for item in items:\n        item.add_marker('slow')\n"
        ),
    },
)
_HOOKS_NOTED = Cases(
    fails={
        "slow tests": _conftest(
            "def pytest_collection_modifyitems(items):\n    for item in items:\n        item.add_marker('slow')\n",
            line=2,
        ),
        "the report is kept": _conftest(_REPORT + "    item.rep = outcome.get_result()\n", line=3),
        "cases are made": _conftest(
            "def pytest_generate_tests(metafunc):\n    metafunc.parametrize('a', [])\n", line=2
        ),
        "what is collected": _conftest(
            "def pytest_ignore_collect(path):\n    return path.startswith('x')\n", line=2
        ),
        "of unittest": Snippet(
            {"tests/test_a.py": "def load_tests(loader, tests, pattern):\n    return tests\n"},
            line=1,
        ),
    },
    passes={
        "a marker": _conftest(
            "def pytest_configure(config):\n    config.addinivalue_line('markers', 'slow')\n"
        ),
        "an option": _conftest("def pytest_addoption(parser):\n    parser.addoption('--slow')\n"),
        "a fixture": _conftest("@pytest.fixture\ndef cart():\n    return [1]\n"),
        "a function of that name": Snippet("def load_tests(a):\n    return a\n"),
        "there before": _conftest(
            "x = 1\n", before="def pytest_ignore_collect(path):\n    return None\n"
        ),
    },
)
_APP = {
    "app/__init__.py": "",
    "app/cart.py": "import requests\n\n\ndef total(cart):\n    return requests.get('x').json()\n\n\nRATE = 3\n",
    "app/mail.py": "class Mailer:\n    def send(self):\n        return 1\n",
    "app/views.py": "from app.cart import total\n\n\ndef view(cart):\n    return total(cart)\n",
}


def _patch(body: str, line: int | None = None, head: str = "", **more: object) -> Snippet:
    text = f"from unittest import mock\nfrom app import cart, views\n{head}\n\n"
    return Snippet({"tests/test_views.py": text + body}, base=_APP, line=line, **more)  # type: ignore[arg-type]


_EXTERNAL = {"config": {"tests": {"mock": "external_only"}}}
_TEST = "def test_view(mocker, monkeypatch):\n    {}\n    assert views.view([1]) == 3\n"
_MOCKED = Cases(
    fails={
        "by its name": _patch(_TEST.format("mock.patch('app.cart.total').start()"), 6, **_EXTERNAL),
        "where it is used": _patch(_TEST.format("mocker.patch('app.views.total')"), 6, **_EXTERNAL),
        "as an attribute": _patch(
            _TEST.format("monkeypatch.setattr(cart, 'total', lambda c: 3)"), 6, **_EXTERNAL
        ),
        "of a class": _patch(
            _TEST.format("mock.patch.object(Mailer, 'send').start()"),
            6,
            head="from app.mail import Mailer",
            **_EXTERNAL,
        ),
        "as a decorator": _patch(
            "@mock.patch('app.cart.total')\ndef test_view(total):\n    assert views.view([1])\n",
            5,
            **_EXTERNAL,
        ),
        "the thing itself": _patch(
            "def test_total(mocker):\n    mocker.patch('app.cart.total', return_value=3)\n    assert cart.total([1]) == 3\n",
            6,
        ),
    },
    passes={
        "a library": _patch(_TEST.format("mocker.patch('app.cart.requests.get')"), **_EXTERNAL),
        "a library at home": _patch(_TEST.format("mocker.patch('requests.get')"), **_EXTERNAL),
        "a constant": _patch(_TEST.format("monkeypatch.setattr(cart, 'RATE', 4)"), **_EXTERNAL),
        "the environment": _patch(_TEST.format("monkeypatch.setenv('RATE', '4')"), **_EXTERNAL),
        "a stand-in of the tests": Snippet(
            {"tests/test_a.py": "from unittest import mock\n\nmock.patch('tests.fakes.send')\n"},
            base={"tests/__init__.py": "", "tests/fakes.py": "def send():\n    pass\n"},
            **_EXTERNAL,  # type: ignore[arg-type]
        ),
        "not forbidden": _patch(_TEST.format("mocker.patch('app.views.total')")),
        "asked for": _patch(
            _TEST.format("mocker.patch('app.views.total')"),
            ticket="Mock `total` in the tests of views",
            **_EXTERNAL,
        ),
    },
)
_MOCKED_NOTED = Cases(
    fails={
        "by its name": _patch(_TEST.format("mock.patch('app.cart.total').start()"), 6),
        "where it is used": _patch(_TEST.format("mocker.patch('app.views.total')"), 6),
        "as an attribute": _patch(
            _TEST.format("monkeypatch.setattr(cart, 'total', lambda c: 3)"), 6
        ),
        "of a class": _patch(
            _TEST.format("mock.patch.object(Mailer, 'send').start()"),
            6,
            head="from app.mail import Mailer",
        ),
        "asked for": _patch(
            _TEST.format("mocker.patch('app.views.total')"),
            6,
            ticket="Mock `total` in the tests of views",
            **_EXTERNAL,
        ),
    },
    passes={
        "a library": _patch(_TEST.format("mocker.patch('app.cart.requests.get')")),
        "a constant": _patch(_TEST.format("monkeypatch.setattr(cart, 'RATE', 4)")),
        "any": _patch(
            _TEST.format("mocker.patch('app.views.total')"), config={"tests": {"mock": "any"}}
        ),
        "no mock": _patch(_TEST.format("job.patch('app.views.total')")),
        "in the application": Snippet(
            {"app/more.py": "from unittest import mock\n\nmock.patch('app.cart.total')\n"},
            base=_APP,
        ),
    },
)
_SNAP = "tests/__snapshots__/test_cart.ambr"


def _file(path: str, after: str | None = "new", before: str | None = "old") -> Snippet:
    return Snippet({path: after}, base={path: before} if before is not None else {"a.py": ""})


_SNAPSHOT = Cases(
    fails={
        "edited": _file(_SNAP),
        "deleted": _file(_SNAP, after=None),
        "golden": _file("tests/golden/page.html"),
        "a cassette": _file("tests/cassettes/pay.yaml"),
        "by its name": _file("tests/data/expected_cart.json"),
        "approved": _file("tests/test_cart.approved.txt"),
    },
    passes={
        "new": _file(_SNAP, before=None),
        "the same": _file(_SNAP, after="old"),
        "data": _file("tests/data/cart.json"),
        "code": _file("app/snapshots/models.py", "x = 1\n", "x = 2\n"),
        "a page of the application": _file("app/expected/page.html"),
        "a test": _file("tests/snapshots/test_a.py", "x = 1\n", "x = 2\n"),
    },
)
CASES = {
    "suppression": _SUPPRESSION,
    "suppression-noted": _SUPPRESSION_NOTED,
    "settings-loosened": _SETTINGS,
    "settings-loosened-noted": _SETTINGS_NOTED,
    "test-hooks": _HOOKS,
    "test-hooks-noted": _HOOKS_NOTED,
    "mocks-own-code": _MOCKED,
    "mocks-own-code-noted": _MOCKED_NOTED,
    "snapshot-changed": _SNAPSHOT,
}
