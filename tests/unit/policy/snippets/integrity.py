"""Tests that a change edits, and modules that it puts in the place of others."""

from tests.unit.policy.cases import Cases, Snippet

_PATH = "tests/test_cart.py"


_EDITED = Cases(
    fails={
        "an assertion less": Snippet(
            {_PATH: "class T:\n    def test_a(self):\n        assert f()\n"},
            base={_PATH: "class T:\n    def test_a(self):\n        assert f() == 1\n"},
        ),
        "its data": Snippet({"tests/a.json": "{}"}, base={"tests/a.json": "[]"}),
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
    },
    passes={
        "in a package": Snippet({"shop/json.py": "x = 1\n"}),
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

CASES = {
    "test-edited": _EDITED,
    "module-in-place-of-another": _NAMES,
}
