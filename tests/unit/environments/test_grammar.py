"""Trees that another Python has parsed are those of our own, and newer syntax does no harm."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import agent
from agent.environments import grammar
from agent.models.sandbox import SandboxResult
from agent.policy import meaning
from agent.policy.change_context import ChangeContext
from agent.policy.contract import python_version
from agent.settings import Settings
from repo_config import foreign_python
from tests.fakes import FakeSandbox
from tests.unit.policy.cases import change, config, project

SCRIPT = Path(grammar.__file__).with_name("sandbox_scripts") / "dump_tree.py"
#: What no Python before 3.12 parses, as the script writes its tree.
NEW = b"type Number = int\n\n\ndef test_new():\n    total([])\n"


def name(text: str, line: int) -> dict[str, object]:
    places = {"lineno": line, "col_offset": 0, "end_lineno": line, "end_col_offset": 1}
    fields = {
        "id": text,
        "ctx": {"kind": "Load", "base": "expr_context", "fields": {}, "places": {}},
    }
    return {"kind": "Name", "base": "expr", "fields": fields, "places": places}


def dump_new() -> dict[str, object]:
    head = {"lineno": 1, "col_offset": 0, "end_lineno": 1, "end_col_offset": 17}
    fields = {"name": name("Number", 1), "type_params": [], "value": name("int", 1)}
    alias = {"kind": "TypeAlias", "base": "stmt", "fields": fields, "places": head}
    rest = dump(b"\n\n\n" + NEW.partition(b"\n\n\n")[2])
    rest["fields"]["body"].insert(0, alias)
    return rest


def dump(source: bytes) -> dict[str, object]:
    path = Path(sys.executable)
    done = subprocess.run(
        [path, "-I", "-S", "-c", SCRIPT.read_text(), "/dev/stdin", "rb", "/dev/stdout"],
        input=source, capture_output=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("path", ["wiring.py", "policy/view.py", "policy/content/hidden_text.py"])
def test_a_tree_comes_back_as_it_was(path):
    source = (Path(agent.__file__).parent / path).read_bytes()
    source += b"x = 1e999, 1j, ..., b'\\xff', '\\ud800', None, 0xFFFF_FFFF_FFFF_FFFF_FFFF\n"
    back = grammar._build(dump(source))
    plain = ast.parse(source)
    # `u` before a text means nothing, and is not told.
    assert ast.dump(back, include_attributes=True) == ast.dump(plain, include_attributes=True)


@pytest.fixture
def newer(tmp_path, monkeypatch):
    """Have a newer Python, of which a sandbox gives the tree of `NEW` alone."""
    asked = []

    def run(order):
        asked.append(order.files[0].content)
        files = {grammar._TREE: json.dumps(dump_new()).encode()} if asked[-1] == NEW else {}
        return SandboxResult(exit_code=0, output="", output_bytes=0, seconds=0.0, files=files)

    found = grammar.interpreters.FoundPython(
        version="3.99.0", prefix="/p", path="/p/bin/python3.99", system=True
    )
    monkeypatch.setattr(grammar.interpreters, "find_pythons", lambda *_: (found,))
    chosen = grammar.interpreters.Interpreter(version="3.99.0", path=found.path, why="")
    monkeypatch.setattr(grammar.interpreters, "choose_interpreter", lambda *_: chosen)
    monkeypatch.setattr(foreign_python, "_newer", [])
    sandbox = FakeSandbox(run)
    foreign_python.use_newer(grammar.NewerPython(sandbox, Settings(home=tmp_path)).parse)
    return asked


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python parses it")
def test_rules_read_what_only_the_environments_python_parses(newer):
    with pytest.raises(SyntaxError):
        foreign_python.parse_module("def broken(:\n")
    made, tree = change({"tests/test_a.py": NEW})
    [file] = ChangeContext(made, config(), project("3.12"), tree).python
    assert [visit.node.lineno for visit in file.after.functions] == [4]
    assert meaning.is_same(NEW, NEW)
    context = ChangeContext(made, config(), project("3.12"), tree)
    assert list(python_version.check_change(context)) == []
    with pytest.raises(SyntaxError):
        foreign_python.parse_module(NEW, to_write=True)
    assert newer == [b"def broken(:\n", NEW], "each text once"
