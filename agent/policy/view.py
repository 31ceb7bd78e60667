"""One side of a Python file as rules read it: all that runs, and what names mean there."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cached_property
from typing import TypeVar

from agent.policy import source
from agent.policy.modules import Modules, walk_runtime
from agent.policy.names import NameScope, find_meaning

Node = TypeVar("Node", bound=ast.AST)
#: Nodes in one another. In 7,000 files of released projects there are 47 at most; rules that go
#: down with a few calls a node stay far from what Python lets them, wherever they are called from.
_MOST_DEPTH = 120


class View:
    """One side of a Python file."""

    def __init__(self, path: str, content: bytes, places: Modules) -> None:
        """Read a file; UnreadableError: it does not parse, or is nested too deeply to be walked."""
        self.path = path
        self.content = content
        self.module = places.parse(content)
        self.places = places
        """Where names lead in the repository."""
        self._scope = NameScope()
        self._nodes: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        #: Rules ask the same of the same expressions.
        self._named: dict[ast.expr | None, frozenset[str]] = {}
        nodes = [*walk_runtime(self.module)]
        for node, depth in nodes:
            if depth > _MOST_DEPTH:
                line = getattr(node, "lineno", None)
                raise source.UnreadableError("it is nested too deeply", line)
            self._nodes[type(node)].append(node)
        places.bind_block(self.module.body, self._scope, path)
        # A name of a function may stand for all that any of them binds to it.
        for node, _ in nodes:
            places.bind(node, self._scope, path)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the file, without their ends."""
        return source.decode_text(self.content).splitlines()

    def get_line(self, number: int) -> str:
        return self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""

    def list_nodes(self, kind: type[Node]) -> list[Node]:
        """Return every node of exactly this type, in the order of the file."""
        return self._nodes.get(kind, [])  # type: ignore[return-value] # they are kept by type

    def find_names(self, node: ast.expr | None) -> frozenset[str]:
        """Return the full dotted names that an expression may stand for.

        The names are those by which it could be imported: `requests.get`, for what is in the
        repository `app.auth.admin`, and of what is imported again elsewhere all of them.
        """
        if node not in self._named:
            found = map(self.places.list_names, find_meaning(node, self._scope))
            self._named[node] = frozenset[str]().union(*found)
        return self._named[node]
