"""Which expressions are surely no tuple, so that `"%s" % x` may be logged lazily.

A tuple fills the places of a `%` format one by one; as a lazy argument it would be one value. Proof
is what the code around shows: literals, operators, annotations, well-known functions, and uses
that a tuple does not survive.
"""

from __future__ import annotations

import ast

from agent.recipes import modules, word_lists

#: Functions that give a text, a number, a list or the like.
_CALLS = word_lists.words(
    "str repr ascii len int float bool round ord chr hex oct bin format type id hash isinstance "
    "input sorted list dict set dir open range enumerate bytes Path Decimal os.getcwd os.getpid "
    "os.listdir os.getenv os.path.join os.path.basename os.path.dirname os.path.abspath "
    "os.path.realpath os.path.relpath os.path.normpath os.path.expanduser os.path.getsize "
    "time.time time.strftime time.ctime time.perf_counter time.monotonic json.dumps pathlib.Path "
    "traceback.format_exc platform.system platform.platform platform.python_version shlex.quote"
)
#: Methods of texts, dates, files and the like.
_METHODS = word_lists.words(
    "join format strip lstrip rstrip lower upper capitalize replace decode encode strftime "
    "isoformat hexdigest as_posix read readline readlines getvalue splitlines split total_seconds "
    "keys values items geturl"
)
_NAMES = word_lists.words(
    "sys.argv sys.executable sys.platform sys.version sys.prefix sys.path os.sep os.environ"
)
_ATTRIBUTES = word_lists.words("__name__ __doc__ __file__ __class__ __module__ __qualname__")
_TYPES = word_lists.words(
    "str int float bool bytes complex Path Decimal UUID datetime date timedelta list dict set List "
    "Dict Set Exception BaseException None"
)
#: What takes a text or a number, and no tuple.
_TAKERS = word_lists.words("open int float ord os.listdir os.makedirs os.remove os.mkdir os.chdir")
#: What asks whether it is one.
_GUARDS = frozenset({"isinstance", "type", "hasattr", "getattr"})
_NO_TUPLES = (
    ast.JoinedStr | ast.List | ast.ListComp | ast.Set | ast.SetComp | ast.Dict | ast.DictComp
    | ast.GeneratorExp | ast.Lambda | ast.Compare | ast.UnaryOp
)  # fmt: skip
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Singles:
    """What is known within one function."""

    def __init__(self, function: _Function | None, exception: str, own: frozenset[str]) -> None:
        """Look at a function.

        Args:
            function: The one around the call, if there is one.
            exception: The name of the exception that is handled where the call is.
            own: What the file itself gives a meaning to, so that `len` may be another.
        """
        self._nodes = list(ast.walk(function)) if function else []
        self._exception = exception
        self._own = own
        self._known: dict[str, bool] = {}

    def sure(self, node: ast.expr) -> bool:
        """Whether an expression is surely no tuple."""
        if isinstance(node, ast.Constant):
            return not isinstance(node.value, tuple)
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Add):
                return self.sure(node.left) or self.sure(node.right)
            if isinstance(node.op, ast.Mult):
                return self.sure(node.left) and self.sure(node.right)
            return True  # a tuple has no other operator, and a text gives a text
        if isinstance(node, ast.BoolOp):
            return all(self.sure(one) for one in node.values)
        if isinstance(node, ast.IfExp):
            return self.sure(node.body) and self.sure(node.orelse)
        if isinstance(node, ast.Call):
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            return method in _METHODS or self._calls(node, _CALLS)
        if isinstance(node, ast.Subscript):
            whole = isinstance(node.slice, ast.Slice)
            return modules.name_of(node.value) in _NAMES or (whole and self.sure(node.value))
        if isinstance(node, ast.Attribute) and node.attr in _ATTRIBUTES:
            return True
        return isinstance(node, _NO_TUPLES) or self._named(modules.name_of(node) or "")

    def _calls(self, node: ast.Call, names: frozenset[str]) -> bool:
        name = modules.name_of(node.func) or ""
        return name in names and ("." in name or name not in self._own - _TYPES)

    def _named(self, name: str) -> bool:
        if name in _NAMES or (name and name == self._exception):
            return True
        if name and name not in self._known:
            self._known[name] = True  # as far as it hangs on itself, as in `x = x + 1`
            self._known[name] = self._used(name) or self._bound(name)
        return bool(name) and self._known[name]

    def _used(self, name: str) -> bool:
        """Whether the function does with a name what fails with a tuple, and never asks."""
        found = False
        for node in self._nodes:
            if isinstance(node, ast.Call) and node.args and _is(node.args[0], name):
                called = modules.name_of(node.func) or ""
                if called in _GUARDS:
                    return False
                found |= called.startswith("os.path.") or self._calls(node, _TAKERS)
            elif isinstance(node, ast.Attribute) and _is(node.value, name):
                found |= not hasattr(tuple, node.attr) and node.attr not in ("_fields", "_asdict")
            elif isinstance(node, ast.BinOp) and (_is(node.left, name) or _is(node.right, name)):
                number = isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Pow)
                sides = (node.left, node.right)
                added = isinstance(node.op, ast.Add) and any(map(_is_plain, sides))
                found |= number or added
        return found

    def _bound(self, name: str) -> bool:
        """Whether all that the function binds a name to is no tuple."""
        arguments = [node for node in self._nodes if isinstance(node, ast.arg) and node.arg == name]
        if any(one.annotation is None or not _plain_type(one.annotation) for one in arguments):
            return False
        stored = [
            node
            for node in self._nodes
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        ]
        shown = sum(self._binds_single(node, name) for node in self._nodes)
        return bool(arguments or stored) and shown == len(stored)

    def _binds_single(self, node: ast.AST, name: str) -> bool:
        """Whether a statement binds a name to no tuple."""
        if isinstance(node, ast.Assign):
            return any(_is(one, name) for one in node.targets) and self.sure(node.value)
        if isinstance(node, ast.AnnAssign):
            return _is(node.target, name) and _plain_type(node.annotation)
        if isinstance(node, ast.AugAssign):
            return _is(node.target, name)  # it stays what it was
        if isinstance(node, ast.withitem):
            opened = node.optional_vars is not None and _is(node.optional_vars, name)
            return opened and self.sure(node.context_expr)
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Call):
            called = (modules.name_of(node.iter.func) or "").rpartition(".")[2]
            if called == "enumerate" and isinstance(node.target, ast.Tuple):
                return _is(node.target.elts[0], name)
            return _is(node.target, name) and called in (
                "range", "listdir", "open", "splitlines", "split", "readlines",
            )  # fmt: skip
        return False


def _is(node: ast.expr, name: str) -> bool:
    return modules.name_of(node) == name and not isinstance(node, ast.Subscript)


def _is_plain(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr | ast.Constant)


def _plain_type(node: ast.expr) -> bool:
    """Whether an annotation names nothing but types that are no tuples."""
    if isinstance(node, ast.BinOp):
        return _plain_type(node.left) and _plain_type(node.right)
    if isinstance(node, ast.Constant):
        return node.value is None or node.value in _TYPES
    name = (modules.name_of(node) or "").rpartition(".")[2]
    if name == "Optional" and isinstance(node, ast.Subscript):
        return _plain_type(node.slice)
    return name in _TYPES
