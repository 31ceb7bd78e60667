"""Which file a test stands for in Django's runner."""

import sys
from types import SimpleNamespace

SCRIPT = "mergewright_django"


def test_a_file_below_a_folder_that_the_path_names_with_dots_has_one_name(script, monkeypatch):
    module = SimpleNamespace(__file__="/tree/example/../app/tests.py")
    monkeypatch.setitem(sys.modules, "dotted", module)
    case = type("Case", (), {"__module__": "dotted", "id": lambda _: "dotted.Case.test"})
    assert script._locate(case()) == "/tree/app/tests.py"
