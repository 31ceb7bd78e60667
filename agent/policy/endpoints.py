"""Find the routes of FastAPI and similar libraries in source, by decorators and routers.

No code is run, so routes that other calls register are not seen. Imports are followed among the
modules that were read.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from agent.policy.source import PythonSource
from repo_config.foreign_python import FunctionNode

VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace"})
_ROUTES = VERBS | {"route", "api_route", "api_operation", "websocket", "websocket_route"}
UNKNOWN = "/{:setting}"
"""Stands in a path for a part that is no literal."""
_MOST_PLACES, _MOST_STEPS = 50, 20
_Names = frozenset[str]


class Endpoint(NamedTuple):
    """A function to which a decorator routes requests."""

    name: str
    """Dotted name of the function."""
    file: str
    line: int
    methods: str
    path: str
    """Path of its requests."""
    router: str
    """Dotted name of the object whose attribute the decorator is."""
    is_async: bool
    asks: _Names
    """Dotted names in its signature and its decorator, such as dependencies."""

    @property
    def address(self) -> str:
        return f"{self.methods} {self.path.replace(':setting}', '}')}"

    @property
    def is_whole(self) -> bool:
        """Whether all of its path is known."""
        return ":setting}" not in self.path


class _Router(NamedTuple):
    """A router where it is made, or where another router includes it."""

    outer: str
    """Name of the including router; where a router is made, how paths begin if none includes it."""
    prefix: str
    asks: _Names = frozenset()


def list_endpoints(source: PythonSource) -> Iterator[Endpoint]:
    """Yield the routes of a module, with the paths of its decorators."""
    functions = [node for node in source.nodes if isinstance(node, FunctionNode)]
    for node, call in (
        (function, call) for function in functions for call in function.decorator_list
    ):
        match call:
            case ast.Call(func=ast.Attribute(value=router, attr=how)) if how in _ROUTES:
                path = _read_argument(call, "path", call.args[:1])
                if path is None or path[:1] not in ("", "/"):
                    continue  # a decorator of something else
                verbs = [key.value for key in call.keywords if key.arg == "methods"]
                inner = (node for verb in verbs for node in ast.walk(verb))
                named = [str(text.value) for text in inner if isinstance(text, ast.Constant)]
                yield Endpoint(
                    f"{source.dotted}.{node.name}",
                    source.path,
                    node.lineno,
                    ", ".join(named) or how.upper(),
                    path,
                    source.find_name(router),
                    isinstance(node, ast.AsyncFunctionDef),
                    source.list_mentioned((node.args, *call.keywords)),
                )


def _read_argument(call: ast.Call, name: str, first: Sequence[ast.expr] = ()) -> str | None:
    """Return a text argument of a call; a value that is no literal is UNKNOWN. None: no text."""
    keywords = [key.value for key in call.keywords if key.arg == name]
    match [*first, *keywords]:
        case [ast.Constant(value=value)]:
            return value if isinstance(value, str) else None
        case [ast.Name(id=setting) | ast.Attribute(attr=setting)]:
            return f"/{{{setting}:setting}}"
        case [_]:
            return UNKNOWN
    return None


class Routes:
    """Routes, routers and names of modules; no syntax tree is kept."""

    def __init__(self, sources: Iterable[PythonSource]) -> None:
        """Read the modules."""
        self._endpoints: list[Endpoint] = []
        self._included: list[tuple[str, _Router]] = []
        self._made: dict[str, _Router] = {}
        self._settings: dict[str, str] = {}
        self._meanings: dict[str, str] = {}
        """Dotted names of imported objects, by their dotted names in the importing modules."""
        self._asks: dict[str, _Names] = {}
        """Dotted names in a function's signature, a class's fields or a value, by its own name."""
        for source in sources:
            self._read(source)

    def _read(self, source: PythonSource) -> None:
        find, list_mentioned = source.find_name, source.list_mentioned
        self._endpoints += list_endpoints(source)
        for name, meaning in source.imported.items():
            self._meanings[f"{source.dotted}.{name}"] = meaning
        for node in source.nodes:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    self._asks[f"{source.dotted}.{name}"] = list_mentioned([node.args])
                case ast.ClassDef(name=name):
                    kinds = ast.arguments | ast.AnnAssign
                    fields = (inner for inner in ast.walk(node) if isinstance(inner, kinds))
                    self._asks[f"{source.dotted}.{name}"] = list_mentioned(fields)
                case (
                    ast.Assign(targets=[target], value=ast.expr() as value)
                    | ast.AnnAssign(target=target, value=ast.expr() as value)
                ):
                    self._read_value(find(target), value, source)
                case ast.Call(
                    func=ast.Attribute(value=outer, attr="include_router"), args=[inner, *_]
                ):
                    prefix = _read_argument(node, "prefix") or ""
                    router = _Router(find(outer), prefix, list_mentioned(node.keywords))
                    self._included.append((find(inner), router))

    def _read_value(self, name: str, value: ast.expr, source: PythonSource) -> None:
        self._asks[name] = source.list_mentioned([value])
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            self._settings[name.rpartition(".")[2]] = value.value
        elif isinstance(value, ast.Call):
            kind = source.find_name(value.func)
            if kind.endswith(("FastAPI", "Router")):
                start = UNKNOWN if kind.endswith("Router") else ""
                prefix = _read_argument(value, "prefix") or ""
                self._made[name] = _Router(start, prefix, source.list_mentioned(value.keywords))

    def list_whole(self) -> Iterator[Endpoint]:
        """Yield each route with its full path, and with its dependencies, also indirect ones."""
        included = defaultdict[str, list[_Router]](list)
        for inner, way in self._included:
            included[self._resolve(inner)].append(way)

        def list_places(name: str, steps: int) -> Sequence[tuple[str, _Names]]:
            """List the prefixes of a router, each with the dependencies that it has there."""
            router = self._resolve(name)
            made = self._made.get(router, _Router(UNKNOWN, ""))
            if not included[router] or not steps:
                return [(made.outer + made.prefix, made.asks)]
            return [
                (start + way.prefix + made.prefix, asks | way.asks | made.asks)
                for way in included[router]
                for start, asks in list_places(way.outer, steps - 1)
            ][:_MOST_PLACES]

        def fill_in(setting: re.Match[str]) -> str:
            return self._settings.get(setting[1], setting[0])

        for endpoint in self._endpoints:
            for prefix, asks in list_places(endpoint.router, _MOST_STEPS):
                path = re.sub(r"/{(\w*):setting}", fill_in, prefix + endpoint.path)
                yield endpoint._replace(path=path, asks=self._close(asks | endpoint.asks))

    def _resolve(self, name: str) -> str:
        for _ in range(_MOST_STEPS):
            name = self._meanings.get(name, name)
        return name

    def _close(self, names: _Names) -> _Names:
        """Return these names with all names that they stand for or depend on."""
        waiting, closed = [*names], set[str]()
        while waiting:
            if (name := waiting.pop()) not in closed:
                closed.add(name)
                waiting += (self._meanings.get(name, name), *self._asks.get(name, ()))
        return frozenset(closed)
