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
import posixpath
import re
from collections.abc import Callable, Iterator

from agent.models.change import Finding, Severity
from agent.models.ticket import Ticket
from agent.policy.django import files
from agent.policy.proposal import Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View
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
_OPENS = frozenset({"DEBUG", "CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL"})
#: What is off unless it is set.
_GUARDS = frozenset(
    {"SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"}
    | {"SECURE_HSTS_INCLUDE_SUBDOMAINS"}
)
#: What is on unless it is set.
_GUARDS_BY_DEFAULT = frozenset({"SESSION_COOKIE_HTTPONLY", "SECURE_CONTENT_TYPE_NOSNIFF"})
_WEAK_HASHERS = re.compile(r"MD5|SHA1|Unsalted|Crypt(?!o)")
Values = dict[str, ast.expr]


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every setting that the change edits."""
    if proposal.project.django is None:
        return
    settings = [file for file in proposal.python if _is_settings(file, proposal)]
    elsewhere = (
        {name for file in proposal.python for name in _values(file.after)} if settings else set()
    )
    for file in settings:
        if file.after is None:
            continue
        if file.before is None:
            message = "is a new module of settings"
            yield SETTINGS.at(file.path, message, "See that what it opens is not for production.")
            continue
        yield from _edits(file, elsewhere, proposal)


def _is_settings(file: PythonFile, proposal: Proposal) -> bool:
    if "settings module that" in (rule_files.reason(file.path, proposal.project) or ""):
        return True
    *folders, name = file.path.lower().split("/")
    if not (_SETTINGS_FILE.fullmatch(name) or "settings" in folders):
        return False
    # A module of views on settings has the same name.
    sides = [view for view in (file.before, file.after) if view]
    return any(_USUAL & _values(view).keys() or view.scope.stars for view in sides)


def _edits(file: PythonFile, elsewhere: set[str], proposal: Proposal) -> Iterator[Finding]:
    before, after = _values(file.before), _values(file.after)
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name), after.get(name)
        if (old and ast.dump(old)) == (new and ast.dump(new)):
            continue
        line = new.lineno if new else None
        lost = "" if new is None and name in elsewhere else _loss(name, old, new)
        open_by_nature = files.is_test(file.path) or _OPEN_BY_NATURE.search(_told(file.path))
        if lost and not open_by_nature and not _is_asked(name, proposal.ticket):
            yield LOOSENED.at(
                file.path,
                f"{lost}, and the ticket does not speak of {name}",
                "Leave it as it was, or name the setting in the ticket.",
                line,
            )
        else:
            what = "edits" if old and new else "takes away" if old else "sets"
            yield SETTINGS.at(
                file.path, f"{what} {name}", "See that it holds in production as well.", line
            )


def _told(path: str) -> str:
    folder, name = posixpath.split(path.lower())
    return f"{posixpath.basename(folder)}/{name.removesuffix('.py')}"


def _is_asked(name: str, ticket: Ticket | None) -> bool:
    return ticket is not None and re.search(
        rf"\b{re.escape(name)}\b", f"{ticket.title}\n{ticket.body}"
    ) is not None  # fmt: skip


def _values(view: View | None) -> Values:
    """Return what a module assigns to names in capitals; of several the last."""
    found: Values = {}
    for visit in view.all(ast.Assign) if view else ():
        for target in visit.node.targets:
            if isinstance(target, ast.Name) and target.id.isupper() and visit.function is None:
                found[target.id] = visit.node.value
    for typed in view.all(ast.AnnAssign) if view else ():
        target = typed.node.target
        if isinstance(target, ast.Name) and target.id.isupper() and typed.node.value:
            found[target.id] = typed.node.value
    return found


# --- what is lost -----------------------------------------------------------------------------


def _loss(name: str, old: ast.expr | None, new: ast.expr | None) -> str:
    """Say which protection is lost; "" for none."""
    for names, lost in _LOSSES:
        if name in names and (said := lost(name, old, new)):
            return said
    return ""


def _opened(name: str, old: ast.expr | None, new: ast.expr | None) -> str:
    return f"turns {name} on" if _is_on(new) and not _is_on(old) else ""


def _switched_off(name: str, old: ast.expr | None, new: ast.expr | None) -> str:
    if name in _GUARDS_BY_DEFAULT:
        lost = _is_off(new) and not _is_off(old)
    else:
        lost = (new is None or _is_off(new)) and old is not None and not _is_off(old)
    return f"turns {name} off" if lost else ""


def _to_everybody(name: str, old: ast.expr | None, new: ast.expr | None) -> str:
    everybody = {"*", "https://*", "http://*", ".*"}
    opened = everybody & _texts(new) and not everybody & _texts(old)
    return f"opens {name} to everybody" if opened else ""


def _middleware(name: str, old: ast.expr | None, new: ast.expr | None) -> str:
    had, has = (
        {text.rpartition(".")[2] for text in _texts(side)} & _PROTECTS for side in (old, new)
    )
    if not isinstance(new, (ast.List, ast.Tuple)):
        # What is put together elsewhere cannot be read here.
        return ""
    return f"takes {', '.join(sorted(had - has))} out of {name}" if had - has else ""


def _validators(name: str, old: ast.expr | None, new: ast.expr | None) -> str:
    had, has = (
        len([text for text in _texts(side) if text.endswith("Validator")]) for side in (old, new)
    )
    readable = new is None or isinstance(new, (ast.List, ast.Tuple))
    return f"takes validators of passwords out of {name}" if readable and has < had else ""


def _hashers(name: str, old: ast.expr | None, new: ast.expr | None) -> str:
    first = [side.elts[0] if isinstance(side, (ast.List, ast.Tuple)) and side.elts else None
             for side in (old, new)]  # fmt: skip
    weak = [any(map(_WEAK_HASHERS.search, _texts(one))) for one in first]
    return "has new passwords kept by a weak hasher" if weak[1] and not weak[0] else ""


def _permissions(name: str, old: ast.expr | None, new: ast.expr | None) -> str:
    had, has = (
        any(text.rpartition(".")[2] == "AllowAny" for text in _texts(side)) for side in (old, new)
    )
    return f"lets everybody in by {name}" if has and not had else ""


def _frames(name: str, old: ast.expr | None, new: ast.expr | None) -> str:
    allowed = _texts(new) and not {text.upper() for text in _texts(new)} & {"DENY", "SAMEORIGIN"}
    return f"lets other sites frame pages by {name}" if allowed else ""


def _is_on(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_off(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _texts(node: ast.expr | None) -> set[str]:
    return {
        inner.value
        for inner in (ast.walk(node) if node is not None else ())
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    }


Loss = Callable[[str, ast.expr | None, ast.expr | None], str]
_LOSSES: tuple[tuple[frozenset[str], Loss], ...] = (
    (_OPENS, _opened),
    (_GUARDS | _GUARDS_BY_DEFAULT, _switched_off),
    (frozenset({"ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "CORS_ALLOWED_ORIGINS"}), _to_everybody),
    (frozenset({"MIDDLEWARE", "MIDDLEWARE_CLASSES"}), _middleware),
    (frozenset({"AUTH_PASSWORD_VALIDATORS"}), _validators),
    (frozenset({"PASSWORD_HASHERS"}), _hashers),
    (frozenset({"REST_FRAMEWORK"}), _permissions),
    (frozenset({"X_FRAME_OPTIONS"}), _frames),
)
