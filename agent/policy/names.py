"""Say what the names of one Python module stand for, as dotted names: by its imports.

An import is followed within its module, not further.
"""

import ast
from collections.abc import Iterable


class Names:
    """What the names of a module stand for; those that it does not import are its own."""

    def __init__(self, nodes: Iterable[ast.AST], dotted: str, *, is_package: bool) -> None:
        """Read the imports, also those in functions.

        Args:
            dotted: By which the module is imported.
        """
        self._dotted = dotted
        self.imported: dict[str, str] = {}
        """Dotted names by the names of the module."""
        package = dotted.split(".") if is_package else dotted.split(".")[:-1]
        for node in nodes:
            match node:
                case ast.Import(names=aliases):
                    for alias in aliases:
                        first = alias.name.partition(".")[0]
                        self.imported[alias.asname or first] = alias.name if alias.asname else first
                case ast.ImportFrom(module=origin, names=aliases, level=level):
                    above = package[: len(package) - level + 1] if level else []
                    start = ".".join(filter(None, (*above, origin)))
                    for alias in aliases:
                        self.imported[alias.asname or alias.name] = f"{start}.{alias.name}"

    def find(self, node: ast.AST | None) -> str:
        """Return the dotted name of an expression; of a call, of what is called. "": it has none.

        Of what stands in brackets behind a name, it is that of the name.
        """
        parts: list[str] = []
        while True:
            match node:
                case ast.Attribute(value=inner, attr=name):
                    parts.append(name)
                case ast.Call(func=inner) | ast.Subscript(value=inner) | ast.Await(value=inner):
                    pass
                case ast.Name(id=name):
                    start = self.imported.get(name, f"{self._dotted}.{name}")
                    return ".".join((start, *parts[::-1]))
                case _:
                    return ""
            node = inner

    def list_mentioned(self, nodes: Iterable[ast.AST]) -> frozenset[str]:
        """Return the dotted names of all that is named within these."""
        inner = (part for node in nodes for part in ast.walk(node))
        return frozenset(map(self.find, inner)) - {""}
