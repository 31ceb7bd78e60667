"""Changes by which checks say less: comments that switch them off, tests that assert nothing."""

from repo_config import command_lines
from tests.unit.policy.cases import Cases, Snippet

_PATH = "tests/test_cart.py"


_SUPPRESSION = Cases(
    fails={
        "a decorator": Snippet("@typing.no_type_check\ndef f(): ...\n", line=1),
        "a branch for type checkers": Snippet(
            "if TYPE_CHECKING:\n    from shop import f\nelse:\n    def f(): ...\n", line=1
        ),
        "one that shadows": Snippet(
            "def f(): ...\nif t.TYPE_CHECKING:\n    from shop import f\n", line=2
        ),
        "a value for type checkers": Snippet("f = g if TYPE_CHECKING else h\n", line=1),
        "options of a tool": Snippet(
            "x = 1\n# mypy: ignore-errors\n",
            project={"types": (command_lines.read_command("mypy ."),)},
            line=2,
        ),
        "a tool with commands": Snippet(
            "# ruff: noqa\nx = 1\n",
            project={"lint": (command_lines.read_command("ruff check"),)},
            line=1,
        ),
        "a stub": Snippet({"app/cart.pyi": "f = g if TYPE_CHECKING else h\n"}, line=1),
    },
    passes={
        "imports for annotations": Snippet("if TYPE_CHECKING:\n    from shop import Order\n"),
        "options of a tool that nobody runs": Snippet("x = 1\n# mypy: ignore-errors\n"),
        "a comment, of which the tools tell": Snippet("x = f()  # noqa\n"),
    },
)


def _new(body: str, head: str = "", **others: str) -> Snippet:
    text = "".join(f"    {line}\n" for line in body.splitlines())
    files = {path.replace("__", "/") + ".py": content for path, content in others.items()}
    return Snippet({_PATH: f"{head}def test_new():\n{text}", **files})


def _method(call: str) -> Snippet:
    head = "from tests.base import ApiCase\n\n\n"
    return Snippet(
        {_PATH: f"{head}class CartTests(ApiCase):\n    def test_new(self):\n        {call}\n"}
    )


_HOLLOW = Cases(
    fails={
        "only calls": _new("total([])"),
        "a helper that looks at nothing": _new("check()", head="def check():\n    total([])\n"),
        "what every case has": _method("self.id()"),
        "beside another one": Snippet(
            {_PATH: "def test_old():\n    assert f()\n\n\ndef test_new():\n    f()\n"},
            base={_PATH: "def test_old():\n    assert f()\n"},
            line=5,
        ),
    },
    passes={
        "an assertion": _new("assert total([]) == 0"),
        "a method of a case": _new("self.assertEqual(total([]), 0)"),
        "an error that has to come": _new("with pytest.raises(ValueError):\n    total(None)"),
        "a helper of the file": _new("check()", head="def check():\n    assert total([]) == 0\n"),
        "a method of another case": _method("self.post({}, 400)"),
        "a method of another case through it": _method("super().post({})"),
        "a class of the tests": _new(
            "with Checks():\n    f()",
            head="from tests.helpers import Checks\n\n\n",
            tests__helpers="class Checks:\n    def __exit__(self, *_):\n        assert f()\n",
        ),
        "a function that a fixture gives": Snippet(
            {_PATH: "def test_new(check):\n    check(total([]))\n"}
        ),
        "a helper that cannot be followed": _new(
            "check()",
            head="from tests.helpers import check\n\n\n",
            tests__helpers="check = make()\n",
        ),
        "a helper of the tests": _new(
            "check()",
            head="from tests.helpers import check\n\n\n",
            tests__helpers="def check():\n    assert f()\n",
        ),
    },
)

_EDITED = Cases(
    fails={
        "an assertion less": Snippet(
            {_PATH: "class T:\n    def test_a(self):\n        assert f()\n"},
            base={_PATH: "class T:\n    def test_a(self):\n        assert f() == 1\n"},
        ),
        "another function of that name": Snippet(
            {_PATH: "from b import f\n\n\ndef test_a(): assert f()\n"},
            base={_PATH: "from a import f\n\n\ndef test_a(): assert f()\n"},
        ),
    },
    passes={
        "a comment, and a new test": Snippet(
            {_PATH: "def test_a():\n    assert f()  # It is.\n\n\ndef test_b(): assert g()\n"},
            base={_PATH: "def test_a():\n    assert f()\n"},
        ),
        "a helper of the source": Snippet("def test_a(): return 1\n", "def test_a(): return 2\n"),
    },
)

_NAMES = Cases(
    fails={
        "a module at the root": Snippet({"json.py": "x = 1\n"}, line=1),
        "a package below src": Snippet({"src/random/__init__.py": ""}, line=1),
        "what Python runs first": Snippet({"sitecustomize.py": "x = 1\n"}, line=1),
        "beside tests that are no package": Snippet(
            {"tests/django.py": "x = 1\n"}, base={"tests/test_a.py": ""}, line=1
        ),
        "above tests that are a package": Snippet(
            {"tests/django.py": "x = 1\n"},
            base={"tests/shop/__init__.py": "", "tests/shop/test_a.py": ""},
            line=1,
        ),
        "what a module would have from elsewhere": Snippet(
            {"orjson_x.py": "x = 1\n"},
            base={"shop/a.py": "try:\n    import orjson_x\nexcept ImportError:\n    pass\n"},
            line=1,
        ),
        "a package beside a module": Snippet(
            {"tests/helpers/__init__.py": ""}, base={"tests/helpers.py": "x = 1\n"}, line=1
        ),
    },
    passes={
        "the file of a package that base imports without it": Snippet(
            {"helpers/__init__.py": ""},
            base={"helpers/a.py": "x = 1\n", "shop/b.py": "from helpers import a\n"},
        ),
        "in a package": Snippet({"shop/json.py": "x = 1\n"}),
        "a module that base has elsewhere": Snippet(
            {"money.py": "x = 1\n"},
            base={"lib/money.py": "x = 1\n", "shop/a.py": "import money\n"},
        ),
        "another name": Snippet({"money.py": "x = 1\n"}),
        "it was there": Snippet({"json.py": "x = 2\n"}, base={"json.py": "x = 1\n"}),
        "a module becomes a package": Snippet(
            {"json/__init__.py": "x = 1\n", "json.py": None}, base={"json.py": "x = 1\n"}
        ),
        "tests that are a package": Snippet(
            {"tests/types.py": "x = 1\n"}, base={"tests/__init__.py": "", "tests/test_a.py": ""}
        ),
        "data of tests": Snippet({"tests/data/types.py": "x = 1\n"}, base={"tests/test_a.py": ""}),
    },
)

_COMMANDS = Cases(
    fails={
        "a command of Django": Snippet({"shop/management/commands/migrate.py": ""}, line=1),
        "a command of another app": Snippet(
            {"shop/management/commands/sync.py": ""},
            base={"stock/management/commands/sync.py": ""},
            line=1,
        ),
    },
    passes={
        "a command that moves": Snippet(
            {"shop/management/commands/sync.py": "", "stock/management/commands/sync.py": None},
            base={"stock/management/commands/sync.py": ""},
        ),
        "a command of its own": Snippet({"shop/management/commands/sync.py": ""}),
    },
)

CASES = {
    "suppression": _SUPPRESSION,
    "test-asserts-nothing": _HOLLOW,
    "test-edited": _EDITED,
    "module-in-place-of-another": _NAMES,
    "replaced-command": _COMMANDS,
}
