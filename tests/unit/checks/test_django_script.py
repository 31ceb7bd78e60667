"""Which file a test stands for in Django's runner."""

from __future__ import annotations

import importlib
from importlib import resources


def test_a_module_that_cannot_be_imported_is_found_by_the_end_of_its_path(monkeypatch):
    monkeypatch.syspath_prepend(str(resources.files("agent.checks") / "sandbox_scripts"))
    script = importlib.import_module("mergewright_django")
    monkeypatch.setattr(script, "_LOADED", {"/tree/app/tests/test_a.py", "/tree/app/test_b.py"})

    class Failed:
        def __init__(self, name: str) -> None:
            self.name = name

        def id(self) -> str:
            return f"unittest.loader._FailedTest.{self.name}"

    assert script._locate(Failed("test_a")) == "/tree/app/tests/test_a.py"
    assert script._locate(Failed("app.test_b")) == "/tree/app/test_b.py"
    assert script._locate(Failed("a")) is None
