"""Changes that `gate-files` names, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet


def _one(path: str, after: str | None = "x = 1\n", before: str = "x = 0\n") -> Snippet:
    return Snippet({path: after}, base={path: before})


_TOML = '[project]\nname = "a"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n'

CASES = {
    "gate-files": Cases(
        fails={
            "what every test loads": _one("tests/deep/conftest.py"),
            "deleted": _one("conftest.py", None),
            "dependencies": _one("requirements/dev.txt"),
            "a lock": _one("uv.lock"),
            "CI": _one(".circleci/config.yml"),
            "a folder that shadows a tool": Snippet({"pytest/__init__.py": ""}),
            "run before anything else": Snippet({"src/sitecustomize.py": ""}),
            "in another case": _one("Tox.INI"),
            "a table of a tool": _one("pyproject.toml", _TOML.replace("-q", "-x"), _TOML),
            "what is installed": _one("pyproject.toml", _TOML.replace('"a"', '"b"'), _TOML),
            "a plugin of mypy": Snippet(
                {"tools/plugin.py": "x = 1\n"}, project={"plugins": ("tools/plugin.py",)}
            ),
        },
        passes={
            "a test": _one("tests/test_orders.py"),
            "a module": _one("app/models.py"),
            "tables in another order": _one(
                "pyproject.toml", "\n".join(_TOML.split("\n\n")[::-1]), _TOML
            ),
            "a folder below that is called like a tool": Snippet({"app/pytest/a.py": ""}),
            "another plugin": Snippet(
                {"app/plugin.py": "x = 1\n"}, project={"plugins": ("tools/plugin.py",)}
            ),
            "settings where there is no Django": _one("app/settings.py"),
            "words on requirements": _one("docs/requirements.md"),
        },
    ),
}
