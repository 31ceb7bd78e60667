"""Name the settings that a change edits, and refuse those that take a protection away.

What the file held before is the measure: a change that turns DEBUG on, opens ALLOWED_HOSTS to
everybody, or drops the CSRF middleware from settings that had it blocks, unless the ticket names
the setting. That is hardly ever what a ticket on a feature needs, passes every test, and is missed
in a long diff. A new settings file has nothing to be measured by, and one for development or tests
may be open; those are for the reviewer like any other edit. Secrets that are written out are left
to the rules on secrets.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.ticket import Ticket
from agent.policy import source
from agent.policy.change_context import ChangeContext, PythonFile
from agent.policy.django import files
from agent.policy.rule import Rule
from agent.policy.view import View, Visit
from repo_config import rule_files

SETTINGS = Rule(
    id="django-settings",
    demands="Every setting of Django that a change edits is named.",
    severity=Severity.REVIEW,
    bad='INSTALLED_APPS = [..., "debug_toolbar"]',
    good="the settings are left as they are",
)
LOOSENED = Rule(
    id="django-settings-loosened",
    demands="No setting loses a protection that it gave before, unless the ticket names it.",
    severity=Severity.BLOCK,
    bad='ALLOWED_HOSTS = ["*"]  # was ["shop.example"]',
    good='ALLOWED_HOSTS = ["shop.example", "www.shop.example"]',
)
RULES = (SETTINGS, LOOSENED)

_SETTINGS_FILE = re.compile(r"(?:.*_)?settings(?:_.*)?\.py")
_OPEN_BY_NATURE = re.compile(
    r"(?:^|[_/.])(?:dev|devel|develop|development|local|debug|tests?|testing|ci|example|sample|demo)"
    r"(?:[_/.]|$)"
)
_PROTECTS = frozenset(
    {"SecurityMiddleware", "CsrfViewMiddleware", "XFrameOptionsMiddleware"}
    | {"AuthenticationMiddleware", "SessionMiddleware", "ContentSecurityPolicyMiddleware"}
    | {"LoginRequiredMiddleware"}
)
#: What settings usually hold.
_USUAL = frozenset(
    {"INSTALLED_APPS", "MIDDLEWARE", "DATABASES", "DEBUG", "SECRET_KEY", "ROOT_URLCONF"}
    | {"ALLOWED_HOSTS", "TEMPLATES", "CACHES", "LOGGING", "STATIC_URL", "USE_TZ"}
)
_EVERYBODY = frozenset({"*", "https://*", "http://*", ".*"})
_WEAK_HASHERS = re.compile(r"MD5|SHA1|Unsalted|Crypt(?!o)")
Values = dict[str, ast.expr]


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    """Yield a finding for every setting that the change edits."""
    if change_context.project.django is None:
        return
    settings = [file for file in change_context.python if _is_settings(file, change_context)]
    elsewhere = (
        {name for file in change_context.python for name in _values(file.after)}
        if settings
        else set()
    )
    for file in settings:
        if file.after is None:
            continue
        if file.before is None:
            message = "is a new module of settings"
            yield SETTINGS.make_finding(
                file.path, message, "See that what it opens is not for production."
            )
            continue
        yield from _edits(file, elsewhere, change_context)


def _is_settings(file: PythonFile, change_context: ChangeContext) -> bool:
    if "settings module that" in (rule_files.reason(file.path, change_context.project) or ""):
        return True
    *folders, name = file.path.lower().split("/")
    if not (_SETTINGS_FILE.fullmatch(name) or "settings" in folders):
        return False
    # A module of views on settings has the same name.
    sides = [view for view in (file.before, file.after) if view]
    return any(_USUAL & _values(view).keys() or view.scope.stars for view in sides)


def _edits(
    file: PythonFile, elsewhere: set[str], change_context: ChangeContext
) -> Iterator[Finding]:
    before, after = _values(file.before), _values(file.after)
    name_of_file = "/".join(file.path.lower().removesuffix(".py").split("/")[-2:])
    is_open_by_nature = files.is_test(file.path) or _OPEN_BY_NATURE.search(name_of_file)
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name), after.get(name)
        if (old and ast.dump(old)) == (new and ast.dump(new)):
            continue
        line = new.lineno if new else None
        lost = set() if new is None and name in elsewhere else _find_lost(name, old, new)
        if lost and not is_open_by_nature and not _is_asked(name, change_context.ticket):
            what = "" if lost == {name} else f" by {', '.join(sorted(lost))}"
            yield LOOSENED.make_finding(
                file.path,
                f"loosens {name}{what}, and the ticket does not speak of {name}",
                "Leave it as it was, or name the setting in the ticket.",
                line,
            )
        else:
            what = "edits" if old and new else "takes away" if old else "sets"
            yield SETTINGS.make_finding(
                file.path, f"{what} {name}", "See that it holds in production as well.", line
            )


def _is_asked(name: str, ticket: Ticket | None) -> bool:
    return ticket is not None and re.search(
        rf"\b{re.escape(name)}\b", f"{ticket.title}\n{ticket.body}"
    ) is not None  # fmt: skip


def _values(view: View | None) -> Values:
    """Return what a module assigns to names in capitals; of several the last."""
    found: Values = {}
    visits: list[Visit[ast.Assign] | Visit[ast.AnnAssign]] = []
    if view is not None:
        visits = [*view.all(ast.Assign), *view.all(ast.AnnAssign)]
    for visit in visits:
        node = visit.node
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            is_setting = isinstance(target, ast.Name) and target.id.isupper()
            if is_setting and node.value and visit.function is None:
                found[source.get_last_name(target)] = node.value
    return found


# --- what is lost -----------------------------------------------------------------------------


def _find_lost(name: str, old: ast.expr | None, new: ast.expr | None) -> set[str]:
    """Return the protections that a setting no longer gives."""
    if name.startswith(("MIDDLEWARE", "AUTH_")) and not isinstance(
        new, ast.List | ast.Tuple | None
    ):
        return set()  # what is put together elsewhere cannot be read here
    return _protections(name, old) - _protections(name, new)


def _protections(name: str, value: ast.expr | None) -> set[str]:
    """Return what a setting protects by, itself where that is one thing alone."""
    texts, constant = _texts(value), value.value if isinstance(value, ast.Constant) else None
    match name:
        case "DEBUG" | "CORS_ALLOW_ALL_ORIGINS" | "CORS_ORIGIN_ALLOW_ALL":
            is_safe = constant is not True
        case (
            "SECURE_SSL_REDIRECT" | "SESSION_COOKIE_SECURE" | "CSRF_COOKIE_SECURE"
            | "SECURE_HSTS_INCLUDE_SUBDOMAINS"
        ):  # fmt: skip
            is_safe = value is not None and constant is not False
        case "SESSION_COOKIE_HTTPONLY" | "SECURE_CONTENT_TYPE_NOSNIFF":
            is_safe = constant is not False
        case "ALLOWED_HOSTS" | "CSRF_TRUSTED_ORIGINS" | "CORS_ALLOWED_ORIGINS":
            is_safe = not _EVERYBODY & texts
        case "X_FRAME_OPTIONS":
            is_safe = not texts or bool({text.upper() for text in texts} & {"DENY", "SAMEORIGIN"})
        case "PASSWORD_HASHERS":
            first = (
                value.elts[0] if isinstance(value, ast.List | ast.Tuple) and value.elts else None
            )
            is_safe = not any(map(_WEAK_HASHERS.search, _texts(first)))
        case "REST_FRAMEWORK":
            is_safe = not any(text.endswith("AllowAny") for text in texts)
        case "MIDDLEWARE" | "MIDDLEWARE_CLASSES" | "AUTH_PASSWORD_VALIDATORS":
            names = {text.rpartition(".")[2] for text in texts}
            return {one for one in names if one in _PROTECTS or one.endswith("Validator")}
        case _:
            return set()
    return {name} if is_safe else set()


def _texts(node: ast.expr | None) -> set[str]:
    return {
        inner.value
        for inner in (ast.walk(node) if node is not None else ())
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    }
