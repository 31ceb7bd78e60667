"""Which FastAPI application a project has, found by its source alone."""

from __future__ import annotations

import pytest

from repo_config import detect, load

NEEDS = {"requirements.txt": "fastapi\n"}
MAIN = "from fastapi import FastAPI\n\napp = FastAPI(title='Shop')\n"


def found(tree, files, text=""):
    project = detect.detect_project(
        tree({**NEEDS, **files}), load.from_text(text, "mergewright.yml")
    )
    return project.fastapi_app, project.fastapi_path


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"src/shop/__init__.py": MAIN}, ("shop:app", "src")),
        (
            {"app/main.py": "import fastapi\napi: object = fastapi.FastAPI()\n"},
            ("app.main:api", ""),
        ),
        ({"app/main.py": MAIN, "tests/test_api.py": MAIN, "docs/a.py": MAIN}, ("app.main:app", "")),
        ({"app/main.py": MAIN, "app/admin.py": MAIN}, (None, "")),
        ({"app/main.py": "def make():\n    app = FastAPI()\n    return app\n"}, (None, "")),
        ({"app/main.py": "app = FastAPI(\n"}, (None, "")),
    ],
)
def test_the_only_application_that_a_module_makes(tree, files, expected):
    assert found(tree, files) == expected


def test_the_configured_one_wins(tree):
    files = {"src/app/main.py": MAIN, "app/admin.py": MAIN}
    assert found(tree, files, "fastapi: {app: 'app.main:app'}") == ("app.main:app", "src")
    assert found(tree, {}, "fastapi: {app: 'app.main:parts.app'}") == ("app.main:parts.app", "")
