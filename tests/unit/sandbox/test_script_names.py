"""Scripts of sandboxes find each other by bare names, which the type checker does not follow."""

import ast
from pathlib import Path

AGENT = Path(__file__).parents[3] / "agent"


def test_what_a_script_uses_of_another_is_there():
    scripts = {path.stem: path for path in AGENT.glob("*/sandbox_scripts/*.py")}
    defined = {name: set(_list_names(ast.parse(scripts[name].read_text()))) for name in scripts}
    used = [
        (path.name, node.value.id, node.attr)
        for path in scripts.values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in scripts
    ]
    assert len(used) > 20
    assert [one for one in used if one[2] not in defined[one[1]]] == []


def _list_names(module: ast.Module):
    for node in ast.walk(module):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
