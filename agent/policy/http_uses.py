"""Find where a Python file touches an HTTP client.

Owns which modules are HTTP clients, which of their parts send nothing, and what counts as a
touch: an import, a name that leads to a client through another module of the project, and the
use of a name that is bound to one. Leaves to `http_client` what is new and what follows.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agent.policy import guards, modules, names, source

#: Modules that talk HTTP, by the client that they belong to.
_FAMILIES: dict[str, tuple[str, ...]] = {
    "requests": (
        "requests",
        "requests_toolbelt",
        "requests_cache",
        "requests_futures",
        "requests_oauthlib",
        "cachecontrol",
        "pip._vendor.requests",
        "botocore.vendored.requests",
    ),
    "httpx": ("httpx", "httpcore", "httpx_sse", "httpx_ws", "hishel"),
    "aiohttp": ("aiohttp", "aiohttp_retry", "aiohttp_client_cache", "aiohttp_socks"),
    "urllib3": ("urllib3",),
}
_OTHERS = (
    "urllib.request",
    "http.client",
    "urllib2",
    "httplib",
    "httplib2",
    "six.moves.urllib.request",
    "six.moves.http_client",
    "pycurl",
    "curl_cffi",
    "treq",
    "niquests",
    "grequests",
    "asks",
    "aiosonic",
    "tls_client",
    "cloudscraper",
    "mechanize",
    "geventhttpclient",
    "tornado.httpclient",
    "tornado.simple_httpclient",
    "tornado.curl_httpclient",
    "twisted.web.client",
)
_CLIENTS = frozenset({module for family in _FAMILIES.values() for module in family} | {*_OTHERS})
#: What is in those modules and sends nothing: aiohttp's server, helpers for paths and tables.
_HARMLESS = (
    "aiohttp.web",
    "aiohttp.test_utils",
    "aiohttp.pytest_plugin",
    "urllib.request.pathname2url",
    "urllib.request.url2pathname",
    "urllib.request.getproxies",
    "urllib.request.getproxies_environment",
    "urllib.request.proxy_bypass",
    "urllib.request.proxy_bypass_environment",
    "urllib.request.parse_http_list",
    "urllib.request.parse_keqv_list",
    "http.client.responses",
    "http.client.HTTPException",
    "http.client.IncompleteRead",
    "http.client.RemoteDisconnected",
)
#: What a client's own documentation tells its users to take from elsewhere.
_COMPANIONS = {"requests": ("urllib3.util", "urllib3.exceptions")}
#: Their top-level names.
ROOTS = frozenset(module.partition(".")[0] for module in _CLIENTS)


@dataclass(frozen=True)
class Use:
    """One place where a file touches a client."""

    how: str
    """`import`, `reach` (through another module of the project) or `use` (of a bound name)."""
    client: str
    """The module, as in `requests` or `urllib.request`."""
    what: str
    """As it is resolved, as in `requests.get`."""
    line: int


def client_of(dotted: str, allowed: str) -> str | None:
    """Return the client that a full name belongs to, if it is one that is not allowed."""
    if _is_under(dotted, _HARMLESS):
        return None
    if _is_under(dotted, (*_FAMILIES.get(allowed, ()), *_COMPANIONS.get(allowed, ()))):
        return None
    parts = dotted.split(".")
    prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return next((prefix for prefix in prefixes if prefix in _CLIENTS), None)


def _is_under(dotted: str, modules: tuple[str, ...]) -> bool:
    return any(dotted == module or dotted.startswith(f"{module}.") for module in modules)


def of(content: bytes, path: str, places: modules.Modules, allowed: str) -> Iterator[Use]:
    """Yield every use of a client that is not allowed, by line.

    Raises:
        UnreadableError: The file does not parse.
        RecursionError: It is nested too deeply to be walked.
    """
    module = source.parse(content)
    visitor = _Visitor(names.Reader(places, path), places, allowed)
    visitor.enter(module.body, visitor.scope)
    yield from sorted(visitor.uses, key=lambda use: use.line)


class _Visitor(ast.NodeVisitor):
    """Walks one file, scope by scope. Annotations send nothing and are left out."""

    def __init__(self, reader: names.Reader, places: modules.Modules, allowed: str) -> None:
        self.uses: list[Use] = []
        self.scope = names.Scope()
        self._reader = reader
        self._places = places
        self._allowed = allowed

    def enter(self, body: list[ast.stmt], scope: names.Scope) -> None:
        """Visit a block in its own scope."""
        outside, self.scope = self.scope, scope
        self._reader.collect(body, scope)
        for statement in body:
            self.visit(statement)
        self.scope = outside

    def _add(self, how: str, dotted: str, node: ast.stmt | ast.expr) -> None:
        if client := client_of(dotted, self._allowed):
            what = dotted.replace(".()", "()")
            self.uses.append(Use(how=how, client=client, what=what, line=node.lineno))

    # --- imports ------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            ref = self._reader.absolute(alias.name)
            if ref.module is None:
                self._add("import", ref.dotted, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for name, ref in self._reader.imported(node):
            if ref.module is None:
                self._add("import", ref.dotted, node)
            elif name != "*":
                for dotted in self._places.leads_to(ref):
                    self._add("reach", dotted, node)

    def visit_Call(self, node: ast.Call) -> None:
        loaded = self._reader.loads(node, self.scope)
        if loaded is not None:
            how = "import" if loaded.module is None else "reach"
            for dotted in self._places.leads_to(loaded):
                self._add(how, dotted, node)
        self.generic_visit(node)

    # --- uses ---------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._touch(node, node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        self._touch(node, root)
        if not isinstance(root, ast.Name):
            self.visit(root)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        # The table of loaded modules, asked by name.
        for ref in self._reader.meaning(node, self.scope):
            if ref.module is None:
                self._add("import", ref.dotted, node)
        self.generic_visit(node)

    def _touch(self, node: ast.expr, root: ast.expr) -> None:
        for ref in self._reader.meaning(node, self.scope):
            if ref.module is None:
                self._add("use", ref.dotted, node)
                continue
            # A name imported from a module of the project was judged where it was imported;
            # `net.requests` and what a star import brings are judged here.
            how = "use" if self._is_imported_client(root) else "reach"
            for dotted in self._places.leads_to(ref):
                self._add(how, dotted, node)

    def _is_imported_client(self, root: ast.expr) -> bool:
        if not isinstance(root, ast.Name) or not self.scope.binds(root.id):
            return False
        return any(
            client_of(dotted, self._allowed)
            for ref in self._reader.meaning(root, self.scope)
            for dotted in self._places.leads_to(ref)
        )

    # --- scopes -------------------------------------------------------------------------------

    def visit_If(self, node: ast.If) -> None:
        if not guards.is_type_checking(node.test):
            self.generic_visit(node)
            return
        for statement in node.orelse:
            self.visit(statement)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self.enter(node.body, self._of_arguments(node.args))

    def visit_Lambda(self, node: ast.Lambda) -> None:
        scope = self._of_arguments(node.args)
        outside, self.scope = self.scope, scope
        self.visit(node.body)
        self.scope = outside

    def _of_arguments(self, arguments: ast.arguments) -> names.Scope:
        """Visit the defaults, and open the scope that the arguments are bound in."""
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self.visit(default)
        scope = names.Scope(parent=self.scope)
        several = (arguments.vararg, arguments.kwarg)
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *several):
            if argument is not None:
                scope.bind(argument.arg, [])
        return scope

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outer in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(outer)
        self.enter(node.body, names.Scope(parent=self.scope, is_class=True))

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        outside, self.scope = self.scope, names.Scope(parent=self.scope)
        for generator in node.generators:
            self._reader.bind_target(generator.target, None, self.scope)
        self.generic_visit(node)
        self.scope = outside
