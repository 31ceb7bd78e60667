"""Find routes as modules write them: by decorators, by routers, and by what includes these.

Nothing runs: what is registered by other calls is not seen. Names lead from module to module by
their imports, as far as these modules are given.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from agent.policy.source import PythonSource
from repo_config.foreign_python import FunctionNode

VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace"})
_ROUTES = VERBS | {"route", "api_route", "api_operation", "websocket", "websocket_route"}
_ROUTERS = ("FastAPI", "Router")
UNKNOWN = "/{:setting}"
"""In place of a part of a path that is not written out."""
_MOST_PLACES, _MOST_STEPS = 50, 20


class Endpoint(NamedTuple):
    """A function with a decorator that routes requests to it."""

    name: str
    """Dotted."""
    source: PythonSource
    line: int
    methods: str
    path: str
    router: str
    """Dotted name of what the decorator is taken from."""
    is_async: bool
    asks: frozenset[str]
    """Dotted names in its signature and its decorator."""

    @property
    def address(self) -> str:
        return f"{self.methods} {self.path.replace(':setting}', '}')}"

    @property
    def is_whole(self) -> bool:
        """Whether all of its path is known."""
        return ":setting}" not in self.path


class _Router(NamedTuple):
    """A router where it is made, or where another one includes it."""

    outer: str
    """What includes it; where it is made, the beginning of its paths if nothing does."""
    prefix: str
    asks: frozenset[str]


def list_endpoints(source: PythonSource) -> Iterator[Endpoint]:
    """Yield the routes of a module, with paths as its decorators say."""
    functions = (node for node in source.nodes if isinstance(node, FunctionNode))
    for node in functions:
        for call in node.decorator_list:
            match call:
                case ast.Call(func=ast.Attribute(value=router, attr=how)) if how in _ROUTES:
                    path = _read_argument(call, "path", call.args[:1])
                    if path is None or path[:1] not in ("", "/"):
                        continue  # a decorator of something else
                    verbs = [key.value for key in call.keywords if key.arg == "methods"]
                    parts = (part for verb in verbs for part in ast.walk(verb))
                    named = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
                    yield Endpoint(
                        f"{source.dotted}.{node.name}",
                        source,
                        node.lineno,
                        ", ".join(named) or how.upper(),
                        path,
                        source.names.find(router),
                        isinstance(node, ast.AsyncFunctionDef),
                        source.names.list_mentioned((node.args, *call.keywords)),
                    )


def _read_argument(call: ast.Call, name: str, first: Sequence[ast.expr] = ()) -> str | None:
    """Return a text that a call is given; what is not written out is UNKNOWN. None: it is not."""
    keywords = [key.value for key in call.keywords if key.arg == name]
    match [*first, *keywords]:
        case [ast.Constant(value=value)]:
            return value if isinstance(value, str) else None
        case [ast.JoinedStr(values=parts)]:
            texts = (part.value if isinstance(part, ast.Constant) else UNKNOWN for part in parts)
            return "".join(map(str, texts))
        case [ast.Name(id=setting) | ast.Attribute(attr=setting)]:
            return f"/{{{setting}:setting}}"
        case [_]:
            return UNKNOWN
    return None


class Routes:
    """The routes of some modules, with whole paths and all that they ask for."""

    def __init__(self, sources: Iterable[PythonSource]) -> None:
        self._endpoints: list[Endpoint] = []
        self._meanings: dict[str, str] = {}
        """What modules import, by the names that others may import it by."""
        self._definitions: dict[str, tuple[ast.AST, PythonSource]] = {}
        """Functions, classes and values."""
        self._asks: dict[str, frozenset[str]] = {}
        self._settings: dict[str, str] = {}
        self._made: dict[str, _Router] = {}
        self._included: list[tuple[str, _Router]] = []
        for source in sources:
            self._endpoints += list_endpoints(source)
            for name, meaning in source.names.imported.items():
                self._meanings[f"{source.dotted}.{name}"] = meaning
            for node in source.nodes:
                self._read(node, source)

    def _read(self, node: ast.AST, source: PythonSource) -> None:
        find, list_mentioned = source.names.find, source.names.list_mentioned
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._definitions[f"{source.dotted}.{node.name}"] = node, source
            case (
                ast.Assign(targets=[target], value=ast.expr() as value)
                | ast.AnnAssign(target=target, value=ast.expr() as value)
            ):
                self._definitions[find(target)] = value, source
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    self._settings[find(target).rpartition(".")[2]] = value.value
                elif isinstance(value, ast.Call) and (made := find(value.func)).endswith(_ROUTERS):
                    start = UNKNOWN if made.endswith("Router") else ""
                    prefix = _read_argument(value, "prefix") or ""
                    asks = list_mentioned(value.keywords)
                    self._made[find(target)] = _Router(start, prefix, asks)
            case ast.Call(func=ast.Attribute(value=outer, attr="include_router"), args=[inner, *_]):
                prefix = _read_argument(node, "prefix") or ""
                asks = list_mentioned(node.keywords)
                self._included.append((find(inner), _Router(find(outer), prefix, asks)))
            case ast.Call(func=ast.Attribute(value=outer, attr="mount"), args=[_, inner, *_]):
                # What is mounted asks for nothing that the application around it asks for.
                prefix = _read_argument(node, "path", node.args[:1]) or ""
                self._made[find(inner)] = _Router(prefix, "", frozenset())

    def list_whole(self) -> Iterator[Endpoint]:
        """Yield each route by its whole path, with all that it asks for, over and over."""
        for endpoint in self._endpoints:
            places = self._list_places(endpoint.router, _MOST_STEPS)
            for prefix, asks in islice(places, _MOST_PLACES):
                path = re.sub(r"/{(\w*):setting}", self._fill_in, prefix + endpoint.path)
                yield endpoint._replace(path=path, asks=self._close(asks | endpoint.asks))

    def _fill_in(self, setting: re.Match[str]) -> str:
        return self._settings.get(setting[1], setting[0])

    def _list_places(self, name: str, steps: int) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield the prefixes that a router answers by, each with what it asks for there."""
        router = self._resolve(name)
        made = self._made.get(router, _Router(UNKNOWN, "", frozenset()))
        included = [way for inner, way in self._included if self._resolve(inner) == router]
        if not included or not steps:
            yield made.outer + made.prefix, made.asks
        for way in included if steps else ():
            for start, asks in self._list_places(way.outer, steps - 1):
                yield start + way.prefix + made.prefix, asks | way.asks | made.asks

    def _resolve(self, name: str) -> str:
        for _ in range(_MOST_STEPS):
            name = self._meanings.get(name, name)
        return name

    def _close(self, names: Iterable[str]) -> frozenset[str]:
        """Add what these names ask for, or stand for, and what that does."""
        waiting, closed = [*names], set[str]()
        while waiting:
            name = waiting.pop()
            if name not in closed:
                closed.add(name)
                waiting += self._list_asked(name)
                waiting += [self._meanings[name]] if name in self._meanings else []
        return frozenset(closed)

    def _list_asked(self, name: str) -> frozenset[str]:
        """Return what the signatures of a function, the fields of a class, or a value name."""
        if name not in self._asks:
            node, source = self._definitions.get(name, (ast.Pass(), None))
            kinds = (ast.arguments, *[ast.AnnAssign] * isinstance(node, ast.ClassDef))
            signatures = (part for part in ast.walk(node) if isinstance(part, kinds))
            parts = [node] if isinstance(node, ast.expr) else signatures
            self._asks[name] = source.names.list_mentioned(parts) if source else frozenset()
        return self._asks[name]
