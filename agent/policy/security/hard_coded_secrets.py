"""Show the reviewer passwords and keys that are written into the code, by what they are called.

`content.secrets` blocks what has the shape of a credential; a password that a person made up has
none. Here the name says what a value is: a variable, a key of a table, an argument, a default,
what a password is compared with. Names of fields, addresses, paths and placeholders are left
alone, and so are tests and examples.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent import secret_names, secret_shapes
from agent.domain import Finding, Severity
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.security import spots
from agent.policy.security.spots import Spot
from agent.policy.view import View, Visit

POSSIBLE_SECRET = Rule(
    id="possible-secret",
    demands="What is called a password, a key or a token is no word of the code.",
    severity=Severity.REVIEW,
    bad='connect(password="winter20")',
    good="connect(password=settings.DB_PASSWORD)",
)
RULES = (POSSIBLE_SECRET,)

_FIX = "Read it from the environment or a secret store, without a value to fall back to."
_MARKS = re.compile(rb"pass|pwd|secret|token|key|credential|auth", re.IGNORECASE)
#: What is done with a password is no password: a limit, an address, a template.
_DEED = re.compile(r"(?:.*_)?(?:change|reset|forgot|forgotten|update|confirm)_?(?:password|token)")
_SAMPLE_FOLDER = re.compile(r"docs?(?:_.*)?|(?:.*[-_])?examples?|samples?|tutorials?|demos?|t")
_PLACEHOLDER = re.compile(
    r"change[-_ ]?me|replace|example|insecure|dummy|fake|sample|placeholder|your[-_]|xxx|\*\*\*"
    r"|\.\.\.|\bnone\b|<.*>|\{.*\}|%\(|\$\{|not[-_]|todo|test|mock|redacted|hidden|unused",
    re.IGNORECASE,
)
#: Addresses, paths, names of settings and of classes.
_NO_SECRET = re.compile(
    r"\w+://.*|[./~].*|.*\.(?:py|json|ya?ml|html?|txt|pem|key|cr?t)|[A-Za-z_]\w*(?:\.\w+)+"
    r"|[A-Z][A-Z0-9_]*|[a-z]+(?:[-_ ./:][a-z]+)*|\d+"
)
_LEAST = 8
_LOGINS = frozenset({"auth", "basic_auth", "http_auth"})
_ENVIRONMENTS = frozenset({"get", "getenv", "config", "env", "str", "getvar", "setdefault"})


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new value that its name calls a secret."""
    yield from spots.findings(proposal, _spots, dict.fromkeys(RULES, _FIX))


def _spots(view: View) -> Iterator[Spot]:
    folders = view.path.lower().split("/")[:-1]
    if not _MARKS.search(view.content) or any(map(_SAMPLE_FOLDER.fullmatch, folders)):
        return
    told: set[int] = set()
    for name, node in _named(view):
        value = node.value
        if not isinstance(value, (str, bytes)) or id(node) in told:
            continue
        text = value if isinstance(value, str) else value.decode("latin-1")
        if not _is_secret(name) or not _may_open(text, name):
            continue
        line = view.line(node.lineno)
        if any(text in line[at - 1 : to + 1] for (at, to), _ in secret_shapes.find_given_out(line)):
            continue  # `content.secrets` says so
        told.add(id(node))
        yield Spot(POSSIBLE_SECRET, node, f"has a value for `{name}` written out")


def _is_secret(name: str) -> bool:
    return secret_names.says_secret(name) and not _DEED.fullmatch(name.lower())


def _may_open(text: str, name: str) -> bool:
    """Whether a text is more than a word, a placeholder, an address or a path."""
    if len(text) < _LEAST or any(map(str.isspace, text)) or not any(map(str.isdigit, text)):
        return False
    return not (
        _PLACEHOLDER.search(text) or _NO_SECRET.fullmatch(text) or text.lower() in name.lower()
    )


# --- what has a name ------------------------------------------------------------------------------


def _named(view: View) -> Iterator[tuple[str, ast.Constant]]:
    """Yield every literal that is given to a name, with the name."""
    for assigned in view.all(ast.Assign):
        for target in assigned.node.targets:
            yield from _pair(_name_of(target), assigned.node.value)
    for annotated in view.all(ast.AnnAssign):
        yield from _pair(_name_of(annotated.node.target), annotated.node.value)
    for table in view.all(ast.Dict):
        if _is_example(table):
            continue
        for key, value in zip(table.node.keys, table.node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield from _pair(key.value, value)
    for function in view.functions:
        yield from _defaults(function.node.args)
    for call in view.all(ast.Call):
        yield from _given(call.node)
    for compared in view.all(ast.Compare):
        if len(compared.node.ops) == 1 and isinstance(compared.node.ops[0], (ast.Eq, ast.NotEq)):
            one, other = compared.node.left, compared.node.comparators[0]
            yield from _pair(_name_of(one), other)
            yield from _pair(_name_of(other), one)


def _is_example(table: Visit[ast.Dict]) -> bool:
    """Whether a table stands in one under `example`, as descriptions of interfaces have it."""
    inner: ast.AST = table.node
    for visit in table.around():
        if isinstance(visit.node, ast.Dict):
            for key, value in zip(visit.node.keys, visit.node.values, strict=True):
                if value is inner and isinstance(key, ast.Constant) and "example" in str(key.value):
                    return True
        inner = visit.node
    return False


def _pair(name: str, value: ast.expr | None) -> Iterator[tuple[str, ast.Constant]]:
    if isinstance(value, ast.Constant) and name:
        yield name, value
    elif isinstance(value, ast.BoolOp) and name:
        # `os.environ.get("TOKEN") or "…"`
        for part in value.values:
            yield from _pair(name, part)


def _name_of(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.Constant]]:
    plain = [*arguments.posonlyargs, *arguments.args]
    having = plain[len(plain) - len(arguments.defaults) :]
    for argument, default in zip(having, arguments.defaults, strict=True):
        yield from _pair(argument.arg, default)
    for argument, own in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield from _pair(argument.arg, own)


def _given(node: ast.Call) -> Iterator[tuple[str, ast.Constant]]:
    for word in node.keywords:
        if word.arg in _LOGINS and isinstance(word.value, ast.Tuple) and len(word.value.elts) == 2:
            yield from _pair("password", word.value.elts[1])
        elif word.arg:
            yield from _pair(word.arg, word.value)
    name = _name_of(node.func)
    if name in _LOGINS | {"BasicAuth", "HTTPBasicAuth", "login"} and len(node.args) == 2:
        yield from _pair("password", node.args[1])
    if name in _ENVIRONMENTS and node.args:
        asked = node.args[0]
        if isinstance(asked, ast.Constant) and isinstance(asked.value, str):
            fallbacks = [*node.args[1:2], *(w.value for w in node.keywords if w.arg == "default")]
            for fallback in fallbacks:
                yield from _pair(asked.value, fallback)
