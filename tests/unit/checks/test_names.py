"""What files take from modules that do not have it, and what comes close."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.folders import lay_files

SCRIPT = "mergewright_names"

TREE = {
    "app/__init__.py": "from .text import clean\n",
    "app/text.py": "def clean(text):\n    for one in text:\n        return one\n",
    "app/lazy.py": "def __getattr__(name):\n    return name\n",
    "tests/beside.py": "X = 1\n",
}


@pytest.fixture
def found(script, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def look(code: str, path: str = "app/views.py") -> list[tuple[int, str, str]]:
        lay_files(tmp_path, {**TREE, path: code})
        return sorted(script.FileNames(path, str(tmp_path), {"app", "built"}).found)

    return look


@pytest.mark.parametrize(
    ("code", "rule", "words"),
    [
        ("import quickhttp", "unknown-module", "quickhttp is not in the environment"),
        ("from httpx import AsyncSession", "missing-name", "httpx has no AsyncSession"),
        ("import json\njson.parse('1')", "missing-name", "json has no parse"),
        ("import app.billing", "missing-name", "app has no billing"),
        ("from . import text as t\nt.slugify()", "missing-name", "text has no slugify"),
    ],
)
def test_what_is_not_there_is_found(found, code, rule, words):
    assert found(code) == [(code.count("\n") + 1, rule, words)]


@pytest.mark.parametrize(
    "code",
    [
        "import httpx, os.path, xml.dom.minidom\nhttpx.AsyncClient().get_json()",
        "from app import clean, text\nfrom .text import clean as c\ntext.clean('a').nothing",
        "from app.lazy import anything\nfrom app import _version\nimport built, msvcrt",
        "try:\n    import ujson\nexcept ImportError:\n    ujson = None",
        "import os, sys\nif sys.platform == 'win32':\n    os.startfile('a')",
        "import json\nparse = getattr(json, 'parse', None) or (hasattr(json, 'x') and json.x)",
        "import json\ndef f(json):\n    return json.parse()",
        "import signal\nsignal.CTRL_C_EVENT",
    ],
)
def test_what_is_there_or_provided_for_or_not_certain_is_left_alone(found, code):
    assert found(code) == []


def test_a_test_finds_what_lies_beside_it(found):
    assert found("import beside\nbeside.X\nbeside.Y\n", "tests/test_a.py") == [
        (3, "missing-name", "beside has no Y")
    ]
