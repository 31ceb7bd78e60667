"""Which file a test stands for in Django's runner."""

from __future__ import annotations

import sys
from types import SimpleNamespace

SCRIPT = "mergewright_django"


def test_a_file_below_a_folder_that_the_path_names_with_dots_has_one_name(script, monkeypatch):
    module = SimpleNamespace(__file__="/tree/example/../app/tests.py")
    monkeypatch.setitem(sys.modules, "dotted", module)
    case = type("Case", (), {"__module__": "dotted", "id": lambda _: "dotted.Case.test"})
    assert script._locate(case()) == "/tree/app/tests.py"


def test_a_module_that_cannot_be_imported_is_found_by_the_end_of_its_path(script, monkeypatch):
    monkeypatch.setattr(script, "_LOADED", {"/tree/app/tests/test_a.py", "/tree/app/test_b.py"})

    class Failed:
        def __init__(self, name: str) -> None:
            self.name = name

        def id(self) -> str:
            return f"unittest.loader._FailedTest.{self.name}"

    assert script._locate(Failed("test_a")) == "/tree/app/tests/test_a.py"
    assert script._locate(Failed("app.test_b")) == "/tree/app/test_b.py"
    assert script._locate(Failed("a")) is None
