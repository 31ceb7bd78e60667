"""Write the syntax tree of a file as JSON, for a Python that does not know all of its grammar.

Runs nothing of it. Arguments: the file, how it is read (`rb` or `r`), where the tree goes.
"""

import ast
import json
import sys

PLACES = ("lineno", "col_offset", "end_lineno", "end_col_offset")


def dump(node):
    if isinstance(node, list):
        return [dump(one) for one in node]
    if isinstance(node, ast.Constant):
        found = {"kind": "Constant", "value": ast.unparse(node)}
    elif isinstance(node, ast.AST):
        base = next(one.__name__ for one in type(node).__mro__[::-1] if one.__base__ is ast.AST)
        fields = {name: dump(getattr(node, name, None)) for name in node._fields}
        found = {"kind": type(node).__name__, "base": base, "fields": fields}
    else:
        return node
    places = {name: getattr(node, name) for name in PLACES if hasattr(node, name)}
    return dict(found, places=places)


def main():
    path, mode, target = sys.argv[1:]
    with open(path, mode, **({} if "b" in mode else {"encoding": "utf-8", "newline": ""})) as file:
        tree = ast.parse(file.read())
    with open(target, "w") as file:
        json.dump(dump(tree), file)


main()
