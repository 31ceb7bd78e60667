"""Edits of what `fastapi.auth` names, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

_BASE = """TOKENS = {}


def find(token):
    return TOKENS.get(token)


def user(token):
    return find(token)


def other():
    return 1
"""
_AUTH = {"fastapi": {"auth": [{"paths": ["/**"], "dependency": "app.auth.user"}]}}


def _edits(old: str, new: str, line: int | None = None) -> Snippet:
    return Snippet(
        {"app/auth.py": _BASE.replace(old, new)},
        base={"app/auth.py": _BASE},
        line=line,
        config=_AUTH,
    )


CASES = {
    "fastapi-auth": Cases(
        fails={
            "the dependency itself": _edits("return find(token)", "return token", 8),
            "a function that it calls": _edits("get(token)", "get(token) or token", 4),
            "a value that this one reads": _edits("{}", "{'a': 'b'}", 1),
            "a value that is altered": _edits(
                "def other", "TOKENS.update(a='b')\n\n\ndef other", 12
            ),
            "where it comes from": Snippet(
                {"app/auth.py": "from app.users import user\n", "app/users.py": _BASE},
                base={"app/auth.py": _BASE},
                config=_AUTH,
            ),
        },
        passes={
            "another function": _edits("return 1", "return 2"),
            "its docstring": _edits("    return find", "    'Who asks.'\n    return find"),
            "an import beside one that it uses": Snippet(
                {"app/auth.py": "from a import b, c\n\n\ndef user():\n    b()\n"},
                base={"app/auth.py": "from a import b\n\n\ndef user():\n    b()\n"},
                config=_AUTH,
            ),
            "none is named": Snippet(_BASE),
        },
    )
}
