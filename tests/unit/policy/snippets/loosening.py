"""Changes by which checks get easier to pass: comments, settings, hooks, patches; near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_CODE = "def total(cart):\n    return sum(cart)\n"


def _line(comment: str, **more: object) -> Snippet:
    return Snippet(f"x = f()  {comment}\n", base="x = f()\n", line=1, **more)  # type: ignore[arg-type]


def _package(more: str, before: str = "import os\n", **others: str) -> Snippet:
    """A package's `__init__.py` with more in it."""
    base: dict[str, str | bytes] = {"app/views.py": _CODE, "app/__init__.py": before, **others}
    return Snippet({"app/__init__.py": before + more}, base=base)


_SUPPRESSION = Cases(
    fails={
        "mypy for the whole file": _line("# mypy: warn-return-any, ignore-errors"),
        "no package": Snippet(
            "from .other import x  # noqa: F401\n", base="from .other import x\n", line=1
        ),
    },
    passes={
        "as the package does": _package(
            "from httpx import get  # noqa: F401\n", before="import json  # noqa: F401\n"
        ),
        "asked for": _line("# noqa: E501", ticket="Add `noqa` to the long address in views"),
    },
)
_SUPPRESSION_NOTED = Cases(
    fails={
        "of the layout": _line("# noqa: E501"),
        "asked for": _line("# noqa: E501", ticket="Add `noqa` to the long address in views"),
    },
    passes={
        "in a string": Snippet("x = '# noqa'\n"),
        "forbidden": _line("# noqa", ticket="Fix the lint, and do not add noqa"),
    },
)


def _toml(after: str, before: str, path: str = "pyproject.toml", **more: object) -> Snippet:
    return Snippet({path: after}, base={path: before, **_TREE}, **more)  # type: ignore[arg-type]


def _pyright(after: str, before: str, **more: object) -> Snippet:
    detected = {"type_tools": ("pyright",), "type_settings": ("pyrightconfig.json",)}
    return _toml(after, before, "pyrightconfig.json", project=detected, **more)


_TREE = {
    "tests/test_a.py": "def test_a():\n    assert f()\n",
    "app/__init__.py": "",
    "app/a.py": _CODE,
}
_MYPY = "[tool.mypy]\nstrict = true\n"
_SETTINGS = Cases(
    fails={
        "pyright, strict no longer": _pyright("{}", '{"strict": ["app"]}'),
        "a hook of pre-commit": _toml(
            "repos:\n- repo: a\n  hooks:\n  - id: ruff\n",
            "repos:\n- repo: a\n  hooks:\n  - id: ruff\n  - id: mypy\n",
            ".pre-commit-config.yaml",
        ),
    },
    passes={
        "the first settings of pytest, which leave nothing out": Snippet(
            {"pytest.ini": "[pytest]\naddopts = -ra\ntestpaths = tests\n"}, base=_TREE
        ),
        "more covered": _toml(
            "[tool.coverage.report]\nfail_under = 95\n", "[tool.coverage.report]\nfail_under = 90\n"
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
        "nothing": _toml(_MYPY + "\n", _MYPY),
        "stricter": _toml(_MYPY + "warn_unreachable = true\n", _MYPY),
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
        "in pytest's place": _conftest(
            "def pytest_pyfunc_call(pyfuncitem):\n    return True\n", line=2
        ),
        "the parent of a child": Snippet(
            {"tests/test_a.py": _FORKS.format("pid = os.fork()\n    pid = 0")}, line=8
        ),
    },
    passes={
        "a child": Snippet({"tests/test_a.py": _FORKS.format("pid = os.fork()")}),
        "a script of the tests": Snippet({"tests/run.py": "import sys\n\nsys.exit(main())\n"}),
    },
)
_HOOKS_NOTED = Cases(
    fails={
        "what is collected": _conftest(
            "def pytest_ignore_collect(path):\n    return path.startswith('x')\n", line=2
        ),
        "of unittest": Snippet(
            {"tests/test_a.py": "def load_tests(loader, tests, pattern):\n    return tests\n"},
            line=1,
        ),
    },
    passes={
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
        "the thing itself": _patch(
            "def test_total(mocker):\n    mocker.patch('app.cart.total', return_value=3)\n    assert cart.total([1]) == 3\n",
            6,
        ),
    },
    passes={
        "a library": _patch(_TEST.format("mocker.patch('app.cart.requests.get')"), **_EXTERNAL),
        "not forbidden": _patch(_TEST.format("mocker.patch('app.views.total')")),
    },
)
_MOCKED_NOTED = Cases(
    fails={
        "as an attribute": _patch(
            _TEST.format("monkeypatch.setattr(cart, 'total', lambda c: 3)"), 6
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
        "any": _patch(
            _TEST.format("mocker.patch('app.views.total')"), config={"tests": {"mock": "any"}}
        ),
    },
)
_SNAP = "tests/__snapshots__/test_cart.ambr"


def _file(path: str, after: str | None = "new", before: str | None = "old") -> Snippet:
    return Snippet({path: after}, base={path: before} if before is not None else {"a.py": ""})


_SNAPSHOT = Cases(
    fails={
        "deleted": _file(_SNAP, after=None),
        "a cassette": _file("tests/cassettes/pay.yaml"),
    },
    passes={
        "the same": _file(_SNAP, after="old"),
        "a page of the application": _file("app/expected/page.html"),
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
